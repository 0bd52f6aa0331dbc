"""The periodic work: what has expired goes in small batches, what lives stays."""

from datetime import datetime, timedelta
from io import StringIO

import pytest
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import OperationalError
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from smartapp.keys import key_creation
from smartapp.launches import store
from smartapp.launches.models import Launch, LaunchKind
from smartapp.management.commands import maintain
from smartapp.registrations.models import Endpoint, Registration
from tests.secrecy import all_logs

NOW = timezone.now()


@pytest.fixture
def endpoint(db: None) -> Endpoint:
    key_set = key_creation.create_key_set("one", now=NOW)
    registration = Registration.objects.create(
        slug="one", name="One", client_id="c", key_set=key_set, scope="launch", created_at=NOW,
        updated_at=NOW,
    )  # fmt: skip
    return Endpoint.objects.create(
        registration=registration, slug="one", name="One", created_at=NOW, updated_at=NOW,
        fhir_base_url="https://ehr.example/fhir", iss="https://ehr.example/fhir", enabled=False,
    )  # fmt: skip


def make_launch(endpoint: Endpoint, name: str, expires: datetime | None, age: timedelta) -> Launch:
    session = None
    if expires is not None:
        session = Session.objects.create(session_key=name, session_data="", expire_date=expires)
    return Launch.objects.create(
        endpoint=endpoint, kind=LaunchKind.EHR, state_digest=name, session=session,
        launched_at=NOW - age,
    )  # fmt: skip


def test_expired_sessions_go_with_their_launches(endpoint: Endpoint) -> None:
    """Design §4: the session's end is the tokens' end."""
    live = make_launch(endpoint, "live", NOW + timedelta(hours=1), timedelta(hours=1))
    make_launch(endpoint, "over", NOW - timedelta(seconds=1), timedelta(hours=13))
    assert maintain.purge() == 1
    assert list(Launch.objects.all()) == [live]


def test_unfinished_launches_go_when_their_state_can_no_longer_be_used(endpoint: Endpoint) -> None:
    """C50: until then the row keeps the state used."""
    recent = make_launch(endpoint, "recent", None, timedelta(minutes=11))
    make_launch(endpoint, "old", None, timedelta(hours=3))
    assert maintain.purge() == 1
    assert list(Launch.objects.all()) == [recent]


def test_purge_deletes_in_small_batches(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One DELETE of everything would hold SQLite's only write lock for many seconds."""
    monkeypatch.setattr(store, "PURGE_BATCH", 10)
    for number in range(25):
        make_launch(endpoint, f"s{number}", NOW - timedelta(hours=1), timedelta(hours=13))
    assert [store.purge_batch(NOW) for _ in range(4)] == [10, 10, 5, 0]


def test_nothing_to_purge_costs_two_questions(
    db: None, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(2):
        store.purge_batch(NOW)


def test_one_round_does_it_all(endpoint: Endpoint) -> None:
    make_launch(endpoint, "over", NOW - timedelta(seconds=1), timedelta(hours=13))
    output = StringIO()
    call_command("maintain", stdout=output)
    assert "Purged 1" in output.getvalue()


def test_a_round_that_fails_does_not_end_the_rotation_of_keys(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database that is away for a moment: the next round comes, and the log says so."""
    rounds: list[int] = []

    def purge() -> int:
        rounds.append(1)
        if len(rounds) == 3:
            raise KeyboardInterrupt
        raise OperationalError("the connection was lost")

    monkeypatch.setattr(maintain, "purge", purge)
    with all_logs() as keeper, pytest.raises(KeyboardInterrupt):
        call_command("maintain", "--every", "0.01", stdout=StringIO())
    assert sum("a round failed, the next one comes" in line for line in keeper.lines) == 2
    with pytest.raises(OperationalError):
        rounds.clear()
        call_command("maintain", stdout=StringIO())


@pytest.mark.parametrize("every", ["0", "-1"])
def test_a_pause_that_is_none_is_refused(db: None, every: str) -> None:
    with pytest.raises(CommandError, match="above 0"):
        call_command("maintain", "--every", every)
