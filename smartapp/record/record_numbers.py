"""Selects the identifier that is the patient's record number in this hospital.

The types of identifiers are codes of HL7 v2 table 0203 or, if an EHR has none (Epic), words.
Numbers for bank accounts, borders or insurance are never shown, and neither are logins.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from smartapp.record.codes import codes, concept_words
from smartapp.record.elements import Resource, mappings
from smartapp.record.names import is_over, is_to_come
from smartapp.record.references import display
from smartapp.record.texts import text

# HL7 v2 0203: social security, birth certificate, driver's licence, passport, tax, permanent
# residence, national person and plan, Medicare, Medicaid, member, subscriber and health card
# numbers, bank accounts and cards, citizenship, visa, employees', visits' and accounts' numbers.
NOT_RECORD_NUMBERS = frozenset({
    "SS", "SB", "DL", "PPN", "TAX", "PRC", "NI", "NH", "MC", "MA", "MB", "SN", "HC", "BA", "BC",
    "BCT", "BRN", "CZ", "VS", "EI", "EN", "VN", "AN", "ANC", "AND", "ANT", "AM", "DI", "DS",
    "MCT", "NPI", "UPIN",
})  # fmt: skip
_NOT_RECORD_SYSTEMS = re.compile(
    r"us-ssn|2\.16\.840\.1\.113883\.4\.1$|2\.16\.756\.5\.32$|/cpf$|aadha?ar|passport|drivers|us-mbi|medicare|medicaid|insurance"
    r"|/dva\b|taxid",
    re.IGNORECASE,
)
_NOT_RECORD_WORDS = re.compile(
    r"\bssn\b|aadha?ar|adhaar|\bcpf\b|\bahv|social.security|passport|driver|licen[cs]e|medicare"
    r"|medicaid|insur|subscriber|member"
    r"|\btax\b|portal|login|log.?in\b|user.?name|e-?mail|mychart|credit|bank|\bvisit\b|account",
    re.IGNORECASE,
)
# Some EHRs show only its last digits.
_SOCIAL_SECURITY = re.compile(r"[\dX*]{3}[- ][\dX*]{2}[- ]\d{4}", re.IGNORECASE)
# National numbers of health services, which are typed as national identifiers.
_HEALTH_SERVICE = re.compile(r"\bihi\b|/ihi/|nhs|health.?identifier|healthcare", re.IGNORECASE)
_SHARED = re.compile(r"communit|enterprise|regional|network|\bhie\b|\bempi\b", re.IGNORECASE)
# HL7's code, and what some servers make of it.
_MR_CODES = frozenset({"MR", "MRN", "mr", "mrn"})
_MEDICAL_RECORD = re.compile(r"mrn|medical record (?:number|no\.?)|mr", re.IGNORECASE)
# Epic types its numbers in words. Clinicians do not know these; the last is a login.
EPIC_INTERNAL = ("CEID", "FHIR", "FHIR STU3", "EXTERNAL", "INTERNAL", "WPRINTERNAL", "MYCHARTLOGIN")
USE_ORDER = ("usual", "official", "", "temp", "secondary")


@dataclass(frozen=True, slots=True)
class RecordNumber:
    """The record number. `assigner` is "" if no other number could be confused with it."""

    label: str
    value: str
    assigner: str = ""


def read_record_number(patient: Resource, *, system: str, now: datetime) -> RecordNumber:
    """Return the number by which this hospital knows the patient, or else the resource's id.

    `system` is the identifier system that the administrator entered for the registration, or "".
    """
    usable = [one for one in mappings(patient.get("identifier")) if _is_usable(one, system, now)]
    if not usable:
        return RecordNumber("Record", text(patient.get("id")))
    best = min(usable, key=lambda one: _rank(one, system))
    values = {_value(one) for one in usable if _kind(one) <= _SHARED_NUMBER}
    is_one_of_several = len(values) > 1
    return RecordNumber(
        label=_label(best, system),
        value=_value(best),
        assigner=display(best.get("assigner")) if is_one_of_several else "",
    )


def _is_usable(identifier: dict[str, Any], system: str, now: datetime) -> bool:
    value = _value(identifier)
    if not value or _SOCIAL_SECURITY.fullmatch(value):
        return False
    if identifier.get("use") == "old" or is_over(identifier, now) or is_to_come(identifier, now):
        return False
    return _is_named(identifier, system) or not _is_something_else(identifier)


def _value(identifier: dict[str, Any]) -> str:
    """Return the number, which some servers send as one."""
    sent = identifier.get("value")
    is_number = isinstance(sent, int) and not isinstance(sent, bool)
    return str(sent) if is_number else text(sent)


def _is_named(identifier: dict[str, Any], system: str) -> bool:
    return bool(system) and text(identifier.get("system")) == system


def _is_something_else(identifier: dict[str, Any]) -> bool:
    """Return whether it is another kind of number: a civil one, an insurance number, a login."""
    named, system = concept_words(identifier.get("type")), text(identifier.get("system"))
    types = codes(identifier.get("type"))
    if "NI" in types and _HEALTH_SERVICE.search(f"{named} {system}"):
        return False
    if types & NOT_RECORD_NUMBERS or _NOT_RECORD_SYSTEMS.search(system):
        return True
    return _NOT_RECORD_WORDS.search(named) is not None


_MEDICAL_RECORD_NUMBER, _USUAL_NUMBER, _PATIENT_NUMBER, _SHARED_NUMBER, _OTHER, _INTERNAL = range(6)


def _rank(identifier: dict[str, Any], system: str) -> tuple[bool, int, int, int]:
    use, named = text(identifier.get("use")), concept_words(identifier.get("type")).upper()
    return (
        not _is_named(identifier, system),
        _kind(identifier),
        EPIC_INTERNAL.index(named) if named in EPIC_INTERNAL else 0,
        USE_ORDER.index(use) if use in USE_ORDER else len(USE_ORDER),
    )


def _kind(identifier: dict[str, Any]) -> int:
    """Return how certainly a clinician knows the patient by this number; 0 is the most certain."""
    types, named = codes(identifier.get("type")), concept_words(identifier.get("type"))
    if named.upper() in EPIC_INTERNAL:
        return _INTERNAL
    if _SHARED.search(named):
        return _SHARED_NUMBER
    if types & _MR_CODES or _MEDICAL_RECORD.fullmatch(named):
        return _MEDICAL_RECORD_NUMBER
    if not types and identifier.get("use") == "usual":
        return _USUAL_NUMBER
    return _PATIENT_NUMBER if types & {"PI", "PT", "PN", "JHN", "NI"} else _OTHER


def _label(identifier: dict[str, Any], system: str) -> str:
    named = _named(identifier, system)
    return f"{named}, temporary" if identifier.get("use") == "temp" else named


def _named(identifier: dict[str, Any], system: str) -> str:
    named = concept_words(identifier.get("type"))
    if _MEDICAL_RECORD.fullmatch(named):
        return "MRN"
    if named:
        return named
    is_record_number = codes(identifier.get("type")) & _MR_CODES or _is_named(identifier, system)
    return "MRN" if is_record_number else "Identifier"
