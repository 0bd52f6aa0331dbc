"""The timeline of every launch: recorded in memory during a request, and written in batches later.

No request waits for a timeline, and no launch fails because of one. Anybody may open `/launch`, so
both the memory between two writes and the table are limited: during a flood, events are counted and
not stored.

An entry belongs to the attempt of the current request, so callers of `note` cannot mix up two
attempts. Only the members of `Detail` can be recorded, and all text is cleaned again here.
"""

import asyncio
import hashlib
import json
import logging
import re
import time
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import wraps
from threading import Lock
from typing import Annotated, Any, NamedTuple, NotRequired, TypedDict, TypeVar, cast
from urllib.parse import urlsplit

from asgiref.sync import async_to_sync
from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone

from smartapp import http
from smartapp.database import delete_batch, in_database
from smartapp.exception_reports import cause
from smartapp.launches.cookies import PENDING_NAME_CHARACTERS
from smartapp.launches.models import LaunchEvent, Step
from smartapp.logs import Failures
from smartapp.protocol.retry_after import http_date

FLUSH_SECONDS = 5
MAX_QUEUED = 5_000  # per process, between two flushes
# The part of MAX_QUEUED for requests that were refused before they belonged to a launch: requests
# of strangers must not take the room of real launches.
MAX_STRANGERS = 100
KEPT_FOR = timedelta(days=30)
MAX_ROWS = 200_000
# An attempt with only these steps has not come back from the EHR's sign-in.
WAY_OUT = (Step.LAUNCH, Step.DISCOVERY, Step.AUTHORIZE)
MAY_COME_BACK = timedelta(hours=1)
KEPT_UNFINISHED = timedelta(days=1)
LOOKED_THROUGH = timedelta(days=2)
MAX_TEXT = 300
_HIDDEN = "[…]"
MAX_ITEMS = 40

# A signed or encrypted token, wherever it comes from (C70).
_TOKEN = re.compile(r"eyJ[A-Za-z0-9_-]{5,}(?:\.[A-Za-z0-9_-]*)*")
# JSON that needs no cleaning: no control characters and no query of a URL. A backslash may hide any
# character.
_PLAIN_JSON = re.compile(r"[ -\"$->@-\[\]-~]*")
_LONG = re.compile(rf'[^"]{{{MAX_TEXT + 1}}}')
_URL_QUERY = re.compile(r"(https?://[^\s?#]*)[?#]\S*")

logger = logging.getLogger(__name__)

View = TypeVar("View", bound=Callable[..., Coroutine[Any, Any, HttpResponseBase]])


class Verdict(TypedDict):
    """The result of one rule; `rule` is its number in the requirements. Older entries have a `text`
    that says what the rule's number, the step or its detail says."""

    rule: str
    ok: bool
    text: NotRequired[str]


class WireRecord(TypedDict):
    """One request to an EHR. Older entries have no `abandoned`, or no `media`."""

    method: str
    where: str
    status: int | None
    ms: int
    ahead: int | None  # seconds that our clock was ahead of theirs
    abandoned: NotRequired[bool]
    media: NotRequired[str]  # the answer's media type, where it is not JSON


