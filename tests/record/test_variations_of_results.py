"""Results and vital signs as other servers may write them: what the page says of each."""

import time
from decimal import Decimal
from typing import Any

import pytest

from smartapp.record.identity import read_identity
from smartapp.record.moments import DATA_ABSENT_REASON
from smartapp.record.observations import SPECIMEN_ELSEWHERE
from smartapp.record.vital_signs import IMPOSSIBLE
from tests.chart.samples import (
    LOINC,
    NOW,
    PATIENT,
    Resource,
    about_patient,
    concept,
    patient,
    quantity,
)
from tests.pages.sections import assert_says, words_of
from tests.record.samples import SNOMED

EXTENSION = "http://hl7.org/fhir/StructureDefinition/observation-"
OWN = "The EHR's own text: "
NULL_FLAVOR = "http://terminology.hl7.org/CodeSystem/v3-NullFlavor"
ABSENT_REASON = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
NO_REASON = "1 result could not be shown: no value and no reason"
OUTSIDE = "◆ Outside range"
OLD = {"id": "old", "effectiveDateTime": "2020-01-01"}
MALE = {"appliesTo": [{"coding": [{"code": "male"}]}]}


def kilopascals(*sides: float) -> Resource:
    systolic, diastolic = ({"valueQuantity": quantity(one, "kPa")} for one in sides)
    return pressure(systolic, diastolic)


def absent(reason: str) -> Resource:
    return {"extension": [{"url": DATA_ABSENT_REASON, "valueCode": reason}]}


def null_flavor(code: str) -> Resource:
    url = "http://hl7.org/fhir/StructureDefinition/iso21090-nullFlavor"
    return {"extension": [{"url": url, "valueCode": code}]}


def snomed(*displays: str) -> Resource:
    return {"coding": [{"system": SNOMED, "code": one, "display": one} for one in displays]}


def related(how: str, id: str) -> Resource:
    return {"type": how, "target": {"reference": f"Observation/{id}"}}


def result(name: str = "Potassium", value: object = None, **members: Any) -> Resource:
    plain = {
        "id": name,
        "status": "final",
        "effectiveDateTime": "2026-06-03T08:00:00Z",
        "code": {"text": name},
        "category": [{"coding": [{"code": "laboratory"}]}],
    }
    measured = {} if value is None else {"valueQuantity": {"value": value, "unit": "mmol/L"}}
    return about_patient("Observation", **{**plain, **measured, **members})


def extended(name: str, text: str) -> Resource:
    """Return the member that has one of R4's own extensions of an Observation."""
    url = f"{EXTENSION}{name}"
    return {"extension": [{"url": url, "valueCodeableConcept": {"text": text}}]}


def words(text: str) -> Resource:
    return {"text": text}


def vital(code_: str, value: object = None, unit: str = "/min", **members: Any) -> Resource:
    measured = {} if value is None else {"valueQuantity": {"value": value, "unit": unit}}
    named = {"coding": [{"system": LOINC, "code": code_}]}
    category = [{"coding": [{"code": "vital-signs"}]}]
    return result(**{"code": named, "category": category, **measured, **members})


def pressure(systolic: Resource, diastolic: Resource, **members: Any) -> Resource:
    sides = [
        {"code": concept("", "8480-6"), **systolic},
        {"code": concept("", "8462-4"), **diastolic},
    ]
    return vital("85354-9", component=sides, **members)


def replacing(name: str) -> Resource:
    reference = {"reference": f"Observation/{name}"}
    return {"extension": [{"url": f"{EXTENSION}replaces", "valueReference": reference}]}


def at(clock: str) -> Resource:
    return {"effectiveDateTime": f"2026-06-03T{clock}{':00' * (len(clock) == 5)}Z"}


def at_two_times(systolic: str, diastolic: str) -> tuple[Resource, ...]:
    """Two separate sides of a blood pressure, 150 and 92 mmHg, at these times."""
    return (
        vital("8480-6", 150, "mmHg", id="a", **at(systolic)),
        vital("8462-4", 92, "mmHg", id="b", **at(diastolic)),
    )


def mmhg(value: float) -> Resource:
    return {"valueQuantity": quantity(value, "mm[Hg]")}


def local(name: str) -> Resource:
    """Return a name beside a code of no system that this app knows."""
    return concept(name, "9A751", "urn:oid:1.2.392.200119.4.504")


def pressure_of(*sides: tuple[str, float]) -> Resource:
    """One Observation with these components, each a code and its value in mmHg."""
    components = [{"code": concept("", code), **mmhg(value)} for code, value in sides]
    return vital("85354-9", component=components)


def ranged(value: float | None, *ranges: Resource, **members: Any) -> Resource:
    return result(value=value, referenceRange=[*ranges], **members)


def limits(low: float | None = None, high: float | None = None, **members: Any) -> Resource:
    found = {"low": low, "high": high}
    return {**{side: {"value": v} for side, v in found.items() if v is not None}, **members}


def flagged(*interpretations: Resource, value: float = 6.2) -> Resource:
    return result(value=value, interpretation=[*interpretations])


def coded(code: str, system: str = "", **members: Any) -> Resource:
    return {"coding": [{"system": system, "code": code}], **members}


