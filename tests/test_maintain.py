"""The periodic work: expired rows are deleted in small batches, others are kept."""

import asyncio
import errno
import json
import os
import signal
import time
from contextlib import nullcontext
from datetime import datetime, timedelta
from functools import partial
from io import StringIO
from pathlib import Path

import psycopg
import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import OperationalError
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from smartapp.diagnosis import own_side
from smartapp.keys import heartbeat, key_creation
from smartapp.keys.models import KeySet
from smartapp.launches import ending
from smartapp.launches.models import Launch, LaunchKind
from smartapp.management.commands import maintain
from smartapp.registrations import discovery
from smartapp.registrations.models import Endpoint, Registration
from tests import forking
from tests.processes import environment, manage, migrated_postgres_database, prepare, running
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
    """When the session ends, its tokens are deleted."""
    live = make_launch(endpoint, "live", NOW + timedelta(hours=1), timedelta(hours=1))
    make_launch(endpoint, "over", NOW - timedelta(seconds=1), timedelta(hours=13))
    assert maintain.purge_all() == 1
    assert list(Launch.objects.all()) == [live]


def test_unfinished_launches_go_when_their_state_can_no_longer_be_used(endpoint: Endpoint) -> None:
    """C50: until then the row keeps the state used."""
    recent = make_launch(endpoint, "recent", None, timedelta(minutes=11))
    make_launch(endpoint, "old", None, timedelta(hours=3))
    assert maintain.purge_all() == 1
    assert list(Launch.objects.all()) == [recent]


