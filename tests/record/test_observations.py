"""Each Observation is a reading, in whatever form it comes."""

from decimal import Decimal
from typing import Any

import pytest

from smartapp.record.elements import Resource
from smartapp.record.laboratory import LabTest, read_laboratory
from smartapp.record.observations import Reading
from smartapp.record.reading import Given
from smartapp.record.vital_signs import read_vital_signs
from tests.chart.samples import NOW, observation, quantity

WOMAN: dict[str, Any] = {"id": "p", "gender": "female", "birthDate": "1980-04-05"}
STANDARD = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"


def labs_of(*observations: Resource) -> list[LabTest]:
    return list(read_laboratory(Given(observations, NOW, WOMAN)).entries)


def result(**members: Any) -> Reading:
    (test,) = labs_of({**observation("2823-3", None), **members})
    return test.newest


def codes(*found: str) -> list[Resource]:
    return [{"coding": [{"system": STANDARD, "code": code}]} for code in found]


@pytest.mark.parametrize(
    ("members", "shown"),
    [
        ({"dataAbsentReason": {"text": "Specimen haemolysed"}}, "No result: Specimen haemolysed"),
        ({"dataAbsentReason": {"coding": [{"code": "masked"}]}}, "No result: masked"),
        ({"status": "cancelled", "valueInteger": 7}, "No result: cancelled"),
        ({"note": [{"text": "Cocci in\nclusters"}]}, "Cocci in\nclusters"),
        ({"interpretation": codes("POS")}, "Positive"),
        ({"valueQuantity": {"value": "138", "unit": "mmol/L"}}, "138"),
        ({"valueQuantity": {"value": Decimal("7.40")}}, "7.40"),
        ({"valuePeriod": {"start": "2026-01-01"}}, "from 1 Jan 2026"),
        ({"valueSampledData": {"data": "1 2 3"}}, "A recording of 3 points; see the EHR"),
    ],
)
def test_what_has_no_plain_value_is_there(members: Resource, shown: str) -> None:
    assert result(**members).result == shown


@pytest.mark.parametrize(
    ("found", "words", "direction"),
    [
        (("N", "H"), "High (also: Normal)", "high"),
        (("A", "L"), "Low (also: Abnormal)", "low"),
        (("LL", "H"), "Critically low (also: High)", "low"),
        (("S", "R"), "Resistant (also: Susceptible)", "abnormal"),
        (("NEG", "POS"), "Positive (also: Negative)", "result"),
    ],
)
def test_of_several_flags_the_gravest_comes_first(
    found: tuple[str, ...], words: str, direction: str
) -> None:
    for order in (found, found[::-1]):
        flag = result(valueInteger=1, interpretation=codes(*order)).flag
        assert (flag.text, flag.direction) == (words, direction)


@pytest.mark.parametrize(
    ("value", "ranges", "flag"),
    [
        ({"value": 12.6}, [("Male", 13.5, 17.5), ("Female", 12, 15.5)], ""),
        ({"value": 11.6}, [("Male", 13.5, 17.5), ("Female", 12, 15.5)], "Below range"),
        ({"value": 11}, [("Female", 12, 16), ("Pregnant", 10.5, 14)], ""),
        ({"value": 9}, [("Female", 12, 16), ("Pregnant", 10.5, 14)], "Below range"),
        ({"value": 1}, [("", 87.3, 82.4)], ""),
        ({"value": 1}, [("", 3, 5), ("", 4, 6)], ""),
        ({"value": 5, "comparator": "<"}, [("", None, 3)], ""),
        ({"value": 60, "comparator": ">"}, [("", 90, None)], ""),
        ({"value": 0.2, "comparator": "<"}, [("", 0.6, None)], "Below range"),
    ],
)
def test_a_range_decides_only_where_it_is_surely_this_patients(
    value: Resource, ranges: list[tuple[str, float | None, float | None]], flag: str
) -> None:
    sent = [
        {
            **({"appliesTo": [{"text": whom}]} if whom else {}),
            **({} if low is None else {"low": quantity(low)}),
            **({} if high is None else {"high": quantity(high)}),
        }
        for whom, low, high in ranges
    ]
    assert result(valueQuantity=value, referenceRange=sent).flag.text == flag


def test_a_corrected_result_comes_before_what_it_corrects_in_either_order() -> None:
    first = observation("2823-3", 7.2, "mmol/L", id="a", issued="2026-10-05T09:00:00Z")
    second = {**observation("2823-3", 4.2, "mmol/L", id="b"), "status": "corrected"}
    for order in ((first, second), (second, first)):
        (test,) = labs_of(*order)
        assert [one.value.text for one in test.latest] == ["4.2", "7.2"]


def test_what_is_of_another_or_of_another_specimen_is_another_series() -> None:
    found = labs_of(
        observation("2345-7", 1.1, "mmol/L", id="a", specimen={"display": "CSF"}),
        observation("2345-7", 5.6, "mmol/L", id="b", specimen={"display": "Plasma"}),
        observation("2345-7", 9.9, "mmol/L", id="c", focus=[{"display": "Donor"}]),
    )
    assert [(one.newest.how.specimen, one.newest.marks.whose) for one in found] == [
        ("CSF", ""),
        ("Plasma", ""),
        ("", "Donor"),
    ]