@pytest.mark.parametrize(
    ("given", "says"),
    [
        # value[x] in every form of R4.
        (result(valueQuantity={"value": Decimal("1.0250")}), "1.0250"),
        (result(valueQuantity={"value": Decimal("7.40"), "comparator": "≥"}), ">= 7.40"),
        (result(valueQuantity={"value": 60, "comparator": "sufficient"}), "sufficient 60"),
        (
            result(valueQuantity={"value": "<0.2", "unit": "mg/L"}, referenceRange=[limits(0.6)]),
            "Potassium < 0.2 mg/L ▼ Below range",
        ),
        (
            result(valueQuantity={"value": "<5", "unit": "mg/L"}, referenceRange=[limits(high=3)]),
            "Potassium < 5 mg/L | NOT Above",
        ),
        (result(valueQuantity={"value": "5-10", "unit": "cells"}), "Potassium 5-10 cells"),
        (result(value=6.9, valueString="haemolysed"), "6.9 mmol/L haemolysed"),
        (result(value=6.9, valueString="6.9", status="cancelled"), "cancelled | NOT 6.9"),
        (result(valueQuantity={"value": "6,9", "unit": "mmol/L"}), "6,9"),
        (
            result(
                valueQuantity={"value": 4, "system": "http://snomed.info/sct", "code": "258813002"}
            ),
            "4 (unit: SNOMED CT 258813002)",
        ),
        (result(valueRange={"low": quantity(1, "mg"), "high": quantity(2, "mg")}), "1 mg to 2 mg"),
        (result(valueRange={"low": quantity(5, "mg")}), "from 5 mg"),
        (result(valueRatio={"numerator": quantity(1), "denominator": quantity(128)}), "1 : 128"),
        (result(valueRatio={"numerator": quantity(1)}), "1 : (not given)"),
        (
            result(valuePeriod={"start": "2026-06-01", "end": "2026-06-02"}),
            "1 Jun 2026 to 2 Jun 2026",
        ),
        (result(valueTime="14:30:00"), "14:30:00"),
        (result(valueSampledData={"data": "1 2 3"}), "A recording of 3 points"),
        (result(valueInteger=0), "Potassium 0"),
        (result(valueBoolean=False), "Potassium No"),
        (result(valueAttachment={"title": "ECG"}), "a kind that this app does not show"),
        (
            result(valueQuantity={"extension": [{"url": "urn:x", "valueString": "5"}]}),
            "a kind that this app does not show",
        ),
        (
            result(
                valueCodeableConcept={"text": "Not detected", "coding": [{"display": "Detected"}]}
            ),
            "Potassium Not detected",
        ),
        # Why there is none.
        (result(valueQuantity=absent("error")), "No result: error"),
        (
            result(valueQuantity={"unit": "mg", "_value": absent("not-performed")}),
            "No result: not performed",
        ),
        (result(_valueString=absent("asked-declined")), "No result: declined"),
        (
            result(
                valueCodeableConcept=coded(
                    "UNK", "http://terminology.hl7.org/CodeSystem/v3-NullFlavor"
                )
            ),
            "No result: unknown",
        ),
        (
            result(value=5, status="cancelled", note=[{"text": "clotted"}]),
            "No result: cancelled | clotted | NOT 5 mmol/L",
        ),
        (result(value=5, status="Canceled"), "No result: cancelled | NOT 5 mmol/L"),
        (
            result(component=[{"code": {"text": "Sodium"}, **mmhg(5)}], status="cancelled"),
            "No result: cancelled | NOT Sodium",
        ),
        (
            result(value=5, status="entered-in-error"),
            "could not be shown: entered in error | NOT Potassium",
        ),
        (result(), NO_REASON),
        (result(effectiveDateTime=None, issued="2026-06-03T08:00:00Z"), NO_REASON),
        (
            result(effectiveDateTime=None, effectivePeriod={"start": "2026", "end": "2027"}),
            NO_REASON,
        ),
        # What only words say.
        (result(note=[{"text": "Haemolysed"}]), "Potassium Haemolysed"),
        (result(comment="Haemolysed", value=6.9), "6.9 mmol/L Haemolysed"),
        (
            result(text={"div": "<div><p>K 6.9</p><p>haemolysed</p></div>"}),
            f"{OWN}K 6.9 haemolysed | NOT {NO_REASON}",
        ),
        (
            result(value=6.9, text={"status": "additional", "div": "<div>haemolysed</div>"}),
            f"6.9 mmol/L {OWN}haemolysed",
        ),
        (
            result(value=6.9, text={"status": "generated", "div": "<div>K 6.9</div>"}),
            f"6.9 mmol/L | NOT {OWN}",
        ),
        # As if it were for a web page.
        (result(valueString="K &gt; 5 &amp; Na &#60; 120"), "Potassium K > 5 & Na < 120"),
        (result(valueString="Line 1<br/>Line 2<BR>Line 3"), "Line 1 Line 2 Line 3 | NOT <"),
        (result(valueString="pH <7.2 & <b>"), "pH <7.2 & <b>"),
        (result("Tylenol &amp; Codeine", value=5), "Tylenol & Codeine 5"),
        (result(valueString="a&#x202e;b &#0;"), "Potassium a b &#0; | NOT \u202e"),
        # Whose it is, and of what.
        (
            result(
                value=5,
                focus=[{"reference": "#f"}],
                contained=[{"resourceType": "RelatedPerson", "id": "f"}],
            ),
            "of: a related person",
        ),
        (
            result(value=5, **extended("focusCode", "Fetus")),
            "of: Fetus",
        ),
        (result(value=5, focus=[{"reference": "Condition/c"}]), "Potassium 5 | NOT of:"),
        (
            result(value=5, focus=[{"reference": "Condition/c", "display": "Lung cancer"}]),
            "Potassium about Lung cancer | NOT of:",
        ),
        (result(value=5, focus=[{"type": "FamilyMemberHistory"}]), "of: something else"),
        # The unit is too long for a line.
        (
            result(valueQuantity=quantity(5, "per field of view at a magnification of 400")),
            "5 per field of view at a magnification of…",
        ),
        (
            result(value=5, **extended("specimenCode", "CSF")),
            "Potassium CSF",
        ),
        (
            result(value=5, **extended("precondition", "Fasting")),
            "Fasting",
        ),
        (
            result(
                value=5,
                specimen={"reference": "#s"},
                contained=[
                    {
                        "resourceType": "Specimen",
                        "id": "s",
                        "type": {"text": "CSF"},
                        "condition": [{"text": "Clotted"}],
                    }
                ],
            ),
            "Potassium CSF | specimen: Clotted",
        ),
        *(
            (
                result(
                    value=5,
                    specimen={"reference": "#s"},
                    contained=[{"resourceType": "Specimen", "id": "s", **members}],
                ),
                said,
            )
            for members, said in (
                ({"status": "unsatisfactory"}, "specimen: unsatisfactory"),
                (
                    {"status": "Unsatisfactory", "condition": [{"text": "Clotted"}]},
                    "specimen: unsatisfactory, Clotted",
                ),
                ({"status": "entered-in-error"}, "specimen: entered in error"),
                ({"status": "available"}, "5 mmol/L | NOT specimen"),
                ({"status": "unavailable"}, "5 mmol/L | NOT specimen"),
                (
                    {"collection": {"method": {"text": "Arterial line"}}},
                    "specimen collection: Arterial line",
                ),
            )
        ),
        # Panels.
        (
            result(
                "Panel",
                hasMember=[{"reference": "#o"}],
                contained=[
                    {
                        "resourceType": "Observation",
                        "id": "o",
                        "code": {"text": "Sodium"},
                        "valueQuantity": quantity(120, "mmol/L"),
                    }
                ],
            ),
            "Sodium Panel 120 mmol/L | 3 Jun 2026",
        ),
        (
            result(
                "Panel",
                hasMember=[{"reference": "#o"}],
                contained=[
                    {
                        "resourceType": "Observation",
                        "id": "o",
                        "code": {"text": "Sodium"},
                        "status": "entered-in-error",
                        "valueInteger": 120,
                    }
                ],
            ),
            "could not be shown | NOT 120",
        ),
        (
            result(
                "Panel",
                component=[{"code": {"text": "Sodium"}, "dataAbsentReason": coded("masked")}],
            ),
            "Sodium Panel No result: masked",
        ),
        (
            result(
                "Culture",
                component=[
                    {"code": {"text": "Organism"}, "valueString": "E. coli"},
                    {"code": {"text": "Ampicillin"}, "valueString": "R"},
                ],
            ),
            "Ampicillin Culture: E. coli R",
        ),
        (
            result(
                "Panel",
                component=[
                    {"code": {"text": "A"}, "valueString": "B", "modifierExtension": [{"url": "x"}]}
                ],
            ),
            "does not understand | NOT A Panel",
        ),
    ],
)
def test_one_result(given: Resource, says: str) -> None:
    assert_says(words_of("labs", given), says)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (
            ranged(
                12.4, limits(13.5, 17.5, **MALE), limits(12, 15.5, appliesTo=[{"text": "Female"}])
            ),
            "range 12 to 15.5 | NOT range of",
        ),
        (ranged(12.4, limits(13.5, 17.5, **MALE)), "12.4 | NOT 13.5 | NOT Below"),
        (
            ranged(300, limits(100, 400, text="1-15 years"), limits(40, 130, text="> 16 years")),
            "(1-15 years) | (> 16 years) | NOT Above range",
        ),
        (
            ranged(300, limits(30, 120, appliesTo=[{"text": "follicular"}])),
            "30 to 120 (follicular) | NOT Above range",
        ),
        (
            ranged(2.5, limits(0.5, 2, type=coded("therapeutic"))),
            "0.5 to 2 (therapeutic) | NOT Above range",
        ),
        (
            ranged(6, limits(2.5, 6.5, text="Critical Range"), limits(3.5, 5.1)),
            "▲ Above range | 2.5 to 6.5 (Critical Range)",
        ),
        (
            ranged(5.5, {"low": quantity(70, "mg/dL"), "high": quantity(99, "mg/dL")}),
            "70 to 99 mg/dL (not compared: in another unit) | NOT Below range",
        ),
        # Units that differ by a power of ten only.
        (
            ranged(5.5, {"high": quantity(0.005, "mol/L")}),
            "▲ Above range range up to 0.005 mol/L | NOT not compared",
        ),
        (
            result(
                valueQuantity=quantity(9, "g/dL"),
                referenceRange=[{"low": quantity(120, "g/L"), "high": quantity(160, "g/L")}],
            ),
            "9 g/dL ▼ Below range range 120 to 160 g/L",
        ),
        (ranged(5.5, {"high": quantity(5, "mmol")}), "5 mmol (not compared | NOT Above"),
        (
            result(valueQuantity={"value": 6}, referenceRange=[{"high": quantity(5, "mmol/L")}]),
            "up to 5 mmol/L (not compared: the result has no unit) | NOT Above",
        ),
        (
            result(valueString="See note", referenceRange=[{"high": quantity(5, "mmol/L")}]),
            "See note range up to 5 mmol/L | NOT not compared",
        ),
        # A text that is only a range is compared with; any other text is not.
        (ranged(6.2, {"text": "3.5-5.1 mmol/L"}), "▲ Above range range 3.5-5.1 mmol/L"),
        (ranged(6.2, {"text": "<5.7"}), "▲ Above range range <5.7"),
        (ranged(6.2, {"text": ">= 7"}), "▼ Below range range >= 7"),
        (ranged(6.2, {"text": "Normal range: 3.5-5.1"}), "▲ Above range range Normal range: 3.5"),
        (ranged(6.2, {"text": "[3.5-5.1]"}), "▲ Above range"),
        (ranged(-6.2, {"text": "-2 - +2"}), "▼ Below range"),
        (ranged(6.2, {"text": "Luteal: 1-5"}), "range Luteal: 1-5 | NOT Above"),
        (ranged(6.2, {"text": "3.5 to 8"}), "range 3.5 to 8 | NOT Above"),
        (ranged(6.2, {"text": "3.5-5.1 mg/dL"}), "range 3.5-5.1 mg/dL | NOT Above"),
        (ranged(6.2, {"text": "<5.7 normal, >6.5 diabetes"}), ">6.5 diabetes | NOT Above"),
        # A comma before three digits may separate thousands, and so may a point.
        (ranged(6.2, {"text": "3,5 - 5,1"}), "▲ Above range range 3,5 - 5,1"),
        (ranged(6.2, {"text": "3,500-5,100"}), "range 3,500-5,100 | NOT Above | NOT Below"),
        (ranged(250000, {"text": "150.000 - 400.000"}), "range 150.000 - 400.000 | NOT Above"),
        (ranged(1.035, {"text": "1.005 - 1.030"}), "▲ Above range"),
        (ranged(5, {"text": "0.450 - 4.500"}), "▲ Above range"),
        (result(valueString="250.000", referenceRange=[limits(150000)]), "250.000 | NOT Below"),
        (result(valueString="6,9", referenceRange=[{"text": "3,5-5,1"}]), "6,9 ▲ Above range"),
        (ranged(6.2, {"text": "<5"}, {"text": "<7"}), "range <5; <7 | NOT Above"),
        (ranged(6.2, {"text": f"{'Risk of events: ' * 9}high from 6"}), "high from 6"),
        (result("Long name, " * 20 + "in urine", 5), "in urine"),
        (ranged(4.2, limits(87.3, 82.4)), "87.3 to 82.4 | NOT Above | NOT Below"),
        (
            result(valueQuantity={"value": 60, "comparator": ">"}, referenceRange=[limits(90)]),
            "> 60 | NOT Below range",
        ),
        (
            result(
                valueQuantity={"value": 60, "comparator": "sufficient"}, referenceRange=[limits(90)]
            ),
            "range from 90 | NOT Below range",
        ),
        (
            ranged(11, limits(12, 16, appliesTo=[coded("248152002", "http://snomed.info/sct")])),
            "▼ Below range | range 12 to 16 | NOT SNOMED",
        ),
        (ranged(11, limits(13, 17, appliesTo=[coded("248153007")])), "11 | NOT 13 to 17"),
        *(
            (ranged(6.2, {"text": text}), f"▲ Above range range {text}")
            for text in (
                "< OR = 5.1",
                "=<5.1",
                "<5.1 mmol/L (calc)",
                "Up to 5.1",
                "less than 5.1",
                "3.5 — 5.1",
                "3.5 ~ 5.1",
                "3.5 - 5.1;",
            )
        ),
        (ranged(6.2, {"text": "> OR = 7"}), "▼ Below range"),
        (ranged(6.2, {"text": "above 7"}), "▼ Below range"),
        (result(value=6.2, referenceRange="3.5-5.1"), "▲ Above range range 3.5-5.1"),
        (ranged(6.2, limits(2.5, 6, meaning=words("Critical"))), "2.5 to 6 (Critical) | NOT Above"),
        (
            ranged(6.2, {"low": quantity(3.5, "mmol/L"), "high": quantity(5100, "umol/L")}),
            "6.2 mmol/L range 3.5 mmol/L to 5100 umol/L 3 Jun | NOT Above",
        ),
        (
            result(
                valueQuantity=quantity(90000, "/uL"),
                referenceRange=[{"low": quantity(150, "10*9/L")}],
            ),
            "90000 /uL ▼ Below range range from 150 10⁹/L",
        ),
        (
            result(
                valueQuantity=quantity(5, "10*3/uL"),
                referenceRange=[{"high": quantity(11000, "cells/uL")}],
            ),
            "range up to 11000 cells/uL | NOT Above | NOT not compared",
        ),
        (ranged(3.1, {"text": "Low: <3.5"}), "range Low: <3.5 | NOT Above"),
        (ranged(4.1, {"text": "Low: <3.5"}), "range Low: <3.5 | NOT Above"),
        (ranged(6.2, limits(3.5, 5.1, text="Low 3.5 High 5.1")), "▲ Above range"),
        (flagged({"text": "HI"}), "▲ High"),
        (flagged({"text": "Alert high"}), "▲▲ Critically high"),
        # "High" alone is the name of a class of values, not of the usual range.
        (
            ranged(
                220,
                limits(high=200, text="Desirable"),
                limits(200, 239, text="Borderline high"),
                limits(240, text="High"),
            ),
            "from 240 (High) | up to 200 (Desirable) | NOT Below | NOT Above",
        ),
        (ranged(220, limits(None, 200, text="Normal"), limits(240, text="HIGH")), "▲ Above range"),
        (ranged(6, limits(3.5, 5.1, text="3,5 - 5,1")), "▲ Above range | NOT ("),
        (ranged(6, limits(150000, 400000, text="150,000 to 400,000")), "▼ Below range | NOT ("),
        (ranged(6, limits(3.5, 5.1, text="3.5 - 6.5")), "3.5 to 5.1 (3.5 - 6.5) | NOT Above"),
        (flagged(coded("H>")), "▲ Significantly high"),
        (flagged(coded("CAR")), "6.2 mmol/L Carrier"),
        (flagged({"text": "*HIGH*"}), "▲ High"),
        (flagged({"text": "(H)"}), "▲ High"),
        (flagged({"text": "Below lower panic limits"}), "▼▼ Critically low"),
        (
            flagged({"coding": [{"display": "Abnormal (applies to non-numeric results)"}]}),
            "◆ Abnormal",
        ),
        (flagged(coded("UNK", NULL_FLAVOR)), "6.2 mmol/L | NOT UNK"),
        (flagged(coded("N"), coded("H")), "▲ High (also: Normal)"),
        (flagged({"text": "H"}), "▲ High"),
        (flagged({"text": "Panic high"}), "▲▲ Critically high"),
        (flagged({"text": "High Panic"}), "▲▲ Critically high"),
        (flagged({"text": "Low Off-Scale"}), "▼ Off scale low"),
        (flagged({"coding": [{"display": "Critical low"}]}), "▼▼ Critically low"),
        (flagged(coded("S", "urn:local", text="Stat")), "Stat | NOT Susceptible"),
        (flagged(coded("S", "urn:local", text="S")), "6.2 mmol/L S | NOT Susceptible"),
        (flagged(coded("HIGH", "urn:local", text="High")), "▲ High"),
    ],
)
def test_how_a_result_is_to_be_read(given: Resource, says: str) -> None:
    assert_says(words_of("labs", given), says)


