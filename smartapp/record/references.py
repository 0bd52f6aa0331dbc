"""The resources that references of a resource lead to (FHIR R4, Resource References)."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from smartapp.record.codes import concept_text, concept_texts, status_codes
from smartapp.record.elements import Resource, each_of, mapping, mappings
from smartapp.record.icd_marks import certainty_text
from smartapp.record.modifiers import not_understood, reason_to_leave_out
from smartapp.record.names import best_name
from smartapp.record.texts import text, texts

# By the reference as it was sent: "Medication/m1", absolute, or with a version.
Related = Mapping[str, Resource]
# Why something is done: R4's names first, then those of R5, STU3 and DSTU2.
REASONS = (
    "reasonCode", "reasonReference", "reason", "reasonCodeableConcept",
    "reasonForUseCodeableConcept", "reasonForUseReference", "reasonGiven", "indication",
)  # fmt: skip
_OF_THE_RECORD = frozenset(
    {
        "AllergyIntolerance", "BodyStructure", "CarePlan", "Condition", "DeviceUseStatement",
        "DiagnosticReport", "Encounter", "EpisodeOfCare", "Goal", "Immunization",
        "MedicationAdministration", "MedicationDispense", "MedicationRequest",
        "MedicationStatement", "Observation", "Procedure", "ServiceRequest",
    }
)  # fmt: skip
A_RELATED_PERSON = "a related person"
MARKED = "marked in a way this app does not understand"
# How certain a diagnosis is, if it is not.
_UNCERTAIN = ("unconfirmed", "provisional", "differential")
_ADDRESS = re.compile(r"#|https?://|urn:|[A-Z][A-Za-z]+/")


def display(reference: object) -> str:
    """Return the EHR's name for the other resource, or ""; in R5 a concept may be in its place."""
    concept = mapping(reference).get("concept")
    return text(as_reference(reference).get("display")) or concept_text(concept)


def displays(references: object) -> list[str]:
    items = each_of(references)
    return [found for found in map(display, items) if found]


def target(reference: object) -> str:
    """Return the reference as it was sent, or ""."""
    return text(as_reference(reference).get("reference"))


def as_reference(sent: object) -> dict[str, Any]:
    """Return a Reference; that of R5's CodeableReference is one level deeper. Some servers send a
    string: an address, or a name."""
    if isinstance(sent, str):
        return {"reference" if _ADDRESS.match(sent) else "display": sent}
    members = mapping(sent)
    return mapping(members.get("reference")) or members


def who(reference: object, resource: Resource) -> str:
    """Return the EHR's name for somebody; without one, whether it is the patient whom the resource
    is about, or somebody close: what they report is not what a professional found."""
    where, kind = place(reference), text(as_reference(reference).get("type"))
    if named := display(reference):
        return named
    if where and where in [place(resource.get(name)) for name in ("subject", "patient")]:
        return "the patient"
    is_related = "RelatedPerson" in (kind, where.partition("/")[0])
    return A_RELATED_PERSON if is_related else ""


def who_all(references: object, resource: Resource) -> list[str]:
    items = each_of(references)
    return [found for one in items if (found := who(one, resource))]


def place(reference: object) -> str:
    """Return "Device/d1" for a reference in any form, without server and version."""
    return "/".join(target(reference).partition("/_history/")[0].split("/")[-2:])


def is_of_the_record(reference: object) -> bool:
    """Return whether a reference leads to something of the patient's own, such as the cancer that a
    stage is about, and not to somebody or something else."""
    kind = text(as_reference(reference).get("type")) or place(reference).partition("/")[0]
    return kind in _OF_THE_RECORD


def superseded(replacements: Iterable[tuple[str, str]]) -> frozenset[str]:
    """Return the entries that another one replaces, given as pairs of a newer and an older one. Of
    entries that replace each other, or themselves, none is older."""
    older: dict[str, set[str]] = {}
    waits_for: Counter[str] = Counter()
    for newer, replaced in set(replacements):
        if newer == replaced:
            continue
        older.setdefault(newer, set()).add(replaced)
        waits_for[replaced] += 1
    # Entries that nothing replaces, then those of whose replacements that is known: no circle.
    known = [newer for newer in older if not waits_for[newer]]
    found: set[str] = set()
    for newer in known:
        for replaced in older.get(newer, ()):
            found.add(replaced)
            waits_for[replaced] -= 1
            if not waits_for[replaced]:
                known.append(replaced)
    return frozenset(found)


