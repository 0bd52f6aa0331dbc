"""The EHR's side: what it publishes, against what is pinned and what this registration needs."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from django.utils import timezone

from smartapp import http
from smartapp.protocol.client_assertion import CLOCK_SKEW_SECONDS
from smartapp.protocol.discovery import hosts, launch_hosts
from smartapp.protocol.errors import (
    AddressRefused,
    DiscoveryError,
    DiscoveryIncomplete,
    DiscoveryInvalid,
    EHRRedirected,
    EHRTimeout,
    EHRUnreachable,
    PKCEUnannounced,
    SmartError,
)
from smartapp.protocol.scopes import parse_scopes
from smartapp.protocol.urls import host_of
from smartapp.registrations import capabilities, discovery, sheet, trust
from smartapp.registrations.doctor.finding import Finding, advice, ok, problem
from smartapp.registrations.models import Member
from smartapp.registrations.options import AuthMethod
from smartapp.registrations.presets import PRESETS
from smartapp.registrations.registry import EndpointConfig
from smartapp.registrations.trust import Observation
from smartapp.registrations.validation import is_backend, pkce_refusal

ACTOR = "doctor"
PKCE_UNANNOUNCED = "pkce-unannounced"
# `Date` has whole seconds, and the answer took a while to come.
CLOCK_TOLERANCE_SECONDS = CLOCK_SKEW_SECONDS + 2
CLOCK_BEHIND_SECONDS = 60

_READ_IT = "Open the address from this machine, and see what answers."
_MALFORMED = (
    "The address is right, and the document there is broken: ask the vendor to mend it. Until "
    "then, publish a corrected copy, and enter its address on the endpoint's discovery page, as "
    "SMART configuration."
)
_REMEDIES = (
    (AddressRefused, "Enter an address that is public and begins with https."),
    (EHRRedirected, "No redirect is followed: ask the vendor for the address that it leads to."),
    (EHRTimeout, "Try again; then look at the firewall, and ask the vendor."),
    (
        EHRUnreachable,
        "Look for typing mistakes in the host; then at DNS, the firewall, and whether "
        "browsers accept the certificate.",
    ),
    (
        DiscoveryError,
        "Compare the FHIR base URL with the vendor's, its path included: /fhir/r4 is "
        "often forgotten.",
    ),
)


async def publishes(config: EndpointConfig, *, actor: str = ACTOR) -> AsyncIterator[Finding]:
    """Read discovery now, and judge it; `actor` is who pins what was never read."""
    try:
        if config.pinned_hosts or not config.endpoint_id:
            observation = await discovery.observe(config)
        else:
            observation = await discovery.pin_first(config, actor=actor)
    except SmartError as error:
        yield _no_discovery(config, error)
        return
    for finding in (*_documents(config, observation), *_needs(config, observation)):
        yield finding
    if _signs_people_in(config):
        for issuer in observation.issuers:
            yield await _issuer_keys(config, observation, issuer)
        for finding in _issuers(observation):
            yield finding


def _documents(config: EndpointConfig, observation: Observation) -> Iterator[Finding]:
    """Yield what was read, what is not used of it, and what is used in its place."""
    yield ok("discovery", f"{host_of(config.discovery_url)} publishes its SMART configuration.")
    for note in observation.discovery.notes:
        yield advice("discovery", note)
    for member, url in config.overrides:
        yield ok("override", f"{Member(member).label}: {url} is used, as an administrator said.")
    yield _hosts(config, observation)


def _no_discovery(config: EndpointConfig, error: SmartError) -> Finding:
    """C10, C15."""
    fix = next((text for kind, text in _REMEDIES if isinstance(error, kind)), _READ_IT)
    if isinstance(error, DiscoveryInvalid) and error.is_malformed:
        fix = _MALFORMED
    fix += f" Read was {config.discovery_url}"
    if config.preset == PRESETS["meditech"].slug and not config.override(
        Member.SMART_CONFIGURATION
    ):
        parts = urlsplit(config.fhir_base_url)
        fix += (
            ". Older MEDITECH servers (unverified) publish it at the root of the host: on the "
            "endpoint's discovery page, try the SMART configuration at "
            f"{parts.scheme}://{parts.netloc}/.well-known/smart-configuration"
        )
    if config.pinned_hosts or not config.endpoint_id:
        return problem("discovery", f"{error.title}: {error.detail}.", fix)
    fix += ". It is read by itself as soon as the EHR answers, while `maintain` runs"
    seen = f"The EHR's discovery could not be read ({error.detail}), so nobody can launch yet."
    return problem("discovery", seen, fix)


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
    if unused:
        seen = "Not used, as nobody has accepted the hosts that they are on: "
        return advice("hosts", f"{seen}{', '.join(unused)}.", _ACCEPT)
    return ok("hosts", "The EHR names accepted hosts only.")


_ACCEPT = "Ask the vendor; then accept the hosts in the admin, on the endpoint's discovery page."


def _needs(config: EndpointConfig, observation: Observation) -> Iterator[Finding]:
    yield _endpoints(config, observation)
    missing = capabilities.missing(config, observation.discovery)
    for one in missing:
        yield advice("capabilities", one.seen, one.fix)
    if not missing:
        yield ok("capabilities", "The EHR lists everything that is used.")
    if config.auth_method == AuthMethod.PRIVATE_KEY_JWT:
        yield from _assertion(config, observation)


def _endpoints(config: EndpointConfig, observation: Observation) -> Finding:
    """C12; a 2-legged registration sends nobody anywhere."""
    used = observation.discovery
    try:
        discovery.check_needs(config, used)
    except PKCEUnannounced:
        return _unannounced(config)
    except DiscoveryIncomplete as error:
        return problem(
            "launch-needs",
            f"Nobody can launch: {error.detail}.",
            "The EHR must publish it; without it no launch is safe. Ask the vendor, and check "
            "that this FHIR base URL is the one for SMART apps.",
        )
    if is_backend(config.scope):
        return ok("launch-needs", "The token endpoint is published.")
    if not used.code_challenge_methods_supported:
        said = f"It is sent all the same, because: {config.pkce_unannounced}"
        return ok("launch-needs", f"The EHR does not say that it takes PKCE. {said}")
    return ok("launch-needs", "Both endpoints and PKCE with S256 are published.")


def _unannounced(config: EndpointConfig) -> Finding:
    """Return what an administrator may say to an EHR that lists no PKCE, and when not."""
    seen = (
        "Nobody can launch: the EHR does not say that it takes PKCE with S256 "
        "(code_challenge_methods_supported is absent)."
    )
    fix = "Ask the vendor to list it. "
    refusal = pkce_refusal(config.auth_method, config.scope, config.standalone_scope)
    if refusal:
        return problem(PKCE_UNANNOUNCED, seen, f"{fix}{refusal}")
    known = PRESETS.get(config.preset, PRESETS[""]).known_of_pkce
    fix += (
        "If its servers take PKCE all the same, say so with who says it and when: "
        '`register_ehr … --pkce-unannounced "REASON"`, or in the admin under Takes PKCE '
        "unannounced."
    )
    return problem(PKCE_UNANNOUNCED, seen, f"{fix} Known of this vendor: {known}" if known else fix)


def _assertion(config: EndpointConfig, observation: Observation) -> Iterator[Finding]:
    """C64, C65; what the EHR lists is only advice (C13)."""
    listed = observation.discovery.document.get("token_endpoint_auth_signing_alg_values_supported")
    if isinstance(listed, list) and config.alg not in listed:
        others = ", ".join(str(one) for one in listed[:10])
        yield advice(
            "algorithm",
            f"The EHR does not list {config.alg}, which signs here; it lists {others}.",
            "Choose one of these, unless the vendor's portal asks for the present one.",
        )
    title = PRESETS.get(config.preset, PRESETS[""]).title
    reported = sheet.reported_audience(config)
    if reported:
        yield advice(
            "audience",
            f"{title} wants an audience of its own in the client assertion, and none is entered.",
            f"Take it from the vendor's documentation. Reported, not verified: {reported}",
        )


def _signs_people_in(config: EndpointConfig) -> bool:
    return "openid" in parse_scopes(f"{config.scope} {config.standalone_scope}")


def _issuers(observation: Observation) -> Iterator[Finding]:
    """C91, C93."""
    named = observation.discovery.issuer
    if not observation.issuers:
        yield problem("issuer", "No issuer of id_tokens is known.", _without_issuer(observation))
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
    try:
        url = config.override(Member.JWKS_URI) or await _keys_url(observation, issuer)
        keys = (await discovery.fetch_jwks(url)).value.keys
    except SmartError as error:
        return problem("issuer-keys", f"{issuer}: {error.detail}.", _ENTER_KEYS)
    if not keys:
        return problem(
            "issuer-keys", f"{issuer} publishes no usable key at {url}.", f"Ask it. {_ENTER_KEYS}"
        )
    return ok("issuer-keys", f"{issuer} publishes its keys at {url}; usable: {len(keys)}.")


_ENTER_KEYS = (
    "Nobody can sign in until its keys are found. Compare the expected issuer with the vendor's, "
    "to the letter, its trailing slash included: it may also be the one that discovery names, "
    "followed by /auth, the FHIR base URL, or what a failed sign-in shows. Or enter the address of "
    f"the keys on the endpoint's discovery page, as {Member.JWKS_URI.label}."
)


async def _keys_url(observation: Observation, issuer: str) -> str:
    try:
        return (await discovery.fetch_openid_configuration(issuer)).value.jwks_uri
    except DiscoveryInvalid as error:
        published = observation.discovery
        return trust.keys_without_openid(observation.issuers, published, error)


async def clock(config: EndpointConfig) -> AsyncIterator[Finding]:
    """C66: an assertion from the future, or from long ago, is refused."""
    try:
        response = await http.get(config.discovery_url)
    except SmartError:
        return  # which `publishes` has said
    try:
        theirs = parsedate_to_datetime(response.headers["Date"])
    except (KeyError, ValueError, TypeError):
        yield advice("clock", "The EHR does not say what time it has.")
        return
    ahead = (timezone.now() - _aware(theirs)).total_seconds()
    if -CLOCK_BEHIND_SECONDS <= ahead <= CLOCK_TOLERANCE_SECONDS:
        yield ok("clock", "Our clock and the EHR's agree.")
        return
    where = "ahead of" if ahead > 0 else "behind"
    seen = f"Our clock is {abs(ahead):.0f} s {where} the EHR's."
    yield problem("clock", seen, "Let this machine keep its time by NTP.")


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
