"""The hash chain, and the database's refusal to change it."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import DatabaseError, connection, transaction

from smartapp.audit import append_only, chain, trail
from smartapp.audit.models import AuditEvent, ChainEnd
from tests.processes import environment, manage, postgres_database

WRITER = """
from smartapp.audit import trail
for number in range(40):
    trail.record("writer", "test", "chain", number=number)
"""

OLD_EVENT = (
    "from django.db import connection as c\n"
    'c.cursor().execute("INSERT INTO audit_auditevent (at, actor, action, target, detail) '
    "VALUES (now(), 'alice', 'keys.add', 'key set epic', '{}')\")"
)


def three_events() -> list[AuditEvent]:
    for name in ("one", "two", "three"):
        trail.record("alice", "keys.publish", f"key set {name}", kid=name, hours=(30, 31))
    return list(AuditEvent.objects.order_by("id"))


@pytest.mark.django_db
class TestVerify:
    def test_an_empty_trail_is_whole(self) -> None:
        assert chain.verify() == chain.Verdict(0, chain.START)

    def test_each_event_follows_the_one_before(self) -> None:
        first, second, third = three_events()
        assert first.previous_digest == chain.START
        assert (second.previous_digest, third.previous_digest) == (first.digest, second.digest)
        assert chain.verify() == chain.Verdict(3, third.digest, checked=3)

    @pytest.mark.parametrize(
        "forged",
        [
            {"actor": "mallory"},
            {"origin": "192.0.2.1"},
            {"action": "keys.withdraw"},
            {"target": "other"},
            {"detail": {"kid": "other"}},
            {"at": "2026-01-01T00:00:00Z"},
        ],
    )
    def test_a_changed_event_is_named(self, forged: dict[str, object]) -> None:
        _, second, _ = three_events()
        AuditEvent.objects.filter(pk=second.pk).update(**forged)
        verdict = chain.verify()
        assert verdict.length == 1
        assert verdict.problem.startswith(f"The content of event {second.pk} (")

    @pytest.mark.parametrize(("newest", "checked"), [(1, 1), (2, 2), (3, 3), (9, 3)])
    def test_only_the_newest_can_be_walked(self, newest: int, checked: int) -> None:
        first, _, third = three_events()
        assert chain.verify(newest) == chain.Verdict(3, third.digest, checked=checked)
        AuditEvent.objects.filter(pk=first.pk).update(actor="mallory")
        assert bool(chain.verify(newest).problem) is (newest >= 3)

    def test_a_removed_newest_one_is_noticed_then_too(self) -> None:
        _, _, third = three_events()
        third.delete()
        assert "there were 3, 2 are left" in chain.verify(1).problem

    def test_a_removed_event_is_noticed_at_the_next_one(self) -> None:
        _, second, third = three_events()
        second.delete()
        assert f"Before event {third.pk} (" in chain.verify().problem

    def test_removed_newest_events_are_noticed(self) -> None:
        _, _, third = three_events()
        third.delete()
        assert "there were 3, 2 are left" in chain.verify().problem

    def test_removing_everything_is_noticed(self) -> None:
        three_events()
        AuditEvent.objects.all().delete()
        assert "there were 3, 0 are left" in chain.verify().problem

    def test_an_end_that_was_turned_back_with_the_events_is_noticed_at_the_next_one(self) -> None:
        """The end is only a row. If an attacker rewrites it too, the end noted elsewhere reveals
        it."""
        _, second, third = three_events()
        ChainEnd.objects.update(length=2, digest=second.digest)
        with pytest.raises(DatabaseError), transaction.atomic():
            trail.record("mallory", "test", "fork")
        third.delete()
        assert chain.verify().end != third.digest

    def test_two_events_cannot_follow_the_same_one(self) -> None:
        first, second, _ = three_events()
        second.pk = None
        with pytest.raises(DatabaseError), transaction.atomic():
            second.save(force_insert=True)
        assert first.digest == second.previous_digest


@pytest.mark.django_db
class TestGuard:
    @pytest.fixture(autouse=True)
    def guarded(self) -> Iterator[None]:
        """Install the triggers, as in every database outside of the tests."""
        append_only.install(connection)
        yield
        append_only.lift(connection)

    def test_an_event_is_neither_changed_nor_removed(self) -> None:
        first, *_ = three_events()
        for attempt in (
            AuditEvent.objects.filter(pk=first.pk).update,
            AuditEvent.objects.filter(pk=first.pk).delete,
        ):
            forged = {"actor": "mallory"} if attempt.__name__ == "update" else {}
            with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
                attempt(**forged)
        assert chain.verify().length == 3

    def test_events_are_still_appended(self) -> None:
        three_events()
        trail.record("bob", "keys.sign", "key set epic")
        assert not chain.verify().problem


@pytest.fixture(scope="module")
def postgres() -> Iterator[dict[str, str]]:
    with postgres_database() as url:
        env = environment("http://127.0.0.1:8000", url)
        manage(env, "migrate", "audit", "0001")
        manage(env, "shell", "-v0", "-c", OLD_EVENT)
        manage(env, "migrate", "--verbosity", "0")
        yield env


@pytest.mark.postgres
class TestOnPostgreSQL:
    def test_processes_at_once_make_one_chain(self, postgres: dict[str, str]) -> None:
        """An event from before the chain becomes its first link."""
        with ThreadPoolExecutor(3) as at_once:
            write = ("shell", "-v0", "-c", WRITER)
            writers = [at_once.submit(manage, postgres, *write) for _ in range(3)]
        assert [writer.result() for writer in writers] == ["", "", ""]
        assert "Whole: 121 events" in manage(postgres, "audit", "--verify")

    @pytest.mark.parametrize(
        "statement", ["UPDATE {} SET actor = 'm'", "DELETE FROM {}", "TRUNCATE {}"]
    )
    def test_the_database_refuses(self, postgres: dict[str, str], statement: str) -> None:
        code = (
            "from django.db import connection as c, DatabaseError\n"
            f"try: c.cursor().execute({statement.format(append_only.TABLE)!r})\n"
            "except DatabaseError as error: print(error)"
        )
        assert append_only.REFUSAL in manage(postgres, "shell", "-v0", "-c", code)


@pytest.mark.django_db
class TestCommandVerify:
    def test_a_whole_chain_says_how_it_ends(self, capsys: pytest.CaptureFixture[str]) -> None:
        *_, third = three_events()
        call_command("audit")
        assert f"Whole: 3 events. The chain ends with {third.digest}." in capsys.readouterr().out

    def test_a_broken_chain_fails_with_the_first_broken_event(self) -> None:
        _, second, _ = three_events()
        AuditEvent.objects.filter(pk=second.pk).update(actor="mallory")
        with pytest.raises(CommandError, match=f"event {second.pk} .*1 events before it are whole"):
            call_command("audit", "--verify")
