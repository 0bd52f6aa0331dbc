"""Blood groups: one record has one. Two that differ may be two people's, and say so."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from smartapp.record.observations import REPLACED, Reading

# LOINC: ABO and Rh group, ABO group, Rh, each in blood.
_BLOOD_GROUPS = frozenset({"882-1", "883-9", "10331-7"})
# Subgroups ("A1", "A2B") are of their group; a zero is an O, as in German.
_ABO = {
    **dict.fromkeys(("a", "a1", "a2"), "A"), "b": "B", **dict.fromkeys(("ab", "a1b", "a2b"), "AB"),
    **dict.fromkeys(("o", "0"), "O"),
}  # fmt: skip
_WORDS = re.compile(r"[^\W_]+|[+-](?=(?:ve)?\W*$)")
# "pos", "positivo", "négatif"; not "possible".
_SIGNS = (
    (re.compile(r"\+|pos(?:iti\w*)?"), "positive"),
    (re.compile(r"-|n[eé]g(?:ati\w*)?"), "negative"),
)
# Between positive and negative, and called by one laboratory the one and by another the other.
_BETWEEN = ("weak", "partial", "variant", "schwach", "faible")
# How words begin that may stand beside a group. With any other word it is a sentence, in which "a"
# is an article and "negative" a control: "Not determined, a new sample is needed".
_BESIDE = (
    *_BETWEEN, "abo", "rh", "bl", "sang", "group", "grup", "groep", "subgroup", "typ", "tip",
    "fact", "fakt", "fatt", "finding", "confirm",
)  # fmt: skip
_LETTERS_BESIDE = frozenset({"d", "ve"})


class _Group(NamedTuple):
    abo: str
    rh: str

    def differs_from(self, other: "_Group") -> bool:
        return any(one and two and one != two for one, two in zip(self, other, strict=True))


def with_other_groups(readings: Sequence[Reading]) -> Sequence[Reading]:
    """Return the readings; a blood group that another one of the same person contradicts names the
    newest of those."""
    groups = {
        id(one): group
        for one in readings
        if not _BLOOD_GROUPS.isdisjoint(one.loinc)
        and one.status_rank != REPLACED
        and (group := _group_of(one.value.text))
    }
    if len(set(groups.values())) < 2:
        return readings
    newest: dict[str, dict[_Group, Reading]] = defaultdict(dict)
    for one in sorted((one for one in readings if id(one) in groups), key=_time):
        newest[one.marks.whose][groups[id(one)]] = one
    return [
        _contradicted(one, groups[id(one)], newest[one.marks.whose]) if id(one) in groups else one
        for one in readings
    ]


def _contradicted(one: Reading, group: _Group, newest: Mapping[_Group, Reading]) -> Reading:
    others = [other for of_other, other in newest.items() if of_other.differs_from(group)]
    if not others:
        return one
    return one._replace(marks=one.marks.with_remarks(_remark(max(others, key=_time))))


def _remark(other: Reading) -> str:
    dated = f", {other.when.day_text}" if other.when else ""
    return f"Another blood group is in this record: {other.value.text}{dated}; check it in the EHR"


def _time(reading: Reading) -> float:
    when = reading.when
    return when.at.timestamp() if when and when.is_readable else float("-inf")


def _group_of(words: str) -> _Group | None:
    """Return the group that a value names: "A Rh(D) positive", "O neg", "AB+". None if it names
    none, or more than one, or is a sentence."""
    said = _WORDS.findall(words.casefold())
    if not all(map(_is_of_a_group, said)):
        return None
    abo = {_ABO[one] for one in said if one in _ABO}
    signs = {sign for one in said if (sign := _sign_of(one))}
    if any(one.startswith(_BETWEEN) for one in said):
        signs.clear()
    if len(abo) > 1 or len(signs) > 1 or not (abo or signs):
        return None
    return _Group(next(iter(abo), ""), next(iter(signs), ""))


def _is_of_a_group(word: str) -> bool:
    is_known = word in _ABO or word in _LETTERS_BESIDE or word.startswith(_BESIDE)
    return is_known or bool(_sign_of(word))


def _sign_of(word: str) -> str:
    return next((sign for pattern, sign in _SIGNS if pattern.fullmatch(word)), "")
