"""The key sets of this process in memory: the published keys and the signers.

An EHR fetches our JWKS *while* we wait for its token response, so neither a fetch nor a signature
may need a thread, a query or a lock (docs/architecture.md, "Async"; T24). One `Snapshot` holds
both, so a process never signs with a key that its own JWKS does not contain. The snapshot is
replaced as a whole: every ten seconds, when a key set is requested that it does not contain, and at
once when this process has changed a key. It stays in use while the database is unavailable.
"""

import asyncio
import contextlib
import hashlib
import logging
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count

from django.utils import timezone

from smartapp.database import in_database
from smartapp.exception_reports import cause
from smartapp.keys import fetches
from smartapp.keys.material import PrivateKey, open_private_key
from smartapp.keys.models import SigningKey
from smartapp.logs import Failures
from smartapp.protocol import jwks
from smartapp.protocol.errors import ClientKeyError, ClientKeyUnopened
from smartapp.vault import KeyMissing, VaultError

logger = logging.getLogger(__name__)

REFRESH_SECONDS = 10
SECONDS_BETWEEN_MISSES = 1
# A snapshot older than this does not sign before the database was asked again: a key that was
# dropped meanwhile must not sign.
OLDEST_THAT_SIGNS_SECONDS = 60
DEFAULT_SLUG = "default"


@dataclass(frozen=True, slots=True)
class Signer:
    kid: str
    alg: str
    private_key: PrivateKey = field(repr=False)