FOR_CLINICAL_USE = "http://hl7.org/fhir/StructureDefinition/patient-sexParameterForClinicalUse"
EPIC_CLINICAL_USE = "http://open.epic.com/FHIR/StructureDefinition/extension/sex-for-clinical-use"
BIRTH_SEX = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-birthsex"
INDIVIDUAL_SEX = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-individual-sex"
OF_NEW_ZEALAND = "http://hl7.org.nz/fhir/StructureDefinition/sex-at-birth"
OF_THE_KINGDOM = "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-BirthSex"
RECORDED = "http://hl7.org/fhir/StructureDefinition/individual-recordedSexOrGender"
BOTH = "13.5 to 17.5 (Male); 12 to 15.5 (Female)"


def parameter(code: str) -> Resource:
    value = {"url": "value", "valueCodeableConcept": coded(code)}
    return {"url": FOR_CLINICAL_USE, "extension": [value, {"url": "comment", "valueString": "x"}]}


@pytest.mark.parametrize(
    ("gender", "extension", "says"),
    [
        ("male", parameter("female-typical"), "range 12 to 15.5 | NOT 13.5"),
        ("female", parameter("specified"), BOTH),
        (
            "female",
            {"url": EPIC_CLINICAL_USE, "valueCodeableConcept": words("Male")},
            "▼ Below range range 13.5 to 17.5 | NOT 15.5",
        ),
        ("female", {"url": BIRTH_SEX, "valueCode": "M"}, BOTH),
        ("female", {"url": BIRTH_SEX, "valueCode": "F"}, "range 12 to 15.5 | NOT 13.5"),
        ("female", {"url": BIRTH_SEX, "valueCode": "UNK"}, "range 12 to 15.5 | NOT 13.5"),
        ("other", {"url": BIRTH_SEX, "valueCode": "F"}, BOTH),
        ("female", {"url": INDIVIDUAL_SEX, "valueCoding": {"code": "248153007"}}, BOTH),
        ("female", {"url": OF_NEW_ZEALAND, "valueCodeableConcept": coded("male")}, BOTH),
        (
            "female",
            {"url": OF_NEW_ZEALAND, "valueCodeableConcept": coded("female")},
            "range 12 to 15.5 | NOT 13.5",
        ),
        ("female", {"url": OF_THE_KINGDOM, "valueCodeableConcept": coded("M")}, BOTH),
        (
            "female",
            {
                "url": RECORDED,
                "extension": [{"url": "value", "valueCodeableConcept": coded("248153007")}],
            },
            BOTH,
        ),
    ],
)
def test_whose_range_it_is_where_sexes_differ(gender: str, extension: Resource, says: str) -> None:
    given = ranged(
        12.4,
        limits(13.5, 17.5, appliesTo=[words("Male")]),
        limits(12, 15.5, appliesTo=[words("Female")]),
    )
    assert_says(words_of("labs", given, gender=gender, extension=[extension]), says)


@pytest.mark.parametrize(
    ("gender", "extension", "note"),
    [
        ("male", parameter("female-typical"), "a sex for clinical use: female."),
        ("female", parameter("specified"), "more than one sex"),
        ("female", {"url": BIRTH_SEX, "valueCode": "M"}, "more than one sex"),
        ("female", {"url": BIRTH_SEX, "valueCode": "F"}, ""),
        ("other", {"url": BIRTH_SEX, "valueCode": "F"}, ""),
        ("unknown", parameter("male-typical"), "a sex for clinical use: male."),
    ],
)
def test_the_banner_says_where_ranges_do_not_follow_the_recorded_sex(
    gender: str, extension: Resource, note: str
) -> None:
    notes = read_identity(patient(gender=gender, extension=[extension]), now=NOW).notes
    assert note in " ".join(notes)
    assert bool(notes) is bool(note)


@pytest.mark.parametrize(
    ("section", "code"),
    [
        ("labs", "26436-6"),
        ("labs", "108252007"),
        ("labs", "LAB"),
        ("vitals", "Vital Signs"),
        ("vitals", "vital-sign"),
    ],
)
def test_a_category_in_another_system(section: str, code: str) -> None:
    sent = result(value=5, category=[{"coding": [{"code": code}]}])
    assert_says(words_of(section, sent), "Potassium 5")
    assert_says(words_of("findings", sent), "NOT Potassium")


def isolate(name: str, **members: Any) -> Resource:
    return result("Organism", valueCodeableConcept={"text": name}, **members)


def ampicillin(answer: str, **members: Any) -> Resource:
    return result("Ampicillin", valueCodeableConcept={"text": answer}, **members)


def same_code(code: str, system: str = LOINC, **members: Any) -> Resource:
    """Return a result whose name is its own, and whose code is not."""
    name = members.pop("name")
    return result(name, code=concept(name, code, system), id=name, **members)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        # Whose organism is resistant.
        (
            (
                isolate("E. coli", id="e"),
                ampicillin("Resistant", id="1", derivedFrom=[{"reference": "Observation/e"}]),
                isolate("K. pneumoniae", id="k"),
                ampicillin(
                    "Susceptible",
                    id="2",
                    derivedFrom=[{"reference": "https://ehr.example/Observation/k/_history/3"}],
                ),
            ),
            "Organism: E. coli Resistant | Organism: K. pneumoniae Susceptible",
        ),
        (
            (
                ampicillin("Resistant", id="1", specimen={"display": "Isolate 1: E. coli"}),
                ampicillin("Susceptible", id="2", specimen={"display": "Isolate 2: Klebsiella"}),
            ),
            "Isolate 1: E. coli Resistant | Isolate 2: Klebsiella Susceptible",
        ),
        (
            (
                ampicillin("Resistant", id="1", specimen={"display": "Isolate 20261"}),
                ampicillin("Susceptible", id="2", specimen={"display": "Isolate 20262"}),
            ),
            "Isolate 20261 | specimen: Isolate 20262",
        ),
        (
            (
                ampicillin("Resistant", id="1", specimen={"display": "Disc L3/4"}),
                ampicillin("Susceptible", id="2", specimen={"display": "Disc L4/5"}),
            ),
            "Disc L3/4 Resistant | Disc L4/5 Susceptible",
        ),
        # A code that several tests share.
        (
            (
                same_code("24323-8", name="Sodium", value=140),
                same_code("24323-8", name="Potassium", value=4),
            ),
            "Sodium 140 | Potassium 4 | NOT 140 mmol/L 4",
        ),
        (
            (
                same_code("GTT", "urn:local", name="Glucose, fasting", value=5),
                same_code("GTT", "urn:local", name="Glucose, 2 h", value=11),
            ),
            "Glucose, fasting 5 | Glucose, 2 h 11",
        ),
        (
            (
                same_code("2823-3", name="K", value=7.2),
                same_code("2823-3", name="Potassium", value=4.2, status="corrected"),
            ),
            "4.2 mmol/L Corrected 7.2 mmol/L",
        ),
        # The total of a score is another each time, so it does not tell its items apart.
        (
            tuple(
                result(
                    "Score",
                    valueInteger=total,
                    id=str(total),
                    effectiveDateTime=f"2026-06-0{total}",
                    component=[{"code": {"text": "Item"}, "valueInteger": total}],
                )
                for total in (1, 2)
            ),
            "Item Score 2 2 Jun 2026 2 results since",
        ),
        # What is said of the panel goes for its results.
        (
            (
                result(
                    "Blood count",
                    id="p",
                    hasMember=[{"reference": "Observation/m"}],
                    note=[{"text": "clotted, unreliable"}],
                ),
                result("Platelets", id="m", value=40),
            ),
            "Platelets 40 mmol/L Blood count: clotted, unreliable",
        ),
        # The EHR says that one replaces the other.
        (
            (
                result(value=7.2, id="a", issued="2026-06-03T11:00:00Z"),
                result(
                    value=4.2,
                    id="b",
                    issued="2026-06-03T09:00:00Z",
                    extension=[
                        {
                            "url": f"{EXTENSION}replaces",
                            "valueReference": {"reference": "Observation/a"},
                        }
                    ],
                ),
            ),
            "Potassium 4.2 mmol/L 7.2 mmol/L replaced by another result",
        ),
        # Results that nobody names may be of different tests.
        (
            (
                result(id="1", value=5, code=absent("masked")),
                result(id="2", value=140, code=coded("unknown", ABSENT_REASON)),
                result(id="3", value=9, code=None),
            ),
            "name 5 mmol/L the EHR withholds | name 140 mmol/L 3 Jun | name 9 mmol/L 3 Jun",
        ),
        # Whose blood it is.
        (
            (
                result(
                    value=7,
                    specimen={"reference": "#s"},
                    contained=[
                        {
                            "resourceType": "Specimen",
                            "id": "s",
                            "subject": {"reference": "Patient/2", "display": "Donor"},
                        }
                    ],
                ),
            ),
            "of: Donor",
        ),
        (
            (
                result(
                    value=7,
                    specimen={"reference": "#s"},
                    contained=[
                        {
                            "resourceType": "Specimen",
                            "id": "s",
                            "subject": {"reference": f"Patient/{PATIENT}/_history/2"},
                        }
                    ],
                ),
            ),
            "Potassium 7 | NOT of:",
        ),
    ],
)
def test_results_that_are_told_apart(given: tuple[Resource, ...], says: str) -> None:
    assert_says(words_of("labs", *given), says)


FIRST, SECOND = "2026-06-03T09:00:00Z", "2026-06-03T11:30:00Z"


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ({"issued": FIRST}, {"issued": SECOND, "status": "corrected"}),
        ({"issued": FIRST, "status": "amended"}, {"issued": SECOND}),
        ({"issued": SECOND, "status": "preliminary"}, {"issued": FIRST}),
        ({}, {"status": "corrected"}),
        ({"meta": {"lastUpdated": FIRST}}, {"meta": {"lastUpdated": SECOND}}),
        ({"effectiveDateTime": "2026-06-02", "issued": SECOND}, {"issued": FIRST}),
        ({"effectiveDateTime": "2026-06-02T22:30:00-07:00"}, {"effectiveDateTime": "2026-06-03"}),
        ({"effectiveDateTime": "2099-01-01"}, {"effectiveDateTime": "2026-01-01"}),
        ({"effectiveDateTime": "2026-06-03T09:00"}, {"effectiveDateTime": "2026-06-03 09:10:00"}),
    ],
)
def test_which_of_two_is_the_latest_in_whichever_order_they_come(
    older: Resource, newer: Resource
) -> None:
    old, new = vital("8867-4", 72, id="a", **older), vital("8867-4", 140, id="b", **newer)
    for sent in ((old, new), (new, old)):
        assert_says(words_of("vitals", *sent), "Heart rate 140 /min")


