"""Every other part of a record as other servers may write it: what the page says of each."""

import base64
from decimal import Decimal
from typing import Any

import pytest

from smartapp.record.identity import read_identity
from smartapp.record.moments import DATA_ABSENT_REASON
from smartapp.record.procedures import TARGET
from tests.chart.samples import NOW, PATIENT, Resource, about_patient, concept, patient, quantity
from tests.pages.sections import assert_says, words_of
from tests.record.samples import SNOMED

NUBC = "https://www.nubc.org/CodeSystem/PatDischargeStatus"
OWN = "The EHR's own text: "
UNCLEAR = {"extension": [{"url": "http://example.org/unclear"}]}
NOT_UNDERSTOOD = "does not understand"
IN_ERROR = "could not be shown: entered in error"


def words(text: str) -> Resource:
    return {"text": text}


def absent(reason: str) -> Resource:
    return {"extension": [{"url": DATA_ABSENT_REASON, "valueCode": reason}]}


def narrative(text: str, status: str = "generated") -> Resource:
    return {"status": status, "div": f"<div><p>{text}</p></div>"}


def verified(code: str) -> Resource:
    """Return Switzerland's extension for a vaccination that somebody has verified, or has not."""
    url = "http://fhir.ch/ig/ch-vacd/StructureDefinition/ch-vacd-ext-verification-status"
    return {"url": url, "valueCoding": {"system": SNOMED, "code": code}}


def confirmed(code: str) -> Resource:
    """Return Belgium's extension for how certain it is that somebody was vaccinated."""
    url = "https://www.ehealth.fgov.be/standards/fhir/vaccination/StructureDefinition/"
    return {"url": f"{url}be-ext-vaccination-confirmationStatus", "valueCode": code}


def contained(resource_type: str, name: str, **members: Any) -> list[Resource]:
    return [{"resourceType": resource_type, "id": "c", "code": words(name), **members}]


INNER = [{"reference": "#c"}]


def attached(content_type: str, data: bytes = b"No bleed", **members: Any) -> Resource:
    return {"contentType": content_type, "data": base64.b64encode(data).decode(), **members}


def report(**members: Any) -> Resource:
    plain = {"status": "final", "code": words("CT head"), "effectiveDateTime": "2026-06-01"}
    return about_patient("DiagnosticReport", "r1", **{**plain, **members})


def note(attachment: Resource | None = None, **members: Any) -> Resource:
    content = [] if attachment is None else [{"attachment": attachment}]
    plain = {"status": "current", "type": words("Progress note"), "content": content}
    return about_patient("DocumentReference", "n1", **{**plain, **members})


HELLO = attached("text/plain", b"Hello")
SODIUM = contained(
    "Observation", "Sodium", status="final", valueQuantity=quantity(120, "mmol/L"),
    interpretation=[{"coding": [{"code": "LL"}]}],
)  # fmt: skip


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (report(text=narrative("No bleed.")), f"{OWN}No bleed."),
        (
            report(result=[{"display": "Hb"}], text=narrative("Hb 7.1")),
            f"nothing beside their results | {OWN}Hb 7.1",
        ),
        (
            report(result=[{"display": "Hb"}], text=narrative("Tumour", "additional")),
            f"{OWN}Tumour | NOT nothing beside",
        ),
        (
            report(presentedForm=[attached("application/pdf", title="Report")]),
            "Open the Report (PDF)",
        ),
        (
            report(
                presentedForm=[attached("text/plain; charset=ISO-8859-1", "café".encode("latin-1"))]
            ),
            "café",
        ),
        (report(presentedForm=[attached("text/plain", "café".encode("cp1252"))]), "café"),
        (report(presentedForm=[attached("text/plain", "café".encode("utf-16"))]), "café"),
        (
            report(presentedForm=[attached("application/rtf")]),
            "Not shown here: RTF document ; open it in the EHR",
        ),
        (
            report(presentedForm=[attached("application/hl7-v3+xml")]),
            "Not shown here: structured document (CDA)",
        ),
        (
            report(presentedForm=[attached("application/x-unheard-of")]),
            "Not shown here: document of the type application/x-unheard-of",
        ),
        (report(presentedForm=[{"data": attached("")["data"]}]), "No bleed | NOT Not shown"),
        (report(presentedForm=[{"data": attached("", b"%PDF-1.7")["data"]}]), "Not shown here"),
        (
            report(image=[{"comment": "Key image"}], performer=[{"actor": {"display": "Lab A"}}]),
            "images, in the EHR: Key image | Lab A",
        ),
        (
            report(
                specimen=INNER,
                contained=[{**contained("Specimen", "")[0], "type": words("Pins of a foot")}],
            ),
            "specimen: Pins of a foot",
        ),
        (
            report(specimen=[{"reference": "Specimen/1"}]),
            "a specimen in another entry of the EHR | NOT specimen:",
        ),
        (report(note=[{"text": "Addendum"}]), "Addendum | NOT neither a result"),
        (report(category=[{"coding": [{"code": "LAB"}]}]), "Laboratory | NOT code LAB"),
        (
            report(result=INNER, contained=SODIUM),
            "Sodium: 120 mmol/L, Critically low | NOT nothing beside",
        ),
        (
            report(
                result=INNER,
                contained=contained("Observation", "K", status="entered-in-error", valueInteger=9),
            ),
            "CT head | NOT 9",
        ),
        (report(_conclusion=absent("masked")), "conclusion: masked"),
        (report(), "neither a result nor a text"),
        (report(status="entered-in-error", conclusion="x"), IN_ERROR),
        (report(status="preliminary", conclusion="Mass"), "Mass | Preliminary"),
        (report(effectiveDateTime="2099-01-01", conclusion="x"), "Dated in the future"),
        (note(HELLO, docStatus="entered-in-error"), f"{IN_ERROR} | NOT Hello"),
        (note(HELLO, docStatus="preliminary"), "Hello | Preliminary"),
        (note(HELLO, status="superseded"), "replaced by a newer version"),
        (note(HELLO, securityLabel=[{"coding": [{"code": "R"}]}]), "Hello | Restricted"),
        (note(HELLO, securityLabel=[words("Very restricted")]), "Hello | Very restricted"),
        (
            note(HELLO, relatesTo=[{"code": "appends", "target": {"display": "Note of 1 June"}}]),
            "appends: Note of 1 June",
        ),
        (note(text=narrative("Seen today")), f"{OWN}Seen today | NOT cannot show"),
        (note(), "The EHR sent no text of it"),
        (
            note(
                HELLO,
                author=[{"reference": "#a"}],
                contained=[
                    {
                        "resourceType": "Practitioner",
                        "id": "a",
                        "name": [{"family": "Li", "given": ["Mei"]}],
                    }
                ],
            ),
            "recorded by Mei Li",
        ),
        (note(HELLO, author=["Dr. Okafor"]), "recorded by Dr. Okafor"),
        (
            note(HELLO, modality=[words("CT")], bodySite=[{"concept": words("Chest")}]),
            "Hello CT Chest",
        ),
        (note(attached("application/xml")), "in a form that this app cannot show"),
        (note({"contentType": "text/plain", "_data": absent("masked")}), "no text of it: masked"),
        (note(attached("text/markdown", b"* Seen")), "* Seen | NOT Not shown"),
    ],
)
def test_reports_and_notes(given: Resource, says: str) -> None:
    assert_says(words_of("documents", given), says)


def condition(code: object = "Breast cancer", **members: Any) -> Resource:
    named = words(code) if isinstance(code, str) else code
    plain = {
        "code": named,
        "clinicalStatus": "active",
        "category": [{"coding": [{"code": "problem-list-item"}]}],
    }
    return about_patient("Condition", "c1", **{**plain, **members})


def german(**marks: str) -> Resource:
    """Return a code of ICD-10-GM with its marks: how certain, on which side."""
    names = {
        "certain": "icd-10-gm-diagnosesicherheit",
        "local": "EX_Diagnosesicherheit",
        "side": "seitenlokalisation",
    }
    extension = [
        {"url": f"http://fhir.de/StructureDefinition/{names[name]}", "valueCoding": {"code": code}}
        for name, code in marks.items()
    ]
    system = "http://fhir.de/CodeSystem/bfarm/icd-10-gm"
    return {"coding": [{"system": system, "display": "Herzinfarkt", "extension": extension}]}


def in_category(code: str, **members: Any) -> Resource:
    return condition(category=[{"coding": [{"code": code}]}], **members)


