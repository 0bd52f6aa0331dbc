"""Language, contacts, background and coverage, as US Core, Epic and HL7 write them."""

from typing import Any

from smartapp.record.coverage import OVER, read_coverage
from smartapp.record.elements import Resource
from smartapp.record.facts import Fact
from smartapp.record.personal import FORMER_CONTACT, interpreter_words, read_personal
from smartapp.record.reading import Given
from tests.chart.samples import NOW, about_patient, concept

US_CORE = "http://hl7.org/fhir/us/core/StructureDefinition/"


def facts(*people: Resource, **patient: Any) -> dict[str, Fact]:
    found = read_personal(Given(people, NOW, {"resourceType": "Patient", **patient}))
    return {fact.name: fact for fact in found.entries}


def extension(name: str, **members: Any) -> dict[str, Any]:
    return {"url": f"{US_CORE}{name}", **members}


def test_languages_and_the_interpreter() -> None:
    spoken = [
        {"language": concept("English")},
        {"language": concept("Spanish"), "preferred": True},
    ]
    needed = extension("us-core-interpreter-needed", valueCoding={"code": "1", "display": "Yes"})
    found = facts(communication=spoken, extension=[needed])["Language"]
    assert found.lines == ("English", "Spanish (preferred)", "Interpreter needed: Spanish")
    refused = extension("us-core-interpreter-needed", valueCoding={"code": "0", "display": "No"})
    assert interpreter_words({"extension": [refused], "communication": spoken}) == ""
    bare = [{"language": {"coding": [{"code": code}]}} for code in ("es", "zh-Hant", "x-sign")]
    named = [{"language": {"text": name}} for name in ("Ga", "de")]
    assert facts(communication=[*bare, *named])["Language"].lines == (
        "Spanish",
        "Chinese, zh-Hant",
        "x sign",
        "Ga",
        "German",
    )
    old = {"url": "http://hl7.org/fhir/StructureDefinition/patient-interpreterRequired"}
    assert interpreter_words({"extension": [{**old, "valueBoolean": True}]}) == "Interpreter needed"


def test_race_ethnicity_and_sex_in_their_own_words() -> None:
    race = extension(
        "us-core-race",
        extension=[
            {"url": "ombCategory", "valueCoding": {"code": "2106-3", "display": "White"}},
            {"url": "text", "valueString": "White, Irish"},
        ],
    )
    ethnicity = extension(
        "us-core-ethnicity",
        extension=[{"url": "ombCategory", "valueCoding": {"display": "Not Hispanic"}}],
    )
    clinical = {
        "url": "http://hl7.org/fhir/StructureDefinition/patient-sexParameterForClinicalUse",
        "extension": [{"url": "value", "valueCodeableConcept": concept("Apply female settings")}],
    }
    found = facts(
        extension=[
            race,
            ethnicity,
            clinical,
            extension("us-core-birthsex", valueCode="F"),
            extension("us-core-sex", valueCode="248153007"),
            extension("us-core-individual-sex", valueCoding={"code": "248152002"}),
        ]
    )
    assert found["Background"].lines == ("race: White, Irish", "ethnicity: Not Hispanic")
    assert found["Sex and gender"].lines == (
        "sex for clinical use: Apply female settings",
        "sex at birth: Female",
        "sex: Male",
        "sex: Female",
    )


def test_how_to_reach_the_patient_without_what_is_old() -> None:
    found = facts(
        telecom=[
            {"system": "phone", "use": "home", "value": "555-0100"},
            {"system": "phone", "use": "old", "value": "555-0199"},
            {"system": "phone", "value": "555-0198", "period": {"end": "2020-01-01"}},
        ],
        address=[
            {"use": "home", "line": ["1 Main St"], "city": "Springfield", "postalCode": "12345"},
            {"use": "old", "city": "Elsewhere"},
        ],
    )["Contact details"]
    assert found.lines == ("555-0100 (phone, home)", "1 Main St, Springfield, 12345 (home)")


