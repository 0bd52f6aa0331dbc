"""Who has fetched our JWKS and which keys they saw: the evidence that a new key may sign.

A fetch is noted in memory, so that answering it needs no thread and no query (T24). The task that
keeps the key sets fresh writes the notes to the database. Both are bounded, because anyone may
fetch: one row per address, user agent and version of the JWKS. When there is no room for another
row, new visitors are counted together. An address that was seen before keeps its rows, so a flood
cannot hide a known EHR.

An EHR whose copy is out of date fetches the JWKS while it handles our token request. So each token
request is remembered for 40 seconds and compared with the fetches in the database. They include
those of other processes, since the fetch may have arrived at another process. A token request pays
for this with one entry in a list. `evidence` says which EHR a visitor probably is.
"""

from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.db import Error as DatabaseError
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from smartapp.database import delete_batch, in_database
from smartapp.keys.models import JWKSFetch, KeySet

KEPT_FOR = timedelta(days=90)
MAX_NOTED = 200  # per process, between two flushes
MAX_ROWS = 500  # per key set; beyond that, only known addresses get another row
MAX_ROWS_PER_ADDRESS = 20
# Each process writes its fetches to the database every ten seconds, so by then all are there.
REMEMBERED_FOR = timedelta(seconds=40)
MAX_REMEMBERED = 1_000  # per process; during a flood only the newest are compared
CLOCKS = timedelta(seconds=1)  # largest expected clock difference between the machines of this app


@dataclass(frozen=True, slots=True, order=True)
class Visitor:
    """As the ASGI server reports them. Both values come from the other side and prove nothing."""

    address: str
    user_agent: str


OTHERS = Visitor("", "")
# The user agent of this app when it fetches its own keys in a dry run; not counted as evidence.
OURSELVES = "this app itself"


@dataclass(frozen=True, slots=True, order=True)
class Sight:
    """What a visitor saw: one version of a key set's JWKS."""

    slug: str
    etag: str
    visitor: Visitor
    kids: tuple[str, ...]


@dataclass(frozen=True, slots=True, order=True)
class Tally:
    first_at: datetime
    last_at: datetime
    count: int


_noted: dict[Sight, Tally] = {}


def note(slug: str, etag: str, kids: tuple[str, ...], *, visitor: Visitor, now: datetime) -> None:
    """Remember a fetch until the next flush."""
    # Without unprintable characters: PostgreSQL refuses NUL, and pages must not show terminal
    # escapes.
    user_agent = "".join(filter(str.isprintable, visitor.user_agent))[:200]
    known = Visitor(visitor.address[:45], user_agent)
    _note(Sight(slug, etag, known, kids), Tally(now, now, 1))


def _note(sight: Sight, tally: Tally) -> None:
    if sight not in _noted and len(_noted) >= MAX_NOTED:
        sight = replace(sight, visitor=OTHERS)
    _add(_noted, sight, tally)


def _add(tallies: dict[Sight, Tally], sight: Sight, tally: Tally) -> None:
    if before := tallies.get(sight):
        first_at, last_at = min(before.first_at, tally.first_at), max(before.last_at, tally.last_at)
        tally = Tally(first_at, last_at, before.count + tally.count)
    tallies[sight] = tally


def forget() -> None:
    """Forget unwritten notes and all token requests: in tests the database ends before the process
    does."""
    _noted.clear()
    _asked.clear()


def unwritten(slug: str) -> list[tuple[datetime, tuple[str, ...]]]:
    """Return when others than this app fetched a key set, and which keys they saw, of the fetches
    that this process has not written yet."""
    noted = list(_noted.items())  # at once: the server notes fetches meanwhile
    return [
        (tally.last_at, sight.kids)
        for sight, tally in noted
        if sight.slug == slug and sight.visitor.user_agent != OURSELVES
    ]


async def flush() -> None:
    """Write the notes to the database. Raises django.db.Error, and then keeps the notes."""
    if not _noted:
        return
    taken = dict(_noted)
    _noted.clear()
    try:
        await in_database(_write, taken)
    except DatabaseError:
        for sight, tally in taken.items():
            _note(sight, tally)
        raise


