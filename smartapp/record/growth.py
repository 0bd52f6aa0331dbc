"""The percentile of a child's measurement among children of the same age and sex.

Below two years it uses the WHO Child Growth Standards (2006), from two to twenty the CDC Growth
Charts (2000), as the CDC recommends (MMWR 2010; 59(RR-9)); for head circumference the WHO up to
five. Both are tables of L, M and S by age (Cole's LMS method). If sex, day of birth or age do not
allow a percentile, the reason is shown instead.
"""

import csv
from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from importlib import resources
from statistics import NormalDist
from typing import Literal

from smartapp.record.codes import LOINC, codings
from smartapp.record.elements import Resource, mapping
from smartapp.record.marks import Marks
from smartapp.record.people import Person
from smartapp.record.quantities import written_number
from smartapp.record.units import Unit, convert, read_unit

Measure = Literal["weight", "length", "height", "bmi", "head"]
DAYS_PER_MONTH = 30.4375
TWO_YEARS, TWENTY_YEARS = 24 * DAYS_PER_MONTH, 240 * DAYS_PER_MONTH
# The curves of the printed charts. The tables are not precise beyond the outermost.
CURVES = (3, 15, 50, 85, 97)
# Outside these standard deviations a mistake is more likely than a real value (WHO Anthro's flags).
PLAUSIBLE = {"weight": (-6, 5), "height": (-6, 6), "bmi": (-5, 5), "head": (-5, 5)}
TERM_DAYS, PRETERM_DAYS, CORRECTED_UNTIL = 280, 259, TWO_YEARS
# LOINC: gestational age at birth, in weeks, estimated, clinical.
GESTATIONAL_AGE = frozenset({"76516-4", "49051-6", "11884-4", "18185-9", "57714-8"})
_BY_KIND: dict[str, tuple[str, str]] = {
    "Body weight": ("weight", "kg"),
    "Body height": ("height", "cm"),
    "Body mass index": ("bmi", "kg/m2"),
    "Head circumference": ("head", "cm"),
}
# Values that were not measured get no percentile.
_NOT_MEASURED = frozenset({"stated", "estimated", "as reported"})
_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True)
class Table:
    """L, M and S by age in days, in order."""

    days: tuple[float, ...]
    rows: tuple[tuple[float, float, float], ...]

    def at(self, days: float) -> tuple[float, float, float] | None:
        """Return L, M and S at an age, interpolated between two rows; None outside the table."""
        place = bisect_right(self.days, days)
        if place == 0 or days > self.days[-1]:
            return None
        if place == len(self.days):
            return self.rows[-1]
        before, after = self.days[place - 1], self.days[place]
        share = (days - before) / (after - before)
        low, high = self.rows[place - 1], self.rows[place]
        return (
            low[0] + share * (high[0] - low[0]),
            low[1] + share * (high[1] - low[1]),
            low[2] + share * (high[2] - low[2]),
        )


@lru_cache(maxsize=1)
def tables() -> dict[tuple[str, str, str], Table]:
    """Return the tables by reference ("WHO 2006"), measure and sex; they are read on first use."""
    found: dict[tuple[str, str, str], list[tuple[float, tuple[float, float, float]]]] = {}
    folder = resources.files("smartapp.record") / "growth_tables"
    for reference, name in (("WHO 2006", "who_2006.csv"), ("CDC 2000", "cdc_2000.csv")):
        lines = (folder / name).read_text().splitlines()
        for row in csv.DictReader(line for line in lines if not line.startswith("#")):
            lms = float(row["L"]), float(row["M"]), float(row["S"])
            found.setdefault((reference, row["measure"], row["sex"]), []).append(
                (_days(row["age"]), lms)
            )
    return {
        key: Table(tuple(days for days, _ in rows), tuple(lms for _, lms in rows))
        for key, rows in found.items()
    }


def _days(age: str) -> float:
    return float(age[:-1]) * 7 if age.endswith("w") else float(age[:-2]) * DAYS_PER_MONTH


def z_score(value: float, lms: tuple[float, float, float]) -> float:
    power, median, variation = lms
    return float(((value / median) ** power - 1) / (power * variation))


def value_at(z: float, lms: tuple[float, float, float]) -> float:
    power, median, variation = lms
    return float(median * (1 + power * variation * z) ** (1 / power))


