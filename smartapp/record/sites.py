"""Body sites: the place together with its side (FHIR R4 bodySite)."""

from smartapp.record import icd_marks
from smartapp.record.codes import SNOMED, codings, concept_text, concept_words, words_or_known
from smartapp.record.elements import Resource, mapping, mappings
from smartapp.record.references import display
from smartapp.record.texts import text, texts

# SNOMED CT's codes for where a blood pressure is taken, for servers that send no words.
_ARMS = {"368208006": "Left upper arm", "368209003": "Right upper arm"}
_SIDES = {
    "7771000": "left", "24028007": "right", "51440002": "both sides",
    "419161000": "left", "419465000": "right",
}  # fmt: skip
# HL7's codes of the routes (v2 table 0162, v3 RouteOfAdministration) and SNOMED CT's most usual
# ones, and HL7's of the sites of injections (v2 table 0163, v3 ActSite), likewise. Not HL7's "IN":
# it is the nose there, and an injection or an inhalation in the codes of others.
ROUTES = {
    **dict.fromkeys(("PO", "26643006", "260548002"), "oral"),
    **dict.fromkeys(("IM", "78421000", "255559005"), "intramuscular"),
    **dict.fromkeys(("IV", "IVINJ", "47625008", "255560000"), "intravenous"),
    **dict.fromkeys(("SC", "SQ", "34206005", "263887005"), "subcutaneous"),
    **dict.fromkeys(("ID", "IDINJ"), "intradermal"),
    **dict.fromkeys(("NS", "NASINHLC"), "nasal"),
    **dict.fromkeys(("TD", "TRNSDERM"), "transdermal"),
    **dict.fromkeys(("TP", "6064005", "359540000"), "topical"),
    **dict.fromkeys(("OP", "54485002"), "ophthalmic"),
    **dict.fromkeys(("VG", "16857009"), "vaginal"),
    "IH": "inhalation",
    "PR": "rectal",
    "SL": "sublingual",
}
INJECTION_SITES = {
    f"{letter}{part}": f"{side} {name}"
    for letter, side in (("L", "left"), ("R", "right"))
    for part, name in (
        ("A", "arm"),
        ("D", "deltoid"),
        ("G", "gluteus medius"),
        ("T", "thigh"),
        ("UA", "upper arm"),
        ("VL", "vastus lateralis"),
    )
}
# In the addresses of many guides' extensions.
LATERALITY = "laterality"


def side_texts(resource: Resource) -> list[str]:
    """Return the sides that are beside the site: in an extension of the resource (as in the guide
    of eye care), or of its code (as in Germany)."""
    found = (
        one.get("valueCodeableConcept") or one.get("valueCoding") or one.get("valueString")
        for one in mappings(resource.get("extension"))
        if LATERALITY in text(one.get("url")).casefold()
    )
    return [*icd_marks.side_texts(resource), *filter(None, map(_side, found))]


def _side(side: object) -> str:
    concept = {"coding": [side]} if mapping(side).get("code") else side
    known = next(filter(None, (_SIDES.get(code, "") for _, code in codings(concept))), "")
    words = concept_words(concept)
    is_one_of_two = words and known in ("left", "right")
    # Of a code and words that contradict it, the words are shown.
    return words if is_one_of_two and known not in words.casefold() else known or concept_text(side)


def site_texts(sites: object) -> list[str]:
    """Return each place with its side: "Breast, left". The side may be a separate code, or in an
    extension of the place (as in mCODE)."""
    # Some servers send a sentence instead of a concept.
    found = [*map(_site, mappings(sites)), *texts(sites)]
    return [words for words in dict.fromkeys(found) if words]


def _site(site: dict[str, object]) -> str:
    sides = [_SIDES[code] for system, code in codings(site) if system == SNOMED and code in _SIDES]
    is_only_a_side = len(sides) == len([*codings(site)]) and not concept_words(site)
    words = "" if is_only_a_side else words_or_known(site, _ARMS)
    # R4's extension for a BodyStructure, which may have nothing beside it.
    words = words or ", ".join(
        filter(
            None, (display(one.get("valueReference")) for one in mappings(site.get("extension")))
        )
    )
    for extension in mappings(site.get("extension")):
        sides.append(_side(mapping(extension.get("valueCodeableConcept"))))
    said = words.casefold()
    beside = [side for side in sides if side and side.partition(" ")[0].casefold() not in said]
    return ", ".join(filter(None, (words, *dict.fromkeys(beside))))
