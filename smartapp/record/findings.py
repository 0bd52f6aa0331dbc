"""Observations of all other categories: examinations, imaging, tests, exercise (Observation)."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from smartapp.record.facts import Fact, labelled, said
from smartapp.record.laboratory import LabTest, read_tests
from smartapp.record.marks import FUTURE
from smartapp.record.observations import Reading
from smartapp.record.opposites import contradiction_in
from smartapp.record.reading import Given, Read
from smartapp.record.sites import site_texts
from smartapp.record.texts import text


def read_findings(given: Given) -> Read[Fact]:
    """Return the findings, newest first, each with its earlier values."""
    read = read_tests(given, given.resources)
    facts = facts_of(read.entries, lambda _: "")
    contradictions = {
        f"Observation/{text(one.get('id'))}": contradiction_in(
            one.get("code"), *site_texts(one.get("bodySite"))
        )
        for one in given.resources
    }
    return Read(
        tuple(
            replace(fact, lines=said(contradictions.get(fact.marks.source, ""), *fact.lines))
            for fact in facts
        ),
        read.left_out,
    )


def facts_of(tests: Iterable[LabTest], fold: Callable[[LabTest], str]) -> Iterator[Fact]:
    """Yield the tests as facts; `fold` names the folded group of each. An observation that belongs
    to several tests is counted as a source of the first."""
    counted: set[str] = set()
    for test in tests:
        newest = test.newest
        whose = labelled("of", [newest.marks.whose])
        # A value and a reason why there is none contradict each other; both are shown.
        absent = newest.marks.absent if newest.has_value else ""
        yield Fact(
            # A note that is shown as the value is not repeated.
            marks=newest.marks._replace(
                notes=said(absent, *newest.notes), remarks=(), doubt=_future(test)
            ),
            name=test.name,
            fold=fold(test),
            began=newest.when,
            when_words=test.doubt if test.doubt and not newest.when else "",
            lines=said(_words(newest), *map(_with_marks, test.latest[1:])),
            details=said(
                *newest.how.words,
                test.by_code,
                whose,
                labelled("range", [newest.range_text]),
                _age(test),
            ),
            earlier=tuple(map(_dated, test.earlier)),
            sources=len(test.sources - counted),
        )
        counted |= test.sources


def _age(test: LabTest) -> str:
    """Return how old the newest is; a fact of a period is not as old as its beginning."""
    newest = test.newest
    if newest.lasts:
        return "" if newest.lasts in newest.notes else newest.lasts
    return test.ago


def _future(test: LabTest) -> str:
    return FUTURE if test.doubt == FUTURE else ""


def _words(reading: Reading) -> str:
    """Return the result with its unit, its flag and its parts."""
    parts = (f"{part.name}: {_result(part)}" for part in reading.parts)
    return ", ".join(said(_result(reading), reading.flag.text, *parts))


def _result(reading: Reading) -> str:
    return f"{reading.result} {reading.value.unit.text}".rstrip() if reading.result else ""


def _dated(reading: Reading) -> str:
    return " · ".join(said(reading.when.text if reading.when else "", _with_marks(reading)))


def _with_marks(reading: Reading) -> str:
    """Return a result in one line with what must be read with it."""
    return " · ".join(said(_words(reading), *reading.beside))
