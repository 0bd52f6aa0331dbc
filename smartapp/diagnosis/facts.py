"""What is known beside the timeline of an attempt, gathered when an administrator asks why: the
registration as it is now, what the EHR was last seen to publish, the key that signed and who has
fetched it. Asks nobody: what the doctor's checks find just now is put into `findings`."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils import timezone

from smartapp.diagnosis.finding import SEEN, Finding
from smartapp.keys import fetches
from smartapp.keys.models import JWKSFetch, SigningKey
from smartapp.launches.models import LaunchEvent, Step
from smartapp.protocol.errors import ClientKeyError
from smartapp.registrations import registering, registry
from smartapp.registrations.models import DiscoverySnapshot, Endpoint, Registration
from smartapp.registrations.registry import EndpointConfig


@dataclass(frozen=True, slots=True)
class Facts:
    now: datetime
    config: EndpointConfig | None = None
    published: Mapping[str, Any] = field(default_factory=dict)
    key: SigningKey | None = None  # that signed the assertion, as the database has it now
    is_key_seen: bool = False  # whether anybody but us has fetched it
    is_key_copied: bool = False  # whether the EHR has a copy of our keys, and fetches none
    last_fetch_at: datetime | None = None
    came_back: int = 0  # other launches of the same endpoint that the EHR answered
    shares_client_id: tuple[str, ...] = ()
    known: tuple[Endpoint, ...] = ()  # which an unknown `iss` may have meant
    # Whether the client secret has characters that form-encoding changes (RFC 6749 §2.3.1).
    is_secret_encoded: bool = False
    findings: Mapping[str, Finding] = field(default_factory=dict)

    def problem(self, check: str) -> Finding | None:
        """Return what a check found wrong just now, None where it is right or was not run."""
        finding = self.findings.get(check)
        return finding if finding and finding.certainty >= SEEN else None


def gather(timeline: Sequence[LaunchEvent], found: Iterable[Finding] = ()) -> Facts:
    """Return what is known beside a timeline; `found` is what was just looked at again."""
    findings: dict[str, Finding] = {}
    for one in sorted(found, key=lambda finding: -finding.certainty):
        findings.setdefault(one.check, one)
    endpoint = endpoint_of(timeline)
    if endpoint is None:
        known = Endpoint.objects.select_related("registration").order_by("id")
        return Facts(timezone.now(), known=tuple(known), findings=findings)
    kids = [one.detail.get("assertion_header", {}).get("kid") for one in timeline]
    attempts = {one.attempt for one in timeline}
    return _of(endpoint, [kid for kid in kids if kid], attempts, findings)


def of_endpoint(config: EndpointConfig) -> Facts:
    """Return what is known of an endpoint that nobody is launching; its key is the one that signs.
    The endpoint is stored."""
    endpoint = Endpoint.objects.select_related("registration__key_set").get(pk=config.endpoint_id)
    keys = SigningKey.objects.filter(key_set__slug=config.key_set_slug, alg=config.alg)
    signs = keys.filter(signs_from__isnull=False, signs_until=None)
    return _of(endpoint, signs.values_list("kid", flat=True)[:1], (), {})


def endpoint_of(timeline: Sequence[LaunchEvent]) -> Endpoint | None:
    found = next((one.endpoint_id for one in timeline if one.endpoint_id), 0)
    return Endpoint.objects.select_related("registration__key_set").filter(pk=found).first()


def _of(
    endpoint: Endpoint,
    kids: Iterable[str],
    attempts: Iterable[str],
    findings: Mapping[str, Finding],
) -> Facts:
    config = registry.describe(endpoint)
    snapshot = DiscoverySnapshot.objects.filter(endpoint=endpoint, url=config.discovery_url).first()
    by_others = JWKSFetch.objects.exclude(user_agent=fetches.OURSELVES)
    written = by_others.filter(key_set__slug=config.key_set_slug).values_list("last_at", "kids")
    fetched = [*written, *fetches.unwritten(config.key_set_slug)]
    others = LaunchEvent.objects.filter(endpoint=endpoint, step=Step.CALLBACK, code="")
    alike = Registration.objects.filter(client_id=config.client_id)
    key = SigningKey.objects.defer("sealed_private_key").filter(kid__in=list(kids)).first()
    return Facts(
        timezone.now(),
        config=config,
        published={**(snapshot.document if snapshot else {}), **dict(config.overrides)},
        key=key,
        is_key_copied=endpoint.registration.key_set.imported_by_vendor,
        is_key_seen=key is not None and any(key.kid in kids for _, kids in fetched),
        last_fetch_at=max((at for at, _ in fetched), default=None),
        came_back=others.exclude(attempt__in=list(attempts)).count(),
        is_secret_encoded=_is_secret_encoded(endpoint),
        shares_client_id=tuple(
            alike.exclude(pk=config.registration_id).values_list("name", flat=True)
        ),
        findings=findings,
    )


def _is_secret_encoded(endpoint: Endpoint) -> bool:
    try:
        secret = registry.load(endpoint).client_secret
    except ClientKeyError:
        return False
    return registering.is_secret_encoded(endpoint.registration, secret)


def is_launchable(endpoint: Endpoint | None) -> bool:
    return (
        endpoint is not None
        and endpoint.enabled
        and endpoint.launchable
        and endpoint.registration.enabled
    )
