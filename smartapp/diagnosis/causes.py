"""Why a launch failed: causes, the surest first, each with what speaks for it.

Pure: the timeline of one attempt and what is known beside it go in, findings come out. Adding a
cause is one entry of a table and one test.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from smartapp.diagnosis import authorization, client, launching, record, refusals, tokens
from smartapp.diagnosis.case import Case
from smartapp.diagnosis.entry import Entry
from smartapp.diagnosis.facts import Facts
from smartapp.diagnosis.finding import LIKELY, POSSIBLE, RIGHT, SEEN, Finding
from smartapp.exchange.pipeline import Sent
from smartapp.launches import steps
from smartapp.launches.models import LaunchEvent, Step
from smartapp.protocol.errors import SmartError

_ON_THE_WAY: tuple[Entry, ...] = (
    *launching.TABLE,
    *authorization.TABLE,
    *client.TABLE,
    *tokens.TABLE,
    *refusals.TABLE,
)
_OTHERWISE = (authorization.OTHERWISE, tokens.OTHERWISE)
TABLE = (*_ON_THE_WAY, *record.TABLE)

_UNKNOWN = Entry(
    "C142", POSSIBLE, "The cause is not one that is known here", lambda case: bool(case.failed),
    "Ask the vendor with the text below, and look up the reference number in the log.",
)  # fmt: skip
# Of each, only where nothing before it applies.
_STOPPED = (refusals.LOST, _ON_THE_WAY, _OTHERWISE)
IN_TURN = (*_STOPPED, record.TABLE, (_UNKNOWN,))

# That our keys can be fetched from here, or that a FHIR server answers, is worth to know, and says
# nothing of what the EHR did.
_OF_OUR_SIDE = ("published-key", "capability-statement")


def causes(timeline: Sequence[LaunchEvent], facts: Facts) -> tuple[Finding, ...]:
    """Return what may have stopped this launch, the surest first, and in the table's order where
    equally sure; nothing for one that went well. `timeline` is not empty.

    What was granted and read explains no request that was refused, and comes after what does.
    """
    case = Case(timeline, facts)
    judged = partial(_judged, case)
    stopped: list[Finding] = next(filter(None, map(judged, _STOPPED)), [])
    found = [*stopped, *judged(record.TABLE)] or judged((_UNKNOWN,))
    return tuple(found if case.is_refused else sorted(found, key=_surest_first))


def _judged(case: Case, entries: Iterable[Entry]) -> list[Finding]:
    found = (entry.about(case) for entry in entries if entry.when(case))
    judged = (_checked(cause, case.facts.findings.get(cause.check)) for cause in found)
    return sorted(judged, key=_surest_first)


def _surest_first(cause: Finding) -> int:
    return -cause.certainty


def _checked(cause: Finding, now: Finding | None) -> Finding:
    """Return the cause with what a look at it just now shows: seen, or not so. What the EHR said,
    and what was seen when it failed, stays as it is: it may have been mended since."""
    if now is None:
        return cause
    certainty = cause.certainty
    if certainty <= LIKELY and cause.check not in _OF_OUR_SIDE:
        certainty = {"problem": SEEN, "ok": RIGHT}.get(now.level, certainty)
    looked = f"Checked just now: {now.text}"
    return replace(
        cause, certainty=certainty, seen=f"{cause.seen} {looked}", fix=now.fix or cause.fix
    )


def before_launch(facts: Facts, *checks: str) -> Iterator[Finding]:
    """Yield what the table says of a registration that nobody has launched yet."""
    case = Case((), facts)
    for entry in TABLE:
        if entry.before and entry.check in checks and entry.before(case):
            found = entry.about(case)
            yield replace(found, certainty=min(found.certainty, POSSIBLE))


def explained(
    facts: Facts,
    error: SmartError,
    check: str,
    step: Step = Step.DISCOVERY,
    sent: Sent | None = None,
) -> Finding:
    """Return what the table of causes says of an error that a check met at this step; `sent`: the
    request to a token endpoint, where it was answered."""
    detail: dict[str, Any] = {**steps.failure(error)}
    if sent:
        form, _ = steps.form_and_members(sent.response.body)
        detail |= {"form": form, "sent": sorted(sent.fields)}
    event = LaunchEvent(step=step, code=error.code, detail=detail, at=facts.now)
    found, *others = causes((event,), facts)
    # Where nothing speaks for one more than for another.
    possible = [one.fix for one in others if one.certainty == found.certainty == POSSIBLE]
    fix = " If that is right: ".join((found.fix, *possible))
    return replace(found, check=check, fix=fix)
