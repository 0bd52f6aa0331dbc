import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils import timezone

from smartapp.audit.models import AuditEvent
from smartapp.keys import key_creation, lifecycle, waits
from smartapp.keys.models import KeySet, SigningKey
from tests.registrations.factories import make_registration

pytestmark = pytest.mark.django_db


@pytest.fixture
def epic() -> KeySet:
    """A key set that is old enough for every step."""
    long_ago = timezone.now() - timedelta(days=30)
    return key_creation.create_key_set("epic", algs=["ES384", "RS384"], now=long_ago)


def publish(key_set: KeySet, alg: str, *, hours_ago: float) -> str:
    at = timezone.now() - timedelta(hours=hours_ago)
    return key_creation.publish_next(key_set, alg, now=at, actor="test").kid


def start(key_set: KeySet, alg: str, *, hours_ago: float) -> str:
    at = timezone.now() - timedelta(hours=hours_ago)
    return lifecycle.start_signing(key_set, alg, now=at, actor="test").kid


def run(*arguments: str) -> str:
    out = StringIO()
    call_command(*arguments, stdout=out, stderr=out)
    return out.getvalue()


class TestRotateKeys:
    def test_publish_moves_every_line(self, epic: KeySet) -> None:
        output = run("rotate_keys", "epic", "--publish")
        assert output.count("is published; it signs nothing yet") == 2
        assert epic.signing_keys.count() == 4

    def test_a_wait_that_is_not_over_fails_and_says_when(self, epic: KeySet) -> None:
        """The command fails with exit code 1 and says when the step will be possible."""
        publish(epic, "ES384", hours_ago=1)
        waiting = epic.signing_keys.get(signs_from=None)
        when = waiting.published_at + waits.WHERE_UNKNOWN
        with pytest.raises(CommandError, match=f"{when:%Y-%m-%d %H:%M:%S} UTC") as refusal:
            run("rotate_keys", "epic", "--sign")
        assert refusal.value.returncode == 1
        assert "RS384" not in str(refusal.value)

    def test_sign_and_withdraw_when_the_waits_are_over(self, epic: KeySet) -> None:
        old = epic.signing_keys.get(alg="ES384").kid
        new = publish(epic, "ES384", hours_ago=31)
        assert run("rotate_keys", "epic", "--sign").startswith(f"epic: ES384 {new} signs")
        with pytest.raises(CommandError, match="may still be on their way"):
            run("rotate_keys", "epic", "--withdraw")
        epic.signing_keys.filter(kid=new).update(signs_from=timezone.now() - timedelta(hours=2))
        epic.signing_keys.filter(kid=old).update(signs_until=timezone.now() - timedelta(hours=2))
        assert run("rotate_keys", "epic", "--withdraw").startswith(f"epic: ES384 {old} is with")

    @pytest.mark.parametrize(
        ("step", "reason"),
        [("--sign", "is waiting to sign: publish one first"), ("--withdraw", "has retired, so")],
    )
    def test_nothing_to_do_fails(self, epic: KeySet, step: str, reason: str) -> None:
        with pytest.raises(CommandError, match=reason):
            run("rotate_keys", "epic", step)

    def test_auto_does_what_is_due_on_all_sets_and_is_quiet_otherwise(self, epic: KeySet) -> None:
        long_ago = timezone.now() - timedelta(days=30)
        other = key_creation.create_key_set("other", algs=["ES384"], now=long_ago)
        new = publish(epic, "ES384", hours_ago=31)
        publish(other, "ES384", hours_ago=40)
        start(other, "ES384", hours_ago=2)
        output = run("rotate_keys", "--auto")
        assert f"epic: ES384 {new} signs from now on" in output
        assert "is withdrawn and its private half destroyed" in output
        assert run("rotate_keys", "--auto") == ""
        assert AuditEvent.objects.filter(actor="rotate_keys --auto").count() == 2

    def test_a_manual_step_names_its_key_set(self, epic: KeySet) -> None:
        key_creation.create_key_set("other", algs=["ES384"], now=timezone.now())
        with pytest.raises(CommandError, match=r"Name the key set to move. Key sets: epic, other"):
            run("rotate_keys", "--publish")
        assert epic.signing_keys.count() == 2

    def test_an_unknown_key_set(self, epic: KeySet) -> None:
        with pytest.raises(CommandError, match=r"no key set 'cerner'. Key sets: epic."):
            run("rotate_keys", "cerner")

    def test_two_steps_at_once_are_refused(self, epic: KeySet) -> None:
        with pytest.raises(CommandError, match="not allowed with argument"):
            run("rotate_keys", "epic", "--publish", "--sign")

    def test_show_says_where_every_key_is_and_what_is_next(self, epic: KeySet) -> None:
        gone, _ = epic.signing_keys.order_by("alg")
        publish(epic, "ES384", hours_ago=40)
        start(epic, "ES384", hours_ago=2)
        lifecycle.withdraw(epic, "ES384", now=timezone.now(), actor="test")
        publish(epic, "ES384", hours_ago=0.25)
        output = run("rotate_keys")
        assert f"ES384  {gone.kid}  withdrawn  Withdrawn less than a minute ago; its" in output
        assert "signs      Has signed for 2 hours." in output
        assert "published  Published 15 minutes ago; has not signed anything yet." in output
        assert "Next for ES384: At 20" in output
        assert "in 1 day, 5 hours: the next key signs, and the present one retires." in output
        assert "Next for RS384: At 20" in output
        assert "the next key is published, and signs 30 hours later." in output

    def test_show_without_key_sets(self) -> None:
        assert run("rotate_keys") == "There are no key sets yet: register_ehr makes the first.\n"


