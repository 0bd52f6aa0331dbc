"""Orders and reports of medication as other servers may write them: what the page says of each."""

from decimal import Decimal
from typing import Any

import pytest

from smartapp.record.medication_names import TWO_NAMES
from smartapp.record.medications import NAMES_ONLY
from smartapp.record.moments import DATA_ABSENT_REASON
from smartapp.record.units import UCUM
from tests.chart.samples import Resource, about_patient, quantity
from tests.pages.sections import assert_says, words_of
from tests.record.samples import SNOMED

IN_PLACE = [{"url": "http://example.org/unclear", "valueString": "see chart"}]
NDF_RT = "http://hl7.org/fhir/ndfrt"
WARFARIN = {"text": "Warfarin 5 mg"}
ADHERENCE = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-medication-adherence"
RENDERED = (
    "http://hl7.org/fhir/5.0/StructureDefinition/"
    "extension-MedicationRequest.renderedDosageInstruction"
)
NO_CURRENT = "No current medications recorded."
NOBODY = "Nobody has recorded whether there are any."
NOT_UNDERSTOOD = "marks this entry in a way this app does not understand"


def absent(reason: str) -> Resource:
    return {"extension": [{"url": DATA_ABSENT_REASON, "valueCode": reason}]}


def null_flavor(code: str, **members: Any) -> Resource:
    system = "http://terminology.hl7.org/CodeSystem/v3-NullFlavor"
    return {"coding": [{"system": system, "code": code}], **members}


def order(
    medication: object = None, resource_type: str = "MedicationRequest", **members: Any
) -> Resource:
    plain: Resource = {"status": "active", "intent": "order", "authoredOn": "2026-06-01"}
    if medication is not None:
        plain["medicationCodeableConcept"] = medication
    return about_patient(resource_type, "m1", **{**plain, **members})


def rx(text: str, display: str) -> Resource:
    system = "http://www.nlm.nih.gov/research/umls/rxnorm"
    return {"text": text, "coding": [{"system": system, "code": "1", "display": display}]}


def dosed(*dosages: object, **members: Any) -> Resource:
    return order(WARFARIN, dosageInstruction=[*dosages], **members)


def repeated(**repeat: Any) -> Resource:
    return {"timing": {"repeat": repeat}}


def at(when: str, place: int, **repeat: Any) -> Resource:
    """Return a dose of as many mg as its place says."""
    dose = [{"doseQuantity": quantity(place, "mg")}]
    return {"sequence": place, "doseAndRate": dose, **repeated(when=[when], **repeat)}


def stop_type(code: str) -> Resource:
    """Return the Netherlands' mark of an agreement to stop a medicine."""
    url = "http://nictiz.nl/fhir/StructureDefinition/ext-StopType"
    return {"url": url, "valueCodeableConcept": {"coding": [{"system": SNOMED, "code": code}]}}


def stopping(period: Resource) -> Resource:
    url = "http://nictiz.nl/fhir/StructureDefinition/ext-TimeInterval.Period"
    extension = [{"url": url, "valuePeriod": period}]
    return {"modifierExtension": [stop_type("410546004")], "extension": extension}


def counting(count: float, words: str, unit: str = "1") -> Resource:
    """Return a dose of some tablets or drops, whose unit in UCUM is 1."""
    return {"text": words, "doseAndRate": [{"doseQuantity": quantity(count, unit)}]}


def contained(**medication: Any) -> Resource:
    inner = {"resourceType": "Medication", "id": "m", **medication}
    return order(medicationReference={"reference": "#m"}, contained=[inner])


