"""The JSON of a Bundle, in which members that are written alike are one object.

The resources of a search repeat each other: two thousand results all have the same category and
subject, and each test has its one code and range. So each resource is cut into its members, and of
members that are written alike only one is parsed. That takes little more than half the time of
parsing all of them, and a reader knows by its identity what it has read before
(`record/elements.py`).
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
        others: Cut = {}
        if self.fullUrl is not msgspec.UNSET:
            others["fullUrl"] = self.fullUrl
        if self.search is not msgspec.UNSET:
            others["search"] = self.search
        return others


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
    try:
        bundle = _BUNDLE.decode(body)
        entries = _ENTRIES.decode(bundle.pop("entry"))
        objects = [bundle, *(one.resource for one in entries), *(one.others for one in entries)]
        parts = [bytes(part) for one in objects for part in one.values()]
        # The names of these, "entry", and "resource" of each entry.
        names = len(parts) + 1 + len(entries)
        if _is_a_name_repeated(body, parts, names):
            return {}
        values = map(_Known().__getitem__, parts)
        whole, *found = [dict(zip(one, values, strict=False)) for one in objects]
    except (KeyError, ValueError, RecursionError, msgspec.MsgspecError):
        return {}
    resources, others = found[: len(entries)], found[len(entries) :]
    pairs = zip(resources, others, strict=True)
    return {**whole, "entry": [{"resource": resource, **more} for resource, more in pairs]}


class _Known(dict[bytes, JSON]):
    """The parsed members, by how they are written."""

    def __missing__(self, written: bytes) -> JSON:
        is_string = written.startswith(b'"')
        found = _STRING.decode(written) if is_string else parse_part(written, LEVELS_ABOVE)
        self[written] = found
        return found


def _is_a_name_repeated(body: bytes, parts: list[bytes], names: int) -> bool:
    """Return whether an object may have had two members of one name, of which msgspec keeps the
    last: outside of the parts are as many colons as names, or more if a name has one."""
    return body.count(b":") - b"".join(parts).count(b":") != names
