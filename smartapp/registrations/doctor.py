"""Checks a registration end to end, from the outside where that is possible.

Each finding says what was seen; a problem also says what most likely mends it. Nothing here
changes anything but one thing: discovery that was never read is read and pinned.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Any

from django.core.exceptions import ValidationError
from django.utils import timezone

from smartapp import http
from smartapp.keys import fetches, memory
from smartapp.protocol.client_assertion import CLOCK_SKEW_SECONDS
from smartapp.protocol.discovery import validate_for_launch
from smartapp.protocol.errors import (
    AddressRefused,
    ClientKeyError,
    DiscoveryIncomplete,
    IDTokenKeyUnknown,
    JWKSError,
    SmartError,
)
from smartapp.protocol.jwks import parse_jwks
from smartapp.protocol.urls import host_of
from smartapp.registrations import capabilities, discovery, pinning, published
from smartapp.registrations.models import AuthMethod, Member
from smartapp.registrations.pinning import Observation
from smartapp.registrations.registry import EndpointConfig
from smartapp.registrations.validation import validate_own_address

ACTOR = "doctor"
# `Date` has whole seconds, and the answer took a while to come.
CLOCK_TOLERANCE_SECONDS = CLOCK_SKEW_SECONDS + 2
CLOCK_BEHIND_SECONDS = 60


class Level(StrEnum):
    OK = "ok"
    ADVICE = "advice"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: its stable name, how it went, what was seen, and what mends it."""

    check: str
    level: Level
    seen: str
    fix: str = ""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def ok(check: str, seen: str) -> Finding:
    return Finding(check, Level.OK, seen)


def problem(check: str, seen: str, fix: str) -> Finding:
    return Finding(check, Level.PROBLEM, seen, fix)


async def examine(config: EndpointConfig) -> list[Finding]:
    """Return the findings on one endpoint, in the order in which a launch meets them."""
    return [
        _own_address(),
        *await _discovery(config),
        await _clock(config),
        *await _client_key(config),
    ]


def is_healthy(findings: Iterable[Finding]) -> bool:
    return all(finding.level != Level.PROBLEM for finding in findings)


def _own_address() -> Finding:
    """C3."""
    try:
        validate_own_address()
    except ValidationError as error:
        return problem("own-address", error.messages[0], "Set PUBLIC_URL to an https address.")
    return ok("own-address", "The addresses that the vendor registers can be used.")


async def _discovery(config: EndpointConfig) -> list[Finding]:
    try:
        if config.pinned_hosts:
            observation = await pinning.observe(config)
        else:
            observation = await pinning.pin_first(config, actor=ACTOR)
    except SmartError as error:
        return [_no_discovery(config, error)]
    return [
        ok("discovery", f"{host_of(config.fhir_base_url)} publishes its SMART configuration."),
        _hosts(config, observation),
        _launch_needs(observation),
        *_capabilities(config, observation),
        *[await _issuer_keys(config, issuer) for issuer in observation.issuers],
        *_issuers(observation),
    ]


def _no_discovery(config: EndpointConfig, error: SmartError) -> Finding:
    """C10, C15."""
    fix = (
        "Open this address from this machine, and correct the FHIR base URL or the firewall: "
        f"{config.discovery_url}"
    )
    return problem("discovery", f"{error.title}: {error.detail}.", fix)


def _hosts(config: EndpointConfig, observation: Observation) -> Finding:
    """C14."""
    if not config.pinned_hosts:
        return ok("hosts", f"Pinned now: {', '.join(sorted(observation.hosts))}.")
    try:
        discovery.check_hosts(config, observation.hosts - discovery.issuer_hosts(config))
    except SmartError as error:
        return problem(
            "hosts",
            f"{error.detail}, so nobody can launch.",
            "Ask the vendor; then accept the hosts in the admin, on the endpoint's discovery page.",
        )
    return ok("hosts", "The EHR names pinned hosts only.")


def _launch_needs(observation: Observation) -> Finding:
    """C12."""
    try:
        validate_for_launch(observation.discovery)
    except DiscoveryIncomplete as error:
        return problem(
            "launch-needs",
            f"{error.title}: {error.detail}.",
            "The EHR must publish it; without it no launch is safe. Ask the vendor, and check "
            "that this FHIR base URL is the one for SMART apps.",
        )
    return ok("launch-needs", "Both endpoints and PKCE with S256 are published.")


