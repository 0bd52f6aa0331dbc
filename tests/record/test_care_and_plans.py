"""Care teams, goals and care plans, family history."""

from typing import Any

import pytest

from smartapp.record.care_teams import care_teams_to_follow, read_care_teams
from smartapp.record.elements import Resource
from smartapp.record.facts import Fact
from smartapp.record.family_history import read_family_history
from smartapp.record.plans import OVER, plans_to_follow, read_plans
from tests.chart.samples import about_patient, concept
from tests.record.samples import given


class TestCareTeam:
    def team(self, **members: Any) -> Fact:
        resource = about_patient("CareTeam", "t", **{"status": "active", **members})
        related: dict[str, Resource] = {
            "Practitioner/1": {"name": [{"text": "Dr. Okafor"}]},
            "PractitionerRole/1": {
                "resourceType": "PractitionerRole",
                "practitioner": {"display": "Dr. Nine"},
                "code": [concept("Cardiologist")],
            },
        }
        (only,) = read_care_teams(given(resource, related=related)).entries
        return only

    def test_each_member_has_name_and_role(self) -> None:
        found = self.team(
            name="Diabetes team",
            participant=[
                {"member": {"reference": "Practitioner/1"}, "role": [concept("Physician")]},
                {"member": {"display": "Nurse Li"}, "period": {"end": "2020"}},
                {"member": {"reference": "Practitioner/2"}},
                {"role": [concept("Nurse")]},
            ],
        )
        assert found.name == "Diabetes team"
        assert found.lines == (
            "Dr. Okafor, Physician",
            "Nurse Li, until 2020",
            "member in another entry of the EHR",
            "member whom the EHR does not name, Nurse",
        )

    def test_a_member_by_their_role_has_its_person_and_what_they_do(self) -> None:
        member = {"reference": "PractitionerRole/1"}
        found = self.team(participant=[{"member": member}])
        assert found.lines == ("Dr. Nine, Cardiologist",)
        found = self.team(participant=[{"member": member, "role": [concept("Surgeon")]}])
        assert found.lines == ("Dr. Nine, Surgeon",)

    def test_one_that_is_over_is_folded(self) -> None:
        assert self.team(status="inactive").fold

    def test_members_without_a_name_are_asked_for(self) -> None:
        team: Resource = {"participant": [{"member": {"reference": "Practitioner/1"}}]}
        assert care_teams_to_follow([team]) == ("Practitioner/1",)


class TestGoals:
    def goal(self, **members: Any) -> Fact:
        base = {"lifecycleStatus": "active", "description": concept("Lower HbA1c")}
        resource = about_patient("Goal", "g", **{**base, **members})
        (only,) = read_plans(given(resource)).entries
        return only

    @pytest.mark.parametrize(
        ("target", "line"),
        [
            ({"measure": concept("HbA1c"), "dueDate": "2026-12-01",
              "detailQuantity": {"value": 7, "unit": "%", "comparator": "<"}},
             "target: HbA1c < 7 %, by 1 Dec 2026"),
            ({"detailRange": {"low": {"value": 60, "unit": "kg"},
                              "high": {"value": 65, "unit": "kg"}}}, "target: 60 kg to 65 kg"),
            ({"detailString": "walk daily", "dueDuration": {"value": 3, "code": "mo"}},
             "target: walk daily, by 3 months"),
            ({"measure": concept("Smoking"), "detailBoolean": False}, "target: Smoking no"),
        ],
    )  # fmt: skip
    def test_have_their_target_in_words(self, target: dict[str, Any], line: str) -> None:
        assert self.goal(target=[target]).lines == (line,)

    def test_say_how_they_stand(self) -> None:
        found = self.goal(lifecycleStatus="proposed", achievementStatus=concept("Improving"))
        assert found.marks.status == "Proposed"
        assert "Improving" in found.details
        assert self.goal(lifecycleStatus="rejected").fold == OVER


