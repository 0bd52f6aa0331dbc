"""What each EHR has published: one row for each change, not for each time it is read (C14).

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
from smartapp.protocol.errors import SmartError
from smartapp.registrations.models import DiscoverySnapshot, Endpoint
from smartapp.registrations.registry import EndpointConfig

USABLE_FOR = timedelta(hours=24)
SEEN_EVERY = timedelta(minutes=10)
SNAPSHOTS_KEPT = 20


def digest(document: dict[str, Any]) -> str:
    """Return the same digest for the same members, whatever their order."""
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def record(config: EndpointConfig, document: Discovery, *, now: datetime) -> None:
    """Store that the EHR published this now; write nothing if that was stored a short while ago."""
    fingerprint = digest(document.document)
    newest = _snapshots(config).only("digest", "last_seen_at").first()
    if newest and newest.digest == fingerprint and now - newest.last_seen_at < SEEN_EVERY:
        return
    with transaction.atomic():
        # Locked, so that two processes that see the same change write only one row.
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
    """Return the EHR's last known document, however old."""
    return _snapshots(config).first()


def documents(config: EndpointConfig) -> list[dict[str, Any]]:
    """Return the documents that were read at the present address of its discovery, newest first."""
    return list(_snapshots(config).values_list("document", flat=True))


def _forget_the_oldest(config: EndpointConfig) -> None:
    """Delete old rows: a document that changes each time must not fill the database."""
    kept = list(_snapshots(config).values_list("pk", flat=True)[:SNAPSHOTS_KEPT])
    _snapshots(config).exclude(pk__in=kept).delete()


def usable_documents(
    config: EndpointConfig, *, now: datetime
) -> list[tuple[dict[str, Any], float]]:
    """Return the EHR's documents of the last 24 hours with their age in seconds, newest first
    (C15)."""
    seen = _snapshots(config).filter(last_seen_at__gt=now - USABLE_FOR)
    return [(one.document, (now - one.last_seen_at).total_seconds()) for one in seen]


def seen_since(moment: datetime) -> set[int]:
    """Return the ids of the endpoints whose discovery was read since then."""
    seen = DiscoverySnapshot.objects.filter(last_seen_at__gt=moment)
    return set(seen.values_list("endpoint_id", flat=True))


@dataclass(frozen=True, slots=True)
class Difference:
    """A changed member of the document, as text; empty if it does not exist. For a list that
    existed before and after, only the removed and added items."""

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
    """Return the parsed document, without the addresses that are overridden (`trust`)."""
    return published.parse_discovery(
        body,
        fhir_base_url=config.fhir_base_url,
        allow_http=settings.ALLOW_LOOPBACK_EHRS,
        ignored=dict(config.overrides),
    )


def parse_again(document: dict[str, Any], config: EndpointConfig) -> Discovery:
    """Return a stored document parsed by today's rules. Raises DiscoveryInvalid."""
    return parse_discovery(json.dumps(document).encode(), config)


def parse_if_allowed(document: dict[str, Any], config: EndpointConfig) -> Discovery:
    """Return the same; an empty document if today's rules refuse it."""
    try:
        return parse_again(document, config)
    except SmartError:
        return parse_again({}, config)


def last_read(config: EndpointConfig) -> Discovery:
    """Return the EHR's last known document; an empty one if there is none, or if today's rules
    refuse it."""
    snapshot = newest(config)
    return parse_if_allowed(snapshot.document if snapshot else {}, config)
