"""Adapts a search for an EHR that refuses it.

The preferred parameters (newest first, with the medications, so many a page) are dropped if the EHR
refuses them. Parameters that the EHR requires are added if it names them. A search for several
categories of which it does not accept one is put for each of them. What it accepted, and which
category it did not, is remembered for an hour, so that later pages do not repeat a refused search.
"""

import re
import time
from collections.abc import Mapping
from http import HTTPStatus

from smartapp.chart.fhir_access import PAGE_SIZE, Found, ReadRefused, Record
from smartapp.chart.sections import Search

REMEMBERED_SECONDS = 3600
# The server does not accept the search, or something in it.
NOT_AS_IT_IS = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.UNPROCESSABLE_ENTITY,
    HTTPStatus.NOT_IMPLEMENTED,
)
# Of these, those that are never about permission.
IN_NO_FORM = frozenset(NOT_AS_IT_IS) - {HTTPStatus.FORBIDDEN}

# Large pages need fewer requests. An EHR that refuses it, by name or in every other form, chooses
# the size itself.
SIZE = {"_count": str(PAGE_SIZE)}

Parameters = Mapping[str, str]

# The parameters that each EHR accepted instead, None if it accepted none, and until when to use
# this.
_taken: dict[tuple[str, Search], tuple[Parameters | None, float]] = {}

# The searches that each EHR refused for several categories at once, with the categories that it
# refused alone, too, and until when to rely on it: what else they have is asked for one by one.
_apart: dict[tuple[str, Search], tuple[frozenset[str], float]] = {}

# The EHRs that found something by `a,b`, and until when to rely on it: if they find nothing that
# way, there is nothing.
_takes_several: dict[str, float] = {}


def forget() -> None:
    """Forget what EHRs accepted: in tests the EHR ends before the process does."""
    _taken.clear()
    _apart.clear()
    _takes_several.clear()


async def ask(record: Record, search: Search) -> Found:
    """Return the result of the search. Raises ReadRefused if the EHR accepts no form of it; for an
    additional search, or a resource type that may be missing, an empty result is remembered
    instead."""
    refused_alone = _refused_alone(record, search)
    try:
        if refused_alone is None or len(refused_alone) == len(search.apart):
            return await _in_one(record, search)
    except ReadRefused as refused:
        is_unknown_type = search.is_optional and refused.http_status == HTTPStatus.NOT_FOUND
        if is_unknown_type or (search.is_besides and refused.http_status in NOT_AS_IT_IS):
            _remember(record, search, None)
            return Found()
        is_of_categories = "category" in search.needs or _names(refused.said, "category")
        is_worth_it = is_of_categories and search.apart and not refused_alone
        if refused.http_status not in IN_NO_FORM or not is_worth_it:
            raise
    return await _apart_from_each_other(record, search)


async def _in_one(record: Record, search: Search) -> Found:
    parameters = _remembered(record, search)
    while parameters is not None:
        found, parameters = await _tried(record, search, parameters)
        if found is not None:
            return found
    return Found()


async def _apart_from_each_other(record: Record, search: Search) -> Found:
    """Return what the searches for each category found. Raises ReadRefused if the EHR refuses all
    of them; if it refuses some, a note says so."""
    before = _refused_alone(record, search)
    left = {name: one for name, one in search.apart.items() if name not in (before or ())}
    every, refusals = await _one_by_one(record, left)
    for_good = {name for name, one in refusals.items() if one.http_status in IN_NO_FORM}
    if before is None and (for_good or every.given):
        until = time.monotonic() + REMEMBERED_SECONDS
        _apart[record.fhir_base_url, search] = (frozenset(for_good), until)
    if left and len(refusals) == len(left):
        raise next(iter(refusals.values()))
    if refused := search.apart.keys() - (left.keys() - refusals.keys()):
        word = "category" if len(refused) == 1 else "categories"
        named = ", ".join(f"“{name}”" for name in search.apart if name in refused)
        every.notes.append(f"The EHR refused to look for the {word} {named}.")
    return every