NOTED = "http://hl7.org/fhir/StructureDefinition/condition-assertedDate"
BODY_STRUCTURE = "http://hl7.org/fhir/StructureDefinition/bodySite"
LATERALITY = {"url": "http://example.org/laterality", "valueCodeableConcept": words("Left")}


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (
            condition(bodySite=[words("Left breast")], stage=[{"summary": words("IIIB")}]),
            "Breast cancer, Left breast IIIB",
        ),
        (
            condition(bodySite=[{"text": "Breast", "extension": [LATERALITY]}]),
            "Breast cancer, Breast, Left",
        ),
        (condition(bodySite="Left breast"), "Breast cancer, Left breast"),
        (condition(stage="IIIB", onsetAge="52"), "Breast cancer IIIB | at the age of 52"),
        # An end that means that there is none.
        (
            condition(clinicalStatus=None, abatementDateTime="9999-12-31"),
            "Breast cancer Status not recorded | NOT 9999 | NOT Over",
        ),
        (
            condition(stage=[{"summary": words("II"), "assessment": [{"display": "pT2 N0"}]}]),
            "Breast cancer II, pT2 N0",
        ),
        # A text is all that there is where nobody knows the code.
        (
            condition(absent("unknown"), text=narrative("Chronic pain")),
            f"Not known (unknown) | {OWN}Chronic pain",
        ),
        # SNOMED CT's codes of a problem's status, as converters from C-CDA send them.
        (
            condition(clinicalStatus={"coding": [{"system": SNOMED, "code": "73425007"}]}),
            "1 resolved or inactive Breast cancer Inactive",
        ),
        (
            condition(clinicalStatus={"coding": [{"system": SNOMED, "code": "55561003"}]}),
            "Problems Breast cancer | NOT Status",
        ),
        (condition(bodyStructure={"display": "Left breast"}), "Breast cancer, Left breast"),
        (condition(severity={"coding": [{"system": SNOMED, "code": "24484000"}]}), "Severe"),
        (
            condition(evidence=[{"concept": words("Lump")}, {"reference": {"display": "Scan"}}]),
            "evidence: Lump | evidence: Scan",
        ),
        (
            condition(
                extension=[
                    {
                        "url": "http://hl7.org/fhir/StructureDefinition/condition-dueTo",
                        "valueCodeableConcept": words("Asbestos"),
                    }
                ]
            ),
            "due to: Asbestos",
        ),
        (
            condition(
                bodySite=[{"text": "Breast", "coding": [{"system": SNOMED, "code": "7771000"}]}]
            ),
            "Breast, left",
        ),
        (condition(stage=[{"summary": {"coding": [{"code": "3C"}]}}]), "stage: code 3C"),
        (
            condition(category=[{"coding": [{"system": SNOMED, "code": "439401001"}]}]),
            "NOT SNOMED",
        ),
        (condition(stage=[{"assessment": [{"display": "pT3N1"}]}]), "pT3N1"),
        (condition(verificationStatus={"text": "Refuted"}), "ruled out | NOT Breast"),
        (
            condition(verificationStatus={"coding": [{"code": "410594000"}]}),
            "ruled out | NOT Breast",
        ),
        (condition(status="entered-in-error"), f"{IN_ERROR} | NOT Breast"),
        (condition(verificationStatus="differential"), "Differential"),
        (
            condition(clinicalStatus=None, abatementString="2019 after surgery"),
            "resolved or inactive | ended 2019 after surgery",
        ),
        (
            condition(clinicalStatus=None, abatementAge=quantity(52, "a")),
            "resolved or inactive | at the age of 52 years",
        ),
        (condition(clinicalStatus={"text": "Resolved"}), "No active problems | Resolved"),
        (
            condition(onsetString="in childhood", recordedDate="2026-02-01"),
            "began in childhood | NOT since",
        ),
        (condition(onsetDateTime="2031"), "Dated in the future"),
        (condition(absent("masked")), "Problem that the EHR does not name (masked)"),
        (
            condition({}, text=narrative("Asthma since 1990")),
            f"does not name | {OWN}Asthma since 1990",
        ),
        (condition("No current problems"), "No active problems"),
        (
            condition("No information about problems"),
            "No information about problems | Nobody has recorded whether there are any. | "
            "NOT No active problems",
        ),
        (condition(german(certain="A")), "could not be shown: ruled out | NOT Herzinfarkt"),
        (condition(german(local="A")), "could not be shown: ruled out | NOT Herzinfarkt"),
        (
            condition(german(certain="A"), verificationStatus="confirmed"),
            "Herzinfarkt Ruled out by its code",
        ),
        (condition(german(certain="V", side="L")), "Herzinfarkt, left Suspected"),
        (condition(german(certain="Z")), "No active problems | Herzinfarkt State after"),
        (condition(german(certain="G")), "Herzinfarkt | NOT Suspected | NOT Certainty"),
        (
            condition(clinicalStatus=None, abatementDateTime="2031-01-01"),
            "Breast cancer Status not recorded until 1 Jan 2031 | NOT No active",
        ),
        (
            condition(
                recordedDate="2026-02-01",
                extension=[{"url": NOTED, "valueDateTime": "2019-05-01"}],
            ),
            "first noted 1 May 2019 recorded 1 Feb 2026",
        ),
        (
            condition(
                extension=[
                    {
                        "url": "http://hl7.org/fhir/us/mcode/StructureDefinition/"
                        "mcode-histology-morphology-behavior",
                        "valueCodeableConcept": words("Adenocarcinoma"),
                    },
                    {
                        "url": "http://hl7.org/fhir/StructureDefinition/Laterality",
                        "valueCodeableConcept": words("Left"),
                    },
                ]
            ),
            "Breast cancer, Left | histology: Adenocarcinoma",
        ),
        (
            condition(_onsetDateTime=absent("unknown"), recordedDate="2026-02-01"),
            "date unknown recorded 1 Feb 2026",
        ),
        (
            condition(onsetAge={"value": 50, "comparator": "<", "unit": "a"}),
            "at the age of < 50 years",
        ),
        (
            condition(
                bodySite=[
                    {
                        "extension": [
                            {"url": BODY_STRUCTURE, "valueReference": {"display": "Left breast"}}
                        ]
                    }
                ]
            ),
            "Breast cancer, Left breast",
        ),
        (
            condition(bodySite=[{"coding": [{"system": SNOMED, "code": "24028007"}]}]),
            "Breast cancer, right | NOT SNOMED",
        ),
        (condition(stage=[{"assessment": [{"reference": "Observation/1"}]}]), "stage: see the EHR"),
        (in_category("reason-for-visit"), "from visits: diagnoses beside the problem list"),
        (in_category("admitting-diagnosis"), "from visits: diagnoses beside the problem list"),
        (in_category("medical-history"), "Breast cancer medical history | NOT from visits"),
    ],
)
def test_problems(given: Resource, says: str) -> None:
    assert_says(words_of("problems", given), says)


def test_problems_of_visits_that_are_not_named_are_not_taken_for_one() -> None:
    visit = [{"coding": [{"code": "encounter-diagnosis"}]}]
    masked = condition(absent("masked"), category=visit)
    shown = words_of("problems", masked, {**masked, "id": "c2"})
    assert_says(shown, "2 from visits | NOT 2 entries")


def test_of_problems_that_were_cut_nothing_is_said_to_be_all() -> None:
    over = condition(clinicalStatus={"text": "Resolved"})
    assert "No active problems on the problem list." in words_of("problems", over)
    assert "No active problems in what was read." in words_of("problems", over, is_cut=True)


def test_no_medical_problems_beside_a_problem() -> None:
    statement = {**condition("No significant medical problems"), "id": "none"}
    assert "contradicts" in words_of("problems", statement, condition("Asthma"))


def vaccine(**members: Any) -> Resource:
    plain = {
        "status": "completed",
        "vaccineCode": words("Tetanus"),
        "occurrenceDateTime": "2026-05-01",
    }
    return about_patient("Immunization", "i1", **{**plain, **members})


def cvx(code: str) -> Resource:
    return {"coding": [{"system": "http://hl7.org/fhir/sid/cvx", "code": code}]}


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (
            vaccine(status="not-done", statusReason=words("Refused")),
            "Not given | because of Refused",
        ),
        (
            vaccine(site={"coding": [{"code": "LD"}]}, route={"coding": [{"code": "IM"}]}),
            "left deltoid intramuscular",
        ),
        (vaccine(doseQuantity={"value": 1}), "amount: 1 (no unit given)"),
        (vaccine(doseQuantity={"value": 0.5, "unit": "mL"}), "0.5 mL | NOT amount"),
        (vaccine(wasNotGiven=True), "Not given"),
        (vaccine(notGiven="true"), "Not given"),
        (vaccine(notGiven="perhaps"), NOT_UNDERSTOOD),
        (vaccine(_isSubpotent=UNCLEAR), NOT_UNDERSTOOD),
        (
            vaccine(isSubpotent=True, subpotentReason=[words("Cold chain")]),
            "Weaker than needed | Cold chain",
        ),
        (vaccine(subpotentReason=[words("Cold chain")]), "Weaker than needed | Cold chain"),
        (
            vaccine(
                vaccinationProtocol=[
                    {
                        "doseStatus": {"coding": [{"code": "nocount"}]},
                        "doseStatusReason": [words("Cold chain break")],
                    },
                ]
            ),
            "This dose does not count (Cold chain break)",
        ),
        (vaccine(primarySource=False, reportOrigin=words("Parent")), "As reported (Parent)"),
        # What Oracle Health sends of doses that a patient told of, is no amount.
        (
            vaccine(lotNumber="L1", doseQuantity={"value": 0.0, "unit": "unknown unit"}),
            "lot L1 | NOT unknown",
        ),
        (vaccine(doseQuantity={"value": 0.5, "unit": "unknown unit"}), "0.5 unknown unit"),
        (
            vaccine(occurrenceDateTime=None, occurrenceString="in 1988", recorded="2026-05-01"),
            "in 1988 | recorded 1 May 2026",
        ),
        (
            vaccine(occurrenceDateTime=None, _occurrenceDateTime=absent("unknown")),
            "date unknown",
        ),
        (vaccine(occurrenceDateTime="2031-01-01"), "Dated in the future"),
        (vaccine(vaccineCode=cvx("998")), "No vaccine administered"),
        (
            vaccine(
                status="not-done",
                vaccineCode=words("No information about immunizations"),
                occurrenceDateTime=None,
                _occurrenceDateTime=absent("not-applicable"),
            ),
            "No information about immunizations | date not applicable | NOT Not given",
        ),
        (vaccine(status="not-done"), "Tetanus Not given"),
        (vaccine(vaccineCode=absent("masked")), "does not name (masked)"),
        (
            vaccine(
                reaction=[{"detail": {"reference": "#c"}}],
                contained=contained("Observation", "Seizure"),
            ),
            "Reaction: Seizure",
        ),
        (
            vaccine(
                vaccinationProtocol=[{"doseSequence": 2, "seriesDoses": 3, "series": "HepB"}],
                practitioner=[{"actor": {"display": "Nurse Joy"}}],
            ),
            "Dose 2 of 3 (HepB) | Nurse Joy",
        ),
        # Members of STU3, DSTU2 and R5.
        (
            vaccine(notGiven=True, explanation={"reasonNotGiven": [words("refused")]}),
            "Not given | because of refused",
        ),
        (vaccine(explanation={"reason": [words("Travel")]}), "because of Travel"),
        (vaccine(lotNumber=123, doseQuantity="0.5 mL"), "lot 123 0.5 mL"),
        (
            vaccine(occurrenceDateTime="03/04/2020", recorded="2026-05-01"),
            "date not readable: 03/04/2020 | recorded 1 May 2026",
        ),
        (
            vaccine(status="not-done", statusReason={"coding": [{"code": "MEDPREC"}]}),
            "Not given because of a medical precaution",
        ),
        (vaccine(status="not-done", statusReason=["Fever"]), "Not given because of Fever"),
        (vaccine(reported=True), "As reported"),
        (vaccine(informationSource={"concept": words("Parent")}), "As reported (Parent)"),
        (vaccine(reason=[{"concept": words("Travel")}]), "because of Travel"),
        (vaccine(reaction=[{"manifestation": {"concept": words("Fever")}}]), "Reaction: Fever"),
        (vaccine(administeredProduct={"concept": words("Boostrix")}), "Tetanus | Boostrix"),
        (vaccine(occurrenceDateTime=None, occurrenceString="unknown"), "Tetanus date unknown"),
        (vaccine(occurrenceDateTime=None, occurrenceString="In childhood"), "Tetanus In childhood"),
        (vaccine(modifierExtension=[verified("59156000")]), f"Tetanus | NOT {NOT_UNDERSTOOD}"),
        (vaccine(modifierExtension=[verified("76104008")]), "Tetanus Not confirmed"),
        (vaccine(extension=[verified("76104008")]), "Tetanus Not confirmed"),
        (vaccine(extension=[confirmed("unconfirmed")]), "Tetanus Not confirmed"),
        (vaccine(extension=[confirmed("confirmed")]), "Tetanus | NOT confirmed"),
        (vaccine(extension=[verified("723510000")]), f"1 immunization {IN_ERROR} | NOT Tetanus"),
        (
            vaccine(modifierExtension=[verified("1")]),
            f"Tetanus The EHR marks this entry in a way this app {NOT_UNDERSTOOD}",
        ),
        (
            vaccine(modifierExtension=[verified("59156000"), {"url": "http://other.example"}]),
            f"Tetanus The EHR marks this entry in a way this app {NOT_UNDERSTOOD}",
        ),
        (vaccine(status="entered-in-error"), f"1 immunization {IN_ERROR} | NOT Tetanus"),
    ],
)
def test_immunizations(given: Resource, says: str) -> None:
    assert_says(words_of("immunizations", given), says)


