"""How a search is put to an EHR that may not take it as it is.

What we would like (newest first, medications besides) is left away where the EHR refuses it, and
what the EHR demands is added where it names it. What it took is remembered for an hour, so that no
page asks in vain what the last one did.
"""

import re
import time
from collections.abc import Mapping
from http import HTTPStatus

from smartapp.chart.fhir_access import Found, ReadRefused, Record
from smartapp.chart.sections import Search

REMEMBERED_SECONDS = 3600
# The search, or something in it, is not one that this server takes.
NOT_AS_IT_IS = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.UNPROCESSABLE_ENTITY,
    HTTPStatus.NOT_IMPLEMENTED,
)

Parameters = Mapping[str, str]

# What each EHR took instead, None where it took nothing, and until when that is believed.
_taken: dict[tuple[str, Search], tuple[Parameters | None, float]] = {}

# The EHRs that found something by `a,b`, and until when that is believed: where they find nothing
# by it, there is nothing.
_takes_several: dict[str, float] = {}


def forget() -> None:
    """Forget what EHRs took: a test's EHR ends, the process does not."""
    _taken.clear()
    _takes_several.clear()


async def ask(record: Record, search: Search) -> Found:
    """Return what the search brings. Raises ReadRefused when the EHR takes it in no form; of what
    is asked besides, or of a type that need not be there, that is remembered as nothing."""
    parameters = _remembered(record, search)
    try:
        while parameters is not None:
            found, parameters = await _tried(record, search, parameters)
            if found is not None:
                return found
    except ReadRefused as refused:
        is_unknown_type = search.is_optional and refused.answered == HTTPStatus.NOT_FOUND
        if not is_unknown_type and not (search.is_besides and refused.answered in NOT_AS_IT_IS):
            raise
        _remember(record, search, None)
    return Found()


async def _tried(
    record: Record, search: Search, parameters: Parameters
) -> tuple[Found | None, Parameters]:
    """Return what came, or what to ask instead."""
    try:
        found = await record.search(search.resource_type, parameters)
        in_one = {**parameters, **search.alone}
        if in_one != parameters and found.given:
            _takes_several[record.fhir_base_url] = time.monotonic() + REMEMBERED_SECONDS
        elif in_one != parameters and not _is_known_to_take_several(record):
            # A server that takes `a,b` for one code has found nothing.
            found = await record.search(search.resource_type, in_one)
            parameters = in_one if found.given else parameters
    except ReadRefused as refused:
        return None, _amended(search, parameters, refused)
    _remember(record, search, parameters)
    return found, parameters


def _is_known_to_take_several(record: Record) -> bool:
    return _takes_several.get(record.fhir_base_url, 0.0) > time.monotonic()


def _remembered(record: Record, search: Search) -> Parameters | None:
    first = {**search.needs, **search.wishes}
    parameters, until = _taken.get((record.fhir_base_url, search), (first, 0.0))
    return parameters if until > time.monotonic() else first


def _remember(record: Record, search: Search, parameters: Parameters | None) -> None:
    """Remember what was taken where it is not what was asked first."""
    if parameters != {**search.needs, **search.wishes}:
        until = time.monotonic() + REMEMBERED_SECONDS
        _taken[record.fhir_base_url, search] = (parameters, until)


def _amended(search: Search, parameters: Parameters, refused: ReadRefused) -> Parameters:
    """Return what to ask instead; raises the refusal where there is nothing more to try.

    A 403 without a word of a parameter is about permission: nothing is asked again.
    """
    if refused.answered not in NOT_AS_IT_IS:
        raise refused
    missing = {name: value for name, value in search.if_asked if name not in parameters}
    named = {name: value for name, value in missing.items() if _names(refused.said, name)}
    if named:
        return {**parameters, **named}
    if refused.answered == HTTPStatus.FORBIDDEN:
        raise refused
    plain = {name: value for name, value in parameters.items() if name not in search.wishes}
    for other in (plain, {**plain, **search.alone}, {**plain, **missing}):
        if other != parameters:
            return other
    raise refused


def _names(said: str, parameter: str) -> bool:
    return re.search(rf"\b{re.escape(parameter)}\b", said, re.IGNORECASE) is not None
