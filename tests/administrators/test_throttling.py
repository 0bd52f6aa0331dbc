"""Guessing of passwords is stopped, with a page that says until when; others can still sign in."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.test import Client
from django.utils import timezone

from smartapp.administrators import recording, throttling
from smartapp.administrators.models import SignInAttempt
from smartapp.audit.models import AuditEvent
from tests.administrators.conftest import PASSWORD

pytestmark = pytest.mark.django_db


def attempt(client: Client, password: str, username: str = "alice") -> Any:
    return client.post("/admin/login/", {"username": username, "password": password})


@pytest.fixture
def locked(client: Client, alice: User) -> Client:
    for _ in range(5):
        attempt(client, "wrong")
    return client


def test_the_fifth_wrong_password_locks_and_says_until_when(client: Client, alice: User) -> None:
    answers = [attempt(client, "wrong") for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200] * 4 + [429]
    until = timezone.now() + timedelta(minutes=15)
    assert 890 <= int(answers[-1]["Retry-After"]) <= 901
    html = " ".join(answers[-1].content.decode().split())
    moments = (until, until - timedelta(minutes=1))
    assert any(f"Try again at {moment:%H:%M} UTC, in 15 minutes." in html for moment in moments)


def test_then_the_right_one_does_not_help_either(locked: Client) -> None:
    assert attempt(locked, PASSWORD).status_code == 429
    assert locked.get("/admin/").status_code == 302


def test_another_name_does_not_get_around_it(locked: Client) -> None:
    assert attempt(locked, "wrong", "bob").status_code == 429


def test_trying_does_not_make_it_longer(locked: Client) -> None:
    AccessAttempt.objects.update(attempt_time=timezone.now() - timedelta(minutes=10))
    assert int(attempt(locked, PASSWORD)["Retry-After"]) <= 301
    assert int(attempt(locked, PASSWORD)["Retry-After"]) <= 301


def test_it_ends(locked: Client) -> None:
    AccessAttempt.objects.update(attempt_time=timezone.now() - timedelta(minutes=16))
    assert attempt(locked, PASSWORD).status_code == 302


def test_another_address_is_not_locked(locked: Client) -> None:
    assert attempt(Client(REMOTE_ADDR="192.0.2.7"), PASSWORD).status_code == 302


def test_the_addresses_of_one_ipv6_network_are_one(alice: User) -> None:
    """A subscriber has 2^64 addresses, one for each guess."""
    guessers = [Client(REMOTE_ADDR=f"2001:db8:0:1::{number:x}") for number in range(1, 6)]
    answers = [attempt(guesser, "wrong") for guesser in guessers]
    assert [answer.status_code for answer in answers] == [200] * 4 + [429]
    assert 890 <= int(answers[-1]["Retry-After"]) <= 901
    assert attempt(Client(REMOTE_ADDR="2001:db8:0:1:ffff::"), PASSWORD).status_code == 429
    assert attempt(Client(REMOTE_ADDR="2001:db8:0:2::1"), PASSWORD).status_code == 302
    call_command("axes_reset_ip", "2001:db8:0:1::3", verbosity=0)  # as in the audit trail
    assert attempt(guessers[0], PASSWORD).status_code == 302


def test_unlocking_what_is_no_address_is_told() -> None:
    with pytest.raises(CommandError, match="nonsense is not an IP address"):
        call_command("axes_reset_ip", "nonsense")


def test_an_ipv4_address_is_one_however_it_is_written(locked: Client) -> None:
    assert attempt(Client(REMOTE_ADDR="::ffff:127.0.0.1"), PASSWORD).status_code == 429


def test_who_comes_without_an_address_is_counted_too(alice: User) -> None:
    """Over a Unix socket, as from a proxy that does not name the client."""
    answers = [attempt(Client(REMOTE_ADDR=""), "wrong") for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200] * 4 + [429]


def test_an_invented_forwarded_header_does_not_get_around_it(locked: Client) -> None:
    """Only the server decides which proxy it trusts."""
    assert attempt(Client(HTTP_X_FORWARDED_FOR="192.0.2.7"), PASSWORD).status_code == 429


def test_whoever_runs_the_server_unlocks(locked: Client) -> None:
    call_command("axes_reset", verbosity=0)
    assert attempt(locked, PASSWORD).status_code == 302


def test_a_sign_in_forgives_earlier_mistakes(client: Client, alice: User) -> None:
    for _ in range(3):
        for _ in range(4):
            attempt(client, "wrong")
        assert attempt(client, PASSWORD).status_code == 302


def test_no_password_is_kept(locked: Client) -> None:
    attempt(locked, PASSWORD)
    assert "wrong" not in str(list(AccessAttempt.objects.values()))


def test_every_attempt_is_recorded_until_the_lock_and_the_lock_once(locked: Client) -> None:
    """A flood must not bury the rest of the trail."""
    for _ in range(3):
        attempt(locked, "wrong")
    actions = list(AuditEvent.objects.filter(actor="alice").values_list("action", flat=True))
    assert actions.count("sign-in.failed") == 5
    assert actions.count("sign-in.locked") == 1


class TestManyAtOnce:
    """If attempts were counted only afterwards, forty passwords sent at once would all be
    checked."""

    @pytest.mark.django_db(transaction=True)
    def test_no_more_are_judged_than_one_after_the_other(
        self, alice: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        judged: list[str] = []

        def slow(_self: object, _request: object, **credentials: str) -> None:
            judged.append(credentials["password"])
            time.sleep(0.5)

        monkeypatch.setattr("django.contrib.auth.backends.ModelBackend.authenticate", slow)
        # The same number in another process, which this one only sees in the database.
        now = timezone.now()
        for _ in range(3):
            SignInAttempt.objects.create(network="127.0.0.1", at=now)
        with ThreadPoolExecutor(8) as threads:
            statuses = list(threads.map(guess, range(8)))
        assert len(judged) <= 2
        assert statuses.count(429) >= 6

    def test_who_is_told_so_may_try_again_in_a_minute(self, client: Client, alice: User) -> None:
        now = timezone.now()
        for _ in range(5):
            SignInAttempt.objects.create(network="127.0.0.1", at=now)
        answer = attempt(client, PASSWORD)
        assert answer.status_code == 429
        assert int(answer["Retry-After"]) <= 61
        SignInAttempt.objects.update(at=now - timedelta(minutes=2))
        assert attempt(client, PASSWORD).status_code == 302

    def test_judged_ones_leave_nothing_behind(self, client: Client, alice: User) -> None:
        attempt(client, "wrong")
        attempt(client, PASSWORD)
        assert not SignInAttempt.objects.exists()

    def test_what_a_process_that_died_left_behind_is_purged(self, alice: User) -> None:
        now = timezone.now()
        SignInAttempt.objects.create(network="127.0.0.1", at=now - timedelta(minutes=2))
        kept = SignInAttempt.objects.create(network="127.0.0.1", at=now)
        AccessAttempt.objects.create(ip_address="192.0.2.1", failures_since_start=5)
        AccessAttempt.objects.update(attempt_time=now - timedelta(hours=1))
        assert throttling.purge_batch(now) == 2
        assert list(SignInAttempt.objects.all()) == [kept]
        assert not AccessAttempt.objects.exists()


def guess(number: int) -> int:
    try:
        status: int = attempt(Client(), f"wrong {number}").status_code
        return status
    finally:
        connection.close()


class TestWhatIsTyped:
    @pytest.mark.parametrize(
        "username", ["a" * 152, "a" * 256, "a" * 10_000, "x\0y", "\0", "hunter2", "é" * 200]
    )
    def test_is_kept_nowhere_and_fails_nowhere(
        self, client: Client, alice: User, username: str
    ) -> None:
        """People type passwords into the wrong field."""
        assert attempt(client, "wrong", username).status_code == 200
        kept = list(AccessAttempt.objects.all())
        assert {row.username for row in kept} <= {throttling.UNKNOWN}
        assert "hunter2" not in str([vars(row) for row in kept])
        events = AuditEvent.objects.filter(action="sign-in.failed")
        assert {event.actor for event in events} <= {throttling.UNKNOWN}

    @pytest.mark.parametrize(
        "address", ["unknown", "_hidden", "", "not an address", "fe80::1%eth0"]
    )
    def test_an_address_that_is_none_is_counted(self, alice: User, address: str) -> None:
        """RFC 7239 §6.2: a proxy may say `unknown`."""
        client = Client(REMOTE_ADDR=address)
        answers = [attempt(client, "wrong").status_code for _ in range(5)]
        assert answers == [200] * 4 + [429]


class TestTrail:
    def test_strangers_do_not_decide_how_long_it_is(
        self, alice: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(recording, "ANONYMOUS_EVENTS_A_DAY", 7)
        for number in range(1, 5):
            for _ in range(5):
                attempt(Client(REMOTE_ADDR=f"192.0.2.{number}"), "wrong")
        events = AuditEvent.objects.filter(action__startswith="sign-in.")
        assert events.count() == 7
        last = events.order_by("id").last()
        assert last is not None
        assert last.detail == {"further": "counted in the log only, for a day"}
        attempt(Client(REMOTE_ADDR="192.0.2.77"), PASSWORD)
        assert AuditEvent.objects.filter(action="sign-in", actor="alice").exists()