def of(resource_type: str, **members: Any) -> Resource:
    return about_patient(resource_type, "x1", **members)


def procedure(**members: Any) -> Resource:
    return of("Procedure", **{"status": "completed", "code": words("Amputation"), **members})


# A required element that a system does not have.
NOT_KNOWN = {
    "coding": [
        {
            "system": "http://terminology.hl7.org/CodeSystem/data-absent-reason",
            "code": "unknown",
            "display": "Unknown",
        }
    ]
}


def encounter(**members: Any) -> Resource:
    return of("Encounter", **{"status": "finished", "type": [words("Admission")], **members})


def order(**members: Any) -> Resource:
    plain = {"status": "active", "intent": "order", "code": words("CPR")}
    return of("ServiceRequest", **{**plain, **members})


def goal(**members: Any) -> Resource:
    return of("Goal", **{"lifecycleStatus": "active", "description": words("Weight"), **members})


def plan(*activities: Resource) -> Resource:
    activity = [{"detail": one} for one in activities]
    return of("CarePlan", status="active", intent="plan", title="Plan", activity=activity)


def relative(**members: Any) -> Resource:
    plain = {"status": "completed", "relationship": words("Father")}
    return of("FamilyMemberHistory", **{**plain, **members})


ENDED = {"end": "2010-01-01"}
TELECOM = [
    {"system": "phone", "value": "111", "rank": 2},
    {"system": "phone", "value": "222", "rank": 1},
    {"system": "phone", "value": "333", "use": "old"},
    {"system": "phone", "value": "444", "period": ENDED},
]


