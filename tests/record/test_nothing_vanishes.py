"""What is read and what is left out is what was given: for every Observation of the sandbox."""

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import pytest

from smartapp.record.elements import Resource
from smartapp.record.laboratory import read_laboratory
from smartapp.record.observations import is_of
from smartapp.record.reading import Given, Read
from smartapp.record.vital_signs import read_vital_signs
from smartapp.sandbox.fhir.store import store
from tests.chart.samples import NOW

READERS: dict[str, Callable[[Given], Read[Any]]] = {
    "laboratory": read_laboratory,
    "vital-signs": read_vital_signs,
}


@pytest.mark.parametrize("category", READERS)
def test_every_observation_is_in_an_entry_or_left_out(category: str) -> None:
    of_patient: dict[str, list[Resource]] = defaultdict(list)
    for record in store().by_type["Observation"]:
        if is_of(record.resource, category):
            of_patient[record.patient or ""].append(record.resource)
    assert of_patient
    for resources in of_patient.values():
        read = READERS[category](Given(tuple(resources), NOW))
        shown = {source for entry in read.entries for source in entry.sources}
        assert len(shown) + len(read.left_out) == len(resources)
