"""Problems, medications, allergies, immunizations and encounters as lists."""

from typing import Any

import pytest

from smartapp.chart.allergies import Allergy, read_allergies
from smartapp.chart.encounters import read_encounters
from smartapp.chart.immunizations import read_immunizations
from smartapp.chart.medications import (
    Medication,
    dosage_text,
    read_medications,
    unnamed_references,
)
from smartapp.chart.problems import Problem, read_problems
from tests.chart.samples import about_patient, concept, quantity

SNOMED = "http://snomed.info/sct"


def problem(**members: Any) -> Problem:
    condition = about_patient("Condition", "c", code=concept("Asthma"), **members)
    return read_problems([condition])[0]


def medication(**members: Any) -> Medication:
    base = {"status": "active", "intent": "order"}
    request = about_patient("MedicationRequest", "m", **{**base, **members})
    return read_medications([request], names={"7": "Metformin"})[0]


def allergy(**members: Any) -> Allergy:
    base = {"code": concept("Penicillin")}
    return read_allergies([about_patient("AllergyIntolerance", "a", **{**base, **members})])[0]


class TestProblems:
    def test_active_ones_come_first_newest_first(self) -> None:
        conditions = [
            about_patient("Condition", name, code=concept(name), onsetDateTime=onset, **status)
            for name, onset, status in (
                ("old", "2001", {}),
                ("resolved", "2020", {"clinicalStatus": concept("", "resolved")}),
                ("new", "2019", {}),
            )
        ]
        assert [p.name for p in read_problems(conditions)] == ["new", "old", "resolved"]

    def test_an_abatement_without_a_status_ends_it(self) -> None:
        assert not problem(abatementDateTime="2020").is_active
        assert problem(abatementDateTime="2020").status == "Over"

    def test_the_clinical_status_is_the_last_word(self) -> None:
        assert problem(abatementDateTime="2020", clinicalStatus=concept("", "relapse")).is_active

    def test_doubt_is_said(self) -> None:
        assert problem(verificationStatus=concept("", "provisional")).status == "Provisional"

    @pytest.mark.parametrize("status", ["refuted", "entered-in-error"])
    def test_what_is_not_true_is_left_out(self, status: str) -> None:
        condition = about_patient("Condition", "c", verificationStatus=concept("", status))
        assert read_problems([condition]) == ()


class TestMedications:
    def test_the_prescribers_words_are_the_dosage(self) -> None:
        assert dosage_text({"text": "1 tablet", "doseAndRate": [{}]}) == "1 tablet"

    def test_a_dosage_without_words_is_put_together(self) -> None:
        dosage = {
            "doseAndRate": [{"doseQuantity": quantity(5, "mg")}],
            "route": concept("by mouth"),
            "timing": {"repeat": {"frequency": 2, "period": 1, "periodUnit": "d"}},
            "asNeededBoolean": True,
        }
        assert dosage_text(dosage) == "5 mg, by mouth 2 times a day as needed"

    @pytest.mark.parametrize(
        ("timing", "shown"),
        [
            ({"repeat": {"frequency": 1, "period": 8, "periodUnit": "h"}}, "once every 8 hours"),
            ({"code": {"text": "BID"}}, "BID"),
            ({"repeat": {"frequency": "x", "period": 8, "periodUnit": "h"}}, ""),
            ({}, ""),
        ],
    )
    def test_timing_in_words(self, timing: dict[str, Any], shown: str) -> None:
        assert dosage_text({"timing": timing}) == shown

    def test_a_dose_range(self) -> None:
        limits = {"low": quantity(1, "mg"), "high": quantity(2, "mg")}
        assert dosage_text({"doseAndRate": [{"doseRange": limits}]}) == "1 mg to 2 mg"

    @pytest.mark.parametrize(
        ("members", "name"),
        [
            ({"medicationCodeableConcept": concept("Losartan")}, "Losartan"),
            ({"medicationReference": {"display": "Losartan"}}, "Losartan"),
            (
                {
                    "medicationReference": {"reference": "#x"},
                    "contained": [{"id": "x", "code": concept("Losartan")}],
                },
                "Losartan",
            ),
            ({"medicationReference": {"reference": "Medication/7"}}, "Metformin"),
            (
                {"medicationReference": {"reference": "Medication/8"}},
                "Medication that the EHR does not name",
            ),
        ],
    )
    def test_the_name_is_found_where_it_is(self, members: dict[str, Any], name: str) -> None:
        assert medication(**members).name == name

    def test_only_names_that_are_missing_are_asked_for(self) -> None:
        requests = [
            {"medicationReference": {"reference": "Medication/7"}},
            {"medicationReference": {"reference": "Medication/7"}},
            {"medicationReference": {"reference": "Medication/8", "display": "Losartan"}},
            {"medicationReference": {"reference": "https://elsewhere.example/Medication/9"}},
            {"medicationReference": {"reference": "Medication/../../admin"}},
        ]
        assert unnamed_references(requests) == ("7",)

    def test_stopped_ones_are_apart_and_say_so(self) -> None:
        stopped = medication(status="stopped")
        assert (stopped.is_current, stopped.status) == (False, "Stopped")
        assert medication().status == ""
        assert medication(intent="plan", reportedBoolean=True).status == "As reported"

    def test_proposals_and_mistakes_are_left_out(self) -> None:
        requests: list[dict[str, Any]] = [{"intent": "proposal"}, {"status": "entered-in-error"}]
        assert read_medications(requests, names={}) == ()


