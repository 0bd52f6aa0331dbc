"""Small FHIR resources, valid as they are; a test changes the one thing that it is about."""

from datetime import UTC, datetime
from typing import Any

PATIENT = "a-1.E-1"
NOW = datetime(2026, 11, 23, 19, 15, tzinfo=UTC)
LOINC = "http://loinc.org"

Resource = dict[str, Any]


def concept(text: str, code: str = "", system: str = LOINC) -> Resource:
    return {"text": text, "coding": [{"system": system, "code": code}] if code else []}


def patient(**members: Any) -> Resource:
    return {
        "resourceType": "Patient",
        "id": PATIENT,
        "name": [{"use": "official", "family": "Papadopoulou", "given": ["Eleni"]}],
        "gender": "female",
        "birthDate": "1948-12-05",
        **members,
    }


def about_patient(resource_type: str, id: str, **members: Any) -> Resource:
    member = "patient" if resource_type in ("AllergyIntolerance", "Immunization") else "subject"
    reference = {"reference": f"Patient/{PATIENT}"}
    return {"resourceType": resource_type, "id": id, member: reference, **members}


def quantity(value: float, unit: str = "", **members: Any) -> Resource:
    return {"value": value, "unit": unit, **members}


def observation(code: str, value: float | None, unit: str = "", **members: Any) -> Resource:
    return about_patient(
        "Observation",
        members.pop("id", f"o-{code}-{value}"),
        status="final",
        code=concept(members.pop("name", code), code),
        effectiveDateTime=members.pop("when", "2026-10-05T08:15:00+02:00"),
        **({} if value is None else {"valueQuantity": quantity(value, unit)}),
        **members,
    )


def blood_pressure(systolic: float, diastolic: float, when: str) -> Resource:
    return observation(
        "85354-9",
        None,
        when=when,
        component=[
            {"code": concept("Systolic", "8480-6"), "valueQuantity": quantity(systolic, "mmHg")},
            {"code": concept("Diastolic", "8462-4"), "valueQuantity": quantity(diastolic, "mmHg")},
        ],
    )
