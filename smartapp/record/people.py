"""What readers need to know about the patient: whose record it is, sex, date of birth."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from smartapp.record.codes import codings, concept_words
from smartapp.record.elements import Resource, mappings
from smartapp.record.moments import Moment, last_day, parse_moment, years_between
from smartapp.record.texts import text

Sex = Literal["male", "female", ""]
ADULT_YEARS = 18
# Extensions of Patient, by the last part of their address: the sex for clinical use (of HL7 and of
# Epic), and those that may differ from the administrative sex.
CLINICAL_SEX = frozenset({"patient-sexParameterForClinicalUse", "sex-for-clinical-use"})
OTHER_SEXES = frozenset(
    {
        "us-core-birthsex", "us-core-sex", "us-core-individual-sex", "patient-birthSex",
        # Australia's (HL7's own), New Zealand's, the United Kingdom's.
        "individual-recordedSexOrGender", "patient-recordedSexOrGender", "sex-at-birth",
        "Extension-UKCore-BirthSex",
    }
)  # fmt: skip
_SEXES: dict[str, Sex] = {
    "male": "male", "female": "female", "m": "male", "f": "female",
    "male-typical": "male", "female-typical": "female",
    "248153007": "male", "248152002": "female",
}  # fmt: skip


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

    def is_before_birth(self, when: Moment | None) -> bool:
        """Return whether a date is before the day of birth, by more than time zones can explain."""
        if self.born is None or not self.born.is_readable or when is None or not when.is_readable:
            return False
        # Nearly all are later, and it takes longer to find the last day.
        if when.at.year > self.born.at.year:
            return False
        return last_day(when) < self.born.at.date() - timedelta(days=1)

    def was_adult(self, when: Moment | None) -> bool:
        """Return whether the patient was certainly an adult; for most a year of birth is enough."""
        if self.born is None or not self.born.is_readable or when is None or not when.is_readable:
            return False
        latest = self.born.at.date()
        if self.born.precision == "year":
            latest = date(latest.year, 12, 31)
        return years_between(latest, when.at.date()) >= ADULT_YEARS


def read_person(patient: Resource) -> Person:
    return Person(text(patient.get("id")), _sex(patient), parse_moment(patient.get("birthDate")))


def _sex(patient: Resource) -> Sex:
    """Return the sex whose ranges apply: the one for clinical use, or else the administrative one
    if no other sex beside it contradicts it."""
    if clinical := _sexes(patient, CLINICAL_SEX):
        return clinical.pop() if len(clinical) == 1 else ""
    found = _SEXES.get(text(patient.get("gender")).casefold(), "")
    return found if _sexes(patient, OTHER_SEXES) <= {found, ""} else ""


def sex_note(patient: Resource) -> str:
    """Return a sentence if ranges by sex do not simply follow the administrative sex, else ""."""
    found = _sex(patient)
    if found == _SEXES.get(text(patient.get("gender")).casefold(), ""):
        return ""
    if found:
        return f"The EHR records a sex for clinical use: {found}. Ranges by sex follow it."
    return "The EHR records more than one sex, so ranges by sex are listed and not compared with."


def _sexes(patient: Resource, names: Collection[str]) -> set[Sex]:
    """Return the sexes that these extensions name; "" stands for any other value."""
    found = [
        extension
        for extension in mappings(patient.get("extension"))
        if text(extension.get("url")).rpartition("/")[2] in names
    ]
    parts = [part for one in found for part in mappings(one.get("extension"))]
    values = [part for part in parts if part.get("url") == "value"]
    return {sex for one in (*found, *values) for sex in _sex_of_value(one)}


def _sex_of_value(holder: Resource) -> list[Sex]:
    concept = holder.get("valueCodeableConcept") or holder.get("valueCoding")
    said = [text(holder.get("valueCode")), *(code for _, code in codings(concept))]
    said += [concept_words(concept)] if concept else []
    known: list[Sex] = [_SEXES[word] for one in said if (word := one.casefold()) in _SEXES]
    return known or [""] * any(said)
