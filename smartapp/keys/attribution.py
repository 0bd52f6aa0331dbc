"""Which EHR fetched our JWKS: probably the one that we were asking for a token at that moment.

An EHR whose copy is out of date fetches the JWKS while it handles our token request. So each token
request is remembered for 40 seconds and compared with the fetches in the database. They include
those of other processes, since the fetch may have arrived at another process. A token request pays
for this with one entry in a list.

This is evidence, not proof: a stranger may fetch from the same address at the same moment.
Administrators see it, and no step depends on it.
"""

from collections import Counter, deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from smartapp.database import in_database
from smartapp.keys.fetches import OURSELVES, Visitor
from smartapp.keys.models import JWKSFetch, KeySet

# Each process writes its fetches to the database every ten seconds, so by then all are there.
REMEMBERED_FOR = timedelta(seconds=40)
MAX_REMEMBERED = 1_000  # per process; during a flood only the newest are compared
CLOCKS = timedelta(seconds=1)  # largest expected clock difference between the machines of this app
# A visitor is attributed to an EHR when it coincided with it this many times as often as with any
# other EHR.
CLEARLY = 3
# A visitor that came this many times as often as it coincided with any EHR is polling; its
# coincidences mean nothing.
ANYWAY = 20


@dataclass(slots=True)
class Asked:
    """A token request: its registration, the key set that signed it, its start and its end. `until`
    is None while the EHR has not answered."""

    slug: str
    registration: str
    since: datetime
    until: datetime | None = None

    def covers(self, at: datetime, now: datetime) -> bool:
        return self.since - CLOCKS <= at <= (self.until or now) + CLOCKS


_asked: deque[Asked] = deque(maxlen=MAX_REMEMBERED)


@contextmanager
def asking(slug: str, registration: str) -> Iterator[None]:
    """Record that a token request to this EHR is in progress while the block runs."""
    asked = Asked(slug, registration, timezone.now())
    _asked.append(asked)
    try:
        yield
    finally:
        asked.until = timezone.now()


def forget() -> None:
    """Forget all requests: in tests the database ends before the process does."""
    _asked.clear()


async def settle() -> None:
    """Record which fetches came while which EHR was being asked. Raises django.db.Error."""
    now = timezone.now()
    while _asked and (_asked[0].until or now) < now - REMEMBERED_FOR:
        _asked.popleft()
    if _asked:
        await in_database(_settle, list(_asked), now)


def _settle(asked: list[Asked], now: datetime) -> None:
    """Update the rows in one transaction, in the order in which `fetches` writes them, which rules
    out a deadlock. The sorting is done in Python because databases may sort text differently."""
    since = min(one.since for one in asked) - CLOCKS
    recent = (
        JWKSFetch.objects.filter(key_set__slug__in={one.slug for one in asked})
        .filter(Q(last_at__gte=since) | Q(first_at__gte=since))
        .exclude(address="")
        .exclude(user_agent=OURSELVES)
        .select_related("key_set")
    )
    found = [fetch for fetch in sorted(recent, key=_write_order) if _note(fetch, asked, now)]
    with transaction.atomic():
        for pk in [fetch.pk for fetch in found]:
            # Check again: another process may have updated or purged the row meanwhile.
            fetch = recent.select_for_update(of=("self",)).filter(pk=pk).first()
            if fetch and _note(fetch, asked, now):
                fetch.save(update_fields=["during"])


def _write_order(fetch: JWKSFetch) -> tuple[str, str, str, str]:
    return fetch.key_set.slug, fetch.etag, fetch.address, fetch.user_agent


def _note(fetch: JWKSFetch, asked: list[Asked], now: datetime) -> bool:
    """Add the EHRs that were being asked when this visitor came; return whether the row changed.

    Each fetch counts once for each EHR, however often it is compared.
    """
    changed = False
    for at in sorted({fetch.first_at, fetch.last_at}):
        there = [one for one in asked if one.slug == fetch.key_set.slug and one.covers(at, now)]
        for ehr in {one.registration for one in there}:
            count, last = fetch.during.get(ehr, (0, ""))
            if at.isoformat() > last:
                fetch.during[ehr] = [count + 1, at.isoformat()]
                changed = True
    return changed


@dataclass(frozen=True, slots=True)
class Likely:
    """Which EHR a visitor probably is.

    `registrations`: slugs; with several, it is one of them; with none, it cannot be told. `times`:
    how often the visitor coincided with a token request; many coincidences without a registration
    mean that it comes too often to tell. `certain` is False where the only reason is that no other
    EHR uses the key set.
    """

    registrations: tuple[str, ...]
    times: int
    certain: bool


def visitors(key_set: KeySet, registrations: Mapping[str, str]) -> dict[Visitor, Likely]:
    """Return for each visitor of the key set which of these registrations it probably is."""
    came: dict[Visitor, Counter[str]] = {}
    times: Counter[Visitor] = Counter()
    for fetch in key_set.fetches.exclude(address="").exclude(user_agent=OURSELVES):
        visitor = Visitor(fetch.address, fetch.user_agent)
        times[visitor] += fetch.count
        counts = came.setdefault(visitor, Counter())
        counts.update({ehr: n for ehr, (n, _) in fetch.during.items() if ehr in registrations})
    return {
        visitor: _likely(counts, times[visitor], list(registrations))
        for visitor, counts in came.items()
    }


def _likely(counts: Counter[str], times: int, registrations: list[str]) -> Likely:
    if not counts:
        only = tuple(registrations) if len(registrations) == 1 else ()
        return Likely(only, 0, certain=False)
    most = max(counts.values())
    if times > most * ANYWAY:
        return Likely((), most, certain=False)
    likely = tuple(sorted(ehr for ehr, count in counts.items() if count * CLEARLY > most))
    return Likely(likely, most, certain=len(likely) == 1)
