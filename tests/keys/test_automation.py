from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from django.db import OperationalError

from smartapp.keys import automation, key_creation, lifecycle, rotation, waits
from smartapp.keys.models import KeySet, SigningKey, StaleCopy
from smartapp.keys.rotation import Line, RotationStep

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LIMIT = NOW + timedelta(days=90)
INSTANT = timedelta(microseconds=1)


@pytest.fixture
def epic() -> KeySet:
    return key_creation.create_key_set("epic", algs=["ES384"], now=NOW)


def auto(now: datetime) -> list[str]:
    taken = automation.auto(KeySet.objects.all(), now=now, actor="rotate_keys --auto")
    return [f"{key_set} {step} {key.alg}" for key_set, step, key in taken]


def change(key_set: KeySet, **fields: object) -> None:
    KeySet.objects.filter(pk=key_set.pk).update(**fields)
    key_set.refresh_from_db()


def take(step: RotationStep, key_set: KeySet, now: datetime) -> SigningKey:
    return lifecycle.TAKE[step](key_set, "ES384", now=now, actor="test")


class TestAuto:
    def test_a_whole_rotation_driven_by_the_clock_alone(self, epic: KeySet) -> None:
        """T22."""
        assert auto(LIMIT - INSTANT) == []
        assert auto(LIMIT) == ["epic publish ES384"]
        signs = LIMIT + waits.WHERE_UNKNOWN
        assert auto(signs - INSTANT) == []
        assert auto(signs) == ["epic sign ES384"]
        assert auto(signs) == []
        over = signs + waits.BEFORE_WITHDRAWAL
        assert auto(over - INSTANT) == []
        assert auto(over) == ["epic withdraw ES384"]
        assert auto(over) == []
        assert auto(signs + timedelta(days=90)) == ["epic publish ES384"]

    def test_never_means_never(self, epic: KeySet) -> None:
        change(epic, rotate_after_days=None)
        assert auto(NOW + timedelta(days=9999)) == []
        assert automation.all_warnings([epic], NOW + timedelta(days=9999)) == []

    def test_what_somebody_began_is_finished(self, epic: KeySet) -> None:
        change(epic, rotate_after_days=None)
        take(RotationStep.PUBLISH, epic, NOW)
        assert auto(NOW + waits.WHERE_UNKNOWN) == ["epic sign ES384"]

    def test_another_machine_was_faster(
        self, epic: KeySet, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stale = rotation.of_each([epic])
        take(RotationStep.PUBLISH, epic, LIMIT)
        monkeypatch.setattr(rotation, "of_each", lambda _: stale)
        assert auto(LIMIT) == []

    def test_a_third_line_waits_for_a_place(self) -> None:
        """There is never a sixth key."""
        algs = ["ES384", "RS256", "RS384"]
        key_creation.create_key_set("epic", algs=algs, now=NOW)
        assert auto(LIMIT) == ["epic publish ES384", "epic publish RS256"]
        signs = LIMIT + waits.WHERE_UNKNOWN
        assert auto(signs) == ["epic sign ES384", "epic sign RS256"]
        over = signs + waits.BEFORE_WITHDRAWAL
        assert auto(over) == ["epic withdraw ES384", "epic withdraw RS256", "epic publish RS384"]

    def test_after_a_roll_back_the_age_counts_anew(self, epic: KeySet) -> None:
        """A key that was rolled back because of an EHR must not come back automatically."""
        auto(LIMIT)
        signs = LIMIT + waits.WHERE_UNKNOWN
        auto(signs)
        take(RotationStep.ROLL_BACK, epic, signs)
        over = signs + waits.BEFORE_WITHDRAWAL
        assert auto(over) == ["epic withdraw ES384"]
        assert auto(signs + timedelta(days=90) - INSTANT) == []
        assert auto(signs + timedelta(days=90)) == ["epic publish ES384"]


class TestImportedByTheEHR:
    """Its copy changes only when a person gives it a new one."""

    @pytest.fixture(autouse=True)
    def imported(self, epic: KeySet) -> None:
        change(epic, imported_by_vendor=True)

    def test_nothing_begins_by_itself(self, epic: KeySet) -> None:
        assert auto(LIMIT + timedelta(days=99)) == []

    def test_nothing_signs_unconfirmed(self, epic: KeySet) -> None:
        take(RotationStep.PUBLISH, epic, NOW)
        late = NOW + timedelta(days=9)
        assert auto(late) == []
        take(RotationStep.CONFIRM, epic, late)
        assert auto(late) == ["epic sign ES384"]

    def test_confirmed_early_the_wait_stays(self, epic: KeySet) -> None:
        """Another EHR of the set may fetch it."""
        take(RotationStep.PUBLISH, epic, NOW)
        take(RotationStep.CONFIRM, epic, NOW)
        assert auto(NOW + waits.WHERE_UNKNOWN - INSTANT) == []
        assert auto(NOW + waits.WHERE_UNKNOWN) == ["epic sign ES384"]

    def test_a_person_is_told_three_weeks_ahead(self, epic: KeySet) -> None:
        early = LIMIT - automation.WARN_AHEAD
        assert automation.all_warnings([epic], early) == []
        [warning] = automation.all_warnings([epic], early + INSTANT)
        assert warning.startswith("Key set epic, ES384: publish the next key by 2026-05-30.")
        take(RotationStep.PUBLISH, epic, early)
        [warning] = automation.all_warnings([epic], early)
        assert "confirm that it has them." in warning
        take(RotationStep.CONFIRM, epic, early)
        assert automation.all_warnings([epic], early) == []


def test_a_step_that_nobody_takes_is_told(epic: KeySet) -> None:
    late = LIMIT + automation.OVERDUE_TO_PUBLISH
    assert automation.all_warnings([epic], late) == []
    [warning] = automation.all_warnings([epic], late + INSTANT)
    assert "a step was due at 2026-05-30 12:00 UTC and was not taken." in warning


class TestAnEHRThatAlwaysNeedsTheOldKey:
    """One broken or hostile EHR that refuses the new key each hour must not block the others'
    rotation."""

    @pytest.fixture
    def signs(self, epic: KeySet) -> datetime:
        auto(LIMIT)
        signs = LIMIT + waits.WHERE_UNKNOWN
        auto(signs)
        return signs

    def need(self, key_set: KeySet, at: datetime) -> None:
        line = rotation.read(key_set, "ES384")
        assert line.signer
        assert line.retiring
        StaleCopy.objects.update_or_create(
            key_set=key_set, registration="broken", refused_kid=line.signer.kid,
            defaults={
                "name": "Broken", "taken_kid": line.retiring.kid, "first_at": signs_of(line),
                "last_at": at, "count": 1,
            },
        )  # fmt: skip

    def test_it_puts_the_withdrawal_off_for_a_week_at_most(
        self, epic: KeySet, signs: datetime
    ) -> None:
        week = signs + timedelta(days=7)
        at = signs
        while at < week - timedelta(minutes=30):
            self.need(epic, at)
            assert auto(at) == []
            at += timedelta(minutes=30)
        assert "for 7 days at most" in automation.all_warnings([epic], at)[0]
        assert auto(week - INSTANT) == []
        assert auto(week) == ["epic withdraw ES384"]

    def test_who_needed_it_to_the_last_is_warned_of_for_a_week(
        self, epic: KeySet, signs: datetime
    ) -> None:
        week = signs + timedelta(days=7)
        self.need(epic, week - timedelta(minutes=5))
        auto(week)
        for at in (week, week + timedelta(days=7) - INSTANT):
            assert "Launches there may fail" in automation.all_warnings([epic], at)[0]
        assert automation.all_warnings([epic], week + timedelta(days=7)) == []

    def test_who_knew_the_new_key_in_time_is_not(self, epic: KeySet, signs: datetime) -> None:
        self.need(epic, signs + timedelta(minutes=5))
        over = signs + timedelta(minutes=65)
        assert auto(over) == ["epic withdraw ES384"]
        assert automation.all_warnings([epic], over) == []

    def test_that_maintain_does_not_run_is_said_first(self, epic: KeySet, signs: datetime) -> None:
        self.need(epic, signs + timedelta(minutes=5))
        late = signs + timedelta(minutes=65) + automation.OVERDUE
        assert "took the previous one" in automation.all_warnings([epic], late)[0]
        assert "maintain` runs" in automation.all_warnings([epic], late + INSTANT)[0]


def signs_of(line: Line) -> datetime:
    assert line.signer
    assert line.signer.signs_from
    return line.signer.signs_from


def test_a_line_that_the_database_refuses_stops_no_other(
    epic: KeySet, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    key_creation.create_key_set("other", algs=["ES384"], now=NOW)
    publish = lifecycle.TAKE[RotationStep.PUBLISH]

    def broken(key_set: KeySet, *args: object, **kwargs: object) -> SigningKey:
        if key_set.slug == "epic":
            raise OperationalError("a row that nobody should read in a log")
        return publish(key_set, *args, **kwargs)

    monkeypatch.setitem(lifecycle.TAKE, RotationStep.PUBLISH, broken)
    assert auto(LIMIT) == ["other publish ES384"]
    assert "key set epic: publish of ES384 failed: OperationalError" in caplog.text
    assert "nobody should read" not in caplog.text


def test_a_key_set_that_cannot_be_read_stops_no_other(
    epic: KeySet, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    key_creation.create_key_set("other", algs=["ES384"], now=NOW)
    read = waits.before_signing_each

    def broken(key_sets: Sequence[KeySet]) -> dict[int, waits.Wait]:
        if epic in key_sets:
            raise OperationalError("a row that nobody should read in a log")
        return read(key_sets)

    monkeypatch.setattr(waits, "before_signing_each", broken)
    assert auto(LIMIT) == ["other publish ES384"]
    assert "key set epic: its keys cannot be read: OperationalError" in caplog.text

    late = LIMIT + waits.WHERE_UNKNOWN + automation.OVERDUE + INSTANT
    told = automation.all_warnings(KeySet.objects.all(), late)
    assert ["Key set epic: its keys cannot be read" in told[0], "other" in told[1]] == [True, True]
    assert "nobody should read" not in caplog.text + "".join(told)
