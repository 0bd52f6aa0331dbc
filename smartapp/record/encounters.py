"""Encounters: visits, stays and calls, newest first (FHIR R4 Encounter)."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from smartapp.record.absence import absent_code
from smartapp.record.amounts import by_rank, duration_text
from smartapp.record.codes import (
    codes,
    codings,
    concept_text,
    concept_texts,
    concept_words,
    status_code,
    words_or_known,
)
from smartapp.record.elements import Resource, each_of, extensions, mapping, mappings
from smartapp.record.facts import labelled, unless_recorded
from smartapp.record.marks import Marks, doubted, read_marks
from smartapp.record.modifiers import reason_to_leave_out, status_text
from smartapp.record.moments import UNKNOWN, Moment, member_moment, newest_first
from smartapp.record.narratives import with_own_text
from smartapp.record.people import Person, read_person
from smartapp.record.reading import Given, Read, read_each
from smartapp.record.references import (
    Related,
    display,
    name_of,
    reason_elements,
    reasons,
    target,
    to_follow,
)
from smartapp.record.texts import text
from smartapp.record.timing import period_moments

# HL7 v3 ActCode: the value set of Encounter.class.
CLASS_WORDS = {
    "AMB": "Outpatient",
    "EMER": "Emergency",
    "FLD": "In the field",
    "HH": "At home",
    "IMP": "Inpatient",
    "ACUTE": "Inpatient",
    "NONAC": "Inpatient",
    "OBSENC": "Observation stay",
    "PRENC": "Before admission",
    "SS": "Short stay",
    "VR": "Virtual",
}
# HL7's codes of a discharge disposition, for servers that send only the code. In a list of a
# hospital's own "exp" may be another word.
DISPOSITIONS = {
    "home": "Home",
    "alt-home": "Another home",
    "other-hcf": "Another health care facility",
    "hosp": "Hospice",
    "long": "Long-term care",
    "aadvice": "Left against advice",
    "exp": "Died",
    "psy": "Psychiatric hospital",
    "rehab": "Rehabilitation",
    "snf": "Skilled nursing facility",
    "oth": "Other",
}
# Those of the patient discharge status of the United States (NUBC) that must not be missed.
_NUBC_DISPOSITIONS = {
    "07": "Left against advice",
    **dict.fromkeys(("20", "40", "41", "42"), "Died"),
    **dict.fromkeys(("50", "51"), "Hospice"),
}
# HL7's codes of where a patient was admitted from, and of a readmission (HL7 v2 table 0092).
_ADMIT_SOURCES = {
    "hosp-trans": "another hospital",
    "emd": "the emergency department",
    "outp": "an outpatient department",
    "born": "birth in the hospital",
    "gp": "a general practitioner",
    "mp": "a physician",
    "nursing": "a nursing home",
    "psych": "a psychiatric hospital",
    "rehab": "a rehabilitation facility",
}
_READMISSION = {"R": "readmission"}
_CANCELLED_BECAUSE = "http://hl7.org/fhir/StructureDefinition/encounter-reasonCancelled"
# HL7's codes of what a diagnosis was for.
USES = {
    "AD": "admission diagnosis",
    "DD": "discharge diagnosis",
    "CC": "chief complaint",
    "CM": "comorbidity",
    "pre-op": "before the operation",
    "post-op": "after the operation",
    "billing": "for billing",
}
# Their dates may be in the future.
TO_COME = frozenset({"Planned", "Cancelled"})
GOING_ON = frozenset({"In progress", "Arrived", "Triaged", "On leave"})
_FROM = re.compile(r"^from\s+", re.IGNORECASE)
# The words for HL7 v3's other codes of participation, for servers that send only the code.
_ROLES = {
    "ATND": "attending",
    "ADM": "admitting",
    "CON": "consultant",
    "DIS": "discharging",
    "REF": "referring",
    "CALLBCK": "contact for calls",
}
# Roles that only say that a person took part (HL7 v3 ParticipationType); they are not shown.
_PLAIN_ROLES = frozenset({"PPRF", "PART", "SPRF"})


@dataclass(frozen=True, slots=True)
class Encounter:
    """A visit. `is_in_error`: the EHR withdrew it; such a visit is only shown if it is the launch's
    own."""

    marks: Marks
    id: str
    name: str
    kind: str
    started: Moment | None
    ended: Moment | None
    reasons: tuple[str, ...] = ()
    diagnoses: tuple[str, ...] = ()
    disposition: str = ""
    places: tuple[str, ...] = ()
    people: tuple[str, ...] = ()
    details: tuple[str, ...] = ()
    is_in_error: bool = False

    @property
    def when(self) -> Moment | None:
        return self.started or self.ended

    @property
    def beside(self) -> tuple[str, ...]:
        """Its kind, where it was, who took part, and the rest."""
        kind = (self.kind,) if self.kind else ()
        return (*kind, *self.places, *self.people, *self.details)

    @property
    def place(self) -> str:
        return next(iter(self.places), "")


def read_encounters(given: Given) -> Read[Encounter]:
    """Return the encounters, newest first; one without a start is ordered by its end."""
    person = read_person(given.patient)
    read = read_each(
        given.resources,
        lambda one: _dated(read_encounter(one, given.related), given.now, person),
    )
    entries = sorted(read.entries, key=lambda one: (bool(one.marks.doubt), newest_first(one.when)))
    return replace(read, entries=tuple(entries))


def _dated(encounter: Encounter, now: datetime, person: Person) -> Encounter:
    """Mark a visit with a doubt if it is over or in progress but dated in the future, or if it is
    dated before the patient's birth; and one in progress that has ended."""
    status = encounter.marks.status
    if status in TO_COME:
        return encounter
    marks = doubted(encounter.marks, now, person=person)
    if status in GOING_ON:
        marks = marks.going_on(encounter.started, encounter.ended, now)
    return replace(encounter, marks=marks)


