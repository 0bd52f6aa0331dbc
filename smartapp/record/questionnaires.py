"""Filled-in questionnaires: every question with its answers (FHIR R4 QuestionnaireResponse)."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from smartapp.record.elements import Resource, extensions, mappings
from smartapp.record.facts import Fact, said, unless_recorded
from smartapp.record.marks import read_marks
from smartapp.record.modifiers import status_text
from smartapp.record.moments import member_moment
from smartapp.record.narratives import OWN_TEXT, narrative_text
from smartapp.record.reading import LeftOut
from smartapp.record.references import who
from smartapp.record.texts import prose, text
from smartapp.record.values import read_absence, read_value

TYPE = "QuestionnaireResponse"
NOT_NAMED = "Questionnaire that the EHR does not name"
NOTHING_SAID = "a questionnaire without answers"
# Also that of East Asia.
_COLONS = ":\uff1a"
DISPLAY = "http://hl7.org/fhir/StructureDefinition/display"


def read_questionnaire(resource: Resource, fold: str) -> Fact | LeftOut:
    """Return a questionnaire as a fact in the group `fold`; LeftOut if it says nothing."""
    lines = said(*_lines(resource))
    written = narrative_text(resource, is_all_there_is=not lines)
    lines = said(*lines, f"{OWN_TEXT}{written}" if written else "")
    when = member_moment(resource, "authored")
    name = _name(resource)
    if not lines and name == NOT_NAMED:
        return LeftOut(NOTHING_SAID)
    return Fact(
        marks=read_marks(
            resource,
            when=when,
            origin=who(resource.get("source"), resource) or who(resource.get("author"), resource),
            status=unless_recorded(resource, status_text(resource)),
        ),
        name=name,
        fold=fold,
        began=when,
        lines=lines,
    )


def _name(resource: Resource) -> str:
    """Return the EHR's name for the questionnaire, or the end of its address."""
    for extension in extensions(resource.get("_questionnaire"), DISPLAY):
        if words := text(extension.get("valueString")):
            return words
    last = text(resource.get("questionnaire")).partition("|")[0].rstrip("/").rpartition("/")[2]
    return f"Questionnaire {last}" if last else NOT_NAMED


def _lines(resource: Resource) -> Iterator[str]:
    """Yield "question: answers" for all items. A question that is asked several times has the words
    above it, too: "Left knee, Pain: Yes"."""
    found = [*_answered(resource, ())]
    asked = Counter(question for _, question, _ in found)
    for above, question, answers in found:
        where = ", ".join((*above, question) if asked[question] > 1 else (question,))
        # The words may end with one: "Form ID:".
        yield f"{where.rstrip(_COLONS)}: {answers}"


def _answered(
    holder: dict[str, Any], above: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], str, str]]:
    """Yield each answered question with the words above it and its answers, also of items nested in
    items and answers."""
    for item in mappings(holder.get("item")):
        # The link id of a group without words says nothing to people.
        words = prose(item.get("text"))
        question = words or text(item.get("linkId"))
        answers = mappings(item.get("answer"))
        values = said(*map(_answer, answers))
        if values:
            yield above, question, ", ".join(values)
        yield from _answered(item, said(*above, words))
        for answer in answers:
            answered = " ".join(said(words, _answer(answer)))
            yield from _answered(answer, said(*above, answered))


def _answer(answer: dict[str, Any]) -> str:
    value = read_value(answer)
    return f"{value.text} {value.unit.text}".rstrip() or read_absence(answer)
