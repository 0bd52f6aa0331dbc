"""Checks a registration end to end, from the outside where that is possible.

Each finding says what was seen; a problem also says what most likely mends it. Nothing here
changes anything but one thing: discovery that was never read is read and pinned. The command, the
page of a registration and the page of a failed launch run the same checks.
"""

from collections.abc import AsyncIterator
from functools import partial

from smartapp.registrations.doctor import ehr, ours
from smartapp.registrations.doctor.finding import (
    Check,
    Finding,
    Level,
    advice,
    is_healthy,
    ok,
    problem,
)
from smartapp.registrations.registry import EndpointConfig

__all__ = [
    "ACTOR",
    "PKCE_UNANNOUNCED",
    "Check",
    "Finding",
    "Level",
    "advice",
    "examine",
    "further_checks",
    "is_healthy",
    "look_at_ehr",
    "ok",
    "problem",
]

ACTOR = ehr.ACTOR
PKCE_UNANNOUNCED = ehr.PKCE_UNANNOUNCED

# Checks of the rooms above this one, added when the app starts: asking for a token is a launch's
# work, and imports go one way.
further_checks: list[Check] = []


async def examine(config: EndpointConfig, *, actor: str = ACTOR) -> AsyncIterator[Finding]:
    """Yield the findings on one endpoint as they come, in the order of a launch. `actor`: who asks,
    for the audit trail."""
    publishes: Check = partial(ehr.publishes, actor=actor)
    for check in (ours.configuration, publishes, ehr.clock, ours.keys, *further_checks):
        async for finding in check(config):
            yield finding


async def look_at_ehr(config: EndpointConfig, *, actor: str = ACTOR) -> AsyncIterator[Finding]:
    """Yield the findings on what the EHR publishes. The endpoint need not be stored, and nothing
    is pinned for one that is not."""
    publishes: Check = partial(ehr.publishes, actor=actor)
    for check in (publishes, ehr.clock):
        async for finding in check(config):
            yield finding
