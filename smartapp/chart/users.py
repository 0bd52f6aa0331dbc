"""Who launched: the resource behind `fhirUser` in words (C95, C96)."""

from datetime import datetime
from typing import Any

from smartapp.chart.chart import FHIRUserView, Relation
from smartapp.protocol.fhir import FHIRUser
from smartapp.record.codes import concept_text
from smartapp.record.elements import mapping
from smartapp.record.names import best_name
from smartapp.record.texts import text

ROLE_WORDS = {
    "Practitioner": "Clinician",
    "PractitionerRole": "Clinician",
    "Patient": "Patient",
    "RelatedPerson": "Related person",
    "Person": "Person",
}


def user_view(
    user: FHIRUser, resource: dict[str, Any], *, about: str | None, patient: str, now: datetime
) -> FHIRUserView:
    """Return who launched. `resource` is {} if it could not be read; `about` is the patient that it
    names."""
    return FHIRUserView(
        reference=f"{user.resource_type}/{user.id}" if user.readable else user.url,
        name=_name(user, resource, now),
        role=_role(user, resource),
        relation=_relation(user, about, patient),
    )


def _name(user: FHIRUser, resource: dict[str, Any], now: datetime) -> str:
    if user.resource_type == "PractitionerRole":
        return text(mapping(resource.get("practitioner")).get("display"))
    return best_name(resource, now)


def _role(user: FHIRUser, resource: dict[str, Any]) -> str:
    specific = {
        "PractitionerRole": resource.get("code"),
        "RelatedPerson": resource.get("relationship"),
    }
    return concept_text(specific.get(user.resource_type)) or ROLE_WORDS[user.resource_type]


def _relation(user: FHIRUser, about: str | None, patient: str) -> Relation:
    """Return the person's relation to the patient; "unknown" if it is not certain (C96: never
    equate)."""
    if user.resource_type in ("Practitioner", "PractitionerRole"):
        return "clinician"
    if user.resource_type == "Patient" and user.readable:
        return "self" if user.id == patient else "proxy"
    if user.resource_type == "RelatedPerson" and about == patient:
        return "proxy"
    return "unknown"
