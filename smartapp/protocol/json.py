"""Strict parsing of untrusted JSON (RFC 8259, restricted as in RFC 7493, I-JSON).

Python's own parser keeps the last of two equal names, reads NaN, and builds numbers of any length.
Two readers of one document must never see different values (C87, T25), so this parser refuses all
of that, and strings that PostgreSQL or UTF-8 cannot store.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from typing import Any, NoReturn, TypeAlias

JSON: TypeAlias = "dict[str, Any] | list[Any] | str | int | float | Decimal | bool | None"

MAX_DEPTH = 64
# Each value takes about a hundred bytes of memory, however short it is: 8 MB of `0.1,` would become
# 200 MB.
MAX_VALUES = 400_000
MAX_DIGITS = 20
# Some programs write a binary float with up to a thousand digits; no document needs more.
MAX_DECIMAL_CHARACTERS = 1_100

# The only way to put a lone surrogate or a NUL into valid JSON in UTF-8.
SUSPECT_ESCAPE = re.compile(rb"\\u(?:d[89a-f]|0000)", re.IGNORECASE)


GZIP = b"\x1f\x8b"  # how its files begin (RFC 1952 §2.3.1)


class JSONInvalid(ValueError):
    """The body is not unambiguous JSON. The message never quotes the body."""

    rule = "not-json"


class EncodingUnknown(JSONInvalid):
    """It may be JSON, in another encoding than UTF-8 (RFC 8259 §8.1)."""

    rule = "encoding"


class MemberRepeated(JSONInvalid):
    """One name, two values: readers differ in which they take (RFC 8259 §4)."""

    rule = "duplicate"


def parse_json(body: bytes, *, exact: bool = False) -> JSON:
    """Return the value in `body`, or raise JSONInvalid.

    With `exact`, decimals keep their digits as a Decimal: in FHIR, 7.40 is not 7.4.
    """
    if body.count(b",") >= MAX_VALUES:
        raise JSONInvalid("more values than any document needs")
    text = _decode(body)
    try:
        value: JSON = (_EXACT_DECODER if exact else _DECODER).decode(text)
    except RecursionError:
        raise JSONInvalid("nested too deeply") from None
    except json.JSONDecodeError as exc:
        raise JSONInvalid(f"not JSON (at character {exc.pos})") from None
    _check_depth(text, value, MAX_DEPTH)
    if SUSPECT_ESCAPE.search(body) and not all(_is_storable(string) for string in _strings(value)):
        raise JSONInvalid("a string with a lone surrogate or NUL")
    return value


def parse_part(written: bytes, levels_above: int) -> JSON:
    """Return a value that was cut out of a document without suspect escapes, in which it was inside
    of `levels_above` others. Decimals are exact. Raises JSONInvalid."""
    text = written.decode()
    value: JSON
    try:
        value, end = _EXACT_DECODER.raw_decode(text)
    except (RecursionError, json.JSONDecodeError):
        raise JSONInvalid("a part that is not JSON") from None
    if end != len(text):
        raise JSONInvalid("a part with something after it")
    _check_depth(text, value, MAX_DEPTH - levels_above)
    return value


def parse_json_object(body: bytes, *, exact: bool = False) -> dict[str, Any]:
    """Return the JSON object in `body`, or raise JSONInvalid."""
    value = parse_json(body, exact=exact)
    if not isinstance(value, dict):
        raise JSONInvalid("not a JSON object")
    return value


def _decode(body: bytes) -> str:
    # RFC 8259 §8.1 allows ignoring a byte order mark; some Windows servers send one.
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        is_packed = body.startswith(GZIP)
        words = "compressed with gzip, and no header says so" if is_packed else "not UTF-8"
        raise EncodingUnknown(words) from None


def in_utf8(body: bytes) -> bytes:
    """Return an error's text in UTF-8. Some servers write words in the encoding of Windows."""
    try:
        body.decode("utf-8-sig")
    except UnicodeDecodeError:
        encoding = "utf-16" if body[:2] in (b"\xff\xfe", b"\xfe\xff") else "cp1252"
        return body.decode(encoding, errors="replace").encode()
    return body


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise MemberRepeated("JSON in which a member is there twice")
    return members


def _integer(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise JSONInvalid("a number that is too long")
    return int(digits)


def _float(digits: str) -> float:
    value = float(digits)
    if value in (float("inf"), float("-inf")):
        raise JSONInvalid("a number that is too large")
    return value


def _exact(digits: str) -> Decimal:
    if len(digits) > MAX_DECIMAL_CHARACTERS:
        raise JSONInvalid("a number that is too long")
    return Decimal(digits)


def _no_constant(_name: str) -> NoReturn:
    raise JSONInvalid("NaN or Infinity")


def _decoder(parse_float: Callable[[str], float | Decimal]) -> json.JSONDecoder:
    return json.JSONDecoder(
        object_pairs_hook=_unique,
        parse_int=_integer,
        parse_float=parse_float,
        parse_constant=_no_constant,
    )


# Created once: json.loads creates a decoder on every call that passes a hook.
_DECODER, _EXACT_DECODER = _decoder(_float), _decoder(_exact)


_NODES = frozenset({dict, list})


def _children(node: Any) -> Iterable[Any]:
    return node.values() if type(node) is dict else node


def _check_depth(text: str, value: JSON, depth: int) -> None:
    # Few brackets cannot be nested deeply.
    if text.count("{") + text.count("[") <= depth:
        return
    level: list[Any] = [value] if type(value) in _NODES else []
    for _ in range(depth):
        # The decoder creates no subclasses, and comparing the exact type takes half the time.
        level = [
            child
            for node in level
            for child in (node.values() if type(node) is dict else node)
            if type(child) in _NODES
        ]
        if not level:
            return
    raise JSONInvalid("nested too deeply")


def _strings(value: JSON) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from value
    if isinstance(value, dict | list):
        for child in _children(value):
            yield from _strings(child)


def _is_storable(text: str) -> bool:
    return "\x00" not in text and not any("\ud800" <= char <= "\udfff" for char in text)