def resolve(reference: object, holder: Resource, related: Related) -> Resource:
    """Return the resource that `holder` contains or that was read in addition, or {}."""
    written = target(reference)
    if written in related:
        return related[written]
    wanted = _contained_id(written)
    contained = mappings(holder.get("contained")) if wanted else []
    return next((one for one in contained if _contained_id(one.get("id")) == wanted), {})


def _contained_id(written: object) -> str:
    """Return the id of a contained resource. Some servers leave the # of a reference out, put it
    into the id as well, or name the resource by its UUID."""
    return text(written).removeprefix("urn:uuid:").lstrip("#")


def with_names(resource: Resource, now: datetime) -> Resource:
    """Return the resource with the names of the people, places and organizations that it contains
    as the displays of its references to them."""
    # "#" alone is the resource itself.
    contained = {_contained_id(one.get("id")): one for one in mappings(resource.get("contained"))}
    names = {id: best_name(one, now) for id, one in contained.items() if id}
    for id in names:
        # A PractitionerRole has the name of its person.
        person = contained[id].get("practitioner")
        names[id] = names[id] or display(person) or names.get(_contained_id(target(person)), "")
        if contained[id].get("resourceType") == "RelatedPerson":
            relations = concept_texts(contained[id].get("relationship"))
            names[id] = names[id] or ", ".join(relations) or A_RELATED_PERSON
    return _with_displays(resource, names) if any(names.values()) else resource


def _with_displays(element: Any, names: Mapping[str, str]) -> Any:
    if isinstance(element, list):
        return [_with_displays(one, names) for one in element]
    if not isinstance(element, dict):
        return element
    members = {name: _with_displays(one, names) for name, one in element.items()}
    is_nameless = isinstance(element.get("reference"), str) and not text(element.get("display"))
    name = names.get(_contained_id(element["reference"]), "") if is_nameless else ""
    return {**members, "display": name} if name else members


def to_follow(references: Iterable[object]) -> tuple[str, ...]:
    """Return the references that must be read because they have no display."""
    written = (target(one) for one in references if not display(one))
    return tuple(dict.fromkeys(one for one in written if one and not one.startswith("#")))


def reasons(resource: Resource, related: Related) -> tuple[str, ...]:
    """Return why something is done, each reason once."""
    found = [
        *(
            name_of(one, resource, related) or concept_text(one)
            for one in reason_elements(resource)
        ),
        # Some servers send a sentence instead of FHIR's structure.
        *(words for name in REASONS for words in texts(resource.get(name))),
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
    """Return the EHR's name for the other resource, or its code in words, with "entered in error",
    "ruled out" or "provisional" if it is, or that it has a mark that is not understood."""
    found = resolve(reference, holder, related)
    return with_doubt(display(reference) or concept_text(found.get("code")), found)


def with_doubt(name: str, found: Resource) -> str:
    """Return the name of a resource with what is against it as in `name_of`."""
    if not name or not found:
        return name
    mark = MARKED if not_understood(found) else ""
    doubt = reason_to_leave_out(found) or mark or _uncertainty(found)
    return f"{name} ({doubt})" if doubt else name


def _uncertainty(condition: Resource) -> str:
    """Return that a diagnosis is not certain, by its status or by the mark of its German code."""
    sent = status_codes(condition.get("verificationStatus"))
    return next((one for one in sent if one in _UNCERTAIN), certainty_text(condition).lower())


def names_of(references: object, holder: Resource, related: Related) -> list[str]:
    items = each_of(references)
    return [found for one in items if (found := name_of(one, holder, related))]


def _elsewhere(resource: Resource) -> tuple[str, ...]:
    referred = any(map(target, reason_elements(resource)))
    return ("a reason in another entry of the EHR",) if referred else ()
