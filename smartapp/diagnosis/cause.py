"""A cause of a failure, and the entry of the table that it comes from."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

from smartapp.diagnosis.case import Case
from smartapp.diagnosis.rules import rule_in_words


class Certainty(IntEnum):
    """How sure a cause is. What the EHR says is outweighed by nothing that is guessed here."""

    POSSIBLE = 1
    LIKELY = 2
    SEEN = 3
    SAID = 4

    @property
    def words(self) -> str:
        return _WORDS[self]


_WORDS = {
    Certainty.POSSIBLE: "Possible",
    Certainty.LIKELY: "Likely",
    Certainty.SEEN: "Seen",
    Certainty.SAID: "The EHR says so",
}


@dataclass(frozen=True, slots=True)
class Cause:
    """What it is, what speaks for it, what to do. `rule` is the number of the requirement."""

    title: str
    certainty: Certainty
    check: str
    todo: str
    rule: str

    @property
    def rule_in_words(self) -> str:
        return rule_in_words(self.rule)


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the table. In its texts `{c.name}` is an attribute of the case."""

    title: str
    when: Callable[[Case], bool]
    certainty: Certainty
    rule: str
    todo: str
    check: str = "{c.seen}"

    def about(self, case: Case) -> Cause:
        return Cause(
            title=self.title.format(c=case),
            certainty=self.certainty,
            check=self.check.format(c=case),
            todo=self.todo.format(c=case),
            rule=self.rule,
        )


def coded(*codes: str) -> Callable[[Case], bool]:
    """Apply to a failure that has one of these codes."""
    return lambda case: case.code in codes