def test_contacts_of_the_patient_and_related_persons() -> None:
    contact = {
        "name": {"text": "Ana Ruiz"},
        "relationship": [concept("Emergency contact")],
        "telecom": [{"value": "555-0101"}],
    }
    mother = about_patient(
        "RelatedPerson", "r", name=[{"text": "Eva Ruiz"}], relationship=[concept("Mother")]
    )
    former = about_patient("RelatedPerson", "s", name=[{"text": "Old Guardian"}], active=False)
    before = {"name": {"text": "Old Friend"}, "period": {"end": "2020"}}
    found = facts(former, mother, contact=[before, contact])
    assert list(found) == ["Ana Ruiz", "Eva Ruiz", "Old Friend", "Old Guardian"]
    assert found["Ana Ruiz"].lines == ("555-0101",)
    assert found["Eva Ruiz"].details == ("Mother",)
    assert found["Old Guardian"].fold == found["Old Friend"].fold == FORMER_CONTACT


def test_who_may_decide_is_said_in_words() -> None:
    may_decide = {"coding": [{"code": "HPOWATT"}]}
    found = facts(contact=[{"name": {"text": "Ana Ruiz"}, "relationship": [may_decide]}])
    assert found["Ana Ruiz"].details == ("Power of attorney for health care",)


def test_the_legal_sex_of_germany_is_said() -> None:
    legal = {"url": "http://fhir.de/StructureDefinition/gender-amtlich-de"}
    coded = {**legal, "valueCoding": {"code": "D", "display": "divers"}}
    found = facts(gender="other", _gender={"extension": [coded]})
    assert found["Sex and gender"].lines == ("legal sex: divers",)


def test_the_patients_own_facts_stand_for_no_resource() -> None:
    found = read_personal(Given((), NOW, {"communication": [{"language": concept("English")}]}))
    assert [one.sources for one in found.entries] == [0]


class TestCoverage:
    def coverage(self, **members: Any) -> Fact:
        resource = about_patient("Coverage", "c", **{"status": "active", **members})
        (only,) = read_coverage(Given((resource,), NOW)).entries
        return only

    def test_payer_plan_member_and_subscriber(self) -> None:
        found = self.coverage(
            payor=[{"display": "Aetna"}],
            type=concept("Health insurance"),
            subscriberId="W123",
            subscriber={"display": "Ana Ruiz"},
            relationship=concept("spouse"),
            period={"start": "2025-01-01"},
            **{"class": [{"type": concept("plan"), "value": "B37FC", "name": "Gold 1000"}]},
        )
        assert found.name == "Aetna"
        assert found.lines == (
            "plan: Gold 1000 (B37FC)",
            "member: W123",
            "subscriber: Ana Ruiz",
            "relation to the subscriber: spouse",
        )
        assert found.details == ("Health insurance",)

    def test_what_is_over_is_folded(self) -> None:
        assert self.coverage(period={"end": "2020-01-01"}).fold == OVER
        assert self.coverage(status="cancelled").fold == OVER
        assert self.coverage(period={"end": "2099-01-01"}).fold == ""


def test_sex_at_birth_and_ethnicity_of_other_countries() -> None:
    of_new_zealand = "http://hl7.org.nz/fhir/StructureDefinition/"
    found = facts(
        extension=[
            {
                "url": f"{of_new_zealand}sex-at-birth",
                "valueCodeableConcept": concept("Female"),
            },
            {"url": f"{of_new_zealand}nz-ethnicity", "valueCodeableConcept": concept("Samoan")},
            {
                "url": "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-BirthSex",
                "valueCodeableConcept": concept("Male"),
            },
        ]
    )
    assert found["Background"].lines == ("ethnicity: Samoan",)
    assert found["Sex and gender"].lines == ("sex at birth: Female", "sex at birth: Male")
