"""How an attempt went, in one line. "Went well" is said only where a page was shown."""

from collections.abc import Sequence
from functools import cache

from django.utils import timezone

from smartapp.launches import steps
from smartapp.launches.models import LaunchEvent, Step
from smartapp.launches.pending import PENDING_LIFETIME
from smartapp.protocol.errors import SmartError

WENT_WELL = "Went well"
LEFT_OUT = "wrong-patient-entry"
# Codes of events that ended nothing: a part of the record could not be read.
OF_A_PART = {code for _, code in steps.LACKING.values()}
# An EHR sent somebody else's data: what an administrator has to know first.
WRONG_PATIENT = ("wrong-patient", "patient-changed", LEFT_OUT)
UNDER_WAY = (Step.LAUNCH, Step.DISCOVERY, Step.AUTHORIZE)
_STATES = {
    "failed": "could not be read",
    "forbidden": "not allowed by the EHR",
    "cut": "cut short",
    "partial": "incomplete",
}

NOT_CHOSEN = "not chosen"
_WITHOUT_PATIENT = {
    NOT_CHOSEN: "no patient was given",
    "not-granted": "no scope lets the app read the patient",
}


def failure_of(timeline: Sequence[LaunchEvent]) -> LaunchEvent | None:
    """Return where it went wrong: the first error page, for later ones are people trying again.
    Without one, the first part of the record that was not read whole."""
    return stopped_at(timeline) or next((one for one in timeline if one.code), None)


def stopped_at(timeline: Sequence[LaunchEvent]) -> LaunchEvent | None:
    """Return what ended the launch, or the page; None where only a part of the record failed."""
    return next((one for one in timeline if one.code and one.code not in OF_A_PART), None)


def of(timeline: Sequence[LaunchEvent]) -> str:
    """Return how the attempt went: its first error, what its page lacked, or how far it came."""
    if failed := stopped_at(timeline):
        return error_words(failed.code)
    if any(one.code == LEFT_OUT for one in timeline):
        return "Entries of another patient came and were left out (wrong-patient-entry)"
    last = timeline[-1]
    if last.step in UNDER_WAY:
        if timezone.now() - last.at < PENDING_LIFETIME:
            return "Still under way, or not written yet: look again in some seconds"
        return "The person did not come back from the EHR"
    shown = sections(timeline)
    if not shown:
        return "Signed in; no page was shown yet"
    origin = next((found for one in timeline if (found := one.detail.get("framed_from"))), "")
    if origin:
        return f"A page was sent into a frame of {origin}, which may have to leave it blank"
    return _page(shown)


def sections(timeline: Sequence[LaunchEvent]) -> dict[str, str]:
    """Return the state of each part of the record on the last page that was shown."""
    shown: dict[str, str] = {}
    for event in timeline:
        shown |= event.detail.get("sections", {})
    return shown


def _page(shown: dict[str, str]) -> str:
    if (patient := shown.get("patient")) in _WITHOUT_PATIENT:
        return f"A page was shown without a record: {_WITHOUT_PATIENT[patient]}"
    lacking: dict[str, list[str]] = {}
    for name, state in shown.items():
        if state in _STATES:
            lacking.setdefault(_STATES[state], []).append(name)
    parts = (
        f"{'every part' if len(names) == len(shown) else ', '.join(names)} {words}"
        for words, names in lacking.items()
    )
    return f"A page was shown: {'; '.join(parts)}" if lacking else WENT_WELL


@cache
def _errors() -> dict[str, type[SmartError]]:
    """Return each error of the whole tree by its code."""
    found: dict[str, type[SmartError]] = {}
    classes: list[type[SmartError]] = [SmartError]
    for one in classes:
        found.setdefault(one.code, one)
        classes += one.__subclasses__()
    return found


def error_words(code: str) -> str:
    """Return the title that the person saw; the code beside it, for some errors share a title."""
    kind = _errors().get(code)
    return f"{kind.title} ({code})" if kind else code


def happened(code: str) -> str:
    """Return what the person read of an error; "" for one that this version does not have."""
    kind = _errors().get(code)
    return kind.happened if kind else ""
