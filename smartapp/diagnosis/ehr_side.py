"""What an EHR publishes: its discovery, the keys of its issuers, its FHIR server, its clock."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from django.utils import timezone

from smartapp import http
from smartapp.diagnosis import capabilities
from smartapp.diagnosis.causes import before_launch, explained
from smartapp.diagnosis.client import NTP
from smartapp.diagnosis.comparing import AHEAD_SECONDS, clock_in_words
from smartapp.diagnosis.facts import Facts
from smartapp.diagnosis.finding import POSSIBLE, SEEN, Finding, advice, ok, problem
from smartapp.launches import events
from smartapp.protocol.discovery import hosts, launch_hosts
from smartapp.protocol.errors import (
    AddressRefused,
    DiscoveryIncomplete,
    DiscoveryInvalid,
    JWKSUnavailable,
    PKCEUnannounced,
    SmartError,
)
from smartapp.protocol.fhir import is_r4, parse_resource
from smartapp.protocol.json import JSONInvalid, parse_json_object
from smartapp.protocol.scopes import ResourceScope, parse_scope
from smartapp.protocol.urls import host_of
from smartapp.record.elements import mappings
from smartapp.registrations import discovery, trust
from smartapp.registrations.models import Member
from smartapp.registrations.presets import PRESETS
from smartapp.registrations.registry import EndpointConfig
from smartapp.registrations.trust import Observation
from smartapp.registrations.validation import is_backend

ACTOR = "doctor"
PKCE_UNANNOUNCED = "pkce-unannounced"
CLOCK_BEHIND_SECONDS = 60
MAX_METADATA_BYTES = 4 * 1024 * 1024
_STATEMENT = "capability-statement"
_COMPARE_BASE = "Compare the FHIR base URL with the vendor's, its path included."
_SWITCH_SMART_ON = ("The base is right: a FHIR server answers there. Ask the vendor to switch "
                    "SMART on; what /metadata says of OAuth is not enough.")  # fmt: skip
_ACCEPT = "Ask the vendor; then accept the hosts in the admin, on the endpoint's discovery page."
_WAIT_FOR_KEYS = ("Wait; then ask the vendor. Where the app has read them within a day, it goes on "
                  "with those; otherwise nobody can sign in until then.")  # fmt: skip
_ENTER_KEYS = (
    "Nobody can sign in until its keys are found. Compare the expected issuer with the vendor's, "
    "to the letter, its trailing slash included: it may also be the one that discovery names, "
    "followed by /auth, the FHIR base URL, or what a failed sign-in shows. Or enter the address of "
    f"the keys on the endpoint's discovery page, as {Member.JWKS_URI.label}."
)


async def publishes(config: EndpointConfig, *, actor: str = ACTOR) -> AsyncIterator[Finding]:
    """Read discovery now, and judge it; `actor` is who pins what was never read."""
    try:
        if config.pinned_hosts or not config.endpoint_id:
            observation = await discovery.observe(config)
        else:
            observation = await discovery.pin_first(config, actor=actor)
    except SmartError as error:
        is_fhir = isinstance(error, DiscoveryInvalid) and not error.rule and await _is_fhir(config)
        yield _no_discovery(config, error, is_fhir=is_fhir)
        return
    for finding in (*_documents(config, observation), *_needs(config, observation)):
        yield finding
    if "openid" in config.scopes:
        for issuer in observation.issuers:
            found = await _issuer_keys(config, observation, issuer)
            # Of several that are expected, the EHR signs in the name of one.
            is_used = observation.discovery.issuer in (issuer, None) or len(observation.issuers) < 2
            yield found if is_used else replace(found, certainty=min(found.certainty, POSSIBLE))
        for finding in _issuers(observation):
            yield finding


def _facts(config: EndpointConfig, observation: Observation | None = None) -> Facts:
    document = observation.discovery.document if observation else {}
    return Facts(timezone.now(), config, {**document, **dict(config.overrides)})


def _no_discovery(config: EndpointConfig, error: SmartError, *, is_fhir: bool) -> Finding:
    """C10, C15; `is_fhir`: a FHIR server answers at the base."""
    found = explained(_facts(config), error, "discovery")
    fix = f"{_SWITCH_SMART_ON if is_fhir else found.fix} Read was {config.discovery_url}"
    parts = urlsplit(config.fhir_base_url)
    root = f"{parts.scheme}://{parts.netloc}/.well-known/smart-configuration"
    if config.preset == PRESETS["meditech"].slug and config.discovery_url != root:
        fix += (
            ". Older MEDITECH servers (unverified) publish it at the root of the host: on the "
            f"endpoint's discovery page, try the SMART configuration at {root}"
        )
    if config.endpoint_id and not config.pinned_hosts:
        fix += ". It is read by itself as soon as the EHR answers, while `maintain` runs"
    yet = "" if config.pinned_hosts else " yet"
    seen = f"{found.seen.rstrip('.')}, so nobody can launch{yet}."
    return replace(found, certainty=SEEN, seen=seen, fix=fix)


def _documents(config: EndpointConfig, observation: Observation) -> Iterator[Finding]:
    """Yield what was read, what is not used of it, and what is used in its place."""
    yield ok("discovery", f"{host_of(config.discovery_url)} publishes its SMART configuration.")
    for note in observation.discovery.notes:
        yield advice("discovery", note)
    for member, url in config.overrides:
        yield ok("override", f"{Member(member).label}: {url} is used, as an administrator said.")
    yield _hosts(config, observation)


def _hosts(config: EndpointConfig, observation: Observation) -> Finding:
    """C14."""
    if not config.pinned_hosts:
        named = ", ".join(sorted(observation.hosts))
        return ok("hosts", f"People and tokens are sent to these hosts only: {named}.")
    published = observation.discovery
    unused = discovery.not_accepted(config, published)
    needed = discovery.named_hosts(config, observation) - hosts(published)
    try:
        discovery.check_hosts(config, needed | launch_hosts(published))
    except SmartError as error:
        return problem("hosts", f"{error.detail}, so nobody can launch.", _ACCEPT)
    if undecided := discovery.undecided(config, published):
        seen = "Not used, as nobody has accepted the hosts that they are on: "
        return advice("hosts", f"{seen}{', '.join(undecided)}.", _ACCEPT)
    if unused:
        return ok("hosts", f"Not used, as an administrator said: {', '.join(unused)}.")
    return ok("hosts", "The EHR names accepted hosts only.")


def _needs(config: EndpointConfig, observation: Observation) -> Iterator[Finding]:
    yield _endpoints(config, observation)
    missing = (
        *capabilities.missing(config, observation.discovery),
        *capabilities.revocation(config, observation.discovery),
    )
    yield from missing or [ok("capabilities", "The EHR lists everything that is used.")]
    facts = _facts(config, observation)
    yield from before_launch(facts, "algorithm", "audience", "authentication", "scope-forms")
    is_listed = bool(facts.published.get("scopes_supported"))
    covered = "lists every scope that is asked for" if is_listed else "publishes no list of scopes"
    found = tuple(before_launch(facts, "scopes"))
    yield from found or [ok("scopes", f"The EHR {covered}.")]


def _endpoints(config: EndpointConfig, observation: Observation) -> Finding:
    """C12; a 2-legged registration sends nobody anywhere."""
    used = observation.discovery
    try:
        discovery.check_needs(config, used)
    except DiscoveryIncomplete as error:
        check = PKCE_UNANNOUNCED if isinstance(error, PKCEUnannounced) else "launch-needs"
        found = explained(_facts(config, observation), error, check)
        title = f"Nobody can launch: {found.title[0].lower()}{found.title[1:]}"
        return replace(found, certainty=SEEN, title=title)
    if why := _out_of_reach(used.token_endpoint or ""):
        fix = "Ask the vendor for its public address: this server has to reach it, not a person."
        return problem("launch-needs", f"token_endpoint: {why}, so nobody can sign in.", fix)
    if is_backend(config.scope):
        return ok("launch-needs", "The token endpoint is published.")
    if "S256" not in used.code_challenge_methods_supported:
        said = f"It is sent all the same, because: {config.pkce_unannounced}"
        return ok("launch-needs", f"The EHR does not say that it takes PKCE. {said}")
    return ok("launch-needs", "Both endpoints and PKCE with S256 are published.")


def _out_of_reach(url: str) -> str:
    """Return why this server can never send a request to an address; "" if it perhaps can."""
    try:
        http.check_url(url)
    except AddressRefused as error:
        return error.detail
    host = urlsplit(url).hostname or ""
    is_inside = "." not in host and ":" not in host and not http.is_loopback(host)
    return f"{host} is a name inside somebody's network" if is_inside else ""


def _issuers(observation: Observation) -> Iterator[Finding]:
    """C91, C93."""
    named = observation.discovery.issuer
    if not observation.issuers:
        why: list[str] = []
        if named is not None:
            trust.named_issuer(observation.discovery, why)
        seen = " ".join(("No issuer of id_tokens is known.", *why))
        yield problem("issuer", seen, _without_issuer(observation))
    elif named is not None and named not in observation.issuers:
        seen = f"Discovery names the issuer {named}, which is not an expected one."
        fix = "If sign-in fails on the issuer, ask the vendor and add it to the expected issuers."
        yield advice("issuer", seen, fix)


def _without_issuer(observation: Observation) -> str:
    enter = "enter the expected issuer: register_ehr --issuer URL, or in the admin."
    if "sso-openid-connect" in observation.discovery.capabilities:
        return (
            f"Ask the vendor, and {enter} If there is none, take openid and fhirUser out of the "
            "scopes, there and in the vendor's portal."
        )
    return (
        "This EHR does not list sso-openid-connect, so it probably signs nobody in by id_token, as "
        "many payers: take openid and fhirUser out of the scopes, there and in the vendor's "
        f"portal. If the vendor does name an issuer, {enter}"
    )


async def _issuer_keys(config: EndpointConfig, observation: Observation, issuer: str) -> Finding:
    """C91, C92: each expected issuer has keys, where the app will look for them."""
    url = ""
    try:
        url = config.override(Member.JWKS_URI) or await _keys_url(observation, issuer)
        keys = (await discovery.fetch_jwks(url)).value.keys
    except SmartError as error:
        asked = f" Its keys were asked for at {url}" if url else ""
        fix = _WAIT_FOR_KEYS if isinstance(error, JWKSUnavailable) else _ENTER_KEYS
        return problem("issuer-keys", f"{issuer}: {error.detail}.{asked}", fix)
    if not keys:
        seen = f"{issuer} publishes no usable key at {url}."
        return problem("issuer-keys", seen, f"Ask the vendor. {_ENTER_KEYS}")
    return ok("issuer-keys", f"{issuer} publishes its keys at {url}; usable: {len(keys)}.")


async def _keys_url(observation: Observation, issuer: str) -> str:
    try:
        return (await discovery.fetch_openid_configuration(issuer)).value.jwks_uri
    except DiscoveryInvalid as error:
        return trust.keys_without_openid(observation.issuers, observation.discovery, error)


async def metadata(config: EndpointConfig) -> AsyncIterator[Finding]:
    """Whether a FHIR server of the right version answers at the base, and has what is asked for."""
    url = _metadata_url(config)
    try:
        response = await _metadata(config)
        if response.status == HTTPStatus.OK:
            yield _other_version(response.body) or _capabilities(config, response.body)
        else:
            is_closed = response.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
            public = "It has to be public (FHIR R4, Capabilities): ask the vendor."
            fix = public if is_closed else _COMPARE_BASE
            yield advice(_STATEMENT, f"{url} answered {response.status}.", fix)
    except SmartError as error:
        yield advice(_STATEMENT, f"{url}: {error.detail}.", _COMPARE_BASE)


def _capabilities(config: EndpointConfig, body: bytes) -> Finding:
    """Raise FHIRError for what is no CapabilityStatement."""
    statement = parse_resource(body, resource_type="CapabilityStatement")
    spoken = _spoken_version(statement)
    missing = sorted(_types(config) - _listed_types(statement))
    if not spoken:
        seen = "The server does not say which version of FHIR it speaks; this app reads 4.0."
        return advice(_STATEMENT, seen, _COMPARE_BASE)
    if missing:
        seen = f"The server does not list {', '.join(missing)}, which the scopes ask for."
        return advice(_STATEMENT, seen, "Published lists are often incomplete; ask the vendor.")
    return ok(_STATEMENT, f"A server of FHIR {spoken} answers, and lists what is asked for.")


async def version(config: EndpointConfig) -> AsyncIterator[Finding]:
    """Whether the server speaks another version of FHIR, as far as it says so. Many vendors have a
    base for each, and all of them publish the same SMART configuration."""
    try:
        response = await _metadata(config)
    except SmartError:
        return
    if other := _other_version(response.body):
        yield other


async def _is_fhir(config: EndpointConfig) -> bool:
    try:
        statement = parse_json_object((await _metadata(config)).body)
    except (SmartError, JSONInvalid):
        return False
    return statement.get("resourceType") == "CapabilityStatement"


def _metadata_url(config: EndpointConfig) -> str:
    return f"{config.fhir_base_url.rstrip('/')}/metadata"


async def _metadata(config: EndpointConfig) -> http.Response:
    headers = {"Accept": "application/fhir+json, application/json;q=0.9"}
    return await http.get(_metadata_url(config), headers=headers, max_bytes=MAX_METADATA_BYTES)


def _other_version(body: bytes) -> Finding | None:
    """Return the finding on a server of another version than R4; in DSTU2 its statement has another
    name."""
    try:
        statement = parse_json_object(body)
    except JSONInvalid:
        return None
    spoken = _spoken_version(statement)
    is_one = statement.get("resourceType") in ("CapabilityStatement", "Conformance")
    if not (is_one and spoken) or is_r4(spoken):
        return None
    seen = f"The server speaks FHIR {spoken}, and this app reads 4.0."
    fix = "Ask the vendor for its FHIR base URL of R4: each version has one of its own."
    return advice(_STATEMENT, seen, fix)


def _spoken_version(statement: dict[str, Any]) -> str:
    said = statement.get("fhirVersion")
    return "" if said is None or isinstance(said, list | dict | bool) else str(said)[:20]


def _types(config: EndpointConfig) -> set[str]:
    asked = map(parse_scope, config.scopes)
    return {one.resource for one in asked if isinstance(one, ResourceScope)} - {"*"}


def _listed_types(statement: dict[str, object]) -> set[str]:
    servers = mappings(statement.get("rest"))
    listed = [one for server in servers for one in mappings(server.get("resource"))]
    return {str(one.get("type")) for one in listed}


async def clock(config: EndpointConfig) -> AsyncIterator[Finding]:
    """C66: an assertion from the future, or from long ago, is refused."""
    try:
        response = await http.get(config.discovery_url)
    except SmartError:
        return  # which `publishes` has said
    ahead = events.seconds_ahead(response.headers.get("Date", ""))
    seen = clock_in_words(ahead)
    if ahead is None:
        yield advice("clock", seen)
    elif -CLOCK_BEHIND_SECONDS <= ahead <= AHEAD_SECONDS:
        yield ok("clock", seen)
    else:
        yield problem("clock", seen, NTP)
