"""What the granted scopes let the page ask for, and what it therefore does not ask for."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

from smartapp.chart.sections import SECTIONS, Search, Section
from smartapp.protocol.scopes import ResourceScope, parse_scope

LEVELS = ("patient", "user")


def asked_sections(granted: Sequence[str]) -> tuple[Section, ...]:
    """Return the sections of the page: those without which it would mislead, and those of the
    others that the scopes allow."""
    return tuple(one for one in SECTIONS if not one.only_if_granted or _is_permitted(one, granted))


def not_asked(granted: Sequence[str], *, is_patients: bool = False) -> tuple[str, ...]:
    """Return the names of the parts that the page does not ask for, in its order."""
    asked = asked_sections(granted)
    missing = [one for one in SECTIONS if one not in asked]
    titles = [one.for_patients if is_patients else one.title for one in missing]
    parts = [
        search.what
        for section in asked
        for search in section.searches
        if search.what and search.is_optional and permitted_part(search, granted) == "nothing"
    ]
    return (*titles, *parts)


def _is_permitted(section: Section, granted: Sequence[str]) -> bool:
    return any(permitted_part(search, granted) != "nothing" for search in section.searches)


def permitted_part(search: Search, granted: Sequence[str]) -> Literal["all", "a part", "nothing"]:
    """Return how much of a search the scopes allow.

    A v2 scope may be restricted by search parameters, and an EHR then silently omits the rest. An
    empty list must not be taken for "nothing recorded" (C83).
    """
    amounts = {
        _amount(search, scope.filters)
        for scope in _searching(tuple(granted))
        if scope.resource in (search.resource_type, "*")
    }
    return "all" if "all" in amounts else "a part" if "a part" in amounts else "nothing"


# A page asks for it a hundred times.
@lru_cache(maxsize=100)
def _searching(granted: tuple[str, ...]) -> tuple[ResourceScope, ...]:
    """Return the scopes that let the app search."""
    return tuple(
        scope
        for scope in map(parse_scope, granted)
        if isinstance(scope, ResourceScope) and scope.level in LEVELS and "s" in scope.permissions
    )


def _amount(
    search: Search, filters: frozenset[tuple[str, str]]
) -> Literal["all", "a part", "nothing"]:
    categories = {value.rpartition("|")[2] for name, value in filters if name == "category"}
    if search.categories and categories and categories.isdisjoint(search.categories):
        return "nothing"
    others = {name for name, _ in filters} - ({"category"} if search.categories else set())
    return "a part" if others else "all"
