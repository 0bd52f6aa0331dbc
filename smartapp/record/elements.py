"""FHIR elements as they really arrive: members may be missing, empty, or of another type.

Each function accepts any JSON and returns a plain value, empty if there is nothing to show. None of
them raises an error.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeAlias, TypeVar, TypeVarTuple

Resource: TypeAlias = "dict[str, Any]"
F = TypeVar("F")
E = TypeVarTuple("E")
T = TypeVar("T")
K = TypeVar("K")
V = TypeVar("V")

# The number of elements that each reader remembers, and the longest one, in characters. Parsed, it
# may take twenty times as many bytes.
MAX_REMEMBERED, MAX_WRITTEN = 1_000, 1_000


def mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def mappings(value: object) -> list[dict[str, Any]]:
    """Return the objects of an array; a single object counts as an array of one."""
    return [item for item in each_of(value) if isinstance(item, dict)]


def each_of(value: object) -> list[Any]:
    """Return an array as it was sent; anything else counts as an array of one."""
    return value if isinstance(value, list) else [value]


def extensions(element: object, url: str) -> list[dict[str, Any]]:
    """Return the extensions of an element that have this URL (FHIR R4 §2.4, Extensibility)."""
    return [one for one in mappings(mapping(element).get("extension")) if one.get("url") == url]


def is_true(value: object) -> bool:
    """Return whether a boolean is true; some servers write it as a string."""
    return value is True or (isinstance(value, str) and value.strip().lower() == "true")


def is_unclear(resource: Resource, name: str) -> bool:
    """Return whether a boolean exists but is neither true nor false, or is replaced by an
    extension."""
    value = resource.get(name)
    if value is None:
        return bool(resource.get(f"_{name}"))
    return not (is_true(value) or is_false(value))


def is_false(value: object) -> bool:
    return value is False or (isinstance(value, str) and value.strip().lower() == "false")


def remembered(read: Callable[[F, *E], T]) -> Callable[[F, *E], T]:
    """Return a reader that remembers its result for equal elements. Only useful for elements that
    repeat in many entries, such as codes and ranges: a list of results has each a hundred times.

    Elements that an answer has many times are usually one object (`protocol/bundle_json.py`), which
    is recognised without a look at its content.
    """
    of_objects: dict[int | tuple[int, ...], tuple[object, T]] = {}
    of_contents: dict[str, T] = {}

    @wraps(read)
    def reading(element: F, *others: *E) -> T:
        same = (id(element), *map(id, others)) if others else id(element)
        # As long as the elements are kept here, no others have their ids.
        if (kept := of_objects.get(same)) is not None:
            return kept[1]
        written = repr((element, others))
        try:
            found = of_contents[written]
        except KeyError:
            found = read(element, *others)
        if len(written) <= MAX_WRITTEN:
            _put(of_objects, same, ((element, others), found))
            _put(of_contents, written, found)
        return found

    return reading


def _put(known: dict[K, V], key: K, value: V) -> None:
    if len(known) >= MAX_REMEMBERED:
        known.clear()
    known[key] = value
