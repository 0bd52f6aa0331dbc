"""One record has one blood group."""

from collections.abc import Callable
from itertools import count

import pytest

from smartapp.record.laboratory import read_laboratory
from tests.chart.samples import Resource, about_patient
from tests.record.samples import given

ANOTHER = "Another blood group is in this record: "
BOTH, ABO, RH = "882-1", "883-9", "10331-7"
_ids = count()


def group(value: str, day: str, code: str = BOTH, **members: object) -> Resource:
    return about_patient(
        "Observation", f"o-{next(_ids)}", status="final",
        code={"coding": [{"system": "http://loinc.org", "code": code}], "text": f"Group {code}"},
        effectiveDateTime=day, valueCodeableConcept={"text": value}, **members,
    )  # fmt: skip


def remarks(*results: Resource) -> list[str]:
    tests = read_laboratory(given(*results)).entries
    return sorted(one for test in tests for one in (*test.newest.notes,) if one.startswith(ANOTHER))


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("A positive", "B positive"),
        ("A positive", "A negative"),
        ("O Rh(D) positive", "Blood group O Rh(D) negative (finding)"),
        ("AB+", "AB -"),
        ("A", "AB"),
        ("Blutgruppe 0 Rh pos.", "A1 Rh positiv"),
        ("Groupe O Rhésus négatif", "Groupe A Rhésus négatif"),
        ("Grupo sanguíneo O, factor Rh positivo", "Gruppo 0 negativo"),
        ("A+ve", "A-ve"),
    ],
)
def test_two_that_differ_say_so(older: str, newer: str) -> None:
    found = remarks(group(older, "2020-03-01"), group(newer, "2026-03-01"))
    assert found == [f"{ANOTHER}{older}, 1 Mar 2020; check it in the EHR"]


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("A positive", "A Pos"),
        ("A+", "Blood group A Rh(D) positive (finding)"),
        ("O", "0 neg."),
        ("A2B Rh pos", "AB positive"),
        ("A positive", "A"),
        ("A negative", "A weak D positive"),  # one laboratory's negative is another's weak
        ("A positive", "See comment"),
        ("A positive", "A or B, repeat"),
        # Sentences, in which "a" is an article and "negative" is a control.
        ("O positive", "Unable to determine, a new sample is required"),
        ("B positive", "A new sample is required"),
        ("O positive", "Negative control failed"),
        ("A positive", "Ver o resultado anterior"),
        ("A positive", "Duplicate of specimen B"),
        ("A positive", "0.5"),
        ("A negative", "Possible A"),
    ],
)
def test_the_same_in_other_words_does_not(older: str, newer: str) -> None:
    assert remarks(group(older, "2020-03-01"), group(newer, "2026-03-01")) == []


def test_tests_of_the_group_and_of_rh_are_compared_with_the_test_of_both() -> None:
    found = remarks(
        group("O positive", "2026-03-01"), group("A", "2020-03-01", ABO),
        group("Positive", "2020-03-01", RH),
    )  # fmt: skip
    assert found == [
        f"{ANOTHER}A, 1 Mar 2020; check it in the EHR",
        f"{ANOTHER}O positive, 1 Mar 2026; check it in the EHR",
    ]
    assert remarks(group("Negative", "2026-03-01", RH), group("O", "2020-03-01", ABO)) == []


def of_a_donor(result: Resource) -> Resource:
    focus = [{"reference": "Patient/donor", "display": "Donor"}]
    return {**result, "focus": focus}


def replaced(result: Resource) -> Resource:
    return {**result, "status": "entered-in-error"}


def of_another_test(result: Resource) -> Resource:
    code = {"coding": [{"system": "http://loinc.org", "code": "30341-2"}], "text": "Other"}
    return {**result, "code": code}


@pytest.mark.parametrize("other", [of_a_donor, replaced, of_another_test])
def test_what_is_not_the_patients_blood_group_is_not_compared(
    other: Callable[[Resource], Resource],
) -> None:
    older, newer = group("A positive", "2020-03-01"), group("B positive", "2026-03-01")
    assert remarks(older, newer) != []
    assert remarks(other(older), newer) == []
