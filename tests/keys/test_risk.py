"""Waits cut short, roll-back, emergency, imported copies and imported keys."""

from datetime import UTC, datetime, timedelta

import pytest

from smartapp.audit.models import AuditEvent
from smartapp.keys import emergency, key_creation, lifecycle, material, refusals, waits
from smartapp.keys.models import KeySet, SigningKey
from smartapp.keys.refusals import StepRefused
from smartapp.keys.rotation import RotationStep
from tests.keys.timeline import assert_timeline_holds
from tests.registrations.factories import make_registration

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SIGNS = NOW + waits.WHERE_UNKNOWN
OVER = SIGNS + waits.BEFORE_WITHDRAWAL
INSTANT = timedelta(microseconds=1)


@pytest.fixture
def epic() -> KeySet:
    key_set = key_creation.create_key_set("epic", algs=["ES384"], now=NOW)
    for name in ("Valley Clinic", "General Hospital"):
        make_registration(name.split()[0].lower(), name=name, key_set=key_set, alg="ES384")
    make_registration("off", name="Off", key_set=key_set, alg="ES384", enabled=False)
    make_registration(
        "basic", name="Basic", key_set=key_set, alg="ES384", auth_method="client_secret_basic"
    )
    return key_set


AT_RISK = "General Hospital, Valley Clinic"


def take(step: RotationStep, key_set: KeySet, now: datetime) -> SigningKey:
    return lifecycle.TAKE[step](key_set, "ES384", now=now, actor="test")


def states(key_set: KeySet, now: datetime) -> list[str]:
    return [key.state(now) for key in key_set.signing_keys.order_by("id")]


def snapshot() -> list[object]:
    return list(SigningKey.objects.order_by("id").values())


class TestConfirmation:
    def test_names_who_signs_with_these_keys_and_is_enabled(self, epic: KeySet) -> None:
        assert refusals.confirmation(epic) == AT_RISK

    def test_of_an_algorithm_names_who_signs_with_it(self, epic: KeySet) -> None:
        make_registration("other", name="Old Clinic", key_set=epic, alg="RS384")
        assert refusals.confirmation(epic, "ES384") == AT_RISK
        assert refusals.confirmation(epic, "RS384") == "Old Clinic"
        assert refusals.confirmation(epic, "RS256") == ""
        assert refusals.confirmation(epic, "ES384", "RS384") == (
            "General Hospital, Old Clinic, Valley Clinic"
        )

    def test_is_the_key_set_where_nobody_is_at_risk(self) -> None:
        assert refusals.confirmation(KeySet.objects.create(slug="new", created_at=NOW)) == "new"


class TestWaitsCutShort:
    @pytest.mark.parametrize("typed", ["yes", "general hospital, valley clinic", "epic", " "])
    def test_anything_but_the_names_is_refused(self, epic: KeySet, typed: str) -> None:
        take(RotationStep.PUBLISH, epic, NOW)
        before = snapshot()
        with pytest.raises(StepRefused, match=f"type exactly what is at risk: {AT_RISK}"):
            lifecycle.start_signing(
                epic, "ES384", now=NOW, actor="test", typed=typed, reason="a test"
            )
        assert snapshot() == before

    def test_named_it_signs_and_is_written_down(self, epic: KeySet) -> None:
        take(RotationStep.PUBLISH, epic, NOW)
        lifecycle.start_signing(
            epic, "ES384", now=NOW, actor="test", typed=AT_RISK, reason="a test"
        )
        assert states(epic, NOW) == ["retires", "signs"]
        detail = AuditEvent.objects.latest("id").detail
        assert detail["cut_short"] == "2026-03-02 18:00:00 UTC"
        assert detail["at_risk"] == AT_RISK.split(", ")

    def test_a_withdrawal_too(self, epic: KeySet) -> None:
        take(RotationStep.PUBLISH, epic, NOW)
        take(RotationStep.SIGN, epic, SIGNS)
        lifecycle.withdraw(epic, "ES384", now=SIGNS, actor="test", typed=AT_RISK, reason="a test")
        assert states(epic, SIGNS) == ["withdrawn", "signs"]

    def test_typed_without_need_is_no_risk_taken(self, epic: KeySet) -> None:
        take(RotationStep.PUBLISH, epic, NOW)
        lifecycle.start_signing(
            epic, "ES384", now=SIGNS, actor="test", typed="anything", reason="a test"
        )
        assert "cut_short" not in AuditEvent.objects.latest("id").detail


