"""What must be true of the keys of a set after anything at all."""

from itertools import pairwise

from smartapp.keys.lifecycle import WAIT_BEFORE_SIGNING, WAIT_BEFORE_WITHDRAWAL
from smartapp.keys.models import MAX_PUBLISHED_KEYS, KeySet


def assert_timeline_holds(key_set: KeySet) -> None:
    """Each line has one signer at every moment since its first, and every wait was waited."""
    keys = list(key_set.signing_keys.all())
    assert sum(key.withdrawn_at is None for key in keys) <= MAX_PUBLISHED_KEYS
    assert len({key.kid for key in keys}) == len(keys)
    for alg in {key.alg for key in keys}:
        terms = sorted(
            ((key.signs_from, key) for key in keys if key.alg == alg and key.signs_from),
            key=lambda term: term[0],
        )
        assert [key.signs_until is None for _, key in terms] == [False] * (len(terms) - 1) + [True]
        for (_, old), (signs_from, new) in pairwise(terms):
            assert old.signs_until == signs_from
            assert signs_from - new.published_at >= WAIT_BEFORE_SIGNING
        for _, key in terms:
            if key.withdrawn_at and key.signs_until:
                assert key.withdrawn_at - key.signs_until >= WAIT_BEFORE_WITHDRAWAL
