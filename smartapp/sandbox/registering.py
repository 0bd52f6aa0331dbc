"""The rules for registering an app, shared by the command and the form (S5, S6)."""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any
from urllib.parse import SplitResult, urlsplit

from django.core.exceptions import ValidationError

from smartapp.sandbox import addresses, client_keys, faults, scopes, worlds
from smartapp.sandbox.models import Client, find_client
from smartapp.sandbox.refusals import Refusal
from smartapp.sandbox.worlds import World

CLIENT_ID = re.compile(r"[!-~](?:[ -~]*[!-~])?")
"""All that OAuth allows (RFC 6749, appendix A.1), except with spaces at its ends."""
UNSAFE_SCHEMES = frozenset({"javascript", "data", "vbscript", "file", "blob"})
RULES_OF_WORLDS: Mapping[str, str] = {
    World.STRICT: Client.Profile.STRICT,
    World.BCP: Client.Profile.BCP,
}
"""The rules that these worlds announce; their apps cannot have others (S2, S3)."""
NOT_WRITTEN = frozenset({"id", "created_at", "next_faults"})


class RegistrationInvalid(Exception):
    """A client record is invalid; the message says why, and `field` says where."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(text)
        self.field = field


def usual_method(kind: str) -> str:
    public = kind == Client.Kind.PUBLIC
    return Client.AuthMethod.NONE if public else Client.AuthMethod.PRIVATE_KEY_JWT


def imported_jwks(body: bytes) -> dict[str, Any]:
    try:
        keys = client_keys.parse_jwks(body)
    except client_keys.JWKSInvalid as exc:
        raise RegistrationInvalid("jwks", f"The key set is not usable: {exc}.") from exc
    if not keys:
        raise RegistrationInvalid("jwks", "The key set has no key that can be used here.")
    return {"keys": keys}


def register(client: Client) -> Client:
    """Create or update a client. Raises RegistrationInvalid."""
    for problem in problems(client):
        raise problem
    written = [f.name for f in Client._meta.fields if f.name not in NOT_WRITTEN]
    values = {name: getattr(client, name) for name in written}
    return Client.objects.update_or_create(client_id=client.client_id, defaults=values)[0]


def problems(client: Client) -> list[RegistrationInvalid]:
    """Return everything that is wrong with a client, once per field."""
    found: dict[str, RegistrationInvalid] = {}
    for check in _checks(client):
        try:
            check()
        except RegistrationInvalid as exc:
            found.setdefault(exc.field, exc)
    return list(found.values())


def _checks(client: Client) -> Iterator[Callable[[], None]]:
    yield partial(_validate_rules, client)
    yield partial(_validate_method, client)
    yield partial(_validate_need_of_redirects, client)
    for field in ("jwks_url", "launch_url", "standalone_url"):
        yield partial(_validate_url, field, getattr(client, field))
    for field in ("redirect_uris", "post_logout_redirect_uris"):
        for uri in getattr(client, field):
            yield partial(_validate_redirect_uri, field, uri)
    yield partial(_validate_identity, client)
    for name in (field.name for field in Client._meta.fields):
        yield partial(_validate_field, client, name)
    yield partial(_validate_scope, client)
    yield partial(_validate_quirks, client)


def described(client: Client) -> dict[str, Any]:
    """Return a client with everything that its developer needs to know."""
    with worlds.within(client.world):
        return {
            "client_id": client.client_id,
            "name": client.name,
            "world": client.world,
            "kind": client.kind,
            "auth_method": client.auth_method,
            "profile": client.profile,
            "jwks_url": client.jwks_url,
            "redirect_uris": client.redirect_uris,
            "post_logout_redirect_uris": client.post_logout_redirect_uris,
            "launch_url": client.launch_url,
            "standalone_url": client.standalone_url,
            "scope": client.scope,
            "access_token_seconds": client.access_token_seconds,
            "token_requests_per_minute": client.token_requests_per_minute,
            "quirks": client.quirks,
            "warning": key_advice(client),
            "fhir_base_url": addresses.fhir_base_url(),
            "issuer": addresses.issuer(),
            "authorization_endpoint": addresses.endpoint("authorize"),
            "token_endpoint": addresses.endpoint("token"),
            "introspection_endpoint": addresses.endpoint("introspect"),
            "revocation_endpoint": addresses.endpoint("revoke"),
            "assertion_audience": addresses.assertion_audience(client.profile),
        }


def why_unknown(client_id: object) -> str:
    """Return why a client_id is unknown in this world, to help with mixed-up worlds."""
    client = find_client(client_id)
    if client is None:
        return "No app is registered here under this client_id."
    with worlds.within(client.world):
        base_url = addresses.fhir_base_url()
    return f"This app is registered in the world {client.world}; its FHIR base URL is {base_url}."


def key_advice(client: Client) -> str:
    """Return a warning about the client's keys; "" if there is none (S6, S50)."""
    url = urlsplit(client.jwks_url)
    if url.scheme == "http" and url.hostname not in addresses.LOOPBACK_NAMES:
        return "The JWKS URL is not https: no keys are fetched from it."
    return client_keys.advice((client.jwks or {}).get("keys", []))


