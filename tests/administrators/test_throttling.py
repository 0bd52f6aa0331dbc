"""Guessing passwords ends, with a page that says until when; nobody else is kept out."""

from datetime import timedelta
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

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
    """Whoever has one address there has 2^64, one for each guess."""
    guessers = [Client(REMOTE_ADDR=f"2001:db8:0:1::{number:x}") for number in range(1, 6)]
    answers = [attempt(guesser, "wrong") for guesser in guessers]
    assert [answer.status_code for answer in answers] == [200] * 4 + [429]
    assert 890 <= int(answers[-1]["Retry-After"]) <= 901
    assert attempt(Client(REMOTE_ADDR="2001:db8:0:1:ffff::"), PASSWORD).status_code == 429
    assert attempt(Client(REMOTE_ADDR="2001:db8:0:2::1"), PASSWORD).status_code == 302
    call_command("axes_reset_ip", "2001:db8:0:1::", verbosity=0)
    assert attempt(guessers[0], PASSWORD).status_code == 302


def test_an_ipv4_address_is_one_however_it_is_written(locked: Client) -> None:
    assert attempt(Client(REMOTE_ADDR="::ffff:127.0.0.1"), PASSWORD).status_code == 429


def test_who_comes_without_an_address_is_counted_too(alice: User) -> None:
    """Over a Unix socket, as from a proxy that does not say for whom."""
    answers = [attempt(Client(REMOTE_ADDR=""), "wrong") for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200] * 4 + [429]


def test_an_invented_forwarded_header_does_not_get_around_it(locked: Client) -> None:
    """Only the server decides which proxy it believes."""
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
    """A flood does not bury the rest of the trail."""
    for _ in range(3):
        attempt(locked, "wrong")
    actions = list(AuditEvent.objects.filter(actor="alice").values_list("action", flat=True))
    assert actions.count("sign-in.failed") == 5
    assert actions.count("sign-in.locked") == 1
