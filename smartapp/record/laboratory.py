"""Laboratory results: one test is one series; results of the same moment are shown together."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from smartapp.record.blood_groups import with_other_groups
from smartapp.record.education import medlineplus_url
from smartapp.record.elements import Resource
from smartapp.record.marks import FUTURE
from smartapp.record.moments import Chronology, Moment, ago_text
from smartapp.record.observations import Reading, read_observation
from smartapp.record.panel_members import NOT_SENT, join_panels, spread_all
from smartapp.record.panels import common_name, with_codes_of_its_name
from smartapp.record.people import read_person
from smartapp.record.reading import Given, LeftOut, Read, read_each
from smartapp.record.series import (
    Series,
    code_key,
    into_series,
    is_same_moment,
    keyed_by_code,
    of_newest_moment,
)

UNDATED = "Date not recorded"


@dataclass(frozen=True, slots=True)
class LabTest:
    """All results of one test.

    `latest` are those of its newest moment, the most trusted first; `earlier` are the others,
    newest first. `doubt` says why the time is unknown. `ago` is the age of the newest if it is more
    than a year. `by_code` are the words for its code, if another test has the same name.
    """

    name: str
    latest: tuple[Reading, ...]
    earlier: tuple[Reading, ...]
    doubt: str = ""
    ago: str = ""
    by_code: str = ""

    @property
    def newest(self) -> Reading:
        return self.latest[0]

    @property
    def when(self) -> Moment | None:
        return self.newest.when

    @property
    def learn_more_url(self) -> str:
        return medlineplus_url(self.newest.codes)

    @property
    def sources(self) -> frozenset[str]:
        """The resources that this test was made from."""
        return frozenset(
            source
            for one in (*self.latest, *self.earlier)
            for source in (one.marks.source, *one.grouped_by)
        )


def read_laboratory(given: Given) -> Read[LabTest]:
    """Return the tests: those of unknown time first, then the newest first."""
    return read_tests(given, given.resources)


def read_tests(given: Given, observations: Iterable[Resource]) -> Read[LabTest]:
    """Return the results in `observations` as tests, whatever their category."""
    person = read_person(given.patient)
    sent = tuple(observations)
    read = read_each(sent, lambda one: read_observation(one, person, given.related))
    panels = join_panels(read.entries, sent)
    results = with_other_groups(
        [with_codes_of_its_name(one) for one in spread_all(panels.readings)]
    )
    chronology = Chronology.of((one.when for one in results), now=given.now)
    found = into_series(keyed_by_code(results), chronology)
    tests = _with_codes([test for series in found for test in _tests(series, chronology)])
    tests.sort(key=lambda test: _page_order(test, chronology))
    left_out = (*read.left_out, *(LeftOut(NOT_SENT) for _ in panels.alone))
    return Read(tuple(tests), left_out)


def _with_codes(tests: list[LabTest]) -> list[LabTest]:
    """Return the tests; those that only their codes tell apart say so: "Glucose" of the blood and
    of the spinal fluid may both be called "Glucose"."""
    alike: dict[tuple[str, ...], set[str]] = {}
    for test in tests:
        alike.setdefault(_seen(test.newest), set()).add(code_key(test.newest))
    return [
        replace(test, by_code=test.newest.coded) if len(alike[_seen(test.newest)]) > 1 else test
        for test in tests
    ]


def _seen(reading: Reading) -> tuple[str, ...]:
    return common_name(reading).casefold(), reading.marks.whose, *reading.how.words


def _tests(series: Series, chronology: Chronology) -> list[LabTest]:
    """Return the test, and separately its results of unknown time."""
    found = []
    if series.readings:
        count = of_newest_moment(series.readings)
        latest, earlier = _told_apart(series.readings[:count]), series.readings[count:]
        ago = ago_text(latest[0].when, chronology.now)
        found.append(LabTest(latest[0].name, latest, earlier, ago=ago))
    doubts: dict[str, list[Reading]] = {}
    for one in series.aside:
        doubts.setdefault(_doubt(one, chronology), []).append(one)
    found += [
        LabTest(readings[0].name, tuple(readings), (), doubt) for doubt, readings in doubts.items()
    ]
    return found


def _told_apart(latest: tuple[Reading, ...]) -> tuple[Reading, ...]:
    """Return the results of one moment; one of another tube than the first says so."""
    first = latest[0].how.specimen
    if all(one.how.specimen == first for one in latest):
        return latest
    return tuple(one if one.how.specimen == first else _with_specimen(one) for one in latest)


def _with_specimen(reading: Reading) -> Reading:
    words = f"specimen: {reading.how.specimen or 'not named'}"
    return reading._replace(marks=reading.marks.with_remarks(words))


def _doubt(reading: Reading, chronology: Chronology) -> str:
    if reading.when is None:
        return UNDATED
    if chronology.is_future(reading.when):
        return FUTURE
    words = reading.when.text
    return f"{words[:1].upper()}{words[1:]}"


def _page_order(test: LabTest, chronology: Chronology) -> tuple[bool, float, str]:
    return not test.doubt, chronology.newest_first(test.when), test.name.casefold()


def comparable(test: LabTest) -> list[Reading]:
    """Return the results that one line can connect, oldest first: exact numbers that no other
    result replaced, and the most trusted one of each moment. A bound ("< 5") is not drawn."""
    found: list[Reading] = []
    for one in (*test.latest, *test.earlier):
        if one.value.number is None or not one.is_drawn:
            continue
        if one.when is None or not one.when.is_readable:
            continue
        if not found or not is_same_moment(one.when, found[-1].when):
            found.append(one)
    return found[::-1]
