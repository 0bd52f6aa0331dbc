"""Illnesses of relatives (FHIR R4 FamilyMemberHistory)."""

from collections.abc import Iterable
from typing import Any

from smartapp.record.absence import named_or
from smartapp.record.amounts import duration_text, range_text
from smartapp.record.codes import codings, concept_text, concept_words
from smartapp.record.elements import Resource, is_false, is_true, mappings
from smartapp.record.facts import Fact, in_order, labelled, said, unless_recorded
from smartapp.record.marks import comments, read_marks
from smartapp.record.modifiers import status_text
from smartapp.record.moments import member_moment
from smartapp.record.narratives import with_own_text
from smartapp.record.opposites import contradiction_in
from smartapp.record.reading import Given, Read, read_each
from smartapp.record.references import reasons
from smartapp.record.spans import Span, read_span
from smartapp.record.texts import text

# HL7 v3 RoleCode, for servers that send only its code.
RELATIVES = {
    "FTH": "Father", "NFTH": "Father", "MTH": "Mother", "NMTH": "Mother", "BRO": "Brother",
    "NBRO": "Brother", "SIS": "Sister", "NSIS": "Sister", "SIB": "Sibling", "NSIB": "Sibling",
    "HBRO": "Half-brother", "HSIS": "Half-sister", "SON": "Son", "NSON": "Son", "SONC": "Son",
    "DAU": "Daughter", "NDAU": "Daughter", "DAUC": "Daughter", "CHILD": "Child", "NCHILD": "Child",
    "PRN": "Parent", "NPRN": "Parent", "GRPRN": "Grandparent", "GRFTH": "Grandfather",
    "GRMTH": "Grandmother", "MGRMTH": "Mother's mother", "MGRFTH": "Mother's father",
    "PGRMTH": "Father's mother", "PGRFTH": "Father's father", "AUNT": "Aunt",
    "MAUNT": "Mother's sister", "PAUNT": "Father's sister", "UNCLE": "Uncle",
    "MUNCLE": "Mother's brother", "PUNCLE": "Father's brother", "COUSN": "Cousin",
    "MCOUSN": "Cousin on the mother's side", "PCOUSN": "Cousin on the father's side",
    "ADOPTF": "Adoptive father", "ADOPTM": "Adoptive mother", "ADOPTP": "Adoptive parent",
    "TWIN": "Twin", "TWINSIS": "Twin sister", "TWINBRO": "Twin brother", "HSIB": "Half-sibling",
    **dict.fromkeys(("ITWIN", "ITWINBRO", "ITWINSIS"), "Identical twin"),
    **dict.fromkeys(("FTWIN", "FTWINBRO", "FTWINSIS"), "Fraternal twin"),
    "GRNDCHILD": "Grandchild", "GRNDSON": "Grandson", "GRNDDAU": "Granddaughter",
    "MGRPRN": "Mother's parent", "PGRPRN": "Father's parent", "NIENEPH": "Niece or nephew",
    "NEPHEW": "Nephew", "NIECE": "Niece", "WIFE": "Wife", "HUSB": "Husband",
    "GGRFTH": "Great-grandfather", "GGRMTH": "Great-grandmother",
    # SNOMED CT.
    "66839005": "Father", "72705000": "Mother", "70924004": "Brother", "27733009": "Sister",
    "65616008": "Son", "66089001": "Daughter",
    "STPFTH": "Stepfather", "STPMTH": "Stepmother", "SPS": "Spouse", "FAMMEMB": "Relative",
}  # fmt: skip
_ALIVE = frozenset({"no", "n", "false", "0", "alive", "living", "not deceased", "not dead"})
SEXES = {"male": "male", "female": "female", "other": "other sex"}


def read_family_history(given: Given) -> Read[Fact]:
    """Return the relatives with their illnesses."""
    return in_order(read_each(given.resources, lambda one: _relative(one, given)))


def _relative(resource: Resource, given: Given) -> Fact:
    recorded = member_moment(resource, "date")
    relation = _relation(resource.get("relationship"))
    name = text(resource.get("name"))
    marks = read_marks(
        resource, when=recorded, status=unless_recorded(resource, status_text(resource))
    )
    is_bare = not any(resource.get(name) for name in ("condition", "procedure", "note"))
    return Fact(
        marks=with_own_text(marks, resource, is_all_there_is=is_bare),
        name=f"{relation} ({name})" if name else relation,
        began=recorded,
        lines=said(
            *(_illness(one) for one in mappings(resource.get("condition"))),
            # R5.
            *(_illness(one) for one in mappings(resource.get("procedure"))),
            labelled("not known", [concept_text(resource.get("dataAbsentReason"))]),
            labelled("because of", reasons(resource, given.related)),
        ),
        details=said(*_person(resource)),
    )


def _relation(relationship: object) -> str:
    known = (RELATIVES.get(code, "") for _, code in codings(relationship))
    found = concept_words(relationship) or next(filter(None, known), "")
    return found or named_or(relationship, "Relative")


def _illness(condition: dict[str, Any]) -> str:
    """Return "Breast cancer, at the age of 52 years, outcome: died, contributed to the death"."""
    performed = read_span(condition, "performed")
    contributed = is_true(condition.get("contributedToDeath"))
    return ", ".join(
        said(
            concept_text(condition.get("code")) or "illness that the EHR does not name",
            _when(read_span(condition, "onset")) or (performed.words if performed else ""),
            labelled("outcome", [concept_text(condition.get("outcome"))]),
            "contributed to the death" if contributed else "",
            *comments(condition.get("note")),
            contradiction_in(condition.get("code")),
        )
    )


def _when(onset: Span | None) -> str:
    """Return when an illness began. A period is not how long it lasted."""
    if onset is None or onset.moment is None or onset.words == onset.moment.day_text:
        return onset.words if onset else ""
    return f"began: {onset.words}"


def _person(resource: Resource) -> Iterable[str]:
    yield concept_text(resource.get("sex")) or SEXES.get(text(resource.get("gender")), "")
    if born := read_span(resource, "born"):
        yield f"born {born.words}"
    yield _age(resource)
    yield _death(resource)


def _age(resource: Resource) -> str:
    age = (
        duration_text(resource.get("ageAge"))
        or range_text(resource.get("ageRange"), duration_text)
        or text(resource.get("ageString"))
    )
    return f"about {age}" if age and is_true(resource.get("estimatedAge")) else age


def _death(resource: Resource) -> str:
    """Return "died 2012", "died at the age of 61 years" or "deceased"."""
    if told := text(resource.get("deceasedString")):
        # Words may say anything: "unknown", "in his sleep".
        return "" if told.casefold() in _ALIVE else f"deceased: {told}"
    said_so = resource.get("deceasedBoolean")
    if died := read_span({**resource, "deceasedBoolean": None}, "deceased"):
        return f"died {died.words}"
    return "" if said_so is None or is_false(said_so) else "deceased"
