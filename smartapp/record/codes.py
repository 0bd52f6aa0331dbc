"""Codes and the words for them (FHIR R4 Coding, CodeableConcept).

The author's text comes first, then a display. A bare code is the last resort, and is shown with the
name of its system.
"""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from smartapp.record.elements import each_of, is_true, mapping, mappings, remembered
from smartapp.record.texts import text

LOINC = "http://loinc.org"
SNOMED = "http://snomed.info/sct"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
# ISO 3166, whose codes people know: "TW".
COUNTRIES = "urn:iso:std:iso:3166"
HL7 = ("http://terminology.hl7.org/", "http://hl7.org/fhir/")
SYSTEM_NAMES = {
    LOINC: "LOINC",
    SNOMED: "SNOMED CT",
    RXNORM: "RxNorm",
    "http://hl7.org/fhir/sid/cvx": "CVX",
    "http://hl7.org/fhir/sid/ndc": "NDC",
    "http://hl7.org/fhir/sid/icd-9-cm": "ICD-9-CM",
    "http://hl7.org/fhir/sid/icd-10": "ICD-10",
    "http://hl7.org/fhir/sid/icd-10-cm": "ICD-10-CM",
    "http://hl7.org/fhir/sid/icd-10-de": "ICD-10-GM",
    "http://fhir.de/CodeSystem/bfarm/icd-10-gm": "ICD-10-GM",
    "http://hl7.org/fhir/sid/icpc-2": "ICPC-2",
    "http://www.ama-assn.org/go/cpt": "CPT",
    "http://www.whocc.no/atc": "ATC",
    "http://fhir.de/CodeSystem/bfarm/atc": "ATC",
    "http://fhir.de/CodeSystem/ifa/pzn": "PZN",
    "http://fdasis.nlm.nih.gov": "UNII",
    "http://hl7.org/fhir/ndfrt": "NDF-RT",
}

# National editions: "https://…/CodeSystem/BRCID10", "http://hl7.org/fhir/sid/icd-10-am".
_NAMES_IN_ADDRESSES = tuple(
    (re.compile(part, re.IGNORECASE), name)
    for part, name in (
        (r"(?:icd|cid|cim)-?10", "ICD-10"),
        (r"icd-?11|/icd/release/11/", "ICD-11"),
        (r"icpc", "ICPC"),
        (r"ca-hc-din", "DIN"),
        (r"pbs\.gov\.au", "PBS"),
    )
)

# HL7 v3 NullFlavor: why there is no code.
NULL_FLAVOR = "http://terminology.hl7.org/CodeSystem/v3-NullFlavor"
NULL_FLAVORS = {
    "NASK": "not asked",
    "ASKU": "asked, but not known",
    "NAV": "not available at the moment",
    "UNK": "unknown",
    "NI": "no information",
    "NA": "not applicable",
    "MSK": "masked",
    "OTH": "other",
}

# The OIDs that C-CDA and HL7 v2 have for these systems, and the names of HL7 v2 table 0396 (where
# SNM is the older SNOMED International, whose codes mean something else).
_SPELLINGS = {
    LOINC: "2.16.840.1.113883.6.1 loinc.org loinc ln lnc",
    SNOMED: "2.16.840.1.113883.6.96 snomed.info/sct snomedct sct",
    RXNORM: "2.16.840.1.113883.6.88 rxnorm",
    "http://hl7.org/fhir/sid/cvx": "2.16.840.1.113883.12.292 2.16.840.1.113883.6.59 cvx",
    "http://hl7.org/fhir/sid/ndc": "2.16.840.1.113883.6.69",
    "http://hl7.org/fhir/sid/icd-9-cm": "2.16.840.1.113883.6.103",
    "http://hl7.org/fhir/sid/icd-10": "2.16.840.1.113883.6.3",
    "http://hl7.org/fhir/sid/icd-10-cm": "2.16.840.1.113883.6.90",
    "http://www.ama-assn.org/go/cpt": "2.16.840.1.113883.6.12",
    "http://www.whocc.no/atc": "2.16.840.1.113883.6.73",
    "http://fdasis.nlm.nih.gov": "2.16.840.1.113883.4.9",
    NULL_FLAVOR: "2.16.840.1.113883.5.1008 hl7.org/fhir/v3/nullflavor",
}
_SYSTEM_OF = {word: system for system, words in _SPELLINGS.items() for word in words.split()}


def code_system(written: object) -> str:
    """Return the URI of a code system, if it was sent as an OID, a short name, or spelled
    differently: "urn:oid:2.16.840.1.113883.6.1", "https://loinc.org/", "LN"."""
    if not isinstance(written, str) or written in SYSTEM_NAMES:
        return written if isinstance(written, str) else ""
    return _spelled(text(written)) if written else ""


@lru_cache(maxsize=500)
def _spelled(sent: str) -> str:
    plain = sent.casefold().rstrip("/")
    for start in ("urn:oid:", "http://", "https://", "www."):
        plain = plain.removeprefix(start)
    if plain.startswith("snomed.info/sct/"):
        # A national edition, or a version.
        return SNOMED
    return _SYSTEM_OF.get(plain, sent)


# Other spellings ("enteredInError"), and SNOMED CT's codes, which C-CDA has for a problem's status.
_STATUSES = {
    "canceled": "cancelled",
    "no-show": "noshow",
    **dict.fromkeys(("enteredinerror", "in-error", "erroneous", "deleted"), "entered-in-error"),
    "inprogress": "in-progress",
    "notdone": "not-done",
    "nottaken": "not-taken",
    "nullified": "entered-in-error",  # HL7 v3
    "onhold": "on-hold",
    "in-remission": "remission",
    "relapsed": "relapse",
    "55561003": "active",
    "73425007": "inactive",
    "413322009": "resolved",
    "277022003": "remission",
    "246455001": "recurrence",
    "410605003": "confirmed",
}