class TestRollBack:
    def test_the_retired_key_signs_again_and_nothing_is_forgotten(self, epic: KeySet) -> None:
        old = epic.signing_keys.get()
        take(RotationStep.PUBLISH, epic, NOW)
        take(RotationStep.SIGN, epic, SIGNS)
        now = SIGNS + timedelta(minutes=5)
        take(RotationStep.ROLL_BACK, epic, now)
        assert states(epic, now) == ["signs", "retires"]
        old.refresh_from_db()
        assert old.earlier_terms == [[NOW.isoformat(), SIGNS.isoformat()]]
        assert_timeline_holds(epic)

    def test_there_and_back_again(self, epic: KeySet) -> None:
        take(RotationStep.PUBLISH, epic, NOW)
        take(RotationStep.SIGN, epic, SIGNS)
        for minutes in range(1, 6):
            take(RotationStep.ROLL_BACK, epic, SIGNS + timedelta(minutes=minutes))
        assert states(epic, OVER) == ["signs", "retires"]
        assert_timeline_holds(epic)

    def test_impossible_once_the_old_key_is_gone(self, epic: KeySet) -> None:
        take(RotationStep.PUBLISH, epic, NOW)
        take(RotationStep.SIGN, epic, SIGNS)
        take(RotationStep.WITHDRAW, epic, OVER)
        with pytest.raises(StepRefused, match="publish a new one"):
            take(RotationStep.ROLL_BACK, epic, OVER)

    def test_a_clock_set_back_is_refused(self, epic: KeySet) -> None:
        take(RotationStep.PUBLISH, epic, NOW)
        take(RotationStep.SIGN, epic, SIGNS)
        with pytest.raises(StepRefused, match="behind the last step: set it right, or wait"):
            take(RotationStep.ROLL_BACK, epic, SIGNS - INSTANT)


