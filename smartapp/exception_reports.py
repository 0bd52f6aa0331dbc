"""Exception reports of Django, without any values.

During the callback, variables on the stack hold a code, a verifier or tokens, and so does the query
of the request. To find a fault, the lines of code are enough, so values are left out (C70, T10).
"""

import re
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
# SQLSTATE classes that concern the server and never the values of a row: connection, transaction,
# resources, state, operator intervention, system.
SERVER_CLASSES = {"08", "25", "40", "53", "55", "57", "58"}
# A table or a column that is not there, and one that this role may not use: they name that one.
UNDEFINED = {"42P01", "42703"}
FORBIDDEN = "42501"
# A table, column or other object that is there already.
TWICE = {"42P07", "42701", "42710"}
# Somebody else holds the lock, longer than this waits for it.
IN_USE = "55P03"
CONNECTION_ERRORS = (
    "redis.exceptions.ConnectionError",
    "redis.exceptions.TimeoutError",
    "sqlite3.OperationalError",
)
# Begins with what is wrong with it, such as MISCONF where it cannot write to its disk.
REFUSED_BY_REDIS = "redis.exceptions.ResponseError"


class ReportWithoutValues(ExceptionReporter):
    """The traceback with its source lines, but without variables, query, form, cookies and headers.

    Used as `DEFAULT_EXCEPTION_REPORTER`: for the DEBUG page and the mail to ADMINS.
    """

    def __init__(self, _request: HttpRequest | None, *args: Any, **options: Any) -> None:
        super().__init__(None, *args, **options)

    def get_traceback_frames(self) -> list[dict[str, Any]]:
        return [{**frame, "vars": []} for frame in super().get_traceback_frames()]

    def get_traceback_data(self) -> dict[str, Any]:
        """Return the report's data without the exception's message: a database quotes the row that
        it refused."""
        shown: dict[str, Any] = super().get_traceback_data()
        frames = [{**frame, "exc_cause": None} for frame in shown.get("frames", [])]
        return shown | {"exception_value": sentence(self.exc_value), "frames": frames}


def cause(error: BaseException) -> str:
    """Return one line for the log: the exception's class, its message if that cannot hold a value
    of ours or of a patient, and where it was raised, innermost frame first."""
    words = _words(error)
    return f"{type(error).__name__}{f': {words}' if words else ''}{_way(error)}"


def sentence(error: BaseException | None) -> str:
    """Return the same without the frames, for a terminal."""
    return _words(error) or type(error).__name__ if error else ""


def of_the_database(error: BaseException) -> str:
    """Return for a terminal why the database could not be used; "" if it is not the server's or the
    schema's fault."""
    state, words = getattr(error.__cause__, "sqlstate", None), _words(error)
    if state in UNDEFINED or words.startswith("no such "):
        return (
            "The database is not that of this version. Run `python manage.py migrate`, and see "
            "that DATABASE_URL is right."
        )
    if state in TWICE:
        return (
            "The database has what this would add. Another `migrate` is running, perhaps for "
            "another machine: once is enough for all. Run it again when that one has ended."
        )
    if state == IN_USE:
        return (
            "Somebody uses what this would change, such as a backup or a long query, and launches "
            "must not wait for both. Nothing is half done: run it again when that has ended."
        )
    if state == FORBIDDEN:
        return (
            f"The database refuses this: {words}. See that DATABASE_URL names the right role, and "
            "that deploy/roles.sql ran after the last `migrate`."
        )
    up = "See that it is up, and that DATABASE_URL leads to it."
    return f"The database cannot be used: {words}. {up}" if words else ""


def _words(error: BaseException) -> str:
    if isinstance(error, OSError):
        words = error.strerror or ""  # without the file name, which a user may have chosen
    elif any(_name(one) == REFUSED_BY_REDIS for one in type(error).__mro__):
        words = "".join(re.findall(r"^[A-Z]{4,20}(?= )", str(error)))  # the rest may quote
    else:
        words = str(error) if _is_about_the_server(error) else ""
    # Only PostgreSQL's first line: the others may contain values.
    return "".join(filter(str.isprintable, words.strip().partition("\n")[0]))[:MAX_WORDS]


def _is_about_the_server(error: BaseException) -> bool:
    if isinstance(error, DatabaseError):  # Django's exception wraps the driver's
        return error.__cause__ is not None and _is_of_server(error.__cause__)
    return isinstance(error, ImproperlyConfigured) or _is_of_server(error)


def _is_of_server(error: BaseException) -> bool:
    """Return whether a driver raised it because of its server. Such messages name a host and a
    problem, but no value that was read or written."""
    kind = type(error)
    if any(_name(one) in CONNECTION_ERRORS for one in kind.__mro__):
        return True
    if not kind.__module__.startswith("psycopg"):
        return False
    state: str | None = getattr(error, "sqlstate", None)
    return state is None or state[:2] in SERVER_CLASSES or state in {*UNDEFINED, FORBIDDEN}


def _name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__name__}"


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
    """Return the path relative to the project or to the library."""
    path = filename.removeprefix(f"{ROOT}/")
    return path.partition("site-packages/")[2] or path.rpartition("/lib/")[2] or path