@dataclass(frozen=True, slots=True)
class Growth:
    """The references for one measure of one child, in the unit of its series.

    `early_days` is how many days before term the child was born; 0 if there is no correction for
    that. `note` names the references of the percentiles, or says why there are none.
    """

    measure: str
    sex: str
    born: date
    unit: Unit
    early_days: int
    note: str

    def percentile_text(self, value: Decimal, when: datetime, marks: Marks) -> str:
        """Return for example "42nd percentile (WHO 2006)"; "" if there is none."""
        if _NOT_MEASURED.intersection(marks.remarks) or marks.whose or not marks.is_understood:
            return ""
        reference, lms = self._at(when.date())
        own = convert(value, self.unit, Unit(_unit_of(self.measure), ""))
        if lms is None or own is None or own <= 0 or _is_of_other_posture(marks, reference):
            return ""
        z = z_score(float(own), lms)
        lowest, highest = PLAUSIBLE[self.measure]
        if not lowest <= z <= highest:
            return "no percentile: too far from what children of this age measure; check the value"
        return f"{_percentile_words(100 * _NORMAL.cdf(z))} ({reference})"

    def curve(self, percentile: int) -> Callable[[datetime], float | None]:
        """Return a function for the value at that percentile at a given time."""
        z = _NORMAL.inv_cdf(percentile / 100)
        # The units of each of these measures are multiples of each other.
        factor = float(convert(Decimal(1), Unit(_unit_of(self.measure), ""), self.unit) or 1)

        def at(when: datetime) -> float | None:
            _, lms = self._at(when.date())
            return None if lms is None else factor * value_at(z, lms)

        return at

    def _at(self, day: date) -> tuple[str, tuple[float, float, float] | None]:
        days = float((day - self.born).days)
        if self.early_days and days < CORRECTED_UNTIL:
            days -= self.early_days
        is_young = days < (TWO_YEARS if self.measure != "head" else 60 * DAYS_PER_MONTH + 1)
        reference = "WHO 2006" if is_young else "CDC 2000"
        measure = "length" if is_young and self.measure == "height" else self.measure
        table = tables().get((reference, measure, self.sex))
        return reference, table.at(days) if table else None


def _unit_of(measure: str) -> str:
    return {"weight": "kg", "bmi": "kg/m2"}.get(measure, "cm")


def _is_of_other_posture(marks: Marks, reference: str) -> bool:
    """Return whether the child was measured lying but the reference is for standing, or the
    reverse: the two differ by nearly a centimetre."""
    other = "standing" if reference == "WHO 2006" else "lying"
    return other in marks.remarks


def _percentile_words(percentile: float) -> str:
    if percentile < CURVES[0]:
        return "below the 3rd percentile"
    if percentile > CURVES[-1]:
        return "above the 97th percentile"
    number = round(percentile)
    ending = (
        {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th") if number not in (11, 12, 13) else "th"
    )
    return f"{number}{ending} percentile"


def read_growth(
    kind: str, unit: Unit, person: Person, newest: date, early: timedelta | None
) -> Growth | str | None:
    """Return the references for a kind of vital sign with its newest value on that day. Return the
    reason in words if a child can have none, and None if none are expected."""
    if kind not in _BY_KIND or person.born is None or not person.born.is_readable:
        return None
    measure, own_unit = _BY_KIND[kind]
    born = person.born.at.date()
    if not 0 <= (newest - born).days < TWENTY_YEARS:
        return None
    if convert(Decimal(1), unit, Unit(own_unit, "")) is None:
        return None
    if person.born.precision not in ("day", "time"):
        return "No percentiles: the day of birth is not recorded."
    if not person.sex:
        return "No percentiles: they are by sex, and it is not recorded as male or female."
    days = early.days if early else 0
    return Growth(measure, person.sex, born, unit, days, _note(early))


def _note(early: timedelta | None) -> str:
    references = (
        "Percentiles: WHO 2006 below two years, CDC 2000 from two to twenty (curves: 3rd, 15th, "
        "50th, 85th, 97th)"
    )
    if early is None:
        return f"{references}. By the age since birth; no gestational age is recorded here."
    if not early.days:
        return f"{references}. By the age since birth; born at term."
    weeks, days = divmod(TERM_DAYS - early.days, 7)
    born_at = f"{weeks} weeks" + (f" and {days} day{'s' if days > 1 else ''}" if days else "")
    return f"{references}. By the age corrected for birth at {born_at}, up to two years."


def read_gestation(observations: Iterable[Resource]) -> timedelta | None:
    """Return how long before term (40 weeks) the child was born; 0 days from 37 weeks on. None if
    no gestational age is recorded, or several that differ."""
    found = {days for one in observations if (days := _gestational_days(one)) is not None}
    if len(found) != 1:
        return None
    days = found.pop()
    return timedelta(days=TERM_DAYS - days if days < PRETERM_DAYS else 0)


def _gestational_days(resource: Resource) -> int | None:
    if not any(code in GESTATIONAL_AGE for system, code in codings(resource.get("code"))
               if system in (LOINC, "")):  # fmt: skip
        return None
    quantity = mapping(resource.get("valueQuantity"))
    value, unit = written_number(quantity.get("value")), read_unit(quantity).key
    per_unit = {"wk": 7, "w": 7, "week": 7, "weeks": 7, "d": 1, "day": 1, "days": 1}.get(unit)
    if value is None or per_unit is None or quantity.get("comparator"):
        return None
    if resource.get("status") in ("entered-in-error", "cancelled"):
        return None
    days = int(value * per_unit)
    return days if 20 * 7 <= days <= 45 * 7 else None
