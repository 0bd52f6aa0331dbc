from typing import Any

import pytest

from smartapp.record.allergies import NOT_NAMED, Allergy, Reaction, read_allergies
from smartapp.record.elements import Resource
from tests.chart.samples import about_patient, concept
from tests.record.samples import SNOMED, given, named


def allergy(**members: Any) -> Allergy:
    base = {"code": concept("Penicillin")}
    resource = about_patient("AllergyIntolerance", "a", **{**base, **members})
    (only,) = read_allergies(given(resource)).entries
    return only


def read(*resources: Resource) -> list[Allergy]:
    return list(read_allergies(given(*resources)).entries)


def reaction(**members: Any) -> Reaction:
    (only,) = allergy(reaction=[members]).reactions
    return only


def intolerance(name: str, **members: Any) -> Resource:
    return named("AllergyIntolerance", name, **members)


class TestName:
    def test_is_the_code_then_the_substance_and_a_bare_code_last(self) -> None:
        bare = {"coding": [{"system": SNOMED, "code": "91936005"}]}
        nuts = [{"substance": concept("Nuts")}]
        assert allergy(code=bare, reaction=nuts).name == "Nuts"
        assert allergy(code=bare).name == "SNOMED CT 91936005"
        assert allergy(code=None).name == NOT_NAMED


class TestStatus:
    @pytest.mark.parametrize("wrap", [lambda code: code, lambda code: concept("", code)])
    def test_may_be_a_string_or_a_concept(self, wrap: Any) -> None:
        assert not allergy(clinicalStatus=wrap("resolved")).is_active
        assert allergy(clinicalStatus=wrap("active")).is_active
        for status, reason in (("entered-in-error", "entered in error"), ("refuted", "ruled out")):
            found = read_allergies(given(intolerance("x", verificationStatus=wrap(status))))
            assert (found.entries, found.left_out[0].reason) == ((), reason)

    def test_doubt_is_said(self) -> None:
        assert allergy(verificationStatus="unconfirmed").marks.status == "Unconfirmed"

    def test_critical_ones_come_first_and_resolved_last(self) -> None:
        found = read(
            intolerance("resolved", clinicalStatus=concept("", "resolved"), criticality="high"),
            intolerance("low", criticality="low"),
            intolerance("high", criticality="high"),
        )
        assert [one.name for one in found] == ["high", "low", "resolved"]
        assert found[0].criticality == "High criticality"


class TestReaction:
    def test_has_its_manifestations_and_severity(self) -> None:
        found = reaction(manifestation=[concept("Hives"), concept("Wheeze")], severity="severe")
        assert found.words == "Hives, Wheeze (severe)"

    def test_a_description_comes_before_a_bare_code(self) -> None:
        bare = [{"coding": [{"system": SNOMED, "code": "39579001"}]}]
        assert reaction(manifestation=bare, description="anaphylaxis").words == "anaphylaxis"
        assert reaction(manifestation=bare).words == "SNOMED CT 39579001"

    def test_keeps_description_substance_route_onset_and_notes(self) -> None:
        found = reaction(
            manifestation=[concept("Hives")],
            description="Needed epinephrine and intensive care",
            substance=concept("Amoxicillin"),
            exposureRoute=concept("by injection"),
            onset="2012-06-12",
            note=[{"text": "at the dentist's"}],
        )
        assert found.details == (
            "Needed epinephrine and intensive care",
            "to Amoxicillin",
            "exposure: by injection",
            "12 Jun 2012",
        )
        assert found.notes == ("at the dentist's",)

    def test_may_have_a_severity_only(self) -> None:
        assert reaction(severity="mild").words == "Mild reaction"
        assert reaction(severity="fatal").words == "Severity “fatal” reaction"


class TestDates:
    def test_a_recorded_date_is_no_onset(self) -> None:
        found = allergy(recordedDate="2026-03-01")
        assert found.onset is None
        assert found.recorded is not None
        assert found.recorded.date_text == "1 Mar 2026"

    @pytest.mark.parametrize(
        ("members", "words"),
        [
            ({"onsetDateTime": "2012"}, "2012"),
            ({"onsetString": "in childhood"}, "in childhood"),
            ({"onsetAge": {"value": 52, "code": "a"}}, "at the age of 52 years"),
            ({"onsetPeriod": {"start": "2012", "end": "2014"}}, "from 2012 to 2014"),
            (
                {
                    "onsetRange": {
                        "low": {"value": 3, "unit": "years"},
                        "high": {"value": 5, "unit": "years"},
                    }
                },
                "at the age of 3 years to 5 years",
            ),
        ],
    )
    def test_the_onset_is_said_in_every_form(self, members: dict[str, Any], words: str) -> None:
        found = allergy(recordedDate="2026-03-01", **members).onset
        assert found is not None
        assert found.words == words

    def test_the_last_reaction(self) -> None:
        found = allergy(lastOccurrence="2024-02-02").last_occurrence
        assert found is not None
        assert found.date_text == "2 Feb 2024"


class TestStatements:
    def test_count_for_nothing(self) -> None:
        found = allergy(code=concept("No Known Allergies", "160244002", SNOMED))
        assert (found.name, found.is_counted) == ("No Known Allergies", False)
        assert not found.is_contradicted

    def test_come_after_allergies_and_are_remarked_where_one_contradicts(self) -> None:
        peanut, statement = read(intolerance("No known allergies"), intolerance("Peanut"))
        assert (peanut.name, peanut.is_counted) == ("Peanut", True)
        assert statement.is_contradicted

    def test_of_one_kind_are_contradicted_by_that_kind_only(self) -> None:
        def contradicted(*category: str) -> bool:
            penicillin = intolerance("Penicillin", category=list(category))
            return read(penicillin, intolerance("No known food allergies"))[-1].is_contradicted

        assert not contradicted("medication")
        assert contradicted("food")
        # Nobody says of which kind it is.
        assert contradicted()

    def test_are_not_contradicted_by_what_is_over(self) -> None:
        over = intolerance("Latex", clinicalStatus="resolved")
        assert not read(over, intolerance("No known allergies"))[0].is_contradicted

    def test_an_exposure_without_risk_is_one(self) -> None:
        risk = {
            "url": "http://hl7.org/fhir/StructureDefinition/allergyintolerance-substanceExposureRisk",
            "extension": [
                {"url": "substance", "valueCodeableConcept": concept("Penicillin")},
                {
                    "url": "exposureRisk",
                    "valueCodeableConcept": concept("", "no-known-reaction-risk"),
                },
            ],
        }
        found = allergy(code=None, extension=[risk])
        assert found.name == "No known risk of a reaction to Penicillin"
        assert not found.is_counted
