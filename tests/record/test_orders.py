"""Referrals, orders and appointments."""

from typing import Any

import pytest

from smartapp.record.appointments import PAST, read_appointments
from smartapp.record.facts import Fact
from smartapp.record.orders import (
    CONTRADICTED,
    DONE,
    FORBIDDEN,
    NEVER,
    REPLACED,
    orders_to_follow,
    read_orders,
)
from tests.chart.samples import about_patient, concept
from tests.record.samples import given


def order(**members: Any) -> Fact:
    base = {"status": "active", "intent": "order", "code": concept("MRI of the knee")}
    resource = about_patient("ServiceRequest", "s", **{**base, **members})
    (only,) = read_orders(given(resource)).entries
    return only


class TestOrders:
    def test_what_must_not_be_done_says_so(self) -> None:
        assert order(doNotPerform=True).name == "Do not do: MRI of the knee"

    @pytest.mark.parametrize(
        ("status", "fold"),
        [
            ("active", ""),
            ("on-hold", ""),
            ("completed", DONE),
            ("revoked", NEVER),
            ("draft", NEVER),
        ],
    )
    def test_what_is_done_or_was_never_ordered_is_folded(self, status: str, fold: str) -> None:
        assert order(status=status).fold == fold

    @pytest.mark.parametrize(
        ("forbidden", "ordered", "is_same"),
        [
            ({"code": concept("CT")}, {"code": concept("CT")}, True),
            ({"code": concept("CT")}, {"code": concept("CT"), "bodySite": [concept("Arm")]}, True),
            (
                {"code": concept("CT"), "bodySite": [concept("Left arm")]},
                {"code": concept("CT"), "bodySite": [concept("Right arm")]},
                False,
            ),
            ({}, {}, False),
        ],
        ids=["the same", "anywhere", "elsewhere", "without names"],
    )
    def test_that_contradict_each_other_say_so(
        self, forbidden: dict[str, Any], ordered: dict[str, Any], is_same: bool
    ) -> None:
        base = {"status": "active", "intent": "order"}
        prohibition = about_patient("ServiceRequest", "a", **base, doNotPerform=True, **forbidden)
        other = about_patient("ServiceRequest", "b", **base, **ordered)
        lines = [
            line for one in read_orders(given(prohibition, other)).entries for line in one.lines
        ]
        assert ((CONTRADICTED in lines), (FORBIDDEN in lines)) == (is_same, is_same)

    @pytest.mark.parametrize(
        ("newer", "is_replaced"),
        [({}, True), ({"status": "draft"}, False), ({"intent": "proposal"}, False)],
    )
    def test_one_that_another_replaces_says_so(
        self, newer: dict[str, Any], is_replaced: bool
    ) -> None:
        base = {"status": "active", "intent": "order", "code": concept("CT")}
        older = about_patient("ServiceRequest", "a", **base)
        by = [{"reference": "ServiceRequest/a"}, {"reference": "ServiceRequest/b"}]
        other = about_patient("ServiceRequest", "b", **{**base, **newer}, replaces=by)
        found = read_orders(given(older, other)).entries
        sources = [one.marks.source for one in found if REPLACED in one.lines]
        assert sources == ["ServiceRequest/a"] * is_replaced

    def test_an_intent_that_is_no_order_is_said(self) -> None:
        assert order(intent="proposal").marks.status == "Proposed"
        assert order(intent="directive").marks.status == "Intent “directive”"

    def test_all_that_an_order_says(self) -> None:
        found = order(
            priority="urgent",
            category=[concept("Imaging")],
            bodySite=[concept("Left knee")],
            orderDetail=[concept("with contrast")],
            occurrenceDateTime="2026-12-01",
            reasonCode=[concept("Pain")],
            patientInstruction="Fast for 4 hours",
            requester={"display": "Dr. Okafor"},
            performer=[{"display": "Radiology"}],
            asNeededBoolean=True,
            authoredOn="2026-11-01",
        )
        assert found.lines == (
            "detail: with contrast",
            "planned for: 1 Dec 2026",
            "because of: Pain",
            "for the patient: Fast for 4 hours",
            "ordered by: Dr. Okafor",
            "to: Radiology",
        )
        assert found.details == ("Imaging", "Urgent", "Left knee", "as needed")

    def test_a_timing_that_cannot_be_said_is_in_the_ehr(self) -> None:
        timing = {"repeat": {"frequency": 2, "dayOfWeek": ["mon"]}}
        assert order(occurrenceTiming=timing).lines == (
            "planned for: on Mondays (more in the EHR)",
        )

    def test_reasons_without_a_name_are_asked_for(self) -> None:
        found = orders_to_follow([{"reasonReference": [{"reference": "Condition/c1"}]}])
        assert found == ("Condition/c1",)


def appointment(**members: Any) -> Any:
    return about_patient("Appointment", "a", **{"status": "booked", **members})


class TestAppointments:
    def test_what_is_to_come_first_and_the_nearest_first(self) -> None:
        found = read_appointments(
            given(
                *(
                    appointment(start=start)
                    for start in (
                        "2027-05-01T09:00:00Z",
                        "2026-12-01T09:00:00Z",
                        "2020-01-01T09:00:00Z",
                        "2024-01-01T09:00:00Z",
                    )
                )
            )
        ).entries
        assert [(one.began.date_text, one.fold) for one in found if one.began] == [
            ("1 Dec 2026", ""),
            ("1 May 2027", ""),
            ("1 Jan 2024", PAST),
            ("1 Jan 2020", PAST),
        ]

    def test_one_that_does_not_take_place_says_why(self) -> None:
        cancelled = appointment(
            status="cancelled", start="2027-01-01T09:00:00Z", cancelationReason=concept("Ill")
        )
        (found,) = read_appointments(given(cancelled)).entries
        assert (found.fold, found.marks.status, found.lines) == (
            PAST,
            "Cancelled",
            ("why not: Ill",),
        )

    def test_time_people_and_whether_they_accepted(self) -> None:
        booked = appointment(
            description="Follow-up",
            start="2027-01-01T09:30:00+02:00",
            patientInstruction="Bring your tablets",
            participant=[
                {"actor": {"reference": "Patient/1"}, "status": "needs-action"},
                {"actor": {"display": "Dr. Okafor"}, "status": "accepted"},
                {"actor": {"display": "Room 3"}, "status": "tentative"},
            ],
        )
        (found,) = read_appointments(given(booked)).entries
        assert found.name == "Follow-up"
        assert found.lines == ("for the patient: Bring your tablets",)
        assert found.details == (
            "the patient (not yet accepted)",
            "Dr. Okafor",
            "Room 3 (not yet accepted)",
        )
