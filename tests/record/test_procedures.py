"""Procedures as US Core, Epic and Australian servers write them."""

from typing import Any

import pytest

from smartapp.record.facts import Fact
from smartapp.record.procedures import NOT_NAMED, procedures_to_follow, read_procedures
from tests.chart.samples import about_patient, concept
from tests.record.samples import SNOMED, given


def procedure(**members: Any) -> Fact:
    base = {"status": "completed", "code": concept("Appendectomy")}
    resource = about_patient("Procedure", "p", **{**base, **members})
    (only,) = read_procedures(given(resource)).entries
    return only


@pytest.mark.parametrize(
    ("members", "shown"),
    [
        ({"performedDateTime": "2019-02-11"}, "11 Feb 2019"),
        ({"performedPeriod": {"start": "2019-02", "end": "2019-03"}}, "to Mar 2019"),
        ({"performedPeriod": {"start": "2019-02-11"}}, "11 Feb 2019"),
        ({"performedPeriod": {"start": "2019-02-11", "end": "2019-02-11"}}, "11 Feb 2019"),
        ({"performedString": "as a child"}, "as a child"),
        ({"performedAge": {"value": 12, "code": "a"}}, "at the age of 12 years"),
        ({"occurrenceDateTime": "2019"}, "2019"),
    ],
)
def test_when_is_said_in_every_form(members: dict[str, Any], shown: str) -> None:
    found = procedure(**members)
    assert (found.when_words or (found.began and found.began.date_text)) == shown


def test_one_that_was_not_done_says_so_and_why() -> None:
    found = procedure(status="not-done", statusReason=concept("Patient refused"))
    assert found.marks.status == "Not done"
    assert found.lines == ("why not: Patient refused",)


def test_side_reason_outcome_device_and_people() -> None:
    found = procedure(
        bodySite=[concept("Left knee")],
        reasonCode=[concept("Pain")],
        outcome=concept("Successful"),
        complication=[concept("Bleeding")],
        focalDevice=[{"manipulated": {"display": "Prosthesis"}, "action": concept("Implanted")}],
        followUp=[concept("Suture removal")],
        performer=[{"actor": {"display": "Dr. Okafor"}, "function": concept("Surgeon")}],
        location={"display": "Theatre 2"},
        note=[{"text": "Uneventful.\nHome on day 2."}],
    )
    assert found.lines == (
        "because of: Pain",
        "outcome: Successful",
        "complications: Bleeding",
        "device: Prosthesis (Implanted)",
        "follow-up: Suture removal",
    )
    assert found.details == ("Left knee", "Dr. Okafor (Surgeon)", "Theatre 2")
    assert found.marks.notes == ("Uneventful.\nHome on day 2.",)


def test_names() -> None:
    bare = {"coding": [{"system": SNOMED, "code": "80146002"}]}
    assert procedure(code=bare).name == "SNOMED CT 80146002"
    assert procedure(code=None).name == NOT_NAMED


def test_nothing_is_lost_or_shown_in_error() -> None:
    resources = [
        about_patient("Procedure", "1", status="completed", performedDateTime="2019"),
        about_patient("Procedure", "2", status="entered-in-error"),
        about_patient("Procedure", "3", performedDateTime="2024"),
    ]
    found = read_procedures(given(*resources))
    assert [one.marks.source for one in found.entries] == ["Procedure/3", "Procedure/1"]
    assert len(found.left_out) == 1
    assert found.entries[0].marks.status == "Status not recorded"


def test_reasons_without_a_name_are_asked_for() -> None:
    found = procedures_to_follow([{"reasonReference": [{"reference": "Condition/c1"}]}])
    assert found == ("Condition/c1",)


def test_complications_and_devices_inside_the_entry_are_named() -> None:
    bleeding = {"resourceType": "Condition", "id": "c", "code": concept("Bleeding")}
    stent = {"resourceType": "Device", "id": "d", "type": concept("Stent")}
    found = procedure(
        contained=[bleeding, stent],
        complicationDetail=[{"reference": "#c"}],
        focalDevice=[{"manipulated": {"reference": "#d"}, "action": concept("Implanted")}],
    )
    assert {"complications: Bleeding", "device: Stent (Implanted)"} <= {*found.lines}
