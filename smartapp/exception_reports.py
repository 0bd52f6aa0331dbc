"""Django's reports of exceptions, without a value in them.

Between the callback and the launch's page, every frame on the stack holds a code, a verifier or a
token in some variable, and so does the request's query. A report is for finding a fault, and the
lines of code that led there are enough; whose data it was is nobody's business (C70, T10).
"""

import traceback
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest
from django.views.debug import ExceptionReporter

FRAMES = 5
MAX_WORDS = 200
ROOT = Path(__file__).resolve().parent.parent
# Drivers whose words name a host and what is wrong with it, and never a row, a parameter or a key.
CONNECTION_ERRORS = ("redis.exceptions.ConnectionError", "redis.exceptions.TimeoutError")


class ReportWithoutValues(ExceptionReporter):
    """The traceback with its source lines: no variables, no query, no form, no cookies, no headers.

    For `DEFAULT_EXCEPTION_REPORTER`: the page that DEBUG shows, and the mail to ADMINS.
    """

    def __init__(self, _request: HttpRequest | None, *args: Any, **options: Any) -> None:
        super().__init__(None, *args, **options)

    def get_traceback_frames(self) -> list[dict[str, Any]]:
        return [{**frame, "vars": []} for frame in super().get_traceback_frames()]


def cause(error: BaseException) -> str:
    """Return one line for the log: the exception's class, its words where they hold no value of
    ours or of a patient, and the code that it came from, innermost first."""
    words = _words(error)
    return f"{type(error).__name__}{f': {words}' if words else ''}{_way(error)}"


def sentence(error: BaseException) -> str:
    """Return the same without the code: for a person at a terminal."""
    return _words(error) or type(error).__name__


def _words(error: BaseException) -> str:
    if isinstance(error, OSError):
        words = error.strerror or ""  # without the file's name, which somebody may have chosen
    elif isinstance(error, OperationalError | InterfaceError | ImproperlyConfigured) or any(
        f"{one.__module__}.{one.__name__}" in CONNECTION_ERRORS for one in type(error).__mro__
    ):
        # Of PostgreSQL's lines only the first: DETAIL may hold the values of a row.
        words = str(error).strip().partition("\n")[0]
    else:
        words = ""
    return "".join(filter(str.isprintable, words))[:MAX_WORDS]


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
