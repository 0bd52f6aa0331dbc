"""The lease in a launch's row, so that of all processes one at a time refreshes it, and what the
row says when the lease ends.

Every function is one short, synchronous piece of database work, as in `store`.
"""

from datetime import datetime, timedelta

from django.db.models import F, Q
from django.db.models.functions import Now

from smartapp.launches import refresh_failure
from smartapp.launches import tokens as launch_tokens
from smartapp.launches.models import Launch
from smartapp.launches.refresh_failure import RefreshFailure
from smartapp.launches.store import StoredLaunch, at_version
from smartapp.launches.tokens import LaunchTokens
from smartapp.protocol.errors import RefreshInterrupted

# The holder extends its lease while it works. A refresh is up to two token requests, each perhaps
# repeated with another signature, and fetches the issuer's documents for its id_token; no other
# process may use the refresh token meanwhile (C123). So if a lease has run out, its process was
# killed or hangs.
REFRESH_LEASE = timedelta(seconds=20)


def take(launch: StoredLaunch, *, at_once: bool = False) -> bool:
    """Take the lease; return whether this caller, as the only one of all processes, may refresh
    this launch now (C123).

    Nobody gets the lease during the wait after a failure, or all who waited would retry one after
    the other (C125). `at_once` ignores the failure in this reading of the launch, but no later one.
    If a refresh token may be used up by one use, nobody gets the lease while an answer is missing:
    it was lost since this reading, or the last holder died with the lease, perhaps after its
    request (C124).
    """
    free = Q(refresh_lease_until=None)
    if launch.refresh_tokens_persist:
        free |= Q(refresh_lease_until__lte=Now())
    else:
        free &= Q(refresh_uncertain_at=None)
    due = Q(refresh_not_before=None) | Q(refresh_not_before__lte=Now())
    if at_once:
        due |= Q(refresh_not_before=launch.refresh_not_before)
    return bool(
        at_version(launch).filter(free, due).update(refresh_lease_until=Now() + REFRESH_LEASE)
    )


def prolong(launch: StoredLaunch) -> None:
    """Extend the lease of a live holder. Does nothing if the lease was given back."""
    held = at_version(launch).filter(refresh_lease_until__isnull=False)
    held.update(refresh_lease_until=Now() + REFRESH_LEASE)


def store_renewed(
    launch: StoredLaunch, tokens: LaunchTokens, access_token_expires_at: datetime
) -> bool:
    """Commit the new tokens before any of them is used, and end the lease (C124).

    Return whether the launch is still open. If it ended during the request, the tokens belong to no
    launch (C133).
    """
    stored = at_version(launch).update(
        sealed_tokens=launch_tokens.seal(tokens, launch.uuid),
        access_token_expires_at=access_token_expires_at,
        token_version=F("token_version") + 1,
        refresh_lease_until=None,
        refresh_not_before=None,
        sealed_refresh_failure="",
        refresh_uncertain_at=None,
    )
    return bool(stored) or Launch.objects.filter(uuid=launch.uuid, ended_at=None).exists()


def abandon(launch: StoredLaunch, now: datetime) -> None:
    """Store that the process that was refreshing the launch was interrupted (C124)."""
    failure = RefreshFailure(
        RefreshInterrupted.code, f"launch {launch.uuid}: no end of its refresh"
    )
    sealed = refresh_failure.seal(failure, launch.uuid)
    abandoned = at_version(launch).filter(refresh_lease_until__lte=Now())
    abandoned.update(refresh_uncertain_at=now, sealed_refresh_failure=sealed)


def mark_uncertain(launch: StoredLaunch, now: datetime) -> None:
    """Store that the answer to a refresh with these tokens was lost (C124). The tokens are kept, so
    that disconnecting can still revoke them."""
    at_version(launch).update(refresh_uncertain_at=now)


def leave_uncertain(launch: StoredLaunch, failure: RefreshFailure, now: datetime) -> None:
    """Store the uncertainty and end the lease in one statement, so that no other process sees the
    free lease without the uncertainty."""
    at_version(launch).update(
        refresh_uncertain_at=now,
        refresh_lease_until=None,
        sealed_refresh_failure=refresh_failure.seal(failure, launch.uuid),
    )


def postpone(launch: StoredLaunch, failure: RefreshFailure, wait: timedelta) -> None:
    """Keep the tokens, make no request for a while (C125), and end the lease."""
    at_version(launch).update(
        refresh_lease_until=None,
        refresh_not_before=Now() + wait,
        sealed_refresh_failure=refresh_failure.seal(failure, launch.uuid),
    )