@pytest.mark.parametrize(
    ("given", "says"),
    [
        # What must not be given, and what says so unclearly.
        (order(WARFARIN, doNotPerform="true"), "Not to be given | Do not give: Warfarin"),
        (
            order(WARFARIN, doNotPerform=True, status="unknown"),
            "Do not give: Warfarin | Status unknown",
        ),
        (
            order(WARFARIN, doNotPerform=True, status="completed"),
            "no longer taken | Do not give: Warfarin",
        ),
        (
            order(
                WARFARIN, doNotPerform=True, intent="proposal", reasonCode=[{"text": "bleeding"}]
            ),
            "Do not give: Warfarin | for bleeding | Proposed | NOT could not be shown",
        ),
        (order(WARFARIN, doNotPerform="maybe"), f"{NOT_UNDERSTOOD} | NOT Do not give"),
        (
            order(WARFARIN, _doNotPerform={"extension": IN_PLACE}),
            f"{NOT_UNDERSTOOD} | NOT Do not give",
        ),
        (order(WARFARIN, intent="Proposal"), "nobody ordered it | NOT Warfarin"),
        (order(WARFARIN, intent="option"), "nobody ordered it | NOT Warfarin"),
        (
            order(WARFARIN, status="on-hold", statusReason={"text": "surgery"}),
            "On hold | why: surgery",
        ),
        (
            order(
                WARFARIN,
                status="stopped",
                statusReason=[{"coding": [{"code": "salg"}]}, {"text": "rash"}],
            ),
            "Stopped | why: allergy, rash",
        ),
        *(
            (dosed({"route": {"coding": [{"code": code}]}}), words)
            for code, words in (
                ("SQ", "subcutaneous | NOT SQ"),
                ("26643006", "oral | NOT 26643006"),
                ("XYZ", "code XYZ"),
                ("IN", "code IN | NOT nasal"),  # or an injection, or an inhalation
            )
        ),
        (dosed({"route": {"coding": [{"code": "PO"}], "text": "Per os"}}), "Per os | NOT oral"),
        (order(WARFARIN, status="suspended"), f"Status “suspended” | NOT {NO_CURRENT}"),
        (
            order(WARFARIN, status="entered-in-error"),
            "1 medication could not be shown: entered in error | NOT Warfarin",
        ),
        (
            order(WARFARIN, status="Entered In Error"),
            "could not be shown: entered in error | NOT Warfarin",
        ),
        (order(WARFARIN, status="draft"), "never taken"),
        (
            order(WARFARIN, detectedIssue=[{"display": "Interaction with aspirin"}]),
            "issue: Interaction with aspirin",
        ),
        # A medication that is withheld, or that nobody named, is still a medication.
        (order(absent("masked")), f"the EHR does not name (masked) | NOT {NO_CURRENT}"),
        (order({"_text": absent("masked")}), f"the EHR does not name (masked) | NOT {NO_CURRENT}"),
        (
            order(WARFARIN, reasonCode=[absent("masked")]),
            "Warfarin 5 mg | The EHR withholds a part of this",
        ),
        (order(WARFARIN, reasonCode=[absent("unknown")]), "NOT withholds"),
        (dosed(absent("masked")), "Warfarin 5 mg | There is more on this dose in the EHR."),
        (order(medicationReference=absent("masked")), "the EHR does not name (masked)"),
        (order(medication=WARFARIN), "Warfarin 5 mg | NOT does not name"),
        (order(medication="Warfarin"), "Warfarin | NOT does not name"),
        (
            dosed(repeated(boundsDuration=quantity(5, "d"), boundsPeriod={"start": "2026-11-01"})),
            "for 5 days, from 1 Nov 2026 | There is more on this dose",
        ),
        (order(null_flavor("MSK")), f"the EHR does not name (masked) | NOT {NO_CURRENT}"),
        (
            order(absent("unknown"), dosageInstruction=[{"text": "5 mg daily"}]),
            f"5 mg daily | does not name (unknown) | NOT {NO_CURRENT}",
        ),
        (order(null_flavor("OTH", text="Herbal tea")), f"Herbal tea | NOT {NO_CURRENT}"),
        (
            order(absent("unknown"), "MedicationStatement"),
            f"Not known (unknown) | {NOBODY} | NOT {NO_CURRENT}",
        ),
        (order({"text": "UNKNOWN"}), f"UNKNOWN | NOT {NO_CURRENT}"),
        (
            order({"text": "Unknown"}, "MedicationStatement"),
            f"Unknown | {NOBODY} | NOT {NO_CURRENT}",
        ),
        # Statuses of HL7 v3 and of other makers.
        (order(WARFARIN, status="discontinued"), f"no longer taken | {NO_CURRENT}"),
        (order(WARFARIN, status="aborted"), f"no longer taken | {NO_CURRENT}"),
        (order(WARFARIN, status="nullified"), "could not be shown: entered in error"),
        # In R5 the adherence holds what was a status.
        (
            order(
                WARFARIN,
                "MedicationStatement",
                status="recorded",
                adherence={"code": {"coding": [{"code": "not-taking"}]}},
            ),
            f"what the patient does not take | Not taken | {NO_CURRENT}",
        ),
        (
            order(
                WARFARIN,
                "MedicationStatement",
                status="recorded",
                adherence={"code": {"coding": [{"code": "stopped-as-directed"}]}},
            ),
            f"no longer taken | Stopped | {NO_CURRENT}",
        ),
        (
            order(
                WARFARIN,
                "MedicationStatement",
                status="recorded",
                adherence={"code": {"coding": [{"code": "taking-not-as-directed"}]}},
            ),
            f"adherence: taking not as directed | NOT {NO_CURRENT}",
        ),
        (
            order(
                WARFARIN,
                "MedicationStatement",
                status="recorded",
                adherence={"code": {"text": "Not taking as directed"}},
            ),
            f"adherence: Not taking as directed | NOT {NO_CURRENT}",
        ),
        (
            order(WARFARIN, effectiveDosePeriod={"start": "2026-01-01", "end": "2026-02-01"}),
            "Its period is over | from 1 Jan 2026 to 1 Feb 2026",
        ),
        # Withdrawn, whatever else is said.
        (
            order(WARFARIN, "MedicationStatement", status="entered-in-error", wasNotTaken=True),
            "could not be shown: entered in error | NOT Warfarin",
        ),
        # Two names of one entry.
        (
            order(WARFARIN, medicationReference={"display": "Lisinopril"}),
            "Warfarin 5 mg (Lisinopril)",
        ),
        (
            {
                **contained(code={"text": "Warfarin 5 MG Oral Tablet"}),
                "medicationReference": {"reference": "#m", "display": "Warfarin"},
            },
            "Warfarin 5 MG Oral Tablet | NOT (Warfarin",
        ),
        (
            {
                **contained(code={"text": "Warfarin sodium 5 MG tablet"}),
                "medicationReference": {"reference": "#m", "display": "WARFARIN (Coumadin) 5 MG"},
            },
            "WARFARIN (Coumadin) 5 MG | NOT sodium",
        ),
        # Two medicines of one kind under one entry: in the concept, its code, the Medication, its
        # ingredients. A brand and its substance are no contradiction, nor are two spellings.
        (
            order({"text": "Insulin lispro"}, medicationReference={"display": "Insulin glargine"}),
            f"Insulin lispro (Insulin glargine) | {TWO_NAMES}",
        ),
        (
            order(rx("Metoprolol succinate 50 mg", "Metoprolol tartrate 50 MG Oral Tablet")),
            f"succinate 50 mg (Metoprolol tartrate 50 MG Oral Tablet) | {TWO_NAMES}",
        ),
        (
            contained(
                code={"text": "Insulin lispro"},
                ingredient=[{"itemCodeableConcept": {"text": "Insulin glargine"}}],
            ),
            f"Insulin lispro (Insulin glargine) | {TWO_NAMES}",
        ),
        # People leave the salt out, or have other words beside it; a brand may be in brackets.
        *(
            (order(rx(written, shown)), f"{written} | NOT {TWO_NAMES}")
            for written, shown in (
                ("Warfarin per pharmacy", "Warfarin Sodium 5 MG Oral Tablet"),
                ("Morphine PCA", "Morphine Sulfate 1 MG/ML"),
                ("Insulin Humalog", "Insulin lispro 100 UNT/ML [Humalog]"),
            )
        ),
        *(
            (order(rx(written, shown)), f"{written} ({shown}) | {TWO_NAMES}")
            for written, shown in (
                ("Penicillin G benzathine", "Penicillin G Potassium"),
                ("Haloperidol decanoate 100 mg", "Haloperidol lactate 100 MG"),
            )
        ),
        # One strength is written in several ways.
        *(
            (order(rx(written, shown)), f"{written} | NOT ({shown})")
            for written, shown in (
                ("Levothyroxine 50 mcg tablet", "Levothyroxine sodium 0.05 MG Oral Tablet"),
                ("Amoxicillin 400 mg/5 mL", "Amoxicillin 80 MG/ML Oral Suspension"),
                ("Hydrocortisone 1% cream", "Hydrocortisone 10 MG/ML Topical Cream"),
                ("Diclofenac 1 % gel", "Diclofenac Sodium 0.01 MG/MG Topical Gel"),
                ("Acetaminophen 1,000 mg", "Acetaminophen 1000 MG"),
                ("Vancomycin 1 g", "Vancomycin 1000 MG Injection"),
                ("Heparin 5,000 units", "Heparin 5000 UNT/ML"),
                ("Warfarin 1,5 mg", "Warfarin 1.5 MG"),
                ("Digoxin 0,125 mg", "Digoxin 125 mcg"),
                ("Albuterol 2.5 mg/3 mL", "3 ML Albuterol 0.83 MG/ML Inhalation Solution"),
                # What a syringe, a bag or a patch gives is written in another way.
                ("Ondansetron injection 4 mg", "2 ML Ondansetron 2 MG/ML Injection"),
                ("Magnesium sulfate 2 g IVPB", "50 ML Magnesium sulfate 40 MG/ML Injection"),
                ("Vancomycin 1 g in dextrose 5 %", "200 ML Vancomycin 5 MG/ML Injection"),
                ("Nicotine 21 mg/24 hr patch", "24 HR Nicotine 0.875 MG/HR Transdermal System"),
                ("Lisinopril", "Lisinopril 20 MG Oral Tablet"),
                ("Lisinopril 2 tablets", "Lisinopril 20 MG Oral Tablet"),
            )
        ),
        *(
            (order(rx(written, shown)), f"{written} ({shown}) | NOT {TWO_NAMES}")
            for written, shown in (
                ("Lisinopril 10 mg", "Lisinopril 20 MG Oral Tablet"),
                ("Methotrexate 25 mg", "Methotrexate 2.5 MG Oral Tablet"),
                ("Insulin glargine 300 units/mL", "Insulin glargine 100 UNT/ML"),
                ("Amoxicillin 400 mg/5 mL", "Amoxicillin 50 MG/ML Oral Suspension"),
                ("Levothyroxine 112 mcg", "Levothyroxine sodium 0.125 MG Oral Tablet"),
            )
        ),
        (
            order(rx("Tylenol", "Acetaminophen 325 MG Oral Tablet")),
            f"Tylenol (Acetaminophen 325 MG Oral Tablet) | NOT {TWO_NAMES}",
        ),
        (
            order(rx("metFORMIN HCl ER 500 mg tab", "Metformin hydrochloride 850 MG")),
            f"ER 500 mg tab (Metformin hydrochloride 850 MG) | NOT {TWO_NAMES}",
        ),
        (
            order(rx("cefazolin 2 g IVPB", "cefazolin sodium 2 GM Injection")),
            f"cefazolin 2 g IVPB | NOT cefazolin sodium | NOT {TWO_NAMES}",
        ),
        (
            order(rx("Losartan 50 mg at bedtime", "losartan potassium 50 MG Oral Tablet")),
            f"Losartan 50 mg at bedtime | NOT potassium | NOT {TWO_NAMES}",
        ),
        (
            order(rx("Insulin NPH 100 unit/mL", "insulin isophane, human 100 UNT/ML")),
            f"Insulin NPH 100 unit/mL | NOT isophane | NOT {TWO_NAMES}",
        ),
        (
            contained(
                ingredient=[
                    {"itemCodeableConcept": WARFARIN},
                    {"itemCodeableConcept": {"text": "Lactose"}, "isActive": False},
                ]
            ),
            "Warfarin 5 mg + Lactose (inactive)",
        ),
        (
            order({"text": "No known medications"}, "MedicationStatement"),
            f"No known medications | {NO_CURRENT}",
        ),
        (
            order(text={"status": "generated", "div": "<div><b>Warfarin</b> 5 mg</div>"}),
            "does not name | The EHR's own text: Warfarin 5 mg",
        ),
        (
            order(medicationReference={"identifier": {"value": "77"}}),
            "Medication that could not be read",
        ),
        # When it begins.
        (
            dosed(repeated(boundsPeriod={"start": "2027-03-01"})),
            "from 1 Mar 2027 | has not begun yet",
        ),
        (
            dosed(
                repeated(boundsPeriod={"start": "2026-01-01"}),
                repeated(boundsPeriod={"start": "2027-03-01"}),
            ),
            "from 1 Mar 2027 | NOT has not begun yet",
        ),
        (
            order(WARFARIN, "MedicationStatement", effectivePeriod={"start": "2027"}),
            "from 2027 | has not begun yet",
        ),
        (
            order(
                WARFARIN,
                "MedicationStatement",
                status="intended",
                effectivePeriod={"start": "2027"},
            ),
            "Intended | from 2027 | NOT lists it as current",
        ),
        (
            order(WARFARIN, "MedicationStatement", effectivePeriod={"start": "2026"}),
            "NOT has not begun",
        ),
        # When it ends: a year and a month end with their last day.
        (
            order(WARFARIN, "MedicationStatement", effectivePeriod={"end": "2026"}),
            "until 2026 | NOT is over",
        ),
        (
            order(WARFARIN, "MedicationStatement", effectivePeriod={"end": "2026-11"}),
            "until Nov 2026 | NOT is over",
        ),
        (
            order(WARFARIN, "MedicationStatement", effectivePeriod={"end": "2026-10"}),
            "Its period is over",
        ),
        (
            order(WARFARIN, "MedicationStatement", effectivePeriod={"end": "2025"}),
            "Its period is over",
        ),
        (order(WARFARIN, "MedicationStatement", taken="n"), f"Not taken | {NO_CURRENT}"),
        (
            order(WARFARIN, "MedicationStatement", taken="n", reasonNotTaken=[{"text": "rash"}]),
            "Not taken | why: rash",
        ),
        (
            order(WARFARIN, "MedicationStatement", taken="unk"),
            f"Not known whether it is taken | NOT {NO_CURRENT}",
        ),
        (
            order(WARFARIN, "MedicationStatement", adherence={"code": {"text": "Not taking"}}),
            "adherence: Not taking",
        ),
        (
            order(
                WARFARIN,
                extension=[
                    {
                        "url": ADHERENCE,
                        "extension": [
                            {
                                "url": "medicationAdherence",
                                "valueCodeableConcept": {"text": "Takes it when reminded"},
                            },
                            {"url": "dateAsserted", "valueDateTime": "2026-05-01"},
                        ],
                    }
                ],
            ),
            "adherence: Takes it when reminded",
        ),
        # What the order refers to.
        (
            contained(ingredient=[{"itemReference": {"reference": "Substance/1"}}]),
            "could not be read",
        ),
        (contained(code=WARFARIN, id="#m"), "Warfarin 5 mg | NOT could not be read"),
        (
            contained(code=WARFARIN, status="entered-in-error"),
            "Warfarin | own entry as entered in error",
        ),
        (contained(code=WARFARIN, status="inactive"), "Warfarin | own entry as no longer in use"),
        (contained(code=WARFARIN, modifierExtension=IN_PLACE), NOT_UNDERSTOOD),
        (
            contained(
                ingredient=[
                    {
                        "itemCodeableConcept": {"text": "Metformin"},
                        "strength": {
                            "numerator": quantity(500, "mg"),
                            "denominator": quantity(1, "tablet"),
                        },
                    }
                ]
            ),
            "Metformin 500 mg per tablet | NOT does not name",
        ),
        (
            contained(
                code={"text": "Glucophage"},
                form={"text": "Tablet"},
                ingredient=[
                    {
                        "itemCodeableConcept": {"text": "Metformin"},
                        "strength": {
                            "numerator": quantity(500, "mg"),
                            "denominator": {"value": 1},
                        },
                    }
                ],
            ),
            "Glucophage (Tablet, Metformin 500 mg)",
        ),
        *(
            (
                contained(
                    code={"text": "Ramipril"},
                    ingredient=[
                        {
                            "itemCodeableConcept": {"text": "Ramipril"},
                            "strength": {"numerator": quantity(5, "mg"), "denominator": one},
                        }
                    ],
                ),
                "Ramipril (5 mg)",
            )
            for one in (
                {"value": 1, "unit": "1", "system": UCUM, "code": "1"},
                {"value": Decimal("1.0"), "system": UCUM, "code": "1"},
                {"value": 1, "unit": "", "system": UCUM, "code": "{#}"},
            )
        ),
        (
            contained(
                code={"text": "Apixaban"},
                ingredient=[
                    {
                        "itemCodeableConcept": {"text": "Apixaban"},
                        "strength": {
                            "numerator": quantity(5, "mg"),
                            "denominator": quantity(1, "tablet"),
                        },
                    }
                ],
            ),
            "Apixaban (5 mg per tablet)",
        ),
        (
            contained(
                code={"text": "Insulin glargine pen"},
                form={"text": "Pen"},
                amount={"numerator": quantity(100, "U"), "denominator": quantity(1, "mL")},
            ),
            "Insulin glargine pen (100 U per mL) | NOT Pen,",
        ),
        (
            contained(
                code={"text": "Warfarin 50 mg"},
                ingredient=[
                    {
                        "itemCodeableConcept": {"text": "Warfarin"},
                        "strength": {
                            "numerator": quantity(5, "mg"),
                            "denominator": quantity(1, "tablet"),
                        },
                    }
                ],
            ),
            "Warfarin 50 mg (Warfarin 5 mg per tablet)",
        ),
        (
            contained(
                code={"text": "Ramipril 5 mg"},
                ingredient=[
                    {
                        "itemCodeableConcept": {"text": "Ramipril"},
                        "strength": {"numerator": {"value": Decimal("5.0"), "unit": "mg"}},
                    }
                ],
            ),
            "Ramipril 5 mg | NOT 5.0",
        ),
    ],
)
def test_what_is_ordered_and_whether_it_is_taken(given: Resource, says: str) -> None:
    assert_says(words_of("medications", given), says)


