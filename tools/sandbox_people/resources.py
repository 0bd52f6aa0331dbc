"""FHIR R4 elements from the data types of `people`. Every function returns plain JSON."""

from datetime import date, datetime
from typing import Any

from tools.sandbox_people import practice
from tools.sandbox_people.everyday import Illness, Vaccination
from tools.sandbox_people.people import (
    Allergy,
    Guardian,
    Name,
    Operation,
    Person,
    Prescription,
    Problem,
    Visits,
)
from tools.sandbox_people.terms import (
    CVX,
    ICD10,
    LOINC,
    RXNORM,
    SNOMED,
    UCUM,
    VITAL_SIGNS,
    Diagnosis,
    Drug,
    Measure,
)

Resource = dict[str, Any]

TERMINOLOGY = "http://terminology.hl7.org/CodeSystem"
REPRESENTATION = "http://hl7.org/fhir/StructureDefinition/iso21090-EN-representation"
SYNTHETIC = {
    "system": f"{TERMINOLOGY}/v3-ActReason",
    "code": "HTEST",
    "display": "test health data",
}
# The element that names the patient, for types in which it is not `subject`.
PATIENT_ELEMENTS = {
    "AllergyIntolerance": "patient",
    "Coverage": "beneficiary",
    "Device": "patient",
    "FamilyMemberHistory": "patient",
    "Immunization": "patient",
}
LAST_OFFICE_DAY = date(2026, 10, 30)
CLASSES = {
    "AMB": "ambulatory",
    "EMER": "emergency",
    "IMP": "inpatient encounter",
    "HH": "home health",
    "VR": "virtual",
}


def about(
    person: Person, resource_type: str, id: str, updated: datetime, elements: Resource
) -> Resource:
    """Return a resource of the person's compartment."""
    patient = {"reference": f"Patient/{person.id}", "display": person.name.text}
    resource = {
        "resourceType": resource_type,
        "id": id,
        "meta": {"versionId": "1", "lastUpdated": instant(updated)},
        "extension": practice.practice_extension(),
        **elements,
    }
    if resource_type == "Appointment":
        own = {"actor": patient, "status": "accepted"}
        return {**resource, "participant": [own, *elements["participant"]]}
    return {**resource, PATIENT_ELEMENTS.get(resource_type, "subject"): patient}


def instant(when: datetime) -> str:
    return when.isoformat(timespec="seconds")


def concept(system: str, code: str, display: str, text: str | None = None) -> Resource:
    coding = {"system": system, "code": code, "display": display}
    return {"coding": [coding], "text": text or display}


def diagnosis_concept(diagnosis: Diagnosis) -> Resource:
    found = concept(SNOMED, diagnosis.snomed, diagnosis.display)
    if diagnosis.icd10:
        found["coding"].append({"system": ICD10, "code": diagnosis.icd10})
    return found


def drug_concept(drug: Drug) -> Resource:
    return concept(RXNORM, drug.rxnorm, drug.display)


def patient(person: Person) -> Resource:
    """Return the Patient. One who is new today has only a name and a date of birth."""
    resource: Resource = {
        "resourceType": "Patient",
        "id": person.id,
        "meta": _confirmed(person),
        "extension": practice.practice_extension(),
        "name": human_names(person.name),
        "birthDate": person.born.isoformat(),
    }
    if person.gender is not None:
        resource |= _registered(person, person.gender)
    if person.died:
        resource["deceasedDateTime"] = f"{person.died}T04:40:00-04:00"
    if person.language:
        language = concept("urn:ietf:bcp:47", *person.language)
        resource["communication"] = [{"language": language, "preferred": True}]
    return resource


def _registered(person: Person, gender: str) -> Resource:
    phone = f"+1 555 01{person.number % 100:02d}"
    address = practice.address(f"{person.number % 90 + 10} Example Street")
    return {
        "identifier": [_record_number(person.number)],
        "active": person.died is None,
        "gender": gender,
        "telecom": [{"system": "phone", "value": phone, "use": "home"}],
        "address": [{"use": "home", **address}],
        "generalPractitioner": [_practitioner(person.practitioner)],
        "managingOrganization": {"reference": practice.PRACTICE_REFERENCE},
    }


def _confirmed(person: Person) -> Resource:
    """Return the meta of the Patient: identity last confirmed on the last day that the office was
    open."""
    day = min(person.last_day, LAST_OFFICE_DAY)
    updated = f"{day.isoformat()}T09:00:00-04:00"
    return {"versionId": "1", "lastUpdated": updated, "security": [SYNTHETIC]}


