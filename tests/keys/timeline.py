"""Invariants of the keys of a set, after any sequence of steps."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import pairwise

from smartapp.keys import waits
from smartapp.keys.models import MAX_PUBLISHED_KEYS, KeySet, SigningKey


def assert_timeline_holds(key_set: KeySet, wait: timedelta = waits.WHERE_UNKNOWN) -> None:
    """Assert that each line has had exactly one signer since its first, and that every wait was
    kept; a new key waited at least `wait`."""
    keys = list(key_set.signing_keys.all())
    assert sum(key.withdrawn_at is None for key in keys) <= MAX_PUBLISHED_KEYS
    assert len({key.kid for key in keys}) == len(keys)
    for alg in {key.alg for key in keys}:
        terms = sorted(_terms(key for key in keys if key.alg == alg), key=_in_order)
        assert [until is None for _, until in terms] == [False] * (len(terms) - 1) + [True]
        for (_, until), (signs_from, _) in pairwise(terms):
            assert until == signs_from
        first = terms[0][0]
        for key in keys:
            if key.alg != alg:
                continue
            if key.signs_from and key.signs_from > first:
                assert key.signs_from - key.published_at >= wait
            if key.withdrawn_at and key.signs_until:
                assert key.withdrawn_at - key.signs_until >= waits.BEFORE_WITHDRAWAL


def _in_order(term: tuple[datetime, datetime | None]) -> tuple[datetime, bool, datetime]:
    """Sort a period without an end last, also after one that ended when it began."""
    signs_from, until = term
    return signs_from, until is None, until or signs_from


def _terms(keys: Iterable[SigningKey]) -> Iterator[tuple[datetime, datetime | None]]:
    """Return all periods in which a key signed; a key that was rolled back to has several."""
    for key in keys:
        for earlier in key.earlier_terms:
            yield datetime.fromisoformat(earlier[0]), datetime.fromisoformat(earlier[1])
        if key.signs_from:
            yield key.signs_from, key.signs_until
