"""FHIR elements as they really arrive: members may be missing, empty, or of another type.

Each function takes any JSON and gives a plain value, empty when there is nothing to show. None
raises.
"""

from typing import Any, TypeAlias

Resource: TypeAlias = "dict[str, Any]"


def mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def mappings(value: object) -> list[dict[str, Any]]:
    """Return the objects of an array; a lone object counts as an array of one."""
    items = value if isinstance(value, list) else [value]
    return [item for item in items if isinstance(item, dict)]


def is_true(value: object) -> bool:
    """Return whether a boolean is true; some servers write it as a string."""
    return value is True or (isinstance(value, str) and value.strip().lower() == "true")


def is_unclear(resource: Resource, name: str) -> bool:
    """Whether a boolean is there and neither true nor false, or has an extension in its place."""
    value = resource.get(name)
    if value is None:
        return bool(resource.get(f"_{name}"))
    return not (is_true(value) or is_false(value))


def is_false(value: object) -> bool:
    return value is False or (isinstance(value, str) and value.strip().lower() == "false")
