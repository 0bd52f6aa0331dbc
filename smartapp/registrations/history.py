"""What each EHR published, over time: one row per change, not per look (C14).

The newest row also lets a restarted process launch while the EHR is down.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from smartapp.protocol import discovery as published
from smartapp.protocol.discovery import Discovery
from smartapp.registrations.models import DiscoverySnapshot, Endpoint
from smartapp.registrations.registry import EndpointConfig

USABLE_FOR = timedelta(hours=24)
SEEN_EVERY = timedelta(minutes=10)
SNAPSHOTS_KEPT = 20


def digest(document: dict[str, Any]) -> str:
    """Return the same for the same members, in whatever order an EHR writes them."""
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def record(config: EndpointConfig, document: Discovery, *, now: datetime) -> None:
    """Remember that the EHR published this now; nothing is written where that is known well."""
    fingerprint = digest(document.document)
    newest = _snapshots(config).only("digest", "last_seen_at").first()
    if newest and newest.digest == fingerprint and now - newest.last_seen_at < SEEN_EVERY:
        return
    with transaction.atomic():
        # Locked: two processes that see the same change write one row.
        if not Endpoint.objects.select_for_update().filter(pk=config.endpoint_id):
            return
        newest = _snapshots(config).only("digest").first()
        if newest and newest.digest == fingerprint:
            DiscoverySnapshot.objects.filter(pk=newest.pk).update(last_seen_at=now)
            return
        DiscoverySnapshot.objects.create(
            endpoint_id=config.endpoint_id,
            url=config.discovery_url,
            document=document.document,
            digest=fingerprint,
            fetched_at=now,
            last_seen_at=now,
        )
        _forget_the_oldest(config)


def _snapshots(config: EndpointConfig) -> QuerySet[DiscoverySnapshot]:
    return DiscoverySnapshot.objects.filter(
        endpoint_id=config.endpoint_id, url=config.discovery_url
    )


def newest(config: EndpointConfig) -> DiscoverySnapshot | None:
    """Return what the EHR was last seen to publish, however long ago."""
    return _snapshots(config).first()


def documents(config: EndpointConfig) -> list[dict[str, Any]]:
    """Return what was read where discovery is read now, the newest first."""
    return list(_snapshots(config).values_list("document", flat=True))


def _forget_the_oldest(config: EndpointConfig) -> None:
    """A document that changes with every look must not fill the database."""
    kept = list(_snapshots(config).values_list("pk", flat=True)[:SNAPSHOTS_KEPT])
    _snapshots(config).exclude(pk__in=kept).delete()


def usable_documents(
    config: EndpointConfig, *, now: datetime
) -> list[tuple[dict[str, Any], float]]:
    """Return what the EHR was seen to publish within 24 hours and how many seconds ago, the newest
    first (C15)."""
    seen = _snapshots(config).filter(last_seen_at__gt=now - USABLE_FOR)
    return [(one.document, (now - one.last_seen_at).total_seconds()) for one in seen]


def seen_since(moment: datetime) -> set[int]:
    """Return the endpoints whose discovery was read since then, by id."""
    seen = DiscoverySnapshot.objects.filter(last_seen_at__gt=moment)
    return set(seen.values_list("endpoint_id", flat=True))


@dataclass(frozen=True, slots=True)
class Difference:
    """A member of the document that is not what it was, as text; empty: it is not there. Of a
    list that was and is there, what went and what came."""

    member: str
    before: str
    after: str
    removed: tuple[str, ...] = ()
    added: tuple[str, ...] = ()


def differences(before: dict[str, Any], after: dict[str, Any]) -> list[Difference]:
    return [
        _difference(member, before.get(member), after.get(member))
        for member in sorted(before.keys() | after.keys())
        if before.get(member) != after.get(member)
    ]


def _difference(member: str, before: Any, after: Any) -> Difference:
    if not (isinstance(before, list) and isinstance(after, list)):
        return Difference(member, _text(before), _text(after))
    return Difference(
        member,
        "",
        "",
        removed=tuple(_text(item) for item in before if item not in after),
        added=tuple(_text(item) for item in after if item not in before),
    )


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_text, value))
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value)


def parse_discovery(body: bytes, config: EndpointConfig) -> Discovery:
    """Return what the EHR publishes, without the addresses that are overridden (`trust`)."""
    return published.parse_discovery(
        body,
        fhir_base_url=config.fhir_base_url,
        allow_http=settings.ALLOW_LOOPBACK_EHRS,
        ignored=dict(config.overrides),
    )


def parse_again(document: dict[str, Any], config: EndpointConfig) -> Discovery:
    """Return what a stored document says by the rules of today. Raises DiscoveryInvalid."""
    return parse_discovery(json.dumps(document).encode(), config)
