"""Percentiles against the values that the WHO and the CDC published, and where there are none."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from statistics import NormalDist
from typing import Any

import pytest

from smartapp.record.growth import (
    DAYS_PER_MONTH,
    Growth,
    Table,
    read_gestation,
    tables,
    value_at,
    z_score,
)
from smartapp.record.reading import Given
from smartapp.record.vital_sign import VitalSign
from smartapp.record.vital_signs import read_vital_signs
from tests.chart.samples import NOW, Resource, observation

PUBLISHED = Path(__file__).parent / "published"
GIRL: dict[str, Any] = {"id": "p", "gender": "female", "birthDate": "2025-11-23"}
WEIGHT, HEIGHT, HEAD, BMI = "29463-7", "8302-2", "9843-4", "39156-5"


def published(name: str) -> list[tuple[str, str, str, float, float]]:
    lines = (PUBLISHED / name).read_text().splitlines()
    rows = [line.split() for line in lines if not line.startswith("#")]
    return [(measure, sex, age, float(low), float(high)) for measure, sex, age, low, high in rows]


def days(age: str) -> float:
    return float(age[:-1]) * 7 if age.endswith("w") else float(age[:-2]) * DAYS_PER_MONTH


@pytest.mark.parametrize("row", published("growth_who_2006.txt"), ids=lambda row: " ".join(row[:3]))
def test_two_standard_deviations_of_the_who(row: tuple[str, str, str, float, float]) -> None:
    measure, sex, age, low, high = row
    lms = tables()["WHO 2006", measure, sex].at(days(age))
    assert lms is not None
    assert round(value_at(-2, lms), 1) == pytest.approx(low, abs=0.051)
    assert round(value_at(2, lms), 1) == pytest.approx(high, abs=0.051)


@pytest.mark.parametrize("row", published("growth_cdc_2000.txt"), ids=lambda row: " ".join(row[:3]))
def test_the_3rd_and_the_97th_percentile_of_the_cdc(
    row: tuple[str, str, str, float, float],
) -> None:
    measure, sex, age, low, high = row
    lms = tables()["CDC 2000", measure, sex].at(days(age))
    assert lms is not None
    for percentile, value in ((3, low), (97, high)):
        assert value_at(NormalDist().inv_cdf(percentile / 100), lms) == pytest.approx(
            value, abs=1e-5
        )
        assert 100 * NormalDist().cdf(z_score(value, lms)) == pytest.approx(percentile, abs=1e-3)


def test_between_two_rows_in_proportion_and_beyond_them_nothing() -> None:
    table = Table((0, 10), ((1, 10, 0.1), (1, 20, 0.2)))
    between = table.at(5)
    assert between is not None
    assert between[:2] == (1, 15)
    assert between[2] == pytest.approx(0.15)
    assert (table.at(0), table.at(10)) == ((1, 10, 0.1), (1, 20, 0.2))
    assert (table.at(-1), table.at(10.1)) == (None, None)


def signs(*observations: Resource, patient: Resource = GIRL) -> list[VitalSign]:
    return list(read_vital_signs(Given(observations, NOW, patient)).entries)


def sign(*observations: Resource, patient: Resource = GIRL) -> VitalSign:
    (found,) = signs(*observations, patient=patient)
    return found


def weight(value: float, when: str = "2026-11-22", unit: str = "kg", **members: Any) -> Resource:
    return observation(WEIGHT, value, unit, when=when, **members)


class TestWords:
    def test_the_median_is_the_50th(self) -> None:
        found = sign(weight(8.9481))
        assert found.latest.percentile == "50th percentile (WHO 2006)"
        assert "no gestational age is recorded here" in found.growth_note

    @pytest.mark.parametrize(
        ("value", "words"),
        [
            (6.0, "below the 3rd percentile (WHO 2006)"),
            (13.0, "above the 97th percentile (WHO 2006)"),
            (
                19.7,
                "no percentile: too far from what children of this age measure; check the value",
            ),
        ],
    )
    def test_beyond_the_outermost_curves_no_number_is_given(self, value: float, words: str) -> None:
        assert sign(weight(value)).latest.percentile == words

    def test_pounds_are_converted(self) -> None:
        assert sign(weight(19.727, unit="[lb_av]")).latest.percentile.startswith("50th")

    def test_from_two_years_on_it_is_the_cdcs(self) -> None:
        older = {**GIRL, "birthDate": "2021-11-23"}
        found = sign(weight(18.0), weight(8.9, "2022-11-22"), patient=older)
        assert [row.percentile.rpartition(" (")[2] for row in found.rows] == [
            "CDC 2000)",
            "WHO 2006)",
        ]

    def test_head_circumference_is_the_whos_up_to_five(self) -> None:
        older = {**GIRL, "birthDate": "2022-11-23"}
        found = sign(observation(HEAD, 49.2, "cm", when="2026-11-22"), patient=older)
        assert found.latest.percentile.endswith("(WHO 2006)")

    def test_the_curves_go_through_the_published_values(self) -> None:
        growth = sign(weight(8.9481)).growth
        assert isinstance(growth, Growth)
        assert growth.curve(50)(datetime(2026, 11, 23, tzinfo=UTC)) == pytest.approx(8.95, abs=0.01)
        assert growth.curve(50)(datetime(2025, 11, 22, tzinfo=UTC)) is None


class TestNone:
    @pytest.mark.parametrize(
        ("changes", "note"),
        [
            ({"gender": "unknown"}, "No percentiles: they are by sex"),
            ({"gender": None}, "No percentiles: they are by sex"),
            ({"birthDate": "2025-11"}, "No percentiles: the day of birth is not recorded."),
            ({"birthDate": None}, ""),
            ({"birthDate": "1990-01-01"}, ""),
            ({"birthDate": "2030-01-01"}, ""),
        ],
    )
    def test_where_sex_or_age_do_not_allow_it(self, changes: Resource, note: str) -> None:
        found = sign(weight(8.9), patient={**GIRL, **changes})
        assert found.growth is None
        assert found.latest.percentile == ""
        assert found.growth_note.startswith(note)
        assert bool(found.growth_note) is bool(note)

    @pytest.mark.parametrize(
        "members",
        [
            {"when": "2026-11"},
            {"unit": "stone of cheese"},
            {"valueQuantity": {"value": 8.9, "unit": "kg", "comparator": "<"}},
            {"focus": [{"display": "Fetus"}]},
            {"code": {"coding": [{"system": "http://loinc.org", "code": "3142-7"}]}},
        ],
        ids=["vague date", "other unit", "a bound", "of another", "stated"],
    )
    def test_of_what_was_not_measured_exactly(self, members: Resource) -> None:
        members = dict(members)
        changed: Resource = {
            name: members.pop(name) for name in ("valueQuantity", "code") if name in members
        }
        assert sign({**weight(8.9, **members), **changed}).latest.percentile == ""

    def test_lying_is_not_standing(self) -> None:
        older = {**GIRL, "birthDate": "2021-11-23"}
        found = sign(observation("8306-3", 107, "cm", when="2026-11-22"), patient=older)
        assert found.latest.percentile == ""


class TestBornEarly:
    EARLY = observation("76516-4", 32, "wk", name="Gestational age at birth")

    def test_the_age_is_corrected(self) -> None:
        found = next(one for one in signs(weight(8.5), self.EARLY) if one.name == "Body weight")
        assert "corrected for birth at 32 weeks" in found.growth_note
        plain = sign(weight(8.5)).latest.percentile
        assert int(found.latest.percentile.partition("th")[0]) > int(plain.partition("th")[0])

    @pytest.mark.parametrize(
        ("value", "unit", "early"),
        [(32, "wk", 56), (32, "weeks", 56), (250, "d", 30), (37, "wk", 0), (40, "wk", 0)],
    )
    def test_how_early(self, value: float, unit: str, early: int) -> None:
        assert read_gestation([observation("76516-4", value, unit)]) == timedelta(days=early)

    @pytest.mark.parametrize(
        "observations",
        [
            [],
            [observation("76516-4", 3, "wk")],
            [observation("76516-4", 32, "")],
            [observation("76516-4", 32, "wk"), observation("76516-4", 34, "wk")],
            [{**observation("76516-4", 32, "wk"), "status": "entered-in-error"}],
        ],
        ids=["none", "cannot be", "no unit", "two that differ", "withdrawn"],
    )
    def test_what_is_not_sure_corrects_nothing(self, observations: list[Resource]) -> None:
        assert read_gestation(observations) is None

    def test_before_term_there_is_no_percentile(self) -> None:
        newborn = {**GIRL, "birthDate": "2026-11-20"}
        found = next(
            one
            for one in signs(weight(1.9, "2026-11-22"), self.EARLY, patient=newborn)
            if one.name == "Body weight"
        )
        assert found.latest.percentile == ""


def test_amounts_stay_as_they_were_sent() -> None:
    assert sign(weight(8.9481)).latest.amounts[0].value == Decimal("8.9481")  # type: ignore[union-attr]