LEFT, RIGHT = {"bodySite": {"text": "Left arm"}}, {"bodySite": {"text": "Right arm"}}
DAY = {"effectiveDateTime": "2026-06-03"}


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (
            (pressure(mmhg(150), mmhg(92)), pressure(mmhg(84), {}, id="b")),
            "150/92 | 84/– | NOT 84/92",
        ),
        (
            (
                pressure(mmhg(150), mmhg(92), **DAY, **LEFT),
                pressure(mmhg(120), mmhg(70), id="b", **DAY, **RIGHT),
            ),
            "150/92 | 120/70 mmHg, 3 Jun 2026: Right arm | Left arm",
        ),
        (
            (
                vital("8480-6", 150, "mmHg", id="a"),
                vital("8480-6", 110, "mmHg", id="b"),
                vital("8462-4", 70, "mmHg", id="c"),
            ),
            "150/– | 110/– | –/70",
        ),
        ((pressure(mmhg(80), mmhg(120)),), "80/120 | the systolic value is lower"),
        ((vital("8478-0", 62, "mmHg"),), "Mean blood pressure 62 | NOT LOINC"),
        (
            (vital("8867-4", 110, referenceRange=[{"text": "60-100 bpm"}]),),
            "110 /min ▲ Above range",
        ),
        (
            (
                vital("8867-4", 190, id="a", **at("09:00")),
                vital("8867-4", 72, id="b", **at("08:00"), **replacing("a")),
            ),
            "Heart rate 72 /min | replaced by another result 190 | one value, 72",
        ),
        (
            (
                pressure(mmhg(150), mmhg(92), id="a", **at("09:00")),
                pressure(mmhg(110), mmhg(60), id="b", **at("08:00"), **replacing("a")),
            ),
            "110/60 mmHg | replaced by another result 150/92 | one value, 110/60 mmHg",
        ),
        # What nobody can have, which is in another unit.
        *(
            ((vital(code, value=value, unit=unit),), says)
            for code, value, unit, says in (
                ("8310-5", 98.6, "Cel", f"98.6 °C | {IMPOSSIBLE}"),
                ("8310-5", 98.6, "[degF]", f"98.6 °F | NOT {IMPOSSIBLE}"),
                ("8302-2", 1.75, "cm", f"1.75 cm | {IMPOSSIBLE}"),
                ("8302-2", 1.75, "m", f"1.75 m | NOT {IMPOSSIBLE}"),
                ("29463-7", 3265, "kg", f"3265 kg | {IMPOSSIBLE}"),
                ("59408-5", 9700, "%", IMPOSSIBLE),
                ("59408-5", 0.97, "%", f"0.97 % | {IMPOSSIBLE}"),
                ("8867-4", 0, "/min", f"NOT {IMPOSSIBLE}"),
                ("8310-5", 98.6, "", f"NOT {IMPOSSIBLE}"),
            )
        ),
        # Sides with a code of Japan and a name.
        (
            (
                vital(
                    "urn:local",
                    component=[
                        {"code": local(name), **mmhg(value)}
                        for name, value in (("収縮期血圧", 150), ("拡張期血圧", 92))
                    ],
                ),
            ),
            "Blood pressure 150/92 mmHg",
        ),
        # Both sides once more as Observations of their own.
        (
            (pressure(mmhg(150), mmhg(92), **at("08:00"), id="p"), *at_two_times("08:00", "08:00")),
            "150/92 | one value | NOT Also",
        ),
        (
            (pressure(mmhg(150), mmhg(90), **at("08:00"), id="p"), *at_two_times("08:00", "08:00")),
            "150/92 mmHg | 150/90 mmHg | Also",
        ),
        # A pressure without sides, and one that is also given in words.
        (
            (vital("85354-9", component=[{"code": words("Mean"), **mmhg(111)}]),),
            "neither a systolic nor a diastolic value | Mean: 111 mmHg",
        ),
        ((pressure(mmhg(150), mmhg(92), valueString="sitting"),), "150/92 | sitting"),
        (
            (
                pressure(
                    mmhg(150),
                    mmhg(92),
                    bodySite=coded("368209003"),
                    extension=[
                        {
                            "url": f"{EXTENSION}bodyPosition",
                            "valueCodeableConcept": coded("33586001", "http://snomed.info/sct"),
                        }
                    ],
                ),
            ),
            "Right upper arm; Sitting",
        ),
        # Separate sides a minute apart, and of a monitor that measures every minute.
        (at_two_times("08:00:05", "08:01:05"), "150/92 mmHg | NOT –"),
        (at_two_times("08:00", "08:01"), "150/92 mmHg | NOT –"),
        (at_two_times("08:00:05", "08:01:55"), "–/92 mmHg | NOT 150/92"),
        (at_two_times("08:00", "08:02"), "–/92 mmHg | Before: 150/– mmHg, 3 Jun 2026, 08:00"),
        (
            (
                *at_two_times("08:00", "08:00"),
                vital("8480-6", 110, "mmHg", id="c", **at("08:01")),
                vital("8462-4", 60, "mmHg", id="d", **at("08:01")),
            ),
            "110/60 mmHg | 150/92 | NOT –",
        ),
        (
            (
                pressure(mmhg(150), {"valueQuantity": {"value": 40, "comparator": "<"}}),
                pressure(mmhg(120), mmhg(80), **OLD),
            ),
            "150/< 40 | NOT Before",
        ),
        # Two panels of one moment, each with its members.
        (
            (
                *(
                    vital(
                        "85354-9",
                        id=panel,
                        hasMember=[{"reference": f"Observation/{panel}{side}"} for side in "sd"],
                    )
                    for panel in "ab"
                ),
                vital("8480-6", 150, "mmHg", id="as"),
                vital("8480-6", 110, "mmHg", id="bs"),
                vital("8462-4", 60, "mmHg", id="bd"),
                vital("8462-4", 92, "mmHg", id="ad"),
            ),
            "150/92 | 110/60 | NOT 150/– | NOT –/",
        ),
        # Several of each side in one Observation: by position, or where they take turns.
        (
            (pressure_of(("8461-6", 120), ("8460-8", 90), ("8454-1", 60), ("8455-8", 80)),),
            "120/80 | 90/60 | NOT 120/60",
        ),
        (
            (pressure_of(("8480-6", 120), ("8462-4", 80), ("8480-6", 90), ("8462-4", 60)),),
            "120/80 | 90/60",
        ),
        (
            (pressure_of(("8480-6", 120), ("8480-6", 90), ("8462-4", 60), ("8462-4", 80)),),
            "120/– | 90/– | –/60 | –/80",
        ),
        (
            (pressure(mmhg(150), {"dataAbsentReason": coded("not-performed")}),),
            "150/– | Diastolic: not performed",
        ),
        (
            (pressure(mmhg(150), {"valueQuantity": {"_value": absent("masked"), "unit": "mmHg"}}),),
            "150/– | Diastolic: masked",
        ),
        ((pressure(mmhg(120), mmhg(80), status="cancelled"),), "No result: cancelled | NOT 120/80"),
        ((pressure(mmhg(213), mmhg(174), interpretation=[coded("A")]),), "213/174 | Abnormal"),
        (
            (pressure(mmhg(50), mmhg(30), focus=[{"display": "Fetus"}]),),
            "Blood pressure (of: Fetus)",
        ),
        (
            (
                pressure(
                    {"valueQuantity": quantity(18, "kPa")},
                    {"valueQuantity": quantity(11.5, "kPa")},
                    effectiveDateTime="2020-01-01",
                ),
                pressure(mmhg(142), mmhg(88), id="b"),
            ),
            "142/88 mmHg | recorded as 18/11.5 kPa",
        ),
        (
            (kilopascals(21.3, 13.3),),
            "21.3/13.3 kPa above usual | 12 to 16 over 8 to 10.7 (not from the record)",
        ),
        ((kilopascals(16, 10.7),), "16/10.7 kPa | NOT above usual"),
        (
            (pressure(mmhg(120), mmhg(80), modifierExtension=[{"url": "x"}]),),
            "does not understand | NOT 120/80",
        ),
        ((vital("85354-9", valueString="186/112"),), "186/112"),
        (
            (vital("8867-4", 158, **extended("focusCode", "Fetus")),),
            "Heart rate (of: Fetus) 158 | NOT above usual",
        ),
        (
            (
                vital(
                    "8867-4",
                    165,
                    component=[
                        {"code": {"text": "Activity"}, "valueCodeableConcept": {"text": "Running"}}
                    ],
                ),
            ),
            "Activity: Running | NOT above usual",
        ),
        (
            (
                vital("59408-5", 99, "%", bodySite={"text": "Right hand"}),
                vital("59408-5", 80, "%", id="b", bodySite={"text": "Foot"}),
            ),
            "Oxygen saturation Foot 80 | Oxygen saturation Right hand 99",
        ),
        # The code is that of the patient's own measurement, but the name is not.
        (
            (vital("8867-4", 150, code=concept("Fetal heart rate", "8867-4")),),
            "Fetal heart rate 150 | NOT above usual",
        ),
        (
            (
                vital("29463-7", 3.2, "kg", code=concept("Birth weight", "29463-7")),
                vital("29463-7", 58, "kg", id="b", code=concept("Ideal body weight", "29463-7")),
                vital("29463-7", 70, "kg", id="c", **DAY),
            ),
            "Body weight 70 kg 3 Jun 2026 Body weight: one value | Birth weight 3.2 | Ideal body",
        ),
        (
            (vital("8867-4", 150, bodySite={"text": "Fetus"}), vital("8867-4", 78, id="b")),
            "Heart rate Fetus 150 | Heart rate 78 | NOT above usual",
        ),
        (
            (vital("8867-4", 78, focus=[{"reference": f"Patient/{PATIENT}/_history/2"}]),),
            "Heart rate 78 /min | NOT (of:",
        ),
        (
            tuple(
                vital(
                    "9269-2",
                    id=str(total),
                    code=words("Glasgow coma score"),
                    valueInteger=total,
                    component=[{"code": words("Eye"), "valueInteger": 4}],
                    effectiveDateTime=f"2026-06-{total}",
                )
                for total in (14, 15)
            ),
            "Glasgow coma score 15 | 2 values",
        ),
        # A conversion keeps the digits that matter.
        (
            (
                vital("8302-2", 1.75, "m"),
                vital("8302-2", 176, "cm", id="b", effectiveDateTime="2020-01-01"),
            ),
            "1.75 m | recorded as 176 cm 1.76",
        ),
        (
            (
                vital("29463-7", 3.3, "kg"),
                vital("29463-7", 3265, "g", id="b", effectiveDateTime="2026-06-01"),
                vital("29463-7", 7.2, "lb", id="c", effectiveDateTime="2026-05-31"),
            ),
            "recorded as 3265 g 3.265 | recorded as 7.2 lb 3.27",
        ),
        ((vital("29463-7", Decimal("58059.82"), "g"),), "58.1 kg | recorded as 58059.82 g"),
        ((vital("29463-7", 70, "g"),), "70 g | NOT kg"),
        ((vital("9187-6", 15000, "g"),), "15000 g | NOT kg"),
        (
            (pressure(mmhg(150), mmhg(90), referenceRange=[limits(90, 119)]),),
            "Range in the record: 90 to 119 | NOT Usual for adults | NOT above usual",
        ),
        ((vital("8867-4", dataAbsentReason={"text": "refused"}),), "No result: refused"),
        ((vital("67775-7", valueCodeableConcept={"text": "Unresponsive"}),), "Unresponsive"),
        (
            (
                vital("29463-7", 70, "Kg"),
                vital("29463-7", 154, "lb", id="b", effectiveDateTime="2020-01-01"),
                vital("3142-7", 80, "kg", id="c", effectiveDateTime="2019-01-01"),
            ),
            "70 kg | recorded as 154 lb | stated",
        ),
        (
            (vital("8867-4", text={"div": "<div>HR 72</div>"}),),
            f"{OWN}HR 72 | NOT could not be shown",
        ),
        (
            (vital("8867-4", 62, effectiveDateTime="2026-06-03T25:00:00Z"),),
            "62 /min | date not readable: 2026-06-03T25:00:00Z",
        ),
        (
            (vital("8867-4", 62, effectiveDateTime=None, _effectiveDateTime=absent("unknown")),),
            "62 /min | date unknown",
        ),
        # One side that is sent again, and a bound beyond what is usual.
        (
            (
                pressure(mmhg(150), mmhg(92), id="whole"),
                vital("8480-6", 150, "mm[Hg]", id="again"),
            ),
            "Blood pressure 150/92 mmHg | NOT Also",
        ),
        (
            (vital("59408-5", valueQuantity=quantity(70, "%", comparator="<")),),
            "< 70 % below usual",
        ),
    ],
)
def test_vital_signs(given: tuple[Resource, ...], says: str) -> None:
    assert_says(words_of("vitals", *given), says)


