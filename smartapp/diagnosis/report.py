"""The timeline of an attempt and its causes, for a page and as one text to hand on.

Everything here comes from launch events, which hold no secret and nothing about a patient, and
from the registration's public side: the text may be pasted into a vendor's ticket.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from smartapp.diagnosis import facts, outcome
from smartapp.diagnosis.case import Case
from smartapp.diagnosis.cause import Cause
from smartapp.diagnosis.causes import causes as causes_of
from smartapp.diagnosis.facts import Facts, Known
from smartapp.diagnosis.rules import rule_in_words
from smartapp.launches import events
from smartapp.launches.events import Verdict, WireRecord
from smartapp.launches.models import LaunchEvent
from smartapp.protocol.errors import UnknownEndpoint

LABELS = {
    "kind": "Launch",
    "iss": "iss",
    "client_id": "Client id",
    "redirect_uri": "Redirect URI",
    "aud": "aud",
    "scope": "Scopes asked for",
    "authorization_endpoint": "Authorization endpoint",
    "token_endpoint": "Token endpoint",
    "auth_method": "Authentication",
    "sent": "Members sent",
    "received": "Members received",
    "assertion_header": "Assertion header",
    "assertion_claims": "Assertion claims",
    "seconds_away": "Seconds at the EHR",
    "ehr_error": "Error of the EHR",
    "http_status": "HTTP status",
    "said": "The EHR said",
    "refused_kid": "Key refused",
    "taken_kid": "Key taken instead",
    "rule": "Rule",
    "resource_type": "Resource type",
    "failure": "What failed",
    "missing": "Scopes not granted",
    "sections": "Parts of the record",
    "reason": "Reason",
    "not_stored": "Events not stored",
}


@dataclass(frozen=True, slots=True)
class VerdictView:
    """How one rule went; `rule_in_words` is "" where no requirement is named."""

    rule: str
    ok: bool
    text: str
    rule_in_words: str


@dataclass(frozen=True, slots=True)
class StepView:
    """One step as a page draws it."""

    label: str
    at: str
    milliseconds: int
    code: str
    reference: str
    verdicts: Sequence[VerdictView]
    lines: tuple[tuple[str, str], ...]

    @property
    def is_ok(self) -> bool:
        return not self.code and all(verdict.ok for verdict in self.verdicts)


@dataclass(frozen=True, slots=True)
class AttemptPage:
    attempt: str
    endpoint_name: str
    summary: str
    said: str
    steps: tuple[StepView, ...]
    causes: tuple[Cause, ...]
    checks: tuple[str, ...]
    text: str
    # Of a launch from an EHR that is not registered: its `iss`, where it was kept whole, and the
    # endpoint that it resembles.
    unknown_iss: str
    resembled: Known | None

    @property
    def may_be_added(self) -> bool:
        """Not where it is registered, and switched off."""
        return bool(self.unknown_iss) and not (self.resembled and not self.resembled.launchable)


def timeline_of(attempt: str) -> list[LaunchEvent]:
    """Return the events of an attempt in order; none for one that nobody knows."""
    if not attempt:
        return []
    return list(LaunchEvent.objects.filter(attempt=attempt).select_related("endpoint")[:500])


def build(timeline: Sequence[LaunchEvent], *, live: bool = False) -> AttemptPage:
    """Return the page of an attempt that has events; `live` asks the EHR, and ourselves."""
    known = facts.gather(timeline)
    if live:
        known = facts.checked(known)
    causes = causes_of(timeline, known)
    steps = tuple(map(_step, timeline))
    checks = tuple(f"{one.check}: {one.seen}" for one in known.findings.values())
    first = timeline[0]
    case = Case(timeline, known)
    is_unknown = case.code == UnknownEndpoint.code
    name = known.config.name if known.config else "no registered endpoint"
    return AttemptPage(
        attempt=first.attempt,
        endpoint_name=name,
        summary=summary(timeline),
        said=_said(timeline),
        steps=steps,
        causes=causes,
        checks=checks,
        text="\n".join(_text(name, timeline, steps, causes, checks, known)),
        unknown_iss=case.iss if is_unknown and events.is_whole(case.iss) else "",
        resembled=case.nearest if is_unknown and case.iss else None,
    )


def summary(timeline: Sequence[LaunchEvent]) -> str:
    """Return in one line how the attempt went."""
    failed = next((one for one in timeline if one.code), None)
    at = f" It stopped at: {failed.get_step_display()}." if failed else ""
    return f"{outcome.of(timeline)}.{at}"


def _said(timeline: Sequence[LaunchEvent]) -> str:
    """Return the EHR's own words about the failure, with the code that it gave; "" for none."""
    failed = next((one for one in timeline if one.code), None)
    detail = failed.detail if failed else {}
    words = filter(None, (detail.get("ehr_error"), detail.get("said")))
    return ": ".join(dict.fromkeys(map(str, words)))


def _step(event: LaunchEvent) -> StepView:
    return StepView(
        label=event.get_step_display(),
        at=f"{event.at:%Y-%m-%d %H:%M:%S}",
        milliseconds=event.duration_ms,
        code=event.code,
        reference=event.reference,
        verdicts=tuple(map(_verdict, event.verdicts)),
        lines=tuple(_lines(event.detail)),
    )


def _verdict(verdict: Verdict) -> VerdictView:
    rule = verdict["rule"]
    return VerdictView(rule, verdict["ok"], verdict["text"], rule_in_words(rule))


def _lines(detail: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for name, label in LABELS.items():
        if detail.get(name) not in (None, "", [], {}):
            yield label, _value(detail[name])
    for wire in detail.get("exchanges", ()):
        yield f"{wire['method']} {wire['where']}", _outcome(wire)


def _outcome(wire: WireRecord) -> str:
    if wire.get("abandoned"):
        return f"given up by this app after {wire['ms']} ms: its answer was not needed any more"
    clock = "" if wire["ahead"] is None else f", our clock {wire['ahead']} s ahead of its Date"
    return f"{wire['status'] or 'no answer'} in {wire['ms']} ms{clock}"


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_value(item)}" for name, item in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _text(
    name: str,
    timeline: Sequence[LaunchEvent],
    steps: Sequence[StepView],
    causes: Sequence[Cause],
    checks: Sequence[str],
    known: Facts,
) -> Iterator[str]:
    yield f"Launch attempt {timeline[0].attempt} at {name}"
    yield summary(timeline)
    if known.config:
        yield f"FHIR base URL {known.config.fhir_base_url}, client id {known.config.client_id}"
        yield f"Redirect URI {known.config.redirect_uri}, JWKS URL {known.config.jwks_url}"
    if said := _said(timeline):
        yield f"The EHR's words: {said}"
    for number, cause in enumerate(causes, 1):
        yield f"\nCause {number} ({cause.certainty.words.lower()}): {cause.title} [{cause.rule}]"
        yield f"  {cause.check}\n  {cause.todo}"
    for step in steps:
        failed = f" {step.code} {step.reference}" if step.code else ""
        yield f"\n{step.at} UTC {step.label}, {step.milliseconds} ms{failed}"
        for verdict in step.verdicts:
            yield f"  {'ok ' if verdict.ok else 'NOT'} {verdict.rule} {verdict.text}"
        yield from (f"  {label}: {text}" for label, text in step.lines)
    if checks:
        yield "\nChecked just now"
        yield from (f"  {check}" for check in checks)