class Detail(TypedDict, total=False):
    """Everything that a timeline may contain besides its verdicts, with the label that a page gives
    it. No member holds a token, a code, a state, a verifier, an assertion, a launch value or
    anything about a patient."""

    kind: Annotated[str, "Launch"]
    iss: Annotated[str, "iss"]
    client_id: Annotated[str, "Client id"]
    redirect_uri: Annotated[str, "Redirect URI"]
    aud: Annotated[str, "aud"]
    scope: Annotated[list[str], "Scopes asked for"]
    authorization_endpoint: Annotated[str, "Authorization endpoint"]
    token_endpoint: Annotated[str, "Token endpoint"]
    auth_method: Annotated[str, "Authentication"]
    sent: Annotated[list[str], "Members sent"]
    received: Annotated[list[str], "Members received"]
    form: Annotated[str, "Form of the answer"]
    assertion_header: Annotated[dict[str, Any], "Assertion header"]
    assertion_claims: Annotated[dict[str, Any], "Assertion claims"]
    seconds_away: Annotated[int, "Seconds at the EHR"]
    ehr_error: Annotated[str, "Error of the EHR"]
    http_status: Annotated[int, "HTTP status"]
    said: Annotated[str, "The EHR said"]
    refused_kid: Annotated[str, "Key refused"]
    taken_kid: Annotated[str, "Key taken instead"]
    rule: Annotated[str, "Rule"]
    came: Annotated[str, "What came instead"]
    resource_type: Annotated[str, "Resource type"]
    failure: Annotated[str, "What failed"]
    missing: Annotated[list[str], "Scopes not granted"]
    granted: Annotated[list[str], "Scopes granted"]
    sections: Annotated[dict[str, str], "Parts of the record"]
    reason: Annotated[str, "Reason"]
    characters: Annotated[int, "Characters in the address"]
    token: Annotated[str, "Token asked about"]
    token_state: Annotated[str, "The EHR says of it"]
    not_stored: Annotated[int, "Events not stored"]
    framed: bool
    framed_from: str
    exchanges: list[WireRecord]


@dataclass(slots=True)
class Attempt:
    """The launch that the current request belongs to. `key` is empty until a state is known."""

    key: str = ""
    endpoint_id: int | None = None
    fhir_base_url: str = ""
    iss: str = ""
    step: Step = Step.LAUNCH
    since: float = field(default_factory=time.monotonic)
    exchanges: list[WireRecord] = field(default_factory=list)
    # The answer has no state of ours, and its browser waits for none: it may come from anybody.
    is_stray: bool = False


class Noted(NamedTuple):
    """A row of the timeline that is not written yet, with the columns of `LaunchEvent`. `verdicts`
    and `detail` are JSON."""

    attempt: str
    step: str
    at: Any
    detail: str
    endpoint_id: int | None = None
    duration_ms: int = 0
    code: str = ""
    reference: str = ""
    verdicts: str = "[]"


_current: ContextVar[Attempt | None] = ContextVar("attempt", default=None)
_queue: deque[Noted] = deque()
_strangers = 0
_not_stored = 0
_writing = Lock()
_failures = Failures(logger, "launch events not written")


def key_of(state_digest: str) -> str:
    """Return the attempt of a state. The argument is the digest in the launch's row, or its start
    in the name of a pending launch's cookie.

    The result is a digest of that digest, so the two tables cannot be used to open anything.
    """
    known = state_digest[:PENDING_NAME_CHARACTERS]
    return hashlib.sha256(b"launch attempt" + known.encode()).hexdigest()[:32]