def _write(noted: dict[Sight, Tally]) -> None:
    """Write all rows in one transaction and in the same order in every process, which rules out a
    deadlock. The sorting is done in Python, because databases may sort text differently."""
    with transaction.atomic():
        key_sets = KeySet.objects.filter(slug__in={sight.slug for sight in noted})
        for key_set in sorted(key_sets, key=str):
            of_set = {s: tally for s, tally in noted.items() if s.slug == key_set.slug}
            for sight, tally in sorted(_admitted(key_set, of_set).items()):
                _write_row(key_set, sight, tally)


def _admitted(key_set: KeySet, noted: dict[Sight, Tally]) -> dict[Sight, Tally]:
    """Return the same fetches; those without room for a row of their own are counted under
    OTHERS."""
    rows = set(key_set.fetches.values_list("etag", "address", "user_agent"))
    of_address = Counter(address for _, address, _ in rows)
    admitted: dict[Sight, Tally] = {}
    for sight in sorted(noted):
        visitor = sight.visitor
        row = (sight.etag, visitor.address, visitor.user_agent)
        if row in rows or _has_room(len(rows), of_address[visitor.address]):
            of_address[visitor.address] += row not in rows
            rows.add(row)
            _add(admitted, sight, noted[sight])
        else:
            _add(admitted, replace(sight, visitor=OTHERS), noted[sight])
    return admitted


def _has_room(rows: int, of_address: int) -> bool:
    return of_address < MAX_ROWS_PER_ADDRESS and (of_address > 0 or rows < MAX_ROWS)


def _write_row(key_set: KeySet, sight: Sight, tally: Tally) -> None:
    """Insert an empty row if there is none, then add to it. This is safe if two processes do it."""
    row_key = {
        "key_set": key_set,
        "etag": sight.etag,
        "address": sight.visitor.address,
        "user_agent": sight.visitor.user_agent,
    }
    row = JWKSFetch(
        **row_key, kids=list(sight.kids), first_at=tally.first_at, last_at=tally.last_at, count=0
    )
    JWKSFetch.objects.bulk_create([row], ignore_conflicts=True)
    JWKSFetch.objects.filter(**row_key).update(
        last_at=tally.last_at, count=F("count") + tally.count
    )


def purge_batch(now: datetime) -> int:
    """Delete some of the rows that have not changed for 90 days; return the number deleted."""
    return delete_batch(JWKSFetch.objects.filter(last_at__lt=now - KEPT_FOR))


def latest(key_set: KeySet) -> list[JWKSFetch]:
    """Return what each visitor saw last, latest first. The visitors counted under OTHERS are left
    out."""
    seen: dict[Visitor, JWKSFetch] = {}
    for fetch in key_set.fetches.exclude(address="").order_by("-last_at"):
        seen.setdefault(Visitor(fetch.address, fetch.user_agent), fetch)
    return list(seen.values())


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


async def settle() -> None:
    """Record which fetches came while which EHR was being asked. Raises django.db.Error."""
    now = timezone.now()
    while _asked and (_asked[0].until or now) < now - REMEMBERED_FOR:
        _asked.popleft()
    if _asked:
        await in_database(_settle, list(_asked), now)


def _settle(asked: list[Asked], now: datetime) -> None:
    """Update the rows in one transaction, in the order in which `_write` does, which rules
    out a deadlock. The sorting is done in Python because databases may sort text differently."""
    since = min(one.since for one in asked) - CLOCKS
    recent = (
        JWKSFetch.objects.filter(key_set__slug__in={one.slug for one in asked})
        .filter(Q(last_at__gte=since) | Q(first_at__gte=since))
        .exclude(address="")
        .exclude(user_agent=OURSELVES)
        .select_related("key_set")
    )
    found = [fetch for fetch in sorted(recent, key=_write_order) if _coincided(fetch, asked, now)]
    with transaction.atomic():
        for pk in [fetch.pk for fetch in found]:
            # Check again: another process may have updated or purged the row meanwhile.
            fetch = recent.select_for_update(of=("self",)).filter(pk=pk).first()
            if fetch and _coincided(fetch, asked, now):
                fetch.save(update_fields=["during"])


def _write_order(fetch: JWKSFetch) -> tuple[str, str, str, str]:
    return fetch.key_set.slug, fetch.etag, fetch.address, fetch.user_agent


def _coincided(fetch: JWKSFetch, asked: list[Asked], now: datetime) -> bool:
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
