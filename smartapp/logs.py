"""Log lines as text or JSON, each with its UTC time and the id of its request."""

import asyncio
import logging
import re
import secrets
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from pythonjsonlogger.json import JsonFormatter

from smartapp.exception_reports import cause

access = logging.getLogger("smartapp.access")
logger = logging.getLogger(__name__)

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
# A path segment that is one of our names. Others may be a link's secret or a resource's id.
_NAME = re.compile(r"[a-z]{2,20}([-_.][a-z]{2,20}){0,3}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# Prefixes that are followed by the slug of a registration or endpoint.
_SLUG_FOLLOWS = ("connect", "callback")

_request_id: ContextVar[str] = ContextVar("request id", default="")
_about: ContextVar[dict[str, str] | None] = ContextVar("what a request is about", default=None)


def begin(sent: str) -> str:
    """Begin a request with the id that the proxy sent, or a new one; return the id."""
    request_id = sent if _REQUEST_ID.fullmatch(sent) else secrets.token_hex(8)
    _request_id.set(request_id)
    _about.set({})
    return request_id


def about(**known: str) -> None:
    """Add `launch` or `endpoint` to all further lines of this request."""
    found = _about.get()
    if found is not None:
        found.update(known)


def answered(method: str, path: str, status: int, seconds: float) -> None:
    """Log an answer: no query, and only known names of the path."""
    access.info("%s %s %d %d ms", method, safe_path(path), status, round(seconds * 1000))


def safe_path(path: str) -> str:
    """Return a path with an ellipsis for each segment that may be a secret or about a patient."""
    parts = path.split("/")
    shown = [part if not part or _NAME.fullmatch(part) else "…" for part in parts]
    if len(parts) > 2 and parts[1] in _SLUG_FOLLOWS and re.fullmatch(r"[\w-]{1,63}", parts[2]):
        shown[2] = parts[2]
    return "/".join(shown[:6])


def _moment(record: logging.LogRecord) -> str:
    at = datetime.fromtimestamp(record.created, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class WithoutValues(logging.Formatter):
    """Formats an exception, which libraries log, on one line and without its message: that may have
    a value of ours or of a patient."""

    def formatException(self, ei: Any) -> str:
        return cause(ei[1]) if ei[1] else ""


class TextFormatter(WithoutValues):
    def format(self, record: logging.LogRecord) -> str:
        """Return one line: the exception stands behind the message."""
        return " ".join(super().format(record).splitlines())

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: ARG002
        return _moment(record)


class JSONFormatter(WithoutValues, JsonFormatter):
    """One JSON object per line; unknown values are left out."""

    def add_fields(
        self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]
    ) -> None:
        super().add_fields(log_data, record, message_dict)
        log_data.clear()
        log_data.update(
            time=_moment(record),
            level=record.levelname,
            logger=record.name,
            message=record.getMessage(),
        )
        known = {"request_id": _request_id.get(), **(_about.get() or {})}
        for name in ("reference", "code"):
            known[name] = getattr(record, name, "")
        log_data.update({name: value for name, value in known.items() if value})
        if record.exc_info:
            log_data["exception"] = self.formatException(record.exc_info)


def of_the_loop(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log what nobody has awaited. asyncio's own words quote the exception and the arguments."""
    what = re.split(r"[<(\n]", str(context.get("message", "")))[0].strip()
    error = context.get("exception")
    logger.error("event loop: %s: %s", what, cause(error) if error else "no exception")


class Failures:
    """Logs failures of work that is done again and again: each cause once, and when it works again.
    While the database is away for a night, two lines a second would fill the disk."""

    def __init__(self, logger: logging.Logger, words: str) -> None:
        self._logger, self._words, self._told = logger, words, ""

    def failed(self, cause: str) -> None:
        if cause != self._told:
            self._told = cause
            self._logger.error("%s: %s", self._words, cause)

    def worked(self) -> None:
        if self._told:
            self._logger.info("%s: it works again", self._words)
        self.forget()

    def forget(self) -> None:
        self._told = ""
