"""Launches in the session database.

Every function is one short, synchronous piece of database work; async code calls it through
`database.in_database`. Every lookup filters on session and expiry.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import IntegrityError, transaction
from django.db.models import F, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce, Now
from django.utils import timezone

from smartapp.brands import chosen
from smartapp.brands.models import Brand
from smartapp.chart.page import OpenLaunch, launch_code
from smartapp.database import insert, update
from smartapp.launches import pending_revocations, refresh_failure
from smartapp.launches import tokens as launch_tokens
from smartapp.launches.cookies import SessionKey
from smartapp.launches.models import EndReason, Launch, LaunchKind, Revocation
from smartapp.launches.refresh_failure import RefreshFailure
from smartapp.launches.session_length import SessionLength
from smartapp.launches.tokens import LaunchTokens
from smartapp.protocol.errors import (
    EndedByAdministrator,
    LaunchEnded,
    LaunchNotFound,
    StateAlreadyUsed,
    TokensUnopened,
)
from smartapp.protocol.token import Issued
from smartapp.registrations import registry
from smartapp.registrations.registry import EndpointConfig
from smartapp.vault import KeyMissing, VaultError

USE_WRITTEN_EVERY = timedelta(minutes=1)
OVER_FOR_GOOD = datetime(1970, 1, 2, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class StoredLaunch:
    """A launch as it was read at one moment."""

    uuid: UUID
    session_digest: str = field(repr=False)
    session_expires_at: datetime
    lasts_until: datetime | None
    endpoint_id: int
    endpoint_slug: str
    # The brand's name if the person chose a brand.
    endpoint_name: str
    brand_id: int | None
    fhir_base_url: str
    registration_slug: str
    registration_name: str
    frame_ancestors: tuple[str, ...]
    # False if an administrator has switched off the endpoint or its registration.
    is_enabled: bool
    kind: LaunchKind
    launched_at: datetime
    state_digest: str = field(repr=False)
    tokens: LaunchTokens | None
    access_token_expires_at: datetime | None
    token_version: int
    # Whether a live process refreshes the launch now, or one died while it did. Measured by the
    # database's clock, because the clocks of the machines may differ by more than a lease.
    is_being_refreshed: bool
    is_refresh_abandoned: bool
    refresh_not_before: datetime | None
    # For how long no refresh may begin after a failed one, by the database's clock too; 0 or less
    # if one may.
    refresh_waits_seconds: float
    refresh_failure: RefreshFailure | None
    refresh_uncertain_at: datetime | None
    # Whether refresh tokens outlive a refresh, according to the registration (C124).
    refresh_tokens_persist: bool
    # The identifier system of the patient's record number, according to the registration.
    record_number_system: str
    ended_at: datetime | None
    end_reason: str

    @property
    def start_again_url(self) -> str:
        """Where to start the launch again; "" for an EHR launch, which only starts in the EHR."""
        if self.kind != LaunchKind.STANDALONE:
            return ""
        return chosen.connect_url(self.endpoint_slug, self.brand_id)


def consume_state(
    config: EndpointConfig,
    *,
    kind: LaunchKind,
    state_digest: str,
    launched_at: datetime,
    brand_id: int | None = None,
) -> UUID:
    """Use up a state by inserting its launch, before anything is sent (C50).

    The digest is unique, so only one of two parallel callbacks goes on and the other gets
    StateAlreadyUsed. Raises registry.Outdated if an administrator has changed something since the
    endpoint was read.
    """
    registry.refuse_outdated(config)
    uuid = uuid4()
    is_known = brand_id is not None and Brand.objects.filter(pk=brand_id).exists()
    try:
        insert(
            Launch,
            uuid=uuid,
            endpoint_id=config.endpoint_id,
            kind=kind,
            state_digest=state_digest,
            launched_at=launched_at,
            brand_id=brand_id if is_known else None,
        )
    except IntegrityError:
        raise StateAlreadyUsed("the state digest is already in the table") from None
    return uuid


def complete(
    uuid: UUID,
    tokens: LaunchTokens,
    *,
    access_token_expires_at: datetime,
    key: SessionKey,
    length: SessionLength,
    now: datetime,
    beside: list[str],
    replaced: list[str],
) -> None:
    """Store the tokens of the launch and a session of its own, in one transaction. A session that
    is not lasting has an idle limit too (T18).

    `beside` are the digests of the other sessions of this browser; those of another person end
    here. `replaced` are those whose cookies the browser has no room for any more; they end here
    too.

    Raises EndedByAdministrator if the launch was ended during its code exchange; nothing is stored
    then.
    """
    latest = now + length.latest
    ends = latest if length.is_lasting else idle_end(now, latest)
    with transaction.atomic():
        gone = list(replaced)
        gone += _sessions_of_another_person(uuid, tokens, beside)
        insert(Session, session_key=key.digest, expire_date=ends)
        tokens_stored = {
            "session_id": key.digest,
            "lasts_until": None if length.is_lasting else latest,
            "sealed_tokens": launch_tokens.seal(tokens, uuid),
            "access_token_expires_at": access_token_expires_at,
            "token_version": 1,
        }
        completed = update(Launch, uuid, tokens_stored, only_where_null="ended_at")
        if not completed:
            raise EndedByAdministrator(f"launch {uuid} was ended during its code exchange")
        if gone:
            # The rows are deleted with their sessions; the pending revocations stay.
            closed = Launch.objects.filter(session__in=gone, ended_at=None)
            hand_over_batch(closed, EndReason.NOT_REVOKED, now)
            Session.objects.filter(session_key__in=gone).delete()


def _sessions_of_another_person(
    uuid: UUID, tokens: LaunchTokens, session_digests: list[str]
) -> list[str]:
    """Return the sessions that belong, or may belong, to a different person than the one who has
    just signed in. On a shared workstation the next person must not inherit the open pages of the
    last one (T18).

    A different `sub` of the same issuer is a different person. A different issuer proves nothing,
    because people use more than one EHR. If an EHR did not say who signed in, before or now, it may
    be a different person.
    """
    if not session_digests:
        return []
    own_endpoint = Launch.objects.filter(uuid=uuid).values("endpoint_id")
    rows = Launch.objects.filter(session__in=session_digests, ended_at=None)
    rows = rows.annotate(at_same_endpoint=Q(endpoint_id=Subquery(own_endpoint)))
    return [
        row.session_id
        for row in rows.only("session_id", "sealed_tokens")
        if row.session_id and _may_be_another_person(tokens, row, row.at_same_endpoint)
    ]


def _may_be_another_person(tokens: LaunchTokens, launch: Launch, at_same_endpoint: bool) -> bool:
    try:
        other = launch_tokens.unseal(launch.sealed_tokens, launch.uuid)
    except VaultError:  # it must not block the new launch
        return True
    if tokens.id_token_sub is None or other.id_token_sub is None:
        return at_same_endpoint
    same_issuer = other.id_token_iss == tokens.id_token_iss
    return same_issuer and other.id_token_sub != tokens.id_token_sub


def close_unfinished(
    uuid: UUID, config: EndpointConfig, issued: Issued | None, *, was_sent: bool
) -> None:
    """Close a launch that did not complete, and hand over the tokens that the EHR issued; the row
    keeps its state used.

    If the code was certainly not sent, delete the launch instead: the same answer of the EHR may
    come again in a moment.
    """
    unfinished = Launch.objects.filter(uuid=uuid, ended_at=None)
    if not was_sent:
        unfinished.filter(session=None).delete()
        return
    with transaction.atomic():
        mark_ended(unfinished, EndReason.FAILED, timezone.now())
        hand_over(uuid, config.endpoint_id, issued)


def hand_over(
    uuid: UUID, endpoint_id: int, issued: Issued | None, *, was_sent: bool = True
) -> None:
    """Add a pending revocation for tokens that no launch keeps (C133)."""
    if was_sent and issued is not None:
        row = pending_revocations.revocation_of(uuid, endpoint_id, issued, timezone.now())
        row.save(force_insert=True)


def find(uuid: UUID, session_digest: str, now: datetime) -> StoredLaunch:
    """Return the launch with this uuid in this session while the session lives (C154, C155).

    Raises LaunchNotFound otherwise, so that another browser does not learn whether it exists.
    Raises TokensUnopened if this process lacks the key of its tokens, and LaunchEnded if they are
    those of another launch, or were changed.
    """
    return _find(now, uuid=uuid, session=session_digest)


def idle_end(now: datetime, latest: datetime) -> datetime:
    """Return when a launch that is used now ends if it is not used again (T18)."""
    return min(now + timedelta(minutes=settings.IDLE_MINUTES), latest)


def find_in_use(uuid: UUID, session_digest: str, now: datetime) -> StoredLaunch:
    """Return the launch as `find` does, and extend its session because a person uses it now."""
    return used(find(uuid, session_digest, now), now)


def used(launch: StoredLaunch, now: datetime) -> StoredLaunch:
    """Extend the session of this launch because a person uses it now.

    Writes at most once a minute, or four times per idle limit if that is shorter.
    """
    if launch.lasts_until is None or launch.ended_at is not None:
        return launch
    end = idle_end(now, launch.lasts_until)
    if end - launch.session_expires_at < _use_is_written_every():
        return launch
    lives = Session.objects.filter(session_key=launch.session_digest, expire_date__gt=now)
    if not lives.update(expire_date=end):
        raise LaunchNotFound("its session ended at this moment")
    return replace(launch, session_expires_at=end)


def _use_is_written_every() -> timedelta:
    return min(USE_WRITTEN_EVERY, timedelta(minutes=settings.IDLE_MINUTES) / 4)


def find_for_administrator(uuid: UUID, now: datetime) -> StoredLaunch:
    """Return a launch with a live session by its uuid alone: for an administrator's actions, never
    for showing its content. Raises the errors of `find`."""
    return _find(now, uuid=uuid)


def _find(now: datetime, **lookup: UUID | str) -> StoredLaunch:
    launch = (
        Launch.objects.select_related("session", "endpoint__registration", "brand")
        .filter(**lookup)
        .annotate(lease_is_over=Q(refresh_lease_until__lte=Now()), read_at=Now())
        .first()
    )
    if launch is None or launch.session is None or _is_over(launch.session, now):
        raise LaunchNotFound("no launch of that uuid in this browser's sessions")
    waits = 0.0
    if launch.refresh_not_before is not None:
        waits = (launch.refresh_not_before - launch.read_at).total_seconds()
    return _stored(launch, launch.session, lease_is_over=bool(launch.lease_is_over), waits=waits)


def _is_over(session: Session, now: datetime) -> bool:
    """Return whether a session has expired. It stays over from then on, also if the clock is set
    back before it is purged."""
    if session.expire_date > now:
        return False
    if session.expire_date > OVER_FOR_GOOD:
        Session.objects.filter(pk=session.pk, expire_date__lte=now).update(
            expire_date=OVER_FOR_GOOD
        )
    return True


def _stored(launch: Launch, session: Session, *, lease_is_over: bool, waits: float) -> StoredLaunch:
    uuid = launch.uuid
    is_leased = launch.refresh_lease_until is not None
    try:
        tokens = launch_tokens.unseal(launch.sealed_tokens, uuid) if launch.sealed_tokens else None
    except VaultError as error:
        kind = TokensUnopened if isinstance(error, KeyMissing) else LaunchEnded
        raise kind(f"the tokens of launch {uuid} do not open: {error}") from error
    return StoredLaunch(
        uuid=uuid,
        session_digest=session.pk,
        session_expires_at=session.expire_date,
        lasts_until=launch.lasts_until,
        endpoint_id=launch.endpoint_id,
        endpoint_slug=launch.endpoint.slug,
        endpoint_name=launch.brand.name if launch.brand else launch.endpoint.name,
        brand_id=launch.brand_id,
        fhir_base_url=launch.endpoint.fhir_base_url,
        registration_slug=launch.endpoint.registration.slug,
        registration_name=launch.endpoint.registration.name,
        frame_ancestors=tuple(launch.endpoint.registration.frame_ancestors),
        is_enabled=launch.endpoint.enabled and launch.endpoint.registration.enabled,
        kind=LaunchKind(launch.kind),
        launched_at=launch.launched_at,
        state_digest=launch.state_digest,
        tokens=tokens,
        access_token_expires_at=launch.access_token_expires_at,
        token_version=launch.token_version,
        is_being_refreshed=is_leased and not lease_is_over,
        is_refresh_abandoned=is_leased and lease_is_over,
        refresh_not_before=launch.refresh_not_before,
        refresh_waits_seconds=waits,
        refresh_failure=refresh_failure.unseal(launch.sealed_refresh_failure, uuid),
        refresh_uncertain_at=launch.refresh_uncertain_at,
        refresh_tokens_persist=launch.endpoint.registration.refresh_tokens_persist,
        record_number_system=launch.endpoint.registration.record_number_system,
        ended_at=launch.ended_at,
        end_reason=launch.end_reason,
    )


def is_used(state_digest: str) -> bool:
    """Return whether a launch has used up this state."""
    return Launch.objects.filter(state_digest=state_digest).exists()


def finished_with(
    state_digest: str, session_digests: Iterable[str], now: datetime
) -> tuple[bool, UUID | None]:
    """Return whether this state was ever used, and its launch if that is in one of this browser's
    sessions. So a reloaded callback leads to the finished launch."""
    row = (
        Launch.objects.filter(state_digest=state_digest)
        .values_list("uuid", "session", "session__expire_date")
        .first()
    )
    if row is None:
        return False, None
    uuid, session, expires_at = row
    mine = session in set(session_digests) and expires_at > now
    return True, uuid if mine else None


def open_launches(session_digests: Iterable[str], now: datetime) -> tuple[OpenLaunch, ...]:
    """Return the open launches of these sessions, newest first."""
    rows = (
        Launch.objects.filter(
            session__in=list(session_digests), session__expire_date__gt=now, ended_at=None
        )
        .order_by("-launched_at")
        .values_list("uuid", Coalesce("brand__name", "endpoint__name"), "kind", "launched_at")
    )
    return tuple(
        OpenLaunch(f"/launches/{uuid}/", name, LaunchKind(kind).on_page, at, launch_code(uuid))
        for uuid, name, kind, at in rows
    )


def _unended(launch: StoredLaunch) -> QuerySet[Launch]:
    """Select the launch's row if it has not ended and is still in its session."""
    return Launch.objects.filter(uuid=launch.uuid, session=launch.session_digest, ended_at=None)