def codings(concept: object) -> Iterator[tuple[str, str]]:
    """Yield (system, code) of each coding of the concept, or of each concept in an array.

    A string instead of a concept is a code without a system ("clinicalStatus": "active"), and a
    Coding without a concept is one coding.
    """
    for one in concept if isinstance(concept, list) else (concept,):
        if isinstance(one, str):
            if code := text(one):
                yield "", code
        elif isinstance(one, dict):
            for coding in _codings(one):
                if code := text(coding.get("code")):
                    yield code_system(coding.get("system")), code


@remembered
def codes(concept: object) -> frozenset[str]:
    """Return the bare codes. For small closed value sets only, in which no two systems collide.

    They have no order: the caller must decide which of several codes counts.
    """
    return frozenset(code for _, code in codings(concept))


def status_codes(value: object) -> list[str]:
    """Return all codes that a status may mean, spelled like FHIR's codes: its own codes, and the
    words instead of a code or beside one ("Entered in Error" is entered-in-error)."""
    if isinstance(value, str):
        return [_as_code(value)] if value.strip() else []
    said = [code for _, code in codings(value)]
    for one in mappings(value):
        said += [text(one.get("text")), *(text(each.get("display")) for each in _codings(one))]
    return list(dict.fromkeys(_as_code(word) for word in said if word))


def status_code(resource: dict[str, Any], member: str = "status") -> str:
    """Return the code of `status`, or of a similar member; "" without one."""
    value = resource.get(member)
    # The most common case: a page of two thousand observations calls this six thousand times.
    if isinstance(value, str) and value.isalpha() and value.islower():
        return _STATUSES.get(value, value)
    return next(iter(status_codes(value)), "")


def _as_code(word: str) -> str:
    code = word.strip().casefold().replace(" ", "-").replace("_", "-")
    return _STATUSES.get(code, code)


def concept_text(concept: object) -> str:
    """Return the words for the first concept that has any: the author's text, else a display, else
    a code with the name of its system."""
    if isinstance(concept, dict):
        return _words(concept)
    return next(iter(concept_texts(concept)), "")


def concept_texts(concepts: object) -> list[str]:
    """Return the words for each concept of an array."""
    items = each_of(concepts)
    return [found for found in map(_words, items) if found]


def concept_words(concept: object) -> str:
    """Return the words for the first concept that has any; never a bare code."""
    for one in each_of(concept):
        if found := _written(one):
            return found
    return ""


def words_or_known(concept: object, known: Mapping[str, str]) -> str:
    """Return the words of a concept; without any those that `known` has for its code, else the
    code. Many servers send a code alone."""
    by_code = next((known[code] for _, code in codings(concept) if code in known), "")
    return concept_words(concept) or by_code or concept_text(concept)


def texts_or_known(concepts: object, known: Mapping[str, str]) -> list[str]:
    """Return the words for each concept of an array, with `known` as in `words_or_known`."""
    items = each_of(concepts)
    return [found for one in items if (found := words_or_known(one, known))]


def bare_code(system: str, code: str) -> str:
    """Return a code in a form that a person can look up: "RxNorm 197696"."""
    if name := SYSTEM_NAMES.get(system) or _name_in(system):
        return f"{name} {code}"
    if system == NULL_FLAVOR and code in NULL_FLAVORS:
        return NULL_FLAVORS[code]
    if system == COUNTRIES:
        return code
    # HL7's own codes are words ("problem-list-item"), and so are codes without a system. Codes of
    # other systems may not be.
    if (
        (not system or system.startswith(HL7))
        and code.replace("-", "").isalpha()
        and code.islower()
    ):
        return code.replace("-", " ")
    return f"code {code}"


@lru_cache(maxsize=500)
def _name_in(system: str) -> str:
    """Return the name of a classification that the address of its national edition has in it."""
    return next((name for part, name in _NAMES_IN_ADDRESSES if part.search(system)), "")


def _words(concept: object) -> str:
    if found := _written(concept):
        return found
    return next((bare_code(system, code) for system, code in codings(concept)), "")


def _written(concept: object) -> str:
    if isinstance(concept, str):
        return text(concept)
    members = mapping(concept)
    # In R5 one element holds a concept, or a reference with its display.
    if "concept" in members:
        return _written(members["concept"])
    if isinstance(members.get("reference"), dict):
        return text(members["reference"].get("display"))
    return text(members.get("text")) or _display(_codings(members))


def coding_displays(concept: object) -> list[str]:
    """Return the displays of a concept's codings, each once."""
    found = (text(one.get("display")) for one in mappings(mapping(concept).get("coding")))
    return list(dict.fromkeys(filter(None, found)))


def _display(found: list[dict[str, Any]]) -> str:
    """Return the display of the coding that a user selected, or the first display."""
    if len(found) > 1:
        found = sorted(found, key=lambda coding: not is_true(coding.get("userSelected")))
    return next(filter(None, (text(coding.get("display")) for coding in found)), "")


def _codings(concept: dict[str, Any]) -> list[dict[str, Any]]:
    if "concept" in concept:
        return _codings(mapping(concept["concept"]))
    found = mappings(concept.get("coding"))
    if found or "code" in concept:
        return found or [concept]
    # Some servers send the words of a Coding without its code.
    return [concept] if "display" in concept and "reference" not in concept else []