class TestCarePlans:
    def plan(self, **members: Any) -> Fact:
        base = {"status": "active", "intent": "plan", "title": "Diabetes plan"}
        resource = about_patient("CarePlan", "p", **{**base, **members})
        related: dict[str, Resource] = {
            "Condition/c1": {"code": concept("Diabetes")},
            "Goal/g1": {"description": concept("Lower HbA1c")},
        }
        (only,) = read_plans(given(resource, related=related)).entries
        return only

    def test_what_must_not_be_done_says_so(self) -> None:
        activity = {
            "detail": {"code": concept("Fasting"), "doNotPerform": True, "status": "scheduled"}
        }
        assert self.plan(activity=[activity]).lines == ("do not do: Fasting, scheduled",)

    def test_activities_goals_and_conditions_are_named(self) -> None:
        found = self.plan(
            addresses=[{"reference": "Condition/c1"}],
            goal=[{"reference": "Goal/g1"}],
            activity=[
                {"detail": {"description": "Walk", "status": "in-progress",
                            "scheduledTiming": {"repeat": {"period": 1, "periodUnit": "d"}}}},
                {"reference": {"reference": "ServiceRequest/9"}},
            ],
        )  # fmt: skip
        assert found.lines == (
            "because of: Diabetes",
            "Walk, once a day",
            "an activity in another entry of the EHR",
            "goals: Lower HbA1c",
        )

    def test_a_plan_that_is_only_text_is_its_text(self) -> None:
        """US Core's care plan: the narrative is all that must be there."""
        div = "<div><p>Rest.</p><ul><li>Fluids &amp; salt</li></ul><script>x</script></div>"
        assert self.plan(text={"status": "generated", "div": div}).text == "Rest.\nFluids & salt"
        written = self.plan(description="Rest", text={"status": "generated", "div": div})
        assert written.text == ""

    def test_a_proposal_says_so(self) -> None:
        assert "Proposed" in self.plan(intent="proposal").details

    def test_what_it_refers_to_is_asked_for(self) -> None:
        plan: Resource = {"addresses": [{"reference": "Condition/c1"}], "goal": []}
        assert plans_to_follow([plan]) == ("Condition/c1",)


class TestFamilyHistory:
    def relative(self, **members: Any) -> Fact:
        base = {"status": "completed", "relationship": concept("Mother")}
        resource = about_patient("FamilyMemberHistory", "f", **{**base, **members})
        (only,) = read_family_history(given(resource)).entries
        return only

    def test_illnesses_with_age_and_outcome(self) -> None:
        found = self.relative(
            name="Ana",
            deceasedAge={"value": 61, "code": "a"},
            condition=[
                {
                    "code": concept("Breast cancer"),
                    "onsetAge": {"value": 52, "code": "a"},
                    "outcome": concept("died"),
                    "contributedToDeath": True,
                    "note": [{"text": "both sides"}],
                }
            ],
        )
        assert found.name == "Mother (Ana)"
        assert found.lines == (
            "Breast cancer, at the age of 52 years, outcome: died, contributed to the death, "
            "both sides",
        )
        assert found.details == ("died at the age of 61 years",)

    @pytest.mark.parametrize(
        ("members", "details"),
        [
            ({"deceasedBoolean": True}, ("deceased",)),
            ({"deceasedBoolean": False}, ()),
            ({"deceasedDate": "2012"}, ("died 2012",)),
            ({"bornDate": "1950", "sex": concept("Female")}, ("Female", "born 1950")),
            ({"ageAge": {"value": 70, "code": "a"}, "estimatedAge": True}, ("about 70 years",)),
        ],
    )
    def test_the_person(self, members: dict[str, Any], details: tuple[str, ...]) -> None:
        assert self.relative(**members).details == details

    def test_what_is_not_known_is_said(self) -> None:
        found = self.relative(status="health-unknown", dataAbsentReason=concept("Adopted"))
        assert found.marks.status == "Health not known"
        assert found.lines == ("not known: Adopted",)


# A plan may contain the orders that are its activities.
@pytest.mark.parametrize(
    ("inner", "said"),
    [
        ({"code": concept("BP on left arm"), "doNotPerform": True}, "do not do: BP on left arm"),
        (
            {
                "resourceType": "MedicationRequest",
                "medicationCodeableConcept": concept("Ibuprofen"),
                "doNotPerform": True,
            },
            "do not do: Ibuprofen",
        ),
        ({"code": concept("X-ray"), "status": "revoked"}, "X-ray, revoked"),
        ({"code": concept("X-ray"), "status": "active"}, "X-ray"),
        ({"code": concept("X-ray"), "status": "entered-in-error"}, "X-ray (entered in error)"),
        (
            {"code": concept("X-ray"), "modifierExtension": [{"url": "urn:x"}]},
            "X-ray (marked in a way this app does not understand)",
        ),
        (
            {
                "resourceType": "MedicationRequest",
                "medicationCodeableConcept": concept("Ibuprofen"),
                "modifierExtension": [{"url": "urn:x"}],
            },
            "Ibuprofen (marked in a way this app does not understand)",
        ),
    ],
)
def test_an_order_that_a_plan_contains_is_not_turned_round(inner: Resource, said: str) -> None:
    order = {"resourceType": "ServiceRequest", "id": "s", **inner}
    activity = [{"reference": {"reference": "#s"}}]
    plan = about_patient("CarePlan", "p", contained=[order], activity=activity)
    (found,) = read_plans(given(plan)).entries
    assert said in found.lines


def test_a_goal_that_is_over_says_so_in_its_plan() -> None:
    description = concept("Quit smoking")
    goal: Resource = {"resourceType": "Goal", "id": "g", "lifecycleStatus": "cancelled"}
    goal |= {"description": description}
    plan = about_patient("CarePlan", "p", contained=[goal], goal=[{"reference": "#g"}])
    (found,) = read_plans(given(plan)).entries
    assert found.lines == ("goals: Quit smoking (cancelled)",)
