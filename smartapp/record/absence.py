"""Reasons why data is absent: FHIR's data-absent-reason, and HL7 v3's NullFlavor."""

from smartapp.record.codes import NULL_FLAVORS, codings, concept_text, concept_words
from smartapp.record.elements import mapping, mappings
from smartapp.record.moments import DATA_ABSENT_REASON
from smartapp.record.texts import text

# Codes of HL7's data-absent-reason, and of NullFlavor, which some servers send instead.
ABSENT_WORDS = {
    "unknown": "unknown",
    "asked-unknown": "asked, but not known",
    "temp-unknown": "not known yet",
    "not-asked": "not asked",
    "asked-declined": "declined",
    "masked": "masked",
    "not-applicable": "not applicable",
    "unsupported": "not supported",
    "as-text": "see the text in the EHR",
    "error": "error",
    "not-a-number": "not a number",
    "negative-infinity": "below every number",
    "positive-infinity": "above every number",
    "not-performed": "not performed",
    "not-permitted": "not permitted",
    **{code.lower(): words for code, words in NULL_FLAVORS.items()},
}
# The codes that mean unknown or not asked. Every other reason hides existing data.
_NOBODY_KNOWS = frozenset(
    {"unknown", "asked-unknown", "temp-unknown", "not-asked", "asked-declined", "nask", "asku",
     "nav", "unk", "ni"}
)  # fmt: skip
# Those of FHIR and of HL7 v3, as extensions.
_REASONS = (
    DATA_ABSENT_REASON,
    "http://hl7.org/fhir/StructureDefinition/iso21090-nullFlavor",
)
_SYSTEMS = frozenset(
    {
        "http://terminology.hl7.org/CodeSystem/v3-NullFlavor",
        "http://hl7.org/fhir/v3/NullFlavor",
        "urn:oid:2.16.840.1.113883.5.1008",
        "http://terminology.hl7.org/CodeSystem/data-absent-reason",
        "http://hl7.org/fhir/data-absent-reason",
    }
)


def reason_words(reason: object) -> str:
    """Return a reason in words: the author's, else those of its code."""
    if written := text(mapping(reason).get("text")):
        return written
    for _, code in codings(reason):
        if code.casefold() in ABSENT_WORDS:
            return ABSENT_WORDS[code.casefold()]
    return concept_text(reason)


def extension_code(element: object) -> str:
    """Return the code of an element's data-absent-reason or nullFlavor extension, or ""."""
    for extension in mappings(mapping(element).get("extension")):
        if extension.get("url") in _REASONS:
            return text(extension.get("valueCode")) or "unknown"
    return ""


def absent_code(concept: object) -> str:
    """Return the code of the reason that replaces a concept; "" if the concept has content of its
    own, such as words or a code of another system."""
    members = mapping(concept)
    own = mappings(members.get("coding"))
    if text(members.get("text")):
        return ""
    for holder in (members, *own, mapping(members.get("_text"))):
        if (code := extension_code(holder)) and not concept_words(concept):
            return code
    systems = {text(one.get("system")) for one in own}
    return text(own[0].get("code")) if own and systems <= _SYSTEMS else ""


def is_nobody_known(code: str) -> bool:
    """Return whether the reason means that the data is unknown. "masked" and others hide known
    data."""
    return code.casefold() in _NOBODY_KNOWS


def named_or(concept: object, not_named: str) -> str:
    """Return the words for a concept. If there are none, or a reason replaces it, return that the
    EHR does not name it, and why."""
    if code := absent_code(concept):
        return f"{not_named} ({reason_words(code)})"
    return concept_text(concept) or not_named


def is_masked(element: object) -> bool:
    """Return whether any element is absent because the EHR withholds it ("masked")."""
    if isinstance(element, list):
        return any(map(is_masked, element))
    if not isinstance(element, dict):
        return False
    if element.get("url") in _REASONS:
        return element.get("valueCode") in ("masked", "MSK")
    return any(map(is_masked, element.values()))
