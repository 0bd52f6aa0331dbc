"""The resources that references of a resource lead to (FHIR R4, Resource References)."""

from collections.abc import Iterable, Mapping

from smartapp.record.codes import concept_text, concept_texts
from smartapp.record.elements import Resource, mapping, mappings
from smartapp.record.modifiers import reason_to_leave_out
from smartapp.record.texts import text

# By the reference as it was sent: "Medication/m1", absolute, or with a version.
Related = Mapping[str, Resource]


def display(reference: object) -> str:
    """Return the EHR's name for the other resource, or ""."""
    return text(mapping(reference).get("display"))


def displays(references: object) -> list[str]:
    return [found for found in map(display, mappings(references)) if found]


def target(reference: object) -> str:
    """Return the reference as it was sent, or ""."""
    return text(mapping(reference).get("reference"))


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
    """Return why something is done (reasonCode, reasonReference), each reason once."""
    found = [
        *concept_texts(resource.get("reasonCode")),
        *(name_of(one, resource, related) for one in mappings(resource.get("reasonReference"))),
    ]
    return tuple(dict.fromkeys(filter(None, found))) or _elsewhere(resource)


def name_of(reference: object, holder: Resource, related: Related) -> str:
    """Return the EHR's name for the other resource, or its code in words, with "entered in error"
    or "ruled out" if it is."""
    found = resolve(reference, holder, related)
    name = display(reference) or concept_text(found.get("code"))
    reason = reason_to_leave_out(found) if found and name else ""
    return f"{name} ({reason})" if reason else name


def _elsewhere(resource: Resource) -> tuple[str, ...]:
    referred = any(target(one) for one in mappings(resource.get("reasonReference")))
    return ("a reason in another entry of the EHR",) if referred else ()
