"""The rest of a record: reports and notes, devices, care teams, plans, family, coverage.

Lists, visits and measurements are made elsewhere. A few people have all of these resources, so that
every part of a page has something to show.
"""

from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tools.sandbox_people.practice import (
    CLINIC,
    FAMILY_DOCTOR,
    HOSPITAL,
    NAMES,
    NURSE,
    SPECIALIST,
)
from tools.sandbox_people.resources import TERMINOLOGY, concept, drug_concept
from tools.sandbox_people.terms import APIXABAN, LOINC, METFORMIN, SNOMED, UCUM, Drug

Resource = dict[str, Any]

US_CORE = "http://hl7.org/fhir/us/core/StructureDefinition"
US_CORE_CODES = "http://hl7.org/fhir/us/core/CodeSystem"
RACES = "urn:oid:2.16.840.1.113883.6.238"


@dataclass(frozen=True, slots=True)
class Entry:
    """`day` is when it was recorded, and when it happened unless an element says otherwise."""

    resource_type: str
    day: str
    elements: Resource


def besides(number: int) -> tuple[Entry, ...]:
    """Return the rest of a person's record."""
    found = {1001: _diabetes, 1002: _heart_failure, 1004: _new_mother, 1011: _joints_and_mood}
    return tuple(found[number]()) if number in found else ()


# --- the people -------------------------------------------------------------------------------


def _diabetes() -> Iterator[Entry]:
    yield _procedure("2026-03-18", SNOMED, "252779009", "Fundoscopy with photography of the retina",
                     outcome="No retinopathy")  # fmt: skip
    yield _social("2026-05-05", "74013-4", "Alcoholic drinks per day",
                  valueQuantity=_amount(1, "/d", "/d"))  # fmt: skip
    yield _social("2026-05-05", "11341-5", "History of occupation", valueString="Pastry cook")
    yield _report(
        "2026-03-18",
        ("OPH", "Ophthalmology"),
        concept(LOINC, "28625-2", "Ophthalmology Diagnostic imaging report"),
        conclusion="Both eyes: no sign of diabetic retinopathy. Next photograph in one year.",
    )
    yield _note(
        "2026-10-20",
        ("11506-3", "Progress note"),
        "text/plain",
        b"HbA1c 6.7 %, the lowest so far. She walks an hour a day and has kept her weight.\n"
        b"Feet: pulses present, monofilament felt at all points.\n\n"
        b"Plan: metformin as before; eye photograph in March; see again in three months.",
    )
    yield _dispense("2026-10-20", METFORMIN, 180, 90, "1 tablet twice a day with meals")
    yield _goal("2021-02-16", "HbA1c below 7 %", "achieved")
    yield _plan("2021-02-16", "Diabetes care plan",
                ("Eye photograph every year", "Foot examination every six months"))  # fmt: skip
    yield _team("2021-02-16", "Diabetes care", (FAMILY_DOCTOR, "Family doctor"),
                (NURSE, "Diabetes nurse"))  # fmt: skip
    yield _relative("2021-02-16", ("MTH", "mother"), "44054006", "Type 2 diabetes mellitus", 51)
    yield _coverage("2024-01-01", "Example Health Plan", "PPO 2000", "EHP-1001-77")
    yield _referral(
        "2026-10-20", "306125006", "Referral to ophthalmologist", "Yearly eye photograph"
    )
    yield _appointment("2026-10-20", "Diabetes follow-up", "2027-05-11", "booked")