def test_of_a_list_that_was_cut_nothing_is_said_to_be_all() -> None:
    stopped = order(WARFARIN, status="stopped")
    assert NO_CURRENT in words_of("medications", stopped)
    cut = words_of("medications", stopped, is_cut=True)
    assert_says(cut, f"No current medications in what was read. | NOT {NO_CURRENT}")


def test_medications_that_are_not_named_are_not_taken_for_one() -> None:
    unread = [order(medicationReference={"reference": f"Medication/{n}"}) for n in "12"]
    unknown = [order({"text": "UNKNOWN"})] * 2
    for one in (unread, unknown, [order(absent("masked")), order(absent("masked"))]):
        shown = words_of("medications", *({**each, "id": str(n)} for n, each in enumerate(one)))
        assert "orders" not in shown, shown


def test_orders_without_a_date_are_counted_without_one() -> None:
    undated = order(WARFARIN, authoredOn=None)
    shown = words_of("medications", undated, {**undated, "id": "b"})
    assert_says(shown, "Warfarin 5 mg 2 orders | NOT last")


@pytest.mark.parametrize(
    ("words", "is_contradicted"),
    [
        ("No known medications", True),
        ("Patient is not taking any medications", True),
        ("Medications not on file", False),
    ],
)
def test_a_statement_beside_an_order(words: str, is_contradicted: bool) -> None:
    statement = order({"text": words}, "MedicationStatement")
    shown = words_of("medications", statement, order(WARFARIN))
    assert ("The record contradicts this" in shown) is is_contradicted, shown
    assert "contradicts" not in words_of("medications", statement)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (dosed("5 mg daily"), "5 mg daily"),
        (order(WARFARIN, dosageInstruction="5 mg daily"), "5 mg daily"),
        (
            dosed(
                {"sequence": 3, "text": "C"},
                {"sequence": 1, "text": "A"},
                {"sequence": 2, "text": "B"},
            ),
            "A then B then C",
        ),
        (
            dosed({"sequence": "10", "text": "Ten"}, {"sequence": "9", "text": "Nine"}),
            "Nine then Ten",
        ),
        (
            dosed({"timing": {"code": {"coding": [{"code": "QOD"}]}}}),
            "every 2 days | NOT once a day",
        ),
        (
            dosed(
                {
                    "timing": {
                        "code": {"text": "QOD"},
                        "repeat": {"frequency": 1, "period": 1, "periodUnit": "d"},
                    }
                }
            ),
            "coded as “every 2 days”",
        ),
        (dosed({"timing": {"code": {"text": "BID PC"}}}), "BID PC"),
        (dosed(repeated(when=["AC", "PC"])), "before meals and after meals"),
        (dosed(repeated(when=["ACM"], offset=30)), "30 minutes before breakfast"),
        (dosed(repeated(when=["HS"], offset=0)), "before going to sleep | NOT more on this dose"),
        (dosed(repeated(when=["HS"], offset="soon")), "There is more on this dose"),
        (
            dosed("One daily", note=[{"text": "One daily"}, {"text": "Bleeds"}]),
            "Bleeds | NOT One daily One daily | NOT Bleeds One daily | NOT One daily Bleeds One",
        ),
        (order(WARFARIN, renderedDosageInstruction="One daily"), "Warfarin 5 mg One daily"),
        (
            order(WARFARIN, extension=[{"url": RENDERED, "valueMarkdown": "1-0-1-0 Stück"}]),
            "Warfarin 5 mg 1-0-1-0 Stück",
        ),
        (
            dosed("5 mg at night", extension=[{"url": RENDERED, "valueMarkdown": "One daily"}]),
            "5 mg at night | NOT One daily",
        ),
        (
            dosed(repeated(frequency=1, period=2, periodUnit="wk", dayOfWeek=["mon"])),
            "every 2 weeks, on Mondays | NOT once a week",
        ),
        (
            dosed(repeated(frequency=1, period=36, periodUnit="h")),
            "every 36 hours | NOT once a day",
        ),
        (
            dosed(repeated(frequency=1, period=1, periodUnit="D")),
            "There is more on this dose in the EHR | NOT once a day",
        ),
        (dosed(repeated(boundsPeriod={"start": "2027-03-01"})), "from 1 Mar 2027"),
        (
            dosed(repeated(boundsPeriod={"start": "2020-03-01", "end": "2020-03-08"})),
            "Its period is over",
        ),
        (dosed({"asNeededCodeableConcept": {"text": "pain"}}), "as needed for pain"),
        (
            dosed(
                {
                    "asNeededCodeableConcept": {
                        "coding": [{"system": "http://snomed.info/sct", "code": "22253000"}]
                    }
                }
            ),
            "as needed for SNOMED CT 22253000",
        ),
        (dosed({"_asNeededBoolean": {"extension": IN_PLACE}}), "There is more on this dose"),
        (dosed({"_text": absent("masked")}), "There is more on this dose"),
        (
            dosed(
                {
                    "doseAndRate": [
                        {
                            "doseRange": {
                                "low": quantity(1, "tablet"),
                                "high": quantity(2, "tablets"),
                            }
                        }
                    ]
                }
            ),
            "1 tablet to 2 tablets",
        ),
        (
            dosed({"doseAndRate": [{"doseQuantity": {"value": "2,5", "unit": "mg"}}]}),
            "2,5 mg | NOT 25 mg",
        ),
        (
            dosed(
                {
                    "doseAndRate": [
                        {
                            "doseQuantity": {
                                "value": 1,
                                "system": "http://snomed.info/sct",
                                "code": "428673006",
                            }
                        }
                    ]
                }
            ),
            "1 (unit: SNOMED CT 428673006)",
        ),
        (
            dosed(
                {
                    "doseAndRate": [
                        {
                            "rateRatio": {
                                "numerator": quantity(1000, "mL"),
                                "denominator": quantity(24, "h"),
                            }
                        }
                    ]
                }
            ),
            "at 1000 mL per 24 hours",
        ),
        (
            dosed(
                {
                    "doseAndRate": [
                        {"rateRange": {"low": quantity(1, "mL/h"), "high": quantity(3, "mL/h")}}
                    ]
                }
            ),
            "at 1 mL/h to 3 mL/h",
        ),
        (
            dosed({"maxDosePerPeriod": {"numerator": quantity(4, "g")}}),
            "There is more on this dose",
        ),
        (
            dosed(
                {
                    "text": "1 tablet",
                    "additionalInstruction": [{"text": "do not crush"}],
                    "patientInstruction": "at night",
                }
            ),
            "1 tablet | do not crush | to the patient: at night",
        ),
    ],
)
def test_how_it_is_taken(given: Resource, says: str) -> None:
    assert_says(words_of("medications", given), says)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (
            order(
                WARFARIN,
                "MedicationAdministration",
                status="not-done",
                statusReason=[{"text": "refused"}],
            ),
            "Not given | refused",
        ),
        (
            order(WARFARIN, "MedicationAdministration", status="entered-in-error"),
            "entered in error | NOT Warfarin",
        ),
        (order(WARFARIN, "MedicationDispense", status="declined"), "Not dispensed"),
        (
            order(absent("masked"), "MedicationDispense", status="completed"),
            "does not name (masked)",
        ),
        (
            {
                **contained(code=WARFARIN, status="entered-in-error"),
                "resourceType": "MedicationAdministration",
                "status": "completed",
            },
            "Warfarin | own entry as entered in error",
        ),
    ],
)
def test_what_was_handed_out_or_given(given: Resource, says: str) -> None:
    assert_says(words_of("dispenses", given), says)


