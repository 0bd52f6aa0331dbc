"""Observations of other categories, as HL7's examples of R4 have them."""

from smartapp.record.findings import read_findings
from tests.chart.samples import LOINC, Resource, about_patient, concept
from tests.record.samples import SNOMED, given

# Observation/abdo-tender and Observation/ekg, without what makes no difference here.
TENDER: Resource = about_patient(
    "Observation",
    "abdo-tender",
    status="final",
    category=[{"coding": [{"code": "exam"}], "text": "Exam"}],
    code=concept("Abdominal tenderness (finding)", "43478001", SNOMED),
    effectiveDateTime="2018-04-02T10:30:10+01:00",
    bodySite=concept("RUQ", "48544008", SNOMED),
    valueBoolean=True,
)
EKG: Resource = about_patient(
    "Observation",
    "ekg",
    status="final",
    category=[{"coding": [{"code": "procedure"}]}],
    code=concept("12 lead EKG", "131328", "urn:oid:2.16.840.1.113883.6.24"),
    effectiveDateTime="2015-02-19T09:30:35+01:00",
    device={"display": "12 lead EKG Device Metric"},
    component=[
        {"code": concept("MDC_ECG_ELEC_POTL_I"), "valueQuantity": {"value": 2, "unit": "mV"}}
    ],
)


def test_what_was_found_stands_with_where_and_how() -> None:
    tender, ekg = read_findings(given(EKG, TENDER)).entries
    assert (tender.name, tender.lines, tender.details) == (
        "Abdominal tenderness (finding)",
        ("Yes",),
        ("RUQ", "8 years ago"),
    )
    assert ekg.name == "MDC_ECG_ELEC_POTL_I"
    assert ekg.lines == ("2 mV",)
    assert "12 lead EKG" in ekg.details[0]


def test_an_earlier_finding_is_folded_below_the_newest() -> None:
    before = {**TENDER, "id": "before", "effectiveDateTime": "2017-01-01", "valueBoolean": False}
    (found,) = read_findings(given(before, TENDER)).entries
    assert found.earlier == ("1 Jan 2017 · No",)
    assert found.sources == 2


def test_a_reason_for_no_value_stands_beside_the_value_of_each() -> None:
    refused = {**TENDER, "dataAbsentReason": {"text": "Patient refused"}}
    before = {**refused, "id": "before", "effectiveDateTime": "2017-01-01", "valueBoolean": False}
    (found,) = read_findings(given(before, refused)).entries
    assert found.marks.notes == ("Patient refused",)
    assert found.earlier == ("1 Jan 2017 · No · Patient refused",)


def test_a_finding_whose_name_says_it_all_is_shown_without_a_value() -> None:
    """PACIO's, Belgium's and others: the code is what was found."""
    remarks = about_patient(
        "Observation",
        "o1",
        status="final",
        category=[{"coding": [{"code": "exam"}]}],
        code=concept("Making impulsive remarks (finding)"),
    )
    read = read_findings(given(remarks))
    assert [(one.name, one.lines) for one in read.entries] == [
        ("Making impulsive remarks (finding)", ("Recorded without a value",))
    ]
    measured = {**remarks, "category": [{"coding": [{"code": "vital-signs"}]}]}
    assert read_findings(given(measured, {**remarks, "code": {}})).entries == ()


def test_what_says_nothing_is_left_out_with_the_reason() -> None:
    bare = about_patient("Observation", "o1", status="final", code=concept("Look", "1", LOINC))
    read = read_findings(given(bare))
    assert (read.entries, [one.reason for one in read.left_out]) == (
        (),
        ["no value and no reason"],
    )