def encounters_to_follow(resources: Iterable[Resource]) -> tuple[str, ...]:
    """Return the references to conditions without a display."""
    return to_follow(
        reference
        for one in resources
        for reference in (
            *reason_elements(one),
            *(
                condition
                for diagnosis in mappings(one.get("diagnosis"))
                for condition in mappings(diagnosis.get("condition"))
            ),
        )
    )


def _types(resource: Resource) -> list[str]:
    """Return the types, without one that only says that nobody knows it; every visit of Oracle's
    Soarian has that."""
    types = each_of(resource.get("type"))
    return concept_texts([one for one in types if absent_code(one) not in UNKNOWN])


def read_encounter(resource: Resource, related: Related) -> Encounter:
    """Return one encounter, even if it was entered in error."""
    # R5 calls the period the actual one, and has a planned one beside it.
    started, ended = period_moments(resource.get("period") or resource.get("actualPeriod"))
    began = started or member_moment(resource, "plannedStartDate")
    kind = _kind(resource.get("class"))
    name = next(iter(_types(resource)), "") or concept_text(resource.get("serviceType"))
    return Encounter(
        marks=with_own_text(
            read_marks(
                resource,
                when=began or ended,
                status=unless_recorded(resource, status_text(resource)),
            ).between(started, ended),
            resource,
            is_all_there_is=not (name or kind),
        ),
        id=text(resource.get("id")),
        name=name or kind or "Encounter",
        kind=kind if name and kind.casefold() != name.casefold() else "",
        started=began,
        ended=ended,
        reasons=reasons(resource, related),
        diagnoses=tuple(_diagnoses(resource, related)),
        disposition=_disposition(resource),
        places=tuple(_places(resource)),
        people=tuple(dict.fromkeys(_people(resource))),
        details=tuple(_details(resource, name)),
        is_in_error=bool(reason_to_leave_out(resource)),
    )


def _kind(encounter_class: object) -> str:
    # R5 has several concepts instead of R4's one coding.
    found = [CLASS_WORDS[code] for code in sorted(codes(encounter_class)) if code in CLASS_WORDS]
    if found:
        return found[0]
    # R4 has a coding in place of a concept.
    is_absent = absent_code({"coding": mappings(encounter_class)})
    return "" if is_absent else concept_text(encounter_class)