@pytest.mark.parametrize(
    ("section", "given", "says"),
    [
        (
            "procedures",
            procedure(status="not-done", statusReason=words("refused")),
            "Not done | refused",
        ),
        ("procedures", procedure(notDone=True), "Not done"),
        ("procedures", procedure(notPerformed=True), "Not done"),
        (
            "procedures",
            procedure(bodySite=[{"text": "Leg", "extension": [LATERALITY]}]),
            "Leg, Left",
        ),
        ("procedures", procedure(performedString="as a child"), "as a child"),
        ("procedures", procedure(notDone=True, notDoneReason=words("refused")), "why not: refused"),
        (
            "procedures",
            procedure(status="stopped", statusReason=words("Bleeding")),
            "Stopped why: Bleeding",
        ),
        ("procedures", procedure(notes=[words("Difficult")]), "Difficult"),
        ("procedures", procedure(reason=[{"concept": words("Gangrene")}]), "because of: Gangrene"),
        ("procedures", procedure(reportedReference={"display": "Wife"}), "as reported by Wife"),
        ("procedures", procedure(reportedBoolean=True), "as reported"),
        ("procedures", procedure(status="entered-in-error", notDone=True), "entered in error"),
        (
            "procedures",
            procedure(
                code={
                    "coding": [
                        {
                            "display": "Amputation",
                            "extension": [
                                {
                                    "url": "http://fhir.de/StructureDefinition/seitenlokalisation",
                                    "valueCoding": {"code": "R"},
                                }
                            ],
                        }
                    ]
                }
            ),
            "Amputation right",
        ),
        (
            "dispenses",
            of(
                "MedicationAdministration",
                status="completed",
                medication={"concept": words("Morphine")},
                isSubPotent=True,
                subPotentReason=[words("spilled")],
            ),
            "the full dose was not given: spilled",
        ),
        (
            "devices",
            of(
                "DeviceUseStatement",
                status="active",
                device={"display": "CPAP"},
                adherence={"code": words("Never"), "reason": [words("noise")]},
            ),
            "adherence: Never, noise",
        ),
        (
            "coverage",
            of("Coverage", status="active", kind="self-pay", paymentBy=[{}]),
            "The patient pays",
        ),
        (
            "family-history",
            relative(procedure=[{"code": words("Mastectomy"), "performedString": "at 40"}]),
            "Mastectomy, at 40",
        ),
        (
            "plans",
            plan(
                {
                    "code": words("Infusion"),
                    "productCodeableConcept": words("Iron"),
                    "reasonCode": [words("anaemia")],
                }
            ),
            "Infusion: Iron, because of: anaemia",
        ),
        (
            "plans",
            {**plan(), "category": [words("Longitudinal")]},
            "Plan care plan Longitudinal",
        ),
        (
            "plans",
            {
                **plan(),
                "category": [{"coding": [{"code": "assess-plan", "display": "Assessment"}]}],
            },
            "Plan care plan | NOT Assessment",
        ),
        (
            "plans",
            {**plan(), "title": None, "category": [{"coding": [{"code": "assess-plan"}]}]},
            "Assessment and plan",
        ),
        (
            "plans",
            goal(priority={"coding": [{"code": "high-priority"}]}),
            "high priority | NOT priority:",
        ),
        (
            "family-history",
            relative(relationship={"coding": [{"code": "MCOUSN"}]}),
            "Cousin on the mother's side",
        ),
        (
            "dispenses",
            of(
                "MedicationDispense",
                status="completed",
                medicationCodeableConcept=words("Morphine"),
                category=words("Inpatient"),
                destination={"display": "Ward 4"},
            ),
            "Inpatient sent to: Ward 4",
        ),
        (
            "family-history",
            relative(deceasedBoolean=True, deceasedDate="2001"),
            "died 2001 | NOT deceased",
        ),
        *(
            (
                "dispenses",
                of(
                    resource_type,
                    status=status,
                    medicationCodeableConcept=words("Morphine"),
                ),
                "Status | NOT ” given | NOT unknown given | NOT ” dispensed",
            )
            for resource_type, status in (
                ("MedicationAdministration", "refused"),
                ("MedicationAdministration", "unknown"),
                ("MedicationDispense", "returned"),
            )
        ),
        ("plans", plan({"code": absent("masked")}), "an activity that the EHR does not name"),
        ("plans", goal(description=absent("masked")), "does not describe (masked)"),
        (
            "plans",
            goal(acceptance=[{"participant": {"display": "Mrs Lee"}, "status": "disagree"}]),
            "Mrs Lee: disagree",
        ),
        (
            "plans",
            goal(
                extension=[
                    {
                        "url": "http://hl7.org/fhir/StructureDefinition/goal-acceptance",
                        "extension": [
                            {"url": "individual", "valueReference": {"display": "Mrs Lee"}},
                            {"url": "status", "valueCode": "disagree"},
                        ],
                    }
                ]
            ),
            "Mrs Lee: disagree",
        ),
        (
            "plans",
            goal(addresses=[{"reference": "Condition/1"}]),
            "because of: another entry of the EHR",
        ),
        (
            "dispenses",
            of(
                "MedicationAdministration",
                status="completed",
                medicationCodeableConcept=words("Morphine"),
                dosage=[{"dose": quantity(5, "mg")}, {"dose": quantity(7, "mg")}],
            ),
            "5 mg 7 mg",
        ),
        (
            "dispenses",
            of(
                "MedicationDispense",
                status="completed",
                medicationCodeableConcept=words("Morphine"),
                substitution={"type": words("generic")},
            ),
            "substitution: generic",
        ),
        ("devices", of("Device", displayName="Hip stem", name=[{"value": "PaceX"}]), "Hip stem, P"),
        *(
            (
                "devices",
                of(
                    "DeviceUseStatement",
                    status="active",
                    device={"reference": "#d"},
                    contained=[
                        {"resourceType": "Device", "id": "d", "type": words("Pump"), **members}
                    ],
                ),
                says,
            )
            for members, says in (
                ({"status": "inactive"}, "device's own entry as no longer in use"),
                ({"status": "entered-in-error"}, "device's own entry as entered in error"),
                ({"modifierExtension": [{"url": "http://example.org/x"}]}, NOT_UNDERSTOOD),
                ({"status": "active"}, "Pump | NOT own entry"),
            )
        ),
        (
            "coverage",
            of(
                "Coverage",
                status="active",
                payor=[{"reference": f"Patient/{PATIENT}"}],
                relationship=words("child"),
                policyHolder={"display": "Ann Lee"},
                identifier=[{"type": {"coding": [{"code": "MB"}]}, "value": "M-77"}],
            ),
            "The patient pays | relation to the subscriber: child | policy holder: Ann Lee"
            " | member: M-77",
        ),
        *(
            ("coverage", of("Coverage", payor=[{"reference": one}]), "The patient pays")
            for one in (f"Patient/{PATIENT}/_history/2", f"https://ehr.example/Patient/{PATIENT}")
        ),
        ("procedures", procedure(used=[{"concept": words("Cement")}]), "device: Cement"),
        (
            "procedures",
            procedure(performer=[{"actor": {"display": "Dr Lee"}, "role": words("Surgeon")}]),
            "Dr Lee (Surgeon)",
        ),
        (
            "procedures",
            procedure(complicationDetail=[{"reference": "Condition/1"}]),
            "complications: one in another entry of the EHR",
        ),
        (
            "procedures",
            procedure(recorder={"display": "Dr Lee"}, asserter={"display": "Wife"}),
            "recorded by Dr Lee, as told by Wife",
        ),
        (
            "procedures",
            procedure(
                asserter=INNER[0],
                contained=[
                    {**contained("RelatedPerson", "")[0], "relationship": [words("Mother")]}
                ],
            ),
            "recorded by Mother",
        ),
        (
            "procedures",
            procedure(asserter=INNER[0], contained=contained("RelatedPerson", "")),
            "recorded by a related person",
        ),
        (
            "encounters",
            encounter(
                status="completed",
                actualPeriod={"start": "2026-01-01", "end": "2026-01-05"},
                reason=[{"value": [{"concept": words("Chest pain")}]}],
                diagnosis=[
                    {
                        "condition": [{"concept": words("MI")}, {"reference": {"display": "HF"}}],
                        "use": [words("Admitting")],
                    }
                ],
            ),
            "Chest pain | diagnosis: MI (Admitting) diagnosis: HF (Admitting) | 1 Jan 2026 to "
            "| 5 Jan 2026 | NOT Status",
        ),
        (
            "encounters",
            encounter(status="planned", plannedStartDate="2027-01-01"),
            "Planned 1 Jan 2027",
        ),
        (
            "encounters",
            encounter(
                diagnosis=[
                    {"condition": {"display": "Second"}, "rank": 2},
                    {"condition": {"display": "First"}, "rank": 1, "role": words("Admission")},
                ]
            ),
            "diagnosis: First (Admission) diagnosis: Second",
        ),
        ("encounters", encounter(period="2026-01-01"), "1 Jan 2026"),
        (
            "encounters",
            encounter(type=[NOT_KNOWN], **{"class": {"code": "IMP"}}),
            "Inpatient | NOT Unknown",
        ),
        (
            "plans",
            goal(description=words("<ul><li>Goal 1: less salt</li></ul><br/>")),
            "Goal 1: less salt | NOT <",
        ),
        ("plans", goal(description=words("HbA1c < 7 % and LDL > 1")), "HbA1c < 7 % and LDL > 1"),
        (
            "documents",
            report(category=[NOT_KNOWN], conclusion="Clear"),
            "Clear | NOT Unknown",
        ),
        (
            "encounters",
            encounter(
                type=None,
                participant=[{"individual": {"display": "Dr Lee"}, "period": ENDED}],
                **{
                    "class": {
                        "system": "http://terminology.hl7.org/CodeSystem/v3-NullFlavor",
                        "code": "UNK",
                    }
                },
            ),
            "Encounters Encounter Dr Lee (until 1 Jan 2010) | NOT UNK",
        ),
        ("procedures", procedure(performer=[{"actor": "Dr Lee"}]), "Dr Lee"),
        ("encounters", encounter(reason=[words("Cough")]), "Admission Cough"),
        ("encounters", encounter(indication=[{"display": "Cough"}]), "Admission Cough"),
        (
            "encounters",
            encounter(hospitalization={"dischargeDisposition": {"coding": [{"code": "exp"}]}}),
            "Died",
        ),
        (
            "encounters",
            encounter(
                hospitalization={
                    "dischargeDisposition": {"coding": [{"system": "urn:local", "code": "exp"}]}
                }
            ),
            "exp | NOT Died",
        ),
        (
            "encounters",
            encounter(
                hospitalization={
                    "dischargeDisposition": {"coding": [{"system": NUBC, "code": "20"}]}
                }
            ),
            "Died",
        ),
        (
            "encounters",
            encounter(
                status="cancelled",
                extension=[
                    {
                        "url": "http://hl7.org/fhir/StructureDefinition/encounter-reasonCancelled",
                        "valueCodeableConcept": words("Snow"),
                    }
                ],
            ),
            "cancelled because of: Snow",
        ),
        (
            "encounters",
            encounter(hospitalization={"specialArrangement": [words("Interpreter")]}),
            "arrangement: Interpreter",
        ),
        (
            "procedures",
            procedure(status="preparation", performedDateTime="2031-01-01"),
            "In preparation | Dated in the future",
        ),
        ("procedures", procedure(code=absent("masked")), "does not name (masked)"),
        ("encounters", encounter(period={"start": "2031-01-01"}), "Dated in the future"),
        (
            "encounters",
            encounter(status="planned", period={"start": "2031-01-01"}),
            "Planned | NOT Dated in the future",
        ),
        (
            "encounters",
            encounter(
                diagnosis=[{"condition": INNER[0]}],
                contained=contained("Condition", "MI", verificationStatus="refuted"),
            ),
            "diagnosis: MI (ruled out)",
        ),
        (
            "encounters",
            encounter(
                diagnosis=[{"condition": INNER[0]}],
                contained=contained("Condition", "MI", verificationStatus="provisional"),
            ),
            "diagnosis: MI (provisional)",
        ),
        (
            "encounters",
            encounter(
                diagnosis=[{"condition": INNER[0]}],
                contained=contained("Condition", "MI", modifierExtension=[{"url": "x"}]),
            ),
            "diagnosis: MI (marked in a way this app does not understand)",
        ),
        (
            "encounters",
            encounter(
                reasonReference=INNER,
                contained=contained("Condition", "MI", verificationStatus="entered-in-error"),
            ),
            "MI (entered in error)",
        ),
        (
            "encounters",
            encounter(type=None, **{"class": {"display": "Inpatient stay"}}),
            "Encounters Inpatient stay",
        ),
        (
            "encounters",
            encounter(
                location=[
                    {"location": {"display": "Ward 3"}, "period": {"end": "2026-01-01"}},
                    {"location": {"display": "ER"}, "status": "completed"},
                    {"location": {"display": "Rehab"}, "status": "planned"},
                    {"location": {"display": "ICU"}, "status": "active"},
                ],
                length={"value": 3, "unit": "d"},
            ),
            "Ward 3 (until 1 Jan 2026) ER (no longer) Rehab (planned) ICU for 3 days",
        ),
        ("orders", order(doNotPerform="TRUE"), "Do not do: CPR"),
        ("orders", order(_doNotPerform=UNCLEAR), NOT_UNDERSTOOD),
        ("orders", order(code=absent("masked")), "does not name (masked)"),
        ("orders", order(code=None, text=narrative("MRI knee")), f"{OWN}MRI knee"),
        ("orders", order(bodySite=[words("Left knee")], priority="stat"), "Left knee | At once"),
        (
            "orders",
            order(
                status="revoked",
                extension=[
                    {
                        "url": "http://hl7.org/fhir/StructureDefinition/request-statusReason",
                        "valueCodeableConcept": words("refused"),
                    }
                ],
            ),
            "Revoked why: refused",
        ),
        (
            "orders",
            order(replaces=[{"display": "CT"}], specimen=[{"display": "Urine"}]),
            "replaces: CT | Urine",
        ),
        ("plans", goal(lifecycleStatus=None, status="cancelled"), "not accepted | Cancelled"),
        (
            "plans",
            goal(outcomeReference=[{"display": "HbA1c 6.9"}], source={"display": "Son"}),
            "outcome: HbA1c 6.9 | recorded by Son",
        ),
        ("plans", plan({"code": words("Exercise"), "prohibited": True}), "do not do: Exercise"),
        (
            "plans",
            plan(
                {
                    "code": words("Exercise"),
                    "description": "Twice a week",
                    "location": {"display": "Pool"},
                }
            ),
            "Exercise, Twice a week, at: Pool",
        ),
        ("procedures", procedure(report=[{"display": "Op note"}]), "report: Op note"),
        (
            "dispenses",
            of(
                "MedicationDispense",
                status="declined",
                detectedIssue=[{"display": "Interaction"}],
                statusReasonReference={"reference": "DetectedIssue/1"},
            ),
            "why not: see the EHR issue: Interaction",
        ),
        (
            "coverage",
            of("Coverage", status="active", payor=[{"identifier": {"value": "60054"}}]),
            "Insurer 60054",
        ),
        (
            "coverage",
            of("Coverage", status="active", payor=[{"reference": "Organization/1"}]),
            "Insurer in another entry of the EHR | NOT does not name",
        ),
        (
            "coverage",
            of(
                "Coverage", status="active", period={"start": "2020", "end": "9999-12-31T00:00:00Z"}
            ),
            "2020 | NOT 9999",
        ),
        (
            "plans",
            plan(
                {
                    "productCodeableConcept": words("Aspirin"),
                    "dailyAmount": quantity(100, "mg"),
                    "status": "cancelled",
                    "statusReason": words("bleeding"),
                    "performer": [{"display": "Nurse Joy"}],
                }
            ),
            "Aspirin, cancelled, why: bleeding, 100 mg a day, by: Nurse Joy",
        ),
        ("plans", goal(lifecycleStatus="Rejected"), "over or not accepted | Rejected"),
        (
            "plans",
            goal(lifecycleStatus="cancelled", statusReason="declined"),
            "Cancelled | why: declined",
        ),
        ("plans", goal(lifecycleStatus="entered-in-error"), f"{IN_ERROR} | NOT Weight"),
        ("plans", plan({"code": words("Exercise"), "doNotPerform": True}), "do not do: Exercise"),
        (
            "plans",
            plan({"code": words("Exercise"), "_doNotPerform": UNCLEAR}),
            "does not say clearly",
        ),
        (
            "plans",
            plan({"code": words("Exercise"), "status": "entered-in-error"}),
            "Plan | NOT Exercise",
        ),
        (
            "family-history",
            relative(relationship={"coding": [{"code": "MGRMTH"}]}),
            "Mother's mother",
        ),
        (
            "social",
            of(
                "QuestionnaireResponse",
                status="completed",
                item=[{"text": "Suicidal?", "answer": [{"valueCoding": {"display": "Daily"}}]}],
            ),
            "Suicidal?: Daily",
        ),
        (
            "devices",
            of("DeviceUseStatement", status="active", device={"reference": "Device/9"}),
            "Device that could not be read | NOT does not name",
        ),
        ("family-history", relative(text=narrative("Died of MI")), f"{OWN}Died of MI"),
        (
            "family-history",
            relative(procedure=[{"code": words("Mastectomy")}]),
            "Father Mastectomy",
        ),
        ("family-history", relative(deceasedString="unknown"), "deceased: unknown | NOT died"),
        ("family-history", relative(deceasedString="no"), "Father | NOT deceased"),
        ("family-history", relative(deceasedString="Not deceased"), "Father | NOT deceased"),
        (
            "family-history",
            relative(relationship={"coding": [{"system": SNOMED, "code": "72705000"}]}),
            "Mother",
        ),
        (
            "family-history",
            relative(
                relationship={
                    "coding": [
                        {
                            "system": "http://terminology.hl7.org/CodeSystem/v3-NullFlavor",
                            "code": "UNK",
                        }
                    ]
                }
            ),
            "Relative (unknown) | NOT UNK",
        ),
        (
            "devices",
            of("Device", status="active", type=absent("unknown"), deviceName=[{"name": "PaceX"}]),
            "PaceX | NOT Not known",
        ),
        *(
            ("procedures", procedure(status=said), IN_ERROR)
            for said in ("enteredInError", "in-error", "Deleted")
        ),
        ("procedures", procedure(status="notDone"), "Not done"),
        ("appointments", of("Appointment", status="no-show"), "Did not come"),
        (
            "family-history",
            relative(condition=[{"code": words("MI"), "onsetString": "in his 40s"}]),
            "MI, in his 40s",
        ),
        (
            "family-history",
            relative(condition=[{"code": words("MI"), "modifierExtension": [{}]}]),
            f"{NOT_UNDERSTOOD} | NOT MI",
        ),
        (
            "care-team",
            of("CareTeam", status="active", name="T", telecom=TELECOM),
            "222 (phone) 111 (phone) | NOT 333 | NOT 444",
        ),
        (
            "devices",
            of(
                "Device",
                status="inactive",
                type=words("Pacemaker"),
                statusReason=[words("removed")],
            ),
            "no longer in use | Pacemaker | why: removed",
        ),
        (
            "devices",
            of("Device", status="active", type=words("Stent"), safety=[words("MR unsafe")]),
            "safety: MR unsafe",
        ),
        (
            "devices",
            of("Device", status="active", udi={"name": "PaceX", "carrierHRF": "(01)0123"}),
            "PaceX UDI: (01)0123",
        ),
        ("devices", of("Device", status="active", udi="(01)0999"), "UDI: (01)0999"),
        (
            "devices",
            of(
                "Device",
                status="active",
                name=[{"value": "PaceX"}],
                property=[{"type": words("MRI"), "valueCodeableConcept": words("Conditional")}],
            ),
            "PaceX MRI: Conditional",
        ),
        (
            "devices",
            of(
                "DeviceUseStatement",
                status="active",
                device={"display": "CPAP"},
                source={"display": "Wife"},
            ),
            "CPAP use as reported by Wife",
        ),
        (
            "devices",
            of(
                "DeviceUseStatement",
                status="completed",
                device={"display": "Hip"},
                bodySite={"text": "Hip joint", "extension": [LATERALITY]},
            ),
            "No longer used | Hip joint, Left",
        ),
        (
            "coverage",
            of("Coverage", status="active", payor=[{"display": "Acme"}], period=ENDED),
            "no longer in force",
        ),
        (
            "coverage",
            of("Coverage", status="active", period={"start": "2027-01-01"}, order=1),
            "Not yet in force | pays first",
        ),
        (
            "coverage",
            of(
                "Coverage",
                status="active",
                payor=[{"reference": "#c"}],
                contained=[{"resourceType": "Organization", "id": "c", "name": "Cigna"}],
            ),
            "Cigna | NOT does not name",
        ),
        (
            "coverage",
            of(
                "Coverage",
                status="active",
                insurer={"display": "Acme"},
                subscriberId=[{"value": "123"}],
                **{"class": [{"type": words("plan"), "value": {"value": "P1"}}]},
            ),
            "Acme plan: P1 member: 123",
        ),
        (
            "social",
            of(
                "Observation",
                status="final",
                category=[{"text": "Social History"}],
                code=concept("Work"),
                valueString="Miner",
                effectivePeriod={"start": "1980"},
            ),
            "Work Miner no end recorded 1980 | NOT years ago",
        ),
        (
            "social",
            of(
                "Observation",
                status="final",
                category=[{"text": "Social History"}],
                code=concept("Work"),
                valueString="Miner",
                effectivePeriod={"start": "1980", "end": "2000"},
            ),
            "until 2000 | NOT years ago | NOT until 2000 until",
        ),
        (
            "findings",
            of(
                "Observation",
                status="final",
                category=[{"coding": [{"code": "imaging"}]}],
                code=concept("LVEF"),
                valueQuantity=quantity(55, "%"),
                referenceRange=[{"low": quantity(52, "%"), "high": quantity(72, "%")}],
            ),
            "55 % range: 52 to 72",
        ),
        (
            "vitals",
            of(
                "Observation",
                status="final",
                category=[{"text": "Vital Signs"}],
                code=concept("Pulse ox"),
                valueQuantity=quantity(91, "%"),
            ),
            "Pulse ox 91 %",
        ),
        (
            "social",
            of(
                "Observation",
                status="final",
                category=[{"coding": [{"code": "social-history"}]}],
                code=words("Work"),
                text=narrative("Miner"),
            ),
            f"{OWN}Miner",
        ),
        (
            "social",
            of("QuestionnaireResponse", status="completed", text=narrative("Falls: yes")),
            f"{OWN}Falls: yes",
        ),
        (
            "personal",
            of("RelatedPerson", name=[words("Y")], period=ENDED),
            "1 former | No longer",
        ),
        ("personal", of("RelatedPerson", name=[words("Y")], _active=UNCLEAR), NOT_UNDERSTOOD),
        (
            "social",
            of(
                "Observation",
                status="final",
                category=[{"coding": [{"code": "social-history"}]}],
                code=concept("", "82810-3"),
                valueCodeableConcept=concept("", "77386006", SNOMED),
            ),
            "Pregnancy status Pregnant | NOT LOINC | NOT SNOMED",
        ),
        (
            "encounters",
            of(
                "Encounter",
                status="discharged",
                subjectStatus=words("Departed"),
                text=narrative("Ward 3", "additional"),
            ),
            f"Discharged | the patient: Departed | {OWN}Ward 3 | NOT Status",
        ),
        (
            "encounters",
            of(
                "Encounter",
                location=[{"location": {"reference": "#w"}}],
                contained=[{"resourceType": "Location", "id": "w", "name": "Ward 3"}],
            ),
            "Ward 3",
        ),
        (
            "appointments",
            of(
                "Appointment",
                status="booked",
                participant=[{"actor": {"reference": "#w"}, "status": "tentative"}],
                contained=[{"resourceType": "Location", "id": "w", "name": "Room 5"}],
            ),
            "Room 5 (not yet accepted)",
        ),
        (
            "encounters",
            of(
                "Encounter",
                hospitalization={"admitSource": words("From emergency department")},
                participant=[
                    {"individual": {"display": "Dr. Li"}, "type": [{"coding": [{"code": "ATND"}]}]}
                ],
            ),
            "Dr. Li (attending) admitted from emergency department | NOT from From",
        ),
        (
            "encounters",
            of(
                "Encounter",
                hospitalization={
                    "admitSource": {"coding": [{"code": "emd"}]},
                    "reAdmission": {"coding": [{"code": "R"}]},
                },
            ),
            "admitted from the emergency department readmission",
        ),
        # A period in which something began is not how long it lasted.
        *(
            (
                section,
                of(resource_type, code=words("Asthma"), **{name: {"start": "2019", "end": "2020"}}),
                f"{verb}: from 2019 to 2020",
            )
            for section, resource_type, name, verb in (
                ("problems", "Condition", "onsetPeriod", "began"),
                ("problems", "Condition", "abatementPeriod", "ended"),
                ("allergies", "AllergyIntolerance", "onsetPeriod", "began"),
            )
        ),
        (
            "problems",
            of("Condition", code=words("Asthma"), onsetPeriod={"end": "2020-04-08"}),
            "began: until 8 Apr 2020",
        ),
        (
            "family-history",
            relative(condition=[{"code": words("MI"), "onsetPeriod": {"end": "2020"}}]),
            "MI, began: until 2020",
        ),
        (
            "procedures",
            procedure(performedPeriod={"start": "2019", "end": "2020"}),
            "2019 to 2020 | NOT began",
        ),
        (
            "vitals",
            of(
                "Observation",
                status="final",
                code=concept("", "8478-0"),
                valueQuantity=quantity(60, "mmHg"),
            ),
            "Mean blood pressure 60 mmHg",
        ),
        (
            "findings",
            of(
                "Observation",
                status="final",
                category=[{"coding": [{"code": "exam"}]}],
                code=concept("Exam"),
                note=[{"text": "Wheezing"}],
                text=narrative("Wheezing", "additional"),
            ),
            f"Wheezing | NOT {OWN}",
        ),
        (
            "encounters",
            of(
                "Encounter",
                hospitalization={"dischargeDisposition": {"coding": [{"code": "20"}]}},
            ),
            "discharge disposition: code 20",
        ),
        (
            "appointments",
            of(
                "Appointment",
                status="booked",
                description="Heart",
                appointmentType={"coding": [{"code": "FOLLOWUP"}]},
                serviceCategory=[words("Telehealth")],
            ),
            "Heart | Follow-up Telehealth | NOT FOLLOWUP",
        ),
        (
            "appointments",
            of("Appointment", status="canceled", serviceType=[words("Heart")]),
            "Heart Cancelled",
        ),
        (
            "appointments",
            of("Appointment", status="cancelled", cancellationReason=words("ill")),
            "why not: ill",
        ),
        (
            "appointments",
            of(
                "Appointment",
                status="proposed",
                requestedPeriod=[{"start": "2026-12-01", "end": "2026-12-20"}],
                participant=[{"type": [words("translator")], "status": "needs-action"}],
            ),
            "wished for: from 1 Dec 2026 to 20 Dec 2026 | translator (not yet accepted)",
        ),
        (
            "appointments",
            of(
                "Appointment",
                status="booked",
                start="2026-12-01",
                end="2026-12-01",
                requestedPeriod=[
                    {"start": day, "end": day} for day in ("2026-12-01", "2026-12-02")
                ],
            ),
            "wished for: on 2 Dec 2026",
        ),
        (
            "appointments",
            of("Appointment", status="booked", start="2026-11-23", minutesDuration=30),
            "for 30 minutes | NOT earlier",
        ),
        (
            "appointments",
            of(
                "Appointment",
                status="booked",
                start="2026-12-01T09:00:00+01:00",
                end="2026-12-01T09:30:00+01:00",
            ),
            "until 09:30 1 Dec 2026, 09:00 | NOT 09:00 until",
        ),
        (
            "appointments",
            of("Appointment", status="booked", start="2026-12-01T09:00:00Z", end="2026-12-01"),
            "1 Dec 2026, 09:00 | NOT until",
        ),
        (
            "dispenses",
            of("MedicationDispense", status="on-hold", statusReason=words("stock")),
            "On hold why: stock | NOT dispensed why | NOT not dispensed",
        ),
        (
            "dispenses",
            of(
                "MedicationDispense",
                status="declined",
                notPerformedReason={"concept": words("allergy")},
            ),
            "Not dispensed (declined) why not: allergy",
        ),
        (
            "dispenses",
            of(
                "MedicationDispense",
                status="completed",
                renderedDosageInstruction="2 daily",
                receiver=[{"display": "Wife"}],
                substitution={"wasSubstituted": True, "type": words("generic")},
            ),
            "2 daily | substituted: generic | to: Wife",
        ),
        (
            "dispenses",
            of("MedicationAdministration", wasNotGiven=True, reasonNotGiven=[words("NPO")]),
            "Not given (not done) why not: NPO",
        ),
        (
            "dispenses",
            of(
                "MedicationAdministration",
                status="completed",
                occurenceDateTime="2026-01-01T10:00:00Z",
                dosage=[{"quantity": quantity(5, "mg")}],
            ),
            "5 mg given 1 Jan 2026, 10:00 UTC",
        ),
        (
            "procedures",
            about_patient(
                "Procedure",
                "p1",
                status="completed",
                code=words("Transfusion"),
                focus={"display": "Fetus"},
                extension=[{"url": TARGET, "valueReference": {"display": "Left knee"}}],
            ),
            "done to: Fetus | Left knee",
        ),
    ],
)
def test_other_sections(section: str, given: Resource, says: str) -> None:
    assert_says(words_of(section, given), says)


