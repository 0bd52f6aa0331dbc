"""Conditions: active ones first, resolved ones apart."""

from dataclasses import dataclass
from typing import Any

from smartapp.record.codes import codes, concept_text
from smartapp.record.elements import mapping
from smartapp.record.moments import Moment, first_moment, newest_first
from smartapp.record.texts import annotations

OVER = frozenset({"inactive", "remission", "resolved"})
CLINICAL_WORDS = {
    "recurrence": "Recurrence",
    "relapse": "Relapse",
    "inactive": "Inactive",
    "remission": "In remission",
    "resolved": "Resolved",
}
VERIFICATION_WORDS = {
    "unconfirmed": "Unconfirmed",
    "provisional": "Provisional",
    "differential": "Differential",
}
NOT_A_PROBLEM = frozenset({"refuted", "entered-in-error"})


@dataclass(frozen=True, slots=True)
class Problem:
    name: str
    is_active: bool
    status: str
    severity: str
    started: Moment | None
    ended: Moment | None
    notes: tuple[str, ...]


def read_problems(conditions: list[dict[str, Any]]) -> tuple[Problem, ...]:
    """Return the conditions that hold or held; refuted and mistaken ones are left out."""
    problems = [
        _problem(condition)
        for condition in conditions
        if not codes(condition.get("verificationStatus")) & NOT_A_PROBLEM
    ]
    return tuple(sorted(problems, key=lambda p: (not p.is_active, newest_first(p.started), p.name)))


def _problem(condition: dict[str, Any]) -> Problem:
    clinical = codes(condition.get("clinicalStatus"))
    ended = first_moment(
        condition.get("abatementDateTime"), mapping(condition.get("abatementPeriod")).get("start")
    )
    # An abatement without a status says the same; "active" beside it is the author's last word.
    is_active = not clinical & OVER and (ended is None or bool(clinical))
    return Problem(
        name=concept_text(condition.get("code")) or "Problem without a name",
        is_active=is_active,
        status=_status(condition, is_active=is_active),
        severity=concept_text(condition.get("severity")),
        started=first_moment(
            condition.get("onsetDateTime"),
            mapping(condition.get("onsetPeriod")).get("start"),
            condition.get("recordedDate"),
        ),
        ended=ended,
        notes=tuple(annotations(condition.get("note"))),
    )


def _status(condition: dict[str, Any], *, is_active: bool) -> str:
    """Return what is worth saying beyond "active"."""
    clinical = codes(condition.get("clinicalStatus"))
    verification = codes(condition.get("verificationStatus"))
    words = [word for code, word in CLINICAL_WORDS.items() if code in clinical]
    words += [word for code, word in VERIFICATION_WORDS.items() if code in verification]
    if not words and not is_active:
        words.append("Over")
    return ", ".join(words)