def test_purge_deletes_in_small_batches(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One DELETE of everything would hold SQLite's only write lock for many seconds."""
    monkeypatch.setattr(ending, "PURGE_BATCH", 10)
    for number in range(25):
        make_launch(endpoint, f"s{number}", NOW - timedelta(hours=1), timedelta(hours=13))
    assert [ending.purge_batch(NOW) for _ in range(4)] == [10, 10, 5, 0]


def test_nothing_to_purge_costs_two_questions(
    db: None, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(2):
        ending.purge_batch(NOW)


def test_one_round_does_it_all(endpoint: Endpoint) -> None:
    make_launch(endpoint, "over", NOW - timedelta(seconds=1), timedelta(hours=13))
    output = StringIO()
    call_command("maintain", stdout=output)
    assert "Purged 1" in output.getvalue()


@pytest.mark.parametrize(
    ("ahead", "left"), [(0, 0), (599, 0), (-599, 0), (601, 1), (-601, 1), (3_000_000, 1)]
)
def test_by_a_wrong_clock_nobody_is_signed_out(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, ahead: float, left: int
) -> None:
    """Of one machine: those of the others go on. A `maintain` whose clock was two hours ahead ended
    the launches of all of them."""
    make_launch(endpoint, "over", NOW - timedelta(minutes=1), age=timedelta(hours=1))
    monkeypatch.setattr(maintain, "seconds_ahead", lambda: ahead)
    with pytest.raises(CommandError, match="clock") if left else nullcontext():
        call_command("maintain", stdout=StringIO())
    assert Session.objects.count() == left


class TestBulkheads:
    """A failed task does not stop the others, and is reported."""

    @pytest.fixture
    def done(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        done: list[str] = []

        def work(name: str) -> int:
            done.append(name)
            return 0

        pieces = {name: partial(work, name) for name in ("keys", "revocations", "discovery")}
        monkeypatch.setattr(maintain.Command, "_work", lambda _: pieces)
        return done

    def fail(self, monkeypatch: pytest.MonkeyPatch, name: str, error: Exception) -> None:
        def fails() -> int:
            raise error

        pieces = maintain.Command._work(maintain.Command())
        monkeypatch.setattr(maintain.Command, "_work", lambda _: {**pieces, name: fails})

    @pytest.mark.django_db
    @pytest.mark.parametrize("error", [OperationalError("it was lost"), KeyError("x"), OSError(5)])
    @pytest.mark.parametrize("name", ["keys", "revocations"])
    def test_one_that_fails_stops_no_other(
        self, done: list[str], monkeypatch: pytest.MonkeyPatch, name: str, error: Exception
    ) -> None:
        self.fail(monkeypatch, name, error)
        with all_logs() as keeper, pytest.raises(CommandError, match=rf"last round: {name}\.$"):
            call_command("maintain", stdout=StringIO())
        assert done == [one for one in ("keys", "revocations", "discovery") if one != name]
        [line] = [line for line in keeper.lines if "each round tries again" in line]
        assert f"{type(error).__name__}" in line
        assert "tests/test_maintain.py" in line  # where it was raised

    @pytest.mark.django_db
    def test_what_fails_in_each_round_is_logged_once(
        self, done: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """While a database is away for a night, a dozen lines a minute would bury the first."""
        causes = iter([OSError(5), OSError(5), KeyError("x"), None, OSError(5)])

        def now_and_then() -> int:
            if error := next(causes):
                raise error
            return 0

        class Ending:
            rounds = 0

            def is_set(self) -> bool:
                return False

            def wait(self, _: float) -> bool:
                self.rounds += 1
                return self.rounds == 5

        monkeypatch.setattr(maintain, "_end_of_process", lambda: nullcontext(Ending()))
        monkeypatch.setattr(maintain.Command, "_work", lambda _: {"keys": now_and_then})
        with all_logs() as keeper, pytest.raises(CommandError):
            call_command("maintain", "--every", "1", stdout=StringIO())
        words = "each round tries again: "
        told = [line.partition(words)[2] for line in keeper.lines if words in line]
        causes_told = [one.partition(" (")[0] for one in told]
        assert causes_told == ["OSError", "KeyError", "it works again", "OSError"]

    @pytest.mark.django_db
    def test_what_fails_is_told_where_administrators_look(
        self, endpoint: Endpoint, done: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        heartbeat.ran(timezone.now())
        assert heartbeat.problems(timezone.now()) == []
        self.fail(monkeypatch, "revocations", OperationalError("it was lost"))
        with pytest.raises(CommandError):
            call_command("maintain", stdout=StringIO())
        [sentence] = heartbeat.problems(timezone.now())
        assert "revocations failed in the last round: OperationalError" in sentence
        [finding] = own_side._periodic_work()
        assert finding.level == "advice"
        client = Client()
        client.force_login(User.objects.create_superuser("ann", password="x"))
        page = client.get(reverse("admin:keys_keyset_change", args=[KeySet.objects.get().pk]))
        assert "revocations failed in the last round" in page.content.decode()

    @pytest.mark.django_db
    def test_a_log_without_room_stops_none(self, monkeypatch: pytest.MonkeyPatch) -> None:
        done = []

        def batch(now: datetime) -> int:
            done.append(now)
            return 0

        monkeypatch.setattr(maintain, "PURGES", {"one": batch, "two": batch})

        class FullDisk(StringIO):
            def write(self, _: str) -> int:
                raise OSError(errno.ENOSPC, "No space left on device")

        with pytest.raises(CommandError, match="last round: report"):
            call_command("maintain", stdout=FullDisk())
        assert len(done) == 2

    @pytest.mark.django_db
    def test_silence_is_told(self) -> None:
        [finding] = own_side._periodic_work()
        assert finding.level == "ok"  # nothing to do yet
        key_creation.create_key_set("one", algs=["ES384"], now=timezone.now() - timedelta(hours=1))
        [finding] = own_side._periodic_work()
        assert finding.level == "advice"
        heartbeat.ran(timezone.now() - timedelta(minutes=11))
        [finding] = own_side._periodic_work()
        assert finding.level == "advice"
        assert "11 minutes ago" in finding.seen
        heartbeat.ran(timezone.now() - timedelta(minutes=2))
        [finding] = own_side._periodic_work()
        assert finding.level == "ok"

    @pytest.mark.django_db(transaction=True)
    def test_an_ehr_that_hangs_holds_up_no_keys(self, monkeypatch: pytest.MonkeyPatch) -> None:
        async def hangs() -> None:
            await asyncio.sleep(60)

        monkeypatch.setattr(discovery, "refresh_ahead", hangs)
        monkeypatch.setattr(maintain, "READING_DISCOVERY_SECONDS", 0.1)
        began = time.monotonic()
        with pytest.raises(CommandError, match=r"last round: discovery\.$"):
            call_command("maintain", stdout=StringIO())
        assert time.monotonic() - began < 5


@pytest.mark.postgres
def test_goes_on_after_a_restart_of_the_database(tmp_path: Path) -> None:
    """Each round has its own connections: a connection that the database had ended made all later
    rounds fail."""
    log = tmp_path / "log"

    def rounds() -> int:
        return log.read_text().count("still to do")

    def wait_for(count: int) -> None:
        deadline = time.monotonic() + 30
        while rounds() < count:
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)

    with migrated_postgres_database() as database_url:
        env = environment("http://127.0.0.1:8000", database_url)
        command = ("manage.py", "maintain", "--every", "0.2")
        with running(env, log, *command, ready=lambda: rounds() > 0) as pid:
            with psycopg.connect(database_url, autocommit=True) as server:
                for _ in range(5):
                    server.execute(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                    )
                    wait_for(rounds() + 2)
            began = time.monotonic()
            os.kill(pid, signal.SIGTERM)
        assert time.monotonic() - began < 10
    assert "Traceback" not in log.read_text()


def test_a_round_is_reported_when_it_is_over(tmp_path: Path) -> None:
    """Also to a journal, where Python keeps what is written until there is much of it."""
    env = environment("http://127.0.0.1:8000", f"sqlite:///{tmp_path / 'app.sqlite3'}")
    prepare(env)
    del env["PYTHONUNBUFFERED"]
    log, command = tmp_path / "log", ("manage.py", "maintain", "--every", "600")
    with running(env, log, *command, ready=lambda: "still to do" in log.read_text()):
        pass


def test_in_a_log_of_json_a_round_is_an_object_too(tmp_path: Path) -> None:
    env = environment("http://127.0.0.1:8000", f"sqlite:///{tmp_path / 'app.sqlite3'}")
    prepare(env)
    manage(env, "register_ehr", "http://127.0.0.1:9/fhir", "--name", "A", "--client-id", "a",
           "--scope", "launch")  # fmt: skip
    done = forking.run({**env, "LOG_FORMAT": "json"}, ("maintain",))
    lines = [json.loads(line) for line in (done.stdout + done.stderr).splitlines()]
    assert "still to do: 0." in lines[-1]["message"]


@pytest.mark.parametrize("every", ["0", "-1", "nan", "inf", "1e300"])
def test_a_pause_that_is_none_is_refused(db: None, every: str) -> None:
    with pytest.raises(CommandError, match="above 0"):
        call_command("maintain", "--every", every)
