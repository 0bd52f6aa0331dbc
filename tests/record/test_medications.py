"""What must not be given, what is taken, and what is neither."""

from typing import Any

import pytest

from smartapp.record.elements import Resource
from smartapp.record.medications import (
    PROPOSED,
    Medication,
    medications_to_follow,
    read_medications,
)
from smartapp.record.modifiers import NOT_UNDERSTOOD
from smartapp.record.reading import Read
from tests.chart.samples import about_patient, concept
from tests.record.samples import given

RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"


def order(name: str = "Metformin 500 mg", **members: Any) -> Resource:
    base = {"status": "active", "intent": "order", "medicationCodeableConcept": concept(name)}
    return about_patient("MedicationRequest", name, **{**base, **members})


def statement(name: str = "Warfarin 5 mg", **members: Any) -> Resource:
    base = {"status": "active", "medicationCodeableConcept": concept(name)}
    return about_patient("MedicationStatement", name, **{**base, **members})


def read(*resources: Resource, **related: Resource) -> Read[Medication]:
    return read_medications(given(*resources, related=related))


def one(resource: Resource, related: dict[str, Resource] | None = None) -> Medication:
    (only,) = read_medications(given(resource, related=related)).entries
    return only


class TestDoNotGive:
    @pytest.mark.parametrize("forbids", [True, "true"])
    def test_stands_apart_and_says_so(self, forbids: object) -> None:
        found = one(order("Warfarin", doNotPerform=forbids))
        assert (found.name, found.group) == ("Do not give: Warfarin", "not-to-give")
        assert not found.is_current

    def test_comes_before_what_is_taken(self) -> None:
        found = read(order("Metformin"), order("Warfarin", doNotPerform=True)).entries
        assert [medication.group for medication in found] == ["not-to-give", "current"]

    def test_that_was_stopped_is_over_and_still_says_so(self) -> None:
        found = one(order("Warfarin", doNotPerform=True, status="stopped"))
        assert (found.name, found.group) == ("Do not give: Warfarin", "past")

    def test_is_never_lost_as_a_proposal(self) -> None:
        assert one(order(doNotPerform=True, intent="proposal")).group == "not-to-give"

    def test_that_is_neither_yes_nor_no_is_not_taken_for_no(self) -> None:
        assert one(order(doNotPerform="sometimes")).marks.not_understood == NOT_UNDERSTOOD
        assert one(order(doNotPerform=False)).marks.is_understood

    def test_is_not_folded_with_an_order_to_give(self) -> None:
        assert len(read(order(), order(doNotPerform=True)).entries) == 2


class TestIntent:
    @pytest.mark.parametrize("intent", ["proposal", "option"])
    def test_what_nobody_reports_is_left_out_with_the_reason(self, intent: str) -> None:
        found = read(order(intent=intent))
        assert (found.entries, [out.reason for out in found.left_out]) == ((), [PROPOSED])

    @pytest.mark.parametrize("intent", ["proposal", "plan", "option"])
    def test_what_somebody_reports_is_taken(self, intent: str) -> None:
        found = one(order(intent=intent, reportedBoolean=True))
        assert (found.is_current, found.latest.reported) == (True, "As reported")
        assert found.marks.status == ""

    def test_who_reported_it_is_said(self) -> None:
        found = one(order(intent="plan", reportedReference={"display": "Her daughter"}))
        assert found.latest.reported == "As reported by Her daughter"

    def test_a_plan_that_nobody_reports_says_so(self) -> None:
        assert one(order(intent="plan")).marks.status == "Planned"

    def test_an_unknown_one_is_said(self) -> None:
        assert one(order(intent="wish")).marks.status == "Intent “wish”"


