"""Which parts of an introspection response are used (RFC 7662; C130 to C132)."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from smartapp.protocol.errors import IntrospectionError
from smartapp.protocol.introspection import introspection_request, parse_introspection

GOOD = {
    "active": True,
    "scope": "openid patient/Patient.rs",
    "client_id": "us",
    "exp": 1_800_000_000,
    "iss": "https://ehr.example",
    "sub": "s-1",
    "patient": "p-1",
    "encounter": "e-1",
}


def parse(**changes: Any) -> Any:
    return parse_introspection(200, json.dumps(GOOD | changes).encode())


def test_both_fields_are_sent() -> None:
    """C131: athenahealth requires both."""
    assert introspection_request(token="t", token_type_hint="access_token") == {
        "token": "t",
        "token_type_hint": "access_token",
    }


def test_active_token_is_read() -> None:
    """C132."""
    said = parse()
    assert (said.active, said.scope, said.client_id) == (True, GOOD["scope"], "us")
    assert said.expires_at == datetime.fromtimestamp(1_800_000_000, UTC)
    assert (said.iss, said.sub, said.patient, said.encounter) == (
        "https://ehr.example", "s-1", "p-1", "e-1",
    )  # fmt: skip
    assert said.unreadable == ()


def test_nothing_else_of_an_inactive_token_is_believed() -> None:
    said = parse(active=False)
    assert said == type(said)(active=False)


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("scope", {"openid": True}),
        ("scope", 5),
        ("exp", "soon"),
        ("exp", True),
        ("exp", -1),
        ("exp", 10**15),
        ("patient", "Patient/p 1"),
        ("encounter", {"reference": "Encounter/e-1"}),
        ("sub", "a\nb"),
    ],
)
def test_member_that_is_not_what_the_standard_says_is_not_used(member: str, value: Any) -> None:
    said = parse(**{member: value})
    assert getattr(said, "expires_at" if member == "exp" else member) is None
    assert said.unreadable == (member,)


@pytest.mark.parametrize(
    ("written", "like"),
    [
        ({"exp": "1900000000"}, {"exp": 1900000000}),
        ({"scope": ["openid", "launch"]}, {"scope": "openid launch"}),
        ({"scope": "openid, launch"}, {"scope": "openid launch"}),
        ({"patient": "Patient/p-1"}, {"patient": "p-1"}),
        ({"encounter": "Encounter/e-1"}, {"encounter": "e-1"}),
    ],
    ids=str,
)
def test_other_ways_of_writing_mean_the_same(written: dict[str, Any], like: dict[str, Any]) -> None:
    """SMART App Launch 2.0 had "Patient/456" in its example."""
    said = parse(**written)
    assert said == parse(**like)
    assert said.unreadable == ()


@pytest.mark.parametrize("active", [None, "true", 1, "false"])
def test_activity_that_is_not_clear_is_no_answer(active: object) -> None:
    """C130."""
    with pytest.raises(IntrospectionError, match="active"):
        parse(active=active)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"active":true,"active":false}'])
def test_what_is_no_json_object_is_no_answer(body: bytes) -> None:
    with pytest.raises(IntrospectionError):
        parse_introspection(200, body)


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (
            b'{"error":"invalid_client","error_description":"eyJTOKEN"}',
            "status 401, invalid_client",
        ),
        (b'{"error":"Secret-Token-1"}', "status 401"),
        (b"no such token CANARY", "status 401"),
    ],
)
def test_error_response_is_told_without_the_ehrs_words(body: bytes, detail: str) -> None:
    """T26: the EHR's text may quote the token in the URL."""
    with pytest.raises(IntrospectionError) as caught:
        parse_introspection(401, body)
    assert caught.value.detail == detail
