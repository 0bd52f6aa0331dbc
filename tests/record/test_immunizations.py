from typing import Any

import pytest

from smartapp.record.immunizations import SUBPOTENT, Immunization, read_immunizations
from smartapp.record.modifiers import NOT_UNDERSTOOD
from tests.chart.samples import about_patient, concept
from tests.record.samples import given


def immunization(**members: Any) -> Immunization:
    base = {"status": "completed", "vaccineCode": concept("Influenza")}
    resource = about_patient("Immunization", "i", **{**base, **members})
    (only,) = read_immunizations(given(resource)).entries
    return only


class TestWhatCounts:
    def test_a_subpotent_dose_says_that_it_does_not(self) -> None:
        assert immunization(isSubpotent=True).subpotent == SUBPOTENT
        found = immunization(isSubpotent="true", subpotentReason=[concept("Cold chain break")])
        assert found.subpotent == f"{SUBPOTENT} (Cold chain break)"
        assert immunization(isSubpotent=False).subpotent == ""

    def test_one_that_is_neither_is_not_taken_for_full(self) -> None:
        assert immunization(isSubpotent="perhaps").marks.not_understood == NOT_UNDERSTOOD

    def test_one_not_given_says_why(self) -> None:
        found = immunization(status="not-done", statusReason=concept("Patient objection"))
        assert (found.is_given, found.marks.status) == (False, "Not given")
        assert found.reasons == ("Patient objection",)

    def test_one_known_from_others_says_so(self) -> None:
        assert immunization(primarySource=False).reported == "As reported"
        assert immunization(reportOrigin=concept("Parent")).reported == "As reported (Parent)"
        assert immunization(primarySource=True).reported == ""

    def test_a_status_that_is_missing_is_said(self) -> None:
        assert immunization(status=None).marks.status == "Status not recorded"


class TestWhen:
    def test_may_be_in_words(self) -> None:
        found = immunization(occurrenceString="in 1988, in the army", recorded="2026-05-01")
        assert (found.given, found.given_words) == (None, "in 1988, in the army")
        assert found.recorded is not None

    def test_newest_first(self) -> None:
        years = [
            about_patient("Immunization", year, status="completed", occurrenceDateTime=year)
            for year in ("2019", "2025", "2022")
        ]
        found = read_immunizations(given(*years)).entries
        assert [one.given.date_text for one in found if one.given] == ["2025", "2022", "2019"]


class TestDose:
    @pytest.mark.parametrize(
        ("protocol", "words"),
        [
            ({"doseNumberPositiveInt": 1, "seriesDosesPositiveInt": 3}, "Dose 1 of 3"),
            ({"doseNumberString": "booster"}, "Dose booster"),
            ({"seriesDosesString": "3"}, "3 doses in all"),
            ({"series": "Primary", "doseNumberPositiveInt": 2}, "Dose 2 (Primary)"),
            ({"series": "Primary", "targetDisease": [concept("Measles")]},
             "Primary, against Measles"),
        ],
    )  # fmt: skip
    def test_has_its_place_in_the_series(self, protocol: dict[str, Any], words: str) -> None:
        assert immunization(protocolApplied=[protocol]).dose == words


def test_lot_reaction_note_and_people_are_there() -> None:
    found = immunization(
        lotNumber="AB-12",
        expirationDate="2027-01-01",
        doseQuantity={"value": 0.5, "unit": "mL"},
        site=concept("Left arm"),
        route=concept("Intramuscular"),
        manufacturer={"display": "Acme"},
        performer=[{"actor": {"display": "Nurse Li"}, "function": concept("Administering")}],
        reaction=[{"date": "2026-01-02", "detail": {"display": "Fever"}, "reported": True}],
        note=[{"text": "cried"}],
    )
    assert found.details == (
        "lot AB-12",
        "expires 1 Jan 2027",
        "0.5 mL",
        "Left arm",
        "Intramuscular",
        "Acme",
        "Nurse Li (Administering)",
    )
    assert found.reactions == ("Fever, 2 Jan 2026, as reported",)
    assert found.marks.notes == ("cried",)


@pytest.mark.parametrize(
    ("expires", "given", "words"),
    [
        ("2025-12-31", "2026-01-02", "expired 31 Dec 2025, before the date of this dose"),
        ("2026-01", "2026-01-31", "expires Jan 2026"),
        ("2026-06-01", "2026", "expires 1 Jun 2026"),
    ],
)
def test_lot_that_had_expired_says_so(expires: str, given: str, words: str) -> None:
    members = {"expirationDate": expires, "occurrenceDateTime": given}
    assert immunization(**members).details == (words,)
    assert "dose" not in immunization(**members, status="not-done").details[0]
