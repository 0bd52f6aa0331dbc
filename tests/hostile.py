"""Hostile input for the fuzz tests of all layers."""

import json
from html.parser import HTMLParser
from typing import Any

from hypothesis import strategies as st

MARK = "xq7"
"""Stands in every piece of markup below, and nowhere in the app."""
PAYLOADS = (
    f"<{MARK}>",
    f"</title></script></style></textarea><{MARK} on{MARK}=1>",
    f'"><img src={MARK} on{MARK}=1>',
    f"' on{MARK}='1",
    f"` on{MARK}=`1",
    f"javascript:{MARK}()",
    f"JaVa\tScRiPt:{MARK}()",
    f"data:text/html,<{MARK}>",
    f"//{MARK}.example/",
    f"https://{MARK}.example/?a=1&b=2#c",
    f"{{{{ {MARK} }}}}{{% {MARK} %}}",
    f"&lt;{MARK}&gt;&#60;{MARK}&#62;",
    f"\r\nSet-Cookie: {MARK}=1\r\n\r\n<{MARK}>",
    f"\u202e<{MARK}>\u2066\ufeff",
    f"%3C{MARK}%3E",
    f"<{MARK}>" * 200,
    "Patient/../../admin/",
    "A" * 5000,
)

ELEMENT, ATTRIBUTE = PAYLOADS[1], PAYLOADS[2]

words = st.sampled_from(PAYLOADS) | st.text(max_size=30)
# JSON with one of these is refused as a whole, so that nothing else in it would be tested.
unstorable = st.sampled_from(["\ud800", "\x00"])
scalars = st.none() | st.booleans() | st.integers() | st.floats() | words | unstorable
json_values = st.recursive(
    scalars,
    lambda children: (
        st.lists(children, max_size=4)
        | st.dictionaries(words | st.sampled_from(["id", "url"]), children, max_size=4)
    ),
    max_leaves=12,
)


def everywhere(good: Any, word: str) -> Any:
    """Return `good` with each of its strings, at any depth, replaced by that word."""
    if isinstance(good, dict):
        return {name: everywhere(value, word) for name, value in good.items()}
    if isinstance(good, list):
        return [everywhere(value, word) for value in good]
    return word if isinstance(good, str) else good


@st.composite
def with_words(draw: st.DrawFn, good: Any) -> Any:
    """Return `good` with some of its strings, at any depth, replaced by hostile ones."""
    if isinstance(good, dict):
        return {name: draw(with_words(value)) for name, value in good.items()}
    if isinstance(good, list):
        return [draw(with_words(value)) for value in good]
    return draw(words) if isinstance(good, str) and draw(st.booleans()) else good


@st.composite
def mutated(draw: st.DrawFn, good: Any) -> Any:
    """Return `good` with one part, at any depth, replaced, removed or added."""
    if isinstance(good, dict) and good and draw(st.integers(0, 3)):
        name = draw(st.sampled_from(sorted(good)))
        if draw(st.booleans()):
            return {key: value for key, value in good.items() if key != name}
        return {**good, name: draw(mutated(good[name]))}
    if isinstance(good, list) and good and draw(st.booleans()):
        index = draw(st.integers(0, len(good) - 1))
        return [*good[:index], draw(mutated(good[index])), *good[index + 1 :]]
    return draw(json_values)


@st.composite
def broken(draw: st.DrawFn, good: bytes) -> bytes:
    """Return `good` with some of its bytes removed, repeated or replaced by noise."""
    start, end = sorted(draw(st.tuples(*[st.integers(0, len(good))] * 2)))
    return good[:start] + draw(st.binary(max_size=8) | st.just(good[start:end] * 2)) + good[end:]


def as_body(value: object) -> bytes:
    return json.dumps(value).encode()


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names += [tag, *(name for name, _ in attrs)]
        self.addresses += [
            value or "" for name, value in attrs if name in {"href", "src", "action", "formaction"}
        ]


def assert_no_markup(html: str) -> None:
    """Parse a page like a browser: no element, attribute or URL may come from the hostile text."""
    reader = _Reader()
    reader.feed(html)
    assert [name for name in reader.names if MARK in name] == []
    strange = [address for address in reader.addresses if MARK in address]
    # The EHR's text may only appear escaped in a query of our own URLs.
    assert [address for address in strange if not address.startswith("/")] == []
    assert [address for address in strange if address.startswith(("//", "/\\"))] == []