def test_a_team_without_a_name_is_called_by_its_category_once() -> None:
    team = of("CareTeam", status="active", category=[words("Longitudinal team")])
    assert words_of("care-team", team).count("Longitudinal team") == 1


@pytest.mark.parametrize(
    ("section", "given", "other", "is_contradicted"),
    [
        ("procedures", words("No known procedures"), procedure(), True),
        ("procedures", words("No known procedures"), procedure(status="not-done"), False),
        ("procedures", words("Procedures unknown"), procedure(), False),
        ("devices", words("No known devices"), of("Device", type=words("Pacemaker")), True),
        ("devices", words("No implants"), of("Device", type=words("Crutches")), False),
        (
            "devices",
            words("No implants"),
            of("Device", status="inactive", type=words("Pacemaker")),
            False,
        ),
        ("immunizations", words("No known immunizations"), vaccine(), True),
        ("immunizations", words("No known immunizations"), vaccine(status="not-done"), False),
        ("immunizations", words("No known immunizations"), vaccine(status="refused"), False),
        ("immunizations", cvx("998"), vaccine(), False),
    ],
)
def test_a_statement_that_another_entry_contradicts(
    section: str, given: Resource, other: Resource, is_contradicted: bool
) -> None:
    names = {"devices": "type", "immunizations": "vaccineCode"}
    statement = {**other, "status": "completed", names.get(section, "code"): given, "id": "none"}
    if section == "devices":
        statement["status"] = "active"
    shown = words_of(section, statement, {**other, "id": "other"})
    assert ("The record contradicts this" in shown) is is_contradicted, shown
    assert "contradicts" not in words_of(section, statement)


