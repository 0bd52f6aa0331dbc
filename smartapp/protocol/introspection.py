"""What an EHR says of a token that it once gave (RFC 7662; SMART App Launch 2.2, token
introspection; C130 to C132). Never the only guard: it says what the EHR would allow now.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from smartapp.protocol.errors import IntrospectionError, LaunchContextError
from smartapp.protocol.json import JSONInvalid, parse_json_object
from smartapp.protocol.launch_context import parse_launch_context
from smartapp.protocol.token import error_code

MAX_TEXT_CHARACTERS = 16_384
# Such as every registered error code is; a token that comes back as one would not be.
_ERROR_CODE = re.compile(r"[a-z_]{1,40}")
MAX_SECONDS = 253_402_300_799  # the last second that a datetime can hold


@dataclass(frozen=True, slots=True)
class Introspection:
    """An answer that can be read. Of a token that is not `active` nothing else is (C130).

    `unreadable` names the members that were there and are not what the standard says.
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
    """Return the fields of a request (RFC 7662 §2.1); athenahealth requires both (C131)."""
    return {"token": token, "token_type_hint": token_type_hint}


def parse_introspection(status: int, body: bytes) -> Introspection:
    """Return what the EHR says of the token; IntrospectionError when it says nothing usable.

    Nothing of an error response but its status and code is kept: its words may quote the token.
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
    texts = {name: _text(members, name) for name in ("scope", "client_id", "iss", "sub")}
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


def _fhir_id(members: Mapping[str, Any], name: str) -> str | None:
    """The same reading as that of the launch context that it is compared with."""
    try:
        context = parse_launch_context({name: members.get(name)})
    except LaunchContextError:
        return None
    return context.patient if name == "patient" else context.encounter


def _time(value: object) -> datetime | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return datetime.fromtimestamp(value, UTC) if 0 < value <= MAX_SECONDS else None
