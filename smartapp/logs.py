"""Log lines: as text or as JSON, each with its moment in UTC and the request that it belongs to."""

import logging
import re
import secrets
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from pythonjsonlogger.json import JsonFormatter

access = logging.getLogger("smartapp.access")

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
# A part of an address that is a name of ours. Others may be a secret of a link, or a resource's id.
_NAME = re.compile(r"[a-z]{2,20}([-_.][a-z]{2,20}){0,3}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# Of these the second part is the slug of a registration or an endpoint.
_SLUG_FOLLOWS = ("connect", "callback")

_request_id: ContextVar[str] = ContextVar("request id", default="")
_about: ContextVar[dict[str, str] | None] = ContextVar("what a request is about", default=None)


def begin(sent: str) -> str:
    """Begin a request, under the id that the proxy gave it or a new one; return the id."""
    request_id = sent if _REQUEST_ID.fullmatch(sent) else secrets.token_hex(8)
    _request_id.set(request_id)
    _about.set({})
    return request_id


def about(**known: str) -> None:
    """Let each further line of this request name its `launch` or `endpoint`."""
    found = _about.get()
    if found is not None:
        found.update(known)


def answered(method: str, path: str, status: int, seconds: float) -> None:
    """One line for an answer: no query, and of the path only what is a name of ours."""
    access.info("%s %s %d %d ms", method, safe_path(path), status, round(seconds * 1000))


def safe_path(path: str) -> str:
    """Return an address with an ellipsis for each part that may be a secret, or about a patient."""
    parts = path.split("/")
    shown = [part if not part or _NAME.fullmatch(part) else "…" for part in parts]
    if len(parts) > 2 and parts[1] in _SLUG_FOLLOWS and re.fullmatch(r"[\w-]{1,63}", parts[2]):
        shown[2] = parts[2]
    return "/".join(shown[:6])


def _moment(record: logging.LogRecord) -> str:
    at = datetime.fromtimestamp(record.created, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class TextFormatter(logging.Formatter):
    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: ARG002
        return _moment(record)


class JSONFormatter(JsonFormatter):
    """One object a line; what is not known of a line is not a member of it."""

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
