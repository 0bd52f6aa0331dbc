"""Parsing and checking of an EHR's discovery documents (SMART App Launch 2.2 §Conformance; C10 to
C14).

Only members that this app uses are checked. `grant_types_supported`,
`token_endpoint_auth_methods_supported` and the algorithm lists are not read: real servers,
athenahealth among them, publish wrong values, and the registration has the right ones (C13).
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from smartapp.protocol.errors import DiscoveryIncomplete, DiscoveryInvalid, PKCEUnannounced
from smartapp.protocol.json import GZIP, JSONInvalid, parse_json_object
from smartapp.protocol.urls import host_of, parse_endpoint_url, without_trailing_slash

# A bad URL here is an error: users or codes would be sent to it.
_LAUNCH_ENDPOINTS = ("authorization_endpoint", "token_endpoint")
# A bad URL here counts as absent, so that it does not stop a launch that does not need it.
_OTHER_ENDPOINTS = (
    "jwks_uri",
    "introspection_endpoint",
    "revocation_endpoint",
    "management_endpoint",
    "end_session_endpoint",
)


@dataclass(frozen=True, slots=True)
class Discovery:
    """A parsed `.well-known/smart-configuration`. `document` is the whole document as published."""

    issuer: str | None
    authorization_endpoint: str | None
    token_endpoint: str | None
    jwks_uri: str | None
    introspection_endpoint: str | None
    revocation_endpoint: str | None
    management_endpoint: str | None
    end_session_endpoint: str | None
    capabilities: frozenset[str]
    code_challenge_methods_supported: tuple[str, ...]
    scopes_supported: tuple[str, ...]
    authorization_response_iss_parameter_supported: bool
    document: dict[str, Any]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LaunchEndpoints:
    authorization_endpoint: str
    token_endpoint: str


@dataclass(frozen=True, slots=True)
class OpenIDConfiguration:
    issuer: str
    jwks_uri: str
    end_session_endpoint: str | None = None


def discovery_url(fhir_base_url: str) -> str:
    """Return the URL of the SMART configuration of `fhir_base_url`.

    The suffix is appended to the whole base with its path, unlike in RFC 8414: athenahealth answers
    404 at the root of the host (C10).
    """
    return f"{without_trailing_slash(fhir_base_url)}/.well-known/smart-configuration"


def parse_discovery(
    body: bytes, *, fhir_base_url: str, allow_http: bool = False, ignored: Collection[str] = ()
) -> Discovery:
    """Return the parsed document, or raise DiscoveryInvalid. Endpoints in `ignored` count as
    absent, because the caller overrides them.

    Relative endpoints are resolved against the FHIR base and must then be https (C11); one that may
    be something else, as "N/A" or an address without https://, has a note. Strings in a list, or in
    place of one, are split at blanks and commas: some servers publish lists like this. Lists and
    flags of another type count as empty, with a note: this only makes the app request less.
    """
    document = _parse_document(body)
    notes: list[str] = []
    judged = {name: value for name, value in document.items() if name not in ignored}
    launch = {
        name: _endpoint(judged, name, base=fhir_base_url, allow_http=allow_http)
        for name in _LAUNCH_ENDPOINTS
    }
    other = {
        name: _endpoint_or_note(judged, name, fhir_base_url, allow_http, notes)
        for name in _OTHER_ENDPOINTS
    }
    notes += _notes_on_relative(judged, launch | other)
    return Discovery(
        **launch,
        **other,
        issuer=_issuer(document, notes),
        capabilities=frozenset(_strings(document, "capabilities", notes)),
        code_challenge_methods_supported=_strings(
            document, "code_challenge_methods_supported", notes
        ),
        scopes_supported=_strings(document, "scopes_supported", notes),
        # "true" in quotes counts as true: this is the stricter reading (C51).
        authorization_response_iss_parameter_supported=str(
            document.get("authorization_response_iss_parameter_supported")
        ).lower()
        in ("true", "1"),
        document=document,
        notes=tuple(notes),
    )


def validate_for_launch(
    discovery: Discovery, *, takes_pkce_unannounced: bool = False
) -> LaunchEndpoints:
    """Return the two endpoints that a launch needs.

    Raises DiscoveryIncomplete if one is missing or if S256 is not among the challenge methods: this
    app never falls back to `plain` or to no PKCE (C12; RFC 7636 §4.2; T5).

    With `takes_pkce_unannounced`, a document without challenge methods, or with a misspelt S256, is
    accepted: an administrator states that this EHR supports PKCE anyway. A document that lists only
    other methods is never accepted.
    """
    if discovery.authorization_endpoint is None:
        raise DiscoveryIncomplete("no authorization_endpoint")
    if discovery.token_endpoint is None:
        raise DiscoveryIncomplete("no token_endpoint")
    methods = discovery.code_challenge_methods_supported
    if "S256" not in methods:
        words = "S256 is not in code_challenge_methods_supported, which"
        words += f" lists {', '.join(methods[:5])} only" if methods else " is absent"
        # "s256" is a misspelling, and says no more than an absent list.
        is_unannounced = not methods or "S256" in map(str.upper, methods)
        if not is_unannounced:
            raise DiscoveryIncomplete(words)
        if not takes_pkce_unannounced:
            raise PKCEUnannounced(words)
    return LaunchEndpoints(discovery.authorization_endpoint, discovery.token_endpoint)


def hosts(discovery: Discovery) -> frozenset[str]:
    """Return `host[:port]` of every endpoint, for an administrator to pin (C14)."""
    return _hosts(discovery, (*_LAUNCH_ENDPOINTS, *_OTHER_ENDPOINTS))


def launch_hosts(discovery: Discovery) -> frozenset[str]:
    """Return `host[:port]` of the endpoints that every launch needs."""
    return _hosts(discovery, _LAUNCH_ENDPOINTS)


def _hosts(discovery: Discovery, names: Collection[str]) -> frozenset[str]:
    urls = (getattr(discovery, name) for name in names)
    return frozenset(host_of(url) for url in urls if url is not None)


def elsewhere(discovery: Discovery, accepted: Collection[str]) -> tuple[str, ...]:
    """Return the names of the optional endpoints that are not on an accepted host."""
    named = ((name, getattr(discovery, name)) for name in _OTHER_ENDPOINTS)
    return tuple(name for name, url in named if url and host_of(url) not in accepted)


def without(discovery: Discovery, names: Collection[str]) -> Discovery:
    """Return the same document without these endpoints."""
    absent: dict[str, Any] = dict.fromkeys(names)
    return replace(discovery, **absent)


def jwks_uri_without_openid(discovery: Discovery, issuers: Collection[str]) -> str | None:
    """Return the JWKS URL of an expected issuer that has no OpenID configuration: in a SMART
    configuration, `jwks_uri` is the key set of this system (SMART App Launch 2.2 §Conformance).
    None if it is absent or if the document names another issuer."""
    is_about = discovery.issuer is None or discovery.issuer in issuers
    return discovery.jwks_uri if is_about else None


def openid_configuration_url(issuer: str) -> str:
    """Return the URL of the OpenID configuration of `issuer` (OpenID Connect Discovery §4.1)."""
    return f"{without_trailing_slash(issuer)}/.well-known/openid-configuration"


def parse_openid_configuration(
    body: bytes, *, issuer: str, allow_http: bool = False
) -> OpenIDConfiguration:
    """Return the issuer's JWKS URL and sign-out URL, or raise DiscoveryInvalid.

    Its `issuer` must equal the expected one exactly, otherwise one server could speak for another
    (OpenID Connect Discovery §4.3; C91).
    """
    document = _parse_document(body)
    if document.get("issuer") != issuer:
        raise DiscoveryInvalid("the OpenID configuration names another issuer")
    jwks_uri = _endpoint(document, "jwks_uri", allow_http=allow_http)
    if jwks_uri is None:
        raise DiscoveryInvalid("the OpenID configuration has no jwks_uri")
    logout = _endpoint_or_note(document, "end_session_endpoint", "", allow_http, notes=[])
    return OpenIDConfiguration(issuer, jwks_uri, logout)


def logout_url(endpoint: str, *, client_id: str, post_logout_redirect_uri: str) -> str:
    """Return the URL at which the user signs out of the EHR (OpenID Connect RP-Initiated Logout 1.0
    §2; C134).

    It has no `id_token_hint`, which identifies the user and would end up in browser history and
    logs; the EHR may ask the user instead. It has no `state`: nothing depends on the way back.
    """
    query = urlencode(
        {"client_id": client_id, "post_logout_redirect_uri": post_logout_redirect_uri}
    )
    return f"{endpoint}{'&' if '?' in endpoint else '?'}{query}"


def _parse_document(body: bytes) -> dict[str, Any]:
    try:
        return parse_json_object(body)
    except JSONInvalid as exc:
        begins_with = body.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
        if begins_with == b"<":
            words = "a web page came, not a document in JSON"
            raise DiscoveryInvalid(words, rule="web-page") from None
        # A document was there, and is broken: then the address is right. UTF-16 has NULs.
        is_one = begins_with == b"{" or b"_endpoint" in body.replace(b"\0", b"")
        is_one |= body.startswith(GZIP)
        rule = "malformed" if is_one else exc.rule
        raise DiscoveryInvalid(f"the document is {exc}", rule=rule) from None


def _endpoint(
    document: dict[str, Any], name: str, *, base: str = "", allow_http: bool
) -> str | None:
    value = document.get(name)
    value = value.strip() if isinstance(value, str) else value
    if value is None or value == "":
        return None
    try:
        return parse_endpoint_url(value, base=base, allow_http=allow_http)
    except ValueError as exc:
        raise DiscoveryInvalid(f"{name}: {exc}", rule="malformed") from None


def _endpoint_or_note(
    document: dict[str, Any], name: str, base: str, allow_http: bool, notes: list[str]
) -> str | None:
    try:
        return _endpoint(document, name, base=base, allow_http=allow_http)
    except DiscoveryInvalid as exc:
        notes.append(f"Not used: {exc.detail}.")
        return None


def _notes_on_relative(
    document: dict[str, Any], endpoints: Mapping[str, str | None]
) -> Iterator[str]:
    """Yield a note on each endpoint that is neither a whole address nor a path from the root."""
    for name, url in endpoints.items():
        written = str(document.get(name)).strip()
        if url and not written.startswith("/") and "://" not in written:
            yield f"{name} is not a whole address: {written}. Used is {url}."


def _issuer(document: dict[str, Any], notes: list[str]) -> str | None:
    issuer = document.get("issuer")
    if issuer is None or isinstance(issuer, str):
        return (issuer or "").strip() or None
    notes.append("Not used: issuer is not a string.")
    return None


def _strings(document: dict[str, Any], name: str, notes: list[str]) -> tuple[str, ...]:
    value = document.get(name)
    if not isinstance(value, list | str | None):
        notes.append(f"Not used: {name} is not a list.")
        return ()
    return tuple(strings(value))


def strings(value: object) -> Iterator[str]:
    """Yield the strings of a published list, or of a string in its place."""
    items = _flat(value) if isinstance(value, list) else [value]
    words = (word for item in items if isinstance(item, str) for word in item.split())
    for word in words:
        # A comma in a scope's filter separates nothing.
        yield from [word] if "?" in word else filter(None, word.split(","))


def _flat(items: list[Any]) -> Iterator[Any]:
    """Yield the items and flatten nested lists: OpenEMR 7 publishes its scopes like this."""
    for item in items:
        yield from item if isinstance(item, list) else [item]
