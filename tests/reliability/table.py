"""The figures as docs/reliability.md has them."""

from collections import Counter

from tests.reliability.people import Figures
from tests.reliability.trial import Trial

COLUMNS = (
    "Fault", "Launches", "Confirmed", "Confirmed and lost", "In doubt", "Refreshes / tokens twice",
    "5xx", "5xx after", "Wrong patient", "Orphans", "Recovery",
)  # fmt: skip
HEADER = f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}\n"


def line(trial: Trial) -> str:
    """Return the row of one fault; with an EHR's own, its launches and then the other EHR's."""
    both = (trial.sick, trial.well)

    def numbers(name: str) -> str:
        counted = [getattr(one, name) for one in both]
        values = [one.total() if isinstance(one, Counter) else one for one in counted]
        return f"{values[0]} + {values[1]}" if trial.fault.is_the_ehrs else str(sum(values))

    cells = (
        trial.fault.name, numbers("launches"), numbers("confirmed"), numbers("lost"),
        numbers("in_doubt"), f"{trial.refreshes} / {trial.used_twice}", _errors(*both),
        _errors(trial.after), str(trial.wrong_patients), str(trial.orphans),
        f"{trial.recovery_seconds:.1f} s",
    )  # fmt: skip
    return f"| {' | '.join(cells)} |\n"


def _errors(*figures: Figures) -> str:
    together = sum((one.server_errors for one in figures), Counter[int]())
    return ", ".join(f"{count} × {status}" for status, count in sorted(together.items())) or "0"
