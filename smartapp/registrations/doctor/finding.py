"""What a check found."""

from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from smartapp.registrations.registry import EndpointConfig


class Level(StrEnum):
    OK = "ok"
    ADVICE = "advice"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: its stable name, how it went, what was seen, and what mends it."""

    check: str
    level: Level
    seen: str
    fix: str = ""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


Check = Callable[[EndpointConfig], AsyncIterator[Finding]]


def ok(check: str, seen: str) -> Finding:
    return Finding(check, Level.OK, seen)


def advice(check: str, seen: str, fix: str = "") -> Finding:
    return Finding(check, Level.ADVICE, seen, fix)


def problem(check: str, seen: str, fix: str) -> Finding:
    return Finding(check, Level.PROBLEM, seen, fix)


def is_healthy(findings: Iterable[Finding]) -> bool:
    return all(finding.level != Level.PROBLEM for finding in findings)