def _capabilities(config: EndpointConfig, observation: Observation) -> list[Finding]:
    """C17, C13: advice, as real EHRs publish incomplete lists."""
    return [
        Finding(
            "capabilities",
            Level.ADVICE,
            sentence,
            "Ask for less, or try a launch: published lists are often incomplete.",
        )
        for sentence in capabilities.missing(config, observation.discovery)
    ] or [ok("capabilities", "The EHR lists everything that is used.")]


def _issuers(observation: Observation) -> list[Finding]:
    """C91, C93."""
    named = observation.discovery.issuer
    if not observation.issuers:
        fix = "Enter the expected issuer: register_ehr --issuer URL, or in the admin."
        return [problem("issuer", "No issuer of id_tokens is known.", fix)]
    if named is not None and named not in observation.issuers:
        seen = f"Discovery names the issuer {named}, which is not an expected one."
        fix = "If sign-in fails on the issuer, ask the vendor and add it to the expected issuers."
        return [Finding("issuer", Level.ADVICE, seen, fix)]
    return []


async def _issuer_keys(config: EndpointConfig, issuer: str) -> Finding:
    """C91, C92."""
    try:
        url = config.override(Member.JWKS_URI)
        url = url or (await published.fetch_openid_configuration(issuer)).value.jwks_uri
        keys = (await published.fetch_jwks(url)).value.keys
    except SmartError as error:
        return problem(
            "issuer-keys",
            f"{issuer}: {error.detail}.",
            "Correct the expected issuer to the letter, its trailing slash included.",
        )
    if not keys:
        return problem("issuer-keys", f"{issuer} publishes no usable key.", "Ask the vendor.")
    return ok("issuer-keys", f"{issuer} publishes its keys; usable: {len(keys)}.")


async def _clock(config: EndpointConfig) -> Finding:
    """C66: an assertion from the future, or from long ago, is refused."""
    try:
        response = await http.get(config.discovery_url)
        theirs = parsedate_to_datetime(response.headers["Date"])
    except (SmartError, KeyError, ValueError, TypeError):
        return Finding("clock", Level.ADVICE, "The EHR does not say what time it has.")
    ahead = (timezone.now() - _aware(theirs)).total_seconds()
    if -CLOCK_BEHIND_SECONDS <= ahead <= CLOCK_TOLERANCE_SECONDS:
        return ok("clock", "Our clock and the EHR's agree.")
    where = "ahead of" if ahead > 0 else "behind"
    seen = f"Our clock is {abs(ahead):.0f} s {where} the EHR's."
    return problem("clock", seen, "Let this machine keep its time by NTP.")


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


async def _client_key(config: EndpointConfig) -> list[Finding]:
    """Whether an EHR that asks now finds the key that signs now (C63, spec §3.12)."""
    if config.auth_method != AuthMethod.PRIVATE_KEY_JWT:
        return []
    try:
        kid = (await memory.signer(config.key_set_slug, config.alg)).kid
    except ClientKeyError as error:
        fix = f"register_ehr with --alg {config.alg} adds one; or choose another algorithm."
        return [problem("signing-key", f"{error.detail}.", fix)]
    return [ok("signing-key", f"{config.alg} key {kid} signs."), await _published_key(config, kid)]


async def _published_key(config: EndpointConfig, kid: str) -> Finding:
    try:
        response = await http.get(config.jwks_url, headers={"User-Agent": fetches.OURSELVES})
        if response.status != 200:
            raise JWKSError(f"the answer was {response.status}")
        key = parse_jwks(response.body).find(kid, config.alg).key
        if key.thumbprint() != kid:
            raise JWKSError("another key has this kid")
    except AddressRefused:
        return Finding(
            "published-key",
            Level.ADVICE,
            f"From here {config.jwks_url} leads to a private address, so it was not asked.",
            "Open it from outside your network: it must show the key above, without a sign-in.",
        )
    except (SmartError, IDTokenKeyUnknown) as error:
        return problem(
            "published-key",
            f"{config.jwks_url} does not show the key that signs: {error.detail}.",
            "Start the server; let PUBLIC_URL and the proxy in front lead to it, without a "
            "redirect or a sign-in; empty caches in between.",
        )
    return ok("published-key", f"{config.jwks_url} shows it.")
