"""The administration's home: what needs an administrator, and the launches of the last day."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import NoReturn

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from smartapp import metrics_page
from smartapp.console import overview
from smartapp.keys import automation, key_creation, waits
from smartapp.keys.models import KeySet, MaintainedBy
from smartapp.launches.models import LaunchEvent, Revocation, Step
from smartapp.registrations.models import Endpoint, Registration
from tests.diagnosis.test_attempts import administrator, page_of

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 30, 14, 20, tzinfo=UTC)
WAY_OUT = (Step.LAUNCH, Step.DISCOVERY, Step.AUTHORIZE)
TO_THE_PAGE = (*WAY_OUT, Step.CALLBACK, Step.TOKEN, Step.FHIR)
_numbers = count()


def endpoint(name: str = "Scripted Hospital", **more: object) -> Endpoint:
    slug = f"ehr-{next(_numbers)}"
    now = timezone.now()
    registration = Registration.objects.create(
        slug=slug, name=name, client_id="client", created_at=now, updated_at=now,
        key_set=KeySet.objects.create(slug=slug, created_at=now),
    )  # fmt: skip
    base = f"https://{slug}.example.org/r4"
    fields = {"pinned_hosts": [f"{slug}.example.org"], **more}
    return Endpoint.objects.create(
        registration=registration, slug=slug, name=name, fhir_base_url=base, iss=base,
        created_at=now, updated_at=now, **fields,
    )  # fmt: skip


def attempt(
    ehr: Endpoint | None, *steps: Step, code: str = "", at: datetime = NOW, hours_ago: float = 0
) -> None:
    """Store the steps of one attempt; the last one has the error."""
    name = f"{next(_numbers):032x}"
    for seconds, step in enumerate(steps):
        LaunchEvent.objects.create(
            attempt=name, endpoint=ehr, step=step, duration_ms=1,
            at=at - timedelta(hours=hours_ago) + timedelta(seconds=seconds),
            code=code if step == steps[-1] else "",
        )  # fmt: skip


def day() -> overview.LastDay:
    return overview.last_day(NOW)


@pytest.mark.parametrize(
    ("steps", "code", "expected"),
    [
        (TO_THE_PAGE, "", (1, 0, 0)),
        (TO_THE_PAGE, "fhir-failed", (1, 0, 0)),  # a part of the page could not be read
        (TO_THE_PAGE, "wrong-patient", (0, 1, 0)),
        ((*WAY_OUT, Step.CALLBACK, Step.TOKEN), "invalid-client", (0, 1, 0)),
        ((Step.LAUNCH, Step.DISCOVERY), "ehr-unavailable", (0, 1, 0)),
        (WAY_OUT, "", (0, 0, 1)),
        ((*TO_THE_PAGE, Step.REFRESH), "ehr-unavailable", (1, 0, 0)),
        ((Step.REFRESH,), "ehr-unavailable", (0, 0, 0)),  # it began before
        ((Step.FHIR,), "", (0, 0, 0)),
        ((Step.END,), "", (0, 0, 0)),
    ],
)
def test_each_attempt_is_counted_once(
    steps: tuple[Step, ...], code: str, expected: tuple[int, int, int]
) -> None:
    attempt(endpoint(), *steps, code=code)
    total = day().total
    assert (total.shown, total.failed, total.unfinished) == expected
    assert total.begun == sum(expected)


def test_launches_stand_in_their_hour_and_not_longer_than_a_day() -> None:
    ehr = endpoint()
    attempt(ehr, *TO_THE_PAGE)
    attempt(ehr, *TO_THE_PAGE, hours_ago=3)
    attempt(ehr, *WAY_OUT, code="ehr-unavailable", hours_ago=3)
    attempt(ehr, *WAY_OUT, hours_ago=23)
    attempt(ehr, *WAY_OUT, hours_ago=24)
    found = day()
    assert {bar.begins.hour: bar.launches.begun for bar in found.bars if bar.parts} == {
        14: 1, 11: 2, 15: 1,
    }  # fmt: skip
    assert [bar.begins.hour for bar in found.bars] == [*range(15, 24), *range(15)]
    assert found.total.begun == 4
    highest = next(bar for bar in found.bars if bar.launches.begun == 2)
    assert [(one.kind, one.y, one.height) for one in highest.parts] == [
        ("shown", 32.0, 32.0), ("failed", 0.0, 32.0),
    ]  # fmt: skip


def test_the_ehr_where_most_failed_stands_first_with_its_usual_error() -> None:
    well, ill = endpoint("A"), endpoint("B")
    attempt(well, *TO_THE_PAGE)
    for code in ("invalid-client", "invalid-client", "ehr-unavailable"):
        attempt(ill, *WAY_OUT, Step.CALLBACK, Step.TOKEN, code=code)
    for _ in range(2):
        attempt(well, Step.REFRESH, code="refresh-refused")
    first, second = day().ehrs
    assert (first.name, first.launches.failed, first.failed_renewals) == ("B", 3, 0)
    assert first.error == "The EHR does not accept this app (invalid-client)"
    assert (second.name, second.launches.failed, second.failed_renewals) == ("A", 0, 2)
    assert second.error == ""


def test_what_strangers_send_is_counted_apart() -> None:
    attempt(None, Step.LAUNCH, code="unknown-iss")
    attempt(None, Step.LAUNCH, code="launch-not-found")  # a page whose launch has ended
    attempt(None, Step.CALLBACK, code="answer-incomplete")
    attempt(endpoint(), Step.CALLBACK, code="state-of-another-browser")
    found = day()
    assert (found.total.begun, found.ehrs, found.strangers) == (0, (), 4)


def test_an_answer_is_of_the_launch_that_began_before_the_first_hour() -> None:
    ehr, first = endpoint(), NOW.replace(minute=0) - timedelta(hours=23)
    name = f"{next(_numbers):032x}"
    for step, minutes in ((Step.LAUNCH, -3), (Step.CALLBACK, 2)):
        at = first + timedelta(minutes=minutes)
        LaunchEvent.objects.create(attempt=name, endpoint=ehr, step=step, at=at, duration_ms=1)
    assert (day().total.begun, day().strangers) == (0, 0)


@pytest.mark.parametrize(
    ("last", "expected"), [(Step.FHIR, (1, 0, 0)), (Step.TOKEN, (0, 1, 0)), (None, (0, 1, 0))]
)
def test_who_waited_and_came_to_the_page_did_not_fail(
    last: Step | None, expected: tuple[int, int, int]
) -> None:
    """Too many signed in at once, and the browser asked again."""
    ehr, name = endpoint(), f"{next(_numbers):032x}"
    steps = [(Step.LAUNCH, ""), (Step.TOKEN, "busy"), *([(last, "")] if last else [])]
    for seconds, (step, code) in enumerate(steps):
        LaunchEvent.objects.create(
            attempt=name, endpoint=ehr, step=step, code=code, duration_ms=1,
            at=NOW + timedelta(seconds=seconds),
        )  # fmt: skip
    [found] = day().ehrs
    assert (found.launches.shown, found.launches.failed, found.launches.unfinished) == expected
    assert bool(found.error) == (found.launches.failed > 0)


def test_a_machine_whose_clock_is_ahead_has_its_launches_in_the_last_hour() -> None:
    attempt(endpoint(), *TO_THE_PAGE, at=NOW.replace(minute=59) + timedelta(minutes=2))
    assert day().bars[-1].launches.shown == 1


def test_a_busy_day_takes_no_more_statements() -> None:
    for hours_ago in range(20):
        attempt(endpoint(), *TO_THE_PAGE, hours_ago=hours_ago)
    with CaptureQueriesContext(connection) as queries:
        assert day().total.begun == 20
    assert len(queries) == 3


class TestNeeds:
    def test_an_endpoint_that_nobody_can_use(self) -> None:
        endpoint("Good Hospital")
        endpoint("New Hospital", pinned_hosts=[])
        endpoint("Closed Hospital", pinned_hosts=[], enabled=False)
        former = endpoint("Former Hospital").registration
        Registration.objects.filter(pk=former.pk).update(client_id="", enabled=False)
        client = administrator("view_registration")
        home = page_of(client, "/admin/")
        assert "New Hospital: waits for the EHR: its discovery was never read." in home
        assert "Good Hospital" not in home
        assert "Closed Hospital" not in home
        assert "Former Hospital" not in home

    def test_periodic_work_that_does_not_run(self) -> None:
        endpoint()
        KeySet.objects.update(created_at=timezone.now() - timedelta(hours=1))
        wanted = "manage.py maintain has not run"
        assert wanted in page_of(administrator("view_keyset", "view_registration"), "/admin/")
        MaintainedBy.objects.create(machine="app-1", last_at=timezone.now())
        assert wanted not in page_of(administrator(), "/admin/")

    def test_a_key_set_that_cannot_be_read(self, monkeypatch: pytest.MonkeyPatch) -> None:
        name = endpoint().registration.key_set

        def unreadable(_: object) -> NoReturn:
            raise OperationalError("a damaged page")

        monkeypatch.setattr(waits, "before_signing_each", unreadable)
        home = page_of(administrator("view_keyset"), "/admin/")
        assert f"Key set {name}: its keys cannot be read (OperationalError)" in home
        metrics = {one.name: one for one in metrics_page.from_database(NOW)}
        [of_key_set] = metrics["smartapp_key_warnings"].samples
        assert (of_key_set.labels, of_key_set.value) == ({"key_set": str(name)}, 1)

    def test_many_key_sets_take_no_more_statements(self) -> None:
        client = administrator("view_keyset")
        reads: list[Callable[[], object]] = [
            lambda: client.get("/admin/"),
            lambda: client.get("/admin/keys/keyset/"),
            lambda: metrics_page.from_database(NOW),
            lambda: automation.auto(KeySet.objects.all(), now=NOW, actor="rotate_keys"),
            lambda: automation.all_warnings(KeySet.objects.all(), NOW),
        ]
        counted = []
        for slug in ("one", "two", "three"):
            key_creation.create_key_set(slug, algs=["ES384"], now=NOW)
            with CaptureQueriesContext(connection) as queries:
                counted.append([(read(), len(queries))[1] for read in reads])
        assert counted[0] == counted[-1]

    def test_of_very_many_the_first_and_how_many_more(self) -> None:
        for number in range(overview.NEEDS_SHOWN + 2):
            endpoint(f"New Hospital {number:02}", pinned_hosts=[])
        home = page_of(administrator("view_registration"), "/admin/")
        assert home.count("discovery was never read") == overview.NEEDS_SHOWN
        assert "And 2 more" in home

    @pytest.mark.parametrize(
        ("days", "words"), [(1, "An EHR could not be told that a launch has ended here"), (8, "")]
    )
    def test_a_revocation_that_was_given_up(self, days: int, words: str) -> None:
        now = timezone.now()
        Revocation.objects.create(
            launch="00000000-0000-4000-8000-000000000000", endpoint=endpoint(), asked_at=now,
            not_before=now, given_up_at=now - timedelta(days=days),
        )  # fmt: skip
        home = page_of(administrator(), "/admin/")
        assert (words or "Nothing now.") in home

    def test_who_may_see_nothing_is_told_nothing(self) -> None:
        attempt(endpoint("New Hospital", pinned_hosts=[]), *TO_THE_PAGE, at=timezone.now())
        home = page_of(administrator("view_brand"), "/admin/")
        assert "New Hospital" not in home
        assert "Needs your attention" not in home
        assert "Launches of the last 24 hours" not in home


def test_the_page_says_the_numbers_in_words_and_draws_them() -> None:
    ehr = endpoint()
    attempt(ehr, *TO_THE_PAGE, at=timezone.now())
    attempt(ehr, *WAY_OUT, Step.TOKEN, code="invalid-client", at=timezone.now())
    home = " ".join(page_of(administrator("view_launchevent"), "/admin/").split())
    assert "2 launches:" in home
    assert "1 with a page, 0 without a page yet, 1 failed." in home
    assert "The most frequent error: The EHR does not accept this app (invalid-client)." in home
    assert home.count('class="overview-shown" x=') == home.count('class="overview-failed" x=') == 1
    assert f'href="/admin/launches/launchevent/?endpoint__id__exact={ehr.pk}"' in home


def test_a_day_without_launches_says_so() -> None:
    endpoint()
    assert "Nobody has begun one." in page_of(administrator("view_launchevent"), "/admin/")


def test_before_the_first_ehr_there_is_only_the_way_to_it() -> None:
    home = page_of(administrator(), "/admin/")
    assert "Add the first EHR" in home
    assert "Needs your attention" not in home
