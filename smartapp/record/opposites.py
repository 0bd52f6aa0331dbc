"""Words of one entry that exclude each other: "Left breast cancer" with a code for the right one.

Only pairs of which both cannot be meant. An entry that has both sides in one place contradicts
nothing, nor does a paralysis beside its cause, or a catheter beside its way: a stroke of the left
hemisphere paralyses the right side, and the left heart is reached through the right wrist. A part
of the heart that is named by a side is on neither: the lead of the right ventricle is in the left
chest.
"""

import re
from collections.abc import Iterable

from smartapp.record.codes import coding_displays, concept_words

# Also as they are shortened: RBBB is a block of the right bundle branch, RUQ an upper quadrant.
_SIDES = (
    re.compile(
        r"\b(?:left|links|linke[rsn]?|gauche|izquierd[oa]|esquerd[oa]|sinistr[oa]|venstre|vänster"
        r"|(?-i:L[ABP][FH]B|LBBB|L[UL][QEL]|Lt))\b|左",
        re.IGNORECASE,
    ),
    re.compile(
        r"\b(?:right|rechts|rechte[rsn]?|droite?|derech[oa]|direit[oa]|destr[oa]|højre|høyre|höger"
        r"|(?-i:RBBB|R[UL][QE]|R[UML]L|Rt))\b|右",
        re.IGNORECASE,
    ),
)
_OF_KINDS = (
    (
        re.compile(r"\bbenign\b", re.IGNORECASE),
        re.compile(r"\b(?<!non-)(?<!non )(?<!pre-)malignant\b", re.IGNORECASE),
    ),
)
# "Type II", "T2DM", "stage IIIb", "grade 1-2".
_NUMBER = r"(?:[1-5]|iv|i{1,3}|v)[a-c]?"
_NUMBERED = re.compile(
    r"\b(?P<kind>typ(?:e|us)?|tipo|stage|stadium|stade|grade?|class)[ -]?"
    rf"(?P<numbers>{_NUMBER}(?: ?(?:[/,&-]|and|or|to|bis) ?{_NUMBER})*)\b"
    r"|\b(?:t(?P<diabetes>[12])dm|dm ?(?P<other>[12]))\b"
)
_ROMAN = {"i": "1", "ii": "2", "iii": "3", "iv": "4", "v": "5"}
_KINDS = {"typ": "type", "typus": "type", "tipo": "type", "stadium": "stage", "stade": "stage",
          "grad": "grade"}  # fmt: skip
_OF_TWO_SIDES = re.compile(
    r"hemi(?:par|pl|an)|paraly|paresis|weakness|neglect|\bcath|ventric|\batri(?:al|um)\b|\bheart\b",
    re.IGNORECASE,
)
# What makes a disease another person's, none, not certain or past: in the words of codes, and of
# people.
_CODED = re.compile(
    r"\b(?:(?P<of_family>family history|familienanamnese|antécédents? famili"
    r"|antecedentes? familiar)"
    r"|(?P<none>no (?:evidence|history) of|ruled out|not present|excluded)"
    r"|(?P<not_certain>suspected|suspicion|verdacht|sospecha|verdenking|probable)"
    r"|(?P<past>(?:personal )?history of|zustand nach))"
)
_SAID = {
    context: re.compile(rf"\b(?:{said})|\?", re.IGNORECASE)
    for context, said in (
        ("of_family", r"fam|FHx?\b|antécédents? fam|antecedentes? fam"),
        ("none", r"no\b|not\b|denie[sd]|without|rule[ds]?[ -]out|r/o|exclu|negative|kein"),
        (
            "not_certain",
            r"susp|poss|prob|likely|query|verd|v\.? ?a\.|sospecha|rule[ -]?out|r/o",
        ),
        (
            "past",
            r"history|h/o|hx|past|prior|previous|old|former|ex-|quit|s/p|post|since|remi|resolved"
            r"|survivor|z\.? ?n\.|zustand",
        ),
    )
}
# In a classification, words in brackets take nothing away and add nothing: "(suspected) exposure".
_IN_BRACKETS = re.compile(r"\([^()]*\)")
_TOO_LITTLE_OR_MUCH = re.compile(r"\b(hypo|hyper)([^\W\d_]{4,})")


def contradiction_in(concept: object, *elsewhere: str) -> str:
    """Return the words for a contradiction between the name of a concept, the displays of its
    codes, and the body sites or the stages; "" if there is none."""
    name = concept_words(concept)
    others = dict.fromkeys((*coding_displays(concept), ", ".join(elsewhere)))
    other = next(
        (one for one in others if one not in ("", name) and _exclude_each_other(name, one)), ""
    )
    return f"The EHR contradicts itself: it also says “{other}”." if other else ""


def context_in(concept: object) -> str:
    """Return what a code says of a disease that its name does not: "Family history of diabetes" for
    "Diabetes"; "" if there is nothing."""
    name = concept_words(concept)
    for display in coding_displays(concept):
        coded = _CODED.finditer(_IN_BRACKETS.sub(" ", display.casefold()))
        contexts = {match.lastgroup or "" for match in coded}
        if contexts and not any(_SAID[context].search(name) for context in contexts):
            return f"Its code says “{display}”."
    return ""


def _exclude_each_other(one: str, other: str) -> bool:
    are_of_two_sides = bool(_OF_TWO_SIDES.search(one)) != bool(_OF_TWO_SIDES.search(other))
    pairs = _OF_KINDS if are_of_two_sides else (_SIDES, *_OF_KINDS)
    return (
        any(
            first.search(mine)
            and not second.search(mine)
            and second.search(theirs)
            and not first.search(theirs)
            for first, second in pairs
            for mine, theirs in ((one, other), (other, one))
        )
        or _have_opposite_prefixes(_prefixed(one), _prefixed(other))
        or _differ_in_number(one, other)
    )


def _differ_in_number(one: str, other: str) -> bool:
    """Return whether both have a number of one kind, and none in common: "type 1" and "type II".
    "Stage 1 through stage 4" has all that are between them."""
    mine = _numbers(one)
    others = _numbers(other) if mine else {}
    return any(
        max(mine[kind]) < min(others[kind]) or max(others[kind]) < min(mine[kind])
        for kind in mine.keys() & others.keys()
    )


def _numbers(words: str) -> dict[str, set[str]]:
    """Return the numbers of each kind that the words name: {"type": {"2"}}."""
    found: dict[str, set[str]] = {}
    for match in _NUMBERED.finditer(words.casefold()):
        kind = match["kind"] or "type"
        said = match["numbers"] or match["diabetes"] or match["other"]
        numbers = (one.rstrip("abc") for one in re.findall(_NUMBER, said))
        known = {_ROMAN.get(one, one) for one in numbers}
        found.setdefault(_KINDS.get(kind, kind), set()).update(known)
    return found


def _have_opposite_prefixes(one: set[tuple[str, str]], other: set[tuple[str, str]]) -> bool:
    opposite = {("hyper" if prefix == "hypo" else "hypo", rest) for prefix, rest in one}
    return not opposite.isdisjoint(other) and one.isdisjoint(other) and one.isdisjoint(opposite)


def _prefixed(words: str) -> set[tuple[str, str]]:
    """Return the words with "hypo" and "hyper", so that hypotension is not hypertension."""
    # "Hyperkalaemia" and "hyperkalemia" are one word.
    plain = words.casefold().replace("ae", "e").replace("oe", "e")
    found: Iterable[tuple[str, str]] = _TOO_LITTLE_OR_MUCH.findall(plain)
    return set(found)
