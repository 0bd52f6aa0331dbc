"""How a value is interpreted: in the EHR's words, or in ours if it has none.

The codes are HL7 v3 ObservationInterpretation and its v2 predecessor (table 0078). A code of
another system is only shown as a word. Of several codes all are named, the most serious first, so
which one counts is never random.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal

from smartapp.record.absence import absent_code
from smartapp.record.codes import SNOMED, code_system, concept_text
from smartapp.record.elements import each_of, mappings, remembered
from smartapp.record.texts import text

# "result" ("Positive", "Resistant") says what was found, not whether that is bad.
Direction = Literal["high", "low", "abnormal", "normal", "result", ""]

# The most serious first. This is also the order on the page.
INTERPRETATIONS: dict[str, tuple[Direction, str]] = {
    "HH": ("high", "Critically high"),
    "LL": ("low", "Critically low"),
    "AA": ("abnormal", "Critically abnormal"),
    "TOX": ("abnormal", "Toxic"),
    "HU": ("high", "Significantly high"),
    "LU": ("low", "Significantly low"),
    "H>": ("high", "Significantly high"),
    "L<": ("low", "Significantly low"),
    "HX": ("high", "Above the high threshold"),
    "LX": ("low", "Below the low threshold"),
    "H": ("high", "High"),
    "L": ("low", "Low"),
    ">": ("high", "Off scale high"),
    "<": ("low", "Off scale low"),
    "A": ("abnormal", "Abnormal"),
    "EX": ("abnormal", "Outside the threshold"),
    "QCF": ("abnormal", "Quality control failed"),
    "UNE": ("abnormal", "Unexpected"),
    "W": ("abnormal", "Worse"),
    "U": ("", "Significant rise"),
    "D": ("", "Significant fall"),
    "R": ("abnormal", "Resistant"),
    "SYN-R": ("abnormal", "Synergy: resistant"),
    "NS": ("abnormal", "Not susceptible"),
    "I": ("", "Intermediate"),
    "SDD": ("", "Susceptible, dose dependent"),
    "MS": ("result", "Moderately susceptible"),
    "SYN-S": ("result", "Synergy: susceptible"),
    "S": ("result", "Susceptible"),
    "VS": ("result", "Very susceptible"),
    "POS": ("result", "Positive"),
    "RR": ("result", "Reactive"),
    "WR": ("result", "Weakly reactive"),
    "DET": ("result", "Detected"),
    "IND": ("result", "Indeterminate"),
    "E": ("result", "Equivocal"),
    "NEG": ("result", "Negative"),
    "NR": ("result", "Not reactive"),
    "ND": ("result", "Not detected"),
    "CAR": ("result", "Carrier"),
    "AC": ("", "Anti-complementary substances present"),
    "IE": ("", "Insufficient evidence"),
    "NCL": ("", "No breakpoint defined"),
    "HM": ("", "Held for medical review"),
    "OBX": ("", "Interpretation in another result"),
    "B": ("", "Better"),
    "EXP": ("normal", "Expected"),
    "N": ("normal", "Normal"),
}
# The same in words, for servers that send no code.
_WORDS = {words.casefold(): code for code, (_, words) in INTERPRETATIONS.items()} | {
    "critical high": "HH",
    "critical low": "LL",
    "panic high": "HH",
    "panic low": "LL",
    "very high": "HU",
    "very low": "LU",
    "above normal": "H",
    "below normal": "L",
    "hi": "H",
    "lo": "L",
    "abn": "A",
    "alert high": "HH",
    "alert low": "LL",
    "outside normal limits": "A",
    "critical": "AA",
    "crit": "AA",
    "critical value": "AA",
    "abnormal high": "H",
    "abnormal low": "L",
    "above reference range": "H",
    "below reference range": "L",
    "within reference range": "N",
    "within normal limits": "N",
    "wnl": "N",
    "critically abnormal": "AA",
    "panic": "AA",
    "susceptible": "S",
    "sensitive": "S",
    "elevated": "H",
    "increased": "H",
    "decreased": "L",
    "out of range": "A",
    "outside reference range": "A",
    "within range": "N",
    "non-reactive": "NR",
    "nonreactive": "NR",
    # As people draw them, and in the languages of other EHRs.
    "↑": "H",
    "↓": "L",
    "↑↑": "HU",
    "↓↓": "LU",
    **dict.fromkeys(("hoch", "erhöht", "hoog", "verhoogd", "høj", "høy", "hög", "korkea"), "H"),
    **dict.fromkeys(("élevé", "haut", "alto", "elevado", "elevato", "高", "高値"), "H"),
    **dict.fromkeys(("niedrig", "erniedrigt", "laag", "verlaagd", "lav", "låg", "matala"), "L"),
    **dict.fromkeys(("bas", "bajo", "basso", "baixo", "低", "低値"), "L"),
    **dict.fromkeys(("auffällig", "pathologisch", "anormal", "anormale", "異常"), "A"),
    # The words of HL7 v2 table 0078.
    "above high normal": "H",
    "below low normal": "L",
    "above upper panic limits": "HH",
    "below lower panic limits": "LL",
    "high alert": "HH",
    "low alert": "LL",
    "very abnormal": "AA",
    "above absolute high-off instrument scale": ">",
    "below absolute low-off instrument scale": "<",
    "significant change up": "U",
    "significant change down": "D",
}


def _in_order(plain: str) -> str:
    """Return words in one order: "high panic" is "panic high"."""
    return " ".join(sorted(plain.replace("-", " ").split()))


_BY_WORDS = {_in_order(words): code for words, code in _WORDS.items()}
# What programs send in place of an interpretation.
_NOTHING = frozenset({"null", "none", "n/a", "na", "undefined", "not applicable", "unknown"})
# HL7 v2 has "Abnormal (applies to non-numeric results)", SNOMED CT "High (qualifier value)".
_ASIDE = re.compile(r"\((?:applies to [^()]*|qualifier value|finding)\)")
# SNOMED CT: above, below and within the reference range.
_SNOMED = {"281302008": "H", "281300000": "L", "281301001": "N"}
CRITICAL = frozenset({"HH", "LL", "AA"})
_RANK = {code: rank for rank, code in enumerate(INTERPRETATIONS)}
# The systems of these codes; "" because many servers name none.
_SYSTEMS = frozenset(
    {
        "",
        "http://terminology.hl7.org/codesystem/v3-observationinterpretation",
        "http://terminology.hl7.org/codesystem/v2-0078",
        "http://hl7.org/fhir/v2/0078",
        "http://hl7.org/fhir/v3/observationinterpretation",
        "http://hl7.org/fhir/observation-interpretation",
        "urn:oid:2.16.840.1.113883.5.83",
        "urn:oid:2.16.840.1.113883.12.78",
    }
)


@dataclass(frozen=True, slots=True)
class Flag:
    """The interpretation of a value: words, and a direction that is drawn as a shape.

    `is_ours`: this app found it by comparing with the record's range; its words differ from the
    EHR's.
    """

    direction: Direction
    text: str
    is_critical: bool = False
    is_ours: bool = False

    @property
    def is_notable(self) -> bool:
        return self.direction in ("high", "low", "abnormal")

    @property
    def is_shown(self) -> bool:
        """A word beside every normal value would hide the important ones; the range is always
        shown."""
        return bool(self.text) and self.direction != "normal"


NO_FLAG = Flag("", "")
ABOVE = Flag("high", "Above range", is_ours=True)
BELOW = Flag("low", "Below range", is_ours=True)
OUTSIDE = Flag("abnormal", "Outside range", is_ours=True)


@remembered
def read_flag(concepts: object) -> Flag:
    """Return the EHR's interpretation of a value: all its words, with the direction of the most
    serious."""
    known: set[str] = set()
    words: list[str] = []
    for concept in each_of(concepts):
        found = {code for code in _standard_codes(concept) if code in _RANK}
        if not found and not absent_code(concept) and (word := _word(concept)):
            if code := _code_of_words(concept, word):
                found = {code}
            else:
                words.append(word)
        elif found:
            found, remark = _with_own_text(concept, found)
            words += remark
        known |= found
    in_order = sorted(known, key=_RANK.__getitem__)
    if not in_order:
        return Flag("", ", ".join(dict.fromkeys(words))) if words else NO_FLAG
    direction, first = INTERPRETATIONS[in_order[0]]
    others = [INTERPRETATIONS[code][1] for code in in_order[1:]] + words
    return Flag(direction, _with(first, others), in_order[0] in CRITICAL)


def is_abnormal(words: str) -> bool:
    """Return whether words are a judgement that something is abnormal, and not only high or low,
    which may be a degree of anything."""
    code = _BY_WORDS.get(_plain_in_order(words))
    return code is not None and INTERPRETATIONS[code][0] == "abnormal"


def reconciled(said: Flag, compared: Flag | None) -> Flag:
    """Return the EHR's interpretation, and what its own range says if the two differ.

    `compared` is the comparison with the range; None if no comparison is possible.
    """
    if compared is None or said.direction not in ("high", "low", "abnormal", "normal"):
        return said
    if said.direction == "normal":
        if not compared.text:
            return said
        return replace(compared, text=f"{compared.text}, though the EHR says {said.text.lower()}")
    if not compared.text:
        return replace(said, text=f"{said.text}, though inside the range")
    if said.direction not in ("abnormal", compared.direction):
        return replace(said, text=f"{said.text}, though {compared.text.lower()}")
    return said


def gravest(flags: Iterable[Flag]) -> Flag:
    """Return the flag that counts for values that form one reading, for example a blood
    pressure."""
    shown = [flag for flag in flags if flag.text]
    return min(shown, key=_gravity, default=NO_FLAG)


def _gravity(flag: Flag) -> tuple[bool, bool, bool, str]:
    return not flag.is_critical, not flag.is_notable, flag.direction == "normal", flag.text


def with_words(compared: Flag, said: Flag) -> Flag:
    """Return a comparison with the range, with the EHR's words that do not judge the value: a
    remark ("Haemolysed") or a change ("Significant rise")."""
    return replace(compared, text=_with(compared.text, [said.text]))


def _with(first: str, others: list[str]) -> str:
    also = ", ".join(dict.fromkeys(other for other in others if other != first))
    return f"{first} (also: {also})" if also else first


def _with_own_text(concept: object, found: set[str]) -> tuple[set[str], list[str]]:
    """Return the codes, with the one that the author's text means, and a text that says more than
    a code can: "Critical high, called to Dr. Roe"."""
    written = [word for one in mappings(concept) if (word := text(one.get("text")))]
    meant = {code for word in written if (code := _BY_WORDS.get(_plain_in_order(word)))}
    remarks = [word for word in written if " " in word and _plain_in_order(word) not in _BY_WORDS]
    return found | meant, remarks


def _plain(word: str) -> str:
    return _ASIDE.sub("", word.casefold()).strip(" *!()[]")


def _plain_in_order(word: str) -> str:
    return _in_order(_plain(word))


def _word(concept: object) -> str:
    """Return the words of an interpretation that has none of the known codes."""
    word = concept_text(concept)
    return "" if word.removeprefix("code ").casefold() in _NOTHING else word


def _code_of_words(concept: object, word: str) -> str:
    """Return the code that the words of a concept mean; "" for other words. A single letter only
    means its code if there is no other code beside it: in another system "S" may mean anything."""
    plain = _plain(word)
    if code := _BY_WORDS.get(_in_order(plain)):
        return code
    has_code = any(one.get("coding") for one in mappings(concept))
    return plain.upper() if plain.upper() in _RANK and not has_code else ""


def _standard_codes(concept: object) -> list[str]:
    """Return the codes of a concept that belong to these systems, in upper case."""
    if isinstance(concept, str):
        return [text(concept).upper()]
    codings = (coding for one in mappings(concept) for coding in mappings(one.get("coding")))
    return list(map(_standard_code, codings))


def _standard_code(coding: dict[str, Any]) -> str:
    """Return a coding's code in upper case; "" for one of another system."""
    system, code = coding.get("system"), text(coding.get("code"))
    if code_system(system) == SNOMED:
        return _SNOMED.get(code, "")
    return code.upper() if text(system).casefold() in _SYSTEMS else ""
