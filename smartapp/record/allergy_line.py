"""The allergies in one line for the patient banner, with the four states of the NHS patient banner.

The states are: known, none known, not recorded, not available. The line only says that there are
none if the record says so and was read completely. A record that was not read completely never
becomes "none".
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from smartapp.record.allergies import Allergy

AllergyState = Literal["known", "none-known", "not-recorded", "not-available"]
# The line is short: it names this many, and more only if they are dangerous.
NAMED, NAMED_IF_DANGEROUS = 3, 6
_SAID_ALREADY = re.compile(r"^allergy to (?=\S)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class NamedAllergy:
    name: str
    is_high: bool


@dataclass(frozen=True, slots=True)
class AllergyLine:
    """The line. `named` are the worst allergies, worst first, and `others` is the number of the
    rest.

    `words` are the record's statement ("No known drug allergies"). `is_whole`: nothing was left out
    or cut.
    """

    state: AllergyState
    named: tuple[NamedAllergy, ...] = ()
    others: int = 0
    words: str = ""
    is_whole: bool = True


def read_allergy_line(allergies: Sequence[Allergy], *, is_whole: bool) -> AllergyLine:
    """Return the line for a list of allergies. `is_whole` says whether the list is all that the EHR
    has."""
    active = sorted((one for one in allergies if one.is_counted), key=_gravity)
    # The worst of several with one name.
    each: dict[str, NamedAllergy] = {}
    for one in active:
        name = _substance(one.name_with_substances)
        each.setdefault(name.casefold(), NamedAllergy(name, one.is_high))
    if each:
        dangerous = sum(one.is_high for one in each.values())
        count = max(NAMED, min(dangerous, NAMED_IF_DANGEROUS))
        named = (*each.values(),)[:count]
        return AllergyLine("known", named, len(each) - len(named), is_whole=is_whole)
    if not is_whole:
        return AllergyLine("not-available", is_whole=False)
    return _by_statements(allergies)


def _substance(name: str) -> str:
    """Return the name without the words that the line's label already has."""
    shown = _SAID_ALREADY.sub("", name)
    return shown[:1].upper() + shown[1:]


def _gravity(allergy: Allergy) -> tuple[bool, int, bool, str]:
    is_intolerance = allergy.kind == "Intolerance"
    return not allergy.is_high, allergy.severity_rank, is_intolerance, allergy.name.casefold()


def _with_status(statement: Allergy) -> str:
    """Return the statement's words with its status, for example unconfirmed, and with a hint at its
    notes: they may name an exception."""
    marks = statement.marks
    beside = ", ".join(filter(None, (marks.status.lower(), "see its note" if marks.notes else "")))
    return f"{statement.name} ({beside})" if beside else statement.name


def _by_statements(allergies: Sequence[Allergy]) -> AllergyLine:
    """Return the line for statements. One about a single kind ("No known food allergies") is shown
    as it is and does not mean "none"."""
    said = [one for one in allergies if one.statement and one.is_active]
    words = "; ".join(dict.fromkeys(map(_with_status, said)))
    meant = [one.statement for one in said if one.statement and one.marks.is_understood]
    if any(one.meaning == "none" and not one.kind for one in meant) and len(meant) == len(said):
        is_unknown = any(one.meaning == "unknown" for one in meant)
        return AllergyLine("not-recorded" if is_unknown else "none-known", words=words)
    return AllergyLine("not-recorded", words=words)
