"""The evidence on the key set page about who fetched the keys: by EHR, then by visitor.

A visitor is probably the EHR that was being asked for a token when it came (`fetches`). This is
evidence, not proof: a stranger may fetch from the same address at the same moment. Administrators
see it, and no step depends on it.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from smartapp.keys import emergency, fetches, wording
from smartapp.keys.fetches import OURSELVES, Visitor
from smartapp.keys.models import JWKSFetch, KeySet, SigningKey
from smartapp.keys.rotation import Line

MAX_VISITORS = 20
# A visitor is attributed to an EHR when it coincided with it this many times as often as with any
# other EHR.
CLEARLY = 3
# A visitor that came this many times as often as it coincided with any EHR is polling; its
# coincidences mean nothing.
ANYWAY = 20
# The subject of a sentence about a likely EHR: (certain, guessed). BELIEVED says what is assumed,
# KNOWN only what was seen.
BELIEVED = ("{}", "Probably it was {} that")
KNOWN = ("Somebody who came while {} was being asked for a token", "Somebody, perhaps {},")


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


UNLIKELY = Likely((), 0, certain=False)


@dataclass(frozen=True, slots=True)
class FetchRow:
    """`what`: a sentence about the visitor. `how`: why it is believed to be that EHR."""

    what: str
    visitor: str
    how: str
    first: str
    count: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """`ehrs`: a sentence for each registration that signs with the key set. `known`: the same
    without assumptions, for an administrator who is about to rely on it."""

    ehrs: list[str]
    known: list[str]
    visitors: list[FetchRow]


def of(key_set: KeySet, lines: Iterable[Line], now: datetime) -> Evidence:
    """Return the evidence about who fetched the key set, latest fetch first."""
    found, latest = list(lines), fetches.latest(key_set)
    signing = key_set.registrations.filter(auth_method="private_key_jwt").order_by("name")
    names = dict(signing.values_list("slug", "name"))
    likely = likely_ehrs(key_set, names)
    rows = [(fetch, likely.get(_visitor(fetch), UNLIKELY)) for fetch in latest]
    accepted = [
        sentence for line in found if line.waiting for sentence in _acceptance(line, names, now)
    ]
    new = [key for line in found if (key := _new_key(key_set, line, now))]
    return Evidence(
        accepted + _of_ehrs(names, rows, new, now, BELIEVED),
        accepted + _of_ehrs(names, rows, new, now, KNOWN),
        [_row(fetch, who, names, new, now) for fetch, who in rows[:MAX_VISITORS]],
    )


def likely_ehrs(key_set: KeySet, registrations: Mapping[str, str]) -> dict[Visitor, Likely]:
    """Return for each visitor of the key set which of these registrations it probably is."""
    came: dict[Visitor, Counter[str]] = {}
    times: Counter[Visitor] = Counter()
    for fetch in key_set.fetches.exclude(address="").exclude(user_agent=OURSELVES):
        visitor = _visitor(fetch)
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


def _new_key(key_set: KeySet, line: Line, now: datetime) -> SigningKey | None:
    """Return the key of a line that EHRs may not know yet: the next key, or after an emergency the
    signer."""
    if line.waiting or not emergency.explains(key_set.slug, line.alg, now):
        return line.waiting
    return line.signer


def _acceptance(line: Line, names: dict[str, str], now: datetime) -> list[str]:
    """Return which EHRs issued a token for the next key when asked."""
    given = line.waiting.accepted_by if line.waiting else {}
    return [
        f"{names[slug]} gave a token for the new {line.alg} key "
        f"{wording.ago(datetime.fromisoformat(at), now)}: it knows it."
        for slug, at in given.items()
        if slug in names
    ]


def _visitor(fetch: JWKSFetch) -> Visitor:
    return Visitor(fetch.address, fetch.user_agent)


def _of_ehrs(
    names: dict[str, str],
    rows: list[tuple[JWKSFetch, Likely]],
    new: list[SigningKey],
    now: datetime,
    words: tuple[str, str],
) -> list[str]:
    """Return a sentence about the last fetch of each EHR."""
    sentences = []
    for slug, name in names.items():
        certain, fetch = _fetch_of(slug, rows, new)
        who = words[0 if certain else 1].format(name)
        sentences.append(
            wording.seen(who, fetch, new, now)
            if fetch
            else f"{name} was not seen to fetch these keys yet."
        )
    return sentences


def _fetch_of(
    slug: str, rows: list[tuple[JWKSFetch, Likely]], new: list[SigningKey]
) -> tuple[bool, JWKSFetch | None]:
    """Return the fetch that counts as evidence for an EHR, and whether it is more than a guess.

    Ambiguous visitors are not counted. Of several visitors, one that has not seen a new key is
    preferred: the others may be strangers, or this one may be another server of the EHR.
    """
    for certain in (True, False):
        own = [
            fetch
            for fetch, likely in rows
            if likely.registrations == (slug,) and likely.certain is certain
        ]
        unseen = [fetch for fetch in own if {key.kid for key in new} - set(fetch.kids)]
        if own:
            return certain, (unseen or own)[0]
    return False, None


def _row(
    fetch: JWKSFetch, likely: Likely, names: dict[str, str], new: list[SigningKey], now: datetime
) -> FetchRow:
    who, how = _who(fetch, likely, names)
    return FetchRow(
        wording.seen(who, fetch, new, now),
        wording.fetcher(fetch),
        how,
        wording.moment(fetch.first_at),
        fetch.count,
    )


def _who(fetch: JWKSFetch, likely: Likely, names: dict[str, str]) -> tuple[str, str]:
    """Return the visitor as the subject of a sentence, and why it is believed to be that EHR."""
    if fetch.user_agent == OURSELVES:
        return "This app itself", "A dry run or a check."
    several = " or ".join(names[slug] for slug in likely.registrations)
    if likely.times and not several:
        return "Somebody", "Comes so often that it says nothing who was being asked for a token."
    if not several:
        return "Somebody", "No EHR was being asked for a token then."
    if not likely.certain and not likely.times:
        return (
            f"Probably it was {several} that",
            "No other EHR signs in with these keys, but a stranger may fetch them too.",
        )
    times = "once" if likely.times == 1 else f"{likely.times} times"
    return several, f"Came {times} while this app waited for a token of it."