class TestStatus:
    @pytest.mark.parametrize(
        ("status", "group", "words"),
        [
            ("active", "current", ""),
            ("on-hold", "current", "On hold"),
            ("unknown", "current", "Status unknown"),
            (None, "current", "Status not recorded"),
            ("completed", "past", "Completed"),
            ("stopped", "past", "Stopped"),
            ("cancelled", "never", "Cancelled"),
            ("draft", "never", "Draft"),
        ],
    )
    def test_of_an_order(self, status: str | None, group: str, words: str) -> None:
        found = one(order(status=status))
        assert (found.group, found.marks.status) == (group, words)

    @pytest.mark.parametrize(
        ("status", "group"), [("intended", "current"), ("not-taken", "never"), ("stopped", "past")]
    )
    def test_of_a_report(self, status: str, group: str) -> None:
        assert one(statement(status=status)).group == group

    def test_entered_in_error_is_left_out(self) -> None:
        assert read(order(status="entered-in-error")).left_out[0].reason == "entered in error"

    def test_has_its_reason(self) -> None:
        found = one(order(status="stopped", statusReason=concept("Cough")))
        assert found.latest.status_reason == "Cough"


class TestReports:
    def test_stand_beside_orders(self) -> None:
        found = read(order(), statement(informationSource={"display": "The patient"}))
        assert {medication.latest.reported for medication in found.entries} == {
            "",
            "As reported by The patient",
        }

    def test_have_dose_and_period(self) -> None:
        found = one(
            statement(
                dosage=[{"text": "1 tablet at night"}], effectivePeriod={"start": "2024-02-01"}
            )
        )
        assert found.dosages[0].words == "1 tablet at night"
        assert found.latest.course == "from 1 Feb 2024"


class TestOwnPeriod:
    def over(self, resource: Resource) -> bool:
        return one(resource).latest.is_over

    def test_that_has_ended_marks_a_current_order(self) -> None:
        repeat = {"boundsPeriod": {"start": "2020-04-01", "end": "2020-04-28"}}
        dosage = {"text": "1 tablet", "timing": {"repeat": repeat}}
        assert self.over(order(dosageInstruction=[dosage]))
        assert not self.over(order(dosageInstruction=[dosage, {"text": "2 tablets"}]))
        assert not self.over(order(dosageInstruction=[dosage], status="stopped"))

    def test_of_a_report_too(self) -> None:
        assert self.over(statement(effectivePeriod={"end": "2026-11-22"}))
        assert not self.over(statement(effectivePeriod={"end": "2026-11-23"}))

    def test_of_dispensing_where_no_dose_has_one(self) -> None:
        assert self.over(order(dispenseRequest={"validityPeriod": {"end": "2020-04-28"}}))

    def test_without_one_nothing_is_over(self) -> None:
        assert not self.over(order())


class TestNames:
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
            ({"medicationReference": {"reference": "Medication/8"}},
             "Medication that could not be read"),
            ({}, "Medication that the EHR does not name"),
            ({"medication": {"concept": concept("Losartan")}}, "Losartan"),
            ({"medication": {"reference": {"reference": "Medication/7"}}}, "Metformin"),
            ({"medicationCodeableConcept": {"coding": [{"system": RXNORM, "code": "197696"}]}},
             "RxNorm 197696"),
        ],
    )  # fmt: skip
    def test_are_found_where_they_are(self, members: dict[str, Any], name: str) -> None:
        resource = about_patient("MedicationRequest", "m", status="active", **members)
        related = {"Medication/7": {"resourceType": "Medication", "code": concept("Metformin")}}
        assert one(resource, related).name == name

    @pytest.mark.parametrize("is_contained", [True, False])
    def test_may_be_ingredients_with_their_strength(self, is_contained: bool) -> None:
        strength = {
            "numerator": {"value": 500, "unit": "mg"},
            "denominator": {"value": 1, "unit": "tablet"},
        }
        medication = {
            "resourceType": "Medication",
            "id": "x",
            "code": {"coding": [{"system": RXNORM, "code": "1"}]},
            "ingredient": [
                {"itemCodeableConcept": concept("Metformin"), "strength": strength},
                {"itemReference": {"display": "Sitagliptin"}},
            ],
        }
        reference = "#x" if is_contained else "https://ehr.example/fhir/Medication/x/_history/2"
        resource = about_patient(
            "MedicationRequest",
            "m",
            medicationReference={"reference": reference},
            contained=[medication] if is_contained else [],
        )
        found = one(resource, {} if is_contained else {reference: medication})
        assert found.name == "Metformin 500 mg per tablet + Sitagliptin"

    def test_that_are_missing_are_asked_for_once(self) -> None:
        requests: list[Resource] = [
            {"medicationReference": {"reference": "Medication/7"}},
            {"medicationReference": {"reference": "Medication/7"}},
            {"medicationReference": {"reference": "Medication/8", "display": "Losartan"}},
            {"medicationReference": {"reference": "#contained"}},
            {"medicationCodeableConcept": concept("x"),
             "reasonReference": [{"reference": "Condition/c1"}, {"display": "Gout"}]},
        ]  # fmt: skip
        assert medications_to_follow(requests) == ("Medication/7", "Condition/c1")


