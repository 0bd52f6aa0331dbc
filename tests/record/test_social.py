"""Social history and questionnaires as US Core and Synthea have them."""

from typing import Any

from smartapp.record.elements import Resource
from smartapp.record.facts import Fact
from smartapp.record.social import ANSWERS, read_social
from tests.chart.samples import LOINC, about_patient, concept
from tests.record.samples import given

CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"


def observation(name: str, code: str, category: str, value: Any, when: str) -> Resource:
    form = "valueQuantity" if isinstance(value, dict) else "valueCodeableConcept"
    return about_patient(
        "Observation",
        f"{code}-{when}",
        status="final",
        category=[{"coding": [{"system": CATEGORY, "code": category}]}],
        code=concept(name, code, LOINC),
        effectiveDateTime=when,
        **{form: value if isinstance(value, dict) else concept(value)},
    )


def read(*observations: Resource) -> list[Fact]:
    return list(read_social(given(*observations)).entries)


SMOKING = [
    observation("Tobacco smoking status", "72166-2", "social-history", value, when)
    for value, when in (("Never smoker", "2019-01-01"), ("Current smoker", "2026-01-01"))
]


def test_one_fact_with_its_earlier_values() -> None:
    (found,) = read(*SMOKING)
    assert (found.name, found.lines) == ("Tobacco smoking status", ("Current smoker",))
    assert found.earlier == ("1 Jan 2019 · Never smoker",)
    assert found.sources == 2


def test_pregnancy_and_smoking_come_first_and_single_answers_are_folded() -> None:
    answer = observation("Little interest", "44250-9", "survey", "Not at all", "2026-02-01")
    score = observation("PHQ-9 total", "44261-6", "survey", {"value": 12, "unit": "{score}"},
                        "2026-02-01")  # fmt: skip
    pregnant = observation(
        "Pregnancy status", "82810-3", "social-history", "Pregnant", "2026-03-01"
    )
    housing = observation("Housing", "71802-3", "social-history", "Homeless", "2026-04-01")
    found = read(answer, score, housing, *SMOKING, pregnant)
    assert [(fact.name, fact.fold) for fact in found] == [
        ("Pregnancy status", ""),
        ("Tobacco smoking status", ""),
        ("PHQ-9 total", ""),
        ("Housing", ""),
        ("Little interest", ANSWERS),
    ]
    assert found[2].lines == ("12",)


def test_what_is_not_understood_shows_nothing_else() -> None:
    marked = {**SMOKING[0], "modifierExtension": [{"url": "http://example.org/x"}]}
    (found,) = read(marked)
    assert found.marks.not_understood
