"""Which EHR fetched our JWKS: most likely the one that we were asking for a token just then.

An EHR whose copy is out of date fetches while it has our assertion in its hands. So each request
for a token is remembered for half a minute and then compared with the fetches that are written
down. Not only with this process's: the fetch may have come to another one. On the path of the
request that costs an entry in a list.

It is evidence, not proof: an address and a moment are what a stranger can have too. It is shown to
administrators, and no step depends on it.
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

# Every process writes down its fetches each ten seconds: after this, none is missing.
REMEMBERED_FOR = timedelta(seconds=40)
MAX_REMEMBERED = 1_000  # per process; of a flood the newest are compared
CLOCKS = timedelta(seconds=1)  # by which the machines of this app may differ
# A visitor that came this many times as often with one EHR as with another is the one.
CLEARLY = 3
# One that came this many times as often as it coincided with anybody comes anyway: it polls.
ANYWAY = 20


@dataclass(slots=True)
class Asked:
    """A request for a token: of which registration, signed with which key set, from when until
    when; `until` is None while the EHR has not answered."""

    slug: str
    registration: str
    since: datetime
    until: datetime | None = None

    def covers(self, at: datetime, now: datetime) -> bool:
        return self.since - CLOCKS <= at <= (self.until or now) + CLOCKS


_asked: deque[Asked] = deque(maxlen=MAX_REMEMBERED)


@contextmanager
def asking(slug: str, registration: str) -> Iterator[None]:
    """An EHR has an assertion signed with this key set in its hands while the block runs."""
    asked = Asked(slug, registration, timezone.now())
    _asked.append(asked)
    try:
        yield
    finally:
        asked.until = timezone.now()


def forget() -> None:
    """Forget what was asked: a test's database ends, the process does not."""
    _asked.clear()


async def settle() -> None:
    """Write down which fetches came while which EHR was asked. Raises django.db.Error."""
    now = timezone.now()
    while _asked and (_asked[0].until or now) < now - REMEMBERED_FOR:
        _asked.popleft()
    if _asked:
        await in_database(_settle, list(_asked), now)


def _settle(asked: list[Asked], now: datetime) -> None:
    """One transaction, its rows in the order in which `fetches` writes them: no deadlock. Sorted
    here, as a database may sort text otherwise."""
    since = min(one.since for one in asked) - CLOCKS
    recent = (
        JWKSFetch.objects.filter(key_set__slug__in={one.slug for one in asked})
        .filter(Q(last_at__gte=since) | Q(first_at__gte=since))
        .exclude(address="")
        .exclude(user_agent=OURSELVES)
        .select_related("key_set")
    )
    found = [fetch for fetch in sorted(recent, key=_place) if _note(fetch, asked, now)]
    with transaction.atomic():
        for pk in [fetch.pk for fetch in found]:
            # Another process may have noted it, or purged it, since we looked.
            fetch = recent.select_for_update(of=("self",)).filter(pk=pk).first()
            if fetch and _note(fetch, asked, now):
                fetch.save(update_fields=["during"])


def _place(fetch: JWKSFetch) -> tuple[str, str, str, str]:
    return fetch.key_set.slug, fetch.etag, fetch.address, fetch.user_agent


def _note(fetch: JWKSFetch, asked: list[Asked], now: datetime) -> bool:
    """Add the EHRs that were asked when this visitor came; whether there was something to add.

    Each fetch counts once for each EHR, however often it is looked at.
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
    """Who a visitor is, as far as anybody can tell: slugs of registrations. Several: one of them;
    none, for all the `times` that it coincided: it comes so often that this means nothing.
    `certain` is False where nothing speaks for it but that nobody else could be meant."""

    registrations: tuple[str, ...]
    times: int
    certain: bool


def visitors(key_set: KeySet, registrations: Mapping[str, str]) -> dict[Visitor, Likely]:
    """Return who each visitor of the key set is likely to be, out of these registrations."""
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