@dataclass(frozen=True, slots=True)
class Published:
    """A JWKS as it is sent. `etag` is strong and quoted."""

    slug: str
    body: bytes
    etag: str
    kids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Term:
    """A signer and the period in which it signs."""

    signer: Signer
    signs_from: datetime
    signs_until: datetime | None

    def is_over(self, now: datetime) -> bool:
        return self.signs_until is not None and self.signs_until <= now


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The key sets at one moment. `terms` is keyed by slug and algorithm."""

    number: int = 0
    published: Mapping[str, Published] = field(default_factory=dict)
    terms: Mapping[tuple[str, str], tuple[Term, ...]] = field(default_factory=dict)
    default_slug: str = ""
    # Lines of which a key signs that this process lacks the encryption key of.
    unopened: frozenset[tuple[str, str]] = frozenset()

    def signer(self, slug: str, alg: str, now: datetime) -> Signer | None:
        """Return the key whose term it is. Where this machine's clock is behind the one that wrote
        the terms, perhaps none has begun: then the first one, which signs everywhere else."""
        terms = [t for t in self.terms.get((slug, alg), ()) if not t.is_over(now)]
        first = min(terms, key=lambda term: term.signs_from, default=None)
        return first.signer if first else None

    def previous_signer(self, slug: str, alg: str, now: datetime) -> Signer | None:
        """Return the key that signed before and is still published; a line has at most one."""
        return next((t.signer for t in self.terms.get((slug, alg), ()) if t.is_over(now)), None)

    def private_keys(self) -> dict[str, PrivateKey]:
        """Return the private keys by kid, so that each is opened and parsed once per process."""
        return {t.signer.kid: t.signer.private_key for ts in self.terms.values() for t in ts}


_snapshot = Snapshot()
_numbers = count(1)
_refreshed_at = -float(SECONDS_BETWEEN_MISSES)
_seen_at = -float(OLDEST_THAT_SIGNS_SECONDS)  # when the database was last read successfully
_next_refresh: asyncio.Task[None] | None = None
_unopened: set[str] = set()  # keys of which the log has been told
# Wakes the task that keeps this process fresh; None if no such task runs.
_waker: tuple[asyncio.AbstractEventLoop, asyncio.Event] | None = None


async def signer(slug: str, alg: str, *, now: datetime | None = None) -> Signer:
    """Return the key that signs for this key set and algorithm now.

    Reads memory only, except when another process has just created the key set or line, or when the
    snapshot is a minute old. Raises ClientKeyError if there is no signer, ClientKeyUnopened if only
    this process has none, and django.db.Error if the database is needed and unavailable.
    """
    found = _snapshot.signer(slug, alg, now or timezone.now())
    if found is None or seconds_since_seen() > OLDEST_THAT_SIGNS_SECONDS:
        await refresh_after_miss()
        found = _snapshot.signer(slug, alg, now or timezone.now())
    if found is None and (slug, alg) in _snapshot.unopened:
        raise ClientKeyUnopened(f"the {alg} key of key set {slug} does not open")
    if found is None:
        raise ClientKeyError(f"key set {slug} has no {alg} key that signs")
    return found


def previous_signer(slug: str, alg: str, *, now: datetime | None = None) -> Signer | None:
    """Return the key that signed before the present one and is still published, from memory only.
    None if there is none: a retired key leaves the JWKS when no EHR can need it any more, and a
    compromised key leaves it at once."""
    return _snapshot.previous_signer(slug, alg, now or timezone.now())


def published(slug: str = "") -> Published | None:
    """Return the JWKS of a key set, from memory only; None if memory does not have it. Without a
    slug it is the key set behind `/.well-known/jwks.json`: the one named "default", else the
    oldest."""
    return _snapshot.published.get(slug or _snapshot.default_slug)


def seconds_since_seen() -> float:
    """Return the age of the snapshot, in seconds."""
    return time.monotonic() - _seen_at


def can_sign() -> bool:
    """Return whether any key signs now; for `/readyz`."""
    now = timezone.now()
    return any(not term.is_over(now) for terms in _snapshot.terms.values() for term in terms)


def forget() -> None:
    """Forget everything: in tests the database ends before the process does."""
    global _snapshot, _refreshed_at, _seen_at, _next_refresh
    _snapshot = Snapshot()
    _refreshed_at = -float(SECONDS_BETWEEN_MISSES)
    _seen_at = -float(OLDEST_THAT_SIGNS_SECONDS)
    _next_refresh = None
    _unopened.clear()
    fetches.forget()


async def refresh() -> None:
    """Replace the snapshot with the state of the database. Raises django.db.Error."""
    global _snapshot, _refreshed_at, _seen_at
    _refreshed_at = asked_at = time.monotonic()
    loaded = await in_database(_load, next(_numbers), _snapshot.private_keys())
    # Two refreshes may overlap: the one that started last wins, not the one that ends last.
    if loaded.number > _snapshot.number:
        _snapshot, _seen_at = loaded, asked_at


async def refresh_after_miss() -> None:
    """Wait for a refresh that starts after this call. All callers share it, at most one per second.

    Strangers can request key sets that do not exist as often as they like.
    """
    global _next_refresh
    task = _next_refresh
    if task is None or task.get_loop() is not asyncio.get_running_loop():
        task = _next_refresh = asyncio.create_task(_refresh_when_allowed())
    await asyncio.shield(task)


async def _refresh_when_allowed() -> None:
    global _next_refresh
    await asyncio.sleep(max(0.0, _refreshed_at + SECONDS_BETWEEN_MISSES - time.monotonic()))
    # The query starts now. A later miss needs a new one.
    _next_refresh = None
    await refresh()


def refresh_soon() -> None:
    """Refresh this process now instead of within ten seconds. Called by sync code that changed a
    key: a key that an attacker may have must leave the JWKS at once."""
    if _waker is not None:
        loop, wake = _waker
        with contextlib.suppress(RuntimeError):  # the loop is closed: no task to wake
            loop.call_soon_threadsafe(wake.set)


async def keep_fresh() -> None:
    """Refresh for ever and record the fetches, for the first time in REFRESH_SECONDS: who starts
    this has just refreshed. The snapshot stays in use while the database is unavailable."""
    global _waker
    wake = asyncio.Event()
    failures = Failures(logger, "key sets not refreshed, the previous ones stay")
    _waker = asyncio.get_running_loop(), wake
    while True:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(wake.wait(), REFRESH_SECONDS)
        wake.clear()
        try:
            await refresh()
            await fetches.flush()
            await fetches.settle()
            failures.worked()
        except Exception as exc:
            # Any error: if this loop ended, old keys would stay in memory for good.
            failures.failed(cause(exc))


def _load(number: int, known: Mapping[str, PrivateKey]) -> Snapshot:
    """Return a snapshot read with one statement: two could see two different states."""
    rows = (
        SigningKey.objects.filter(withdrawn_at=None)
        .select_related("key_set")
        .order_by("key_set__created_at", "key_set_id", "id")
    )
    by_slug: dict[str, list[SigningKey]] = defaultdict(list)
    for row in rows:
        by_slug[row.key_set.slug].append(row)
    terms, unopened = _terms(rows, known)
    return Snapshot(
        number=number,
        published={slug: _published(slug, keys) for slug, keys in by_slug.items()},
        terms=terms,
        unopened=unopened,
        default_slug=DEFAULT_SLUG if DEFAULT_SLUG in by_slug else next(iter(by_slug), ""),
    )


def _published(slug: str, keys: list[SigningKey]) -> Published:
    body = jwks.jwks_document(key.public_jwk for key in keys)
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    return Published(slug, body, etag, tuple(key.kid for key in keys))


def _terms(
    rows: Iterable[SigningKey], known: Mapping[str, PrivateKey]
) -> tuple[dict[tuple[str, str], tuple[Term, ...]], frozenset[tuple[str, str]]]:
    """Return the published keys that sign or have signed, each with its period, and the lines with
    one that this process lacks the encryption key of."""
    terms: dict[tuple[str, str], tuple[Term, ...]] = defaultdict(tuple)
    unopened: set[tuple[str, str]] = set()
    for row in rows:
        if row.signs_from is None:
            continue
        try:
            private_key = known.get(row.kid) or open_private_key(row)
        except VaultError as exc:
            # One unreadable row must not stop the other key sets.
            if isinstance(exc, KeyMissing):
                unopened.add((row.key_set.slug, row.alg))
            if row.kid not in _unopened:  # it is read again every ten seconds
                _unopened.add(row.kid)
                logger.error("signing key %s does not open: %s", row.kid, exc)
            continue
        term = Term(Signer(row.kid, row.alg, private_key), row.signs_from, row.signs_until)
        terms[row.key_set.slug, row.alg] += (term,)
    return dict(terms), frozenset(unopened)
