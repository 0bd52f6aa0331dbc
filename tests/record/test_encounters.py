from typing import Any

from smartapp.record.elements import Resource
from smartapp.record.encounters import (
    Encounter,
    encounters_to_follow,
    read_encounter,
    read_encounters,
)
from tests.chart.samples import about_patient, concept
from tests.record.samples import given


def resource(**members: Any) -> Resource:
    return about_patient("Encounter", "e", **{"status": "finished", **members})


def encounter(related: dict[str, Resource] | None = None, **members: Any) -> Encounter:
    return read_encounter(resource(**members), related or {})


class TestOrder:
    def test_newest_first_and_by_the_end_where_the_start_is_missing(self) -> None:
        found = read_encounters(
            given(
                resource(period={"start": "2020-01-01"}),
                resource(period={"end": "2026-01-01"}),
                resource(period={"start": "2019-01-01", "end": "2026-12-01"}),
            )
        ).entries
        assert [one.when.date_text for one in found if one.when] == [
            "1 Jan 2026",
            "1 Jan 2020",
            "1 Jan 2019",
        ]

    def test_entered_in_error_is_left_out(self) -> None:
        assert read_encounters(given(resource(status="entered-in-error"))).entries == ()


def test_the_launchs_visit_says_that_it_was_entered_in_error() -> None:
    assert encounter(status="entered-in-error").is_in_error
    assert not encounter().is_in_error


class TestWhatIsSaid:
    def test_every_reason_and_diagnosis(self) -> None:
        found = encounter(
            {"Condition/c1": {"code": concept("Hip fracture")}},
            reasonCode=[concept("Fall"), concept("Pain")],
            reasonReference=[{"display": "Syncope"}],
            diagnosis=[
                {"condition": {"reference": "Condition/c1"}, "use": concept("Discharge diagnosis")},
                {
                    "condition": {"reference": "Condition/c2"},
                    "use": {"coding": [{"code": "AD"}]},
                },
            ],
        )
        assert found.reasons == ("Fall", "Pain", "Syncope")
        assert found.diagnoses == (
            "Hip fracture (Discharge diagnosis)",
            "a diagnosis in another entry of the EHR (admission diagnosis)",
        )

    def test_how_it_ended(self) -> None:
        stay = {
            "dischargeDisposition": concept("Died in hospital"),
            "destination": {"display": "Hospice"},
            "admitSource": concept("Emergency department"),
        }
        found = encounter(hospitalization=stay)
        assert found.disposition == "Died in hospital, to Hospice"
        assert found.details == ("admitted from Emergency department",)

    def test_places_and_people_with_their_roles(self) -> None:
        doctor = {"individual": {"display": "Dr. Okafor"}}
        nurse = {"individual": {"display": "N. Li"}, "type": [concept("admitter")]}
        found = encounter(
            location=[{"location": {"display": "Ward 3"}}],
            serviceProvider={"display": "Hillside"},
            participant=[doctor, doctor, nurse],
        )
        assert found.places == ("Ward 3", "Hillside")
        assert found.people == ("Dr. Okafor", "N. Li (admitter)")

    def test_the_kind_is_not_said_twice(self) -> None:
        inpatient: dict[str, Any] = {"class": {"code": "IMP"}}
        assert (encounter(**inpatient).name, encounter(**inpatient).kind) == ("Inpatient", "")
        named = encounter(**inpatient, type=[concept("Stroke unit"), concept("Stay")])
        assert (named.name, named.kind, named.details) == ("Stroke unit", "Inpatient", ("Stay",))
        assert encounter().name == "Encounter"

    def test_a_status_other_than_finished(self) -> None:
        assert encounter(status="in-progress").marks.status == "In progress"


def test_conditions_without_a_name_are_asked_for() -> None:
    found = resource(
        reasonReference=[
            {"reference": "Condition/c1"},
            {"reference": "Condition/c2", "display": "x"},
        ],
        diagnosis=[{"condition": {"reference": "Condition/c3"}}],
    )
    assert encounters_to_follow([found]) == ("Condition/c1", "Condition/c3")
