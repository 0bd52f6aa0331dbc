"""The scopes of this EHR: who may request them, what is granted, and their description for users.

Numbers: S11, S29.
"""

import re
from collections.abc import Iterable

from smartapp.sandbox.fhir.resource_types import RESOURCE_TYPES
from smartapp.sandbox.fhir.store import TYPES
from smartapp.sandbox.models import Client
from smartapp.sandbox.refusals import invalid_scope

PERSONAL = {
    "openid": "Know that it is you",
    "fhirUser": "Know which record at this EHR is yours",
    "profile": "Know your name",
    "launch": "Know which patient and visit are open in the EHR",
    "launch/patient": "Know whose record it may open",
    "launch/encounter": "Know which visit it is about",
    "offline_access": "Stay connected after you close it, until you end it",
    "online_access": "Stay connected while you are signed in here",
}
RESOURCE = re.compile(
    r"(?P<level>patient|user|system)/(?P<type>[A-Z][A-Za-z]+|\*)"
    r"\.(?P<permission>read|write|\*|(?=[cruds])c?r?u?d?s?)(?P<query>\?[!-~]+)?"
)
V1_LETTERS = {"read": "rs", "write": "cud", "*": "cruds"}
READ_ONLY = {"read": "read", "write": "", "*": "read"}
ATHENA_SERVICE = re.compile(r"athena/service/[A-Za-z0-9.*]+")
TYPE_WORDS = {
    "*": "everything",
    "AllergyIntolerance": "allergies",
    "Appointment": "appointments",
    "Binary": "attached files",
    "CarePlan": "care plans",
    "CareTeam": "the care team",
    "Condition": "health problems",
    "Coverage": "health insurance",
    "Device": "implants and devices",
    "DeviceUseStatement": "use of devices",
    "DiagnosticReport": "reports",
    "DocumentReference": "documents and notes",
    "Encounter": "visits",
    "FamilyMemberHistory": "illnesses in the family",
    "Goal": "goals of treatment",
    "Immunization": "vaccinations",
    "Medication": "names of medicines",
    "MedicationAdministration": "medicines given",
    "MedicationDispense": "medicines handed out",
    "MedicationRequest": "prescribed medicines",
    "MedicationStatement": "medicines taken",
    "Observation": "measurements and laboratory results",
    "Patient": "name, date of birth and address",
    "Procedure": "treatments",
    "QuestionnaireResponse": "answers to questionnaires",
    "RelatedPerson": "family members",
    "ServiceRequest": "orders and referrals",
}
SHARED_WORDS = {
    "Location": "places of care",
    "Organization": "practices",
    "Practitioner": "names of clinicians",
}
"""Types that are not about a patient."""
LEVEL_WORDS = {
    "patient": "in this patient's record",
    "user": "in every record you may see",
    "system": "in every record",
}


def requested(
    client: Client, text: str, *, rule: str = "S11", by_letters: bool = False
) -> tuple[str, ...]:
    """Return the requested scopes without duplicates. Raises `invalid_scope` for one that the app
    cannot have.

    `by_letters`: a registered scope allows itself only, and no narrower one.
    """
    scopes = tuple(dict.fromkeys(text.split()))
    for scope in scopes:
        for name in _resource_types(scope):
            if name not in ("*", *RESOURCE_TYPES):
                raise invalid_scope(rule, f"The scope {scope} names no resource type of FHIR R4.")
        if not _is_offered(client, scope):
            words = f"The scope {scope} does not exist for this kind of app"
            raise invalid_scope(rule, f"{words}, which has {_offered_in_words(client)}.")
        if client.scope and not _is_registered(client, scope, by_letters=by_letters):
            raise invalid_scope(rule, f"The scope {scope} is not registered for this client.")
    return scopes


