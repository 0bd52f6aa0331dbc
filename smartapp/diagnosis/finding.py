"""What was found: the cause of a failed launch, or what a check saw before one. One type for both,
so that the doctor, *Why?* and the page that adds an EHR say the same of the same thing."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Self

from smartapp.diagnosis.rules import rule_in_words


class Certainty(IntEnum):
    """How sure a finding is. What the EHR says is outweighed by nothing that is guessed here."""

    RIGHT = 0  # it was checked, and nothing is wrong there
    POSSIBLE = 1
    LIKELY = 2
    SEEN = 3
    SAID = 4

    @property
    def words(self) -> str:
        return ("Checked, and not so", "Possible", "Likely", "Seen", "The EHR says so")[self]

    @property
    def level(self) -> str:
        """What it means before a launch: only a problem stops somebody."""
        return ("ok", "advice", "advice", "problem", "problem")[self]


RIGHT, POSSIBLE, LIKELY, SEEN, SAID = Certainty


@dataclass(frozen=True, slots=True)
class Finding:
    """What is the matter, how sure that is, what speaks for it, and what to do. `check` is the
    stable name of what can be looked at again; `rule` the number of the requirement."""

    check: str
    certainty: Certainty
    seen: str
    fix: str = ""
    title: str = ""
    rule: str = ""

    @property
    def level(self) -> str:
        return self.certainty.level

    @property
    def text(self) -> str:
        """What was found, without what would steer a terminal: it may quote the EHR."""
        said = f"{self.title}. {self.seen}" if self.title else self.seen
        return "".join(one if one.isprintable() else " " for one in said)

    @property
    def rule_in_words(self) -> str:
        return rule_in_words(self.rule)

    def as_json(self) -> dict[str, Any]:
        return {"check": self.check, "level": self.level, "seen": self.text, "fix": self.fix}

    @classmethod
    def from_json(cls, kept: dict[str, str]) -> Self:
        certainty = {"ok": RIGHT, "advice": POSSIBLE, "problem": SEEN}[kept["level"]]
        return cls(kept["check"], certainty, kept["seen"], kept["fix"])


def ok(check: str, seen: str) -> Finding:
    return Finding(check, RIGHT, seen)


def advice(check: str, seen: str, fix: str = "") -> Finding:
    return Finding(check, POSSIBLE, seen, fix)


def problem(check: str, seen: str, fix: str) -> Finding:
    return Finding(check, SEEN, seen, fix)


def is_healthy(findings: Iterable[Finding]) -> bool:
    """Whether nobody is stopped by what was found."""
    return all(finding.level != "problem" for finding in findings)
