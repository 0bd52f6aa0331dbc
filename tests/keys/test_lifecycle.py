from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError
from hypothesis import given
from hypothesis import strategies as st

from smartapp import vault
from smartapp.audit.models import AuditEvent
from smartapp.keys import automation, emergency, key_creation, lifecycle, material, waits
from smartapp.keys.models import JWKSFetch, KeySet, KeyState, SigningKey
from smartapp.keys.refusals import NothingToDo, StepRefused, confirmation
from smartapp.keys.rotation import RotationStep
from smartapp.protocol import jwks
from tests.keys.timeline import assert_timeline_holds

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SIGNS = NOW + waits.WHERE_UNKNOWN
OVER = SIGNS + waits.BEFORE_WITHDRAWAL
INSTANT = timedelta(microseconds=1)


@pytest.fixture
def epic() -> KeySet:
    return key_creation.create_key_set("epic", algs=["ES384"], now=NOW)


def take(step: RotationStep, key_set: KeySet, now: datetime, alg: str = "ES384") -> SigningKey:
    return lifecycle.TAKE[step](key_set, alg, now=now, actor="test")


def states(key_set: KeySet, now: datetime) -> list[str]:
    return [key.state(now) for key in key_set.signing_keys.order_by("id")]


class TestCreateKeySet:
    def test_new_keys_are_published_and_sign_at_once(self) -> None:
        """No EHR can hold an older copy. RS384 and ES384 (C64)."""
        key_set = key_creation.create_key_set("epic", now=NOW)
        keys = list(key_set.signing_keys.order_by("alg"))
        assert [key.alg for key in keys] == ["ES384", "RS384"]
        assert [key.state(NOW) for key in keys] == [KeyState.SIGNS, KeyState.SIGNS]

    def test_again_changes_nothing(self, epic: KeySet) -> None:
        before = list(SigningKey.objects.values())
        later = NOW + timedelta(days=1)
        assert key_creation.create_key_set("epic", algs=["ES384"], now=later) == epic
        assert list(SigningKey.objects.values()) == before

    def test_a_line_that_is_missing_is_added_and_signs_at_once(self, epic: KeySet) -> None:
        """athenahealth's example is RS256, so a line can be added. No EHR holds a copy without
        it."""
        later = NOW + timedelta(days=1)
        key_creation.create_key_set("epic", algs=["ES384", "RS256"], now=later)
        [added] = epic.signing_keys.filter(alg="RS256")
        assert (added.published_at, added.signs_from) == (later, later)
        assert epic.signing_keys.count() == 2

    def test_once_somebody_has_fetched_the_set_an_added_line_waits_too(self, epic: KeySet) -> None:
        """From then on an EHR may hold a copy without it."""
        JWKSFetch.objects.create(
            key_set=epic, etag="x", kids=[], first_at=NOW, last_at=NOW, count=1
        )
        later = NOW + timedelta(days=1)
        for _ in range(2):
            key_creation.create_key_set("epic", algs=["ES384", "RS256"], now=later)
        [added] = epic.signing_keys.filter(alg="RS256")
        assert (added.published_at, added.signs_from) == (later, None)
        with pytest.raises(NothingToDo, match="no RS256 key to replace"):
            emergency.replace_at_once(
                epic, "RS256", now=later, actor="test", typed=confirmation(epic), reason="lost"
            )
        due = later + waits.WHERE_UNKNOWN
        assert automation.auto([epic], now=due - timedelta(seconds=1), actor="test") == []
        assert automation.auto([epic], now=due, actor="test") == [(epic, RotationStep.SIGN, added)]
        added.refresh_from_db()
        assert (added.signs_from, added.signs_until) == (due, None)

    @pytest.mark.parametrize("slug", ["", "a b", "a/b", "é", "../x"])
    def test_a_slug_that_cannot_be_in_a_url_is_refused(self, slug: str) -> None:
        with pytest.raises(ValidationError):
            key_creation.create_key_set(slug, now=NOW)
        assert not KeySet.objects.exists()

    def test_an_algorithm_that_is_not_ours_is_refused(self) -> None:
        """C64: never HS*, never none."""
        for alg in ("HS256", "none", "ES256"):
            with pytest.raises(ValueError, match=alg):
                key_creation.create_key_set("epic", algs=[alg], now=NOW)
        assert not SigningKey.objects.exists()

    def test_the_kid_is_the_rfc_7638_thumbprint(self, epic: KeySet) -> None:
        key = epic.signing_keys.get()
        assert key.kid == key.public_jwk["kid"] == jwks.thumbprint(key.public_jwk)

    def test_two_machines_make_one_key(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Another machine registers the same EHR while we generate the key."""

        def meanwhile(alg: str) -> material.NewKey:
            monkeypatch.setattr(material, "generate", generate)
            key_creation.create_key_set("epic", algs=["ES384"], now=NOW)
            return generate(alg)

        generate = material.generate
        monkeypatch.setattr(material, "generate", meanwhile)
        key_set = key_creation.create_key_set("epic", algs=["ES384"], now=NOW)
        assert key_set.signing_keys.count() == 1


class TestPrivateHalf:
    @pytest.mark.parametrize("alg", ["RS384", "ES384", "RS256"])
    def test_is_sealed_for_its_row(self, alg: str) -> None:
        """T21: it can be unsealed for its own row only."""
        key_set = key_creation.create_key_set("epic", algs=[alg], now=NOW)
        key = key_set.signing_keys.get()
        assert material.open_private_key(key).kid is None
        key.kid = "another-row"
        with pytest.raises(vault.VaultError):
            material.open_private_key(key)

    def test_is_in_no_repr_and_no_str(self, epic: KeySet) -> None:
        """T23."""
        new = material.generate("ES384")
        assert "pkcs8" not in repr(new)
        key = epic.signing_keys.get()
        assert key.sealed_private_key not in str(key) + repr(key)

    def test_key_sizes(self) -> None:
        """RSA of at least 2048 bits, P-384 for ES384 (RFC 7518 §3.3)."""
        assert material.generate("ES384").public_jwk["crv"] == "P-384"
        for alg in ("RS384", "RS256"):
            row = material.sealed_row(material.generate(alg))
            assert material.open_private_key(row).private_key.key_size >= 2048  # type: ignore[union-attr]


class TestPublishNext:
    def test_published_and_not_signing(self, epic: KeySet) -> None:
        """Publish, wait, sign, wait, withdraw."""
        key = take(RotationStep.PUBLISH, epic, NOW)
        assert key.state(NOW + timedelta(days=365)) == KeyState.PUBLISHED
        assert states(epic, NOW) == ["signs", "published"]

    def test_one_rotation_per_line(self, epic: KeySet) -> None:
        """The second is refused until the first has signed and the old key is withdrawn."""
        take(RotationStep.PUBLISH, epic, NOW)
        with pytest.raises(StepRefused, match=r"published already.*2026-03-02 18:00:00 UTC"):
            take(RotationStep.PUBLISH, epic, SIGNS)
        take(RotationStep.SIGN, epic, SIGNS)
        with pytest.raises(StepRefused, match=r"has to be withdrawn first.*2026-03-02 19:00:00"):
            take(RotationStep.PUBLISH, epic, OVER)
        take(RotationStep.WITHDRAW, epic, OVER)
        take(RotationStep.PUBLISH, epic, OVER)

    def test_a_sixth_key_is_refused(self) -> None:
        """T22: athenahealth recommends one to five."""
        algs = ["ES384", "RS384", "RS256"]
        key_set = key_creation.create_key_set("epic", algs=algs, now=NOW)
        take(RotationStep.PUBLISH, key_set, NOW, "ES384")
        take(RotationStep.PUBLISH, key_set, NOW, "RS384")
        with pytest.raises(StepRefused, match="has 5 published keys, and more are refused"):
            take(RotationStep.PUBLISH, key_set, NOW, "RS256")
        assert key_set.signing_keys.count() == 5

    def test_a_place_is_free_again_after_withdrawal(self) -> None:
        algs = ["ES384", "RS384", "RS256"]
        key_set = key_creation.create_key_set("epic", algs=algs, now=NOW)
        take(RotationStep.PUBLISH, key_set, NOW, "ES384")
        take(RotationStep.PUBLISH, key_set, NOW, "RS384")
        take(RotationStep.SIGN, key_set, SIGNS, "ES384")
        take(RotationStep.WITHDRAW, key_set, OVER, "ES384")
        take(RotationStep.PUBLISH, key_set, OVER, "RS256")

    def test_a_line_that_does_not_exist_is_refused(self, epic: KeySet) -> None:
        with pytest.raises(StepRefused, match="has no RS256 key to rotate"):
            take(RotationStep.PUBLISH, epic, NOW, "RS256")

    def test_a_clock_set_back_is_refused(self, epic: KeySet) -> None:
        with pytest.raises(StepRefused, match="clock of this machine is behind") as refusal:
            take(RotationStep.PUBLISH, epic, NOW - INSTANT)
        assert refusal.value.when == NOW

    def test_two_machines_publish_one_key(
        self, epic: KeySet, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Another machine publishes while we generate a key: ours is thrown away."""

        def meanwhile(alg: str) -> material.NewKey:
            monkeypatch.setattr(material, "generate", generate)
            take(RotationStep.PUBLISH, epic, NOW)
            return generate(alg)

        generate = material.generate
        monkeypatch.setattr(material, "generate", meanwhile)
        with pytest.raises(StepRefused, match="published already"):
            take(RotationStep.PUBLISH, epic, NOW)
        assert states(epic, NOW) == ["signs", "published"]


class TestStartSigning:
    def test_refused_until_no_ehr_can_hold_an_old_copy(self, epic: KeySet) -> None:
        """T22: Epic keeps a JWKS for up to 29 hours."""
        take(RotationStep.PUBLISH, epic, NOW)
        with pytest.raises(StepRefused, match=r"possible from 2026-03-02 18:00:00 UTC") as refusal:
            take(RotationStep.SIGN, epic, SIGNS - INSTANT)
        assert refusal.value.when == SIGNS > NOW + timedelta(hours=29)
        assert states(epic, SIGNS) == ["signs", "published"]

    def test_the_old_key_retires_in_the_same_moment(self, epic: KeySet) -> None:
        """There is always exactly one signer."""
        take(RotationStep.PUBLISH, epic, NOW)
        take(RotationStep.SIGN, epic, SIGNS)
        assert states(epic, SIGNS) == ["retires", "signs"]
        assert states(epic, SIGNS - INSTANT) == ["signs", "published"]

    def test_nothing_to_start(self, epic: KeySet) -> None:
        with pytest.raises(StepRefused, match="publish one first"):
            take(RotationStep.SIGN, epic, SIGNS)

    def test_a_clock_set_back_after_publishing_is_refused(self, epic: KeySet) -> None:
        take(RotationStep.PUBLISH, epic, NOW)
        with pytest.raises(StepRefused, match="behind"):
            take(RotationStep.SIGN, epic, NOW - timedelta(days=2))

    def test_a_failure_in_the_middle_changes_nothing(
        self, epic: KeySet, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The process dies after the old key retired and before the new one signs."""
        take(RotationStep.PUBLISH, epic, NOW)

        def killed(*args: Any, **kwargs: Any) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(lifecycle.trail, "record", killed)  # type: ignore[attr-defined]
        with pytest.raises(KeyboardInterrupt):
            take(RotationStep.SIGN, epic, SIGNS)
        assert states(epic, SIGNS) == ["signs", "published"]


class TestWithdraw:
    @pytest.fixture(autouse=True)
    def rotated(self, epic: KeySet) -> None:
        take(RotationStep.PUBLISH, epic, NOW)
        take(RotationStep.SIGN, epic, SIGNS)

    def test_refused_while_an_assertion_may_be_on_its_way(self, epic: KeySet) -> None:
        """An hour after the last signature."""
        with pytest.raises(StepRefused, match=r"on their way.*2026-03-02 19:00:00 UTC"):
            take(RotationStep.WITHDRAW, epic, OVER - INSTANT)
        assert states(epic, OVER) == ["retires", "signs"]

    def test_destroys_the_private_half(self, epic: KeySet) -> None:
        """In the same UPDATE. The row stays, so that its kid is never used again."""
        old = take(RotationStep.WITHDRAW, epic, OVER)
        old.refresh_from_db()
        assert (old.withdrawn_at, old.sealed_private_key, old.slot) == (OVER, "", None)
        assert states(epic, OVER) == ["withdrawn", "signs"]

    def test_the_only_signer_stays(self, epic: KeySet) -> None:
        take(RotationStep.WITHDRAW, epic, OVER)
        with pytest.raises(StepRefused, match="none can be withdrawn"):
            take(RotationStep.WITHDRAW, epic, OVER + timedelta(days=99))

    def test_a_key_in_use_is_not_withdrawn_whatever_the_caller_believes(self, epic: KeySet) -> None:
        """The UPDATE itself contains the condition."""
        signer = epic.signing_keys.get(signs_until=None)
        with pytest.raises(StepRefused, match="is in use"):
            lifecycle._withdraw(signer, now=OVER, retired_before=SIGNS)

    def test_rows_cannot_be_deleted_with_their_set(self, epic: KeySet) -> None:
        with pytest.raises(ProtectedError):
            epic.delete()


class TestAbandon:
    def test_a_key_that_never_signed_goes_at_once(self, epic: KeySet) -> None:
        take(RotationStep.PUBLISH, epic, NOW)
        gone = take(RotationStep.ABANDON, epic, NOW)
        gone.refresh_from_db()
        assert (gone.withdrawn_at, gone.sealed_private_key) == (NOW, "")
        take(RotationStep.PUBLISH, epic, NOW)

    def test_a_signer_cannot_be_abandoned(self, epic: KeySet) -> None:
        with pytest.raises(StepRefused, match="No ES384 key of epic is waiting"):
            take(RotationStep.ABANDON, epic, NOW)


class TestAuditTrail:
    def test_every_step_leaves_an_event(self, epic: KeySet) -> None:
        """Who, when and which kid."""
        old = epic.signing_keys.get()
        new = take(RotationStep.PUBLISH, epic, NOW)
        take(RotationStep.SIGN, epic, SIGNS)
        take(RotationStep.WITHDRAW, epic, OVER)
        events = [
            (event.actor, event.action, event.target, event.detail)
            for event in AuditEvent.objects.order_by("id")
        ]
        es384 = {"alg": "ES384"}
        assert events == [
            ("system", "keys.add", "key set epic", es384 | {"kid": old.kid}),
            ("test", "keys.publish", "key set epic", es384 | {"kid": new.kid}),
            ("test", "keys.sign", "key set epic", es384 | {"kid": new.kid, "retired_kid": old.kid}),
            ("test", "keys.withdraw", "key set epic", es384 | {"kid": old.kid}),
        ]


class TestConstraints:
    """In the database, so that no code path and no console can bypass them."""

    @pytest.fixture
    def signer(self, epic: KeySet) -> SigningKey:
        return epic.signing_keys.get()

    @pytest.fixture
    def waiting(self, epic: KeySet, signer: SigningKey) -> SigningKey:
        return take(RotationStep.PUBLISH, epic, NOW)

    @pytest.fixture(autouse=True)
    def nothing_stays(self) -> Iterator[None]:
        with transaction.atomic():
            yield
            transaction.set_rollback(True)

    def test_a_compromised_key_that_is_published(self, signer: SigningKey) -> None:
        self.refused(signer, "compromised_key_is_withdrawn", compromised=True)

    def test_an_age_limit_that_leaves_no_time_to_rotate(self, epic: KeySet) -> None:
        with pytest.raises(IntegrityError, match="rotation_has_time"), transaction.atomic():
            KeySet.objects.update(rotate_after_days=1)

    def refused(self, key: SigningKey, name: str, **columns: Any) -> None:
        with pytest.raises(IntegrityError, match=name), transaction.atomic():
            SigningKey.objects.filter(pk=key.pk).update(**columns)

    def test_a_second_signer(self, waiting: SigningKey) -> None:
        self.refused(waiting, "one_signer|key_set_id", signs_from=NOW)

    def test_a_sixth_slot(self, waiting: SigningKey) -> None:
        self.refused(waiting, "published_key_has_a_place", slot=6)

    def test_a_slot_that_is_taken(self, signer: SigningKey, waiting: SigningKey) -> None:
        self.refused(waiting, "one_published_key_per_place|place", slot=signer.slot)

    def test_a_published_key_without_a_slot(self, signer: SigningKey) -> None:
        self.refused(signer, "published_key_has_a_place", slot=None)

    def test_a_kid_that_was_used(self, signer: SigningKey, waiting: SigningKey) -> None:
        self.refused(waiting, "kid", kid=signer.kid)

    def test_a_signer_that_is_withdrawn(self, signer: SigningKey) -> None:
        gone = {"withdrawn_at": OVER, "slot": None, "sealed_private_key": ""}
        self.refused(signer, "timestamps_in_order", **gone)

    def test_a_withdrawn_key_that_can_still_sign(self, waiting: SigningKey) -> None:
        self.refused(waiting, "private_half_until_withdrawn", withdrawn_at=NOW, slot=None)

    def test_a_published_key_without_its_private_half(self, signer: SigningKey) -> None:
        self.refused(signer, "private_half_until_withdrawn", sealed_private_key="")

    @pytest.mark.parametrize(
        "columns",
        [
            {"signs_from": NOW - INSTANT},
            {"signs_until": NOW - INSTANT},
            {"signs_from": None, "signs_until": SIGNS},
            {
                "signs_until": SIGNS,
                "withdrawn_at": SIGNS - INSTANT,
                "slot": None,
                "sealed_private_key": "",
            },
        ],
    )
    def test_times_out_of_order(self, signer: SigningKey, columns: dict[str, Any]) -> None:
        self.refused(signer, "timestamps_in_order", **columns)


class TestAnyOrderOfSteps:
    @given(
        plan=st.lists(
            st.tuples(
                st.sampled_from([*RotationStep, "auto"]),
                st.integers(min_value=-2, max_value=40),
            ),
            max_size=25,
        ),
        number=st.uuids(),
    )
    def test_the_timeline_has_no_gap_and_no_overlap(
        self, db: None, plan: list[tuple[RotationStep, int]], number: Any
    ) -> None:
        """T22: after any sequence of steps at any time, also with a clock that is set back."""
        key_set = key_creation.create_key_set(f"set-{number}", algs=["ES384"], now=NOW)
        now = NOW
        for step, hours in plan:
            now += timedelta(hours=hours)
            try:
                if step == "auto":
                    automation.auto([key_set], now=now, actor="test")
                else:
                    take(step, key_set, now)
            except StepRefused:
                pass
            assert_timeline_holds(key_set)


def test_who_is_a_moment_slower_is_not_told_of_a_wrong_clock(epic: KeySet) -> None:
    """Two administrators publish: the second pressed before the first had finished."""
    take(RotationStep.PUBLISH, epic, NOW + INSTANT)
    with pytest.raises(StepRefused, match="is published already"):
        take(RotationStep.PUBLISH, epic, NOW)