def _validate_field(client: Client, name: str) -> None:
    try:
        client.clean_fields(exclude={field.name for field in Client._meta.fields} - {name})
    except ValidationError as exc:
        raise RegistrationInvalid(name, exc.message_dict[name][0]) from exc


def _validate_identity(client: Client) -> None:
    if not CLIENT_ID.fullmatch(client.client_id):
        raise RegistrationInvalid(
            "client_id",
            "A client id is made of letters without accents, digits, punctuation and spaces, and "
            "neither begins nor ends with a space.",
        )
    if not client.name.isprintable():
        raise RegistrationInvalid("name", "The name is not printable text.")
    if client.access_token_seconds < 1:
        raise RegistrationInvalid(
            "access_token_seconds", "The life of an access token is a positive number of seconds."
        )


def _validate_rules(client: Client) -> None:
    announced = RULES_OF_WORLDS.get(client.world, client.profile)
    if client.profile != announced:
        raise RegistrationInvalid(
            "profile", f"In the world {client.world} the rules are {announced}."
        )


def _validate_method(client: Client) -> None:
    """Require each method's own credentials, and no others (S5)."""
    method, methods = client.auth_method, Client.AuthMethod
    if (client.kind == Client.Kind.PUBLIC) != (method == methods.NONE):
        raise RegistrationInvalid(
            "auth_method", "Public apps, and only they, authenticate by nothing but PKCE."
        )
    key_sources = bool(client.jwks_url) + (client.jwks is not None)
    if key_sources != (method == methods.PRIVATE_KEY_JWT):
        raise RegistrationInvalid(
            "jwks_url" if client.jwks_url else "auth_method",
            "private_key_jwt, and only it, needs either a JWKS URL or an imported key set.",
        )
    if bool(client.secret_digest) != (method == methods.CLIENT_SECRET_BASIC):
        raise RegistrationInvalid(
            "auth_method", "client_secret_basic, and only it, needs a client secret."
        )


def _validate_need_of_redirects(client: Client) -> None:
    if (client.kind == Client.Kind.SERVICE) == bool(client.redirect_uris):
        raise RegistrationInvalid(
            "redirect_uris", "Web and public apps, and only they, need a redirect URI."
        )


def _parts(field: str, url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError as exc:
        raise RegistrationInvalid(field, f"{url} is not a URL.") from exc


def _validate_url(field: str, url: str) -> None:
    parts = _parts(field, url)
    if url and (parts.scheme not in {"http", "https"} or not parts.netloc or parts.fragment):
        raise RegistrationInvalid(
            field, f"{url} is not an absolute http(s) URL without a fragment."
        )


def _validate_redirect_uri(field: str, uri: str) -> None:
    """Require an absolute URI without fragment and wildcard (C3); native apps have their own
    scheme."""
    parts = _parts(field, uri)
    if not parts.scheme or re.search(r"[#*\s]", uri) or not uri.isascii():
        raise RegistrationInvalid(
            field, f"{uri} is not an absolute redirect URI without #, * and spaces."
        )
    if parts.scheme in UNSAFE_SCHEMES:
        raise RegistrationInvalid(field, f"{uri} does not lead to an app.")
    if parts.scheme in {"http", "https"} and not parts.hostname:
        raise RegistrationInvalid(field, f"{uri} names no host.")


def _validate_scope(client: Client) -> None:
    unlimited = Client(kind=client.kind)
    try:
        if client.scope:
            scopes.requested(unlimited, client.scope)
    except Refusal as exc:
        raise RegistrationInvalid("scope", str(exc.get_error_description())) from exc


def _validate_quirks(client: Client) -> None:
    try:
        faults.parse(client.quirks)
    except faults.FaultUnknown as exc:
        raise RegistrationInvalid("quirks", str(exc)) from exc