R5_CONCEPT = {"concept": {"text": "Metformin"}}
TABLET = {"numerator": quantity(500, "mg"), "denominator": quantity(1, "tablet")}
TIMING = "http://hl7.org/fhir/StructureDefinition/timing-"


@pytest.mark.parametrize(
    ("given", "says"),
    [
        # Members of R5, STU3 and DSTU2.
        (
            {
                **order(None, "MedicationStatement", status="recorded"),
                "medication": {"concept": {"text": "No known medications"}},
            },
            f"{NO_CURRENT} | No known medications | NOT Status",
        ),
        (
            {
                **order(
                    reason=[{"concept": {"text": "DM"}}, {"reference": {"display": "Obesity"}}],
                    reported=True,
                ),
                "medication": R5_CONCEPT,
            },
            "Metformin As reported | for DM | for Obesity",
        ),
        (
            order(WARFARIN, "MedicationStatement", reasonForUseCodeableConcept={"text": "AF"}),
            "for AF",
        ),
        (order(WARFARIN, requester={"agent": {"display": "Dr Old"}}), "ordered by Dr Old"),
        (
            {
                **contained(ingredient=[{"item": R5_CONCEPT, "strengthRatio": TABLET}]),
                "medicationReference": None,
                "medication": {"reference": {"reference": "#m"}},
            },
            "Metformin 500 mg per tablet",
        ),
        (
            contained(
                ingredient=[{"itemCodeableConcept": {"text": "Metformin"}, "amount": TABLET}]
            ),
            "Metformin 500 mg per tablet",
        ),
        (dosed({"doseQuantity": quantity(5, "mg")}), "5 mg | NOT more on this dose"),
        (
            dosed({"doseQuantity": quantity(5, "mg"), "doseSimpleQuantity": quantity(5, "mg")}),
            "5 mg | NOT more on this dose",
        ),
        (
            dosed({"doseQuantity": quantity(5, "mg"), "doseSimpleQuantity": quantity(7, "mg")}),
            "5 mg or 7 mg | There is more on this dose",
        ),
        (
            dosed(
                {
                    "rateQuantity": quantity(7, "mg/h"),
                    "rateRange": {"high": quantity(9, "mg/h")},
                    "doseQuantity": quantity(5, "mg"),
                }
            ),
            "5 mg, at up to 9 mg/h or at 7 mg/h | There is more on this dose",
        ),
        (
            dosed(
                {
                    "doseAndRate": [
                        {
                            "doseQuantity": quantity(5, "mg"),
                            "doseRange": {"low": quantity(1, "mg"), "high": quantity(2, "mg")},
                        }
                    ]
                }
            ),
            "5 mg or 1 mg to 2 mg | There is more on this dose",
        ),
        (
            dosed({"rateRatio": {"numerator": quantity(9, "mg"), "denominator": quantity(1, "h")}}),
            "at 9 mg per hour | NOT more on this dose",
        ),
        (
            dosed(
                {
                    "doseAndRate": [{"doseQuantity": quantity(5, "mg")}],
                    "doseQuantity": quantity(50, "mg"),
                }
            ),
            "5 mg There is more on this dose",
        ),
        # What limits the days of a regimen.
        (
            dosed(repeated(frequency=1, period=1, periodUnit="d", dayOfWeek=["Monday"])),
            "on Mondays | NOT once a day",
        ),
        (
            dosed(repeated(frequency=1, period=1, periodUnit="d", dayOfWeek=["lundi"])),
            "There is more on this dose | NOT once a day",
        ),
        (
            dosed(repeated(frequency=1, period=1, periodUnit="week")),
            "once a week | NOT more on this dose",
        ),
        (
            dosed(
                {
                    "timing": {
                        "extension": [
                            {
                                "url": f"{TIMING}daysOfCycle",
                                "extension": [
                                    {"url": "day", "valueInteger": 1},
                                    {"url": "day", "valueInteger": 8},
                                ],
                            }
                        ],
                        "repeat": {"frequency": 1, "period": 1, "periodUnit": "d"},
                    }
                }
            ),
            "on days 1 and 8 of the cycle | NOT more on this dose",
        ),
        (
            dosed(
                repeated(
                    frequency=1,
                    period=1,
                    periodUnit="mo",
                    extension=[{"url": f"{TIMING}dayOfMonth", "valuePositiveInt": 1}],
                )
            ),
            "on day 1 of the month",
        ),
        (
            dosed(repeated(frequency=1, period=1, periodUnit="d", extension=IN_PLACE)),
            "There is more on this dose",
        ),
        (
            dosed({"doseAndRate": [{"doseQuantity": quantity(5, "mg"), "extension": IN_PLACE}]}),
            "5 mg There is more on this dose",
        ),
        (
            dosed(
                {
                    "text": "5 mg",
                    "extension": [
                        {"url": "http://hl7.org/fhir/StructureDefinition/dosage-minimumGap"}
                    ],
                }
            ),
            "There is more on this dose",
        ),
        (dosed({"text": "5 mg", "extension": IN_PLACE}), "NOT more on this dose"),
        (
            dosed(
                {
                    "text": "5 mg",
                    "extension": [
                        {
                            "url": "https://fhir-ehr.cerner.com/r4/StructureDefinition/"
                            "clinical-instruction",
                            "valueString": "Check INR",
                        }
                    ],
                }
            ),
            "5 mg as coded: Check INR | NOT more on this dose",
        ),
        # Where only its length is known.
        (
            dosed(repeated(boundsDuration=quantity(7, "d")), authoredOn="2026-06-01"),
            "for 7 days | Its period is over if it began when it was ordered",
        ),
        (
            dosed(repeated(boundsRange={"high": quantity(6, "months")}), authoredOn="2026-06-01"),
            "NOT Its period is over",
        ),
        (
            dosed(
                repeated(boundsDuration=quantity(7, "d")),
                {"text": "then 5 mg"},
                authoredOn="2026-06-01",
            ),
            "NOT Its period is over",
        ),
        (
            dosed(repeated(boundsDuration=quantity(7, "d")), "then 5 mg", authoredOn="2026-06-01"),
            "NOT Its period is over",
        ),
        (
            dosed(repeated(boundsDuration=quantity(7, "d", comparator=">")), authoredOn="2020"),
            "NOT Its period is over",
        ),
        (
            dosed(repeated(boundsDuration=quantity(-7, "d")), authoredOn="2020"),
            "NOT Its period is over",
        ),
        (
            dosed(
                repeated(boundsDuration=quantity(30, "d")),
                authoredOn="2026-01-01",
                dispenseRequest={"numberOfRepeatsAllowed": 11},
            ),
            "11 repeats | NOT Its period is over",
        ),
        (
            dosed(repeated(boundsPeriod={"end": "2020-01-01"}), doNotPerform=True),
            "Do not give: Warfarin | Its period is over",
        ),
        # Strings in place of objects, and references in other forms.
        (dosed({"doseAndRate": [{"doseQuantity": "5 mg"}]}), "5 mg | NOT more on this dose"),
        (dosed({"doseAndRate": [{"doseQuantity": 5}]}), "5 (no unit given)"),
        (order(WARFARIN, reasonCode=["pain"], requester="Dr Lee"), "for pain | by Dr Lee"),
        (order(medicationReference="Medication/9"), "could not be read"),
        (
            {**contained(code=WARFARIN), "medicationReference": {"reference": "urn:uuid:m"}},
            "Warfarin 5 mg",
        ),
        ({**contained(code=WARFARIN), "medicationReference": {"reference": "m"}}, "Warfarin 5 mg"),
        (contained(code=WARFARIN, meta={"security": [{"code": "R"}]}), "Restricted"),
        (order(WARFARIN, meta={"security": [{"display": "Restricted"}]}), "Restricted"),
        (order(WARFARIN, meta={"security": [{"code": "very-restricted"}]}), "Very restricted"),
        (order(WARFARIN, meta={"security": [{"code": "PATRPT"}]}), "As reported by the patient"),
        (dosed({"timing": {"code": {"text": "QWK"}}}), "once a week"),
        (dosed(repeated(when=["morn"])), "in the morning | NOT more on this dose"),
        # Who, how much, and in place of what.
        (
            order(WARFARIN, priorPrescription={"display": "Warfarin 3 mg"}),
            "replaces Warfarin 3 mg",
        ),
        (
            order(WARFARIN, recorder={"display": "Ms A"}, performer={"display": "a nurse"}),
            "to be given by a nurse | recorded by Ms A",
        ),
        (order(WARFARIN, performerType={"text": "a nurse"}), "to be given by a nurse"),
        (dosed({"text": "5 mg", "route": null_flavor("UNK")}), "as coded: route unknown"),
        (dosed(at("MORN", 1), at("EVE", 2)), "in the morning 2 mg, in the evening | NOT then"),
        (dosed(at("MORN", 1, count=5), at("EVE", 2)), "then 2 mg, in the evening"),
        (
            dosed(at("MORN", 1, boundsPeriod={"end": "2027-01-01"}), at("EVE", 2)),
            "then 2 mg, in the evening",
        ),
        (
            dosed(
                *(
                    at(one, n, boundsPeriod={"end": "2027-01-01"})
                    for n, one in enumerate(("MORN", "EVE"))
                )
            ),
            "in the evening | NOT then",
        ),
        (dosed(at("MORN", 1), at("MORN", 2)), "then 2 mg, in the morning"),
        (
            order(WARFARIN, modifierExtension=[stop_type("410546004")]),
            f"no longer taken | Warfarin 5 mg Stopped | {NO_CURRENT}",
        ),
        (
            order(WARFARIN, **stopping({"start": "2026-01-01", "end": "2026-05-01"})),
            f"no longer taken | Stopped from 1 Jan 2026 to 1 May 2026 | {NO_CURRENT}",
        ),
        (
            order(WARFARIN, **stopping({"start": "2026-01-01", "end": "2027-05-01"})),
            "Warfarin 5 mg from 1 Jan 2026 to 1 May 2027 | NOT no longer taken",
        ),
        (order(WARFARIN, modifierExtension=[stop_type("385655000")]), "Warfarin 5 mg On hold"),
        (order(WARFARIN, modifierExtension=[stop_type("1")]), "does not understand"),
        (
            order(WARFARIN, modifierExtension=[stop_type("410546004"), {"url": "urn:other"}]),
            "does not understand",
        ),
        (dosed(counting(1, "TAKE 1 CAPSULE DAILY")), "TAKE 1 CAPSULE DAILY | NOT as coded"),
        (dosed(counting(2, "Instill two drops")), "Instill two drops | NOT as coded"),
        (dosed(counting(1, "one tablet", "tablet")), "one tablet | NOT as coded"),
        (dosed(counting(30, "Take 30 mL")), "Take 30 mL | NOT as coded"),
        (dosed(counting(4, "2 tablets every 4 hours")), "as coded: 4 (no unit given)"),
        (dosed(counting(1, "Instill 4 drops")), "as coded: 1 (no unit given)"),
        (dosed(counting(5, "1,5 ml täglich")), "as coded: 5 (no unit given)"),
        (dosed(counting(2, "1/2 tablet daily")), "as coded: 2 (no unit given)"),
        (dosed(counting(2, "1/2 tablet daily", "tablet")), "as coded: 2 tablet"),
        (dosed(counting(2, "1 - 2 tablets daily")), "as coded: 2 (no unit given)"),
        (dosed(counting(1.5, "1,5 ml täglich")), "NOT as coded"),
        (dosed(counting(1, "Take 1 mg")), "as coded: 1 (no unit given)"),
        (dosed({"doseAndRate": [{"rateQuantity": {"value": 10}}]}), "at 10 (no unit given)"),
        (
            order(
                WARFARIN,
                note=[{"text": "Not taking", "authorString": "Ms A", "time": "2024-02-03"}],
            ),
            "Not taking (Ms A, 3 Feb 2024)",
        ),
        (
            order(
                WARFARIN,
                note=[{"text": "Not taking", "authorReference": {"display": "Dr Lee"}}],
            ),
            "Not taking (Dr Lee)",
        ),
        (order(WARFARIN, note=[{"authorString": "Ms A"}]), "NOT Ms A"),
        (
            order(
                WARFARIN,
                dispenseRequest={
                    "initialFill": {"quantity": quantity(7, "tablets")},
                    "dispenseInterval": quantity(7, "d"),
                },
            ),
            "supply: at first 7 tablets, one every 7 days",
        ),
        (
            order(WARFARIN, substitution={"allowedBoolean": False, "reason": {"text": "rash"}}),
            "No substitution because of rash",
        ),
        (
            order(WARFARIN, substitution={"allowedCodeableConcept": {"coding": [{"code": "N"}]}}),
            "Substitution: none",
        ),
        (
            order(
                {"coding": [{"system": "http://snomed.info/sct", "code": "787481004"}]},
                "MedicationStatement",
            ),
            f"{NO_CURRENT} | No known medications",
        ),
    ],
)
def test_what_other_releases_and_rare_members_say(given: Resource, says: str) -> None:
    assert_says(words_of("medications", given), says)