def _heart_failure() -> Iterator[Entry]:
    yield _procedure("2026-01-14", SNOMED, "233170003", "Implantation of an ICD",
                     outcome="Successful")  # fmt: skip
    yield Entry(
        "Device",
        "2026-01-14",
        {
            "udiCarrier": [{
                "deviceIdentifier": "09504000059118",
                "carrierHRF": "(01)09504000059118(17)301231(10)7654D(21)10987654d321",
            }],
            "status": "active",
            "manufacturer": "Example Devices",
            "expirationDate": "2030-12-31",
            "lotNumber": "7654D",
            "serialNumber": "10987654d321",
            "type": concept(SNOMED, "72506001", "Implantable cardioverter-defibrillator"),
        },
    )  # fmt: skip
    yield Entry(
        "DeviceUseStatement",
        "2025-12-19",
        {
            "status": "active",
            "timingPeriod": {"start": "2025-12-19"},
            "recordedOn": "2025-12-19",
            "device": {"display": "Bathroom scale that sends its readings"},
        },
    )
    yield _observation("2026-04-07", "imaging", "10230-1", "Left ventricular ejection fraction",
                       valueQuantity=_amount(38, "%", "%"))  # fmt: skip
    yield _observation("2026-10-13", "exam", "8884-9", "Heart rate rhythm",
                       valueString="Regular")  # fmt: skip
    yield _report(
        "2026-04-07",
        ("CUS", "Cardiac Ultrasound"),
        concept(LOINC, "34552-0", "2D echocardiogram panel"),
        conclusion="Ejection fraction 38 %, after 29 % in December 2025. No thrombus.",
    )
    yield _note(
        "2025-12-18",
        ("18842-5", "Discharge summary"),
        "application/pdf",
        _pdf("Discharge summary", "Decompensated heart failure. Weight 94.2 to 85.4 kg.",
             "Furosemide raised. Daily weights at home."),
    )  # fmt: skip
    yield _note(
        "2026-10-13",
        ("11488-4", "Consult note"),
        "text/html",
        b"<h1>Cardiology</h1><p>Walks two flights of stairs. <b>No oedema.</b></p>"
        b"<ul><li>Sinus rhythm, 66 a minute</li><li>ICD: no shocks</li></ul>",
    )
    yield _dispense("2026-09-29", APIXABAN, 180, 90, "1 tablet twice a day")
    yield Entry(
        "MedicationAdministration",
        "2025-12-12",
        {
            "status": "completed",
            "medicationCodeableConcept": {"text": "Furosemide 40 mg, intravenous"},
            "effectiveDateTime": "2025-12-12T08:10:00-05:00",
            "dosage": {
                "route": concept(SNOMED, "47625008", "Intravenous route"),
                "dose": _amount(40, "mg", "mg"),
            },
        },
    )
    yield Entry(
        "MedicationStatement",
        "2026-10-13",
        {
            "status": "active",
            "medicationCodeableConcept": {"text": "Hawthorn extract, bought without prescription"},
            "effectivePeriod": {"start": "2026-06"},
            "dateAsserted": "2026-10-13",
            "dosage": [{"text": "1 capsule in the morning"}],
        },
    )
    yield _goal("2025-12-19", "Weight below 86 kg", "improving")
    yield _plan("2025-12-19", "Heart failure at home",
                ("Weigh every morning", "Call when 2 kg heavier in three days"))  # fmt: skip
    yield _team("2025-12-19", "Heart failure clinic", (SPECIALIST, "Cardiologist"),
                (NURSE, "Nurse who reads the weights"))  # fmt: skip
    yield _relative("2021-10-18", ("FTH", "father"), "22298006", "Myocardial infarction", 58)
    yield _coverage("2016-09-01", "Example Medicare Plan", "Part B", "EMP-1002-31")
    yield _referral("2026-10-13", "313395003", "Referral to cardiac rehabilitation", "Weak heart")
    yield _appointment("2026-10-13", "Check of the ICD", "2027-04-13", "booked")
    yield _appointment("2026-02-03", "Cardiac rehabilitation", "2026-03-03", "noshow")


def _new_mother() -> Iterator[Entry]:
    yield _social("2026-10-27", "82810-3", "Pregnancy status",
                  valueCodeableConcept=concept(SNOMED, "60001007", "Not pregnant"))  # fmt: skip
    yield _social("2026-10-27", "86645-9", "Pregnancy intention in the next year",
                  valueCodeableConcept={"text": "No desire to become pregnant"})  # fmt: skip
    yield _team("2026-10-27", "After birth", (FAMILY_DOCTOR, "Family doctor"), (NURSE, "Nurse"))
    yield _relative("2026-02-10", ("MTH", "mother"), "44054006", "Type 2 diabetes mellitus", 47)
    yield _coverage("2025-01-01", "Example Health Plan", "Family", "EHP-1004-12")


def _joints_and_mood() -> Iterator[Entry]:
    yield Entry("QuestionnaireResponse", "2026-10-05", {
        "status": "completed",
        "questionnaire": "http://loinc.org/q/44249-1",
        "authored": _at("2026-10-05"),
        "item": [
            {"linkId": "/44250-9", "text": "Little interest or pleasure in doing things",
             "answer": [{"valueCoding": {"system": LOINC, "code": "LA6568-5",
                                         "display": "Not at all"}}]},
            {"linkId": "/44255-8", "text": "Feeling down, depressed, or hopeless",
             "answer": [{"valueCoding": {"system": LOINC, "code": "LA6569-3",
                                         "display": "Several days"}}]},
        ],
    })  # fmt: skip
    yield _goal("2021-11-15", "No swollen joints", "achieved")
    yield _report(
        "2023-02-21",
        ("RAD", "Radiology"),
        concept(LOINC, "36554-4", "XR Chest Single view"),
        conclusion="Lungs clear. Before treatment with methotrexate is continued.",
    )
    yield _referral("2021-10-18", "306253008", "Referral to rheumatologist", "Swollen joints")


