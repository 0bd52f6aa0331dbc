"""What every reader gives back, and the marks of every entry."""

from dataclasses import dataclass
from typing import Any

import pytest

from smartapp.record.elements import Resource
from smartapp.record.marks import Marks, beyond_the_record, read_labels, read_marks
from smartapp.record.modifiers import ENTERED_IN_ERROR, NOT_UNDERSTOOD
from smartapp.record.reading import LeftOut, read_each


@dataclass(frozen=True)
class Fact:
    marks: Marks


def fact(resource: Resource) -> Fact | LeftOut:
    if "code" not in resource:
        return LeftOut("no value and no reason")
    return Fact(read_marks(resource, when=None))


def observation(**members: object) -> Resource:
    return {"resourceType": "Observation", "id": "o1", "code": {}, **members}


def test_what_is_read_and_what_is_left_out_is_what_was_given() -> None:
    in_error = observation(status="entered-in-error")
    read = read_each([observation(), in_error, {"resourceType": "Observation"}], fact)
    assert len(read.entries) == 1
    assert read.left_out == (LeftOut(ENTERED_IN_ERROR), LeftOut("no value and no reason"))


@pytest.mark.parametrize(
    "members",
    [
        {"modifierExtension": [{"url": "https://example.org/negated", "valueBoolean": True}]},
        {"implicitRules": "https://example.org/rules"},
        {"component": [{}, {"modifierExtension": [{"url": "https://example.org/x"}]}]},
        {"component": [{"referenceRange": {"modifierExtension": [{"url": "x"}]}}]},
    ],
)
def test_a_modifier_that_nobody_knows_marks_the_entry(members: Resource) -> None:
    assert read_marks(observation(**members), when=None).not_understood == NOT_UNDERSTOOD


def test_a_plain_resource_has_no_marks() -> None:
    marks = read_marks(observation(status="final", modifierExtension=[]), when=None)
    assert marks == Marks(source="Observation/o1")
    assert marks.is_understood


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("final", ""),
        ("preliminary", "Preliminary"),
        ("FINAL", ""),
        ({"coding": [{"code": "corrected"}]}, "Corrected"),
        ("verified", "Status “verified”"),
        (None, ""),
    ],
)
def test_a_status_is_said_in_words_and_an_unknown_one_as_it_was_sent(
    status: object, words: str
) -> None:
    assert read_marks(observation(status=status), when=None).status == words


@pytest.mark.parametrize(
    "verification",
    [
        "entered-in-error",
        {"coding": [{"code": "entered-in-error"}]},
        [{"coding": [{"code": "Entered-In-Error"}]}],
    ],
)
def test_what_was_entered_in_error_is_left_out_with_the_reason(verification: object) -> None:
    condition = {"resourceType": "Condition", "code": {}, "verificationStatus": verification}
    assert read_each([condition], fact).left_out == (LeftOut(ENTERED_IN_ERROR),)


def test_labels_that_the_reader_must_know_are_said_in_words() -> None:
    meta = {
        "security": [{"code": "NOPAT"}, {"code": "HTEST"}, {"code": "N"}],
        "tag": [{"code": "SUBSETTED"}],
    }
    assert read_labels({"meta": meta}) == (
        "test data",
        "not to be shown to the patient",
        "the EHR sent only a part of this",
    )
    assert read_labels({}) == ()


@pytest.mark.parametrize(
    ("codes", "words"),
    [
        (("HIV", "PSY"), ("sensitive",)),
        (("R", "ETH"), ("restricted", "sensitive")),
        (("42CFRPart2", "NORDSCLCD"), ("not to be passed on without the patient's consent",
                                       "sensitive")),
        (("L", "M", "U"), ()),
    ],
)  # fmt: skip
def test_labels_of_sensitive_matters_do_not_name_the_matter(
    codes: tuple[str, ...], words: tuple[str, ...]
) -> None:
    assert read_labels({"meta": {"security": [{"code": code} for code in codes]}}) == words


def test_notes_stand_with_the_entry() -> None:
    marks = read_marks(observation(note=[{"text": "haemolysed\nrepeat"}]), when=None)
    assert marks.notes == ("haemolysed\nrepeat",)


def test_what_the_whole_record_is_labelled_is_not_repeated() -> None:
    def labelled(*codes: str) -> dict[str, Any]:
        return {"meta": {"security": [{"code": code} for code in codes], "versionId": "1"}}

    test_patient = labelled("HTEST")
    entry = labelled("HTEST", "R")
    (shown,) = beyond_the_record([entry], test_patient)
    assert read_labels(shown) == ("restricted",)
    assert shown["meta"]["versionId"] == "1"
    assert read_labels(entry) == ("test data", "restricted")
    assert beyond_the_record([entry], {}) == (entry,)


def test_a_diagnosis_that_the_patient_does_not_know_of_says_so() -> None:
    coding = {"system": "http://jpfhir.jp/fhir/clins/CodeSystem/JP_ehrshrs_indication"}
    tagged = {"meta": {"tag": [{**coding, "code": "UNINFORMED", "display": "未告知"}]}}
    assert read_labels(tagged) == ("the patient has not been told of this",)