@pytest.mark.parametrize(
    ("forbidden", "ordered", "is_same"),
    [
        ({"text": "Warfarin"}, WARFARIN, True),
        (
            {"text": "Coumadin", "coding": [{"code": "11289"}]},
            {"coding": [{"code": "11289"}]},
            True,
        ),
        ({"text": "Ibuprofen"}, WARFARIN, False),
        ({"text": "Warfarin 3 mg tablet"}, WARFARIN, True),
        ({"text": "5-Fluorouracil"}, {"text": "5-ASA"}, False),
        (null_flavor("OTH", text="Garlic"), null_flavor("OTH", text="Ginger"), False),
        (
            {
                "text": "Paracetamol",
                "coding": [{"system": "http://www.whocc.no/atc", "code": "N02"}],
            },
            {"text": "Aspirin", "coding": [{"system": "http://www.whocc.no/atc", "code": "N02"}]},
            False,
        ),
        (
            {"text": "Atenolol", "coding": [{"system": NDF_RT, "code": "N0000029119"}]},
            {"text": "Metoprolol", "coding": [{"system": NDF_RT, "code": "N0000029119"}]},
            False,
        ),
        ({"text": "Insulin lispro"}, {"text": "Insulin glargine"}, False),
        ({"text": "Vitamin B 6"}, {"text": "Vitamin B 12 1000 mcg"}, False),
        ({"text": "Interferon beta-1a"}, {"text": "Interferon beta-1b"}, False),
        ({"text": "Hydrocortisone 1% cream"}, {"text": "Hydrocortisone 10 mg"}, True),
        ({"text": "Albuterol 90 mcg/actuation"}, {"text": "Albuterol 2.5 mg/3 mL"}, True),
        ({"text": "Paracetamol 325 mg / Codeine 30 mg"}, {"text": "Paracetamol 500 mg"}, False),
        ({"text": "Paracetamol 500 mg/Codeine 30 mg"}, {"text": "Paracetamol 500 mg"}, False),
        ({"text": "Sulbactam/Ampicillin"}, {"text": "Sulbactam"}, False),
        (
            {"text": "Hydrochlorothiazide 25 mg/Captopril 50 mg"},
            {"text": "Hydrochlorothiazide 12.5 mg"},
            False,
        ),
        ({"text": "Morphine 30 mg/day"}, {"text": "Morphine 10 mg"}, True),
        ({"text": "Paracetamol/Codeine"}, {"text": "Paracetamol / Tramadol"}, False),
        ({"text": "Insulin"}, {"text": "Insulin glargine 100 units/mL"}, True),
        ({"text": "Insulin glargine"}, {"text": "Insulin"}, False),
        ({"text": "Codeine"}, {"text": "Paracetamol 500 mg/Codeine 30 mg"}, False),
        ({"text": "Paracetamol"}, {"text": "Paracetamol 325 mg / Codeine 30 mg"}, True),
        (absent("masked"), absent("masked"), False),
    ],
)
def test_a_prohibition_beside_an_order_of_the_same(
    forbidden: Resource, ordered: Resource, is_same: bool
) -> None:
    shown = words_of("medications", order(forbidden, doNotPerform=True), order(ordered))
    assert ("it also lists a current order of this medicine" in shown) is is_same, shown
    assert ("The record also says not to give this medicine" in shown) is is_same, shown


