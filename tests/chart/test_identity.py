"""The banner's facts (C104): right name, right age, right number."""

from typing import Any

import pytest

from smartapp.chart.identity import Identity, read_identity
from tests.chart.samples import NOW, PATIENT, Resource, patient


def identity(**members: Any) -> Identity:
    return read_identity(patient(**members), now=NOW)


class TestName:
    def test_official_goes_before_usual_and_nickname(self) -> None:
        found = identity(
            name=[
                {"use": "nickname", "text": "Nelly"},
                {"use": "usual", "text": "Eleni P."},
                {"use": "official", "text": "Ελένη Παπαδοπούλου"},
            ]
        )
        assert found.name.text == "Ελένη Παπαδοπούλου"
        assert [name.text for name in found.other_names] == ["Eleni P.", "Nelly"]
        assert found.other_names[1].use == "nickname"

    def test_a_name_whose_time_is_over_goes_last(self) -> None:
        found = identity(
            name=[
                {"use": "official", "text": "Before", "period": {"end": "2020-01-01"}},
                {"use": "usual", "text": "Now"},
            ]
        )
        assert found.name.text == "Now"

    def test_parts_are_put_together_when_there_is_no_text(self) -> None:
        name = {"prefix": ["Dr."], "given": ["Ana", "Inés"], "family": "Ruiz", "suffix": ["MD"]}
        assert identity(name=[name]).name.text == "Dr. Ana Inés Ruiz MD"

    def test_the_same_name_is_shown_once(self) -> None:
        assert identity(name=[{"text": "A"}, {"use": "usual", "text": "A"}]).other_names == ()

    def test_a_language_is_taken_from_the_record_only(self) -> None:
        url = "http://hl7.org/fhir/StructureDefinition/language"
        said = {"text": "山田花子", "extension": [{"url": url, "valueCode": "ja"}]}
        broken = {"text": "山田花子", "extension": [{"url": url, "valueCode": '"><script>'}]}
        assert identity(name=[said]).name.lang == "ja"
        assert identity(name=[broken]).name.lang == ""

    @pytest.mark.parametrize("name", [None, [], [{}], "Eleni", [{"text": 7}], [None]])
    def test_without_a_name_the_page_says_so(self, name: object) -> None:
        assert identity(name=name).name.text == "Name not recorded"


class TestAge:
    @pytest.mark.parametrize(
        ("birth_date", "age"),
        [
            ("1948-12-05", "77 years"),
            ("1948-11-23", "78 years"),
            ("1948", "about 78 years"),
            ("2024-11-24", "23 months"),
            ("2024-11-23", "2 years"),
            ("2026-09-01", "11 weeks"),
            ("2026-11-16", "1 week"),
            ("2026-11-20", "3 days"),
            ("2026-11-23", "0 days"),
            ("2027-01-01", ""),
            ("unknown", ""),
        ],
    )
    def test_age_is_told_in_the_unit_that_says_most(self, birth_date: str, age: str) -> None:
        assert identity(birthDate=birth_date).age == age

    def test_the_dead_do_not_grow_older(self) -> None:
        found = identity(deceasedDateTime="2026-03-18")
        assert (found.age, found.deceased) == ("", "Died 18 Mar 2026, aged 77 years")
        assert identity(deceasedBoolean=True).deceased == "Deceased"
        assert identity(deceasedBoolean=False).deceased == ""


class TestIdentifier:
    MRN: Resource = {
        "type": {"coding": [{"code": "MR"}]},
        "value": "1003",
    }
    SSN: Resource = {
        "system": "http://hl7.org/fhir/sid/us-ssn",
        "value": "999-12-3456",
    }

    def test_the_medical_record_number_is_preferred(self) -> None:
        other = {"type": {"text": "Chart"}, "value": "77"}
        found = identity(identifier=[other, self.MRN]).identifier
        assert (found.label, found.value) == ("MRN", "1003")

    def test_a_civil_number_is_never_shown(self) -> None:
        coded = {"type": {"coding": [{"code": "PPN"}]}, "value": "X99"}
        found = identity(identifier=[self.SSN, coded]).identifier
        assert (found.label, found.value) == ("Record", PATIENT)

    def test_an_identifier_that_is_over_is_not_shown(self) -> None:
        over = {**self.MRN, "period": {"end": "2020-01-01"}}
        assert identity(identifier=[over, {**self.MRN, "use": "old"}]).identifier.label == "Record"


@pytest.mark.parametrize(
    ("gender", "shown"),
    [("male", "Male"), ("unknown", "Unknown"), (None, "not recorded"), ("M", "not recorded")],
)
def test_sex_is_what_the_record_says(gender: object, shown: str) -> None:
    assert identity(gender=gender).sex == shown


def test_a_record_out_of_use_says_so() -> None:
    replaced = identity(active=False, link=[{"type": "replaced-by", "other": {}}])
    assert len(replaced.notes) == 2
    assert identity(active=True).notes == ()
