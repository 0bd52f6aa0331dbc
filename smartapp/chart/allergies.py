"""Allergies and intolerances. An empty list is never "no known allergies": only a record is."""

from dataclasses import dataclass
from typing import Any

from smartapp.record.codes import codes, concept_text, concept_texts
from smartapp.record.elements import mappings
from smartapp.record.moments import Moment, first_moment
from smartapp.record.texts import annotations, text

# SNOMED CT: "no known" of a kind, recorded as a statement about the patient.
NO_KNOWN = {
    "716186003": "No known allergies",
    "409137002": "No known drug allergies",
    "428607008": "No known environmental allergies",
    "429625007": "No known food allergies",
    "716184000": "No known latex allergy",
}
CRITICALITY_WORDS = {
    "high": "High criticality",
    "low": "Low criticality",
    "unable-to-assess": "Criticality could not be assessed",
}
OVER = frozenset({"inactive", "resolved"})
NOT_AN_ALLERGY = frozenset({"refuted", "entered-in-error"})


@dataclass(frozen=True, slots=True)
class Allergy:
    """`is_statement` marks "no known …", which the record itself says."""

    name: str
    is_statement: bool
    is_active: bool
    is_high: bool
    criticality: str
    kind: str
    reactions: tuple[str, ...]
    status: str
    recorded: Moment | None
    notes: tuple[str, ...]


def read_allergies(intolerances: list[dict[str, Any]]) -> tuple[Allergy, ...]:
    allergies = [
        _allergy(intolerance)
        for intolerance in intolerances
        if not codes(intolerance.get("verificationStatus")) & NOT_AN_ALLERGY
    ]
    return tuple(sorted(allergies, key=lambda a: (not a.is_active, not a.is_high, a.name.lower())))


def _allergy(intolerance: dict[str, Any]) -> Allergy:
    statements = [NO_KNOWN[code] for code in codes(intolerance.get("code")) & NO_KNOWN.keys()]
    criticality = text(intolerance.get("criticality"))
    named = concept_text(intolerance.get("code")) or _substances(intolerance)
    return Allergy(
        name=statements[0] if statements else named or "Allergy to something that is not named",
        is_statement=bool(statements),
        is_active=not codes(intolerance.get("clinicalStatus")) & OVER,
        is_high=criticality == "high",
        criticality=CRITICALITY_WORDS.get(criticality, ""),
        kind="Intolerance" if intolerance.get("type") == "intolerance" else "",
        reactions=tuple(filter(None, map(_reaction, mappings(intolerance.get("reaction"))))),
        status=_status(intolerance),
        recorded=first_moment(intolerance.get("onsetDateTime"), intolerance.get("recordedDate")),
        notes=tuple(annotations(intolerance.get("note"))),
    )


def _substances(intolerance: dict[str, Any]) -> str:
    return ", ".join(
        concept_texts([r.get("substance") for r in mappings(intolerance.get("reaction"))])
    )


def _reaction(reaction: dict[str, Any]) -> str:
    """Return e.g. "Hives, shortness of breath (severe)"."""
    what = ", ".join(concept_texts(reaction.get("manifestation"))) or text(
        reaction.get("description")
    )
    severity = text(reaction.get("severity"))
    known = severity in ("mild", "moderate", "severe")
    return f"{what} ({severity})" if what and known else what


def _status(intolerance: dict[str, Any]) -> str:
    clinical = codes(intolerance.get("clinicalStatus"))
    words = [word.capitalize() for word in ("inactive", "resolved") if word in clinical]
    if "unconfirmed" in codes(intolerance.get("verificationStatus")):
        words.append("Unconfirmed")
    return ", ".join(words)
