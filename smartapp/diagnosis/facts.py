"""What is known beside the timeline of an attempt, gathered when an administrator asks why.

The database knows the registration as it is now, what the EHR was last seen to publish, the key
that signed and who has fetched it. The live checks are those of `doctor`: they ask the EHR, and
our own public address as an EHR would, so they run only when a person says so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from urllib.parse import quote_plus

from django.utils import timezone

from smartapp import http
from smartapp.keys.models import JWKSFetch, SigningKey
from smartapp.launches.models import LaunchEvent, Step
from smartapp.protocol.errors import ClientKeyError
from smartapp.registrations import doctor, registry
from smartapp.registrations.models import DiscoverySnapshot, Endpoint, Registration
from smartapp.registrations.registry import EndpointConfig

OWN_USER_AGENT = "smartapp"


@dataclass(frozen=True, slots=True)
class Key:
    """The key that signed the assertion, as the database has it now."""

    kid: str
    published_at: datetime
    withdrawn_at: datetime | None
    first_seen_at: datetime | None  # the first fetch, by anybody but us, that showed it


@dataclass(frozen=True, slots=True)
class Known:
    """An endpoint that an unknown `iss` may have meant."""

    name: str
    fhir_base_url: str
    launchable: bool
    registration_id: int


@dataclass(frozen=True, slots=True)
class Facts:
    now: datetime
    config: EndpointConfig | None = None
    published: Mapping[str, Any] = field(default_factory=dict)
    key: Key | None = None
    last_fetch_at: datetime | None = None
    came_back: int = 0  # other launches of the same endpoint that the EHR answered
    shares_client_id: tuple[str, ...] = ()
    known: tuple[Known, ...] = ()
    # Whether the client secret has characters that form-encoding changes (RFC 6749 §2.3.1).
    is_secret_encoded: bool = False
    findings: Mapping[str, doctor.Finding] = field(default_factory=dict)

    def problem(self, check: str) -> doctor.Finding | None:
        """Return what a live check found wrong, None where it is right or was not run."""
        finding = self.findings.get(check)
        return finding if finding and finding.level == doctor.Level.PROBLEM else None


def gather(timeline: Sequence[LaunchEvent]) -> Facts:
    """Return what the database knows. A few queries; asks nobody."""
    now = timezone.now()
    endpoint_id = next((one.endpoint_id for one in timeline if one.endpoint_id), 0)
    endpoint = (
        Endpoint.objects.select_related("registration__key_set").filter(pk=endpoint_id).first()
    )
    if endpoint is None:
        return Facts(now, known=_known())
    config = registry.describe(endpoint)
    snapshot = DiscoverySnapshot.objects.filter(endpoint=endpoint, url=config.discovery_url).first()
    fetches = JWKSFetch.objects.filter(key_set__slug=config.key_set_slug).exclude(
        user_agent=OWN_USER_AGENT
    )
    return Facts(
        now,
        config=config,
        published={**(snapshot.document if snapshot else {}), **dict(config.overrides)},
        key=_key(timeline),
        last_fetch_at=fetches.values_list("last_at", flat=True).order_by("-last_at").first(),
        came_back=_came_back(endpoint, timeline),
        is_secret_encoded=_is_secret_encoded(endpoint),
        shares_client_id=tuple(
            Registration.objects.filter(client_id=config.client_id)
            .exclude(pk=config.registration_id)
            .values_list("name", flat=True)
        ),
    )


def _is_secret_encoded(endpoint: Endpoint) -> bool:
    try:
        config = registry.load(endpoint)
    except ClientKeyError:
        return False
    secret = config.client_secret
    return not config.send_secret_as_it_is and quote_plus(secret) != secret


def _known() -> tuple[Known, ...]:
    endpoints = Endpoint.objects.select_related("registration")
    return tuple(
        Known(one.name, one.fhir_base_url, _launchable(one), one.registration_id)
        for one in endpoints.order_by("id")
    )


def _launchable(endpoint: Endpoint) -> bool:
    return endpoint.enabled and endpoint.launchable and endpoint.registration.enabled


def _key(timeline: Sequence[LaunchEvent]) -> Key | None:
    kids = [one.detail.get("assertion_header", {}).get("kid") for one in timeline]
    row = SigningKey.objects.filter(kid__in=[kid for kid in kids if kid]).first()
    if row is None:
        return None
    fetches = JWKSFetch.objects.filter(key_set=row.key_set_id).exclude(user_agent=OWN_USER_AGENT)
    seen = [
        at for at, kids in fetches.values_list("first_at", "kids").iterator() if row.kid in kids
    ]
    return Key(row.kid, row.published_at, row.withdrawn_at, min(seen, default=None))


def _came_back(endpoint: Endpoint, timeline: Sequence[LaunchEvent]) -> int:
    others = LaunchEvent.objects.filter(endpoint=endpoint, step=Step.CALLBACK, code="")
    return others.exclude(attempt=timeline[0].attempt).count()


def checked(facts: Facts) -> Facts:
    """Return the facts with the live checks of the endpoint. Asks the EHR, and ourselves.

    An endpoint whose discovery was never read is left alone: pinning it is a decision.
    """
    if facts.config is None or not facts.config.pinned_hosts:
        return facts
    by_check: dict[str, doctor.Finding] = {}
    for finding in http.run(_findings(facts.config)):
        first = by_check.setdefault(finding.check, finding)
        if first.level != doctor.Level.PROBLEM and finding.level == doctor.Level.PROBLEM:
            by_check[finding.check] = finding
    return replace(facts, findings=by_check)


async def _findings(config: EndpointConfig) -> list[doctor.Finding]:
    return [finding async for finding in doctor.examine(config)]