def test_a_device_beside_no_implants_may_be_one() -> None:
    none, other = (of("Device", type=words(name)) for name in ("No implants", "Pacemaker"))
    shown = words_of("devices", {**none, "id": "none"}, other)
    assert_says(shown, "No implants | The record may contradict this: it also lists a device")


@pytest.mark.parametrize("status", ["completed", "stopped", "Completed"])
@pytest.mark.parametrize(
    "reference", ["Device/d1", "https://ehr.example/fhir/Device/d1", "Device/d1/_history/3"]
)
def test_an_implant_that_was_removed_by_a_report(status: str, reference: str) -> None:
    implant = of("Device", status="active", type=words("Hip"))
    use = of("DeviceUseStatement", status=status, device={"reference": reference})
    shown = words_of("devices", {**implant, "id": "d1"}, {**use, "id": "u1"})
    assert_says(shown, "Hip A report says that it is no longer used.")


@pytest.mark.parametrize("code", ["replaces", {"coding": [{"code": "replaces"}]}])
def test_a_note_that_another_one_replaces(code: object) -> None:
    target = {"reference": "DocumentReference/a/_history/1"}
    newer = note(HELLO, relatesTo=[{"code": code, "target": target}])
    shown = words_of("documents", {**note(HELLO), "id": "a"}, {**newer, "id": "b"})
    assert_says(shown, "replaces: another document Hello | 1 replaced by a newer version")


@pytest.mark.parametrize(("status", "is_replaced"), [("final", True), ("cancelled", False)])
def test_a_report_that_another_one_replaces(status: str, is_replaced: bool) -> None:
    url = "http://hl7.org/fhir/StructureDefinition/diagnosticReport-replaces"
    older = {"url": url, "valueReference": {"reference": "DiagnosticReport/a"}}
    newer = report(status=status, conclusion="Bleed", extension=[older])
    shown = words_of(
        "documents", {**report(conclusion="No bleed"), "id": "a"}, {**newer, "id": "b"}
    )
    assert ("1 replaced by a newer version" in shown) is is_replaced


@pytest.mark.parametrize(
    ("section", "given"),
    [
        ("problems", condition(onsetDateTime="1900-01-01")),
        ("immunizations", vaccine(occurrenceDateTime="1900-01-01")),
        ("procedures", of("Procedure", status="completed", performedDateTime="1900")),
        ("encounters", of("Encounter", status="finished", period={"start": "1900-01-01"})),
    ],
)
def test_what_is_dated_before_the_birth_says_so(section: str, given: Resource) -> None:
    assert "Dated before the patient's birth" in words_of(section, given)


BACK = {"start": "2026-09-05", "end": "2026-09-01"}
SAME_DAY = {"start": "2026-09-05", "end": "2026-09-04T23:00:00Z"}
DRUG = {"status": "active", "medicationCodeableConcept": words("Aspirin")}


@pytest.mark.parametrize(
    ("section", "given", "expected"),
    [
        ("encounters", of("Encounter", status="finished", period=BACK), ""),
        ("coverage", of("Coverage", status="active", period=BACK), "NOT no longer in force"),
        ("care-team", of("CareTeam", status="active", period=BACK), ""),
        ("care-team", of("CareTeam", participant=[{"role": [words("GP")], "period": BACK}]), ""),
        ("plans", of("CarePlan", status="active", period=BACK), ""),
        ("devices", of("DeviceUseStatement", status="active", timingPeriod=BACK), ""),
        ("dispenses", of("MedicationAdministration", effectivePeriod=BACK), ""),
        ("medications", of("MedicationStatement", **DRUG, effectivePeriod=BACK), "NOT is over"),
        ("problems", condition(onsetDateTime="2026", abatementDateTime="2025"), "until 2025"),
        ("procedures", procedure(performedPeriod=BACK), ""),
        # These do not.
        ("encounters", of("Encounter", status="finished", period=SAME_DAY), "NOT ends before"),
        ("encounters", of("Encounter", period={"start": "2026-09-05", "end": "2026"}),
         "NOT ends before"),
        ("devices", of("DeviceUseStatement", recordedOn="2026-10-01",
                       timingPeriod={"end": "2026-09-01"}), "NOT ends before"),
        ("plans", of("CarePlan", created="2026-10-01", period={"end": "2026-09-01"}),
         "NOT ends before"),
    ],
)  # fmt: skip
def test_what_ends_before_it_begins_says_so(section: str, given: Resource, expected: str) -> None:
    said = expected if "ends before" in expected else f"ends before it begins | {expected}"
    assert_says(words_of(section, given), said.removesuffix(" | "))


