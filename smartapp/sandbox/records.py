"""The request log: who asked what, and which rule accepted or refused it. Never a secret."""

from datetime import UTC, datetime
from typing import Any

from authlib.oauth2 import OAuth2Error

from smartapp.sandbox import client_assertion
from smartapp.sandbox.models import RequestRecord
from smartapp.sandbox.oauth_request import SandboxRequest
from smartapp.sandbox.refusals import Refusal

KEPT_RECORDS = 500
FORGET_EVERY = 50
HIDDEN = "•••"
MAX_SHOWN_CHARACTERS = 300
SHOWN = frozenset(
    {
        "aud", "client_assertion_type", "client_id", "code_challenge_method", "grant_type",
        "prompt", "redirect_uri", "response_mode", "response_type", "scope", "token_type_hint",
    }
)  # fmt: skip
RULES = {
    # Authlib refuses these itself; the requirement behind each.
    "unauthorized_client": "S21",
    "unsupported_response_type": "S11",
    "login_required": "S15",
    "invalid_grant": "S28",
    "invalid_request": "E7",
}


def record(endpoint: str, request: SandboxRequest, error: OAuth2Error | None) -> None:
    """Keep one request with its verdict, and let go of the oldest ones."""
    row = RequestRecord.objects.create(
        endpoint=endpoint,
        client_id=_clean(_client_id(request))[:200],
        accepted=error is None,
        rule=_rule(error),
        error=(error.error or "") if error else "",
        reason=(error.get_error_description() or "")[:500] if error else "",
        parameters=redacted(request.payload.data),
    )
    if row.pk % FORGET_EVERY == 0:
        RequestRecord.objects.filter(pk__lte=row.pk - KEPT_RECORDS).delete()


def _rule(error: OAuth2Error | None) -> str:
    if error is None:
        return ""
    return error.rule if isinstance(error, Refusal) else RULES.get(error.error or "", "")


def _client_id(request: SandboxRequest) -> str:
    if request.client:
        return request.client.client_id
    assertion = _assertion(request.form.get("client_assertion", ""))
    return request.form.get("client_id") or str(assertion.get("sub", ""))


def redacted(values: dict[str, str]) -> dict[str, str]:
    """Return parameters fit to be shown: of an assertion what it says, not the assertion."""
    shown = {
        _clean(name): _clean(value) if name in SHOWN else HIDDEN for name, value in values.items()
    }
    for name, value in _assertion(values.get("client_assertion", "")).items():
        shown[f"client_assertion {name}"] = _clean(str(value))
    return shown


def _clean(text: str) -> str:
    """Return what every database takes and a page can show."""
    shown = "".join(c if c.isprintable() else "?" for c in text[:MAX_SHOWN_CHARACTERS])
    return shown if len(text) <= MAX_SHOWN_CHARACTERS else f"{shown}…"


def _assertion(text: str) -> dict[str, Any]:
    try:
        assertion = client_assertion.parse(text)
    except Refusal:
        return {}
    header, claims = assertion.header, assertion.claims
    said = {name: header.get(name) for name in ("alg", "kid")}
    said |= {name: claims.get(name) for name in ("iss", "sub", "aud")}
    said |= {name: _moment(claims.get(name)) for name in ("iat", "exp")}
    return {name: value for name, value in said.items() if value is not None}


def _moment(value: object) -> object:
    if isinstance(value, int | float) and 0 <= value < client_assertion.MAX_NUMERIC_DATE:
        return datetime.fromtimestamp(value, UTC).isoformat(timespec="seconds")
    return value