def _diagnoses(resource: Resource, related: Related) -> Iterable[str]:
    for diagnosis in sorted(mappings(resource.get("diagnosis")), key=by_rank):
        # STU3 calls the use a role.
        sent = diagnosis.get("use") or diagnosis.get("role")
        uses = each_of(sent)
        use = ", ".join(filter(None, (words_or_known(one, USES) for one in uses)))
        # In R5 one use has several conditions.
        for reference in mappings(diagnosis.get("condition")):
            name = name_of(reference, resource, related)
            if not name and not target(reference):
                continue
            name = name or "a diagnosis in another entry of the EHR"
            yield f"{name} ({use})" if use else name


def _disposition(resource: Resource) -> str:
    stay = mapping(resource.get("hospitalization")) or mapping(resource.get("admission"))
    sent = stay.get("dischargeDisposition")
    known = (
        _NUBC_DISPOSITIONS.get(code, "")
        if "nubc.org" in system
        else DISPOSITIONS.get(code, "")
        if not system or system.endswith("/discharge-disposition")
        else ""
        for system, code in codings(sent)
    )
    discharged = concept_words(sent) or next(filter(None, known), "")
    discharged = discharged or labelled("discharge disposition", concept_texts(sent))
    destination = display(stay.get("destination"))
    return ", ".join(filter(None, (discharged, f"to {destination}" if destination else "")))


def _places(resource: Resource) -> Iterable[str]:
    stays = mappings(resource.get("location"))
    # A patient whose visit is over is no longer at any of its places.
    is_over = status_code(resource) in ("finished", "completed") and all(
        text(one.get("status")) == "completed" for one in stays
    )
    locations = (_location({**one, "status": ""} if is_over else one) for one in stays)
    provider = display(resource.get("serviceProvider"))
    yield from dict.fromkeys(filter(None, [*locations, provider]))


def _location(stay: dict[str, Any]) -> str:
    """Return a place, and whether the patient has left it or is still to come there."""
    name, (_, end) = display(stay.get("location")), period_moments(stay.get("period"))
    status = text(stay.get("status"))
    if end:
        words = f"until {end.day_text}"
    else:
        words = {"completed": "no longer", "planned": "planned", "reserved": "planned"}.get(
            status, ""
        )
    return f"{name} ({words})" if name and words else name


def _people(resource: Resource) -> Iterable[str]:
    for participant in mappings(resource.get("participant")):
        name = display(participant.get("individual") or participant.get("actor"))
        _, end = period_moments(participant.get("period"))
        roles = [*_roles(participant), *([f"until {end.day_text}"] if end else [])]
        if name:
            yield f"{name} ({', '.join(roles)})" if roles else name


def _roles(participant: dict[str, Any]) -> list[str]:
    plain = (one for one in mappings(participant.get("type")) if not codes(one) & _PLAIN_ROLES)
    return [words for words in map(role_words, plain) if words]


def role_words(role: object) -> str:
    """Return in words what a participant does."""
    return words_or_known(role, _ROLES)


def _why_cancelled(extension: dict[str, Any]) -> str:
    return labelled("cancelled because of", concept_texts(extension.get("valueCodeableConcept")))


def _details(resource: Resource, name: str) -> Iterable[str]:
    stay = mapping(resource.get("hospitalization")) or mapping(resource.get("admission"))
    yield from _types(resource)[1:]
    yield from map(_why_cancelled, extensions(resource, _CANCELLED_BECAUSE))
    service = concept_text(resource.get("serviceType"))
    if service and service != name:
        yield service
    if source := words_or_known(stay.get("admitSource"), _ADMIT_SOURCES):
        yield f"admitted from {_FROM.sub('', source)}"
    if again := words_or_known(stay.get("reAdmission"), _READMISSION):
        yield again
    if length := duration_text(resource.get("length")):
        yield f"for {length}"
    if priority := concept_text(resource.get("priority")):
        yield priority
    # R5 has these beside the stay.
    for label, name in (
        ("arrangement", "specialArrangement"),
        ("diet", "dietPreference"),
        ("the patient", "subjectStatus"),
    ):
        if needs := labelled(label, concept_texts(stay.get(name) or resource.get(name))):
            yield needs