@pytest.mark.parametrize(
    ("section", "given", "says"),
    [
        (
            "vitals",
            (
                vital("29463-7", dataAbsentReason=words("refused")),
                vital("29463-7", 61, "kg", **OLD),
            ),
            "No result: refused | Before: 61 kg, 1 Jan 2020 | 61 kg, 1 Jan 2020. The latest",
        ),
        (
            "vitals",
            (
                pressure(mmhg(220), mmhg(130), status="cancelled"),
                pressure(mmhg(120), mmhg(80), **OLD),
            ),
            "No result: cancelled | Before: 120/80 mmHg | NOT 220",
        ),
        (
            "vitals",
            (vital("8893-0", text={"div": "<div>Not felt</div>"}), vital("8867-4", 80, **OLD)),
            f"{OWN}Not felt | by palpation",
        ),
        (
            "labs",
            (result(dataAbsentReason=words("Specimen haemolysed")), result(value=4.1, **OLD)),
            "No result: Specimen haemolysed Before: 4.1 mmol/L, 1 Jan 2020",
        ),
        ("labs", (result(value=4.2), result(value=4.1, **OLD)), "4.2 mmol/L | NOT Before"),
    ],
)
def test_the_last_value_stands_below_a_newer_result_that_has_none(
    section: str, given: tuple[Resource, ...], says: str
) -> None:
    assert_says(words_of(section, *given), says)


@pytest.mark.parametrize(
    ("interpretation", "says"),
    [
        # Words that judge nothing take no comparison away.
        (words("Hemolyzed specimen"), "▲ Above range (also: Hemolyzed specimen)"),
        (coded("U"), "▲ Above range (also: Significant rise)"),
        (coded("null"), "▲ Above range range 3.5 | NOT null"),
        # "Positive" is a result; a titre above a range may be what was hoped for.
        (coded("POS"), "Positive | NOT Above"),
        (words("Høj"), "▲ High | NOT Above"),
        (words("↓"), "▼ Low, though above range"),
        (coded("H", "urn:oid:1.2.246.537.6.96", display="x", text="Korkea"), "▲ High"),
        (words("CRIT"), "◆ Critically abnormal"),
        (words("Abnormal High"), "▲ High | NOT Above"),
        (words("High (qualifier value)"), "▲ High | NOT qualifier"),
        # The author's text beside a code.
        (coded("N", text="High"), "▲ High (also: Normal)"),
        (coded("HH", text="Critical high"), "▲▲ Critically high range"),
        (coded("HH", text="Called to Dr. Roe"), "▲▲ Critically high (also: Called to Dr. Roe)"),
        (coded("H", text="Hoog"), "▲ High range"),
    ],
)
def test_what_is_no_judgement_hides_no_comparison(interpretation: Resource, says: str) -> None:
    given = ranged(6.8, limits(3.5, 5.1), interpretation=[interpretation])
    assert_says(words_of("labs", given), says)


@pytest.mark.parametrize(
    "system",
    ["urn:oid:2.16.840.1.113883.6.1", "2.16.840.1.113883.6.1", "https://loinc.org/", "LN", "LOINC"],
)
def test_a_code_system_that_is_spelled_differently(system: str) -> None:
    of_labs = [
        result(code=coded("2823-3", system, text="K"), value=4.1, effectiveDateTime="2025-05-01"),
        result(code=coded("2823-3", LOINC, text="K"), value=4.5),
    ]
    assert_says(words_of("labs", *of_labs), "LOINC 2823-3 2 results since 1 May 2025")
    sides = [vital("", 120, "mm[Hg]", code=coded("8480-6", system))]
    sides += [vital("", 80, "mm[Hg]", code=coded("8462-4", system))]
    assert_says(words_of("vitals", *sides), "Blood pressure 120/80 mmHg")


def test_the_edition_of_snomed_does_not_matter() -> None:
    edition = "http://snomed.info/sct/83821000000107/version/20260401"
    sent = vital("", 72, code=coded("364075005", edition))
    assert_says(words_of("vitals", sent), "Heart rate 72 /min")


def without_unit(value: float) -> Resource:
    return {"valueQuantity": {"value": value}}


def named(name: str, code_: str, value: float, unit: str, **members: Any) -> Resource:
    return vital(code_, value, unit, code=concept(name, code_), id=name, **members)


WEIGHT = vital("29463-7", 75, "kg", id="w", effectiveDateTime="2026-06-02T08:00:00Z")
PRESSURE = pressure(mmhg(150), mmhg(95), id="p", effectiveDateTime="2026-06-02T08:00:00Z")


@pytest.mark.parametrize(
    ("given", "says"),
    [
        # A code of the patient's own measurement, with the name of something else.
        (
            (named("Dry weight", "29463-7", 68, "kg"), WEIGHT),
            "Body weight 75 kg 2 Jun | Dry weight 68",
        ),
        ((named("Weight gain", "29463-7", 2, "kg"), WEIGHT), "Body weight 75 kg 2 Jun"),
        ((named("Geburtsgewicht", "29463-7", 3.1, "kg"), WEIGHT), "Geburtsgewicht 3.1 kg"),
        (
            (named("Respiratory rate (ventilator)", "9279-1", 14, "/min"),),
            "Respiratory rate (ventilator) 14 | NOT Usual for adults",
        ),
        (
            (pressure(mmhg(130), mmhg(80), code=concept("Target BP", "85354-9")), PRESSURE),
            "Blood pressure 150/95 mmHg above usual 2 Jun | Target BP 130/80 mmHg 3 Jun",
        ),
        (
            (named("Systolic goal", "8480-6", 130, "mmHg"), PRESSURE),
            "Systolic goal 130/– mmHg 3 Jun | Blood pressure 150/95",
        ),
        # Where and under what the patient was takes nothing away.
        (
            (named("SpO2 on ambient air", "59408-5", 91, "%"),),
            "Oxygen saturation 91 % | named “SpO2 on ambient air”",
        ),
        ((named("SpO2 on ventilator", "59408-5", 91, "%"),), "Oxygen saturation 91 %"),
        ((named("Incubator temperature", "8310-5", 34, "Cel"),), "Incubator temperature 34"),
        # The name of an instrument says nothing of the value, but perhaps of whose it is.
        (
            (vital("8867-4", 130, method=words("Max Mini monitor")),),
            "Max Mini monitor 130 /min above",
        ),
        ((vital("8867-4", 130, device={"display": "Goal 2"}),), "Goal 2 130 /min above usual"),
        ((vital("8867-4", 130, device={"display": "Fetal monitor"}),), "130 /min | NOT usual"),
        ((vital("8867-4", 130, method=words("Maximum")),), "Maximum 130 /min | NOT usual"),
        (
            (vital("8867-4", 130, method=words("Highest of three, automated device")),),
            "automated device 130 /min | NOT usual",
        ),
        ((named("Temperature in incubator", "8310-5", 37, "Cel"),), "Body temperature 37"),
        # The record's own name says how it was measured.
        ((named("Weight (stated)", "29463-7", 68, "kg"),), "68 kg | named “Weight (stated)”"),
        ((named("Apical heart rate", "8867-4", 68, "/min"),), "named “Apical heart rate”"),
        # The name is that of another kind, or of the other side.
        ((named("Heart rate", "8310-5", 68, "/min"),), "temperature 68 /min | named “Heart rate”"),
        (
            (named("Systolic BP", "8462-4", 150, "mmHg"),),
            "–/150 mmHg | the diastolic value is named “Systolic BP”",
        ),
        (
            (named("Temperature Oral", "8331-1", 37, "Cel"),),
            "Body temperature oral 37 °C | NOT named",
        ),
        ((named("Körpergewicht", "29463-7", 68, "kg"),), "Body weight 68 | NOT named"),
        (
            (named("Oxygen saturation in Arterial blood by Pulse oximetry", "59408-5", 97, "%"),),
            "Oxygen saturation 97 | NOT named",
        ),
        (
            (pressure(mmhg(130), mmhg(80), code=concept("Home blood pressure", "85354-9")),),
            "130/80 mmHg | named “Home blood pressure”",
        ),
        # An arterial line and a cuff at one moment.
        (
            (
                named("a", "76215-3", 120, "mmHg"),
                named("b", "76213-8", 60, "mmHg"),
                named("c", "76534-7", 110, "mmHg"),
                named("d", "76535-4", 70, "mmHg"),
            ),
            "120/60 | 110/70 | NOT –",
        ),
        # One side was corrected.
        (
            (
                vital("8480-6", 210, "mmHg", id="a"),
                vital("8480-6", 120, "mmHg", id="b", status="corrected"),
                vital("8462-4", 80, "mmHg", id="c"),
            ),
            "Blood pressure 120/80 mmHg | Also 210/– mmHg | NOT –/80",
        ),
        # Sides that only their names tell.
        (
            (
                vital(
                    "",
                    code=words("Blood pressure"),
                    component=[
                        {"code": words("SBP"), **mmhg(120)},
                        {"code": coded("DIA", "urn:l", text="Diastolic BP"), **mmhg(80)},
                    ],
                ),
            ),
            "Blood pressure 120/80 mmHg",
        ),
        (
            (vital("", 30, "mmHg", code=coded("S", "urn:l", text="Systolic pulmonary pressure")),),
            "Systolic pulmonary pressure 30 mmHg | NOT 30/–",
        ),
        # Nobody knows whether these are mmHg.
        (
            (vital("", 93, "mmHg", code=coded("S", "urn:l", text="Systemic arterial pressure")),),
            "Systemic arterial pressure 93 mmHg | NOT 93/–",
        ),
        (
            (pressure(without_unit(16), without_unit(10)), PRESSURE),
            "Blood pressure 16/10 3 Jun | recorded without a unit | Before: 150/95 mmHg",
        ),
        # A reading of the same moment keeps its flag.
        (
            (
                vital("8867-4", 71, id="a"),
                vital("8867-4", 180, id="b", interpretation=[coded("HH")]),
            ),
            "Heart rate 71 /min | Also 180 /min, 3 Jun 2026, 08:00 UTC ▲▲ Critically high",
        ),
    ],
)
def test_what_the_name_of_a_vital_sign_says(given: tuple[Resource, ...], says: str) -> None:
    assert_says(words_of("vitals", *given), says)


def of_panel(*members: str, **others: Any) -> Resource:
    references = [{"reference": f"Observation/{name}"} for name in members]
    return result(others.pop("name", "Panel"), hasMember=references, **others)


def variant(gene: str, meaning: str) -> Resource:
    said = {"Gene": gene, "Significance": meaning}
    parts = [{"code": words(name), "valueCodeableConcept": words(v)} for name, v in said.items()]
    return result("Variant", id=gene, valueString="Present", component=parts)


def isolate_of_coli(answer: str, **members: Any) -> Resource:
    return result(
        "Culture",
        id=answer,
        component=[
            {"code": words("Organism"), "valueString": "E. coli"},
            {"code": words("Ampicillin"), "valueString": answer},
        ],
        **members,
    )


