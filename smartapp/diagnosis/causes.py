"""Why a launch failed: causes, the surest first, each with the check that supports it.

A cause is one entry of a table: when it applies, how sure it is, what speaks for it, what to do.
Pure: the timeline of one attempt and what is known beside it go in, causes come out.
"""

from collections.abc import Sequence

from smartapp.diagnosis import authorization, client, launching, record, tokens
from smartapp.diagnosis.case import Case
from smartapp.diagnosis.cause import Cause, Certainty, Entry
from smartapp.diagnosis.facts import Facts
from smartapp.launches.models import LaunchEvent

TABLE: tuple[Entry, ...] = (
    *launching.TABLE,
    *authorization.TABLE,
    *client.TABLE,
    *tokens.TABLE,
    *record.TABLE,
)

NOT_KNOWN = Entry(
    "The cause is not one that is known here",
    lambda case: case.is_failed,
    Certainty.POSSIBLE,
    check="{c.seen}",
    todo="Ask the vendor with the text below, and look up the reference number in the log.",
    rule="C142",
)


def causes(timeline: Sequence[LaunchEvent], facts: Facts) -> tuple[Cause, ...]:
    """Return what may have stopped this launch, the surest first, and in the table's order where
    equally sure; nothing for one that went well. `timeline` is not empty."""
    case = Case(timeline, facts)
    found = [entry.about(case) for entry in TABLE if entry.when(case)]
    if not found and NOT_KNOWN.when(case):
        found = [NOT_KNOWN.about(case)]
    return tuple(sorted(found, key=lambda cause: -cause.certainty))