def readable(scopes: Iterable[str], *, rule: str = "S11") -> tuple[str, ...]:
    """Return the scopes without write permissions, because the API is read-only.

    `patient/*.cruds` becomes `patient/*.rs`, and `patient/*.write` is dropped. Raises
    `invalid_scope` if none is left.
    """
    narrowed = tuple(dict.fromkeys(scope for scope in map(_readable, scopes) if scope))
    if not narrowed:
        raise invalid_scope(rule, "None of these scopes can be given here: the API is read-only.")
    return narrowed


def _readable(scope: str) -> str:
    found = RESOURCE.fullmatch(scope)
    if found is None:
        return scope
    permission = found["permission"]
    kept = READ_ONLY.get(permission, "".join(c for c in permission if c in "rs"))
    start, end = found.span("permission")
    return f"{scope[:start]}{kept}{scope[end:]}" if kept else ""


def in_launch(scopes: Iterable[str], *, from_ehr: bool) -> tuple[str, ...]:
    """Return the scopes that apply to this kind of launch; the others are ignored.

    `launch` is for an EHR launch, in which patient and visit are known. `launch/patient` is for a
    standalone launch, in which a visit cannot be chosen.
    """
    ignored = {"launch/encounter", "launch/patient" if from_ehr else "launch"}
    return tuple(scope for scope in scopes if scope not in ignored)


def need_patient(scopes: Iterable[str]) -> bool:
    """Return whether a patient must be in context (SMART App Launch 2.2, `patient/` scopes)."""
    return any(scope == "launch/patient" or scope.startswith("patient/") for scope in scopes)


def _is_registered(client: Client, scope: str, *, by_letters: bool) -> bool:
    if by_letters:
        return scope in client.scope.split()
    return any(_covers(registered, scope) for registered in client.scope.split())


def _covers(registered: str, asked: str) -> bool:
    """Return whether a registered scope allows another: a wildcard any type, `.rs` also `.r`."""
    wide, narrow = RESOURCE.fullmatch(registered), RESOURCE.fullmatch(asked)
    if wide is None or narrow is None:
        return registered == asked
    return (
        wide["level"] == narrow["level"]
        and wide["type"] in ("*", narrow["type"])
        and _letters(narrow["permission"]) <= _letters(wide["permission"])
        and wide["query"] in (None, narrow["query"])
    )


def _offered_in_words(client: Client) -> str:
    if client.kind == Client.Kind.SERVICE:
        return "system/ and athena/service/ scopes"
    return f"patient/ and user/ scopes, {', '.join(sorted(PERSONAL))}"


def _is_offered(client: Client, scope: str) -> bool:
    resource = RESOURCE.fullmatch(scope)
    if client.kind == Client.Kind.SERVICE:
        is_system = resource is not None and resource["level"] == "system"
        return is_system or ATHENA_SERVICE.fullmatch(scope) is not None
    return scope in PERSONAL or (resource is not None and resource["level"] != "system")


def unknown_types(text: str) -> list[str]:
    """Return the resource types in the scopes that this EHR does not have."""
    types = dict.fromkeys(name for scope in text.split() for name in _resource_types(scope))
    return [name for name in types if name not in ("*", *TYPES)]


def _resource_types(scope: str) -> list[str]:
    """Return the resource type of a scope, as a list of at most one."""
    found = RESOURCE.fullmatch(scope)
    return [found["type"]] if found else []


def in_plain_words(scope: str) -> str:
    """Return what a scope allows, for the consent page."""
    if scope in PERSONAL:
        return PERSONAL[scope]
    resource = RESOURCE.fullmatch(scope)
    if resource is None:
        return scope
    if resource["type"] in SHARED_WORDS:
        return f"See {SHARED_WORDS[resource['type']]}"
    what = TYPE_WORDS.get(resource["type"], f"records of type {resource['type']}")
    part = ", one category only" if resource["query"] else ""
    return f"See {what} {LEVEL_WORDS[resource['level']]}{part}"


def _letters(permission: str) -> set[str]:
    return set(V1_LETTERS.get(permission, permission))
