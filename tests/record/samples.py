"""Small resources about one patient; a test changes the one thing that it is about."""

from typing import Any

from smartapp.record.elements import Resource
from smartapp.record.reading import Given
from tests.chart.samples import NOW, about_patient, concept

SNOMED = "http://snomed.info/sct"


def given(*resources: Resource, related: dict[str, Resource] | None = None) -> Given:
    return Given(resources, NOW, {}, related or {})


def named(resource_type: str, name: str, member: str = "code", **members: Any) -> Resource:
    """Return a resource whose code says `name`, and whose id too."""
    return about_patient(resource_type, name, **{member: concept(name), **members})
