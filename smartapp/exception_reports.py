"""Django's reports of exceptions, without a value in them.

Between the callback and the launch's page, every frame on the stack holds a code, a verifier or a
token in some variable, and so does the request's query. A report is for finding a fault, and the
lines of code that led there are enough; whose data it was is nobody's business (C70, T10).
"""

import traceback
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db import Error as DatabaseError
from django.http import HttpRequest
from django.views.debug import ExceptionReporter

FRAMES = 5
MAX_WORDS = 200
ROOT = Path(__file__).resolve().parent.parent
# SQLSTATE classes that are about the server and never about the values of a row: connection,
# transaction, resources, state, intervention by an operator, system.
SERVER_CLASSES = {"08", "25", "40", "53", "55", "57", "58"}
CONNECTION_ERRORS = (
    "redis.exceptions.ConnectionError",
    "redis.exceptions.TimeoutError",
    "sqlite3.OperationalError",
)


class ReportWithoutValues(ExceptionReporter):
    """The traceback with its source lines: no variables, no query, no form, no cookies, no headers.

    For `DEFAULT_EXCEPTION_REPORTER`: the page that DEBUG shows, and the mail to ADMINS.
    """

    def __init__(self, _request: HttpRequest | None, *args: Any, **options: Any) -> None:
        super().__init__(None, *args, **options)

    def get_traceback_frames(self) -> list[dict[str, Any]]:
        return [{**frame, "vars": []} for frame in super().get_traceback_frames()]

    def get_traceback_data(self) -> dict[str, Any]:
        """An exception's words are a value, too: a database quotes the row that it refused."""
        shown: dict[str, Any] = super().get_traceback_data()
        frames = [{**frame, "exc_cause": None} for frame in shown.get("frames", [])]
        return shown | {"exception_value": sentence(self.exc_value), "frames": frames}


def cause(error: BaseException) -> str:
    """Return one line for the log: the exception's class, its words where they hold no value of
    ours or of a patient, and the code that it came from, innermost first."""
    words = _words(error)
    return f"{type(error).__name__}{f': {words}' if words else ''}{_way(error)}"


def sentence(error: BaseException | None) -> str:
    """Return the same without the code: for a person at a terminal."""
    return _words(error) or type(error).__name__ if error else ""


def _words(error: BaseException) -> str:
    if isinstance(error, OSError):
        words = error.strerror or ""  # without the file's name, which somebody may have chosen
    else:
        words = str(error) if _is_about_the_server(error) else ""
    # Of PostgreSQL's lines only the first: the others may tell more than the error.
    return "".join(filter(str.isprintable, words.strip().partition("\n")[0]))[:MAX_WORDS]


def _is_about_the_server(error: BaseException) -> bool:
    if isinstance(error, DatabaseError):  # Django's own, around the driver's
        return error.__cause__ is not None and _is_of_server(error.__cause__)
    return isinstance(error, ImproperlyConfigured) or _is_of_server(error)


def _is_of_server(error: BaseException) -> bool:
    """Whether a driver raised it because of its server: such words name a host and what is wrong
    with it, and no value that was read or written."""
    kind = type(error)
    if any(f"{one.__module__}.{one.__name__}" in CONNECTION_ERRORS for one in kind.__mro__):
        return True
    if not kind.__module__.startswith("psycopg"):
        return False
    state: str | None = getattr(error, "sqlstate", None)
    return state is None or state[:2] in SERVER_CLASSES


def _way(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if frame.filename.startswith(f"{ROOT}/smartapp/")]
    last = frames[-1:] if frames[-1:] != ours[-1:] else []
    way = [*ours[-FRAMES:], *last]
    if not way:
        return ""
    steps = (f"{_short(frame.filename)}:{frame.lineno} {frame.name}" for frame in reversed(way))
    return f" ({' < '.join(steps)})"


def _short(filename: str) -> str:
    """Return the path inside the project, or inside a library."""
    path = filename.removeprefix(f"{ROOT}/")
    return path.partition("site-packages/")[2] or path.rpartition("/lib/")[2] or path