def recorded(view: View) -> View:
    """Make each request of a view its own attempt, and observe its requests to the EHR."""

    @wraps(view)
    async def recording(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        begin(Step.LAUNCH)
        return await view(request, *args, **kwargs)

    return cast(View, recording)


def is_known() -> bool:
    """Return whether the current attempt has steps already, so that its state was sent by this
    app."""
    return LaunchEvent.objects.filter(attempt=current().key).exists()


async def is_answered() -> bool:
    """Return whether an answer with the current attempt's state was accepted or refused before, as
    of a page of a refusal that is loaded again. It may be not written yet."""
    key = current().key
    if any((one.attempt, one.step, one.code) == (key, Step.CALLBACK, "") for one in _queue):
        return True
    answers = LaunchEvent.objects.filter(attempt=key, step=Step.CALLBACK, code="")
    return await in_database(answers.exists)


def begin(step: Step) -> Attempt:
    """Start a new attempt for the rest of this task, and return it."""
    attempt = Attempt(step=step)
    _current.set(attempt)
    http.observer.set(lambda exchange: _observed(attempt, exchange))
    return attempt


def current() -> Attempt:
    """Return the current attempt; outside of one, a new one that is not stored."""
    return _current.get() or Attempt()


def _observed(attempt: Attempt, exchange: http.Exchange) -> None:
    if len(attempt.exchanges) < MAX_ITEMS:
        attempt.exchanges.append(
            {
                "method": exchange.method,
                "where": _where(exchange.url, attempt.fhir_base_url),
                "status": exchange.status,
                "ms": round(exchange.seconds * 1000),
                "ahead": seconds_ahead(exchange.date),
                "abandoned": exchange.is_abandoned,
                "media": "" if "json" in exchange.media else exchange.media,
            }
        )


def _where(url: str, fhir_base_url: str) -> str:
    """Return host and path. For a FHIR address only the resource type, because an id may identify a
    patient."""
    parts = urlsplit(url)
    base = urlsplit(fhir_base_url)
    inside = parts.path.removeprefix(base.path.rstrip("/") + "/")
    is_fhir = bool(base.netloc) and parts.netloc == base.netloc and inside != parts.path
    if is_fhir and not inside.startswith(".well-known/"):
        return f"{parts.netloc}{base.path.rstrip('/')}/{inside.partition('/')[0]}"
    return parts.netloc + parts.path


def seconds_ahead(date: str) -> int | None:
    """Return by how many seconds our clock is ahead of a `Date` header; None without one."""
    theirs = http_date(date)
    return None if theirs is None else round((timezone.now() - theirs).total_seconds())


def note(
    step: Step,
    verdicts: Iterable[Verdict] = (),
    detail: Detail | None = None,
    *,
    code: str = "",
    reference: str = "",
) -> None:
    """Add one step to the timeline of the current launch. Does nothing outside of an attempt, or if
    neither a state nor a reference number leads to the step.

    The step includes the requests that were sent to the EHR since the last step.
    """
    attempt = _current.get()
    if attempt is None or not (attempt.key or reference) or not _admitted(attempt):
        return
    now, attempt_since = time.monotonic(), attempt.since
    attempt.since = now
    wire, attempt.exchanges[:] = list(attempt.exchanges), []
    whole: Detail = {**(detail or {}), **({"exchanges": wire} if wire else {})}
    _queue.append(
        Noted(
            attempt=attempt.key or reference,
            endpoint_id=attempt.endpoint_id,
            step=step.value,
            at=timezone.now(),
            duration_ms=round((now - attempt_since) * 1000),
            code=code,
            reference=reference,
            verdicts=_written(list(verdicts)),
            detail=_written(dict(whole)),
        )
    )


def _admitted(attempt: Attempt) -> bool:
    global _strangers, _not_stored
    stranger = attempt.endpoint_id is None or not attempt.key or attempt.is_stray
    if len(_queue) >= MAX_QUEUED or (stranger and _strangers >= MAX_STRANGERS):
        _not_stored += 1
        return False
    _strangers += stranger
    return True


def _written(value: list[Any] | dict[str, Any]) -> str:
    """Return the value as cleaned JSON.

    Nearly always there is nothing to clean, and one look at the whole text shows that. Checking
    each text took more time than everything else in a step.
    """
    text = json.dumps(value)
    parts = value if isinstance(value, list) else value.values()
    sizes = [len(value), *(len(part) for part in parts if isinstance(part, list | dict))]
    is_short = max(sizes) <= MAX_ITEMS and not _LONG.search(text)
    if is_short and _PLAIN_JSON.fullmatch(text) and "eyJ" not in text:
        return text
    return json.dumps(cleaned(value))


def cleaned(value: Any) -> Any:
    """Return the value without possible tokens and queries of URLs, with limited
    lengths."""
    if isinstance(value, str):
        text = "".join(filter(str.isprintable, value[: 4 * MAX_TEXT]))
        return _TOKEN.sub(_HIDDEN, _URL_QUERY.sub(rf"\1?{_HIDDEN}", text))[:MAX_TEXT]
    if isinstance(value, list):
        return [cleaned(item) for item in value[:MAX_ITEMS]]
    if isinstance(value, dict):
        return {cleaned(str(name)): cleaned(item) for name, item in list(value.items())[:MAX_ITEMS]}
    return value


def is_whole(text: str) -> bool:
    """Return whether a text of an event is unchanged."""
    return len(text) < MAX_TEXT and _HIDDEN not in text


def forget() -> None:
    """Forget what is not written yet, and why: in tests the database ends before the process
    does."""
    global _strangers, _not_stored
    _failures.forget()
    _queue.clear()
    _strangers = _not_stored = 0


async def keep_writing() -> None:
    """Write the recorded steps, again and again."""
    while True:
        await asyncio.sleep(FLUSH_SECONDS)
        await flush()


async def flush() -> None:
    """Write the recorded steps in one transaction, after any batch that is just being written.

    Steps that the database does not accept are lost: they must not fill the memory while the
    database is away.
    """
    if not (_queue or _not_stored or _writing.locked()):
        return
    try:
        await in_database(_write)
        _failures.worked()
    except Exception as error:
        # Whatever the error is, it must not end the task that writes.
        _failures.failed(cause(error))


def flush_now() -> None:
    """Write what this process has recorded, for pages that show it: a launch of a moment ago is
    read as far as it came. For sync code."""
    async_to_sync(flush)()


def _write() -> None:
    global _strangers, _not_stored
    with _writing:
        # One at a time, because requests go on recording meanwhile.
        batch = [_queue.popleft() for _ in range(len(_queue))]
        if _not_stored:
            batch.append(_flood(_not_stored))
        _strangers = _not_stored = 0
        if batch:
            _insert(batch)


def _insert(batch: list[Noted]) -> None:
    """Insert without model objects: creating them took as long as all other writes of a launch."""
    table, adapt = LaunchEvent._meta.db_table, connection.ops.adapt_datetimefield_value
    values = ", ".join(["%s"] * len(Noted._fields))
    rows = [one._replace(at=adapt(one.at)) for one in batch]
    with transaction.atomic(), connection.cursor() as cursor:
        statement = f"INSERT INTO {table} ({', '.join(Noted._fields)}) VALUES ({values})"  # noqa: S608
        cursor.executemany(statement, rows)


def _flood(count: int) -> Noted:
    logger.warning("%d launch events were counted, not stored", count)
    detail = json.dumps({"not_stored": count})
    return Noted(f"flood-{time.time():.3f}", Step.FLOOD.value, timezone.now(), detail)


def purge_batch(now: datetime) -> int:
    """Delete a few events that are not needed any more; return how many.

    These are events older than a month, and those of attempts that never came back, which are kept
    for a day. Anybody can start such attempts, as often as they like, and they must not displace
    failures (T30). If the table is full, they are deleted first, and then the oldest events.
    """
    too_old = LaunchEvent.objects.filter(at__lt=now - KEPT_FOR)
    return (
        delete_batch(too_old)
        or delete_batch(_never_came_back(now - KEPT_UNFINISHED))
        or delete_batch(_surplus(now))
    )


def _never_came_back(begun_before: datetime) -> QuerySet[LaunchEvent]:
    """Return the successful steps before an EHR's sign-in that no other step follows. Only of the
    two days before that moment, because older ones have been checked already."""
    way_out = Q(step__in=WAY_OUT, code="")
    more = LaunchEvent.objects.filter(attempt=OuterRef("attempt")).exclude(way_out)
    lately = Q(at__lt=begun_before, at__gt=begun_before - LOOKED_THROUGH)
    return LaunchEvent.objects.filter(lately, way_out).exclude(Exists(more))


def _surplus(now: datetime) -> QuerySet[LaunchEvent]:
    surplus = LaunchEvent.objects.count() - MAX_ROWS
    if surplus <= 0:
        return LaunchEvent.objects.none()
    given_up = _never_came_back(now - MAY_COME_BACK)
    return given_up if given_up.exists() else LaunchEvent.objects.order_by("id")[:surplus]
