"""The EHR that fetched our keys is recognised by the token request at that moment."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from smartapp.database import in_database
from smartapp.keys import (
    emergency,
    evidence,
    fetches,
    key_creation,
    refusals,
    rotation,
)
from smartapp.keys.fetches import Visitor
from smartapp.keys.models import JWKSFetch, KeySet
from tests.registrations.factories import make_registration

pytestmark = pytest.mark.django_db(transaction=True)

ATHENA = Visitor("192.0.2.7", "Java/17")
STRANGER = Visitor("198.51.100.9", "curl/8")


class Clock:
    def __init__(self) -> None:
        self.now = timezone.now()

    def __call__(self) -> datetime:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(timezone, "now", clock)
    return clock


@pytest.fixture
def key_set() -> Iterator[KeySet]:
    key_set = key_creation.create_key_set("shared", algs=["ES384"], now=timezone.now())
    for slug, name in (("athena", "athenahealth preview"), ("epic", "Epic")):
        make_registration(slug, name=name, key_set=key_set)
    yield key_set
    fetches.forget()


def fetch(visitor: Visitor, etag: str = '"a"', kids: tuple[str, ...] = ("kid-1",)) -> None:
    fetches.note("shared", etag, kids, visitor=visitor, now=timezone.now())


def kids_of(key_set: KeySet) -> list[str]:
    return list(key_set.signing_keys.filter(withdrawn_at=None).values_list("kid", flat=True))


async def settled() -> dict[str, dict[str, list[object]]]:
    """Return which registrations each address is attributed to."""
    await fetches.flush()
    await fetches.settle()
    rows = await in_database(lambda: list(JWKSFetch.objects.order_by("pk")))
    return {row.address: row.during for row in rows}


def counts(found: dict[str, dict[str, list[object]]]) -> dict[str, dict[str, object]]:
    return {address: {e: n for e, (n, _) in during.items()} for address, during in found.items()}


async def said(key_set: KeySet) -> evidence.Evidence:
    return await in_database(lambda: evidence.of(key_set, rotation.of(key_set), timezone.now()))


async def test_who_comes_while_an_ehr_is_asked_is_that_ehr(key_set: KeySet, clock: Clock) -> None:
    with fetches.asking("shared", "athena"):
        clock.forward(0.2)
        fetch(ATHENA)
    clock.forward(5)
    fetch(STRANGER)
    assert counts(await settled()) == {"192.0.2.7": {"athena": 1}, "198.51.100.9": {}}
    clock.forward(180)
    found = await said(key_set)
    assert found.ehrs == [
        "Epic was not seen to fetch these keys yet.",
        "athenahealth preview fetched 3 minutes ago.",
    ]
    assert [row.what for row in found.visitors] == [
        "Somebody fetched 3 minutes ago.",
        "athenahealth preview fetched 3 minutes ago.",
    ]


async def test_it_says_that_the_ehr_has_seen_the_new_key(key_set: KeySet, clock: Clock) -> None:
    """The page says: "athenahealth preview fetched 3 minutes ago and has seen the new key"."""
    new = await in_database(
        key_creation.publish_next, key_set, "ES384", now=timezone.now(), actor="test"
    )
    clock.forward(60)
    with fetches.asking("shared", "athena"):
        fetch(ATHENA, kids=("old", new.kid))
    await settled()
    clock.forward(180)
    assert (
        "athenahealth preview fetched 3 minutes ago and has seen the new key."
        in (await said(key_set)).ehrs
    )


async def test_who_is_about_to_rely_on_it_reads_what_is_known_and_no_more(
    key_set: KeySet, clock: Clock
) -> None:
    """A visitor that polls coincides with a token request sooner or later."""
    new = await in_database(
        key_creation.publish_next, key_set, "ES384", now=timezone.now(), actor="test"
    )
    with fetches.asking("shared", "athena"):
        fetch(STRANGER, kids=("old", new.kid))
    await settled()
    clock.forward(180)
    assert (await said(key_set)).known == [
        "Epic was not seen to fetch these keys yet.",
        "Somebody who came while athenahealth preview was being asked for a token fetched "
        "3 minutes ago and has seen the new key.",
    ]


async def test_of_several_visitors_the_one_that_has_not_seen_the_new_key_speaks(
    key_set: KeySet, clock: Clock
) -> None:
    new = await in_database(
        key_creation.publish_next, key_set, "ES384", now=timezone.now(), actor="test"
    )
    for visitor, etag, kids in ((ATHENA, '"a"', ("old",)), (STRANGER, '"b"', ("old", new.kid))):
        with fetches.asking("shared", "athena"):
            clock.forward(60)
            fetch(visitor, etag=etag, kids=kids)
        await settled()
    assert (
        "athenahealth preview fetched 1 minute ago and has not seen the new ES384 key yet."
        in (await said(key_set)).ehrs
    )


@pytest.mark.parametrize(("others", "believed"), [(19, True), (20, False)])
async def test_who_comes_often_when_nobody_is_asked_is_no_ehr(
    key_set: KeySet, clock: Clock, others: int, believed: bool
) -> None:
    for _ in range(others):
        fetch(STRANGER)
        clock.forward(30)
    await fetches.flush()
    clock.forward(60)
    with fetches.asking("shared", "athena"):
        fetch(STRANGER)
    await settled()
    found = await said(key_set)
    assert ("athenahealth preview was not seen to fetch these keys yet." in found.ehrs) is (
        not believed
    )
    assert found.visitors[0].what.startswith("athenahealth" if believed else "Somebody fetched")
    assert ("Comes so often" in found.visitors[0].how) is (not believed)


async def test_after_an_emergency_the_new_key_is_the_one_that_signs(
    key_set: KeySet, clock: Clock
) -> None:
    """Then administrators need to know which EHRs still hold the old keys."""
    with fetches.asking("shared", "athena"):
        fetch(ATHENA, kids=tuple(await in_database(kids_of, key_set)))
    await settled()
    clock.forward(60)
    await in_database(
        lambda: emergency.replace_at_once(
            key_set, "ES384", now=timezone.now(), actor="test", reason="a test",
            typed=refusals.confirmation(key_set),
        )
    )  # fmt: skip
    assert (await said(key_set)).ehrs[1].endswith("and has not seen the new ES384 key yet.")
    clock.forward(60)
    with fetches.asking("shared", "athena"):
        fetch(ATHENA, etag='"b"', kids=tuple(await in_database(kids_of, key_set)))
    await settled()
    assert (await said(key_set)).ehrs[1].endswith("and has seen the new key.")


async def test_the_fetch_may_come_to_another_process(key_set: KeySet, clock: Clock) -> None:
    """That process wrote the fetch to the database, and does not know of the token request."""
    with fetches.asking("shared", "epic"):
        clock.forward(1)
        row = JWKSFetch(
            key_set=key_set, etag='"a"', kids=[], address="192.0.2.7", user_agent="x",
            first_at=clock.now, last_at=clock.now, count=1,
        )  # fmt: skip
        await in_database(row.save)
        clock.forward(1)
    clock.forward(9)
    await fetches.settle()
    assert counts(await settled()) == {"192.0.2.7": {"epic": 1}}


async def test_rows_are_locked_in_the_order_in_which_fetches_are_written(
    key_set: KeySet, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two processes that lock the same rows in different orders would deadlock (PostgreSQL)."""
    locked, save = [], JWKSFetch.save

    def recorded(row: JWKSFetch, **fields: list[str]) -> None:
        locked.append((row.etag, row.address))
        save(row, update_fields=fields["update_fields"])

    monkeypatch.setattr(JWKSFetch, "save", recorded)
    for etag, address in (("b", "192.0.2.1"), ("a", "192.0.2.9"), ("a", "192.0.2.10")):
        fetch(Visitor(address, "x"), etag=etag)
        await fetches.flush()
    # Only now: a server that outlives its test settles too, and might come between the fetches.
    with fetches.asking("shared", "epic"):
        await fetches.settle()
    assert locked == [("a", "192.0.2.10"), ("a", "192.0.2.9"), ("b", "192.0.2.1")]


