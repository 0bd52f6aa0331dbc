"""SMART scopes, version 1 and version 2: parsing, comparing, and describing them.

SMART App Launch 2.2, scopes-and-launch-context; RFC 6749 §3.3; C36 to C40, C82, C121, C145, C146.
`.read`, `.write` and `.*` of version 1 are treated as `.rs`, `.cud` and `.cruds` of version 2, so
that they can be compared (C38).
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import parse_qsl

from smartapp.protocol.errors import ScopeError
from smartapp.protocol.scope_texts import other_scope_words, resource_scope_words
from smartapp.protocol.text import plain_text

_V1_PERMISSIONS = {"read": "rs", "write": "cud", "*": "cruds"}
_RESOURCE_SCOPE = re.compile(
    r"(?P<level>patient|user|system)/(?P<resource>\*|[A-Z][A-Za-z]{0,63})\."
    r"(?:(?P<v1>[Rr]ead|[Ww]rite|\*)|(?P<v2>(?=[cruds])c?r?u?d?s?)(?:\?(?P<filter>[^\s?#]+))?)"
)
_FILTER = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]*=[^&=]+(?:&[A-Za-z_][A-Za-z0-9_.:-]*=[^&=]+)*")
_LAUNCH_SCOPE = re.compile(r"launch(?:/[a-z]+(?:\?role=[^&=?#]+)?)?")
# scope-token, RFC 6749 §3.3.
_SCOPE_TOKEN = re.compile(r"[!#-\[\]-~]+")
MAX_SHOWN_CHARACTERS = 80
# Every page compares the same few dozen scopes. Unusual ones from strangers only displace others.
PARSED_SCOPES = 512
_RESERVED_PREFIXES = ("patient/", "user/", "system/")
_PERSON_SCOPES = frozenset(
    {"openid", "fhirUser", "profile", "email", "launch", "offline_access", "online_access"}
)


@dataclass(frozen=True, slots=True)
class ResourceScope:
    """A scope over FHIR resources. `filters` are its search parameters, which narrow it."""

    text: str
    level: str
    resource: str
    permissions: str
    filters: frozenset[tuple[str, str]]

    @property
    def is_version_1(self) -> bool:
        return self.text.lower().endswith((".read", ".write", ".*"))


@dataclass(frozen=True, slots=True)
class OtherScope:
    """Any other scope, known or not. It gives no permission over resources (C82)."""

    text: str


@dataclass(frozen=True, slots=True)
class ScopeComparison:
    """`missing`: requested but not fully granted. `unasked`: granted but not requested (T27)."""

    requested: tuple[str, ...]
    granted: tuple[str, ...]
    missing: tuple[str, ...]
    unasked: tuple[str, ...]


def parse_scopes(text: str) -> tuple[str, ...]:
    """Return the scopes of a scope string, in order, without duplicates."""
    return tuple(dict.fromkeys(text.split()))


def without_commas(text: str) -> str:
    """Return a scope string that has commas between its scopes with blanks in their place. A comma
    stays where it may belong to a filter or to a vendor's own scope: text that has no SMART scope
    before or after it."""
    if "," not in text:
        return text
    return " ".join(part for word in text.split() for part in _parts(word))


def _parts(word: str) -> list[str]:
    parts: list[str] = []
    for part in filter(None, word.split(",")):
        if parts and "?" in parts[-1] and not _is_known(part):
            parts[-1] += f",{part}"  # of the filter's value
        else:
            parts.append(part)
    return parts if any(map(_is_known, parts)) else [word]


def _is_known(item: str) -> bool:
    is_named = item in _PERSON_SCOPES or bool(_LAUNCH_SCOPE.fullmatch(item))
    return is_named or isinstance(parse_scope(item), ResourceScope)


@lru_cache(PARSED_SCOPES)
def parse_scope(item: str) -> ResourceScope | OtherScope:
    """Parse one scope. Never raises: a scope that does not parse gives no permission (C82). Epic
    also grants some as `.Read`."""
    match = _RESOURCE_SCOPE.fullmatch(item)
    if match is None:
        return OtherScope(item)
    query = match["filter"] or ""
    if query and not _FILTER.fullmatch(query):
        return OtherScope(item)
    return ResourceScope(
        text=item,
        level=match["level"],
        resource=match["resource"],
        permissions=_V1_PERMISSIONS[match["v1"].lower()] if match["v1"] else match["v2"],
        filters=frozenset(parse_qsl(query, keep_blank_values=True)),
    )


def validate_requested(text: str) -> str:
    """Return `text` as it may be sent, with single spaces and without duplicates.

    Raises ScopeError for an empty scope, for characters that RFC 6749 §3.3 does not allow, for
    SMART's scopes with commas between them, for a resource or launch scope outside SMART's grammar
    (C36, C37), and for `offline_access` together with `online_access` (C40).
    """
    items = parse_scopes(text)
    if not items:
        raise ScopeError("an empty scope")
    if items != parse_scopes(without_commas(text)):
        raise ScopeError("scopes have blanks between them, and no commas (RFC 6749 §3.3)")
    for item in items:
        _check_grammar(item)
    if "offline_access" in items and "online_access" in items:
        raise ScopeError("offline_access and online_access exclude each other")
    return " ".join(items)


def validate_refresh(text: str, *, granted: Iterable[str]) -> str:
    """Return `text` as it may be sent in a refresh: not empty, and within what was granted.

    Raises ScopeError (C121; T27; RFC 6749 §6).
    """
    items = parse_scopes(text)
    if not items:
        raise ScopeError("an empty scope")
    beyond = _not_covered(items, tuple(granted))
    if beyond:
        raise ScopeError(f"{len(beyond)} scopes that were never granted")
    return " ".join(items)


def validate_backend(text: str) -> str:
    """Return `text` as it may be sent with client_credentials: `system/` and vendors' own scopes
    only.

    No user is signed in there, so `launch`, `openid`, `patient/` and the like have no meaning
    (C145, C146). athenahealth's `athena/service/…` is a vendor's own scope. Raises ScopeError.
    """
    requested = validate_requested(text)
    for item in requested.split(" "):
        if item in _PERSON_SCOPES or item.startswith(("launch/", "patient/", "user/")):
            raise ScopeError(f"{item} has no meaning without a person")
    return requested


def compare(requested: Iterable[str], granted: Iterable[str]) -> ScopeComparison:
    """Compare the requested with the granted scopes (C38, C82; RFC 6749 §3.3).

    A scope counts as granted if granted scopes cover it together: `.rs` by `.r` and `.s`, by
    `.read`, by `*`, or by the same scope with fewer filters.
    """
    asked, given = tuple(requested), tuple(granted)
    return ScopeComparison(
        requested=asked,
        granted=given,
        missing=_not_covered(asked, given),
        unasked=_not_covered(given, asked),
    )


def allows(
    granted: Iterable[str], *, level_types: Collection[str], resource: str, permission: str
) -> bool:
    """Return whether a granted scope gives `permission` (one of "cruds") over `resource` (C83).

    A scope with filters counts: it allows a part, and the EHR leaves out the rest.
    """
    scopes = (parse_scope(item) for item in granted)
    return any(
        isinstance(scope, ResourceScope)
        and scope.level in level_types
        and scope.resource in (resource, "*")
        and permission in scope.permissions
        for scope in scopes
    )


def describe(scope: str, *, whose: str = "your") -> str:
    """Return what `scope` lets this app do: one sentence without its full stop.

    `whose` is the possessive for the patient: "your" to patients, "the patient's" to others.
    """
    parsed = parse_scope(scope)
    if isinstance(parsed, OtherScope):
        return other_scope_words(parsed.text)
    return resource_scope_words(
        parsed.level, parsed.resource, parsed.permissions, parsed.filters, whose=whose
    )


def _check_grammar(item: str) -> None:
    if not _SCOPE_TOKEN.fullmatch(item):
        raise ScopeError(
            f"`{plain_text(item, MAX_SHOWN_CHARACTERS)}` has characters that no scope may have"
        )
    is_odd = isinstance(parse_scope(item), OtherScope) or item.endswith((".Read", ".Write"))
    if item.startswith(_RESERVED_PREFIXES) and is_odd:
        raise ScopeError(
            f"{item} is not a SMART resource scope, as patient/Observation.rs and "
            "patient/Observation.read are (letters in the order of cruds)"
        )
    if item.startswith("launch/") and not _LAUNCH_SCOPE.fullmatch(item):
        raise ScopeError(f"{item} is not a SMART launch scope")


def _not_covered(wanted: tuple[str, ...], given: tuple[str, ...]) -> tuple[str, ...]:
    literally = frozenset(given)
    by_level: dict[tuple[str, str], list[ResourceScope]] = {}
    for scope in map(parse_scope, literally):
        if isinstance(scope, ResourceScope):
            by_level.setdefault((scope.level, scope.resource), []).append(scope)
    return tuple(item for item in wanted if item not in literally and not _covered(item, by_level))


def _covered(item: str, given: dict[tuple[str, str], list[ResourceScope]]) -> bool:
    scope = parse_scope(item)
    if isinstance(scope, OtherScope):
        return False
    candidates = given.get((scope.level, scope.resource), [])
    if scope.resource != "*":
        candidates = [*candidates, *given.get((scope.level, "*"), [])]
    # Filters narrow a scope: one with a subset of our filters allows at least as much.
    letters = {
        letter
        for candidate in candidates
        if candidate.filters <= scope.filters
        for letter in candidate.permissions
    }
    return letters.issuperset(scope.permissions)
