"""How long a key is public before it signs, and after it has signed (spec §3.3, §3.5).

An EHR keeps a copy of our JWKS, and what is signed with a key that the copy does not have is
refused. So a new key waits until no copy without it can be left at any EHR of the key set. How
long each EHR keeps its copy is known from its vendor's documents, or not known at all.
"""

from dataclasses import dataclass
from datetime import timedelta

from smartapp.keys.models import KeySet

# What our own Cache-Control says.
MAX_AGE = timedelta(minutes=5)
# A cache on the way may hand out a copy that is as old as our header allows; the rest is for the
# other processes of this app, which hear of a key within ten seconds, and for clocks.
MARGIN = timedelta(minutes=10)
# How long athenahealth, Oracle and others keep a copy is not published. Nobody is known to keep
# one for longer than Epic's 29 hours.
WHERE_UNKNOWN = timedelta(hours=30)
# The last assertion lives for 5 minutes at most; the rest is for clocks, slow requests, and for
# an EHR to show that it does not know the new key yet.
BEFORE_WITHDRAWAL = timedelta(hours=1)
# An EHR that still takes the old key puts its withdrawal off, but not for ever: it would have the
# say over every later rotation of all that sign with this set.
LATEST_WITHDRAWAL = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Wait:
    """`span`: how long a new key is public before it signs; `why`: a sentence about whose copy
    that is for."""

    span: timedelta
    why: str


def before_signing(key_set: KeySet) -> Wait:
    """Return the wait of a key set as its registrations are now.

    Those that are switched off count too: they may be switched on in the next moment, and their
    EHR may still hold a copy.
    """
    ehrs = key_set.registrations.filter(auth_method="private_key_jwt").order_by("name")
    copies = [
        (name, None if seconds is None else max(MAX_AGE, timedelta(seconds=seconds)))
        for name, seconds in ehrs.values_list("name", "jwks_cache_seconds")
    ]
    if not copies:
        return Wait(WHERE_UNKNOWN, "No EHR is registered with these keys yet, so the longest wait.")
    span = max(WHERE_UNKNOWN if kept is None else kept + MARGIN for _, kept in copies)
    return Wait(span, " ".join(_copy(name, kept) for name, kept in copies))


def may_be_held(key_set: KeySet) -> bool:
    """Return whether anybody may hold a copy of the key set: somebody fetched it, or a vendor has
    given a client id for it. A registration still waits for its client id while an administrator
    looks for the right vendor, and nobody has to wait for that."""
    is_known = key_set.registrations.exclude(client_id="").exists()
    return is_known or key_set.fetches.exists()


def _copy(name: str, kept: timedelta | None) -> str:
    if kept is None:
        return f"How long {name} holds our keys is not known, so {in_words(WHERE_UNKNOWN)}."
    if kept == MAX_AGE:
        return f"{name} may hold our keys for {in_words(kept)}, as this app asks."
    return f"{name} may hold our keys for {in_words(kept)}, whatever this app asks."


def in_words(span: timedelta) -> str:
    """Return a span as people say it, to the minute: "29 hours", "an hour", "15 minutes"."""
    hours, minutes = divmod(int(span.total_seconds()) // 60, 60)
    parts = []
    if hours:
        parts.append("an hour" if hours == 1 else f"{hours} hours")
    if minutes or not hours:
        parts.append("a minute" if minutes == 1 else f"{minutes} minutes")
    return " and ".join(parts)