# --- who they are ------------------------------------------------------------------------------


def about_the_person(number: int) -> Resource:
    """Return what a Patient has besides name, birth and address."""
    return _ABOUT.get(number, {})


def _race(code: str, display: str) -> Resource:
    coding = {"system": RACES, "code": code, "display": display}
    return {
        "url": f"{US_CORE}/us-core-race",
        "extension": [
            {"url": "ombCategory", "valueCoding": coding},
            {"url": "text", "valueString": display},
        ],
    }


def _interpreter(code: str, display: str) -> Resource:
    return {
        "url": f"{US_CORE}/us-core-interpreter-needed",
        "valueCoding": {"system": SNOMED, "code": code, "display": display},
    }


def _contact(code: str, role: str, name: str, phone: str) -> Resource:
    return {
        "relationship": [concept(f"{TERMINOLOGY}/v3-RoleCode", code, role)],
        "name": {"text": name},
        "telecom": [{"system": "phone", "value": phone}],
    }


_ABOUT: Mapping[int, Resource] = {
    1001: {
        "extension": [_race("2106-3", "White"), _interpreter("373067005", "No")],
        "contact": [_contact("HUSB", "husband", "Luc Dvořák", "+1 555 0191")],
    },
    1002: {
        "extension": [_race("2106-3", "White"), _interpreter("373066001", "Yes")],
        "contact": [_contact("DAUC", "daughter", "Anna Volkova", "+1 555 0192")],
    },
    1004: {"extension": [_interpreter("373066001", "Yes")]},
}


# --- the resources -----------------------------------------------------------------------------


def _staff(id: str) -> Resource:
    return {"reference": f"Practitioner/{id}", "display": NAMES[id]}


def _amount(value: int, unit: str, code: str) -> Resource:
    return {"value": value, "unit": unit, "system": UCUM, "code": code}


def _at(day: str, time: str = "10:00:00") -> str:
    return f"{day}T{time}{'-04:00' if '-03-14' < day[4:] < '-11-01' else '-05:00'}"


def _procedure(day: str, system: str, code: str, display: str, outcome: str) -> Entry:
    return Entry("Procedure", day, {
        "status": "completed",
        "code": concept(system, code, display),
        "performedDateTime": _at(day),
        "performer": [{"actor": _staff(SPECIALIST)}],
        "location": {"reference": f"Location/{HOSPITAL}", "display": "Sandbox Hospital"},
        "outcome": {"text": outcome},
    })  # fmt: skip


def _social(day: str, code: str, display: str, **value: Any) -> Entry:
    return _observation(day, "social-history", code, display, **value)


def _observation(day: str, category: str, code: str, display: str, **value: Any) -> Entry:
    system = f"{TERMINOLOGY}/observation-category"
    return Entry("Observation", day, {
        "status": "final",
        "category": [concept(system, category, category.replace("-", " "))],
        "code": concept(LOINC, code, display),
        "effectiveDateTime": _at(day),
        **value,
    })  # fmt: skip


def _report(day: str, service: tuple[str, str], code: Resource, conclusion: str) -> Entry:
    return Entry("DiagnosticReport", day, {
        "status": "final",
        "category": [concept(f"{TERMINOLOGY}/v2-0074", *service)],
        "code": code,
        "effectiveDateTime": _at(day),
        "issued": _at(day, "16:00:00"),
        "performer": [_staff(SPECIALIST)],
        "conclusion": conclusion,
    })  # fmt: skip


def _note(day: str, kind: tuple[str, str], content_type: str, content: bytes) -> Entry:
    system = f"{US_CORE_CODES}/us-core-documentreference-category"
    return Entry("DocumentReference", day, {
        "status": "current",
        "type": concept(LOINC, *kind),
        "category": [concept(system, "clinical-note", "Clinical note")],
        "date": _at(day, "17:00:00"),
        "author": [_staff(FAMILY_DOCTOR if content_type == "text/plain" else SPECIALIST)],
        "content": [{"attachment": {
            "contentType": content_type, "data": b64encode(content).decode(), "title": kind[1],
        }}],
    })  # fmt: skip