class TestAllergies:
    def test_criticality_and_reactions(self) -> None:
        found = allergy(
            criticality="high",
            reaction=[{"manifestation": [concept("Hives")], "severity": "severe"}],
        )
        assert found.is_high
        assert found.reactions == ("Hives (severe)",)
        assert found.criticality == "High criticality"

    def test_no_known_allergy_only_because_the_record_says_so(self) -> None:
        found = allergy(code=concept("NKA", "716186003", SNOMED))
        assert (found.is_statement, found.name) == (True, "No known allergies")
        assert read_allergies([]) == ()

    def test_a_substance_stands_in_for_a_missing_code(self) -> None:
        assert allergy(code=None, reaction=[{"substance": concept("Nuts")}]).name == "Nuts"
        assert allergy(code=None).name == "Allergy to something that is not named"

    def test_high_ones_come_first_and_resolved_last(self) -> None:
        intolerances = [
            about_patient("AllergyIntolerance", name, code=concept(name), **members)
            for name, members in (
                ("resolved", {"clinicalStatus": concept("", "resolved"), "criticality": "high"}),
                ("low", {"criticality": "low"}),
                ("high", {"criticality": "high"}),
            )
        ]
        assert [a.name for a in read_allergies(intolerances)] == ["high", "low", "resolved"]

    def test_refuted_ones_are_left_out(self) -> None:
        resource = about_patient(
            "AllergyIntolerance", "a", verificationStatus=concept("", "refuted")
        )
        assert read_allergies([resource]) == ()


def test_immunizations_say_what_was_not_given() -> None:
    given, refused = read_immunizations(
        [
            about_patient(
                "Immunization",
                "i",
                vaccineCode=concept("Influenza"),
                occurrenceDateTime="2026-10-02",
                status="completed",
                protocolApplied=[{"doseNumberPositiveInt": 2}],
            ),
            about_patient(
                "Immunization",
                "j",
                status="not-done",
                occurrenceDateTime="2025-10-02",
                statusReason=concept("Patient objection"),
            ),
        ]
    )
    assert (given.name, given.is_given, given.dose) == ("Influenza", True, "Dose 2")
    assert (refused.is_given, refused.reason_not_given) == (False, "Patient objection")


def test_encounters_newest_first_with_place_and_people() -> None:
    doctor = {"individual": {"display": "Dr. Okafor"}}
    new, old = read_encounters(
        [
            about_patient("Encounter", "e1", period={"start": "2019-01-01"}),
            about_patient(
                "Encounter",
                "e2",
                **{"class": {"code": "IMP"}},
                status="in-progress",
                period={"start": "2026-10-05", "end": "2026-10-07"},
                reasonCode=[concept("Chest pain")],
                location=[{"location": {"display": "Ward 3"}}],
                participant=[doctor, doctor],
            ),
        ]
    )
    assert (new.name, new.kind, new.status) == ("Inpatient", "Inpatient", "In progress")
    assert (new.reason, new.place, new.people) == ("Chest pain", "Ward 3", ("Dr. Okafor",))
    assert old.name == "Encounter"
