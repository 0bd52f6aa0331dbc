"""The launch context: where and for whom the app was opened.

SMART App Launch 2.2, scopes-and-launch-context. It is read from the token response, never from a
token (C100). The patient must be certain (C101). Other members are optional: those that cannot be
used are left out with a note.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from smartapp.protocol.errors import LaunchContextError
from smartapp.protocol.json import JSON

MAX_TEXT_CHARACTERS = 2048
MAX_FHIR_CONTEXT_ENTRIES = 100
MAX_EXTRAS = 50
MAX_EXTRA_CHARACTERS = 4096

# FHIR R4, Data Types, `id`. `.` and `..` match its grammar but would change the path of a URL.
MAX_ID_CHARACTERS = 64
_FORMS = {list: "a list", dict: "an object", bool: "true or false"}
_FHIR_ID = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9\-.]{1,64}")
_RELATIVE_REFERENCE = re.compile(r"[A-Z][A-Za-z]{0,63}/[A-Za-z0-9\-.]{1,64}")
_READ_HERE = frozenset(
    {
        "patient",
        "encounter",
        "need_patient_banner",
        "smart_style_url",
        "intent",
        "tenant",
        "fhirContext",
        # Epic repeats our own state in the body; it has no meaning here (C87).
        "state",
    }
)
# Extras are shown to users, so they must not contain a vendor's further token or secret (C111).
_SECRET_NAME = re.compile(r"token|secret|password|assertion|verifier", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class FHIRContextEntry:
    """An entry of `fhirContext` (experimental in SMART 2.2; C103). `role` is never empty."""

    reference: str | None
    canonical: str | None
    identifier: dict[str, Any] | None
    type: str | None
    role: str


@dataclass(frozen=True, slots=True)
class LaunchContext:
    patient: str | None
    encounter: str | None
    need_patient_banner: bool
    smart_style_url: str | None
    intent: str | None
    tenant: str | None
    fhirContext: tuple[FHIRContextEntry, ...]
    extras: dict[str, JSON]
    notes: tuple[str, ...]


def parse_launch_context(members: Mapping[str, Any]) -> LaunchContext:
    """Return the launch context of a token response (`TokenResponse.members`).

    Raises LaunchContextError for a `patient` or `encounter` that is not a FHIR id, because a wrong
    id would show the wrong person (C101, C102). An empty value means that none was chosen (C110).
    """
    notes: list[str] = []
    return LaunchContext(
        patient=_fhir_id(members, "patient"),
        encounter=_fhir_id(members, "encounter"),
        need_patient_banner=_need_patient_banner(members, notes),
        smart_style_url=_text(members, "smart_style_url", notes),
        intent=_text(members, "intent", notes),
        tenant=_text(members, "tenant", notes),
        fhirContext=_fhir_context(members.get("fhirContext"), notes),
        extras=_extras(members, notes),
        notes=tuple(notes),
    )


def _fhir_id(members: Mapping[str, Any], name: str) -> str | None:
    value = members.get(name)
    if value in (None, "", [], {}):
        return None
    if not isinstance(value, str) or not _FHIR_ID.fullmatch(value):
        raise LaunchContextError(f"{name} is {_form(value)}, not a FHIR id")
    return value


def _form(value: object) -> str:
    """Return what a value is in place of an id, without quoting it: it may name a person."""
    if not isinstance(value, str):
        return _FORMS.get(type(value), "a number")
    if "/" in value or ":" in value:
        return "a reference or an address"
    has_length = f"a text of {len(value)} characters"
    return has_length if len(value) > MAX_ID_CHARACTERS else "a text with other characters"


def _need_patient_banner(members: Mapping[str, Any], notes: list[str]) -> bool:
    """Return False only for a JSON `false`, not for the string "false" (C104)."""
    value = members.get("need_patient_banner")
    if isinstance(value, bool):
        return value
    if value is not None:
        notes.append("need_patient_banner is not true or false; taken as true.")
    return True


def _text(members: Mapping[str, Any], name: str, notes: list[str]) -> str | None:
    value = members.get(name)
    if isinstance(value, str) and len(value) <= MAX_TEXT_CHARACTERS and value.isprintable():
        return value or None
    if value is not None:
        notes.append(f"{name} is not a short text; not used.")
    return None


def _fhir_context(value: object, notes: list[str]) -> tuple[FHIRContextEntry, ...]:
    if not isinstance(value, list):
        if value is not None:
            notes.append("fhirContext is not a list; not used.")
        return ()
    entries = [_fhir_context_entry(item) for item in value[:MAX_FHIR_CONTEXT_ENTRIES]]
    kept = tuple(entry for entry in entries if entry is not None)
    if len(kept) < len(value):
        notes.append(f"fhirContext: entries skipped: {len(value) - len(kept)}.")
    return kept


def _fhir_context_entry(item: object) -> FHIRContextEntry | None:
    """SMART App Launch 2.0 had relative references here, without an object around them."""
    if isinstance(item, str) and _RELATIVE_REFERENCE.fullmatch(item):
        item = {"reference": item}
    if not isinstance(item, dict):
        return None
    identifier = item.get("identifier")
    role = _member(item, "role")
    entry = FHIRContextEntry(
        reference=_member(item, "reference"),
        canonical=_member(item, "canonical"),
        identifier=identifier if isinstance(identifier, dict) and identifier else None,
        type=_member(item, "type"),
        role=role or "launch",
    )
    if entry.reference is None and entry.canonical is None and entry.identifier is None:
        return None
    return None if _is_second_patient(entry) else entry


def _member(item: dict[str, Any], name: str) -> str | None:
    value = item.get(name)
    usable = isinstance(value, str) and len(value) <= MAX_TEXT_CHARACTERS and value.isprintable()
    return value or None if usable else None


def _is_second_patient(entry: FHIRContextEntry) -> bool:
    """Return whether an entry repeats the launch's patient or encounter, which have their own
    members. An entry about another one must have a role."""
    path = (entry.reference or "").partition("/_history/")[0].split("/")
    kind = path[-2] if len(path) > 1 else entry.type
    return entry.role == "launch" and kind in ("Patient", "Encounter")


def _extras(members: Mapping[str, Any], notes: list[str]) -> dict[str, JSON]:
    """Return vendor members, for display only and limited in size (C86, C108, C109)."""
    others = {name: members[name] for name in members if name not in _READ_HERE}
    kept = {name: value for name, value in others.items() if _is_showable(name, value)}
    extras = dict(list(kept.items())[:MAX_EXTRAS])
    if len(extras) < len(others):
        notes.append(f"Further members that are not shown: {len(others) - len(extras)}.")
    return extras


def _is_showable(name: str, value: Any) -> bool:
    return not _SECRET_NAME.search(name) and (
        len(name) + len(json.dumps(value)) <= MAX_EXTRA_CHARACTERS
    )