def _dispense(day: str, drug: Drug, count: int, days: int, dosage: str) -> Entry:
    return Entry("MedicationDispense", day, {
        "status": "completed",
        "medicationCodeableConcept": drug_concept(drug),
        "quantity": {"value": count, "unit": "tablets"},
        "daysSupply": _amount(days, "days", "d"),
        "whenHandedOver": _at(day),
        "dosageInstruction": [{"text": dosage}],
    })  # fmt: skip


def _goal(day: str, words: str, achievement: str) -> Entry:
    return Entry("Goal", day, {
        "lifecycleStatus": "active",
        "achievementStatus": concept(f"{TERMINOLOGY}/goal-achievement", achievement,
                                     achievement.replace("-", " ").capitalize()),
        "description": {"text": words},
        "startDate": day,
    })  # fmt: skip


def _plan(day: str, title: str, activities: tuple[str, ...]) -> Entry:
    system = f"{US_CORE_CODES}/careplan-category"
    return Entry("CarePlan", day, {
        "status": "active",
        "intent": "plan",
        "category": [concept(system, "assess-plan", "Assessment and plan of treatment")],
        "title": title,
        "period": {"start": day},
        "author": _staff(FAMILY_DOCTOR),
        "activity": [{"detail": {"status": "in-progress", "description": one}}
                     for one in activities],
    })  # fmt: skip


def _team(day: str, name: str, *members: tuple[str, str]) -> Entry:
    return Entry("CareTeam", day, {
        "status": "active",
        "name": name,
        "period": {"start": day},
        "participant": [{"role": [{"text": role}], "member": _staff(id)} for id, role in members],
    })  # fmt: skip


def _relative(day: str, who: tuple[str, str], code: str, illness: str, age: int) -> Entry:
    return Entry("FamilyMemberHistory", day, {
        "status": "completed",
        "date": day,
        "relationship": concept(f"{TERMINOLOGY}/v3-RoleCode", *who),
        "condition": [
            {"code": concept(SNOMED, code, illness), "onsetAge": _amount(age, "years", "a")}
        ],
    })  # fmt: skip


def _coverage(day: str, payor: str, plan: str, member: str) -> Entry:
    return Entry("Coverage", day, {
        "status": "active",
        "type": concept(f"{TERMINOLOGY}/v3-ActCode", "EHCPOL", "extended healthcare"),
        "subscriberId": member,
        "relationship": concept(f"{TERMINOLOGY}/subscriber-relationship", "self", "Self"),
        "period": {"start": day},
        "payor": [{"display": payor}],
        "class": [
            {"type": concept(f"{TERMINOLOGY}/coverage-class", "plan", "Plan"), "value": plan}
        ],
    })  # fmt: skip


def _referral(day: str, code: str, display: str, why: str) -> Entry:
    return Entry("ServiceRequest", day, {
        "status": "active",
        "intent": "order",
        "category": [concept(SNOMED, "3457005", "Patient referral")],
        "code": concept(SNOMED, code, display),
        "authoredOn": _at(day),
        "requester": _staff(FAMILY_DOCTOR),
        "reasonCode": [{"text": why}],
    })  # fmt: skip


def _appointment(written: str, words: str, day: str, status: str) -> Entry:
    return Entry("Appointment", written, {
        "status": status,
        "description": words,
        "start": _at(day, "09:30:00"),
        "end": _at(day, "10:00:00"),
        "participant": [
            {"actor": _staff(SPECIALIST), "status": "accepted"},
            {"actor": {"reference": f"Location/{CLINIC}", "display": "Sandbox Clinic"},
             "status": "accepted"},
        ],
    })  # fmt: skip


def _pdf(*lines: str) -> bytes:
    """A page of plain text, as small as a PDF can be (ISO 32000-1)."""
    words = " ".join(f"({line}) Tj 0 -24 Td" for line in lines)
    stream = f"BT /F1 14 Tf 56 780 Td {words} ET"
    objects = (
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R "
        "/Resources << /Font << /F1 5 0 R >> >> >>",
        f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    )
    written, places = "%PDF-1.4\n", []
    for number, body in enumerate(objects, start=1):
        places.append(len(written))
        written += f"{number} 0 obj\n{body}\nendobj\n"
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    size = len(objects) + 1
    return (
        f"{written}xref\n0 {size}\n0000000000 65535 f \n{table}"
        f"trailer\n<< /Size {size} /Root 1 0 R >>\nstartxref\n{len(written)}\n%%EOF\n"
    ).encode("ascii")
