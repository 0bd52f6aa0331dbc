"""Smoking, alcohol, pregnancy, work, and the scores of questionnaires (Observation).

What matters most to a treatment stands first; single answers of questionnaires are folded.
"""

from collections.abc import Iterable

from smartapp.record.codes import codes
from smartapp.record.elements import Resource
from smartapp.record.facts import Fact, labelled, said
from smartapp.record.laboratory import LabTest, read_tests
from smartapp.record.observations import Reading, is_of
from smartapp.record.reading import Given, Read

ANSWERS = "answers to questionnaires"
# LOINC, in the order of the page: pregnancy (status, due date, intention), smoking, alcohol, work.
FIRST = (
    "82810-3", "11778-8", "86645-9",
    "72166-2", "39240-7", "11367-0", "8663-7", "63640-7", "88031-0",
    "11331-6", "74013-4", "68518-0",
    "11341-5", "86188-0",
)  # fmt: skip
OTHERS = ("laboratory", "vital-signs")


def read_social(given: Given) -> Read[Fact]:
    """Return what is known, each with its earlier values; answers to questionnaires are folded."""
    mine = [one for one in given.resources if not any(is_of(one, other) for other in OTHERS)]
    surveys = {_source(one) for one in mine if "survey" in codes(one.get("category"))}
    read = read_tests(given, mine)
    counted: set[str] = set()
    facts = []
    for test in sorted(read.entries, key=_rank):
        facts.append(_fact(test, is_answer=_is_answer(test, surveys), counted=counted))
        counted |= test.sources
    return Read(tuple(sorted(facts, key=lambda fact: bool(fact.fold))), read.left_out)


def _source(resource: Resource) -> str:
    return f"Observation/{resource.get('id')}"


def _rank(test: LabTest) -> int:
    """Return the place on the page; the sort keeps the newest first of those that have none."""
    places = [FIRST.index(code) for code in test.newest.loinc if code in FIRST]
    return min(places, default=len(FIRST) + (not _is_sum(test.newest)))


def _is_answer(test: LabTest, surveys: set[str]) -> bool:
    """Whether it is one answer of a questionnaire, and not its sum or a fact of its own."""
    is_known = set(test.newest.loinc) & set(FIRST)
    return not is_known and test.newest.marks.source in surveys and not _is_sum(test.newest)


def _is_sum(reading: Reading) -> bool:
    return reading.value.number is not None or "score" in reading.name.casefold()


def _fact(test: LabTest, *, is_answer: bool, counted: set[str]) -> Fact:
    newest = test.newest
    return Fact(
        marks=newest.marks,
        name=test.name,
        fold=ANSWERS if is_answer else "",
        began=newest.when,
        when_words=test.doubt if test.doubt and not newest.when else "",
        lines=said(*map(_words, test.latest)),
        details=said(*newest.how.words, labelled("of", [newest.marks.whose]), newest.range_text),
        earlier=tuple(map(_dated, test.earlier)),
        sources=len(test.sources - counted),
    )


def _words(reading: Reading) -> str:
    """Return the result with its unit, its flag and its parts."""
    parts = (f"{part.name}: {_result(part)}" for part in reading.parts)
    return ", ".join(said(_result(reading), reading.flag.text, *parts))


def _result(reading: Reading) -> str:
    return f"{reading.result} {reading.value.unit.text}".rstrip() if reading.result else ""


def _dated(reading: Reading) -> str:
    notes: Iterable[str] = (_words(reading), reading.marks.status, *reading.notes)
    return " · ".join(said(reading.when.text if reading.when else "", *notes))
