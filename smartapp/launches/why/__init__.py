"""Why a launch failed: the likeliest causes first, each with the check that supports it.

Pure: the timeline of one attempt and what is known beside it go in, causes come out. Each finder
looks at one thing. A weight is not a probability, it only orders: from 90 a check has shown the
cause, from 60 the EHR's answer points there, below it is worth a look when nothing else is wrong.
"""

from collections.abc import Sequence

from smartapp.launches.facts import Facts
from smartapp.launches.models import LaunchEvent
from smartapp.launches.why import answers, client, way
from smartapp.launches.why.case import Case, Cause

FINDERS = (*way.FINDERS, *client.FINDERS, *answers.FINDERS)


def causes(timeline: Sequence[LaunchEvent], facts: Facts) -> tuple[Cause, ...]:
    """Return what may have stopped this launch, the likeliest first; nothing for one that went
    well. `timeline` is not empty."""
    case = Case(timeline, facts)
    found = [cause for find in FINDERS for cause in find(case)]
    if case.failed and not found:
        found = [
            Cause(
                10,
                "The cause is not one that is known here",
                f"{case.code}: {case.words}",
                "Look up the reference number in the log.",
                "C142",
            )
        ]
    return tuple(sorted(found, key=lambda cause: -cause.weight))
