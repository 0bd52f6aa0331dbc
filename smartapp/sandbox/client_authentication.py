"""Client authentication: exactly one method, sent in the right place (S22, S23)."""

import base64
from collections.abc import Mapping
from urllib.parse import unquote_plus

from smartapp.sandbox import client_assertion, faults, registering
from smartapp.sandbox.access import Bearer
from smartapp.sandbox.models import Client, Token, digest, registered_client
from smartapp.sandbox.oauth_request import SandboxRequest
from smartapp.sandbox.refusals import BearerWanted, Refusal, invalid_client, invalid_request
from smartapp.sandbox.token_faults import claimed_faults

BY_BEARER = "introspect-by-bearer"
UNKNOWN = "The client is unknown, or its secret is wrong."


def authenticate(request: SandboxRequest) -> Client:
    """Return the authenticated client, or the public client named in the request."""
    client = _by_the_way_used(request)
    claimed = request.form.get("client_id")
    if claimed is not None and claimed != client.client_id:
        raise invalid_request("S23", "client_id is not the client that authenticated.")
    return client


def authenticate_introspection(request: SandboxRequest) -> Client:
    """Return the client that introspects: one with credentials, or with a fault the holder of an
    access token."""
    header = request.headers.get("Authorization", "") if request.headers else ""
    holder = Bearer.of(header).access
    here = faults.parse(request.fault_here)
    if holder and BY_BEARER in holder.faults | here:
        return Client.objects.get(client_id=holder.client_id)
    client = authenticate(request)
    if client.auth_method == Client.AuthMethod.NONE:
        raise invalid_client(
            "S40", "A public client cannot introspect tokens; one with a key or a secret can."
        )
    if BY_BEARER in faults.parse(client.quirks, request.fault_here):
        raise BearerWanted()
    return client


def _by_the_way_used(request: SandboxRequest) -> Client:
    form = request.form
    basic = request.headers.get("Authorization") if request.headers else None
    assertion = form.get("client_assertion")
    ways = [way for way in (basic, assertion, form.get("client_secret")) if way is not None]
    if len(ways) > 1:
        raise invalid_request("E7", "The client authenticates in more than one way at once.")
    if assertion is not None:
        return client_assertion.authenticate(
            form.get("client_assertion_type"),
            assertion,
            invoked=request.uri,
            has_stale_keys=lambda client: "jwks-stale" in claimed_faults(request, client),
        )
    if basic is not None:
        return _by_basic(request, basic)
    if "client_secret" in form and not _may_post_secret(form):
        raise invalid_client(
            "S22", "A client secret belongs in a Basic authorization header, not in the body."
        )
    return _public(form.get("client_id") or _holder(form))


def _may_post_secret(form: Mapping[str, str]) -> bool:
    client = registered_client(form.get("client_id"))
    return client is not None and client.is_tried and client.profile == Client.Profile.LOOSE


def _holder(form: Mapping[str, str]) -> str | None:
    """Return the client_id of a public client that sends only its own token.

    The token identifies the client, so a refresh needs no client_id (RFC 6749 §6).
    """
    value = form.get("refresh_token") or form.get("token")
    found = Token.objects.filter(digest=digest(value)).select_related("client") if value else ()
    return next((token.client.client_id for token in found), None)


def _public(client_id: str | None) -> Client:
    client = registered_client(client_id)
    by_nothing = (Client.AuthMethod.NONE, Client.AuthMethod.ANY)
    if client is None or client.auth_method not in by_nothing:
        words = "The request carries no client credentials"
        if not client_id:
            raise invalid_client("E1", f"{words}; a public app sends its client_id in the body.")
        raise invalid_client("E1", f"{words}.", _why_not(client, client_id, "its client_id alone"))
    return client


def _by_basic(request: SandboxRequest, header: str) -> Client:
    sent = _sent(header)
    client = registered_client(sent[0]) or registered_client(_decoded(header)[0])
    is_raw = client is not None and "token-raw-secret" in claimed_faults(request, client)
    client_id, secret = sent if is_raw else _decoded(header)
    is_known = client is not None and client.client_id == client_id
    if client is None or not is_known or not client.check_client_secret(secret):
        raise invalid_client("E2", UNKNOWN, _why_not_by_basic(client, client_id))
    return client


def _why_not_by_basic(client: Client | None, client_id: str) -> str:
    if client and client.auth_method == Client.AuthMethod.CLIENT_SECRET_BASIC:
        return "This app came with a secret that is not its own; both parts are form-encoded."
    return _why_not(client, client_id, "a Basic header")


def _why_not(client: Client | None, client_id: str, sent: str) -> str:
    """Return the reason for the request log; the response does not tell it."""
    if client is None:
        return registering.why_unknown(client_id)
    return f"This app is registered for {client.auth_method}; what came was {sent}."


def claimed_by_basic(request: SandboxRequest) -> str:
    """Return the client_id in a Basic header, for the request log; "" if it is unreadable."""
    header = request.headers.get("Authorization", "") if request.headers else ""
    try:
        return _decoded(header)[0]
    except Refusal:
        return ""


def _decoded(header: str) -> tuple[str, str]:
    """Return id and secret of a Basic header; both are url-encoded (RFC 6749 §2.3.1)."""
    client_id, secret = _sent(header)
    try:
        return unquote_plus(client_id, errors="strict"), unquote_plus(secret, errors="strict")
    except ValueError as exc:
        raise _malformed_basic() from exc


def _sent(header: str) -> tuple[str, str]:
    """Return id and secret of a Basic header without decoding them."""
    scheme, _, credentials = header.partition(" ")
    if scheme.lower() != "basic":
        raise invalid_client("E1", "The Authorization header is not Basic.")
    try:
        text = base64.b64decode(credentials, validate=True).decode()
    except ValueError as exc:
        raise _malformed_basic() from exc
    client_id, colon, secret = text.partition(":")
    if not colon:
        raise _malformed_basic()
    return client_id, secret


def _malformed_basic() -> Refusal:
    return invalid_request("E7", "The Basic authorization header cannot be decoded.")