class TestRisk:
    """Steps that may break launches require the names of the EHRs."""

    @pytest.fixture(autouse=True)
    def registered(self, epic: KeySet) -> None:
        make_registration("epic", name="Epic")

    @pytest.mark.parametrize("typed", ["", "epic"])
    def test_an_emergency_names_what_is_at_risk(self, epic: KeySet, typed: str) -> None:
        before = list(SigningKey.objects.values())
        with pytest.raises(CommandError, match=r"^To do this, type exactly .*: Epic\.") as refused:
            run("rotate_keys", "epic", "--emergency", "--at-risk", typed, "--reason", "a test")
        assert str(refused.value).count("Epic") == 1
        assert list(SigningKey.objects.values()) == before

    def test_an_emergency(self, epic: KeySet) -> None:
        output = run(
            "rotate_keys", "epic", "--emergency", "--at-risk", "Epic", "--reason", "a test"
        )
        assert output.count("every key before it is dropped as compromised.") == 2
        assert epic.signing_keys.filter(withdrawn_at=None).count() == 2

    def test_an_emergency_of_several_algorithms_names_the_ehrs_of_each_first(
        self, epic: KeySet
    ) -> None:
        make_registration("clinic", name="Clinic", key_set=epic, alg="ES384")
        for typed in ("Clinic", "Epic"):
            with pytest.raises(CommandError, match=r"^To do this, type exactly .*: Clinic, Epic\."):
                run("rotate_keys", "epic", "--emergency", "--at-risk", typed, "--reason", "a test")
        assert not epic.signing_keys.filter(compromised=True).exists()

        named = ("--at-risk", "Clinic, Epic", "--reason", "a test")
        output = run("rotate_keys", "epic", "--emergency", *named)
        assert "epic, ES384: Launches may fail at: Clinic." in output
        assert "epic, RS384: Launches may fail at: Epic." in output

    def test_one_algorithm_only_and_nobody_is_named_where_nobody_uses_it(
        self, epic: KeySet
    ) -> None:
        one = ("rotate_keys", "epic", "--emergency", "--alg", "ES384")
        with pytest.raises(CommandError, match="Say why"):
            run(*one)
        output = run(*one, "--reason", "a test")
        assert "epic, ES384: No EHR signs in with ES384 now." in output
        assert [key.alg for key in epic.signing_keys.filter(compromised=True)] == ["ES384"]
        with pytest.raises(CommandError, match="has no RS256 key; it has ES384, RS384"):
            run("rotate_keys", "epic", "--publish", "--alg", "RS256")

    def test_signing_before_its_time(self, epic: KeySet) -> None:
        new = publish(epic, "ES384", hours_ago=1)
        output = run("rotate_keys", "epic", "--sign", "--at-risk", "Epic", "--reason", "a test")
        assert f"ES384 {new} signs from now on" in output

    def test_rolling_back(self, epic: KeySet) -> None:
        old = epic.signing_keys.get(alg="ES384").kid
        publish(epic, "ES384", hours_ago=40)
        start(epic, "ES384", hours_ago=2)
        output = run("rotate_keys", "epic", "--roll-back")
        assert f"ES384 {old} signs again, and the key after it has retired." in output


class TestExportJwks:
    def test_standard_output_is_the_document(
        self, epic: KeySet, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """For vendors that import it; it contains no private member."""
        call_command("export_jwks", "epic")
        captured = capsys.readouterr()
        keys = json.loads(captured.out)["keys"]
        assert {key["kid"] for key in keys} == set(epic.signing_keys.values_list("kid", flat=True))
        assert all("d" not in key for key in keys)
        assert "must be given a new one" in captured.err

    def test_an_unknown_key_set(self) -> None:
        with pytest.raises(CommandError, match=r"Key sets: none yet"):
            run("export_jwks", "cerner")
