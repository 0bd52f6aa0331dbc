"""R4 search over stored records: the supported parameters, and what each matches.

A repeated parameter means "and"; a value with commas means "or"
(https://hl7.org/fhir/R4/search.html#combining).
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from smartapp.sandbox import addresses
from smartapp.sandbox.fhir.dates import COMPARE, Interval, interval
from smartapp.sandbox.fhir.outcomes import BadRequest
from smartapp.sandbox.fhir.store import COMPARTMENT, SHARED, Record

Test = Callable[[Record], bool]
Parameters = tuple[tuple[str, str], ...]

PREFIXED = re.compile(r"(eq|ne|gt|lt|ge|le|sa|eb)?(\d.*)")
PRACTICE_EXTENSION = "https://fhir.athena.io/StructureDefinition/ah-practice"


def compile_parameter(resource_type: str, name: str, value: str) -> Test | None:
    """Return a test of one record for `name=value`; None if this type has no such parameter.

    Raises BadRequest for an unsupported modifier or value: R4 allows ignoring a parameter, but not
    a part of it.
    """
    plain, _, modifier = name.partition(":")
    make = parameters_of(resource_type).get(plain)
    if make is None:
        return None
    if modifier and (modifier, make) != ("Patient", _about_patient):
        raise BadRequest(f"The modifier :{modifier} of {plain} is not supported.")
    alternatives = [make(item) for item in value.split(",") if item]
    if not alternatives:
        raise BadRequest(f"{plain} has no value.")
    return lambda record: any(test(record) for test in alternatives)


def parameters_of(resource_type: str) -> Mapping[str, Callable[[str], Test]]:
    return _PARAMETERS[resource_type]


def values_at(record: Record, path: str) -> Iterator[Any]:
    """Return every value at a dotted path, through lists on the way."""
    values: Iterable[Any] = [record.resource]
    for step in path.split("."):
        values = [inner for value in values for inner in _opened(value.get(step))]
    yield from values


def _opened(value: Any) -> Iterable[Any]:
    if value is None:
        return ()
    return value if isinstance(value, list) else (value,)


def _has_id(value: str) -> Test:
    return lambda record: record.id == value


def referenced_id(value: str, resource_type: str) -> str:
    """Return the id in `id`, `Type/id` or our own `https://…/Type/id`; "" for anything else."""
    relative = value.removeprefix(f"{addresses.fhir_base_url()}/")
    kind, _, id = relative.rpartition("/")
    return id if kind in ("", resource_type) else ""


def _about_patient(value: str) -> Test:
    wanted = referenced_id(value, "Patient")
    return lambda record: record.patient == wanted


def _references(path: str, target: str) -> Callable[[str], Test]:
    def make(value: str) -> Test:
        wanted = f"{target}/{referenced_id(value, target)}"
        return lambda record: wanted in values_at(record, f"{path}.reference")

    return make


def _coded(element: str) -> Callable[[str], Test]:
    """A token search over CodeableConcepts: `code`, `system|code` or `system|`."""

    def make(value: str) -> Test:
        return lambda record: value in record.tokens.get(element, ())

    return make


def _equals(path: str) -> Callable[[str], Test]:
    """A token search over plain codes: a given system is ignored, because it is implied."""

    def make(value: str) -> Test:
        code = value.rpartition("|")[2]
        return lambda record: code in values_at(record, path)

    return make


def _identified(value: str) -> Test:
    system, bar, wanted = value.rpartition("|")

    def test(record: Record) -> bool:
        return any(
            item.get("value") == wanted and (not bar or item.get("system") == system)
            for item in values_at(record, "identifier")
        )

    return test


def _named(*parts: str) -> Callable[[str], Test]:
    """A string search: a part of the name starts with the text, ignoring case."""

    def make(value: str) -> Test:
        wanted = value.casefold()

        def test(record: Record) -> bool:
            found = (str(text).casefold() for part in parts for text in values_at(record, part))
            return any(word.startswith(wanted) for text in found for word in (text, *text.split()))

        return test

    return make


def _dated(of: Callable[[Record], Interval | None]) -> Callable[[str], Test]:
    def make(value: str) -> Test:
        # A client that does not encode the plus sign of an offset sends a space.
        match = PREFIXED.fullmatch(value.replace(" ", "+"))
        try:
            asked = interval(match[2]) if match else None
        except (ValueError, OverflowError):
            asked = None
        if match is None or asked is None:
            raise BadRequest(f"{value[:40]} is not a date that can be searched for.")
        compare = COMPARE[match[1] or "eq"]

        def test(record: Record) -> bool:
            stored = of(record)
            return stored is not None and compare(stored, asked)

        return test

    return make


def _date_of(record: Record) -> Interval | None:
    return record.date


def birth_of(record: Record) -> Interval:
    return interval(record.resource["birthDate"])


def last_updated_of(record: Record) -> Interval:
    return interval(record.resource["meta"]["lastUpdated"])


def _in_practice(value: str) -> Test:
    def test(record: Record) -> bool:
        extensions = values_at(record, "extension")
        found = [e for e in extensions if e.get("url") == PRACTICE_EXTENSION]
        return any(e["valueReference"]["reference"] == value for e in found)

    return test


_COMMON: Mapping[str, Callable[[str], Test]] = {
    "_id": _has_id,
    "_lastUpdated": _dated(last_updated_of),
    "ah-practice": _in_practice,
}
_ABOUT_PATIENT: Mapping[str, Callable[[str], Test]] = {
    "patient": _about_patient,
    "subject": _about_patient,
}
_OWN: Mapping[str, Mapping[str, Callable[[str], Test]]] = {
    "AllergyIntolerance": {
        "category": _equals("category"),
        "clinical-status": _coded("clinicalStatus"),
        "code": _coded("code"),
        "date": _dated(_date_of),
    },
    "Appointment": {"status": _equals("status")},
    "CarePlan": {
        "category": _coded("category"),
        "date": _dated(_date_of),
        "status": _equals("status"),
    },
    "CareTeam": {"date": _dated(_date_of), "status": _equals("status")},
    "Condition": {
        "category": _coded("category"),
        "clinical-status": _coded("clinicalStatus"),
        "code": _coded("code"),
        "encounter": _references("encounter", "Encounter"),
        "onset-date": _dated(_date_of),
    },
    "Coverage": {"status": _equals("status"), "type": _coded("type")},
    "Device": {"status": _equals("status"), "type": _coded("type")},
    "DeviceUseStatement": {},
    "DiagnosticReport": {
        "category": _coded("category"),
        "code": _coded("code"),
        "date": _dated(_date_of),
        "status": _equals("status"),
    },
    "DocumentReference": {
        "category": _coded("category"),
        "date": _dated(_date_of),
        "status": _equals("status"),
        "type": _coded("type"),
    },
    "Encounter": {
        "class": _equals("class.code"),
        "date": _dated(_date_of),
        "status": _equals("status"),
        "type": _coded("type"),
    },
    "FamilyMemberHistory": {"date": _dated(_date_of), "status": _equals("status")},
    "Goal": {"lifecycle-status": _equals("lifecycleStatus"), "start-date": _dated(_date_of)},
    "Immunization": {
        "date": _dated(_date_of),
        "status": _equals("status"),
        "vaccine-code": _coded("vaccineCode"),
    },
    "Location": {"name": _named("name")},
    "MedicationAdministration": {
        "effective-time": _dated(_date_of),
        "status": _equals("status"),
    },
    "MedicationDispense": {
        "status": _equals("status"),
        "whenhandedover": _dated(_date_of),
    },
    "MedicationRequest": {
        "authoredon": _dated(_date_of),
        "code": _coded("medicationCodeableConcept"),
        "encounter": _references("encounter", "Encounter"),
        "intent": _equals("intent"),
        "status": _equals("status"),
    },
    "MedicationStatement": {"effective": _dated(_date_of), "status": _equals("status")},
    "Observation": {
        "category": _coded("category"),
        "code": _coded("code"),
        "date": _dated(_date_of),
        "encounter": _references("encounter", "Encounter"),
        "status": _equals("status"),
    },
    "Organization": {"identifier": _identified, "name": _named("name")},
    "Patient": {
        "birthdate": _dated(birth_of),
        "family": _named("name.family"),
        "gender": _equals("gender"),
        "given": _named("name.given"),
        "identifier": _identified,
        "name": _named("name.text", "name.family", "name.given"),
    },
    "Practitioner": {"identifier": _identified, "name": _named("name.text", "name.family")},
    "Procedure": {
        "code": _coded("code"),
        "date": _dated(_date_of),
        "encounter": _references("encounter", "Encounter"),
        "status": _equals("status"),
    },
    "QuestionnaireResponse": {"authored": _dated(_date_of), "status": _equals("status")},
    "RelatedPerson": {"name": _named("name.text", "name.family")},
    "ServiceRequest": {
        "authored": _dated(_date_of),
        "category": _coded("category"),
        "code": _coded("code"),
        "status": _equals("status"),
    },
}
_PARAMETERS: Mapping[str, Mapping[str, Callable[[str], Test]]] = {
    name: {**_COMMON, **(_ABOUT_PATIENT if name in COMPARTMENT else {}), **own}
    for name, own in _OWN.items()
}

SORTS: Mapping[str, frozenset[str]] = {
    name: frozenset({"_id", "_lastUpdated", *(p for p in own if "date" in p or "author" in p)})
    for name, own in _OWN.items()
}
"""The parameters by which a type can be sorted."""


def narrowing_parameters(resource_type: str) -> frozenset[str]:
    """Return the parameters of which a search must have at least one (S65)."""
    if resource_type in SHARED:
        return frozenset()
    if resource_type == "Patient":
        return frozenset({"_id", "identifier", "name", "family", "given", "birthdate"})
    return frozenset({"_id", "patient", "subject"})