def human_names(name: Name) -> list[Resource]:
    names = [
        _human_name("official", name.family, name.given, name.text, "IDE" if name.kana else "")
    ]
    if name.kana:
        family, given = name.kana.split()
        names.append(_human_name("official", family, (given,), name.kana, "SYL"))
    if name.latin:
        *given_names, family = name.latin.split()
        names.append(_human_name("usual", family, tuple(given_names), name.latin, ""))
    return names


def _human_name(
    use: str, family: str, given: tuple[str, ...], text: str, representation: str
) -> Resource:
    name: Resource = {"use": use, "text": text, "family": family, "given": list(given)}
    if representation:
        name["extension"] = [{"url": REPRESENTATION, "valueCode": representation}]
    return name


def _record_number(number: int) -> Resource:
    return {
        "use": "usual",
        "type": concept(f"{TERMINOLOGY}/v2-0203", "MR", "Medical record number"),
        "system": "https://fhir.athena.io/sid/ah-patient",
        "value": str(number),
    }


def _practitioner(id: str) -> Resource:
    return {"reference": f"Practitioner/{id}", "display": practice.NAMES[id]}


def guardians(person: Person) -> list[Resource]:
    """Return the RelatedPerson resources of those who may act for the person."""
    return [
        {
            "resourceType": "RelatedPerson",
            "id": related_person_id(person, index),
            "meta": _confirmed(person),
            "extension": practice.practice_extension(),
            "active": True,
            "patient": {"reference": f"Patient/{person.id}", "display": person.name.text},
            "relationship": [_relationship(guardian)],
            "name": human_names(guardian.name),
            "gender": guardian.gender,
        }
        for index, guardian in enumerate(person.guardians, start=1)
    ]


def related_person_id(person: Person, index: int) -> str:
    return f"a-1.RelatedPerson-{person.number}{index:05d}"


def _relationship(guardian: Guardian) -> Resource:
    code = {"mother": "MTH", "father": "FTH", "daughter": "DAUC"}[guardian.role]
    return concept(f"{TERMINOLOGY}/v3-RoleCode", code, guardian.role)


def encounter(
    visits: Visits, start: datetime, end: datetime, practitioner: str, location: str
) -> Resource:
    elements: Resource = {
        "status": "finished",
        "class": {
            "system": f"{TERMINOLOGY}/v3-ActCode",
            "code": visits.setting,
            "display": CLASSES[visits.setting],
        },
        "type": [concept(SNOMED, visits.kind.snomed, visits.kind.display)],
        "participant": [{"individual": _practitioner(practitioner)}],
        "period": {"start": instant(start), "end": instant(end)},
        "location": [{"location": {"reference": f"Location/{location}"}}],
        "serviceProvider": {"reference": practice.PRACTICE_REFERENCE},
    }
    if visits.reason:
        elements["reasonCode"] = [diagnosis_concept(visits.reason)]
    return elements


def quantity(
    measure: Measure, value: float, category: str, encounter: str | None, when: datetime
) -> Resource:
    elements = _observation(
        concept(LOINC, measure.loinc, measure.display), category, encounter, when
    )
    elements["valueQuantity"] = _quantity(measure, value)
    if measure.low is not None or measure.high is not None:
        elements["interpretation"] = [_interpretation(measure, value)]
        elements["referenceRange"] = [_reference_range(measure)]
    return elements


def blood_pressure(
    systolic: float, diastolic: float, encounter: str | None, when: datetime
) -> Resource:
    panel = concept(LOINC, "85354-9", "Blood pressure panel with all children optional")
    elements = _observation(panel, "vital-signs", encounter, when)
    values = {"systolic": systolic, "diastolic": diastolic}
    elements["component"] = [
        {
            "code": concept(LOINC, VITAL_SIGNS[name].loinc, VITAL_SIGNS[name].display),
            "valueQuantity": _quantity(VITAL_SIGNS[name], value),
        }
        for name, value in values.items()
    ]
    return elements


def smoking(code: str, display: str, encounter: str, when: datetime) -> Resource:
    status = concept(LOINC, "72166-2", "Tobacco smoking status")
    elements = _observation(status, "social-history", encounter, when)
    return {**elements, "valueCodeableConcept": concept(SNOMED, code, display)}


def _observation(code: Resource, category: str, encounter: str | None, when: datetime) -> Resource:
    elements: Resource = {
        "status": "final",
        "category": [
            concept(f"{TERMINOLOGY}/observation-category", category, category.replace("-", " "))
        ],
        "code": code,
        "effectiveDateTime": instant(when),
        "issued": instant(when),
    }
    return {**elements, **({"encounter": {"reference": encounter}} if encounter else {})}


