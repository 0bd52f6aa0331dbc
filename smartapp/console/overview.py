"""What the administration's home page shows: what needs an administrator now, and the last day."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from django.contrib.auth.models import AnonymousUser, User
from django.db.models import Count, Max, Min, Q
from django.urls import reverse

from smartapp.diagnosis import outcome
from smartapp.keys import automation, heartbeat, rotation
from smartapp.keys.models import KeySet
from smartapp.launches.models import LaunchEvent, Revocation, Step
from smartapp.launches.pending import PENDING_LIFETIME
from smartapp.registrations.discovery_page import State, state, with_last_document
from smartapp.registrations.models import Endpoint, Registration

HOURS = 24
BAR_DISTANCE, BARS_HEIGHT = 20, 64
ALARMS_SHOWN, ALARMS_RECENT = 5, timedelta(days=30)
GIVEN_UP_RECENTLY = timedelta(days=7)
NEEDS_SHOWN = EHRS_SHOWN = 20
# What happens to a launch whose page was open already.
_AFTERWARDS = (Step.REFRESH, Step.INTROSPECTION, Step.END, Step.FLOOD)
_STOPPED = ~Q(code="") & ~Q(code__in=outcome.OF_A_PART) & ~Q(step__in=_AFTERWARDS)


@dataclass(frozen=True, slots=True)
class Need:
    """Something that an administrator has to do, in a sentence, and where."""

    text: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class Needs:
    """The first needs, and how many more there are."""

    shown: tuple[Need, ...]
    more: int


@dataclass(slots=True)
class Launches:
    """How many attempts there were, by how far they came: a page was shown, something stopped it,
    or neither yet."""

    shown: int = 0
    failed: int = 0
    unfinished: int = 0

    @property
    def begun(self) -> int:
        return self.shown + self.failed + self.unfinished

    def count(self, *, is_failed: bool, is_shown: bool) -> None:
        if is_failed:
            self.failed += 1
        elif is_shown:
            self.shown += 1
        else:
            self.unfinished += 1


@dataclass(frozen=True, slots=True)
class EHRDay:
    """One EHR's launches of the day. `error` is the most frequent one of those that failed."""

    name: str
    endpoint_id: int
    launches: Launches
    failed_renewals: int
    error: str


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a bar, in units of the drawing: `y` is its upper edge."""

    kind: str
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Bar:
    """One hour of the drawing, with its parts from the bottom upwards."""

    begins: datetime
    x: int
    launches: Launches
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class LastDay:
    """`more` is how many EHRs had launches beside `ehrs`. `strangers` are the visits that belong to
    no launch of a registered EHR: anybody can send those."""

    total: Launches
    bars: tuple[Bar, ...]
    ehrs: tuple[EHRDay, ...]
    more: int
    strangers: int


def is_any_registered() -> bool:
    """Return whether an EHR is registered, ready or not."""
    return Registration.objects.exists()


def recent_wrong_patients(now: datetime) -> list[LaunchEvent]:
    """Return the newest launches, 30 days back, in which an EHR sent somebody else's data."""
    recent = LaunchEvent.objects.filter(code__in=outcome.WRONG_PATIENT, at__gte=now - ALARMS_RECENT)
    return list(recent.select_related("endpoint").order_by("-id")[:ALARMS_SHOWN])


def needs(user: User | AnonymousUser, now: datetime) -> Needs:
    """Return what needs an administrator now, of what this one may see."""
    found: list[Need] = []
    if user.has_perm("keys.view_keyset"):
        found += _of_keys(now)
    if user.has_perm("registrations.view_registration"):
        found += _of_endpoints()
    if user.has_perm("launches.view_revocation"):
        found += _of_revocations(now)
    return Needs(tuple(found[:NEEDS_SHOWN]), len(found[NEEDS_SHOWN:]))


def _of_keys(now: datetime) -> Iterator[Need]:
    for problem in heartbeat.problems(now):
        yield Need(problem)
    for reading in rotation.of_each(list(KeySet.objects.all())):
        url = reverse("admin:keys_keyset_change", args=[reading.key_set.pk])
        for warning in automation.warnings(reading, now):
            yield Need(warning, url)


def _of_endpoints() -> Iterator[Need]:
    """Yield the endpoints that are switched on and cannot be used, or not wholly, the most urgent
    first."""
    states = list(State)
    switched_on = Endpoint.objects.filter(enabled=True, registration__enabled=True)
    found = [(state(one), one) for one in with_last_document(switched_on)]
    found.sort(key=lambda pair: (states.index(pair[0]), pair[1].name))
    for how, endpoint in found:
        if how not in (State.READY, State.WITHOUT_REFUSED):
            pk = endpoint.registration_id
            url = reverse("admin:registrations_registration_change", args=[pk])
            yield Need(f"{endpoint.name}: {how[0].lower()}{how[1:]}.", url)