OVER = {"start": "2020-01-01", "end": "2021-01-01"}
TO_COME = {"start": "2020-01-01", "end": "2027-01-01"}


@pytest.mark.parametrize(
    ("section", "given", "is_said"),
    [
        ("problems", condition(clinicalStatus="active", abatementDateTime="2021"), True),
        ("problems", condition(clinicalStatus="recurrence", abatementDateTime="2021"), True),
        ("problems", condition(clinicalStatus="active", abatementDateTime="2027"), False),
        ("problems", condition(clinicalStatus="resolved", abatementDateTime="2021"), False),
        ("encounters", of("Encounter", status="in-progress", period=OVER), True),
        ("encounters", of("Encounter", status="triaged", period=OVER), True),
        ("encounters", of("Encounter", status="in-progress", period=TO_COME), False),
        ("encounters", of("Encounter", status="finished", period=OVER), False),
        ("care-team", of("CareTeam", status="active", period=OVER), True),
        ("care-team", of("CareTeam", status="active", period=TO_COME), False),
        ("care-team", of("CareTeam", status="inactive", period=OVER), False),
        ("plans", of("CarePlan", status="active", period=OVER), True),
        ("plans", of("CarePlan", status="completed", period=OVER), False),
    ],
)
def test_what_has_ended_and_is_listed_as_current_says_so(
    section: str, given: Resource, *, is_said: bool
) -> None:
    remark = "Its end date has passed, though the EHR lists it as current"
    assert_says(words_of(section, given), remark if is_said else f"NOT {remark}")


@pytest.mark.parametrize(
    ("status", "says"),
    [
        ("active", "Breast cancer end: unknown | NOT not readable"),
        ("resolved", "resolved or inactive | date unknown"),
    ],
)
def test_an_end_that_nobody_knows_ends_nothing_that_is_active(status: str, says: str) -> None:
    given = condition(clinicalStatus=status, _abatementDateTime=absent("unknown"))
    assert_says(words_of("problems", given), says)


def test_the_only_places_of_a_finished_visit_are_no_news() -> None:
    been = [{"location": {"display": "Ward 3"}, "status": "completed"}]
    shown = words_of("encounters", encounter(location=been))
    assert_says(shown, "Ward 3 | NOT no longer")
    in_progress = words_of("encounters", encounter(status="in-progress", location=been))
    assert_says(in_progress, "Ward 3 (no longer)")


@pytest.mark.parametrize(
    ("summary", "is_said"), [("Stage 5", True), ("Stage IIIb", False), ("severe", False)]
)
def test_a_stage_beside_a_name_that_has_another(summary: str, is_said: bool) -> None:
    given = condition(code=words("CKD stage 3"), stage=[{"summary": words(summary)}])
    remark = f"The EHR contradicts itself: it also says “{summary}”"
    assert_says(words_of("problems", given), f"{summary} | {'' if is_said else 'NOT '}{remark}")


@pytest.mark.parametrize(
    ("period", "says"),
    [
        (
            {"start": "2026-05-20", "end": "2026-05-21"},
            "time of service: from 20 May 2026 to 21 May 2026",
        ),
        ({"start": "2026-05-20", "end": "2026-06-02"}, "NOT time of service"),
        ({"start": "2026-05-30", "end": "2026-05-31"}, "NOT time of service"),
        ({"start": "2026-05-20"}, "NOT time of service"),
        ({"start": "2026-05-20", "end": "soon"}, "NOT time of service"),
    ],
)
def test_a_note_of_a_later_day_says_what_time_it_is_about(period: Resource, says: str) -> None:
    written = note(HELLO, date="2026-06-01T10:00:00Z", context={"period": period})
    assert_says(words_of("documents", written), f"1 Jun 2026 | {says}")


@pytest.mark.parametrize("order", [1, -1])
def test_of_one_moment_the_final_report_stands_first(order: int) -> None:
    said = [report(status="preliminary", conclusion="Mass"), report(conclusion="No mass")]
    said.append(report(status="corrected", conclusion="Cyst", issued="2026-06-01T09:00:00Z"))
    shown = words_of("documents", *[{**one, "id": str(n)} for n, one in enumerate(said)][::order])
    assert shown.index("Cyst") < shown.index("No mass") < shown.index("Preliminary")


def test_an_order_beside_its_prohibition() -> None:
    shown = words_of("orders", order(), {**order(doNotPerform=True), "id": "b"})
    assert_says(shown, "it also lists an open order of it | The record also says not to do it")


def test_the_evidence_of_each_visit_is_kept() -> None:
    shown = words_of(
        "problems",
        in_category("encounter-diagnosis", evidence=[{"detail": [{"display": "Scan"}]}]),
        {
            **in_category("encounter-diagnosis", evidence=[{"detail": [{"display": "Biopsy"}]}]),
            "id": "c2",
        },
    )
    assert_says(shown, "evidence: Scan | evidence: Biopsy")


def test_a_narrative_in_place_of_a_value_is_said_once() -> None:
    finding = of(
        "Observation",
        status="final",
        category=[{"coding": [{"code": "exam"}]}],
        code=words("Chest"),
        text=narrative("Clear"),
    )
    assert words_of("findings", finding).count("Clear") == 1


def test_numbers_of_the_patient_stand_in_the_order_of_their_rank() -> None:
    assert_says(
        words_of("personal", telecom=TELECOM), "222 (phone) 111 (phone) | NOT 333 | NOT 444"
    )


def test_a_tiny_rank_is_one_too() -> None:
    tiny = {"system": "phone", "value": "555", "rank": Decimal("6.1e-05")}
    assert_says(words_of("personal", telecom=[*TELECOM, tiny]), "555 (phone) 222 (phone)")


@pytest.mark.parametrize(
    ("members", "deceased"),
    [
        ({"deceasedBoolean": "True"}, "Deceased"),
        ({"deceased": True}, "Deceased"),
        ({"deceasedDate": "2020-01-01"}, "Deceased"),
        ({"deceasedDateTime": "2020"}, "Died 2020, aged about 71 years"),
        ({"deceasedDateTime": "02/11/2026"}, "Deceased, date not readable: 02/11/2026"),
        (
            {"deceasedDateTime": "2030-01-01"},
            "The EHR gives a date of death in the future: 1 Jan 2030",
        ),
        ({"_deceasedDateTime": absent("unknown")}, "Deceased"),
        ({"_deceasedDateTime": absent("not-applicable")}, ""),
        ({"deceasedBoolean": "false"}, ""),
        ({"deceasedBoolean": "No"}, ""),
        ({"deceasedBoolean": "N"}, ""),
        ({"deceasedBoolean": 0}, ""),
        ({"deceasedBoolean": 1}, "Deceased"),
        ({"deceasedBoolean": "unknown"}, "Deceased"),
        ({"deceasedDateTime": ""}, ""),
        ({"_deceasedBoolean": absent("unknown")}, ""),
    ],
)
def test_death(members: Resource, deceased: str) -> None:
    assert read_identity(patient(**members), now=NOW).deceased == deceased


NOTIFIED = {
    "url": "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-DeathNotificationStatus",
    "extension": [{"url": "deathNotificationStatus", "valueCodeableConcept": words("Formal")}],
}
YES = {"system": SNOMED, "code": "373066001"}
BIRTH_TIME = {
    "url": "http://hl7.org/fhir/StructureDefinition/patient-birthTime",
    "valueDateTime": "1948-12-05T04:30:00+02:00",
}


@pytest.mark.parametrize(
    ("members", "note"),
    [
        ({"deceasedDateTime": ""}, "does not say whether this patient is alive"),
        (
            {"_deceasedDateTime": absent("not-applicable")},
            "does not say whether this patient is alive",
        ),
        ({"link": [{"type": "refer"}]}, "has another record of this patient"),
        ({"link": [{"type": "seealso"}]}, "has another record of this patient"),
        ({"link": [{"type": "replaced-by"}]}, "another record replaces this one"),
        ({"link": [{"type": "Replaced-By"}]}, "another record replaces this one"),
        ({"_active": UNCLEAR}, "does not say clearly whether this record is in use"),
        ({"extension": [NOTIFIED]}, "notification of the death: Formal"),
        ({"deceasedDateTime": "1948-12-04"}, "date of death before the date of birth"),
        ({"deceasedDateTime": "1948"}, ""),
        ({"name": [{"use": "temp", "text": "Baby Girl"}]}, "marks the name as a temporary name"),
        ({"name": [{"use": "anonymous", "text": "A"}]}, "marks the name as a name that hides"),
        ({"link": [{"type": "replaces"}]}, ""),
        ({"link": [{"type": "seealso", "other": {"reference": "RelatedPerson/1"}}]}, ""),
        ({"link": [{"type": "refer", "other": {"type": "RelatedPerson", "id": "1"}}]}, ""),
        (
            {"link": [{"type": "seealso", "other": {"reference": "https://e/r4/Patient/2"}}]},
            "has another record of this patient",
        ),
    ],
)
def test_what_is_to_be_known_of_the_record(members: Resource, note: str) -> None:
    notes = read_identity(patient(**members), now=NOW).notes
    assert note in " ".join(notes)
    assert bool(notes) is bool(note)


