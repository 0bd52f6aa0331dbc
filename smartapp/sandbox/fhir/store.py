"""The sandbox's synthetic people, in memory: read once, on first use, and never changed.

`people/index.json` lists the people in the launcher's order, each with one line about why this
person is interesting. Each `people/*.ndjson.gz` holds one person, or the practice, as FHIR R4
resources, one per line. `python -m tools.sandbox_people` writes these files.
"""

import gzip
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from smartapp.sandbox.fhir.dates import Interval, interval

Resource = dict[str, Any]

PEOPLE = Path(__file__).parent / "people"

# The element that refers to the patient: the patient compartment (R4
# CompartmentDefinition/patient).
COMPARTMENT: Mapping[str, str] = {
    "AllergyIntolerance": "patient",
    "Appointment": "participant.actor",
    "CarePlan": "subject",
    "CareTeam": "subject",
    "Condition": "subject",
    "Coverage": "beneficiary",
    "Device": "patient",
    "DeviceUseStatement": "subject",
    "DiagnosticReport": "subject",
    "DocumentReference": "subject",
    "Encounter": "subject",
    "FamilyMemberHistory": "patient",
    "Goal": "subject",
    "Immunization": "patient",
    "MedicationAdministration": "subject",
    "MedicationDispense": "subject",
    "MedicationRequest": "subject",
    "MedicationStatement": "subject",
    "Observation": "subject",
    "Procedure": "subject",
    "QuestionnaireResponse": "subject",
    "RelatedPerson": "patient",
    "ServiceRequest": "subject",
}
SHARED = ("Location", "Organization", "Practitioner")
TYPES = ("Patient", *COMPARTMENT, *SHARED)

DATE_ELEMENTS = (
    "effectiveDateTime",
    "period",
    "onsetDateTime",
    "recordedDate",
    "authoredOn",
    "occurrenceDateTime",
    "performedDateTime",
    "effectivePeriod",
    "timingPeriod",
    "date",
    "startDate",
    "whenHandedOver",
    "authored",
)


CODED_ELEMENTS = (
    "category",
    "clinicalStatus",
    "code",
    "medicationCodeableConcept",
    "type",
    "vaccineCode",
)

REFERENCE = re.compile(rb'"reference":"([^"]+)"')


@dataclass(frozen=True, slots=True)
class EncounterSummary:
    id: str
    label: str
    start: str


@dataclass(frozen=True, slots=True)
class PatientSummary:
    id: str
    name: str
    birth_date: str
    sex: str
    identifier: str
    note: str
    encounters: tuple[EncounterSummary, ...]


@dataclass(frozen=True, slots=True)
class PractitionerSummary:
    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Record:
    """One resource, with precomputed values for searches."""

    resource: Resource = field(repr=False)
    body: bytes = field(repr=False)
    type: str
    id: str
    patient: str | None
    date: Interval | None
    tokens: Mapping[str, frozenset[str]] = field(repr=False)
    """For each coded element, every token that matches one of its codings (R4 search, token)."""

    @property
    def reference(self) -> str:
        return f"{self.type}/{self.id}"


@dataclass(frozen=True, slots=True)
class Store:
    notes: Mapping[str, str]
    by_reference: Mapping[str, Record]
    by_type: Mapping[str, tuple[Record, ...]]
    by_patient: Mapping[tuple[str, str], tuple[Record, ...]]
    referenced_by: Mapping[str, frozenset[str]]
    """Reference of a shared resource → the patients whose records mention it."""

    def find(self, resource_type: str, id: str) -> Record | None:
        return self.by_reference.get(f"{resource_type}/{id}")

    def of_patient(self, resource_type: str, patient: str) -> tuple[Record, ...]:
        return self.by_patient.get((resource_type, patient), ())


@cache
def patients() -> tuple[PatientSummary, ...]:
    """Return all patients in the launcher's order."""
    return tuple(_patient_summary(id, note) for id, note in store().notes.items())


def practitioners() -> tuple[PractitionerSummary, ...]:
    return tuple(
        PractitionerSummary(record.id, name_text(record.resource))
        for record in store().by_type["Practitioner"]
    )


def may_act_for(patient: str) -> tuple[PatientSummary, ...]:
    """Return the patients whose proxy this patient is (a parent's children), found through
    Patient.link."""
    links = store().by_reference[f"Patient/{patient}"].resource.get("link", ())
    related = [store().by_reference[link["other"]["reference"]] for link in links]
    return tuple(
        _patient_summary(r.patient, store().notes[r.patient]) for r in related if r.patient
    )