def sub_id(group: str) -> Resource:
    part = {"url": "original-sub-identifier", "valueString": f"{group}.1"}
    return {"extension": [{"url": f"{EXTENSION}v2-subid", "extension": [part]}]}


LOCAL_K = {"system": "urn:lab", "code": "K"}
BOTH_CODES = {"text": "Potassium", "coding": [{"system": LOINC, "code": "2823-3"}, LOCAL_K]}


@pytest.mark.parametrize(
    ("given", "says"),
    [
        # Only their codes tell these tests apart.
        (
            (
                result("Glucose", 45, code=coded("2342-4", LOINC, text="Glucose")),
                result(
                    "Glucose",
                    95,
                    id="s",
                    code={
                        "text": "Glucose",
                        "coding": [{"system": LOINC, "code": "2345-7", "display": "In serum"}],
                    },
                ),
            ),
            "Glucose In serum 95 | Glucose LOINC 2342-4 45",
        ),
        ((result("Glucose", 45, code=coded("2342-4", LOINC, text="Glucose")),), "Glucose 45"),
        # A result that has only a code, or its code as its name.
        ((result(code=coded("2823-3", LOINC), value=4.1),), "electrolytes Potassium 4.1"),
        ((result(code=coded("2823-3", LOINC, text="2823-3"), value=4),), "Potassium 4"),
        # An older result has the local code only.
        (
            (
                result(code={"text": "Potassium", "coding": [LOCAL_K]}, value=4.1, **OLD),
                result(code=BOTH_CODES, value=4.5),
            ),
            "2 results since 1 Jan 2020",
        ),
        (
            (
                result(code={"text": "Potassium, urine", "coding": [LOCAL_K]}, value=41, **OLD),
                result(code=BOTH_CODES, value=4.5),
            ),
            "Potassium 4.5 | Potassium, urine 41 | NOT 2 results",
        ),
        # What belongs to which of two panels of one moment.
        (
            (variant("BRCA1", "Pathogenic"), variant("BRCA2", "Benign")),
            "Variant: Present, BRCA1 Pathogenic | Variant: Present, BRCA2 Benign",
        ),
        (
            (isolate_of_coli("R"), isolate_of_coli("S")),
            "Culture: E. coli (1) R | Culture: E. coli (2) S",
        ),
        ((isolate_of_coli("R"), isolate_of_coli("S", **DAY)), "Culture: E. coli R | NOT (1)"),
        ((isolate_of_coli("R"), isolate_of_coli("S", status="corrected")), "S Corrected R"),
        (
            (
                isolate("E. coli", id="a", hasMember=[{"reference": "Observation/aa"}]),
                isolate("E. coli", id="b", hasMember=[{"reference": "Observation/bb"}]),
                ampicillin("R", id="aa"),
                ampicillin("S", id="bb"),
            ),
            "Organism: E. coli (1) R | Organism: E. coli (2) S",
        ),
        (
            (
                isolate("E. coli", id="a", **sub_id("1")),
                ampicillin("R", id="aa", **sub_id("1")),
                isolate("Klebsiella", id="b", **sub_id("2")),
                ampicillin("S", id="bb", **sub_id("2")),
            ),
            "Ampicillin group 1 R | group 2 S | Organism group 1 E. coli | group 2 Klebsiella",
        ),
        (
            (result("Sodium", 140, **sub_id("1")), result("Potassium", 4, **sub_id("2"))),
            "Sodium 140 | NOT group",
        ),
        # What a panel says of whose, from what and how goes for its members.
        (
            (
                of_panel("a", id="p", focus=[{"display": "Donor 7"}]),
                result("HLA-A", id="a", valueString="A*02"),
            ),
            "HLA-A of: Donor 7 A*02",
        ),
        (
            (
                of_panel("a", "b", id="p", specimen={"display": "CSF"}),
                result("Glucose", 40, id="a"),
                result("Albumin", 30, id="b", specimen={"display": "Serum"}),
            ),
            "Glucose CSF 40 | Albumin Serum 30",
        ),
        (
            (
                of_panel("a", id="p", name="Count", status="entered-in-error"),
                result("Platelets", 40, id="a"),
            ),
            "Platelets 40 mmol/L Count: entered in error",
        ),
        (
            (
                of_panel("a", id="p", name="Count", modifierExtension=[{"url": "x"}]),
                result("Platelets", 40, id="a"),
            ),
            "Platelets 40 mmol/L Count: The EHR marks this entry in a way",
        ),
        # A panel of which only a part came.
        (
            (
                of_panel("a", "b", "c", id="p", name="Blood count"),
                result("Platelets", 40, id="a"),
                result("Hemoglobin", 40, id="b", status="entered-in-error"),
            ),
            "Platelets 40 mmol/L Blood count: 1 of 3 results are missing here",
        ),
        ((of_panel("a", id="p"), result("Platelets", 40, id="a")), "Platelets 40 | NOT missing"),
        # A text that is a measurement is compared, without a guess at its unit.
        ((result(valueString="6.9", referenceRange=[limits(3.5, 5.1)]),), "6.9 ▲ Above range"),
        ((result(valueString="<0.5", referenceRange=[limits(0.6)]),), "<0.5 ▼ Below range"),
        ((result(valueString="> 60", referenceRange=[limits(90)]),), "> 60 range | NOT Below"),
        (
            (result(valueString="6.9 mmol/L", referenceRange=[limits(3.5, 5.1)]),),
            "6.9 mmol/L ▲ Above range",
        ),
        (
            (result(valueString="6.9", referenceRange=[{"high": quantity(5.1, "mmol/L")}]),),
            "6.9 range up to 5.1 mmol/L (not compared: the result has no unit) | NOT Above",
        ),
        (
            (result(valueString="6.9 mmol/L", referenceRange=[{"high": quantity(5.1, "mmol/L")}]),),
            "6.9 mmol/L ▲ Above range range up to 5.1",
        ),
        # A range as a fraction, and one without a unit, beside a percentage.
        *(
            (
                (
                    result(
                        valueQuantity=quantity(50, "%"),
                        referenceRange=[{"high": quantity(bound, unit)}],
                    ),
                ),
                says,
            )
            for bound, unit, says in (
                (0.7, "1", "0.7 as a fraction (not compared: in another unit) | NOT Above"),
                (40, "", "▲ Above range"),
                (40, "%", "▲ Above range"),
            )
        ),
        # A result in words, and an interpretation that says the opposite.
        *(
            ((result(valueString=sent, interpretation=[{"text": marked}]),), said)
            for sent, marked, said in (
                ("Nonreactive", "POS", "Nonreactive though the EHR also says positive; check it"),
                ("Detected", "Negative", "Detected though the EHR also says negative; check it"),
                ("Nonreactive", "Negative", "NOT though"),
                ("Detected", "POS", "NOT though"),
                ("Gram negative rods", "POS", "Gram negative rods Positive | NOT though"),
                ("Coagulase-negative staphylococci", "POS", "NOT though"),
                ("HIV-1 negative", "POS", "HIV-1 negative Positive | NOT though"),
                ("1:64", "POS", "1:64 Positive"),
            )
        ),
        # A result in words beside a range that names the other ones.
        ((result(valueString="Reactive", referenceRange=[{"text": "Nonreactive"}]),), OUTSIDE),
        *(
            ((result(valueString=sent, referenceRange=[{"text": "NEGATIVE"}]),), said)
            for sent, said in (
                ("Positive (A)", OUTSIDE),
                ("Repeatedly reactive", OUTSIDE),
                ("2+", OUTSIDE),
                ("Influenza (A)", f"NOT {OUTSIDE}"),
                ("Negative (A)", f"NOT {OUTSIDE}"),
                ("Trace", f"NOT {OUTSIDE}"),
            )
        ),
        *(
            ((result(valueString=sent, referenceRange=[{"text": usual}]),), said)
            for sent, usual, said in (
                ("Positive; confirmed", "Negative", OUTSIDE),
                ("*POSITIVE*", "Negative", OUTSIDE),
                ("POSITIVE 1:40", "Negative", OUTSIDE),
                ("Large 3+", "Negative", OUTSIDE),
                ("Positive, negative", "Negative", f"NOT {OUTSIDE}"),
                ("Positive control failed", "Negative", f"NOT {OUTSIDE}"),
                ("Positivo", "Negativo", OUTSIDE),
                ("Reagente", "Não reagente", OUTSIDE),
                ("negativ", "negativ", f"NOT {OUTSIDE}"),
                ("(2+)", "(-)", OUTSIDE),
                ("(\uff0b)", "(\uff0d)", OUTSIDE),
                ("陽性", "陰性", OUTSIDE),
                ("(-)", "(-)", f"NOT {OUTSIDE}"),
                ("(±)", "(-)", f"NOT {OUTSIDE}"),
                # Titres.
                ("1:640", "<1:80", "▲ Above range"),
                ("1 : 80", "< 1:80", "▲ Above range"),
                (">1:1280", "Negative: <1:40", "▲ Above range"),
                ("1:40", "<1:80", "NOT Above"),
                ("<1:80", "<1:80", "NOT Above"),
                ("<1:160", "<1:80", "NOT Above"),
                ("1:640", "0 - 5", "NOT Above"),
            )
        ),
        (
            (
                result(
                    valueRatio={"numerator": {"value": 1}, "denominator": {"value": 640}},
                    referenceRange=[{"text": "<1:80"}],
                ),
            ),
            "1 : 640 ▲ Above range",
        ),
        (
            (result("Bowel sounds", valueString="Present", referenceRange=[{"text": "Normal"}]),),
            f"Present | NOT {OUTSIDE}",
        ),
        (
            (
                result(
                    valueCodeableConcept=words("Positive (qualifier value)"),
                    referenceRange=[{"text": "Negative"}],
                    interpretation=[coded("POS")],
                ),
            ),
            OUTSIDE,
        ),
        (
            (result(valueString="Positive", referenceRange=[{"normalValue": words("Negative")}]),),
            f"{OUTSIDE} range Negative",
        ),
        *(
            ((result(valueString=found, referenceRange=[{"text": usual}]),), f"NOT {OUTSIDE}")
            for found, usual in (
                ("Negative", "Negative"),
                ("Positive", "Positive if immune"),
                ("Few", "Negative"),
                ("Positive", "0 - 5"),
            )
        ),
        (
            (result("Bone scan", valueCodeableConcept=words("Abnormal")),),
            "Bone scan Abnormal 3 Jun",
        ),
        # A judgement in the text of the value; "L" without brackets may be litres.
        ((result(valueString="6.9 (H)"),), "6.9 (H) ▲ High"),
        ((result(valueString="6.9 HH"),), "6.9 HH ▲▲ Critically high"),
        ((result(valueString="6.9 mmol/L H"),), "6.9 mmol/L H ▲ High"),
        ((result(valueString="24 H"),), "24 H | NOT High"),
        ((result(valueString="6.9 H", referenceRange=[{"text": "4-6"}]),), "6.9 H ▲ High"),
        ((result(valueString="6.9 mmol/L"),), "6.9 mmol/L | NOT High"),
        ((result(valueString="2.5 L"),), "2.5 L | NOT Low"),
        ((result(valueString="Detected (A)"),), "Detected (A) | NOT Abnormal"),
        # Codings that contradict each other, and a text that only says where the result is.
        (
            (
                result(
                    valueCodeableConcept={
                        "coding": [{"display": "Negative"}, {"display": "POSITIVE"}]
                    }
                ),
            ),
            "Negative / POSITIVE",
        ),
        # So do a text and its code.
        *(
            (
                (
                    result(
                        valueCodeableConcept={"text": text, "coding": [{**code, "system": SNOMED}]}
                    ),
                ),
                says,
            )
            for text, code, says in (
                ("Negative", {"display": "Positive"}, "Negative / Positive"),
                ("Negative", {"code": "10828004"}, "Negative / Positive"),
                (
                    "Not detected",
                    {"code": "260373001", "display": "Detected"},
                    "detected / Detected",
                ),
                (
                    "A Rh(D) positive",
                    {"display": "Blood group A Rh(D) negative"},
                    "A Rh(D) positive / Blood group A Rh(D) negative",
                ),
                ("O neg", {"display": "Group O Rh(D) negative"}, "O neg 3 Jun"),
                ("Positive", {"code": "260373001"}, "Positive 3 Jun"),
                ("See note", {"display": "Positive"}, "See note (Positive)"),
                ("Rh positive, antibodies negative", {"display": "Negative"}, "negative 3 Jun"),
            )
        ),
        (
            (
                result(
                    valueCodeableConcept={
                        "coding": [{"display": "Detected"}, {"display": "Detected (finding)"}]
                    }
                ),
            ),
            "Detected 3 Jun",
        ),
        (
            (
                result(
                    valueCodeableConcept={"text": "SEE NOTE", "coding": [{"display": "Positive"}]}
                ),
            ),
            "SEE NOTE (Positive)",
        ),
        # One unit that is written in many ways.
        *(
            (
                (
                    result(valueQuantity=quantity(5, first)),
                    result(valueQuantity=quantity(4, second), **OLD),
                ),
                f"5 {first} | 2 results since",
            )
            for first, second in (
                ("mg/dL (calc)", "mg/dL"),
                ("(mg/dL)", "mg/dL"),
                ("%", "% of total Hgb"),
                ("um3", "fL"),
                ("mcg/mL", "mg/L"),
                ("x1000/uL", "10*9/L"),
                ("bil/L", "K/mm^3"),
                ("mL/min/1.73", "mL/min/1.73m2"),
            )
        ),
        # A device's own number makes no separate test.
        (
            (
                result(value=15, device={"display": "Meter 12345"}),
                result(value=14, device={"display": "Meter 99999"}, **OLD),
            ),
            "2 results since",
        ),
        # A panel with a comment says what is missing, too.
        (
            (
                of_panel("a", "gone", id="p", note=[{"text": "Clotted"}]),
                result("Platelets", 40, id="a"),
            ),
            "Clotted Panel: 1 of 2 results are missing here",
        ),
        # Bare codes of specimens, judgements and statuses.
        (
            (
                result(
                    value=4,
                    specimen={"reference": "#s"},
                    contained=[
                        {"resourceType": "Specimen", "id": "s", "type": coded("BLDV", "urn:v2")}
                    ],
                ),
            ),
            "Venous blood 4 | NOT BLDV",
        ),
        ((flagged(coded("281302008", "http://snomed.info/sct")),), "▲ High | NOT SNOMED"),
        ((result(value=4, status="F"),), "4 mmol/L | NOT Status"),
        ((result(value=4, status="C"),), "4 mmol/L Corrected"),
        ((result(value=4, status="X"),), "No result: cancelled | NOT 4 mmol"),
        ((result(value=4, status="W"),), "entered in error | NOT 4 mmol"),
        # Units that only say that there is none, or are formatted.
        ((result(valueQuantity=quantity(2.4, "No Unit")),), "2.4 | NOT No Unit"),
        ((result(valueQuantity=quantity(5, "x10<sup>9</sup>/L")),), "5 x10⁹/L"),
        # What is there in place of a value.
        ((result(valueQuantity={"comparator": "<", "unit": "mg"}),), "< (no number given)"),
        ((result(valueReference={"reference": "MolecularSequence/1"}),), "does not show; see the"),
        ((result(valueString="<paragraph>Benign</paragraph>"),), "Benign | NOT <paragraph>"),
        ((result(value=4, focus=[{"reference": "RelatedPerson/b"}]),), "of: a related person"),
        # A comment of an HL7 v2 message is no test of its own, whatever its group.
        (
            (
                result(value=4.1, **OLD),
                result(value=4.2, **sub_id("1")),
                result(valueString="Slightly hemolyzed", id="a", **sub_id("2")),
            ),
            "Potassium 4.2 mmol/L Slightly hemolyzed | 2 results since | NOT group",
        ),
        (
            (
                result("Ampicillin", 8, id="1", **sub_id("1")),
                result("Ampicillin", valueString="Resistant", id="2", **sub_id("2")),
            ),
            "Ampicillin group 1 8 | Ampicillin group 2 Resistant",
        ),
        # Results that replace each other, or themselves.
        (
            (result(value=4, id="a", **replacing("b")), result(value=5, id="b", **replacing("a"))),
            "4 mmol/L | 5 mmol/L | NOT replaced by",
        ),
        ((result(value=4, id="a", **replacing("a")),), "4 mmol/L | NOT replaced by"),
        (
            (result(value=4, id="a", **replacing("b")), result(value=5, id="b")),
            "4 mmol/L 5 mmol/L replaced by another result",
        ),
        # What was replaced is never the latest, whatever its time.
        (
            (
                result(value=4, id="a", effectiveDateTime="2026-06-02", **replacing("b")),
                result(value=6, id="b", effectiveDateTime="2026-06-05"),
            ),
            "Potassium 4 mmol/L 2 Jun 2026 | NOT 2 results since",
        ),
        # Formatted text in place of plain text.
        ((result(valueString="<p>No growth</p><p>in <b>48</b> h</p>"),), "No growth in 48 h"),
        ((result(valueString="&lt;p&gt;No growth&lt;/p&gt;"),), "No growth | NOT <p>"),
        ((result(valueString="5 x 10<sup>9</sup>/L"),), "5 x 10^9/L"),
        ((result(valueString="<p>K <5 and >3</p>"),), "K <5 and >3"),
        ((result(value=4, note=[{"text": "<div>Called</div>"}]),), "Called | NOT <div>"),
        ((result(valueString="{\\rtf1\\ansi Cancer\\par}"),), "(RTF) that this app cannot show"),
        ((result(valueString="1/160", referenceRange=[limits(high=0.5)]),), "1/160 | NOT Above"),
        ((result(valueString="5.6 High", referenceRange=[limits(3.5, 5.1)]),), "NOT Above"),
        # The rest of a number is no unit.
        *(
            ((result(valueString=sent, referenceRange=[limits(low)]),), f"{sent} | NOT Below")
            for sent, low in (
                ("3,5mmol/L", 3.5),
                ("7,000/uL", 4000),
                ("7.2E3/uL", 4000),
                ("5x10^3/uL", 4000),
                ("10^3/uL", 500),
                ("5-10/hpf", 7),
            )
        ),
        # Bounds that are no numbers.
        ((ranged(7, {"high": {"value": "<5"}}),), "▲ Above range range up to 5"),
        (
            (ranged(7, {"low": {"value": 3.5}, "high": {"value": "5,1"}}),),
            "range 3.5 to 5,1 | NOT Above | NOT from 3.5",
        ),
        ((ranged(3, {"low": {"value": "≤5"}}),), "range ≤5 | NOT Below"),
        # One range twice, and two that differ.
        ((ranged(7, limits(3, 5), {"text": "3-5"}),), "▲ Above range range 3 to 5"),
        ((ranged(7, limits(3, 5), {"text": "3-9"}),), "range 3 to 5; 3-9 | NOT Above"),
        # The text of a group's range counts as its numbers do.
        (
            (ranged(7, {"text": "3-5"}, {"text": "6-9", "appliesTo": [words("Pregnant")]}),),
            "3-5; 6-9 (Pregnant) | NOT Above",
        ),
        ((ranged(7, {"text": "Critical: >5"}),), "Critical: >5 | NOT Above | NOT Below"),
        ((ranged(3, {"low": {"value": "≥5"}}),), "▼ Below range range from 5"),
        # Units and texts.
        (
            (
                result(valueQuantity=quantity(3.5, "INR")),
                result(valueQuantity=quantity(2.4), **OLD),
            ),
            "3.5 INR | 2 results",
        ),
        ((result(valueQuantity=quantity(7, "10\\S\\9/L")),), "7 10⁹/L"),
        ((result(valueString="a \\T\\ b \\H\\c\\N\\ C:\\Temp"),), "a & b c C:\\Temp"),
        ((result(valueQuantity=quantity(1.2, "g/(24.h)")),), "1.2 g/24 h"),
        # Bare codes of answers.
        ((result(valueCodeableConcept=coded("260373001", "http://snomed.info/sct")),), "Detected"),
        ((result(valueCodeableConcept=coded("LA6577-6", LOINC)),), "Potassium Negative"),
        ((result(valueCodeableConcept=coded("LA1-1", LOINC)),), "Potassium LOINC LA1-1"),
        ((result(valueQuantity=[quantity(4)]),), "a kind that this app does not show"),
        # What the specimen says.
        (
            (
                result(
                    value=7,
                    specimen={"reference": "#s"},
                    contained=[
                        {
                            "resourceType": "Specimen",
                            "id": "s",
                            "type": words("Swab"),
                            "collection": {
                                "bodySite": words("Left foot"),
                                "fastingStatusCodeableConcept": words("Fasting"),
                            },
                        }
                    ],
                ),
            ),
            "Swab, Left foot 7 mmol/L fasting status: Fasting",
        ),
        ((result(value=4, effectiveDateTime="1900-01-01"),), "dated before the patient's birth"),
        ((result(value=4, effectiveDateTime="1948"),), "NOT before the patient's birth"),
        # Relations of DSTU2 and STU3.
        (
            (
                result(value=7.2, id="a"),
                result(value=4.2, related=[related("replaces", "a")]),
            ),
            "Potassium 4.2 mmol/L 7.2 mmol/L replaced by another result",
        ),
        (
            (result("CBC", related=[related("has-member", "a")]), result("Hb", 7, id="a")),
            "Hb 7 mmol/L | NOT could not be shown",
        ),
        # A name with the code of another test, and two names of one test.
        (
            (
                result(code=concept("Potassium", "2951-2"), value=4.2),
                result(code=concept("Sodium", "2951-2"), value=140, **OLD),
            ),
            "Potassium 4.2 mmol/L Its code says “Sodium”. | Sodium 140 mmol/L | NOT 2 results",
        ),
        ((result(code=concept("Bicarbonate", "2028-9"), value=24),), "24 mmol/L | NOT Its code"),
        ((result(code=concept("Glucose", "41653-7"), value=5),), "5 mmol/L | NOT Its code"),
        # What is withheld beside a value.
        ((result(value=5, note=[{"_text": absent("masked")}]),), "withholds a part of this"),
        ((result(valueQuantity=null_flavor("MSK")),), "No result: masked"),
        ((result(value=5, code=absent("masked")),), "withholds a part of this"),
        ((result(value=5, code=absent("unknown")),), "NOT withholds"),
        # Comparators in words, marks beside a number, and what is neither seen nor grown.
        (
            (ranged(None, limits(0.6), valueString="less than 0.2"),),
            "less than 0.2 ▼ Below range",
        ),
        ((ranged(None, limits(3.5, 5.1), valueString="6.9*"),), "6.9* ▲ Above range"),
        ((result(valueString=">=32 R"),), ">=32 R ◆ Resistant"),
        *(
            ((result(valueString=said),), f"{said} | NOT ◆")
            for said in ("Resistant", "RESISTANT", "resistant")
        ),
        ((result(valueString="> 4 mg/L (R)"),), "> 4 mg/L (R) ◆ Resistant"),
        ((result("Visual acuity", valueString="20/40 R"),), "20/40 R | NOT Resistant"),
        ((result("Temperature", valueString="37.2 R"),), "37.2 R | NOT Resistant"),
        ((ranged(None, {"text": "None seen"}, valueString="2+"),), f"2+ {OUTSIDE}"),
        ((ranged(None, {"text": "No growth"}, valueString="No growth"),), f"NOT {OUTSIDE}"),
        ((ranged(6, limits(high=5, appliesTo=[words("Both sexes")])),), "▲ Above range"),
        # Two names with a slash between them, and units that have one.
        *(
            ((ranged(6, limits(3, 5, appliesTo=[words(group)])),), f"({group}) | NOT Above range")
            for group in ("Pregnant/lactating", "non-black/african-american", "Adult/child")
        ),
        *(
            ((ranged(6, limits(3, 5, appliesTo=[words(group)])),), "▲ Above range | NOT (")
            for group in ("Male/Female", "Men/Women", "Normal/healthy")
        ),
        *(
            ((ranged(6, limits(3, 5, text=span)),), "▲ Above range")
            for span in ("3 - 5 millimoles/liter", "3 - 5 Zellen/Feld", "mmol/L", "beats/minute")
        ),
        # Full-width digits, the minus sign, and a character as HL7 v2 escapes it.
        (
            (
                ranged(
                    None,
                    {"text": "\uff13\uff0e\uff15\uff5e\uff15\uff0e\uff11"},
                    valueString="\uff16\uff0e\uff19",
                ),
            ),
            "▲ Above range",
        ),
        ((ranged(None, limits(-2, 2), valueString="\u22124.2"),), "▼ Below range"),
        ((result(valueString="MRSA\\X0D0A\\isolated"),), "MRSA isolated"),
        ((result(valueString="Gef\\XC3A4\\\u00df, S\\XE4\\ure"),), "Gefäß, Säure"),
        # Several codes of SNOMED CT in one answer, and one that contradicts the words.
        (
            (result(valueCodeableConcept=snomed("E. coli", "Klebsiella")),),
            "E. coli / Klebsiella",
        ),
        ((result(valueCodeableConcept=snomed("Positive", "Detected")),), "Positive | NOT Detected"),
        (
            (result(valueCodeableConcept={**snomed("Current smoker"), "text": "Never smoker"}),),
            "Never smoker / Current smoker",
        ),
        (
            (
                result(
                    valueCodeableConcept={
                        **snomed("Not pregnant"),
                        "text": "Not currently pregnant",
                    }
                ),
            ),
            "Not currently pregnant | NOT /",
        ),
    ],
)
def test_more_of_what_laboratories_send(given: tuple[Resource, ...], says: str) -> None:
    assert_says(words_of("labs", *given), says)


