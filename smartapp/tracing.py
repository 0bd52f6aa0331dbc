"""Spans for OpenTelemetry, where its SDK is installed; otherwise nothing of it is imported.

A span says what was done, for how long, and whether it failed: no path, query, header, id or word
of an EHR. Which exporter takes the spans is OpenTelemetry's own configuration (docs/operating.md).
"""

import importlib.util
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from smartapp import __version__

_NOTHING = nullcontext()


def _tracer_if_installed() -> Any:
    """Return OpenTelemetry's tracer, or None without its SDK."""
    try:
        if importlib.util.find_spec("opentelemetry.sdk") is None:
            return None
    except (ModuleNotFoundError, ValueError):
        return None
    from opentelemetry import trace

    return trace.get_tracer("smartapp", __version__)


_tracer = _tracer_if_installed()


def span(name: str, **attributes: str) -> AbstractContextManager[Any]:
    """Return a context in which a piece of work is a span, a child of the one around it."""
    return _NOTHING if _tracer is None else _recorded(name, attributes)


@contextmanager
def _recorded(name: str, attributes: dict[str, str]) -> Iterator[Any]:
    """An error is named by its class: messages hold values."""
    named = {f"smartapp.{key}": value for key, value in attributes.items()}
    with _tracer.start_as_current_span(
        name, attributes=named, record_exception=False, set_status_on_exception=False
    ) as one:
        try:
            yield one
        except BaseException as error:
            one.set_attribute("error.type", type(error).__name__)
            raise


def answered(one: Any, status: int) -> None:
    """Tell a span with which HTTP status it ended."""
    if one is not None:
        one.set_attribute("http.response.status_code", status)