def name_text(resource: Resource) -> str:
    text: str = resource["name"][0]["text"]
    return text


@cache
def store() -> Store:
    notes = json.loads((PEOPLE / "index.json").read_text("utf-8"))
    return build_store(notes, _read_people())


def build_store(notes: Mapping[str, str], bodies: Iterable[bytes]) -> Store:
    records = [_record(body) for body in bodies]
    by_type = defaultdict(list)
    by_patient = defaultdict(list)
    for record in records:
        by_type[record.type].append(record)
        if record.patient:
            by_patient[record.type, record.patient].append(record)
    return Store(
        notes=notes,
        by_reference={record.reference: record for record in records},
        by_type={name: tuple(by_type[name]) for name in TYPES},
        by_patient={key: tuple(found) for key, found in by_patient.items()},
        referenced_by=_referenced_by(records),
    )


def _read_people() -> Iterator[bytes]:
    for path in sorted(PEOPLE.glob("*.ndjson.gz")):
        yield from gzip.decompress(path.read_bytes()).splitlines()


def _record(body: bytes) -> Record:
    resource: Resource = json.loads(body)
    dates = (resource[element] for element in DATE_ELEMENTS if element in resource)
    return Record(
        resource=resource,
        body=body,
        type=resource["resourceType"],
        id=resource["id"],
        patient=_patient(resource),
        date=next((interval(date) for date in dates), None),
        tokens={name: _tokens(resource[name]) for name in CODED_ELEMENTS if name in resource},
    )


def _patient(resource: Resource) -> str | None:
    if resource["resourceType"] == "Patient":
        return str(resource["id"])
    element = COMPARTMENT.get(resource["resourceType"])
    if element is None:
        return None
    return next(_patients_at(resource, element))


def _patients_at(resource: Resource, path: str) -> Iterator[str]:
    """Yield the ids of the patients at this path; an appointment has them as participants."""
    member, _, inner = path.partition(".")
    found = resource[member] if inner else [{"": resource[member]}]
    for holder in found:
        kind, _, id = str(holder[inner].get("reference", "")).partition("/")
        if kind == "Patient":
            yield id


def _tokens(value: Any) -> frozenset[str]:
    """Return `code`, `system|code` and `system|` for every coding of one or several
    CodeableConcepts.

    AllergyIntolerance.category holds plain codes, which are searched directly.
    """
    concepts = value if isinstance(value, list) else [value]
    coded = [concept for concept in concepts if isinstance(concept, dict)]
    codings = [coding for concept in coded for coding in concept.get("coding", ())]
    forms = ((c["code"], f"{c['system']}|{c['code']}", f"{c['system']}|") for c in codings)
    return frozenset(form for three in forms for form in three)


def _referenced_by(records: Iterable[Record]) -> dict[str, frozenset[str]]:
    found: defaultdict[str, set[str]] = defaultdict(set)
    for record in records:
        if record.patient:
            for reference in references(record):
                found[reference].add(record.patient)
    return {reference: frozenset(patients) for reference, patients in found.items()}


def references(record: Record) -> frozenset[str]:
    """Return every literal reference in a resource, found in its bytes: ten times faster than a
    walk."""
    return frozenset(match.decode() for match in REFERENCE.findall(record.body))


def _patient_summary(id: str, note: str) -> PatientSummary:
    resource = store().by_reference[f"Patient/{id}"].resource
    encounters = store().of_patient("Encounter", id)
    newest_first = sorted(encounters, key=_start, reverse=True)
    return PatientSummary(
        id=id,
        name=name_text(resource),
        birth_date=resource["birthDate"],
        sex=resource.get("gender", ""),
        identifier=_record_number(resource),
        note=note,
        encounters=tuple(_encounter_summary(record.resource) for record in newest_first),
    )


def _record_number(resource: Resource) -> str:
    """Return the record number; "" for a patient who is too new to have one."""
    return next((str(item["value"]) for item in resource.get("identifier", ())), "")


def _start(record: Record) -> datetime:
    return datetime.fromisoformat(record.resource["period"]["start"])


def _encounter_summary(resource: Resource) -> EncounterSummary:
    concepts = [*resource["type"], *resource.get("reasonCode", ())]
    label = ": ".join(concept["text"] for concept in concepts)
    return EncounterSummary(resource["id"], label, resource["period"]["start"])