def test_of_two_findings_of_one_moment_each_has_its_remarks() -> None:
    exam = {"category": [coded("exam")]}
    rash = (
        result("Rash", valueString="No", id="a", **exam),
        result(
            "Rash", valueString="Yes", id="b", status="preliminary", note=[words("arm")], **exam
        ),
    )
    assert_says(words_of("findings", *rash), "No Yes · Preliminary · arm")


def test_an_old_finding_says_how_old_it_is() -> None:
    given = result(valueString="Pregnant", category=[coded("social-history")], **OLD)
    assert_says(words_of("social", given), "Pregnant 6 years ago")


def test_a_question_that_was_declined() -> None:
    item = {"linkId": "1", "text": "Drugs?", "answer": [{"_valueString": absent("asked-declined")}]}
    given = about_patient("QuestionnaireResponse", "q", item=[item])
    assert_says(words_of("social", given), "Drugs?: declined")


def test_a_finding_of_the_future_says_so() -> None:
    given = result(valueString="Never", effectiveDateTime="2030-01-01", category=[coded("exam")])
    assert_says(words_of("findings", given), "Dated in the future")


class TestPanelsThatAreOnlyOrderedTogether:
    HEMOGLOBIN = {"coding": [{"system": LOINC, "code": "718-7"}]}

    def words_beside_a_lone_result(self, code: Resource) -> str:
        part = {"code": self.HEMOGLOBIN, "valueQuantity": quantity(12.2, "g/dL")}
        panel = result("Panel", code=code, component=[part], **OLD)
        alone = result(code=self.HEMOGLOBIN, valueQuantity=quantity(13.1, "g/dL"))
        return words_of("labs", panel, alone)

    def test_their_results_are_one_test_with_lone_ones(self) -> None:
        shown = self.words_beside_a_lone_result(concept("CBC", "58410-2"))
        assert_says(shown, "first 12.2, latest 13.1 | NOT CBC")

    def test_those_of_others_are_not(self) -> None:
        shown = self.words_beside_a_lone_result(concept("Arterial blood gases", "24336-0"))
        assert_says(shown, "Hemoglobin Arterial blood gases 12.2 | NOT latest 13.1")

    def test_so_are_members_of_one_that_has_a_word_of_its_own(self) -> None:
        members = [{"reference": "Observation/new"}]
        panel = result(code=concept("CBC", "58410-2"), valueString="Abnormal", hasMember=members)
        new, old = (
            result(code=self.HEMOGLOBIN, valueQuantity=quantity(value, "g/dL"), **members)
            for value, members in ((13.1, {"id": "new"}), (12.2, OLD))
        )
        assert_says(words_of("labs", panel, new, old), "first 12.2, latest 13.1 | CBC Abnormal")


