"""The JSON of a Bundle, in which members that are written alike are one object.

The resources of a search repeat each other: two thousand results all have the same category and
subject, and each test has its one code and range. So each resource is cut into its members, and of
members that are written alike only one is parsed. That takes half the time of parsing all of them,
and a reader knows by its identity what it has read before (`record/elements.py`).
"""

from typing import Any, TypeAlias

import msgspec

from smartapp.protocol.json import (
    JSON,
    MAX_VALUES,
    SUSPECT_ESCAPE,
    parse_json_object,
    parse_part,
)

# An object whose members are not parsed yet.
Cut: TypeAlias = "dict[str, msgspec.Raw]"

# A resource is in an entry, which is in a list, which is in the Bundle.
LEVELS_ABOVE = 4


class _Entry(msgspec.Struct, forbid_unknown_fields=True):
    """An entry as it is in the result of a search (FHIR R4, Bundle.entry)."""

    resource: Cut
    fullUrl: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    search: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET

    @property
    def others(self) -> Cut:
        others = {"fullUrl": self.fullUrl, "search": self.search}
        return {name: one for name, one in others.items() if one is not msgspec.UNSET}


_BUNDLE = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ENTRIES = msgspec.json.Decoder(list[_Entry])
_STRING = msgspec.json.Decoder(str)


def parse_bundle_json(body: bytes) -> dict[str, Any]:
    """Return what `parse_json_object(body, exact=True)` returns, or raise what it raises.

    Some members of the resources are one object, so nobody may change them.
    """
    return _from_parts(body) or parse_json_object(body, exact=True)


def _from_parts(body: bytes) -> dict[str, Any]:
    """Return the Bundle; {} for anything unusual, which the strict parser has to judge."""
    if body.count(b",") >= MAX_VALUES or SUSPECT_ESCAPE.search(body):
        return {}
    known = _Known()
    try:
        bundle = _BUNDLE.decode(body)
        entries = _ENTRIES.decode(bundle.pop("entry"))
        resources, others = [one.resource for one in entries], [one.others for one in entries]
        if _is_a_name_repeated(body, [bundle, *resources, *others]):
            return {}
        found = [
            {"resource": known.parsed(resource), **known.parsed(more)}
            for resource, more in zip(resources, others, strict=True)
        ]
        return {**known.parsed(bundle), "entry": found}
    except (KeyError, ValueError, RecursionError, msgspec.MsgspecError):
        return {}


class _Known(dict[bytes, JSON]):
    """The parsed members, by how they are written."""

    def parsed(self, cut: Cut) -> dict[str, Any]:
        return {name: self[bytes(part)] for name, part in cut.items()}

    def __missing__(self, written: bytes) -> JSON:
        is_string = written.startswith(b'"')
        found = _STRING.decode(written) if is_string else parse_part(written, LEVELS_ABOVE)
        self[written] = found
        return found


def _is_a_name_repeated(body: bytes, objects: list[Cut]) -> bool:
    """Return whether an object may have two members of one name, of which msgspec keeps the last.

    There are as many colons as names outside of the members, or more if a name has one. `objects`
    are the Bundle without "entry", and the entries apart from their resources.
    """
    members = b"".join(part for one in objects for part in one.values())
    entries = len(objects) // 2
    names = sum(map(len, objects)) + len(("entry",)) + entries * len(("resource",))
    return body.count(b":") - members.count(b":") != names
