"""A Bundle whose equal members are parsed once: the same as the strict parser reads, or nothing."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartapp.protocol import bundle_json
from smartapp.protocol.bundle_json import LEVELS_ABOVE, parse_bundle_json
from smartapp.protocol.json import MAX_DEPTH, MAX_VALUES, JSONInvalid, parse_json_object
from tests.hostile import as_body, mutated

OBSERVATION = {
    "resourceType": "Observation",
    "status": "final",
    "code": {"coding": [{"system": "http://loinc.org", "code": "2823-3"}]},
    "note": [{"text": ': it says "so:"'}],
}
BUNDLE = {
    "resourceType": "Bundle",
    "link": [{"relation": "self", "url": "https://ehr.example/fhir/Observation?a=b:c"}],
    "total": 2,
    "entry": [
        {
            "fullUrl": f"https://ehr.example/fhir/Observation/{number}",
            "resource": {**OBSERVATION, "id": number},
            "search": {"mode": "match"},
        }
        for number in "12"
    ],
}


def strictly(body: bytes) -> str:
    """Return what the strict parser reads, or why it refuses the body."""
    return read(body, lambda given: parse_json_object(given, exact=True))


def read(body: bytes, parse: Any = parse_bundle_json) -> str:
    try:
        return json.dumps(parse(body), sort_keys=True, default=repr)
    except JSONInvalid as refused:
        return str(refused)


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail where the strict parser has to help."""
    monkeypatch.setattr(bundle_json, "parse_json_object", lambda *_, **__: pytest.fail("helped"))


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": "), (" ,", " : ")])
@pytest.mark.usefixtures("alone")
def test_however_it_is_laid_out(separators: tuple[str, str], indent: int | None) -> None:
    body = json.dumps(BUNDLE, separators=separators, indent=indent).encode()
    assert parse_bundle_json(body) == BUNDLE


@pytest.mark.usefixtures("alone")
def test_what_is_written_alike_is_one_object() -> None:
    one, other = (entry["resource"] for entry in parse_bundle_json(as_body(BUNDLE))["entry"])
    assert one["code"] is other["code"]
    assert (one["id"], other["id"]) == ("1", "2")


@pytest.mark.usefixtures("alone")
def test_digits_stay_as_sent() -> None:
    numbers = '{"a": 1.0250, "b": {"value": 7.40}, "c": 1e2, "d": 3, "e": [-0.0]}'
    body = f'{{"entry": [{{"resource": {numbers}}}]}}'.encode()
    found = parse_bundle_json(body)["entry"][0]["resource"]
    shown = [str(one) for one in (found["a"], found["b"]["value"], found["c"], found["e"][0])]
    assert shown == ["1.0250", "7.40", "1E+2", "-0.0"]
    assert found["d"] == 3


@pytest.mark.parametrize(
    "body",
    [
        '{"type": "a", "type": "a", "entry": [{"resource": {}}]}',
        '{"entry": [{"resource": {}}], "entry": [{"resource": {}}]}',
        '{"entry": [{"resource": {}, "resource": {}}]}',
        '{"entry": [{"search": {}, "resource": {}, "search": {}}]}',
        '{"entry": [{"resource": {"id": "1", "id": "2"}}]}',
        '{"entry": [{"resource": {"id": "1", "\\u0069d": "2"}}]}',
        '{"entry": [{"resource": {"id" : "1", "id": ":2"}}]}',
        '{"entry": [{"resource": {"id"\n:"1", "id":"2", ":": 1}}]}',
        '{"entry": [{"resource": {"code": {"text": "a", "text": "b"}}}]}',
    ],
)
def test_a_name_that_is_there_twice_is_refused(body: str) -> None:
    """C87, T25, wherever it is."""
    with pytest.raises(JSONInvalid, match="twice"):
        parse_bundle_json(body.encode())


@pytest.mark.parametrize(
    "member",
    ["NaN", "9" * 21, '"\\ud800"', '["\\u0000"]', '"line\nbreak"', "01", "[1,]", "{'a': 1}", '"ü'],
)
def test_what_two_readers_could_read_differently_is_refused(member: str) -> None:
    body = f'{{"entry": [{{"resource": {{"id": "1", "x": {member}}}}}]}}'.encode()
    assert read(body) == strictly(body)
    with pytest.raises(JSONInvalid):
        parse_bundle_json(body)


def test_nesting_ends_where_it_ends_in_any_other_document() -> None:
    def nested(depth: int) -> bytes:
        inner = "[" * (depth - LEVELS_ABOVE) + "]" * (depth - LEVELS_ABOVE)
        return f'{{"entry": [{{"resource": {{"x": {inner}}}}}]}}'.encode()

    assert parse_bundle_json(nested(MAX_DEPTH)) == parse_json_object(nested(MAX_DEPTH))
    for depth in (MAX_DEPTH + 1, 900, 200_000):
        with pytest.raises(JSONInvalid, match="nested too deeply"):
            parse_bundle_json(nested(depth))


def test_more_values_than_memory_should_hold_are_refused() -> None:
    many = '{"entry": [{"resource": {"x": [' + "0," * MAX_VALUES + "0]}}]}"
    with pytest.raises(JSONInvalid, match="more values"):
        parse_bundle_json(many.encode())


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"entry": []}', b'{"entry": [{}]}', b"\xff"])
def test_what_is_no_usual_bundle_is_read_strictly(body: bytes) -> None:
    assert read(body) == strictly(body)


# --- any text ---------------------------------------------------------------------------------

spaces = st.sampled_from(["", "", " ", "\n\t"])
names = st.sampled_from(["id", "id", "code", "resource", ":", "a:b", "\\u0069d", "é", "\\u0000"])
scalars = st.sampled_from(
    ["1", "1.0250", "-0", "1e5", "1e999", "01", "NaN", "true", "null", '"x"', '":x"', '"a\\":b"',
     '"\\\\"', '"\\ud83d\\ude00"', '"\\ud800"', "{", "]"]
)  # fmt: skip


def objects(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    members = st.builds('{}"{}"{}:{}{}'.format, spaces, names, spaces, spaces, values)
    return st.lists(members, max_size=4).map(lambda found: f"{{{','.join(found)}}}")


values = st.recursive(
    scalars, lambda inner: objects(inner) | st.lists(inner).map(lambda one: f"[{','.join(one)}]")
)
resources = objects(values)
entries = st.builds('{{{}"resource"{}:{}{}}}'.format, spaces, spaces, spaces, resources) | (
    st.builds('{{"fullUrl":{},"resource":{},"search":{}}}'.format, values, resources, values)
)
bundles = st.builds(
    '{{"total"{}:{},"entry":[{}]}}'.format, spaces, values, st.lists(entries).map(",".join)
)


@given(bundles | mutated(BUNDLE).map(as_body).map(bytes.decode))
def test_any_text_is_read_as_by_the_strict_parser(text: str) -> None:
    body = text.encode("utf-8", errors="surrogatepass")
    assert read(body) == strictly(body)
