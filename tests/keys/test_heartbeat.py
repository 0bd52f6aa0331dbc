"""Whether a key set needs an administrator, and whether the automatic steps happen."""

import socket
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from smartapp.keys import heartbeat, key_creation
from smartapp.keys.models import KeySet, MaintainedBy

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


def to_do(key_set: KeySet, *, is_warned: bool = False) -> str:
    return heartbeat.to_do(key_set, NOW, is_warned=is_warned)


def ran(machine: str, ago: timedelta, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: machine)
    heartbeat.ran(NOW - ago)


def test_what_happens_by_itself_needs_nobody_while_maintain_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    key_set = KeySet(slug="a")
    assert "See that `manage.py maintain` runs" in to_do(key_set)
    ran("web-1", timedelta(hours=2), monkeypatch)
    assert "See that `manage.py maintain` runs" in to_do(key_set)
    ran("web-1", timedelta(minutes=2), monkeypatch)
    assert to_do(key_set) == "You need not do anything: what comes next happens by itself."


def test_what_only_a_person_can_begin_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    ran("web-1", timedelta(), monkeypatch)
    for key_set in (KeySet(imported_by_vendor=True), KeySet(rotate_after_days=None)):
        assert "when somebody publishes the next key" in to_do(key_set)
    assert "something to do" in to_do(KeySet(slug="a"), is_warned=True)


def test_each_machine_is_named_with_its_last_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that has stopped is noticed while another runs; one that is gone is forgotten."""
    assert heartbeat.last_runs(NOW) == "manage.py maintain has not run in the last 7 days."
    ran("old", timedelta(days=8), monkeypatch)
    ran("web-2", timedelta(hours=5), monkeypatch)
    ran("web-1", timedelta(minutes=3), monkeypatch)
    ran("web-1", timedelta(minutes=2), monkeypatch)
    assert heartbeat.last_runs(NOW) == (
        "manage.py maintain ran last on web-1 2 minutes ago, on web-2 5 hours ago."
    )
    ran("web-1", timedelta(), monkeypatch)
    assert not MaintainedBy.objects.filter(machine="old").exists()


def test_a_round_of_maintain_is_what_the_page_of_a_key_set_tells() -> None:
    key_set = key_creation.create_key_set("a", algs=["ES384"], now=timezone.now())
    client = Client()
    client.force_login(User.objects.create_superuser("ann", password="x"))
    url = reverse("admin:keys_keyset_change", args=[key_set.pk])
    assert "has not run" in client.get(url).content.decode()
    call_command("maintain", stdout=StringIO())
    page = client.get(url).content.decode()
    assert "<strong>You need not do anything: what comes next happens by itself.</strong>" in page
    assert f"ran last on {socket.gethostname()} less than a minute ago." in page