def test_two_pressures_of_one_moment_are_two_and_lone_sides_pair_only_one_to_one() -> None:
    upper = [observation("8480-6", value, "mm[Hg]", id=str(value)) for value in (120, 210)]
    lower = observation("8462-4", 110, "mm[Hg]", id="d")
    (sign,) = read_vital_signs(Given((*upper, lower), NOW, WOMAN)).entries
    assert sorted(row.text for row in sign.rows) == ["120/–", "210/–", "–/110"]
    (one,) = read_vital_signs(Given((upper[0], lower), NOW, WOMAN)).entries
    assert [row.text for row in one.rows] == ["120/110"]


def test_codes_of_panels_join_nothing() -> None:
    found = read_vital_signs(
        Given(
            tuple(
                observation("8716-3", value, "mmHg", id=name, name=name)
                for name, value in (("CVP", 8), ("ICP", 22))
            ),
            NOW,
            WOMAN,
        )
    ).entries
    assert [sign.name for sign in found] == ["CVP", "ICP"]


@pytest.mark.parametrize(
    ("code", "value", "words", "direction"),
    [
        ("H", 4.2, "High, though inside the range", "high"),
        ("N", 6.2, "Above range, though the EHR says normal", "high"),
        ("L", 6.2, "Low, though above range", "low"),
        ("A", 6.2, "Abnormal", "abnormal"),
        ("H", 6.2, "High", "high"),
        ("N", 4.2, "Normal", "normal"),
        ("POS", 6.2, "Positive", "result"),
    ],
)
def test_a_flag_and_a_range_that_contradict_each_other_are_both_said(
    code: str, value: float, words: str, direction: str
) -> None:
    found = result(
        valueQuantity=quantity(value, "mmol/L"),
        interpretation=codes(code),
        referenceRange=[{"low": {"value": 3.5}, "high": {"value": 5.1}}],
    )
    assert (found.flag.text, found.flag.direction) == (words, direction)


def test_a_flag_without_a_range_to_compare_with_stands_as_it_is() -> None:
    found = result(valueQuantity=quantity(4.2, "mmol/L"), interpretation=codes("H"))
    assert found.flag.text == "High"


def test_a_range_by_hours_of_age_is_named_and_decides_nothing() -> None:
    ranges = [
        {"high": quantity(150), "age": {"high": {"value": 48, "unit": "h"}}},
        {"high": quantity(250), "age": {"low": {"value": 48, "code": "h"}}},
    ]
    bilirubin = observation("B", 200, "umol/L", when="2026-06-03", referenceRange=ranges)
    newborn = {**WOMAN, "birthDate": "2026-06-01"}
    (test,) = read_laboratory(Given((bilirubin,), NOW, newborn)).entries
    assert test.newest.flag.text == ""
    assert test.newest.range_text == "up to 150 (age up to 48 hours); up to 250 (age from 48 hours)"


def test_panels_in_panels_lead_to_the_first_result() -> None:
    depth = 2_000
    panels = [
        observation(f"p{n}", None, id=f"p{n}", hasMember=[{"reference": f"Observation/p{n + 1}"}])
        for n in range(depth)
    ]
    (test,) = labs_of(*panels, observation("2823-3", 4.1, "mmol/L", id=f"p{depth}"))
    assert len(test.sources) == depth + 1


def variant(gene: str, found: str, **members: Any) -> Resource:
    """Return an assessment of a genetic variant as laboratories send it: the gene is a part."""
    part = {"code": {"text": "Gene studied"}, "valueCodeableConcept": {"text": gene}}
    sent = observation("69548-6", None, id=gene, name="Variant", component=[part])
    return {**sent, "valueCodeableConcept": {"text": found}, **members}


def test_each_variant_says_of_which_gene_it_is() -> None:
    tests = labs_of(
        variant("BAP1", "Present"), variant("POF1B", "Present"), variant("KIT", "Absent")
    )
    assert {
        (*one.newest.how.words, one.newest.result) for one in tests if one.name == "Variant"
    } == {
        ("BAP1", "Present"),
        ("POF1B", "Present"),
        ("KIT", "Absent"),
    }


def test_what_is_derived_from_a_variant_says_from_which() -> None:
    """Of two variants only one is pathogenic."""
    meaning = {"code": {"text": "Significance"}, "valueCodeableConcept": {"text": "Pathogenic"}}
    implication = {
        **observation("51968-6", None, id="i", name="Implication", component=[meaning]),
        "derivedFrom": [{"reference": "Observation/BAP1"}],
    }
    tests = labs_of(implication, variant("BAP1", "Present"), variant("POF1B", "Present"))
    (found,) = (one for one in tests if one.name == "Significance")
    assert found.newest.how.panel == "Variant: Present, BAP1, Implication"


def test_a_component_keeps_the_organism_and_the_owner_of_its_panel() -> None:
    mic = {"code": {"text": "MIC"}, "valueQuantity": quantity(2, "ug/mL")}
    tested = observation("18864-9", None, id="a", name="Ampicillin", component=[mic])
    culture = {
        **observation("600-7", None, id="c", name="Culture", valueString="Escherichia coli"),
        "hasMember": [{"reference": "Observation/a"}],
        "focus": [{"display": "Donor"}],
    }
    (found,) = (one for one in labs_of(culture, tested) if one.name == "MIC")
    assert found.newest.how.panel == "Culture: Escherichia coli, Ampicillin"
    assert found.newest.marks.whose == "Donor"
