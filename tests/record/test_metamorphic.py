"""What a page shows does not change with the way in which a record says it, and changes with what
it says: of the sandbox's people, whose records have every kind of entry."""

import pytest

from smartapp.chart.sections import SECTIONS
from smartapp.sandbox.fhir.store import store
from tests.chart.samples import Resource
from tests.pages.sections import words_of

# Those that may have none (FHIR R4).
WITHOUT_STATUS = {"Condition", "AllergyIntolerance", "RelatedPerson"}
STATUSES = ("status", "lifecycleStatus")


def of_each_type() -> dict[str, tuple[str, Resource]]:
    """Return for each resource type the section that shows it, and an entry."""
    found: dict[str, tuple[str, Resource]] = {}
    for section in SECTIONS:
        for search in section.searches:
            for record in store().by_type.get(search.resource_type, ()):
                if record.patient and section.belongs(record.resource):
                    found.setdefault(search.resource_type, (section.name, record.resource))
    return found


@pytest.mark.parametrize("resource_type", sorted(of_each_type().keys() - WITHOUT_STATUS))
def test_an_entry_without_a_status_says_so(resource_type: str) -> None:
    section, entry = of_each_type()[resource_type]
    without = {name: value for name, value in entry.items() if name not in STATUSES}
    said = "Status not recorded"
    assert said not in words_of(section, entry)
    assert said in words_of(section, without)