def _of_revocations(now: datetime) -> Iterator[Need]:
    recent = Revocation.objects.filter(given_up_at__gte=now - GIVEN_UP_RECENTLY)
    if count := recent.count():
        launches = "a launch has" if count == 1 else f"{count} launches have"
        yield Need(
            f"An EHR could not be told that {launches} ended here; it may go on accepting the "
            "tokens until they expire.",
            reverse("admin:launches_revocation_changelist"),
        )


def last_day(now: datetime) -> LastDay:
    """Return the launches that began in this hour and the 23 before it, by hour and by EHR."""
    since = now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=HOURS - 1)
    total, hours = Launches(), [Launches() for _ in range(HOURS)]
    of_ehrs: dict[int, Launches] = defaultdict(Launches)
    failed: set[str] = set()
    strangers = 0
    for one in _attempts(since):
        if one.ehr is None or not one.launches:
            strangers += 1
            continue
        # The clock of the machine that wrote it may be ahead of this one's.
        hour = hours[min(int((one.began - since) / timedelta(hours=1)), HOURS - 1)]
        for counted in (total, hour, of_ehrs[one.ehr]):
            counted.count(is_failed=one.is_failed, is_shown=one.shown is not None)
        if one.is_failed:
            failed.add(one.key)
    ehrs = tuple(_ehrs(since, of_ehrs, failed))
    more = len(ehrs[EHRS_SHOWN:])
    return LastDay(total, _bars(since, hours), ehrs[:EHRS_SHOWN], more, strangers)


class _Attempt(NamedTuple):
    """`launches`: how often it was begun here; an answer that nobody waits for has none. `stopped`
    and `shown`: when something last stopped it, and when its page was last shown."""

    key: str
    began: datetime
    ehr: int | None
    launches: int
    stopped: datetime | None
    shown: datetime | None

    @property
    def is_failed(self) -> bool:
        """Whether it was stopped and did not come to its page after that, as it does after a wait
        where too many sign in at once."""
        return self.stopped is not None and (self.shown is None or self.shown < self.stopped)


def _attempts(since: datetime) -> Iterator[_Attempt]:
    """Yield the attempts that began since then. One that began shortly before may have come back
    from its sign-in since."""
    attempts = (
        LaunchEvent.objects.filter(at__gte=since - PENDING_LIFETIME)
        .values("attempt")
        .annotate(
            began=Min("at"),
            ehr=Max("endpoint"),
            launches=Count("id", filter=Q(step=Step.LAUNCH)),
            stopped=Max("at", filter=_STOPPED),
            shown=Max("at", filter=Q(step=Step.FHIR) & ~_STOPPED),
            steps=Count("id", filter=~Q(step__in=(*_AFTERWARDS, Step.FHIR))),
        )
    )
    begun = attempts.filter(steps__gt=0, began__gte=since).order_by()
    yield from map(_Attempt._make, begun.values_list("attempt", *_Attempt._fields[1:]).iterator())


def _ehrs(
    since: datetime, of_ehrs: dict[int, Launches], failed_attempts: set[str]
) -> Iterator[EHRDay]:
    """Yield the EHRs, the one where most launches failed first."""
    renewals = Counter[int]()
    errors: dict[int, Counter[str]] = defaultdict(Counter)
    failures = LaunchEvent.objects.filter(
        _STOPPED | (Q(step=Step.REFRESH) & ~Q(code="")), at__gte=since, endpoint__isnull=False
    ).order_by()
    rows = failures.values_list("endpoint", "attempt", "step", "code")
    for endpoint, attempt, step, code in rows.iterator():
        if step == Step.REFRESH:
            renewals[endpoint] += 1
        elif attempt in failed_attempts:
            errors[endpoint][code] += 1
    found = [
        EHRDay(
            name=endpoint.name,
            endpoint_id=pk,
            launches=of_ehrs[pk],
            failed_renewals=renewals[pk],
            error=next((outcome.error_words(one) for one, _ in errors[pk].most_common(1)), ""),
        )
        for pk, endpoint in Endpoint.objects.in_bulk({*of_ehrs, *renewals}).items()
    ]
    found.sort(key=lambda one: (-one.launches.failed, -one.launches.begun, one.name))
    yield from found


def _bars(since: datetime, hours: list[Launches]) -> tuple[Bar, ...]:
    unit = BARS_HEIGHT / max(1, *(one.begun for one in hours))
    return tuple(
        Bar(since + timedelta(hours=n), n * BAR_DISTANCE, one, tuple(_parts(one, unit)))
        for n, one in enumerate(hours)
    )


def _parts(launches: Launches, unit: float) -> Iterator[Part]:
    y = float(BARS_HEIGHT)
    for kind in ("shown", "unfinished", "failed"):
        height = getattr(launches, kind) * unit
        y -= height
        if height:
            yield Part(kind, round(y, 1), round(height, 1))