class TestWhatStandsBesideAnOrder:
    def test_reasons_of_every_form(self) -> None:
        found = one(
            order(
                reasonCode=[concept("Pain")],
                reasonReference=[
                    {"display": "Gout"},
                    {"reference": "Condition/c1"},
                    {"reference": "#c2"},
                ],
                contained=[{"id": "c2", "code": concept("Fever")}],
            ),
            {"Condition/c1": {"code": concept("Arthritis")}},
        )
        assert found.latest.reasons == ("Pain", "Gout", "Arthritis", "Fever")

    def test_a_reason_that_cannot_be_read_is_there(self) -> None:
        found = one(order(reasonReference=[{"reference": "Condition/c1"}]))
        assert found.latest.reasons == ("a reason in another entry of the EHR",)

    def test_notes_prescriber_and_date(self) -> None:
        latest = one(
            order(
                note=[{"text": "PRN SBP greater than\n180 mmHg"}],
                requester={"display": "Dr. Okafor"},
                authoredOn="2026-05-01",
            )
        ).latest
        assert latest.marks.notes == ("PRN SBP greater than\n180 mmHg",)
        assert latest.prescriber == "Dr. Okafor"
        assert latest.marks.when is not None
        assert latest.marks.when.date_text == "1 May 2026"

    def test_the_supply(self) -> None:
        dispense = {
            "quantity": {"value": 30, "unit": "tablets"},
            "numberOfRepeatsAllowed": 2,
            "expectedSupplyDuration": {"value": 30, "unit": "days"},
            "validityPeriod": {"end": "2027-01-01"},
            "performer": {"display": "Corner Pharmacy"},
        }
        assert one(order(dispenseRequest=dispense)).latest.supply == (
            "30 tablets, 2 repeats, for 30 days, to be dispensed until 1 Jan 2027, Corner Pharmacy"
        )

    def test_course_category_priority_and_substitution(self) -> None:
        details = one(
            order(
                category=[concept("Discharge")],
                priority="stat",
                courseOfTherapyType=concept("Continuous long term therapy"),
                substitution={"allowedBoolean": False},
            )
        ).latest.details
        assert details == (
            "Discharge",
            "At once",
            "Continuous long term therapy",
            "No substitution",
        )


class TestRepeatPrescriptions:
    def test_of_one_name_and_dose_are_one_entry_with_all_orders(self) -> None:
        dose = [{"text": "1 tablet daily"}]
        orders = [
            order("Amlodipine 5 mg", authoredOn=f"2026-0{month}-07", dosageInstruction=dose,
                  note=[{"text": f"order {month}"}])
            for month in (1, 6, 3)
        ]  # fmt: skip
        (found,) = read(*orders).entries
        assert found.sources == 3
        assert found.marks.when is not None
        assert found.marks.when.date_text == "7 Jun 2026"
        assert [order.marks.notes for order in (found.latest, *found.earlier)] == [
            ("order 6",),
            ("order 3",),
            ("order 1",),
        ]

    @pytest.mark.parametrize(
        "other",
        [
            {"dosageInstruction": [{"text": "2 tablets daily"}]},
            {"status": "on-hold"},
            {"status": "stopped"},
            {"doNotPerform": True},
            {"reportedBoolean": True},
            {"modifierExtension": [{"url": "http://example.org/x"}]},
        ],
    )
    def test_that_differ_in_what_counts_stay_apart(self, other: dict[str, Any]) -> None:
        assert len(read(order(), order(**other)).entries) == 2

    def test_lose_nothing(self) -> None:
        resources = [order(), order(), order("x"), order(intent="option"), statement()]
        found = read(*resources)
        assert sum(one.sources for one in found.entries) + len(found.left_out) == len(resources)
