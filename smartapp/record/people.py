"""What readers need to know about the patient: whose record it is, sex, date of birth."""

from dataclasses import dataclass
from datetime import date
from typing import Literal

from smartapp.record.elements import Resource
from smartapp.record.moments import Moment, parse_moment, years_between
from smartapp.record.texts import text

Sex = Literal["male", "female", ""]
ADULT_YEARS = 18


@dataclass(frozen=True, slots=True)
class Person:
    """The patient as reference ranges see them. `sex` is "" if it is not recorded, or is neither of
    the two for which laboratories give ranges."""

    id: str = ""
    sex: Sex = ""
    born: Moment | None = None

    def years_at(self, when: Moment | None) -> int | None:
        """Return the age in years at a moment; None if it is not known exactly enough."""
        if self.born is None or self.born.precision != "day" or when is None:
            return None
        return years_between(self.born.at.date(), when.at.date()) if when.is_readable else None

    def days_at(self, when: Moment | None) -> int | None:
        if self.years_at(when) is None or self.born is None or when is None:
            return None
        return (when.at.date() - self.born.at.date()).days

    def was_adult(self, when: Moment | None) -> bool:
        """Return whether the patient was certainly an adult; for most a year of birth is enough."""
        if self.born is None or not self.born.is_readable or when is None or not when.is_readable:
            return False
        latest = self.born.at.date()
        if self.born.precision == "year":
            latest = date(latest.year, 12, 31)
        return years_between(latest, when.at.date()) >= ADULT_YEARS


def read_person(patient: Resource) -> Person:
    gender = text(patient.get("gender")).casefold()
    sex: Sex = "male" if gender == "male" else "female" if gender == "female" else ""
    return Person(text(patient.get("id")), sex, parse_moment(patient.get("birthDate")))
