"""The table of all values of a series, written without templates: a page has thousands of rows, and
a template engine takes longer for one row than reading its value."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from itertools import islice
from typing import NamedTuple, TypeVar

from django.template.loader import render_to_string
from django.utils.safestring import SafeString, mark_safe

from smartapp.record.interpretations import Flag

T = TypeVar("T")

# The newest values, as many as the page lists; the chart draws all of them.
MAX_ROWS = 1_000


class ValueRow(NamedTuple):
    """One row of the table. `notes` are below the time."""

    when: str
    text: str
    unit: str
    flag: Flag
    notes: Sequence[str] = ()
    is_words: bool = False


@dataclass(frozen=True, slots=True)
class ValueTable:
    """A table. `rows` is markup; `left_out` is the number of older values that are not in it."""

    rows: SafeString
    count: int
    left_out: int = 0


def value_table(values: Sequence[T], row_of: Callable[[T], ValueRow]) -> ValueTable:
    """Return the table of the values, which must be sorted newest first."""
    rows = map(row_of, islice(values, MAX_ROWS))
    return ValueTable(_markup(rows), len(values), max(0, len(values) - MAX_ROWS))


def _markup(rows: Iterable[ValueRow]) -> SafeString:
    return mark_safe("".join(map(_row, rows)))  # noqa: S308 - each text was escaped


def _row(row: ValueRow) -> str:
    notes = "".join(map(_note, row.notes)) if row.notes else ""
    words = " words" if row.is_words else ""
    unit = f" {escape(row.unit)}" if row.unit else ""
    flag = f" {flag_markup(row.flag)}" if row.flag.is_shown else ""
    return (
        f'<tr><td>{escape(row.when)}{notes}</td><td class="amount{words}">'
        f"<bdi>{escape(row.text)}</bdi>{unit}{flag}</td></tr>"
    )


def _note(note: str) -> str:
    return f'<span class="soft note" dir="auto">{escape(note)}</span>'


@lru_cache(maxsize=500)
def flag_markup(flag: Flag) -> str:
    return render_to_string("sections/flag.html", {"flag": flag})