@pytest.mark.parametrize(
    ("told", "ordered", "is_said"),
    [
        ("Insulin glargine", "Insulin", True),
        ("Insulin", "Human insulin NPH", True),
        ("Codeine", "Paracetamol 500 mg/Codeine 30 mg", True),
        ("Codeine", "Paracetamol-codeine", True),
        ("Insulin glargine", "Insulin lispro", False),
        ("Paracetamol 500 mg/Codeine 30 mg", "Codeine", False),
        ("B", "Vitamin B 12", False),
        ("Cillin", "Penicillin", False),
    ],
)
def test_names_of_which_one_is_in_the_other_may_mean_the_same(
    told: str, ordered: str, is_said: bool
) -> None:
    check = "check whether that is this medicine"
    shown = words_of(
        "medications", order({"text": told}, doNotPerform=True), order({"text": ordered})
    )
    assert (f"also lists a current order of {ordered}: {check}" in shown) is is_said, shown
    assert (f"also says “Do not give: {told}”: {check}" in shown) is is_said, shown
    report = order({"text": told}, "MedicationStatement", status="not-taken")
    shown = words_of("medications", report, order({"text": ordered}))
    assert (f"says that {told} is not taken: {check}" in shown) is is_said, shown


def test_that_a_general_name_is_not_taken_may_mean_the_order() -> None:
    report = order({"text": "Insulin"}, "MedicationStatement", status="not-taken")
    shown = words_of("medications", report, order({"text": "Insulin glargine"}))
    assert_says(shown, "says that Insulin is not taken: check | NOT says that it is not taken")
    shown = words_of("medications", report, order({"text": "Insulin 10 units"}))
    assert_says(shown, "says that it is not taken | NOT check whether")