class TestEmergency:
    def replace(self, key_set: KeySet, now: datetime, typed: str = AT_RISK) -> SigningKey:
        return emergency.replace_at_once(
            key_set, "ES384", now=now, actor="test", typed=typed, reason="a test"
        )

    @pytest.mark.parametrize(
        "under_way", [[], [RotationStep.PUBLISH], [RotationStep.PUBLISH, RotationStep.SIGN]]
    )
    def test_one_new_key_signs_and_every_other_is_dropped(
        self, epic: KeySet, under_way: list[RotationStep]
    ) -> None:
        for step in under_way:
            take(step, epic, SIGNS if step is RotationStep.SIGN else NOW)
        now = OVER
        new = self.replace(epic, now)
        assert states(epic, now) == ["compromised"] * (1 + min(1, len(under_way))) + ["signs"]
        gone = epic.signing_keys.exclude(pk=new.pk)
        assert set(gone.values_list("sealed_private_key", flat=True)) == {""}
        detail = AuditEvent.objects.latest("id").detail
        assert detail["kid"] == new.kid
        assert set(detail["dropped_kids"]) == set(gone.values_list("kid", flat=True))
        assert detail["at_risk"] == AT_RISK.split(", ")

    def test_with_five_keys_there_is_room(self, epic: KeySet) -> None:
        for alg in ("RS256", "RS384"):
            key_creation.add_lines(epic, [alg], now=NOW)
        take(RotationStep.PUBLISH, epic, NOW)
        key_creation.publish_next(epic, "RS256", now=NOW, actor="test")
        self.replace(epic, NOW)
        assert epic.signing_keys.filter(withdrawn_at=None).count() == 4

    def test_unnamed_it_is_refused(self, epic: KeySet) -> None:
        before = snapshot()
        with pytest.raises(StepRefused, match=f"type exactly what is at risk: {AT_RISK}"):
            self.replace(epic, NOW, typed="")
        assert snapshot() == before

    def test_of_an_algorithm_that_nobody_uses_needs_no_name_but_a_reason(
        self, epic: KeySet
    ) -> None:
        key_creation.add_lines(epic, ["RS384"], now=NOW)
        before = snapshot()
        with pytest.raises(StepRefused, match="Say why"):
            emergency.replace_at_once(epic, "RS384", now=NOW, actor="x", typed="", reason=" ")
        assert snapshot() == before

        emergency.replace_at_once(epic, "RS384", now=NOW, actor="x", typed="", reason="stolen")
        detail = AuditEvent.objects.latest("id").detail
        assert (detail["at_risk"], detail["reason"]) == ([], "stolen")

    def test_one_that_began_to_use_it_meanwhile_is_named_first(self, epic: KeySet) -> None:
        key_creation.add_lines(epic, ["RS384"], now=NOW)
        make_registration("other", name="Old Clinic", key_set=epic, alg="RS384")
        with pytest.raises(StepRefused, match="type exactly what is at risk: Old Clinic"):
            emergency.replace_at_once(epic, "RS384", now=NOW, actor="x", typed="", reason="stolen")

    def test_killed_in_the_middle_changes_nothing(
        self, epic: KeySet, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """There is always a signer."""

        def killed(*args: object, **kwargs: object) -> None:
            raise KeyboardInterrupt

        before = snapshot()
        monkeypatch.setattr(emergency, "insert", killed)
        with pytest.raises(KeyboardInterrupt):
            self.replace(epic, NOW)
        assert snapshot() == before

    def test_a_step_that_another_machine_took_meanwhile_is_no_wrong_clock(
        self, epic: KeySet
    ) -> None:
        """`now` is from before the key was made and the line locked; the emergency goes on."""
        take(RotationStep.PUBLISH, epic, NOW)
        take(RotationStep.SIGN, epic, SIGNS)
        new = self.replace(epic, SIGNS - timedelta(seconds=2))
        assert new.signs_from == SIGNS
        assert states(epic, SIGNS) == ["compromised", "compromised", "signs"]

    def test_a_clock_set_back_is_refused_all_the_same(self, epic: KeySet) -> None:
        """Otherwise no key would sign until that time comes again."""
        take(RotationStep.PUBLISH, epic, NOW)
        take(RotationStep.SIGN, epic, SIGNS)
        with pytest.raises(StepRefused, match="clock of this machine is behind"):
            self.replace(epic, SIGNS - emergency.CLOCKS - INSTANT)

    def test_a_line_that_does_not_exist(self, epic: KeySet) -> None:
        with pytest.raises(StepRefused, match="has no RS256 key to replace"):
            emergency.replace_at_once(
                epic, "RS256", now=NOW, actor="test", typed=AT_RISK, reason="a test"
            )


class TestImportedByTheEHR:
    """smart-app-launch_2.2.0@298, @300, @304."""

    @pytest.fixture(autouse=True)
    def imported(self, epic: KeySet) -> None:
        epic.imported_by_vendor = True
        epic.save(update_fields=["imported_by_vendor"])

    def test_no_typing_replaces_the_confirmation(self, epic: KeySet) -> None:
        take(RotationStep.PUBLISH, epic, NOW)
        for typed in ("", AT_RISK):
            with pytest.raises(StepRefused, match="give it the new ES384 key and confirm"):
                lifecycle.start_signing(
                    epic, "ES384", now=OVER, actor="test", typed=typed, reason="a test"
                )

    def test_nothing_to_confirm(self, epic: KeySet) -> None:
        with pytest.raises(StepRefused, match="waiting for a confirmation"):
            take(RotationStep.CONFIRM, epic, NOW)
        take(RotationStep.PUBLISH, epic, NOW)
        take(RotationStep.CONFIRM, epic, NOW)
        with pytest.raises(StepRefused, match="waiting for a confirmation"):
            take(RotationStep.CONFIRM, epic, NOW)


class TestImportedKey:
    def imported(self, key_set: KeySet, alg: str = "ES384") -> SigningKey:
        return key_creation.import_key(
            key_set, material.generate(alg), now=NOW, actor="test", reason="a test"
        )

    def test_waits_as_any_next_key(self, epic: KeySet) -> None:
        self.imported(epic)
        assert states(epic, NOW) == ["signs", "published"]
        with pytest.raises(StepRefused, match="possible from 2026-03-02 18:00:00 UTC"):
            take(RotationStep.SIGN, epic, NOW)

    def test_signs_at_once_where_nothing_else_does(self, epic: KeySet) -> None:
        assert self.imported(epic, "RS384").state(NOW) == "signs"

    def test_is_refused_while_a_rotation_is_under_way(self, epic: KeySet) -> None:
        take(RotationStep.PUBLISH, epic, NOW)
        with pytest.raises(StepRefused, match="published already"):
            self.imported(epic)

    def test_is_refused_when_it_is_or_was_in_any_key_set(self, epic: KeySet) -> None:
        """A kid is never used again, and a private key is never in two sets."""
        new = material.generate("ES384")
        key_creation.import_key(epic, new, now=NOW, actor="test", reason="a test")
        other = key_creation.create_key_set("other", algs=["RS384"], now=NOW)
        with pytest.raises(StepRefused, match="no key is used twice"):
            key_creation.import_key(other, new, now=NOW, actor="test", reason="a test")
        take(RotationStep.ABANDON, epic, NOW)
        with pytest.raises(StepRefused, match="no key is used twice"):
            key_creation.import_key(epic, new, now=NOW, actor="test", reason="a test")


class TestExplanation:
    def test_an_emergency_explains_a_refusal_as_long_as_old_copies_last(self, epic: KeySet) -> None:
        assert emergency.explains("epic", "ES384", NOW) is None
        emergency.replace_at_once(
            epic, "ES384", now=NOW, actor="test", typed=AT_RISK, reason="a test"
        )
        last = NOW + waits.before_signing(epic).span - INSTANT
        assert emergency.explains("epic", "ES384", last) == NOW
        assert emergency.explains("epic", "ES384", last + INSTANT) is None
        assert emergency.explains("epic", "RS384", NOW) is None

    def test_a_step_before_its_time_is_no_emergency(self, epic: KeySet) -> None:
        take(RotationStep.PUBLISH, epic, NOW)
        take(RotationStep.ABANDON, epic, NOW)
        assert emergency.explains("epic", "ES384", NOW) is None
