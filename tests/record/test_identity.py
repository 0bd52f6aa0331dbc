"""The banner's facts (C104): right name, right age, right number."""

from typing import Any

import pytest
from django.template.loader import render_to_string

from smartapp.record.identity import Identity, read_identity
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
        assert [name.text for name in found.scripts] == ["Eleni P."]
        assert [(name.text, name.use) for name in found.other_names] == [("Nelly", "nickname")]

    def test_of_two_names_of_one_use_the_newer_is_first(self) -> None:
        old = {"use": "official", "text": "Ana Ruiz", "period": {"start": "2000"}}
        new = {"use": "official", "text": "Ana Okafor", "period": {"start": "2020"}}
        assert identity(name=[old, new]).name.text == "Ana Okafor"

    def test_a_name_whose_time_is_over_goes_last(self) -> None:
        found = identity(
            name=[
                {"use": "official", "text": "Before", "period": {"end": "2020-01-01"}},
                {"use": "usual", "text": "Now"},
            ]
        )
        assert found.name.text == "Now"
        assert [name.text for name in found.former_names] == ["Before"]

    def test_native_and_latin_names_stand_together(self) -> None:
        found = identity(
            name=[{"text": "山田 太郎"}, {"text": "ヤマダ タロウ"}, {"text": "Taro Yamada"}]
        )
        assert (found.name.text, [name.text for name in found.scripts]) == (
            "山田 太郎",
            ["ヤマダ タロウ", "Taro Yamada"],
        )

    def test_two_names_in_one_script_do_not(self) -> None:
        found = identity(name=[{"text": "Ana Ruiz"}, {"text": "Ana Inés Ruiz"}])
        assert found.scripts == ()
        assert [name.text for name in found.other_names] == ["Ana Inés Ruiz"]

    def test_a_former_name_in_another_script_is_a_former_name(self) -> None:
        names = [{"text": "Ana"}, {"use": "old", "text": "Άνα"}, {"use": "maiden", "text": "Annie"}]
        found = identity(name=names)
        assert found.scripts == ()
        assert [name.text for name in found.former_names] == ["Άνα", "Annie"]

    def test_parts_are_put_together_when_there_is_no_text(self) -> None:
        name = {"prefix": ["Dr."], "given": ["Ana", "Inés"], "family": "Ruiz", "suffix": ["MD"]}
        assert identity(name=[name]).name.text == "Dr. Ana Inés Ruiz MD"

    def test_the_usual_name_beside_an_official_one_is_called_so(self) -> None:
        names = [{"use": "official", "text": "John Smith"}, {"use": "usual", "text": "Jane Smith"}]
        (other,) = identity(name=names).other_names
        assert (other.text, other.is_usual) == ("Jane Smith", True)
        shown = render_to_string("sections/other_name.html", {"name": other})
        assert "(name usually used)" in shown

    def test_the_same_name_is_shown_once(self) -> None:
        assert identity(name=[{"text": "A"}, {"use": "usual", "text": "A"}]).other_names == ()

    def test_a_language_is_taken_from_the_record_only(self) -> None:
        url = "http://hl7.org/fhir/StructureDefinition/language"
        said = {"text": "山田花子", "extension": [{"url": url, "valueCode": "ja"}]}
        broken = {"text": "山田花子", "extension": [{"url": url, "valueCode": '"><script>'}]}
        assert identity(name=[said]).name.lang == "ja"
        assert identity(name=[broken]).name.lang == ""

    @pytest.mark.parametrize("name", [None, [], [{}], [{"text": 7}], [None]])
    def test_without_a_name_the_page_says_so(self, name: object) -> None:
        assert identity(name=name).name.text == "Name not recorded"


