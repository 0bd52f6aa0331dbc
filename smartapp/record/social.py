"""Smoking, alcohol, pregnancy, work (Observation), and questionnaires with their scores.

The facts that matter most for treatment come first; single answers of questionnaires are folded.
"""

from smartapp.record.codes import codes
from smartapp.record.elements import Resource
from smartapp.record.facts import Fact, in_order
from smartapp.record.findings import facts_of
from smartapp.record.laboratory import LabTest, read_tests
from smartapp.record.observations import Reading
from smartapp.record.questionnaires import TYPE as QUESTIONNAIRE
from smartapp.record.questionnaires import read_questionnaire
from smartapp.record.reading import Given, Read, read_each

ANSWERS = "answered in questionnaires"
# LOINC, in the order of the page: pregnancy (status, due date, intention, breastfeeding, earlier
# pregnancies and births), smoking, alcohol, work. Not every EHR gives them a category.
FIRST = (
    "82810-3", "11778-8", "11779-6", "11780-4", "86645-9", "63895-7",
    "11996-6", "11640-0", "11977-6", "11636-8", "11637-6", "11638-4", "11639-2", "11612-9",
    "11613-7", "11614-5", "33065-4",
    "72166-2", "39240-7", "11367-0", "8663-7", "63640-7", "88031-0",
    "11331-6", "74013-4", "68518-0",
    "11341-5", "86188-0",
)  # fmt: skip


def read_social(given: Given) -> Read[Fact]:
    """Return the facts, each with its earlier values; answers to questionnaires are folded."""
    observed = [one for one in given.resources if one.get("resourceType") != QUESTIONNAIRE]
    filled_in = [one for one in given.resources if one.get("resourceType") == QUESTIONNAIRE]
    surveys = {_source(one) for one in observed if "survey" in codes(one.get("category"))}
    read = read_tests(given, observed)
    tests = sorted(read.entries, key=_rank)
    facts = [*facts_of(tests, lambda test: ANSWERS if _is_answer(test, surveys) else "")]
    forms = in_order(read_each(filled_in, lambda one: read_questionnaire(one, ANSWERS)))
    facts = sorted([*facts, *forms.entries], key=lambda fact: bool(fact.fold))
    return Read(tuple(facts), (*read.left_out, *forms.left_out))


def _source(resource: Resource) -> str:
    return f"Observation/{resource.get('id')}"


def _rank(test: LabTest) -> int:
    """Return the place on the page. Tests without a place stay in order, newest first."""
    places = [FIRST.index(code) for code in test.newest.loinc if code in FIRST]
    return min(places, default=len(FIRST) + (not _is_sum(test.newest)))


def _is_answer(test: LabTest, surveys: set[str]) -> bool:
    """Return whether it is one answer of a questionnaire, and not its score or a separate fact."""
    is_known = set(test.newest.loinc) & set(FIRST)
    return not is_known and test.newest.marks.source in surveys and not _is_sum(test.newest)


def _is_sum(reading: Reading) -> bool:
    return reading.value.number is not None or "score" in reading.name.casefold()
