"""How long a key is public before it signs, and after it has signed (docs/key-rotation.md).

An EHR keeps a copy of our JWKS and refuses signatures of a key that the copy does not have. So a
new key waits until no EHR of the key set can hold a copy without it. How long an EHR keeps its copy
is known from the vendor's documentation, or not at all.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from smartapp.keys.models import KeySet

# As in our own Cache-Control.
MAX_AGE = timedelta(minutes=5)
# A cache on the way may serve a copy as old as our header allows. The rest is for the other
# processes of this app, which learn of a key within ten seconds, and for clock differences.
MARGIN = timedelta(minutes=10)
# athenahealth, Oracle and others do not publish how long they keep a copy. The longest known is
# Epic's 29 hours.
WHERE_UNKNOWN = timedelta(hours=30)
# The last assertion is valid for 5 minutes at most. The rest is for clock differences and slow
# requests, and gives an EHR time to show that it does not know the new key yet.
BEFORE_WITHDRAWAL = timedelta(hours=1)
# An EHR that still accepts the old key postpones its withdrawal, but not for ever: one EHR must not
# block all later rotations of the set.
LATEST_WITHDRAWAL = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Wait:
    """`span`: how long a new key is public before it signs. `why`: a sentence about the EHRs'
    copies."""

    span: timedelta
    why: str


def before_signing(key_set: KeySet) -> Wait:
    """Return the wait of a key set with its present registrations."""
    return before_signing_each([key_set])[key_set.pk]


def before_signing_each(key_sets: Iterable[KeySet]) -> dict[int, Wait]:
    """Return the wait of each key set by its id, in one statement.

    Disabled registrations count too: they may be enabled any moment, and their EHR may still hold a
    copy.
    """
    copies: dict[int, list[tuple[str, timedelta | None]]] = {one.pk: [] for one in key_sets}
    rows = (
        KeySet.objects.filter(pk__in=copies, registrations__auth_method="private_key_jwt")
        .order_by("registrations__name")
        .values_list("pk", "registrations__name", "registrations__jwks_cache_seconds")
    )
    for pk, name, seconds in rows:
        kept = None if seconds is None else max(MAX_AGE, timedelta(seconds=seconds))
        copies[pk].append((name, kept))
    return {pk: _longest(held) for pk, held in copies.items()}


def _longest(copies: list[tuple[str, timedelta | None]]) -> Wait:
    if not copies:
        return Wait(WHERE_UNKNOWN, "No EHR is registered with these keys yet, so the longest wait.")
    span = max(WHERE_UNKNOWN if kept is None else kept + MARGIN for _, kept in copies)
    return Wait(span, " ".join(_copy(name, kept) for name, kept in copies))


def may_be_held(key_set: KeySet) -> bool:
    """Return whether any EHR may hold a copy of the key set: it was fetched, or one of its
    registrations has a client id from a vendor. A registration without a client id is not known to
    any vendor yet, so it needs no wait."""
    is_known = key_set.registrations.exclude(client_id="").exists()
    return is_known or key_set.fetches.exists()


def _copy(name: str, kept: timedelta | None) -> str:
    if kept is None:
        return f"How long {name} holds our keys is not known, so {in_words(WHERE_UNKNOWN)}."
    if kept == MAX_AGE:
        return f"{name} may hold our keys for {in_words(kept)}, as this app asks."
    return f"{name} may hold our keys for {in_words(kept)}, whatever this app asks."


def in_words(span: timedelta) -> str:
    """Return a time span in words, to the minute: "29 hours", "an hour", "15 minutes"."""
    hours, minutes = divmod(int(span.total_seconds()) // 60, 60)
    parts = []
    if hours:
        parts.append("an hour" if hours == 1 else f"{hours} hours")
    if minutes or not hours:
        parts.append("a minute" if minutes == 1 else f"{minutes} minutes")
    return " and ".join(parts)
