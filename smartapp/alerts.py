"""Alarms for operators: a mail to ADMINS, and a POST to ALERT_WEBHOOK_URL.

They are for events that must not wait for a threshold on a metric: a fault of this app, the
wrong-patient alarm, a failed emergency replacement of keys. An alarm contains no patient, no token
and no value of a variable. The same alarm is sent at most once in five minutes, with the number of
repetitions, so that a frequent fault does not fill a mailbox.
"""

import contextlib
import json
import logging
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from django.conf import settings
from django.core.mail import mail_admins
from django.utils import timezone

from smartapp import metrics
from smartapp.exception_reports import ReportWithoutValues, cause

SECONDS_BETWEEN_SAME = 300
WEBHOOK_SECONDS = 5
MAX_KINDS = 100

logger = logging.getLogger(__name__)

_thread = ThreadPoolExecutor(1, thread_name_prefix="alerts")


@dataclass
class _Sent:
    at: float
    since: int = 0  # how many were not sent since then


_lock = threading.Lock()
_sent: dict[str, _Sent] = {}


def report(exception: BaseException) -> None:
    """Report a fault of this app: the traceback without any values. For sync code, as it may take
    some seconds."""
    way = ReportWithoutValues(None, type(exception), exception, exception.__traceback__)
    send("unexpected-error", f"{type(exception).__name__} in smartapp", way.get_traceback_text())


def wrong_patient(endpoint_slug: str) -> None:
    """Send the alarm that an EHR answered with another patient, from a background thread: the
    caller must not wait for it."""
    _thread.submit(send, "wrong-patient", f"wrong-patient alarm at {endpoint_slug}")


def send(kind: str, subject: str, text: str = "") -> bool:
    """Send an alarm now. Return whether it was sent somewhere; False if the same one was sent
    within five minutes. Never raises, so that an alarm cannot cause another failure."""
    metrics.alarms.labels(kind).inc()
    held_back = _held_back(f"{kind} {subject}")
    if held_back is None:
        return False
    if held_back:
        subject = f"{subject} ({held_back} more since the last alarm)"
    return any(_by_every_way(kind, subject, text))


def try_out() -> bool:
    """Send a test alarm to each configured destination; return whether all of them accepted it."""
    subject = "this is a test of the alarms; nothing has happened"
    return all(_by_every_way("test", subject, ""))


def _by_every_way(kind: str, subject: str, text: str) -> list[bool]:
    ways = [_tried("mail to ADMINS", _mail, subject, text)] if settings.ADMINS else []
    if settings.ALERT_WEBHOOK_URL:
        ways.append(_tried("ALERT_WEBHOOK_URL", _post, kind, subject))
    return ways


@contextlib.contextmanager
def sent_on_failure(kind: str, subject: str, *, unless: type[Exception]) -> Iterator[None]:
    """Send an alarm if the block fails. `unless` is an error that the user sees anyway."""
    try:
        yield
    except unless:
        raise
    except Exception as error:
        send(kind, subject, cause(error))
        raise


def forget() -> None:
    """Forget what was sent, so that each test has its own alarms."""
    with _lock:
        _sent.clear()


def _held_back(what: str) -> int | None:
    """Return how many identical alarms were held back since the last one was sent; None if this one
    must be held back too."""
    now = time.monotonic()
    with _lock:
        last = _sent.get(what)
        if last and now - last.at < SECONDS_BETWEEN_SAME:
            last.since += 1
            return None
        if len(_sent) >= MAX_KINDS:
            _sent.clear()
        _sent[what] = _Sent(now)
        return last.since if last else 0


def _tried(name: str, way: Callable[[str, str], None], *words: str) -> bool:
    try:
        way(*words)
    except Exception as error:
        # Any error, also of a server that speaks something else: the other way is tried next, and
        # what the alarm is about has its own page to show.
        logger.error("an alarm was not sent by %s: %s", name, cause(error))
        return False
    return True


def _mail(subject: str, text: str) -> None:
    mail_admins(subject, f"{settings.PUBLIC_URL}\n\n{text}\n")


def _post(kind: str, subject: str) -> None:
    """Post the alarm in the format of chat programs, which show `text`."""
    words = {
        "text": f"smartapp at {settings.PUBLIC_URL}: {subject}",
        "alert": kind,
        "time": timezone.now().isoformat(),
    }
    request = urllib.request.Request(  # noqa: S310 - the scheme is checked with the settings
        settings.ALERT_WEBHOOK_URL,
        json.dumps(words).encode(),
        {"Content-Type": "application/json", "User-Agent": "smartapp"},
    )
    with urllib.request.urlopen(request, timeout=WEBHOOK_SECONDS):  # noqa: S310
        pass
