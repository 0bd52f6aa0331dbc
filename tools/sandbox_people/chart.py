"""One person's chart: the story in `cast.py` as FHIR R4 resources."""

import random
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from tools.sandbox_people import resources
from tools.sandbox_people.besides import about_the_person, besides
from tools.sandbox_people.everyday import everyday, grown
from tools.sandbox_people.people import HomeReadings, Person, Trend, Visits
from tools.sandbox_people.practice import CLINIC, HOSPITAL
from tools.sandbox_people.terms import MEASURES, SYMPTOM, VITAL_SIGNS, Drug, Measure

Resource = dict[str, Any]

NEW_YORK = ZoneInfo("America/New_York")
PENICILLINS = frozenset({"834061", "308192"})
YOUNGEST_FOR_TABLETS = 7
YOUNGEST_FOR_BMI = 2
ADULT = 18
DERIVED = ("bmi", "egfr", "cholesterol")
GROWING = ("height", "weight", "head")


def chart_of(person: Person) -> list[Resource]:
    """Return every resource about one person: the Patient first, then the others in order of
    time."""
    chart = Chart(person, random.Random(person.id))  # noqa: S311 (must repeat, guards nothing)
    chart.write()
    return chart.written


@dataclass(slots=True)
class Chart:
    person: Person
    rng: random.Random
    written: list[Resource] = field(default_factory=list)
    serials: Counter[str] = field(default_factory=Counter)

    def write(self) -> None:
        self.written.append(self._patient())
        self.written += resources.guardians(self.person)
        self._write_visits()
        self._write_everyday()
        for readings in self.person.home:
            self._write_home(readings)
        self._write_lists()
        self._write_besides()

    def _patient(self) -> Resource:
        patient, more = resources.patient(self.person), about_the_person(self.person.number)
        extensions = [*patient["extension"], *more.get("extension", ())]
        return {**patient, **more, "extension": extensions}

    def add(self, resource_type: str, when: datetime, **elements: Any) -> Resource:
        """Add a resource about the person; the server received it 20 minutes later."""
        self.serials[resource_type] += 1
        id = f"a-1.{resource_type}-{self.person.number}{self.serials[resource_type]:05d}"
        updated = when + timedelta(minutes=20)
        resource = resources.about(self.person, resource_type, id, updated, elements)
        self.written.append(resource)
        return resource

    def moment(self, day: date) -> datetime:
        """Return a random time in the clinic's hours on that day."""
        minute = self.rng.randrange(8 * 60, 16 * 60, 5)
        return datetime.combine(day, time(minute // 60, minute % 60), NEW_YORK)

    def _write_visits(self) -> None:
        due = [(day, visits) for visits in self.person.visits for day in days_of(visits)]
        for day, visits in sorted(due, key=lambda item: item[0]):
            if self.person.born <= day <= self.person.last_day:
                self._write_visit(day, visits)

    def _write_visit(self, day: date, visits: Visits) -> None:
        when = self.moment(day)
        encounter = self._encounter(when, visits)
        self._measure(when, encounter, visits.vitals)
        if "height" in visits.vitals and self._is_adult(day) and self.person.smoking:
            code, display = self.person.smoking
            self.add("Observation", when, **resources.smoking(code, display, encounter, when))
        self._measure(when + timedelta(minutes=30), encounter, visits.labs)

    def _encounter(self, when: datetime, visits: Visits) -> str:
        at_hospital = visits.setting in ("EMER", "IMP")
        end = when + (timedelta(days=visits.nights) or timedelta(minutes=25))
        elements = resources.encounter(
            visits, when, end, self.person.practitioner, HOSPITAL if at_hospital else CLINIC
        )
        return f"Encounter/{self.add('Encounter', end, **elements)['id']}"

    def _measure(self, when: datetime, encounter: str | None, names: Iterable[str]) -> None:
        day = when.date()
        values = {name: self._value(name, day) for name in names if name not in DERIVED}
        values |= derived(values, self.person, self._age(day))
        if "systolic" in values:
            pressure = values.pop("systolic"), values.pop("diastolic")
            elements = resources.blood_pressure(*pressure, encounter, when)
            self.add("Observation", when, **elements)
        for name, value in values.items():
            category = category_of(name)
            elements = resources.quantity(MEASURES[name], value, category, encounter, when)
            if category == "vital-signs" and not self._is_adult(day):
                elements = without_adult_range(elements)
            self.add("Observation", when, **elements)

    def _value(self, name: str, day: date) -> float:
        measure = MEASURES[name]
        if name in GROWING and self.person.height_percentile is not None:
            value = grown(self.person, name, day)
        else:
            value = value_on(self.person.trends[name], day, self.rng)
        return rounded(value, measure)

    def _is_adult(self, day: date) -> bool:
        return self._age(day) >= ADULT

    def _age(self, day: date) -> int:
        return (day - self.person.born).days // 365

    def _write_everyday(self) -> None:
        life = everyday(self.person)
        for illness in life.illnesses:
            when = self.moment(weekday(illness.day))
            encounter = self._encounter(when, Visits(SYMPTOM, "", reason=illness.diagnosis))
            elements = resources.passed_illness(illness, encounter, when)
            self.add("Condition", when, **elements)
            if illness.medicine and self._may_take(illness.medicine, illness.day):
                elements = resources.short_course(illness, self.person, encounter, when)
                self.add("MedicationRequest", when, **elements)
        for vaccination in life.vaccinations:
            when = self.moment(weekday(vaccination.day))
            self.add("Immunization", when, **resources.immunization(vaccination, when))

    def _may_take(self, drug: Drug, day: date) -> bool:
        allergic = any("penicillin" in a.to.display.lower() for a in self.person.allergies)
        too_young = self._age(day) < YOUNGEST_FOR_TABLETS
        return not too_young and not (allergic and drug.rxnorm in PENICILLINS)

    def _write_home(self, readings: HomeReadings) -> None:
        day, until = date.fromisoformat(readings.start), date.fromisoformat(readings.until)
        while day <= until:
            for hour in readings.hours:
                at = datetime.combine(day, time(hour, self.rng.randrange(0, 50)), NEW_YORK)
                self._measure(at, None, (readings.measure,))
            day += timedelta(days=readings.every_days)

    def _write_lists(self) -> None:
        """Add problems, medicines, allergies and operations, each on the day it was recorded."""
        for problem in self.person.problems:
            when = self.moment(date.fromisoformat(problem.onset))
            self.add("Condition", when, **resources.problem(problem, when))
        for prescription in self.person.prescriptions:
            when = self.moment(date.fromisoformat(prescription.start))
            elements = resources.prescription(prescription, self.person.practitioner, when)
            self.add("MedicationRequest", when, **elements)
        for allergy in self.person.allergies:
            when = self.moment(date.fromisoformat(allergy.noticed))
            self.add("AllergyIntolerance", when, **resources.allergy(allergy, when))
        for operation in self.person.operations:
            when = self.moment(date.fromisoformat(operation.day))
            elements = resources.operation(operation, self.person.practitioner, when)
            self.add("Procedure", when, **elements)

    def _write_besides(self) -> None:
        for entry in besides(self.person.number):
            when = datetime.combine(date.fromisoformat(entry.day), time(17, 30), NEW_YORK)
            self.add(entry.resource_type, when, **entry.elements)


def rounded(value: float, measure: Measure) -> float:
    """Return a value as a laboratory would print it."""
    return round(value, measure.decimals) if measure.decimals else round(value)


def derived(values: Mapping[str, float], person: Person, age: int) -> dict[str, float]:
    """Return the values that are computed from measured ones, so that they always agree."""
    found: dict[str, float] = {}
    if "height" in values and "weight" in values and age >= YOUNGEST_FOR_BMI:
        found["bmi"] = values["weight"] / (values["height"] / 100) ** 2
    if "creatinine" in values and age >= ADULT:
        found["egfr"] = filtration_rate(values["creatinine"], age, person.gender == "male")
    if "ldl" in values:
        found["cholesterol"] = values["ldl"] + values["hdl"] + values["triglycerides"] / 5
    return {name: rounded(value, MEASURES[name]) for name, value in found.items()}


def filtration_rate(creatinine: float, age: int, male: bool) -> float:
    """Return the eGFR in mL/min/1.73 m² by the CKD-EPI equation of 2021
    (doi:10.1056/NEJMoa2102953)."""
    kappa, alpha, factor = (0.9, -0.302, 1.0) if male else (0.7, -0.241, 1.012)
    ratio = creatinine / kappa
    rate: float = 142 * min(ratio, 1) ** alpha * max(ratio, 1) ** -1.2 * 0.9938**age * factor
    return rate


def without_adult_range(elements: Resource) -> Resource:
    return {k: v for k, v in elements.items() if k not in ("interpretation", "referenceRange")}


def days_of(visits: Visits) -> Iterator[date]:
    """Yield the days of a series, moved off weekends."""
    day, until = date.fromisoformat(visits.start), date.fromisoformat(visits.until)
    while day <= until:
        yield weekday(day)
        if not visits.every_days:
            return
        day += timedelta(days=visits.every_days)


def weekday(day: date) -> date:
    """Return the day, or the Friday before if it is on a weekend."""
    return day - timedelta(days=max(0, day.weekday() - 4))


def category_of(name: str) -> str:
    if name in VITAL_SIGNS:
        return "vital-signs"
    return "survey" if name == "phq9" else "laboratory"


def value_on(trend: Trend, day: date, rng: random.Random) -> float:
    """Return the trend's value on that day with noise; flat before the first and after the last
    point."""
    points = [(date.fromisoformat(text), value) for text, value in trend.points.items()]
    noise = rng.gauss(0, trend.noise) if trend.noise else 0.0
    if day <= points[0][0]:
        return points[0][1] + noise
    for (before, low), (after, high) in pairwise(points):
        if day <= after:
            return low + (high - low) * (day - before).days / (after - before).days + noise
    return points[-1][1] + noise
