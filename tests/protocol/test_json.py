"""Untrusted JSON: accepted only if it is unambiguous (C87, T25)."""

import json

import pytest

from smartapp.protocol.json import (
    MAX_DEPTH,
    MAX_VALUES,
    JSONInvalid,
    parse_json,
    parse_json_object,
)


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'{"a": [1, 2.5, true, null, "x"]}', {"a": [1, 2.5, True, None, "x"]}),
        (b"[]", []),
        (b'"words"', "words"),
        (b"-9223372036854775808", -(2**63)),
        (b'{"a": {"a": 1}, "b": {"a": 2}}', {"a": {"a": 1}, "b": {"a": 2}}),
        ('{"name": "Zoë 李"}'.encode(), {"name": "Zoë 李"}),
        (b'{"smile": "\\ud83d\\ude00"}', {"smile": "😀"}),
        (b'{"path": "c:\\\\u0000"}', {"path": "c:\\u0000"}),
        (b"\xef\xbb\xbf{}", {}),
    ],
)
def test_what_has_one_reading_is_read(body: bytes, value: object) -> None:
    """A byte order mark is ignored (RFC 8259 §8.1); a name may be repeated at another depth."""
    assert parse_json(body) == value


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'{"access_token": "a", "access_token": "b"}', "twice"),
        (b'{"deep": [{"a": 1, "a": 1}]}', "twice"),
        (b'{"a": 1, "\\u0061": 2}', "twice"),
        (b"NaN", "NaN or Infinity"),
        (b"[-Infinity]", "NaN or Infinity"),
        (b"1e999", "too large"),
        (b"-1e999", "too large"),
        (b"9" * 21, "too long"),
        (b"\xff", "not UTF-8"),
        ('{"a": "ü"}'.encode("latin-1"), "not UTF-8"),
        ('{"a": 1}'.encode("utf-16"), "not UTF-8"),
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b'{"a": 1} {"a": 2}', "not JSON"),
        (b"{'a': 1}", "not JSON"),
        (b'{"a": "line\nbreak"}', "not JSON"),
        (b"<html></html>", "not JSON"),
        (b'"\\ud800"', "lone surrogate"),
        (b'"\\uDFFF"', "lone surrogate"),
        (b'{"\\udc00": 1}', "lone surrogate"),
        (b'["\\u0000"]', "NUL"),
    ],
)
def test_what_two_readers_could_read_differently_is_refused(body: bytes, reason: str) -> None:
    """C87, T25; and strings that no database can store."""
    with pytest.raises(JSONInvalid, match=reason):
        parse_json(body)


def test_more_values_than_memory_should_hold_are_refused() -> None:
    assert parse_json(b"[" + b"0," * 1_000 + b"0]") == [0] * 1_001
    with pytest.raises(JSONInvalid, match="more values"):
        parse_json(b"[" + b"0," * MAX_VALUES + b"0]")


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_nesting_ends_at_64(opening: str) -> None:
    """T25: deeply nested JSON is refused long before the stack overflows."""
    closing = {"[": "]"}.get(opening, "}")

    def nested(depth: int) -> bytes:
        return (opening * depth + "1" + closing * depth).encode()

    parse_json(nested(MAX_DEPTH))
    for depth in (MAX_DEPTH + 1, 900, 200_000):
        with pytest.raises(JSONInvalid, match="nested too deeply"):
            parse_json(nested(depth))


def test_wide_is_not_deep() -> None:
    rows = [{"id": number, "tags": ["x"]} for number in range(500)]
    assert parse_json(json.dumps(rows).encode()) == rows
    assert parse_json(json.dumps("[" * 500).encode()) == "[" * 500


def test_an_object_is_asked_for_where_one_is_needed() -> None:
    assert parse_json_object(b'{"a": 1}') == {"a": 1}
    with pytest.raises(JSONInvalid, match="not a JSON object"):
        parse_json_object(b"[]")


def test_the_reason_never_quotes_the_body() -> None:
    """C70: a token in a broken body must not reach a log."""
    with pytest.raises(JSONInvalid) as caught:
        parse_json(b'{"access_token": "canary-token" oops')
    assert "canary" not in str(caught.value)