@pytest.mark.parametrize(
    ("members", "says"),
    [
        ({"multipleBirthInteger": 2}, "one of a multiple birth: number 2"),
        ({"multipleBirthBoolean": True}, "one of a multiple birth: yes"),
        ({"multipleBirthBoolean": False}, "NOT multiple birth"),
        ({"contact": [{"name": {"text": "Maria"}}]}, "Maria | NOT recorded."),
        ({"contact": [{}]}, "No language, contacts or background recorded."),
        ({"contact": [{"name": [{"text": "Maria"}]}]}, "Maria"),
        ({"_birthDate": {"extension": [BIRTH_TIME]}}, "time of birth: 5 Dec 1948, 04:30"),
        (
            {"extension": [{"url": "x/us-core-interpreter-needed", "valueCoding": YES}]},
            "Interpreter needed",
        ),
        (
            {
                "communication": [
                    {
                        "language": words("Greek"),
                        "extension": [
                            {
                                "url": "x/Extension-UKCore-NHSCommunication",
                                "extension": [{"url": "interpreterRequired", "valueBoolean": True}],
                            }
                        ],
                    }
                ]
            },
            "Interpreter needed: Greek",
        ),
        (
            {
                "extension": [
                    {
                        "url": "x/Extension-UKCore-NHSCommunication",
                        "extension": [
                            {"url": "language", "valueCodeableConcept": words("Welsh")},
                            {"url": "interpreterRequired", "valueBoolean": False},
                        ],
                    }
                ]
            },
            "Welsh | NOT Interpreter",
        ),
        (
            {
                "contact": [
                    {"name": {"text": "Maria"}, "relationship": [{"coding": [{"code": "C"}]}]}
                ]
            },
            "Maria Emergency contact",
        ),
        (
            {
                "contact": [
                    {
                        "name": {"text": "Maria"},
                        "telecom": [{"value": "555"}],
                        "modifierExtension": [{"url": "x"}],
                    }
                ]
            },
            f"Maria | {NOT_UNDERSTOOD} | NOT 555",
        ),
    ],
)
def test_who_somebody_is(members: Resource, says: str) -> None:
    assert_says(words_of("personal", **members), says)


def test_a_birth_in_the_future_is_remarked() -> None:
    found = read_identity(patient(birthDate="2030-01-01"), now=NOW)
    assert found.notes == ("The EHR gives a date of birth in the future.",)


def name(family: str, **members: Any) -> Resource:
    return {"family": family, "given": ["Eleni"], **members}


@pytest.mark.parametrize(
    ("names", "shown", "former"),
    [
        (
            [name("Now", use="official", period={"end": "2026"}), name("Nick", use="nickname")],
            "Eleni Now",
            (),
        ),
        ([name("Old", use="old"), name("Now", use="usual")], "Eleni Now", ("Eleni Old",)),
        (
            [name("Gone", use="official", period=ENDED), name("Now", use="official")],
            "Eleni Now",
            ("Eleni Gone",),
        ),
        ([name("Old", use="old")], "Eleni Old", ()),
        ([{"text": "NOW, ELENI"}], "NOW, ELENI", ()),
        (["Eleni Now"], "Eleni Now", ()),
        (
            [name("Later", use="official", period={"start": "2030"}), name("Now", use="usual")],
            "Eleni Now",
            (),
        ),
    ],
)
def test_which_name_is_the_one_to_use(
    names: list[Any], shown: str, former: tuple[str, ...]
) -> None:
    found = read_identity(patient(name=names), now=NOW)
    assert (found.name.text, tuple(one.text for one in found.former_names)) == (shown, former)


@pytest.mark.parametrize(
    ("written", "family", "others"),
    [
        ("Jane Smith", "Doe", ["Eleni Doe"]),
        ("DOE, ELENI", "Doe", []),
        ("Eleni Mueller", "Müller", []),
        ("Eleni Oestergaard", "Østergaard", []),
        ("Aakerman, Eleni", "Åkerman", []),
        ("Eleni OBrien", "O'Brien", []),
        ("Eleni Soerensen", "Sørensen", []),
        ("Eleni Jansen", "van der Berg-Jansen", []),
        ("山田 花子", "ヤマダ", []),
    ],
)
def test_a_name_whose_text_and_parts_are_of_two_people_shows_both(
    written: str, family: str, others: list[str]
) -> None:
    found = read_identity(patient(name=[name(family, text=written)]), now=NOW)
    assert (found.name.text, [one.text for one in found.other_names]) == (written, others)


@pytest.mark.parametrize(
    ("identifiers", "shown"),
    [
        ([{"value": "XXX-XX-1234"}, {"value": "H1"}], "H1"),
        ([{"value": "123 45 6789"}, {"value": "H1"}], "H1"),
        ([{"type": {"coding": [{"code": "MRN"}]}, "value": 55}, {"value": "H1"}], "55"),
        (
            [
                {"use": "usual", "value": "Later", "period": {"start": "2030-01-01"}},
                {"use": "official", "value": "H1"},
            ],
            "H1",
        ),
    ],
)
def test_which_number_is_the_one_to_use(identifiers: list[Resource], shown: str) -> None:
    assert read_identity(patient(identifier=identifiers), now=NOW).identifier.value == shown


def test_a_sex_that_is_sent_as_a_concept() -> None:
    found = read_identity(patient(gender={"coding": [{"code": "female"}]}), now=NOW)
    assert found.sex == "Female"


# --- people that an entry contains ----------------------------------------------------------------

CONTAINED_PEOPLE = [
    {"resourceType": "Practitioner", "id": "p", "name": [{"text": "Dr Hart"}]},
    {"resourceType": "PractitionerRole", "id": "r", "practitioner": {"reference": "#p"}},
]


@pytest.mark.parametrize("person", ["#p", "#r", "p"])
@pytest.mark.parametrize(
    ("section", "resource_type", "holding"),
    [
        ("allergies", "AllergyIntolerance", lambda one: {"asserter": one}),
        ("problems", "Condition", lambda one: {"recorder": one}),
        ("medications", "MedicationRequest", lambda one: {"requester": one}),
        ("immunizations", "Immunization", lambda one: {"performer": [{"actor": one}]}),
        ("procedures", "Procedure", lambda one: {"performer": [{"actor": one}]}),
        ("orders", "ServiceRequest", lambda one: {"requester": one}),
        ("care-team", "CareTeam", lambda one: {"participant": [{"member": one}]}),
        ("plans", "Goal", lambda one: {"expressedBy": one}),
        ("documents", "DiagnosticReport", lambda one: {"performer": [one]}),
        ("dispenses", "MedicationDispense", lambda one: {"receiver": [one]}),
        ("encounters", "Encounter", lambda one: {"participant": [{"individual": one}]}),
    ],
)
def test_people_that_an_entry_contains_are_named(
    section: str, resource_type: str, holding: Any, person: str
) -> None:
    members = holding({"reference": person})
    entry = about_patient(resource_type, "e", contained=CONTAINED_PEOPLE, **members)
    assert_says(words_of(section, entry), "Dr Hart")


def test_a_reference_to_the_entry_itself_names_nobody() -> None:
    nameless = [{"resourceType": "Practitioner", "name": [{"text": "Dr Hart"}]}]
    entry = about_patient("Condition", "c", contained=nameless, recorder={"reference": "#"})
    assert_says(words_of("problems", entry), "NOT Dr Hart")


def test_the_general_practitioner_whom_the_patient_contains_is_named() -> None:
    doctor = {"reference": "#p"}
    shown = words_of("personal", contained=CONTAINED_PEOPLE, generalPractitioner=[doctor])
    assert_says(shown, "general practitioner: Dr Hart")


NULL_FLAVOR = "http://terminology.hl7.org/CodeSystem/v3-NullFlavor"
NO_CODE = {"coding": [{"system": NULL_FLAVOR, "code": "UNK"}]}
FIRST_DOSE = {
    "url": "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-VaccinationProcedure",
    "valueCodeableConcept": words("First dose of SARS-CoV-2 vaccine"),
}


@pytest.mark.parametrize(
    ("section", "entry", "says"),
    [
        (
            "immunizations",
            of("Immunization", vaccineCode=NO_CODE, extension=[FIRST_DOSE]),
            "First dose of SARS-CoV-2 vaccine | NOT Not known",
        ),
        (
            "immunizations",
            of("Immunization", vaccineCode=words("Comirnaty"), extension=[FIRST_DOSE]),
            "Comirnaty | First dose of SARS-CoV-2 vaccine",
        ),
        (
            "immunizations",
            of("Immunization", vaccineCode=NO_CODE, occurrenceDateTime="2026-05-01"),
            "Vaccine that the EHR does not name (unknown) | NOT Not known",
        ),
        ("immunizations", of("Immunization", vaccineCode=NO_CODE), "Not known (unknown)"),
        (
            "procedures",
            of("Procedure", code=NO_CODE, performedDateTime="2026-05-01"),
            "Procedure that the EHR does not name (unknown) | NOT Not known",
        ),
        (
            "problems",
            of("Condition", code=NO_CODE, onsetDateTime="2026-05-01"),
            "Problem that the EHR does not name (unknown) | NOT Not known",
        ),
    ],
)
def test_an_entry_with_a_date_whose_code_is_unknown_exists(
    section: str, entry: Resource, says: str
) -> None:
    assert_says(words_of(section, entry), says)


@pytest.mark.parametrize(
    ("section", "resource_type"),
    [
        ("medications", "MedicationRequest"),
        ("encounters", "Encounter"),
        ("dispenses", "MedicationDispense"),
        ("dispenses", "MedicationAdministration"),
        ("devices", "Device"),
        ("devices", "DeviceUseStatement"),
        ("care-team", "CareTeam"),
        ("plans", "Goal"),
        ("plans", "CarePlan"),
        ("family-history", "FamilyMemberHistory"),
        ("coverage", "Coverage"),
        ("orders", "ServiceRequest"),
        ("appointments", "Appointment"),
    ],
)
def test_an_entry_that_is_only_a_text_shows_it(section: str, resource_type: str) -> None:
    entry = about_patient(resource_type, "e", text=narrative("The words of a person"))
    assert_says(words_of(section, entry), "The words of a person")