async def _one_by_one(
    record: Record, searches: Mapping[str, Search]
) -> tuple[Found, dict[str, ReadRefused]]:
    """Return what was found, and what was refused, by category. Once the EHR has accepted one in
    some form, it is not the form of the others that it refuses."""
    every, form = Found(), None
    refusals: dict[str, ReadRefused] = {}
    for name, one in searches.items():
        try:
            if form is None:
                every.join(await _in_one(record, one))
                form = _remembered(record, one)
            else:
                every.join(await record.search(one.resource_type, {**form, **one.needs}))
        except ReadRefused as refused:
            refusals[name] = refused
    return every, refusals


def _refused_alone(record: Record, search: Search) -> frozenset[str] | None:
    """Return the categories that the EHR refused each by itself; None for a search that it is not
    known to refuse for several."""
    refused, until = _apart.get((record.fhir_base_url, search), (frozenset[str](), 0.0))
    return refused if until > time.monotonic() else None


async def _tried(
    record: Record, search: Search, parameters: Parameters
) -> tuple[Found | None, Parameters]:
    """Return the result, or the parameters to try next."""
    try:
        found = await record.search(search.resource_type, parameters)
        has_several = "category" in search.needs and "," in parameters["category"]
        if has_several and found.given:
            _takes_several[record.fhir_base_url] = time.monotonic() + REMEMBERED_SECONDS
        elif has_several and not _is_known_to_take_several(record):
            # A server that takes `a,b` for one code has found nothing.
            in_one = {**parameters, **search.alone}
            if in_one != parameters:
                found = await record.search(search.resource_type, in_one)
                parameters = in_one if found.given else parameters
            else:
                found = await _apart_from_each_other(record, search)
    except ReadRefused as refused:
        return None, _amended(search, parameters, refused)
    _remember(record, search, parameters)
    return found, parameters


def _is_known_to_take_several(record: Record) -> bool:
    return _takes_several.get(record.fhir_base_url, 0.0) > time.monotonic()


def _first(search: Search) -> Parameters:
    return {**search.needs, **search.wishes, **SIZE}


def _remembered(record: Record, search: Search) -> Parameters | None:
    first = _first(search)
    parameters, until = _taken.get((record.fhir_base_url, search), (first, 0.0))
    return parameters if until > time.monotonic() else first


def _remember(record: Record, search: Search, parameters: Parameters | None) -> None:
    """Remember what was accepted if it is not what is tried first."""
    if parameters != _first(search):
        until = time.monotonic() + REMEMBERED_SECONDS
        _taken[record.fhir_base_url, search] = (parameters, until)


def _amended(search: Search, parameters: Parameters, refused: ReadRefused) -> Parameters:
    """Return the parameters to try next. Raises the refusal if there is nothing more to try.

    A 403 that names no parameter is about permission, and nothing is tried again.
    """
    if refused.http_status not in NOT_AS_IT_IS:
        raise refused
    missing = {name: value for name, value in search.if_asked if name not in parameters}
    named = {name: value for name, value in missing.items() if _names(refused.said, name)}
    if named:
        return {**parameters, **named}
    refused_names = {name for name in (*search.wishes, *SIZE) if _names(refused.said, name)}
    if refused_names & parameters.keys():
        return {name: value for name, value in parameters.items() if name not in refused_names}
    if refused.http_status == HTTPStatus.FORBIDDEN:
        raise refused
    plain = {name: value for name, value in parameters.items() if name not in search.wishes}
    unnamed = {} if search.is_besides else missing
    for other in (plain, {**plain, **search.alone}, {**plain, **unnamed}):
        if other != parameters:
            return other
    if search.is_besides or not SIZE.keys() & parameters.keys():
        raise refused
    added = {*SIZE, *dict(search.if_asked)}
    return {name: value for name, value in plain.items() if name not in added}


def _names(said: str, parameter: str) -> bool:
    return re.search(rf"\b{re.escape(parameter)}\b", said, re.IGNORECASE) is not None
