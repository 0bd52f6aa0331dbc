"""Filled-in questionnaires, as HL7's examples of R4 and LOINC's panels have them."""

import pytest

from smartapp.record.social import ANSWERS, read_social
from tests.chart.samples import LOINC, Resource, about_patient
from tests.record.samples import given

# QuestionnaireResponse/3141 in short: groups, an answer with questions below it, a coding.
FILLED_IN: Resource = about_patient(
    "QuestionnaireResponse",
    "3141",
    status="completed",
    authored="2013-02-19T14:15:00-05:00",
    questionnaire="http://hl7.org/fhir/Questionnaire/gcs|1.0",
    item=[
        {
            "linkId": "1",
            "text": "Comorbidity",
            "item": [
                {
                    "linkId": "1.1",
                    "text": "Cardial comorbidity",
                    "answer": [
                        {
                            "valueCoding": {"code": "1", "display": "Yes"},
                            "item": [
                                {
                                    "linkId": "1.1.1",
                                    "text": "Angina",
                                    "answer": [{"valueBoolean": False}],
                                },
                                {
                                    "linkId": "1.1.2",
                                    "text": "Weight",
                                    "answer": [{"valueQuantity": {"value": 70, "unit": "kg"}}],
                                },
                            ],
                        }
                    ],
                }
            ],
        }
    ],
)


def test_every_question_stands_with_its_answers_in_their_order() -> None:
    (found,) = read_social(given(FILLED_IN)).entries
    assert (found.name, found.fold) == ("Questionnaire gcs", ANSWERS)
    assert found.lines == ("Cardial comorbidity: Yes", "Angina: No", "Weight: 70 kg")


def test_question_with_a_colon_of_its_own_gets_no_other() -> None:
    items = [
        {"linkId": words, "text": words, "answer": [{"valueString": "7"}]}
        for words in ("Form:", "Pain")
    ]
    sent = about_patient("QuestionnaireResponse", "q", status="completed", item=items)
    (found,) = read_social(given(sent)).entries
    assert found.lines == ("Form: 7", "Pain: 7")


def test_question_that_is_asked_twice_says_of_what() -> None:
    knees = [
        {"text": f"{side} knee", "item": [{"text": "Pain", "answer": [{"valueBoolean": pain}]}]}
        for side, pain in (("Left", True), ("Right", False))
    ]
    (found,) = read_social(given({**FILLED_IN, "item": knees})).entries
    assert found.lines == ("Left knee, Pain: Yes", "Right knee, Pain: No")


def test_question_below_each_answer_says_below_which() -> None:
    answers = [
        {"valueString": drug, "item": [{"text": "Dose", "answer": [{"valueString": dose}]}]}
        for drug, dose in (("Warfarin", "5 mg"), ("Insulin", "8 U"))
    ]
    group = {"linkId": "g1.2", "item": [{"text": "Which medicines?", "answer": answers}]}
    (found,) = read_social(given({**FILLED_IN, "item": [group]})).entries
    assert found.lines == (
        "Which medicines?: Warfarin, Insulin",
        "Which medicines? Warfarin, Dose: 5 mg",
        "Which medicines? Insulin, Dose: 8 U",
    )


def test_answers_of_phq_9_that_are_only_codes_have_words() -> None:
    coding = {"system": LOINC, "code": "LA6571-9"}
    item = {"text": "Better off dead", "answer": [{"valueCoding": coding}]}
    (found,) = read_social(given({**FILLED_IN, "item": [item]})).entries
    assert found.lines == ("Better off dead: Nearly every day",)


def test_one_that_is_not_finished_says_so_and_one_in_error_is_left_out() -> None:
    (found,) = read_social(given({**FILLED_IN, "status": "in-progress"})).entries
    assert found.marks.status == "Not finished"
    read = read_social(given({**FILLED_IN, "status": "entered-in-error"}))
    assert [one.reason for one in read.left_out] == ["entered in error"]


def test_one_without_anything_is_left_out_with_the_reason() -> None:
    read = read_social(given(about_patient("QuestionnaireResponse", "q", status="completed")))
    assert [one.reason for one in read.left_out] == ["a questionnaire without answers"]


@pytest.mark.parametrize("depth", [0, 1, 4])
def test_an_item_that_is_marked_is_not_shown_as_if_it_were_not(depth: int) -> None:
    for mark in ({"modifierExtension": [{"url": "http://example.org/not"}]}, {}):
        item = {**FILLED_IN["item"][0], **mark}
        for _ in range(depth):
            item = {"item": [{"answer": [{"valueString": "Yes", "item": [item]}]}]}
        (found,) = read_social(given({**FILLED_IN, "item": [item]})).entries
        assert bool(found.marks.not_understood) == bool(mark)
