"""What is read and what is left out, with a reason each, is what was given: of the records of
other makers as they are, and with one thing in them broken."""

import random
from collections.abc import Iterable, Iterator
from copy import deepcopy
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from smartapp.chart.sections import SECTIONS, Section
from smartapp.record.elements import Resource
from smartapp.record.laboratory import read_laboratory
from smartapp.record.reading import Given, Read
from smartapp.record.vital_signs import read_vital_signs
from smartapp.sandbox.fhir.store import store
from tests.chart.samples import NOW
from tests.record.makers import MAKERS, hl7, of_patients
from tests.record.samples import named

# Together more than 5,000 with the endurance: a maker that gives less is not asked what it was.
LEAST = {"HL7": 700, "carebundle": 2_400, "clinosim": 2_400}
BROKEN = 2_500
# Anything that JSON can have where something else was.
ODDITIES: tuple[Any, ...] = (
    None, "", [], {}, 0, -1, True, "x", ["x"], [None], [[]], {"x": 1}, [{"coding": "x"}],
    {"reference": 5}, {"value": "x"}, {"value": Decimal("1e-400")}, 10**400, Decimal("1e400"),
    "2026-02-30", "0000-00-00", "9999-12-31T23:59:60Z", "2026-05-01T24:00:00Z", "\x00\ufffd",
)  # fmt: skip


def sections_of(resources: Iterable[Resource]) -> Iterator[tuple[Section, tuple[Resource, ...]]]:
    """Yield each section with what of the resources is its own."""
    found = tuple(resources)
    for section in SECTIONS:
        types = {search.resource_type for search in section.searches}
        mine = tuple(one for one in found if one["resourceType"] in types and section.belongs(one))
        if mine:
            yield section, mine


def shown_in(read: Read[Any]) -> int:
    """Return how many resources the entries are made of; most kinds of entry are of one each."""
    of_entries = [getattr(one, "sources", 1) for one in read.entries]
    numbers = [one for one in of_entries if isinstance(one, int)]
    return sum(numbers) + len(
        {name for one in of_entries if not isinstance(one, int) for name in one}
    )


def assert_nothing_vanishes(resources: Iterable[Resource], patient: Resource) -> int:
    """Read and draw all sections; return how many resources they were given."""
    given = 0
    for section, mine in sections_of(resources):
        section.follow(mine)
        read = section.read(Given(mine, NOW, patient))
        section.draw(read.entries)
        assert all(one.reason for one in read.left_out)
        assert shown_in(read) + len(read.left_out) == len(mine), section.name
        given += len(mine)
    return given


@pytest.mark.parametrize(
    "maker", ["HL7", "carebundle", pytest.param("clinosim", marks=pytest.mark.endurance)]
)
def test_every_resource_of_another_maker_is_read_or_left_out(maker: str, tmp_path: Path) -> None:
    records = of_patients(MAKERS[maker](tmp_path))
    given = 0
    for resources in records.values():
        patients = [one for one in resources if one["resourceType"] == "Patient"]
        given += assert_nothing_vanishes(resources, patients[0] if patients else {})
    assert given >= LEAST[maker]


def test_what_is_broken_is_read_or_left_out_too(tmp_path: Path) -> None:
    chance = random.Random("broken")
    types = {search.resource_type for section in SECTIONS for search in section.searches}
    whole = [one for one in hl7(tmp_path) if one["resourceType"] in types]
    for number in range(0, BROKEN, 5):
        broken = [_broken(chance.choice(whole), chance) for _ in range(5)]
        resources = [{**one, "id": f"{number}-{n}"} for n, one in enumerate(broken)]
        assert_nothing_vanishes(resources, {})


def _broken(resource: Resource, chance: random.Random) -> Resource:
    broken = deepcopy(resource)
    for _ in range(chance.choice((1, 1, 2, 4))):
        holder, key = chance.choice([*_places(broken)])
        if chance.random() < 0.3:
            del holder[key]
        else:
            holder[key] = deepcopy(chance.choice(ODDITIES))
    return broken


def _places(element: Any) -> Iterator[tuple[Any, Any]]:
    """Yield where everything stands in a resource, but for its type and its narrative."""
    if not isinstance(element, dict | list):
        return
    for key, value in [*(element.items() if isinstance(element, dict) else enumerate(element))]:
        if key not in ("resourceType", "div"):
            yield element, key
            yield from _places(value)


def test_every_resource_of_the_sandbox_is_read_or_left_out() -> None:
    of_patient = of_patients(record.resource for record in store().by_reference.values())
    for resources in of_patient.values():
        assert_nothing_vanishes(resources, {})


def test_the_sandbox_has_something_to_show_in_every_section() -> None:
    kept = [record.resource for record in store().by_reference.values() if record.patient]
    assert [section for section, _ in sections_of(kept)] == list(SECTIONS)


# --- panels ---------------------------------------------------------------------------------------


def _panel(name: str, *members: str, **more: Any) -> Resource:
    references = [{"reference": f"Observation/{one}"} for one in members]
    return named("Observation", name, status="final", hasMember=references, **more)


@pytest.mark.parametrize("read", [read_laboratory, read_vital_signs])
def test_a_panel_of_panels_is_in_the_entry_of_its_first_result(read: Any) -> None:
    result = named("Observation", "c", status="final", valueString="positive")
    found = read(Given((_panel("a", "b"), _panel("b", "c"), result), NOW))
    assert {name for entry in found.entries for name in entry.sources} == {
        f"Observation/{name}" for name in "abc"
    }
    assert not found.left_out


@pytest.mark.parametrize("read", [read_laboratory, read_vital_signs])
def test_panels_that_only_name_each_other_are_left_out_with_the_reason(read: Any) -> None:
    found = read(Given((_panel("a", "b"), _panel("b", "a"), _panel("c", "c")), NOW))
    assert [one.reason for one in found.left_out] == [
        "a panel whose results the EHR did not send"
    ] * 3


@pytest.mark.parametrize("read", [read_laboratory, read_vital_signs])
def test_a_panel_without_an_id_takes_no_other_result_with_it(read: Any) -> None:
    panel, result = _panel("a", "z"), named("Observation", "b", status="final", valueString="low")
    found = read(Given(tuple({**one, "id": None} for one in (panel, result)), NOW))
    assert (len(found.entries), len(found.left_out)) == (1, 1)
