"""The resources that references of a resource lead to (FHIR R4, Resource References)."""

from collections.abc import Iterable, Mapping
from typing import Any

from smartapp.record.codes import concept_text
from smartapp.record.elements import Resource, mapping, mappings
from smartapp.record.modifiers import reason_to_leave_out
from smartapp.record.texts import text

# By the reference as it was sent: "Medication/m1", absolute, or with a version.
Related = Mapping[str, Resource]
# Why something is done: R4's names first, then those of R5, STU3 and DSTU2.
REASONS = (
    "reasonCode", "reasonReference", "reason", "reasonCodeableConcept",
    "reasonForUseCodeableConcept", "reasonForUseReference", "reasonGiven", "indication",
)  # fmt: skip


def display(reference: object) -> str:
    """Return the EHR's name for the other resource, or ""; in R5 a concept may be in its place."""
    members = mapping(reference)
    return text(_reference(members).get("display")) or concept_text(members.get("concept"))


def displays(references: object) -> list[str]:
    return [found for found in map(display, mappings(references)) if found]


def target(reference: object) -> str:
    """Return the reference as it was sent, or ""."""
    return text(_reference(mapping(reference)).get("reference"))


def _reference(members: dict[str, Any]) -> dict[str, Any]:
    """Return a Reference; that of R5's CodeableReference is one level deeper."""
    return mapping(members.get("reference")) or members


def place(reference: object) -> str:
    """Return "Device/d1" for a reference in any form, without server and version."""
    return "/".join(target(reference).partition("/_history/")[0].split("/")[-2:])


def resolve(reference: object, holder: Resource, related: Related) -> Resource:
    """Return the resource that `holder` contains or that was read in addition, or {}."""
    written = target(reference)
    if not written.startswith("#"):
        return related.get(written, {})
    contained = mappings(holder.get("contained"))
    # Some servers put the # into the id as well.
    return next((one for one in contained if text(one.get("id")).lstrip("#") == written[1:]), {})


def to_follow(references: Iterable[object]) -> tuple[str, ...]:
    """Return the references that must be read because they have no display."""
    written = (target(one) for one in references if not display(one))
    return tuple(dict.fromkeys(one for one in written if one and not one.startswith("#")))


def reasons(resource: Resource, related: Related) -> tuple[str, ...]:
    """Return why something is done, each reason once."""
    found = [
        name_of(one, resource, related) or concept_text(one) for one in reason_elements(resource)
    ]
    return tuple(dict.fromkeys(filter(None, found))) or _elsewhere(resource)


def reason_elements(resource: Resource) -> list[dict[str, Any]]:
    """Return the reasons as they were sent: concepts, references, or either (R5)."""
    return [
        one
        for name in REASONS
        for each in mappings(resource.get(name))
        # R5's Encounter has them one level deeper.
        for one in (mappings(each["value"]) if "value" in each else [each])
    ]


def name_of(reference: object, holder: Resource, related: Related) -> str:
    """Return the EHR's name for the other resource, or its code in words, with "entered in error"
    or "ruled out" if it is."""
    found = resolve(reference, holder, related)
    name = display(reference) or concept_text(found.get("code"))
    reason = reason_to_leave_out(found) if found and name else ""
    return f"{name} ({reason})" if reason else name


def _elsewhere(resource: Resource) -> tuple[str, ...]:
    referred = any(map(target, reason_elements(resource)))
    return ("a reason in another entry of the EHR",) if referred else ()
