"""Measuring and reporting: medians over interleaved rounds, with their spread."""

import os
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Target:
    """What was to be reached, and what was measured, in words and as the number that decides."""

    number: str
    what: str
    measured: str
    limit: float
    value: float
    at_least: bool = False

    @property
    def is_met(self) -> bool:
        return self.value >= self.limit if self.at_least else self.value <= self.limit


def percentile(values: Sequence[float], percent: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a server and its workers, in seconds (Linux)."""
    children = (Path(f"/proc/{pid}/task/{pid}/children").read_text()).split()
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS + sum(map(cpu_seconds, map(int, children)))


def spread(rounds: Sequence[float]) -> str:
    """Return the median of the rounds, with the minimum and the maximum."""
    median = statistics.median(rounds)
    return f"{_number(median)} ({_number(min(rounds))} to {_number(max(rounds))})"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def memory_mib(pid: int) -> float:
    """Return the memory of a process, its share of what it shares (PSS, Linux)."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def median_ratio(rounds: Sequence[float], to: Sequence[float]) -> float:
    return statistics.median(a / b for a, b in zip(rounds, to, strict=True))


def ratio(rounds: Sequence[float], to: Sequence[float]) -> str:
    """Return the median of the ratios of adjacent rounds."""
    return f"{median_ratio(rounds, to):.2f} x"


def print_table(heading: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    print(f"\n{heading}\n")
    print("| " + " | ".join(columns) + " |")
    print("|---" * len(columns) + "|")
    for row in rows:
        print("| " + " | ".join(row) + " |")
    print(flush=True)


def print_targets(database: str, targets: Sequence[Target]) -> None:
    print_table(
        f"Targets on {database}",
        ("", "what", "target", "measured", ""),
        [
            (
                one.number,
                one.what,
                f"{'at least' if one.at_least else 'at most'} {one.limit:g}",
                one.measured,
                "met" if one.is_met else "**missed**",
            )
            for one in targets
        ],
    )
