"""Token introspection: what an EHR says about a token that it issued (RFC 7662; SMART App Launch
2.2, token introspection; C130 to C132). It is never the only check, because it only says what the
EHR would allow now."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from smartapp.protocol.errors import (
    IntrospectionError,
    LaunchContextError,
    TokenResponseInvalid,
)
from smartapp.protocol.json import JSONInvalid, parse_json_object
from smartapp.protocol.launch_context import parse_launch_context
from smartapp.protocol.token import error_code, granted_scope

MAX_TEXT_CHARACTERS = 16_384
# All registered error codes look like this. A token that is echoed as an error code does not.
_ERROR_CODE = re.compile(r"[a-z_]{1,40}")
_SECONDS = re.compile(r"[0-9]{1,12}")  # some servers write them as text
MAX_SECONDS = 253_402_300_799  # the last second that a datetime can represent


@dataclass(frozen=True, slots=True)
class Introspection:
    """A parsed response. Of a token that is not `active`, no other member is kept (C130).

    `unreadable` lists the members that are present but not as the standard defines them.
    """

    active: bool
    scope: str | None = None
    expires_at: datetime | None = None
    client_id: str | None = None
    iss: str | None = None
    sub: str | None = field(default=None, repr=False)
    patient: str | None = field(default=None, repr=False)
    encounter: str | None = field(default=None, repr=False)
    unreadable: tuple[str, ...] = ()


def introspection_request(*, token: str, token_type_hint: str) -> dict[str, str]:
    """Return the form fields of a request (RFC 7662 §2.1); athenahealth requires both (C131)."""
    return {"token": token, "token_type_hint": token_type_hint}


def parse_introspection(status: int, body: bytes) -> Introspection:
    """Return what the EHR says about the token. Raises IntrospectionError if the response is
    unusable.

    Of an error response only status and code are kept: its text may quote the token.
    """
    if status != 200:
        code = error_code(body)
        known = f", {code}" if _ERROR_CODE.fullmatch(code) else ""
        raise IntrospectionError(f"status {status}{known}")
    try:
        members = parse_json_object(body)
    except JSONInvalid as exc:
        raise IntrospectionError(f"the body is {exc}") from None
    active = members.get("active")
    if not isinstance(active, bool):
        raise IntrospectionError("active is not true or false")
    return _active(members) if active else Introspection(active=False)


def _active(members: Mapping[str, Any]) -> Introspection:
    texts = {name: _text(members, name) for name in ("client_id", "iss", "sub")}
    texts["scope"] = _scope(members.get("scope"))
    ids = {name: _fhir_id(members, name) for name in ("patient", "encounter")}
    expires_at = _time(members.get("exp"))
    read = {**texts, **ids, "exp": expires_at}
    return Introspection(
        active=True,
        **texts,
        **ids,
        expires_at=expires_at,
        unreadable=tuple(
            name for name, value in read.items() if value is None and members.get(name)
        ),
    )


def _text(members: Mapping[str, Any], name: str) -> str | None:
    value = members.get(name)
    usable = isinstance(value, str) and len(value) <= MAX_TEXT_CHARACTERS and value.isprintable()
    return value or None if usable else None


def _scope(value: object) -> str | None:
    """Read a scope in the same way as in the token response."""
    try:
        return granted_scope(value) or None
    except TokenResponseInvalid:
        return None


def _fhir_id(members: Mapping[str, Any], name: str) -> str | None:
    """Read an id in the same way as in the launch context that it is compared with. SMART App
    Launch 2.0 had a reference here in its example."""
    value = members.get(name)
    value = value.removeprefix(f"{name.title()}/") if isinstance(value, str) else value
    try:
        context = parse_launch_context({name: value})
    except LaunchContextError:
        return None
    return context.patient if name == "patient" else context.encounter


def _time(value: object) -> datetime | None:
    if isinstance(value, str) and _SECONDS.fullmatch(value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return datetime.fromtimestamp(value, UTC) if 0 < value <= MAX_SECONDS else None
