"""Body sites: the place together with its side (FHIR R4 bodySite)."""

from smartapp.record.codes import SNOMED, codings, concept_text
from smartapp.record.elements import mapping, mappings

_SIDES = {"7771000": "left", "24028007": "right", "51440002": "both sides"}


def site_texts(sites: object) -> list[str]:
    """Return each place with its side: "Breast, left". The side may be a separate code, or in an
    extension of the place (as in mCODE)."""
    found = [_site(site) for site in mappings(sites)]
    return [words for words in dict.fromkeys(found) if words]


def _site(site: dict[str, object]) -> str:
    words = concept_text(site)
    sides = [_SIDES[code] for system, code in codings(site) if system == SNOMED and code in _SIDES]
    for extension in mappings(site.get("extension")):
        side = mapping(extension.get("valueCodeableConcept"))
        known = (_SIDES.get(code, "") for _, code in codings(side))
        sides.append(next(filter(None, known), "") or concept_text(side))
    said = words.casefold()
    beside = [side for side in sides if side and side.partition(" ")[0].casefold() not in said]
    return ", ".join(filter(None, (words, *dict.fromkeys(beside))))
