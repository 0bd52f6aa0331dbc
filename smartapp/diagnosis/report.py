"""The timeline of an attempt and its causes, for a page and as one text to hand on.

Everything here comes from launch events, which hold no secret and nothing about a patient, and
from the registration's public side: the text may be pasted into a vendor's ticket.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, Any, get_origin, get_type_hints

from smartapp.diagnosis import facts, outcome
from smartapp.diagnosis.case import Case
from smartapp.diagnosis.causes import causes as causes_of
from smartapp.diagnosis.doctor import LOOKS
from smartapp.diagnosis.facts import is_launchable
from smartapp.diagnosis.finding import RIGHT, SEEN, Finding
from smartapp.diagnosis.rules import KEPT, SAID
from smartapp.launches import events
from smartapp.launches.events import Detail, WireRecord
from smartapp.launches.models import LaunchEvent, Step
from smartapp.protocol.errors import UnknownEndpoint

LABELS = {
    name: hint.__metadata__[0]
    for name, hint in get_type_hints(Detail, include_extras=True).items()
    if get_origin(hint) is Annotated
}


class StepView:
    """One step as a page draws it."""

    def __init__(self, event: LaunchEvent) -> None:
        self.label = event.get_step_display()
        self.at = f"{event.at:%Y-%m-%d %H:%M:%S}"
        self.milliseconds = event.duration_ms
        self.code, self.reference = event.code, event.reference
        self.verdicts = tuple(_verdicts(event))
        self.lines = tuple(_lines(event.detail))
        self.is_ok = not self.code and all(one.certainty == RIGHT for one in self.verdicts)


class AttemptPage:
    """An attempt that has events; `found` is what was just looked at again."""

    def __init__(self, timeline: Sequence[LaunchEvent], found: Iterable[Finding] = ()) -> None:
        known = facts.gather(timeline, found)
        case = Case(timeline, known)
        self.config, self.attempt = known.config, timeline[0].attempt
        self.endpoint_name = known.config.name if known.config else "no registered endpoint"
        self.summary, self.said = summary(timeline), case.words
        self.steps = tuple(map(StepView, timeline))
        # Each with the button that looks again at what can be looked at now; "" without one.
        self.causes = tuple((one, self._button(one)) for one in causes_of(timeline, known))
        self.checks = tuple(known.findings.values())
        # Of an `iss` that is not registered: the endpoint that it resembles, and the `iss` itself
        # if it was kept whole. Not where it is registered, and switched off.
        is_unknown = case.code == UnknownEndpoint.code and bool(case.iss)
        self.resembled = case.nearest if is_unknown else None
        is_address = is_unknown and case.is_iss_an_address and events.is_whole(case.iss)
        is_new = self.resembled is None or is_launchable(self.resembled)
        self.iss_to_add = case.iss if is_address and is_new else ""

    def _button(self, cause: Finding) -> str:
        return LOOKS[cause.check][0] if self.config and cause.check in LOOKS else ""

    @property
    def text(self) -> str:
        return "\n".join(_text(self))


def summary(timeline: Sequence[LaunchEvent]) -> str:
    """Return in one line how the attempt went."""
    failed = outcome.stopped_at(timeline)
    at = f" It stopped at: {failed.get_step_display()}." if failed else ""
    return f"{outcome.of(timeline)}.{at}"


def _verdicts(event: LaunchEvent) -> Iterator[Finding]:
    """Yield the rules that failed, and of a step that went well those that it has kept."""
    for one in event.verdicts:
        text = one.get("text") or outcome.happened(event.code) or SAID.get(event.code, "")
        seen = text or SAID.get(one["rule"], "")
        yield Finding("", RIGHT if one["ok"] else SEEN, seen, rule=one["rule"])
    named = {one["rule"] for one in event.verdicts}
    for rule in () if event.code or not event.detail else KEPT.get(Step(event.step), ()):
        if rule not in named:
            yield Finding("", RIGHT, "", rule=rule)


def _lines(detail: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for name, label in LABELS.items():
        if detail.get(name) not in (None, "", [], {}):
            yield label, _value(detail[name])
    for wire in detail.get("exchanges", ()):
        yield f"{wire['method']} {wire['where']}", _outcome(wire)


def _outcome(wire: WireRecord) -> str:
    if wire.get("abandoned"):
        return f"given up by this app after {wire['ms']} ms: its answer was not needed any more"
    ahead = wire["ahead"]
    clock = ""
    if ahead is not None:
        where = "ahead of" if ahead >= 0 else "behind"
        clock = f", our clock {abs(ahead)} s {where} its Date"
    answer = f"{wire['status'] or 'no answer'} {wire.get('media', '')}".strip()
    return f"{answer} in {wire['ms']} ms{clock}"


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_value(item)}" for name, item in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _text(page: AttemptPage) -> Iterator[str]:
    yield f"Launch attempt {page.attempt} at {page.endpoint_name}"
    yield page.summary
    if page.said:
        yield f"Your server's words: “{page.said}”"
    if page.config:
        yield f"FHIR base URL {page.config.fhir_base_url}, client id {page.config.client_id}"
        yield f"Redirect URI {page.config.redirect_uri}, JWKS URL {page.config.jwks_url}"
    for number, (one, _) in enumerate(page.causes, 1):
        certainty = one.certainty.words
        words = f"{certainty[0].lower()}{certainty[1:]}"
        yield f"\nCause {number} ({words}): {one.title} [{one.rule}]"
        yield f"  {one.seen}\n  {one.fix}"
    for step in page.steps:
        failed = f" {step.code} {step.reference}" if step.code else ""
        yield f"\n{step.at} UTC {step.label}, {step.milliseconds} ms{failed}"
        for verdict in step.verdicts:
            mark = "ok " if verdict.certainty == RIGHT else "NOT"
            yield f"  {mark} {verdict.seen} {verdict.rule_in_words}"
        yield from (f"  {label}: {text}" for label, text in step.lines)
    if page.checks:
        yield "\nChecked just now"
        yield from (f"  {one.check}: {one.text}" for one in page.checks)