def at_version(launch: StoredLaunch) -> QuerySet[Launch]:
    """The same, if its tokens have not changed since it was read."""
    return _unended(launch).filter(token_version=launch.token_version)


def end_and_hand_over(
    launch: StoredLaunch, reason: EndReason, now: datetime, *, lease: bool = False
) -> UUID | None:
    """End a launch, and keep its sealed tokens only for the revocation at the EHR (C133).

    The row keeps the reason until its session ends. Return the revocation, or None if the launch
    had already ended. `lease`: the caller sends it.
    """
    with transaction.atomic():
        ended = hand_over_batch(_unended(launch), reason, now, lease=lease)
    return ended[0] if ended else None


def hand_over_batch(
    launches: QuerySet[Launch], reason: EndReason, now: datetime, *, lease: bool = False
) -> list[UUID | None]:
    """End these launches as `end_and_hand_over` does. Return the revocation of each, or None if it
    has no tokens yet. The caller opens the transaction and passes at most a few hundred launches.
    `lease`: the caller sends the revocations itself.

    The rows are locked, so that no refresh can store tokens between the two statements.
    """
    held = list(launches.select_for_update().values_list("uuid", "endpoint_id", "sealed_tokens"))
    rows = [pending_revocations.revocation_of_sealed(*one, now, lease=lease) for one in held]
    Revocation.objects.bulk_create(filter(None, rows))
    mark_ended(Launch.objects.filter(pk__in=[uuid for uuid, _, _ in held]), reason, now)
    return [row.pk if row else None for row in rows]


def end_as_invalid(launch: StoredLaunch, now: datetime) -> None:
    """End a launch whose refresh token, in this reading of it, the EHR called invalid. That says
    nothing about a newer one, and leaves nothing to revoke."""
    mark_ended(at_version(launch), EndReason.INVALID_GRANT, now)


def end_as_unauthorized(launch: StoredLaunch, now: datetime) -> None:
    """End a launch whose access token, in this reading of it, the FHIR server refuses. That says
    nothing about a newer one. The authorization server may go on accepting the refresh token."""
    with transaction.atomic():
        hand_over_batch(at_version(launch), EndReason.UNAUTHORIZED, now)


def mark_ended(launches: QuerySet[Launch], reason: EndReason, now: datetime) -> None:
    """Write the end of these launches into their rows, without their tokens."""
    launches.update(
        sealed_tokens="",
        access_token_expires_at=None,
        refresh_lease_until=None,
        sealed_refresh_failure="",
        token_version=F("token_version") + 1,
        ended_at=now,
        end_reason=reason,
    )
