from datetime import UTC, datetime, timedelta

import pytest

from smartapp.keys import automation, key_creation, lifecycle, rotation, timeline, waits
from smartapp.keys.models import KeySet
from smartapp.keys.rotation import RotationStep
from smartapp.keys.timeline import Phase, Row

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SIGNS = NOW + waits.WHERE_UNKNOWN
DAY = timedelta(days=1)


@pytest.fixture
def epic() -> KeySet:
    return key_creation.create_key_set("epic", algs=["ES384"], now=NOW)


def rows(key_set: KeySet, now: datetime) -> list[Row]:
    [line] = rotation.of(key_set)
    keys = key_set.signing_keys.order_by("-published_at", "-id")
    return timeline.rows(key_set, line, keys, now)


def phases(row: Row) -> list[tuple[Phase, bool]]:
    return [(bar.phase, bar.planned) for bar in row.bars]


def take(step: RotationStep, key_set: KeySet, now: datetime) -> None:
    lifecycle.TAKE[step](key_set, "ES384", now=now, actor="test")


def test_marks_are_where_their_times_are() -> None:
    marks = timeline.marks(NOW)
    assert [mark.label for mark in marks][3] == "now"
    assert [mark.x for mark in marks] == sorted(mark.x for mark in marks)
    assert marks[3].x == 50
    assert (marks[0].anchor, marks[-1].anchor) == ("start", "end")


def test_a_signer_and_the_next_key_that_is_planned(epic: KeySet) -> None:
    following, signer = rows(epic, NOW + DAY)
    assert (following.state, signer.state) == ("planned", "signs")
    assert phases(following) == [(Phase.WAITS, True), (Phase.SIGNS, True)]
    assert phases(signer) == [(Phase.SIGNS, False), (Phase.SIGNS, True), (Phase.RETIRES, True)]


def test_the_past_ends_where_the_plan_begins(epic: KeySet) -> None:
    [_, signer] = rows(epic, NOW + DAY)
    past, ahead, _ = signer.bars
    assert past.x + past.width == pytest.approx(50, abs=0.02)
    assert ahead.x == 50


def test_under_way_the_keys_change_at_the_same_place(epic: KeySet) -> None:
    take(RotationStep.PUBLISH, epic, NOW + DAY)
    waiting, signer = rows(epic, NOW + 1.5 * DAY)
    assert phases(waiting) == [(Phase.WAITS, False), (Phase.WAITS, True), (Phase.SIGNS, True)]
    assert waiting.bars[-1].x == signer.bars[-1].x
    assert signer.bars[-1].phase is Phase.RETIRES


def test_an_unconfirmed_key_waits_without_end(epic: KeySet) -> None:
    epic.imported_by_vendor = True
    epic.save(update_fields=["imported_by_vendor"])
    take(RotationStep.PUBLISH, epic, NOW)
    waiting, _ = rows(epic, NOW + DAY)
    assert phases(waiting) == [(Phase.WAITS, False), (Phase.WAITS, True)]
    assert waiting.bars[-1].x + waiting.bars[-1].width == pytest.approx(100)


def test_a_key_that_never_signed_and_one_that_was_rolled_back_to(epic: KeySet) -> None:
    take(RotationStep.PUBLISH, epic, NOW)
    take(RotationStep.ABANDON, epic, NOW + DAY)
    take(RotationStep.PUBLISH, epic, NOW + DAY)
    take(RotationStep.SIGN, epic, SIGNS + DAY)
    take(RotationStep.ROLL_BACK, epic, SIGNS + 1.01 * DAY)
    drawn = {row.state: row for row in rows(epic, SIGNS + 1.02 * DAY)}
    assert phases(drawn["withdrawn"]) == [(Phase.WAITS, False)]
    assert phases(drawn["signs"])[:3] == [
        (Phase.SIGNS, False),
        (Phase.RETIRES, False),
        (Phase.SIGNS, False),
    ]
    assert phases(drawn["retires"])[-1] == (Phase.RETIRES, True)


def test_a_key_that_went_long_ago_is_not_drawn(epic: KeySet) -> None:
    take(RotationStep.PUBLISH, epic, NOW)
    take(RotationStep.SIGN, epic, SIGNS)
    over = SIGNS + waits.BEFORE_WITHDRAWAL
    take(RotationStep.WITHDRAW, epic, over)
    assert len(rows(epic, over)) == 3
    assert len(rows(epic, over + timeline.FAR)) == 2


def test_what_is_overdue_is_planned_for_now(epic: KeySet) -> None:
    late = NOW + 200 * DAY
    [line] = rotation.of(epic)
    assert automation.plan(epic, line, late)[RotationStep.PUBLISH] == late