class TestAge:
    @pytest.mark.parametrize(
        ("birth_date", "age"),
        [
            ("1948-12-05", "77 years"),
            ("1948-11-23", "78 years"),
            ("1948", "about 78 years"),
            ("2026-06", "about 5 months"),
            ("2026-11", "less than 1 month"),
            ("2026", "less than 1 year"),
            ("2025", "about 1 year"),
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


class TestDeath:
    def test_ends_the_age(self) -> None:
        found = identity(deceasedDateTime="2026-03-18")
        assert (found.age, found.deceased) == ("", "Died 18 Mar 2026, aged 77 years")

    @pytest.mark.parametrize(
        ("members", "said"),
        [
            ({"deceasedBoolean": True}, "Deceased"),
            ({"deceasedBoolean": "true"}, "Deceased"),
            ({"deceasedBoolean": "yes"}, "Deceased"),
            ({"_deceasedDateTime": {"extension": [{"valueCode": "unknown"}]}}, "Deceased"),
            (
                {"deceasedDateTime": "2026-02-11T00:00:00+0000"},
                "Died 11 Feb 2026, aged 77 years",
            ),
            (
                {"deceasedDateTime": "in the spring"},
                "Deceased, date not readable: in the spring",
            ),
            (
                {"deceasedBoolean": False, "deceasedDateTime": "2026"},
                "Died 2026, aged about 77 years",
            ),
        ],
    )
    def test_is_told_by_any_of_its_forms(self, members: dict[str, Any], said: str) -> None:
        found = identity(**members)
        assert (found.deceased, found.age) == (said, "")

    @pytest.mark.parametrize(
        "members", [{}, {"deceasedBoolean": False}, {"deceasedBoolean": "false"}]
    )
    def test_a_plain_no_is_none(self, members: dict[str, Any]) -> None:
        assert (identity(**members).deceased, identity(**members).age) == ("", "77 years")

    def test_in_the_future_is_remarked_and_the_age_stays(self) -> None:
        found = identity(deceasedDateTime="2099-01-01")
        assert found.deceased == "The EHR gives a date of death in the future: 1 Jan 2099"
        assert found.age == "77 years"

    def test_whether_alive_may_not_be_said(self) -> None:
        found = identity(_deceasedBoolean={"extension": [{"valueCode": "masked"}]})
        assert found.notes == ("The EHR does not say whether this patient is alive.",)


def number(value: str, code: str = "", **members: Any) -> Resource:
    named = {"coding": [{"code": code}] if code else [], "text": members.pop("named", "")}
    return {"value": value, "type": named, **members}


class TestRecordNumberOfThisHospital:
    """Shapes of Cerner, Epic and Australian records."""

    def found(self, *numbers: Resource, system: str = "") -> tuple[str, str, str]:
        resource = patient(identifier=list(numbers))
        chosen = read_identity(resource, now=NOW, record_number_system=system).identifier
        return chosen.label, chosen.value, chosen.assigner

    def test_the_usual_one_comes_before_the_official_one_of_another(self) -> None:
        other = number("O-77", "MR", use="official", assigner={"display": "Riverside"})
        ours = number("1001", "MR", use="usual", assigner={"display": "Hillside"})
        assert self.found(other, ours) == ("MRN", "1001", "Hillside")

    def test_who_gave_it_is_not_said_where_it_is_the_only_one(self) -> None:
        assert self.found(number("1", "MR", assigner={"display": "Hillside"}))[2] == ""

    def test_a_community_number_is_not_the_mrn(self) -> None:
        community = number("206", "MR", named="Community Medical Record Number", use="usual")
        assert self.found(community, number("8230", "MR", named="MRN")) == ("MRN", "8230", "")
        assert self.found(community) == ("Community Medical Record Number", "206", "")

    def test_epics_internal_numbers_come_last(self) -> None:
        internal = [
            number(name, named=name, use="usual")
            for name in ("MYCHARTLOGIN", "CEID", "FHIR STU3", "FHIR", "EXTERNAL", "INTERNAL")
        ]
        assert self.found(*internal, number("203", named="EPI", use="usual"))[:2] == ("EPI", "203")
        assert self.found(*internal)[:2] == ("CEID", "CEID")
        assert self.found(internal[0])[0] == "Record"

    def test_the_administrators_system_is_the_last_word(self) -> None:
        mrn = number("1", "MR", use="usual")
        named = number("2", named="CEID", system="urn:oid:1.2.3")
        assert self.found(mrn, named, system="urn:oid:1.2.3")[:2] == ("CEID", "2")
        assert self.found(mrn, named, system="urn:oid:9")[1] == "1"
        untyped = {"system": "urn:oid:1.2.3", "value": "3"}
        assert self.found(untyped, system="urn:oid:1.2.3")[:2] == ("MRN", "3")

    def test_a_health_services_national_number_is_a_record_number(self) -> None:
        ihi = number(
            "8003", "NI", named="IHI", system="http://ns.electronichealth.net.au/id/hi/ihi/1.0"
        )
        medicare = number("3295", "MC", named="Medicare Number")
        assert self.found(medicare, ihi) == ("IHI", "8003", "")

    @pytest.mark.parametrize(
        "hidden",
        [
            number("123-45-6789"),
            number("123-45-6789", "MR", use="usual"),
            number("1", "NI"),
            number("1", "MB"),
            number("1", "HC"),
            number("1", named="Medicare Number"),
            number("1", named="Insurance card"),
            number("1", named="MyChart login"),
            number("1", named="Driver's License"),
            number("1", system="http://ns.electronichealth.net.au/id/medicare-number"),
            number("1", system="http://hl7.org/fhir/sid/us-mbi"),
        ],
    )
    def test_what_is_no_record_number_is_never_shown(self, hidden: Resource) -> None:
        assert self.found(hidden) == ("Record", PATIENT, "")


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
        named = {"type": {"text": "Aadhaar"}, "value": "1234 5678 9012"}
        tax = {"system": "http://rnds.saude.gov.br/fhir/r4/NamingSystem/cpf", "value": "000"}
        found = identity(identifier=[self.SSN, coded, named, tax]).identifier
        assert (found.label, found.value) == ("Record", PATIENT)

    def test_a_temporary_number_says_so(self) -> None:
        assert identity(identifier=[{**self.MRN, "use": "temp"}]).identifier.label == (
            "MRN, temporary"
        )

    def test_an_identifier_that_is_over_is_not_shown(self) -> None:
        over = {**self.MRN, "period": {"end": "2020-01-01"}}
        assert identity(identifier=[over, {**self.MRN, "use": "old"}]).identifier.label == "Record"


@pytest.mark.parametrize(
    ("gender", "shown"),
    [("male", "Male"), ("unknown", "Unknown"), (None, "not recorded"), ("M", "recorded as “M”")],
)
def test_sex_is_what_the_record_says(gender: object, shown: str) -> None:
    assert identity(gender=gender).sex == shown


def test_a_record_out_of_use_says_so() -> None:
    replaced = identity(active=False, link=[{"type": "replaced-by", "other": {}}])
    assert len(replaced.notes) == 2
    assert identity(active=True).notes == ()


def test_labels_of_the_whole_record_are_said() -> None:
    labelled = identity(meta={"security": [{"code": "HTEST"}, {"code": "R"}, {"code": "PDS"}]})
    assert labelled.labels == (
        "test data",
        "restricted",
        "not for others without the patient's consent",
    )
    assert identity(meta={"security": [{"code": "N"}]}).labels == ()


@pytest.mark.parametrize(
    ("code", "labels"),
    [("PROV", ("identity not verified: provisional",)), ("VALI", ()), ("QUAL", ())],
)
def test_an_identity_that_france_has_not_verified_says_so(
    code: str, labels: tuple[str, ...]
) -> None:
    url = "https://hl7.fr/ig/fhir/core/StructureDefinition/fr-core-identity-reliability"
    coding = {"code": code, "display": "provisional"}
    for part in ("identityStatus", "identityreliability"):
        status = {"url": part, "valueCoding": coding}
        how = {"url": "validationMode", "valueCoding": {"code": "CN", "display": "identity card"}}
        for parts in ([status], [how, status]):
            assert identity(extension=[{"url": url, "extension": parts}]).labels == labels


@pytest.mark.parametrize(
    ("code", "labels"),
    [("01", ()), ("02", ("NHS number not verified: Not traced",))],
)
def test_an_nhs_number_that_nobody_has_traced_says_so(code: str, labels: tuple[str, ...]) -> None:
    url = "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NHSNumberVerificationStatus"
    status = {"coding": [{"code": code, "display": "Not traced"}]}
    verified = {"url": url, "valueCodeableConcept": status}
    number = {"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9000000009"}
    assert identity(identifier=[{**number, "extension": [verified]}]).labels == labels


def test_a_patient_marked_in_an_unknown_way_says_so() -> None:
    marked = identity(modifierExtension=[{"url": "http://example.org/x"}])
    assert "does not understand" in marked.notes[0]


def test_an_interpreter_that_is_needed_is_part_of_who_somebody_is() -> None:
    needed = {
        "url": "http://hl7.org/fhir/us/core/StructureDefinition/us-core-interpreter-needed",
        "valueCoding": {"code": "1", "display": "Yes"},
    }
    spoken = [{"language": {"text": "Spanish"}}]
    assert identity(extension=[needed], communication=spoken).interpreter == (
        "Interpreter needed: Spanish"
    )
    assert identity(communication=spoken).interpreter == ""


def test_a_part_that_the_ehr_withholds_is_said() -> None:
    absent = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
    masked = [{"extension": [{"url": absent, "valueCode": "masked"}]}]
    unknown = [{"extension": [{"url": absent, "valueCode": "unknown"}]}]
    assert identity(address=masked).labels == ("the EHR withholds a part of this",)
    assert identity(address=unknown).labels == ()
