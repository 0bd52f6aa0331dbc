"""How severe a problem or a reaction is, also where a server sends only a code of SNOMED CT
or HL7 v2."""

from smartapp.record.codes import concept_text, concept_words, status_codes

SEVERITIES = ("severe", "moderate", "mild")
# SNOMED CT, and HL7 v2 table 0128.
_OTHER_CODES = {
    "24484000": "severe", "6736007": "moderate", "255604002": "mild",
    "sv": "severe", "mo": "moderate", "mi": "mild", "u": "unknown",
}  # fmt: skip


def severity_code(sent: object) -> str:
    """Return FHIR's code of a severity ("severe"), or else what was sent, if possible in words."""
    said = status_codes(sent)
    known = (_OTHER_CODES.get(code, code) for code in said)
    found = next((code for code in known if code in (*SEVERITIES, "unknown")), "")
    return found or concept_words(sent) or next(iter(said), "")


def severity_text(sent: object) -> str:
    """Return the author's words for a severity, or those of its code."""
    return concept_words(sent) or severity_code(sent).capitalize() or concept_text(sent)