def test_a_remark_that_goes_for_several_orders_is_made_once() -> None:
    ban = order({"text": "Codeine"}, doNotPerform=True)
    one, other = (
        order({"text": "Paracetamol-codeine"}, dosageInstruction=[{"text": dose}])
        for dose in ("one", "two")
    )
    shown = words_of("medications", {**ban, "id": "b"}, one, {**other, "id": "m2"})
    assert shown.count("also lists a current order of Paracetamol-codeine") == 1, shown


def test_orders_that_name_themselves_or_each_other_are_not_replaced() -> None:
    alone = order(WARFARIN, priorPrescription={"reference": "MedicationRequest/m1"})
    assert_says(words_of("medications", alone), "NOT Another order replaces it")
    other = order({"text": "Aspirin"}, priorPrescription={"reference": "MedicationRequest/m1"})
    first = order(WARFARIN, priorPrescription={"reference": "MedicationRequest/m2"})
    shown = words_of("medications", first, {**other, "id": "m2"})
    assert_says(shown, "replaces another order | NOT Another order replaces it")
    third = order(WARFARIN, priorPrescription={"reference": "MedicationRequest/m3"})
    circle = ({**third, "id": "m2"}, {**alone, "id": "m3"})
    assert_says(words_of("medications", first, *circle), "NOT Another order replaces it")


