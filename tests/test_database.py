"""The threads for database work close a connection that later work could not use."""

from types import SimpleNamespace

import psycopg
import pytest
from django.db import connection, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils import timezone

from smartapp import database
from smartapp.administrators.models import SignInAttempt
from smartapp.audit.models import AuditEvent
from smartapp.database import close_thread_connections, in_database
from tests.processes import TEST_DATABASE_URL


def begin_without_django() -> None:
    connection.ensure_connection()
    connection.connection.execute("BEGIN")


def count_in_transaction() -> int:
    with transaction.atomic():
        return AuditEvent.objects.count()


@pytest.mark.django_db(transaction=True)
async def test_work_goes_on_after_a_transaction_that_nobody_ended() -> None:
    try:
        for _ in range(database.THREADS):
            await in_database(begin_without_django)
            assert await in_database(count_in_transaction) >= 0
    finally:
        close_thread_connections()


def refuse(*_: object) -> None:
    raise RuntimeError("Database access not allowed")


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_is_refused_half_way_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    connection.close()
    with monkeypatch.context() as between_tests:
        between_tests.setattr(BaseDatabaseWrapper, "set_autocommit", refuse)
        with pytest.raises(RuntimeError):
            connection.ensure_connection()
    SignInAttempt.objects.create(network="192.0.2.1", at=timezone.now())
    connection.close()
    assert SignInAttempt.objects.count() == 1


@pytest.mark.postgres
def test_a_left_transaction_is_seen_on_postgresql(monkeypatch: pytest.MonkeyPatch) -> None:
    with psycopg.connect(TEST_DATABASE_URL, autocommit=True) as raw:
        django = SimpleNamespace(vendor="postgresql", in_atomic_block=False, connection=raw)
        monkeypatch.setattr(database, "connection", django)
        assert not database._is_in_left_transaction()
        raw.execute("BEGIN")
        assert database._is_in_left_transaction()
        django.in_atomic_block = True
        assert not database._is_in_left_transaction()
        raw.execute("ROLLBACK")


@pytest.mark.postgres
def test_a_connection_that_the_server_ended_is_noticed_before_it_is_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After a restart of PostgreSQL nobody may see a failure who came when it was back."""
    with (
        psycopg.connect(TEST_DATABASE_URL, autocommit=True) as other,
        psycopg.connect(TEST_DATABASE_URL, autocommit=True) as raw,
    ):
        monkeypatch.setattr(
            database, "connection", SimpleNamespace(vendor="postgresql", connection=raw)
        )
        raw.execute("SELECT 1")
        assert not database._server_has_spoken()
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [raw.info.backend_pid])
        assert database._server_has_spoken()
        raw.close()
        assert database._server_has_spoken()


@pytest.mark.parametrize("is_usable", [True, False])
def test_a_connection_on_which_the_server_spoke_is_tried(
    monkeypatch: pytest.MonkeyPatch, is_usable: bool
) -> None:
    closed: list[bool] = []
    raw = SimpleNamespace(info=SimpleNamespace(transaction_status=SimpleNamespace(name="IDLE")))
    django = SimpleNamespace(
        vendor="postgresql", in_atomic_block=False, errors_occurred=False, connection=raw,
        is_usable=lambda: is_usable, close=lambda: closed.append(True),
    )  # fmt: skip
    monkeypatch.setattr(database, "connection", django)
    monkeypatch.setattr(database, "_is_usable", django.is_usable)
    monkeypatch.setattr(database, "_server_has_spoken", lambda: True)
    database._drop_dead_connection()
    assert bool(closed) is not is_usable
