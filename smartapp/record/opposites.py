"""Words of one entry that exclude each other: "Left breast cancer" with a code for the right one.

Only pairs of which both cannot be meant. An entry that has both sides in one place contradicts
nothing, nor does a paralysis beside its cause, or a catheter beside its way: a stroke of the left
hemisphere paralyses the right side, and the left heart is reached through the right wrist.
"""

import re
from collections.abc import Iterable

from smartapp.record.codes import coding_displays, concept_words

_SIDES = (
    re.compile(r"\b(?:left|links|linke[rsn]?|gauche|izquierd[oa])\b", re.IGNORECASE),
    re.compile(r"\b(?:right|rechts|rechte[rsn]?|droite?|derech[oa])\b", re.IGNORECASE),
)
_OF_KINDS = (
    (
        re.compile(r"\btype (?:1|I)\b", re.IGNORECASE),
        re.compile(r"\btype (?:2|II)\b", re.IGNORECASE),
    ),
    (
        re.compile(r"\bbenign\b", re.IGNORECASE),
        re.compile(r"\b(?<!non-)(?<!non )(?<!pre-)malignant\b", re.IGNORECASE),
    ),
)
_OF_TWO_SIDES = re.compile(
    r"hemi(?:par|pl|an)|paraly|paresis|weakness|neglect|\bcath", re.IGNORECASE
)
_TOO_LITTLE_OR_MUCH = re.compile(r"\b(hypo|hyper)([^\W\d_]{4,})")


def contradiction_in(concept: object, *sites: str) -> str:
    """Return the words for a contradiction between the name of a concept, the displays of its
    codes, and the body sites; "" if there is none."""
    name = concept_words(concept)
    others = (*coding_displays(concept), ", ".join(sites))
    other = next((one for one in others if _exclude_each_other(name, one)), "")
    return f"The EHR contradicts itself: it also says “{other}”." if other else ""


def _exclude_each_other(one: str, other: str) -> bool:
    are_of_two_sides = bool(_OF_TWO_SIDES.search(one)) != bool(_OF_TWO_SIDES.search(other))
    pairs = _OF_KINDS if are_of_two_sides else (_SIDES, *_OF_KINDS)
    return any(
        first.search(mine)
        and not second.search(mine)
        and second.search(theirs)
        and not first.search(theirs)
        for first, second in pairs
        for mine, theirs in ((one, other), (other, one))
    ) or _have_opposite_prefixes(_prefixed(one), _prefixed(other))


def _have_opposite_prefixes(one: set[tuple[str, str]], other: set[tuple[str, str]]) -> bool:
    opposite = {("hyper" if prefix == "hypo" else "hypo", rest) for prefix, rest in one}
    return not opposite.isdisjoint(other) and one.isdisjoint(other) and one.isdisjoint(opposite)


def _prefixed(words: str) -> set[tuple[str, str]]:
    """Return the words with "hypo" and "hyper", so that hypotension is not hypertension."""
    found: Iterable[tuple[str, str]] = _TOO_LITTLE_OR_MUCH.findall(words.casefold())
    return set(found)
