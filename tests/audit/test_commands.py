"""Every command that changes or exports something is in the audit trail."""

import errno
import getpass
import os
from collections.abc import Iterable, Iterator
from io import StringIO
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client
from django.utils import timezone

from smartapp.administrators.models import SignInAttempt
from smartapp.audit import export, origin
from smartapp.audit.models import AuditEvent
from smartapp.keys import key_creation

pytestmark = pytest.mark.django_db


def last() -> AuditEvent:
    event = AuditEvent.objects.order_by("id").last()
    assert event is not None
    return event


def test_commands_name_who_ran_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SUDO_USER", raising=False)
    assert f" by {getpass.getuser()} on " in origin.here()
    monkeypatch.setenv("SUDO_USER", "alice")
    assert " by alice on " in origin.here()


@pytest.mark.parametrize(
    ("arguments", "action"),
    [
        (["reseal"], "reseal"),
        (["export_jwks", "one"], "keys.export"),
        (["axes_reset"], "sign-in.unlocked"),
        (["axes_reset_ip", "192.0.2.1"], "sign-in.unlocked"),
    ],
)
def test_commands_are_recorded(arguments: list[str], action: str) -> None:
    key_creation.create_key_set("one", algs=["ES384"], now=timezone.now())
    call_command(*arguments, stdout=StringIO(), stderr=StringIO())
    assert last().action == action


def test_exports_of_the_trail_are_recorded(tmp_path: Path) -> None:
    call_command("audit", "--csv", str(tmp_path / "a.csv"), stdout=StringIO())
    assert (last().action, last().detail) == ("audit.export", {"to": str(tmp_path / "a.csv")})
    client = Client()
    client.force_login(User.objects.create_superuser("ann", password="x"))
    assert client.get("/admin/audit/auditevent/export.csv").status_code == 200
    assert (last().action, last().actor) == ("audit.export", "ann")


def test_an_export_that_fails_half_way_leaves_the_one_of_yesterday(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(events: Iterable[AuditEvent]) -> Iterator[str]:
        yield "a line"
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    file = tmp_path / "a.csv"
    file.write_text("yesterday")
    with monkeypatch.context() as disk:
        disk.setattr(export, "csv_lines", full)
        with pytest.raises(CommandError, match="No space left"):
            call_command("audit", "--csv", str(file))
    assert file.read_text() == "yesterday"
    assert list(tmp_path.iterdir()) == [file]
    call_command("audit", "--csv", str(file), stdout=StringIO())
    assert file.read_text().startswith("id,")
    assert list(tmp_path.iterdir()) == [file]


def test_an_export_may_go_to_a_device() -> None:
    call_command("audit", "--csv", os.devnull, stdout=StringIO())
    assert not Path(os.devnull).is_file()


def test_unlocking_lets_what_is_being_judged_begin_anew() -> None:
    SignInAttempt.objects.create(network="192.0.2.1", at=timezone.now())
    call_command("axes_reset", stdout=StringIO())
    assert not SignInAttempt.objects.exists()