def test_specimen_that_was_not_read_is_said_unless_the_code_names_it() -> None:
    elsewhere: Resource = {"specimen": {"reference": "Specimen/7"}}
    code = {"coding": [{"system": LOINC, "code": "2345-7"}]}
    assert_says(words_of("labs", result("Glucose", 1.1, **elsewhere)), SPECIMEN_ELSEWHERE)
    shown = words_of("labs", result("Glucose", 1.1, code=code, **elsewhere))
    assert_says(shown, f"NOT {SPECIMEN_ELSEWHERE}")


def test_two_pressures_of_one_observation_have_the_names_of_their_sides() -> None:
    sides = [
        {"code": concept(f"{name}, {position}", code), "valueQuantity": quantity(value, "mmHg")}
        for position, values in (("supine", (142, 88)), ("after exercise", (100, 60)))
        for (name, code), value in zip(
            (("Systolic", "8480-6"), ("Diastolic", "8462-4")), values, strict=True
        )
    ]
    shown = words_of("vitals", vital("85354-9", component=sides))
    assert_says(shown, "142/88 | named “Systolic, supine” | named “Systolic, after exercise”")
    assert_says(words_of("vitals", vital("85354-9", component=sides[:2])), "142/88 | NOT named")


@pytest.mark.parametrize(
    ("code", "name", "says"),
    [
        ("419465000", "Unilateral right", "right"),
        ("419161000", "", "left"),
        ("", "Left eye", "Left eye"),
        # Of a code and words that contradict it, the words.
        ("419161000", "Right", "Right"),
    ],
)
def test_the_side_is_in_an_extension_of_the_result(code: str, name: str, says: str) -> None:
    side = {"coding": [{"system": SNOMED, "code": code, "display": name}]}
    laterality = {
        "url": "http://hl7.org/fhir/uv/ophthalmology/StructureDefinition/laterality",
        "valueCodeableConcept": side,
    }
    category = [{"coding": [{"code": "exam"}]}]
    pressure_of_eye = result("IOP", 25.4, category=category, extension=[laterality])
    other = result("IOP", 14, id="other", category=category)
    shown = words_of("findings", pressure_of_eye, other)
    assert_says(shown, f"25.4 mmol/L {says} | 14 mmol/L 3 Jun 2026 | NOT 25.4 mmol/L 14")


@pytest.mark.parametrize(
    ("status", "says"),
    [
        ("entered-in-error", "derived from Creatinine, which was entered in error"),
        ("cancelled", "derived from Creatinine, which was cancelled"),
        ("final", "NOT derived from"),
    ],
)
def test_what_was_derived_from_a_withdrawn_result_says_so(status: str, says: str) -> None:
    creatinine = result("Creatinine", 3.2, status=status)
    egfr = result("eGFR", 90, derivedFrom=[{"reference": "Observation/Creatinine/_history/2"}])
    assert_says(words_of("labs", creatinine, egfr), f"eGFR 90 | {says}")


def test_what_a_result_was_derived_from_is_another_each_time() -> None:
    results = [
        result("eGFR", value, effectiveDateTime=when, derivedFrom=[{"display": source}])
        for value, when, source in (
            (60, "2026-06-01", "Creatinine 1.1"),
            (30, "2026-06-03", "Creatinine 2.1"),
        )
    ]
    numbered = [{**one, "id": str(n)} for n, one in enumerate(results)]
    assert_says(words_of("labs", *numbered), "first 60, latest 30 | from Creatinine 2.1")


@pytest.mark.parametrize(
    ("status", "says"),
    [
        ("registered", "Not yet available"),
        ("specimen-in-process", "Status “specimen in process”"),
        ("preliminary", "Preliminary"),
    ],
)
def test_the_status_of_a_panel_is_that_of_its_values(status: str, says: str) -> None:
    """Also one that says why there is no value: the panel has none, and its parts do."""
    sides = [{"valueQuantity": {"value": number, "unit": "mmHg"}} for number in (120, 80)]
    assert_says(words_of("vitals", pressure(*sides, status=status)), f"120/80 | {says}")
    part = {"code": words("Sodium"), "valueQuantity": quantity(140, "mmol/L")}
    panel = result("Panel", component=[part], status=status)
    assert_says(words_of("labs", panel), f"Sodium Panel 140 mmol/L {says}")


@pytest.mark.parametrize(
    "members",
    [
        {"derivedFrom": [{"display": "Body Height"}, {"display": "Body Weight"}]},
        {"focus": [{"reference": f"Condition/{one}", "display": one} for one in ("a", "b")]},
    ],
)
def test_what_is_listed_in_another_order_is_one_series(members: Resource) -> None:
    ((name, listed),) = members.items()
    older = {**members, "id": "1", "effectiveDateTime": "2026-06-01"}
    newer = {name: listed[::-1], "id": "2", "effectiveDateTime": "2026-06-03"}
    for section, one in (
        ("vitals", vital("39156-5", 22, unit="kg/m2")),
        ("labs", result("Ratio", 22)),
    ):
        assert_says(words_of(section, {**one, **older}, {**one, **newer}), "latest 22")


def test_a_group_of_many_words_takes_no_time() -> None:
    """Regular expressions that may divide a word in several ways took seconds for each range."""
    limited = ranged(6, limits(3, 5, appliesTo=[words("abcd-" * 10_000 + "1/x")]))
    began = time.process_time()
    words_of("labs", limited)
    assert time.process_time() - began < 2


@pytest.mark.parametrize(
    ("performers", "says"),
    [
        ([f"Patient/{PATIENT}"], "as reported by the patient"),
        (["RelatedPerson/1"], "as reported by a related person"),
        (["Practitioner/1"], "NOT as reported"),
        ([f"Patient/{PATIENT}", "Practitioner/1"], "NOT as reported"),
        (["Patient/another"], "NOT as reported"),
    ],
)
def test_what_the_patient_measured_at_home_says_so(performers: list[str], says: str) -> None:
    members: Resource = {"performer": [{"reference": one} for one in performers]}
    for section, one in (
        ("vitals", vital("8867-4", 71, **members)),
        ("labs", result("Glucose", 5, **members)),
    ):
        assert_says(words_of(section, one), says)
    absent_reason = {"dataAbsentReason": words("Not measured")}
    shown = words_of("labs", result("Glucose", **members, **absent_reason))
    assert_says(shown, f"No result: Not measured | {says}")