@pytest.mark.parametrize(
    ("status", "intent", "is_replaced"),
    [("active", "order", True), ("draft", "order", False), ("active", "proposal", False)],
)
def test_an_order_that_another_one_replaces(status: str, intent: str, is_replaced: bool) -> None:
    new = order(
        {"text": "Warfarin 3 mg"},
        status=status,
        intent=intent,
        priorPrescription={"reference": "https://ehr.example/fhir/MedicationRequest/m1"},
    )
    shown = words_of("medications", order(WARFARIN), {**new, "id": "m2"})
    assert ("Another order replaces it" in shown) is is_replaced, shown


@pytest.mark.parametrize(
    ("told", "resource_type", "status", "is_stopped"),
    [
        ("2026-07-01", "MedicationStatement", "stopped", True),
        ("2020-01-01", "MedicationStatement", "stopped", False),
        (None, "MedicationStatement", "stopped", False),
        ("2026-07-01", "MedicationStatement", "completed", False),
        ("2026-07-01", "MedicationRequest", "stopped", False),
    ],
)
def test_a_later_report_that_an_order_was_stopped(
    told: str | None, resource_type: str, status: str, is_stopped: bool
) -> None:
    report = order(WARFARIN, resource_type, status=status, authoredOn=told)
    shown = words_of("medications", order(WARFARIN), {**report, "id": "s1"})
    assert ("A later report in this record says that it was stopped" in shown) is is_stopped, shown


@pytest.mark.parametrize(
    ("told", "end", "is_stopped"),
    [
        (None, "2026-07-01", True),
        ("2026-08-01", "2026-07-01", True),
        ("2026-08-01", "2026-02-01", False),
        (None, "2099-01-01", False),
        ("2026-01-01", "2026-07-01", False),
    ],
)
def test_a_report_stops_an_order_on_the_day_on_which_it_ended(
    told: str | None, end: str, is_stopped: bool
) -> None:
    period = {"start": "2026-01-01", "end": end}
    members = {"status": "stopped", "authoredOn": told, "effectivePeriod": period}
    report = order(WARFARIN, "MedicationStatement", **members)
    shown = words_of(
        "medications", order(WARFARIN, authoredOn="2026-06-01"), {**report, "id": "s1"}
    )
    assert ("A later report in this record says that it was stopped" in shown) is is_stopped, shown


@pytest.mark.parametrize(
    ("told", "is_denied"), [(None, True), ("2026-07-01", True), ("2020-01-01", False)]
)
def test_a_report_that_an_order_is_not_taken(told: str | None, is_denied: bool) -> None:
    report = order(
        WARFARIN, "MedicationStatement", status="not-taken", authoredOn=None, dateAsserted=told
    )
    shown = words_of("medications", order(WARFARIN), {**report, "id": "s1"})
    other = words_of("medications", order({"text": "Warfarin 3 mg"}), {**report, "id": "s1"})
    assert "says that it is not taken" not in other
    assert ("A report in this record says that it is not taken" in shown) is is_denied, shown


def test_prohibition_of_a_class_says_that_only_names_are_compared() -> None:
    ban = order({"text": "NSAIDs"}, doNotPerform=True)
    named = order({"text": "Warfarin 5 mg"}, doNotPerform=True)
    ibuprofen, warfarin = order({"text": "Ibuprofen 400 mg"}), order(WARFARIN)
    assert_says(words_of("medications", ban, ibuprofen), f"Do not give: NSAIDs {NAMES_ONLY}")
    assert_says(words_of("medications", named, warfarin), f"NOT {NAMES_ONLY}")
    assert_says(words_of("medications", ban), f"NOT {NAMES_ONLY}")
    unnamed = order({}, doNotPerform=True)
    assert_says(words_of("medications", unnamed, ibuprofen), f"Do not give | NOT {NAMES_ONLY}")


@pytest.mark.parametrize(
    "url",
    [
        "http://nictiz.nl/fhir/StructureDefinition/ext-TimeInterval.Period",
        "http://hl7.org/fhir/5.0/StructureDefinition/extension-MedicationRequest.effectiveDosePeriod",
    ],
)
def test_a_period_of_use_in_an_extension_is_over_too(url: str) -> None:
    period = {"url": url, "valuePeriod": {"start": "2026-01-01", "end": "2026-02-01"}}
    says = "Its period is over | from 1 Jan 2026 to 1 Feb 2026"
    assert_says(words_of("medications", order({"text": "Prednisone"}, extension=[period])), says)