async def test_each_fetch_counts_once_however_often_it_is_looked_at(
    key_set: KeySet, clock: Clock
) -> None:
    with fetches.asking("shared", "athena"):
        fetch(ATHENA)
    for _ in range(3):
        clock.forward(10)
        await settled()
    assert counts(await settled()) == {"192.0.2.7": {"athena": 1}}
    with fetches.asking("shared", "athena"):
        fetch(ATHENA)
    assert counts(await settled()) == {"192.0.2.7": {"athena": 2}}


async def test_of_two_that_were_asked_it_is_one_or_the_other(key_set: KeySet, clock: Clock) -> None:
    with fetches.asking("shared", "athena"), fetches.asking("shared", "epic"):
        fetch(ATHENA)
    await settled()
    found = await said(key_set)
    assert found.visitors[0].what.startswith("athenahealth preview or Epic fetched")
    assert all("was not seen" in sentence for sentence in found.ehrs)
    for _ in range(4):
        clock.forward(60)
        with fetches.asking("shared", "athena"):
            fetch(ATHENA)
        await settled()
    found = await said(key_set)
    assert found.visitors[0].what.startswith("athenahealth preview fetched")
    assert found.visitors[0].how == "Came 5 times while this app waited for a token of it."


async def test_where_one_ehr_is_registered_it_is_probably_that_one(
    key_set: KeySet, clock: Clock
) -> None:
    await in_database(key_set.registrations.filter(slug="epic").delete)
    fetch(STRANGER)
    await settled()
    found = await said(key_set)
    assert found.ehrs == [
        "Probably it was athenahealth preview that fetched less than a minute ago."
    ]
    assert "a stranger" in found.visitors[0].how


async def test_our_own_checks_are_nobodys_evidence(key_set: KeySet, clock: Clock) -> None:
    with fetches.asking("shared", "athena"):
        fetch(Visitor("127.0.0.1", fetches.OURSELVES))
    assert counts(await settled()) == {"127.0.0.1": {}}
    found = await said(key_set)
    assert found.visitors[0].what.startswith("This app itself fetched")
    assert all("was not seen" in sentence for sentence in found.ehrs)


async def test_another_key_set_is_another_matter(key_set: KeySet, clock: Clock) -> None:
    with fetches.asking("elsewhere", "athena"):
        fetch(ATHENA)
    assert counts(await settled()) == {"192.0.2.7": {}}


async def test_what_is_remembered_is_bounded(clock: Clock) -> None:
    for _ in range(fetches.MAX_REMEMBERED + 5):
        with fetches.asking("shared", "athena"):
            pass
    assert len(fetches._asked) == fetches.MAX_REMEMBERED
    clock.forward(60)
    await fetches.settle()
    assert not fetches._asked
