"""What ends after a restore, and what the operator is told (RFC 9700 §4.14.2)."""

from datetime import timedelta
from io import StringIO
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client
from django.utils import timezone

from smartapp import vault
from smartapp.administrators import invitations
from smartapp.administrators.models import RecoveryCode, SecondFactor
from smartapp.audit.models import AuditEvent
from smartapp.keys import key_creation
from smartapp.keys.models import KeySet, SigningKey
from smartapp.launches.models import EndReason, Launch, LaunchKind, Revocation, tokens_context
from tests.registrations.factories import make_endpoint, make_registration

pytestmark = pytest.mark.django_db
NOW = timezone.now()


def after_restore(*arguments: str) -> str:
    out = StringIO()
    call_command("after_restore", *arguments, stdout=out)
    return out.getvalue()


def kids(*, alg: str) -> set[str]:
    rows = SigningKey.objects.filter(withdrawn_at=None, alg=alg)
    return set(rows.values_list("kid", flat=True))


@pytest.fixture
def key_set() -> KeySet:
    return key_creation.create_key_set("one", algs=["ES384", "RS384"], now=NOW - timedelta(days=9))


def test_every_open_launch_ends_and_no_ehr_is_told(key_set: KeySet) -> None:
    endpoint = make_endpoint(registration=make_registration(key_set=key_set))
    session = Session.objects.create(
        session_key="s", session_data="", expire_date=NOW + timedelta(hours=1)
    )
    row = {"endpoint": endpoint, "kind": LaunchKind.EHR, "launched_at": NOW}
    is_open = Launch.objects.create(state_digest="open", session=session, **row)
    is_open.sealed_tokens = vault.seal(b"tokens", tokens_context(is_open.uuid))
    is_open.save()
    Launch.objects.create(state_digest="in its callback", **row)
    ended = Launch.objects.create(
        state_digest="over", ended_at=NOW, end_reason=EndReason.DISCONNECTED, **row
    )
    assert "Ended 2 launches" in after_restore()
    for launch in Launch.objects.exclude(pk=ended.pk):
        assert (launch.end_reason, launch.sealed_tokens) == (EndReason.RESTORED, "")
    assert Session.objects.filter(pk="s").exists()  # its page explains why the launch ended
    assert not Revocation.objects.exists()
    ended.refresh_from_db()
    assert ended.end_reason == EndReason.DISCONNECTED


def test_administrators_sign_in_again_and_make_new_recovery_codes() -> None:
    ann = User.objects.create_superuser("ann", password="x")
    factor = SecondFactor.fresh(ann)
    factor.save()
    factor.new_recovery_codes()
    client = Client()
    client.force_login(ann)
    assert "voided 10 recovery codes" in after_restore()
    assert client.get("/admin/").status_code == 302
    assert not RecoveryCode.objects.exists()
    assert SecondFactor.objects.get() == factor


def test_links_with_which_administrators_choose_a_password_end() -> None:
    """One that was used after the backup would work again."""
    ann = User.objects.create_superuser("ann")
    path = urlsplit(invitations.invite(ann)).path
    assert Client().get(path).status_code == 302  # to the form
    after_restore()
    assert "does not work any more" in Client().get(path).content.decode()
    assert Client().get(urlsplit(invitations.invite(ann)).path).status_code == 302


class TestKeys:
    def test_are_all_replaced_where_nobody_says(self, key_set: KeySet) -> None:
        before = kids(alg="ES384") | kids(alg="RS384")
        assert "all others are dropped" in after_restore()
        now = kids(alg="ES384") | kids(alg="RS384")
        assert len(now) == 2
        assert not now & before
        assert not SigningKey.objects.filter(kid__in=before).exclude(sealed_private_key="").exists()

    def test_that_are_named_go_with_their_line(self, key_set: KeySet) -> None:
        es, rs = kids(alg="ES384"), kids(alg="RS384")
        said = after_restore(*(f"--withdrawn={kid}" for kid in es))
        assert "No key that is published here" not in said
        assert not kids(alg="ES384") & es
        assert kids(alg="RS384") == rs

    def test_that_never_signed_are_named(self, key_set: KeySet) -> None:
        waiting = key_creation.publish_next(key_set, "ES384", now=NOW, actor="ann")
        after_restore(f"--withdrawn={waiting.kid}")
        assert waiting.kid not in kids(alg="ES384")

    def test_that_no_key_here_is_called_are_told(self, key_set: KeySet) -> None:
        """A name with a slip of the pen must not leave a compromised key in use without a word."""
        before = kids(alg="ES384")
        [kid] = before
        said = after_restore(f"--withdrawn={kid}x")
        assert f"No key that is published here is called {kid}x" in said
        assert kids(alg="ES384") == before

    def test_may_have_a_name_that_begins_with_a_hyphen(self, key_set: KeySet) -> None:
        """One in 64 thumbprints does (RFC 7638, in base64url)."""
        SigningKey.objects.filter(alg="ES384").update(kid="-kid")
        after_restore("--withdrawn=-kid")
        assert "-kid" not in kids(alg="ES384")

    def test_stay_where_none_was_withdrawn(self, key_set: KeySet) -> None:
        before = kids(alg="ES384")
        assert "No signing key was replaced." in after_restore("--keep-keys")
        assert kids(alg="ES384") == before

    def test_are_either_kept_or_named(self) -> None:
        with pytest.raises(CommandError, match="not allowed with"):
            after_restore("--keep-keys", "--withdrawn", "x")


def test_is_in_the_audit_trail_whose_end_is_told(key_set: KeySet) -> None:
    said = after_restore()
    event = AuditEvent.objects.order_by("id").last()
    assert event is not None
    assert event.action == "after-restore"
    assert event.digest in said