def _quantity(measure: Measure, value: float) -> Resource:
    return {"value": value, "unit": measure.unit, "system": UCUM, "code": measure.ucum}


def _interpretation(measure: Measure, value: float) -> Resource:
    code, display = "N", "Normal"
    if measure.low is not None and value < measure.low:
        code, display = "L", "Low"
    if measure.high is not None and value > measure.high:
        code, display = "H", "High"
    return concept(f"{TERMINOLOGY}/v3-ObservationInterpretation", code, display)


def _reference_range(measure: Measure) -> Resource:
    bounds = {"low": measure.low, "high": measure.high}
    return {name: _quantity(measure, v) for name, v in bounds.items() if v is not None}


def problem(item: Problem, when: datetime) -> Resource:
    clinical = "resolved" if item.abated and item.status == "active" else item.status
    elements = _condition(item.diagnosis, clinical, item.verification, "problem-list-item")
    elements |= {"onsetDateTime": item.onset, "recordedDate": instant(when)}
    if item.abated:
        elements["abatementDateTime"] = item.abated
    return elements


def passed_illness(illness: Illness, encounter: str, when: datetime) -> Resource:
    elements = _condition(illness.diagnosis, "resolved", "confirmed", "encounter-diagnosis")
    return {
        **elements,
        "encounter": {"reference": encounter},
        "onsetDateTime": when.date().isoformat(),
        "abatementDateTime": illness.over.isoformat(),
        "recordedDate": instant(when),
    }


def _condition(diagnosis: Diagnosis, clinical: str, verification: str, category: str) -> Resource:
    return {
        "clinicalStatus": _status("condition-clinical", clinical),
        "verificationStatus": _status("condition-ver-status", verification),
        "category": [
            concept(f"{TERMINOLOGY}/condition-category", category, category.replace("-", " "))
        ],
        "code": diagnosis_concept(diagnosis),
    }


def _status(system: str, code: str) -> Resource:
    return {"coding": [{"system": f"{TERMINOLOGY}/{system}", "code": code}]}


def prescription(item: Prescription, practitioner: str, when: datetime) -> Resource:
    elements = _medication_request(
        item.drug, "stopped" if item.stopped else "active", item.dosage, practitioner, when
    )
    if item.as_needed:
        elements["dosageInstruction"][0]["asNeededBoolean"] = True
    if item.why:
        elements["reasonCode"] = [diagnosis_concept(item.why)]
    if item.stopped:
        elements["dispenseRequest"] = {"validityPeriod": {"start": item.start, "end": item.stopped}}
    return elements


def short_course(illness: Illness, person: Person, encounter: str, when: datetime) -> Resource:
    if illness.medicine is None:
        raise ValueError("This illness was left alone.")
    days = min((illness.over - illness.day).days, 10)
    dosage = f"1 tablet by mouth every 8 hours for {days} days"
    elements = _medication_request(illness.medicine, "completed", dosage, person.practitioner, when)
    return {
        **elements,
        "encounter": {"reference": encounter},
        "reasonCode": [diagnosis_concept(illness.diagnosis)],
    }


def _medication_request(
    drug: Drug, status: str, dosage: str, practitioner: str, when: datetime
) -> Resource:
    return {
        "status": status,
        "intent": "order",
        "medicationCodeableConcept": drug_concept(drug),
        "authoredOn": instant(when),
        "requester": _practitioner(practitioner),
        "dosageInstruction": [{"text": dosage}],
    }


def allergy(item: Allergy, when: datetime) -> Resource:
    return {
        "clinicalStatus": _status("allergyintolerance-clinical", "active"),
        "verificationStatus": _status("allergyintolerance-verification", "confirmed"),
        "type": "allergy",
        "category": [item.category],
        "criticality": item.criticality,
        "code": diagnosis_concept(item.to),
        "onsetDateTime": item.noticed,
        "recordedDate": instant(when),
        "reaction": [
            {"manifestation": [diagnosis_concept(item.reaction)], "severity": item.severity}
        ],
    }


def immunization(item: Vaccination, when: datetime) -> Resource:
    return {
        "status": "completed",
        "vaccineCode": concept(CVX, item.cvx, item.display),
        "occurrenceDateTime": instant(when),
        "primarySource": True,
    }


def operation(item: Operation, practitioner: str, when: datetime) -> Resource:
    return {
        "status": "completed",
        "code": concept(SNOMED, item.what.snomed, item.what.display),
        "performedDateTime": instant(when),
        "performer": [{"actor": _practitioner(practitioner)}],
    }
