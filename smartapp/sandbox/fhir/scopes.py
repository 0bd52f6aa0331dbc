"""What an access token may see (S62): SMART scopes, v1 and v2, applied to stored records.

Sources: SMART App Launch 2.2 "Scopes for requesting FHIR Resources" (v2: `.cruds` and search
parameters as filters); SMART App Launch 1.0 (v1: `.read`, `.write`, `.*`).
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import parse_qsl

from smartapp.sandbox.access import Access
from smartapp.sandbox.fhir.outcomes import BadRequest
from smartapp.sandbox.fhir.search import Test, compile_parameter
from smartapp.sandbox.fhir.store import SHARED, Record, may_act_for, store

SCOPE = re.compile(
    r"(?P<level>patient|user|system)/(?P<type>\*|[A-Za-z]+)"
    r"\.(?P<permissions>read|write|\*|(?=[cruds])c?r?u?d?s?)(?:\?(?P<filters>.+))?"
)
V1_PERMISSIONS = {"read": "rs", "write": "cud", "*": "cruds"}

READ, SEARCH = "r", "s"


@dataclass(frozen=True, slots=True)
class Grant:
    """One scope, applied to one resource type."""

    patients: frozenset[str] | None
    """The patients whose records it covers; None for all."""
    permissions: str
    filters: tuple[Test, ...]


def grants_for(access: Access, resource_type: str, permission: str) -> tuple[Grant, ...]:
    """Return the token's grants for this type and permission."""
    grants = _grants(access, resource_type)
    return tuple(grant for grant in grants if permission in grant.permissions)


def may_see(grants: Iterable[Grant], record: Record) -> bool:
    """Return whether any grant covers this record."""
    return any(
        _reaches(grant, record) and all(test(record) for test in grant.filters) for grant in grants
    )


def is_own_user(access: Access, record: Record) -> bool:
    """Return whether the record is the signed-in user, which the scope `fhirUser` allows
    reading."""
    return "fhirUser" in access.scope and _user_reference(access) == record.reference


def _grants(access: Access, resource_type: str) -> Iterator[Grant]:
    for item in access.scope:
        match = SCOPE.fullmatch(item)
        if match and match["type"] in ("*", resource_type):
            filters = _filters(resource_type, match["filters"])
            if filters is not None:
                permissions = V1_PERMISSIONS.get(match["permissions"], match["permissions"])
                yield Grant(_patients(access, match["level"]), permissions, filters)


def _filters(resource_type: str, query: str | None) -> tuple[Test, ...] | None:
    """Return the tests of `?category=…`; None if one is not understood: such a scope gives
    nothing."""
    pairs = parse_qsl(query or "", keep_blank_values=True)
    try:
        tests = [compile_parameter(resource_type, name, value) for name, value in pairs]
    except BadRequest:
        return None
    known = tuple(test for test in tests if test is not None)
    return known if len(known) == len(pairs) else None


def _reaches(grant: Grant, record: Record) -> bool:
    if grant.patients is None:
        return True
    if record.type in SHARED:
        return not grant.patients.isdisjoint(store().referenced_by.get(record.reference, ()))
    return record.patient in grant.patients


def _patients(access: Access, level: str) -> frozenset[str] | None:
    """Return the patients that a level covers: the launch's patient, or those the user may see;
    None for all."""
    if level == "system":
        return None
    if level == "patient":
        return frozenset({access.patient} if access.patient else ())
    user = store().by_reference.get(_user_reference(access))
    if user is None:
        return frozenset()
    return None if user.type == "Practitioner" else _own_and_wards(user)


def _own_and_wards(user: Record) -> frozenset[str]:
    """Return a patient and their children; for a related person, the patient."""
    if user.patient is None:
        return frozenset()
    wards = may_act_for(user.id) if user.type == "Patient" else ()
    return frozenset({user.patient, *(ward.id for ward in wards)})


def _user_reference(access: Access) -> str:
    return "/".join((access.fhirUser or "").split("/")[-2:])
