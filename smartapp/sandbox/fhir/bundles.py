"""One page of search results: which records, in which order, with which links.

A page's `next` link contains only a signed cursor: the query and the offset. Scopes are checked
again on each page, so a cursor gives no access by itself.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode

from django.core import signing

from smartapp.sandbox.fhir.outcomes import BadRequest, CombinationRequired
from smartapp.sandbox.fhir.redaction import shown_name
from smartapp.sandbox.fhir.scopes import Grant, may_see
from smartapp.sandbox.fhir.search import (
    SORTS,
    Parameters,
    Test,
    birth_of,
    compile_parameter,
    last_updated_of,
    narrowing_parameters,
    parameters_of,
    referenced_id,
)
from smartapp.sandbox.fhir.store import COMPARTMENT, Record, store

CURSOR_PARAMETER = "_cursor"
CURSOR_SALT = "smartapp.sandbox.fhir.cursor"
DEFAULT_COUNT = 50
MAX_COUNT = 200
MAX_PARAMETERS = 50
EARLIEST = datetime.min.replace(tzinfo=UTC)
TOTALS = frozenset({"none", "estimate", "accurate"})
"""The accepted values; every response has the accurate total."""
RESULT_PARAMETERS = frozenset({"_count", "_format", "_pretty"})


@dataclass(frozen=True, slots=True)
class Query:
    """A parsed search."""

    resource_type: str
    applied: Parameters
    """The known parameters, which the self link repeats."""
    ignored: tuple[str, ...]
    """The names of unknown parameters, without their values, which may be secrets."""
    tests: tuple[Test, ...]
    sort: tuple[str, ...]
    count: int
    offset: int


def parse_form(form: str) -> Parameters:
    """Return the parameters of a query string or of a _search form, in order."""
    try:
        return tuple(parse_qsl(form, keep_blank_values=True, max_num_fields=MAX_PARAMETERS))
    except ValueError as exc:
        raise BadRequest("Too many parameters.") from exc


def parse_query(resource_type: str, parameters: Parameters) -> Query:
    """Return the parsed search. Raises BadRequest for invalid values; unknown parameters are only
    noted."""
    parameters, offset = _continued(resource_type, parameters)
    known = [pair for pair in parameters if _is_known(resource_type, *pair)]
    _validate_combination(resource_type, known)
    compiled = (compile_parameter(resource_type, name, value) for name, value in known)
    last = dict(known)
    return Query(
        resource_type=resource_type,
        applied=tuple(known),
        ignored=tuple(_in_words(*pair) for pair in parameters if pair not in known),
        tests=tuple(test for test in compiled if test is not None),
        sort=tuple(last["_sort"].split(",")) if "_sort" in last else (),
        count=_parse_count(last.get("_count", str(DEFAULT_COUNT))),
        offset=offset,
    )


def _continued(resource_type: str, parameters: Parameters) -> tuple[Parameters, int]:
    """Return the parameters, or those of the search that a cursor continues."""
    cursors = [value for name, value in parameters if name == CURSOR_PARAMETER]
    return _parse_cursor(resource_type, cursors[0]) if cursors else (parameters, 0)


def _is_known(resource_type: str, name: str, value: str) -> bool:
    if name == "_sort":
        keys = {key.removeprefix("-") for key in value.split(",")}
        return keys <= SORTS[resource_type]
    if name == "_total":
        return value in TOTALS
    return name in RESULT_PARAMETERS or name.partition(":")[0] in parameters_of(resource_type)


def _in_words(name: str, value: str) -> str:
    return f"{name}={value}" if name in ("_sort", "_total") else shown_name(name)


def find(query: Query, grants: Iterable[Grant]) -> list[Record]:
    """Return every matching record that the grants allow, in order."""
    grants = tuple(grants)
    found = [
        record
        for record in _candidates(query)
        if all(test(record) for test in query.tests) and may_see(grants, record)
    ]
    for key in reversed(query.sort):
        _sort_by(found, key)
    return found


def self_url(query: Query, base_url: str) -> str:
    if query.offset:
        return _cursor_url(query, base_url, query.offset)
    applied = urlencode(query.applied)
    return f"{base_url}/{query.resource_type}" + (f"?{applied}" if applied else "")


def next_url(query: Query, base_url: str) -> str:
    return _cursor_url(query, base_url, query.offset + query.count)


def _cursor_url(query: Query, base_url: str, offset: int) -> str:
    cursor = urlencode({CURSOR_PARAMETER: _cursor(query, offset)})
    return f"{base_url}/{query.resource_type}?{cursor}"


def _cursor(query: Query, offset: int) -> str:
    payload = [query.resource_type, query.applied, offset]
    return signing.dumps(payload, salt=CURSOR_SALT, compress=True)


def _parse_cursor(resource_type: str, cursor: str) -> tuple[Parameters, int]:
    try:
        made_for, parameters, offset = signing.loads(cursor, salt=CURSOR_SALT)
    except signing.BadSignature as exc:
        raise BadRequest("This page link was not made here. Search again.") from exc
    if made_for != resource_type:
        raise BadRequest(f"This page link belongs to {made_for}.")
    return tuple((name, value) for name, value in parameters), offset


def _parse_count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise BadRequest("_count is not a whole number.")
    return min(int(text), MAX_COUNT)


def _validate_combination(resource_type: str, applied: Iterable[tuple[str, str]]) -> None:
    needed = narrowing_parameters(resource_type)
    given = {name.partition(":")[0] for name, _ in applied}
    if needed and needed.isdisjoint(given):
        listed = ", ".join(sorted(needed))
        raise CombinationRequired(f"A search for {resource_type} needs one of: {listed}.")


def _candidates(query: Query) -> tuple[Record, ...]:
    """Return the records of one patient if the query names one, else all of the type."""
    for name, value in query.applied:
        about = name.partition(":")[0] in ("patient", "subject") and "," not in value
        if about and query.resource_type in COMPARTMENT:
            return store().of_patient(query.resource_type, referenced_id(value, "Patient"))
    return store().by_type[query.resource_type]


def _date(record: Record) -> datetime:
    return record.date.start if record.date else EARLIEST


def _last_updated(record: Record) -> datetime:
    return last_updated_of(record).start


def _birth(record: Record) -> datetime:
    return birth_of(record).start


def _id(record: Record) -> str:
    return record.id


_ORDERS: Mapping[str, Callable[[Record], Any]] = {
    "_id": _id,
    "_lastUpdated": _last_updated,
    "birthdate": _birth,
}


def _sort_by(records: list[Record], key: str) -> None:
    order = _ORDERS.get(key.removeprefix("-"), _date)
    records.sort(key=order, reverse=key.startswith("-"))
