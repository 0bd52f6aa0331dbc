"""Who has fetched our JWKS and which keys they saw: the evidence that a new key may sign.

A fetch is noted in memory, so that answering it needs no thread and no query (T24). The task that
keeps the key sets fresh writes the notes to the database. Both are bounded, because anyone may
fetch: one row per address, user agent and version of the JWKS. When there is no room for another
row, new visitors are counted together. An address that was seen before keeps its rows, so a flood
cannot hide a known EHR.
"""

from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.db import Error as DatabaseError
from django.db import transaction
from django.db.models import F

from smartapp.database import in_database
from smartapp.keys.models import JWKSFetch, KeySet

KEPT_FOR = timedelta(days=90)
MAX_NOTED = 200  # per process, between two flushes
MAX_ROWS = 500  # per key set; beyond that, only known addresses get another row
MAX_ROWS_PER_ADDRESS = 20
PURGE_BATCH = 500


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

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            min(self.first_at, other.first_at),
            max(self.last_at, other.last_at),
            self.count + other.count,
        )


_noted: dict[Sight, Tally] = {}


def note(slug: str, etag: str, kids: tuple[str, ...], *, visitor: Visitor, now: datetime) -> None:
    """Remember a fetch until the next flush."""
    known = Visitor(visitor.address[:45], _printable(visitor.user_agent)[:200])
    _note(Sight(slug, etag, known, kids), Tally(now, now, 1))


def _printable(text: str) -> str:
    """Drop unprintable characters: PostgreSQL refuses NUL, and pages must not show terminal
    escapes."""
    return "".join(character for character in text if character.isprintable())


def _note(sight: Sight, tally: Tally) -> None:
    if sight not in _noted and len(_noted) >= MAX_NOTED:
        sight = replace(sight, visitor=OTHERS)
    _add(_noted, sight, tally)


def _add(tallies: dict[Sight, Tally], sight: Sight, tally: Tally) -> None:
    before = tallies.get(sight)
    tallies[sight] = before + tally if before else tally


def forget() -> None:
    """Forget unwritten notes: in tests the database ends before the process does."""
    _noted.clear()


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
    deadlock. The sorting is done in Python, as in `attribution`, because databases may sort text
    differently."""
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
    old = JWKSFetch.objects.filter(last_at__lt=now - KEPT_FOR).values_list("pk", flat=True)
    return JWKSFetch.objects.filter(pk__in=list(old[:PURGE_BATCH])).delete()[0]


def latest(key_set: KeySet) -> list[JWKSFetch]:
    """Return what each visitor saw last, latest first. The visitors counted under OTHERS are left
    out."""
    seen: dict[Visitor, JWKSFetch] = {}
    for fetch in key_set.fetches.exclude(address="").order_by("-last_at"):
        seen.setdefault(Visitor(fetch.address, fetch.user_agent), fetch)
    return list(seen.values())
