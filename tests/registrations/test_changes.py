"""Whatever changes what launches read is noted by the database itself."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from smartapp.keys import key_creation
from smartapp.keys.models import KeySet, SigningKey
from smartapp.registrations import changes
from smartapp.registrations.models import Change, Endpoint, EndpointOverride, Registration
from tests.registrations.factories import make_endpoint

pytestmark = pytest.mark.django_db


def sql(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.fixture
def endpoint() -> Endpoint:
    endpoint = make_endpoint()
    key_creation.create_key_set("more", now=timezone.now())
    EndpointOverride.objects.create(
        endpoint=endpoint, member="token_endpoint", url="https://ehr.example/t", reason="x",
        set_by="admin", set_at=timezone.now(),
    )  # fmt: skip
    return endpoint


@pytest.mark.parametrize(
    "change",
    [
        lambda: Registration.objects.update(enabled=False),
        lambda: Endpoint.objects.update(enabled=False),
        lambda: EndpointOverride.objects.update(url="https://ehr.example/u"),
        lambda: EndpointOverride.objects.all().delete(),
        lambda: KeySet.objects.filter(slug="more").update(slug="fewer"),
        lambda: SigningKey.objects.update(confirmed_at=timezone.now()),
        lambda: Registration.objects.get().save(),
        lambda: make_endpoint("another", fhir_base_url="https://another.example/r4"),
        lambda: sql("UPDATE registrations_registration SET client_id = 'x'"),
        lambda: sql("DELETE FROM registrations_endpointoverride"),
    ],
)
@pytest.mark.usefixtures("endpoint")
def test_change_gives_another_version(change: Callable[[], Any]) -> None:
    before = changes.version()
    assert changes.version() == before
    change()
    assert changes.version() != before


@pytest.mark.usefixtures("endpoint")
def test_a_launch_or_a_fetch_is_no_change() -> None:
    before = changes.version()
    Endpoint.objects.get().discovery_snapshots.create(
        url="https://ehr.example", document={}, digest="0", fetched_at=timezone.now(),
        last_seen_at=timezone.now(),
    )  # fmt: skip
    assert changes.version() == before


def test_rows_do_not_pile_up() -> None:
    Change.objects.bulk_create(Change() for _ in range(changes.MAX_ROWS + 1))
    before = changes.version()
    assert Change.objects.count() == changes.KEPT_ROWS
    assert changes.version() != before


def test_two_changes_of_which_the_first_is_committed_last_are_both_seen() -> None:
    """The greatest id alone would not tell."""
    Change.objects.create(id=10**9 + 2)
    between = changes.version()
    Change.objects.create(id=10**9 + 1)
    assert changes.version() != between


def test_triggers_come_back_after_each_migrate_and_go_with_their_table() -> None:
    """SQLite drops them when a migration rebuilds a table."""
    changes.lift(connection)
    Change.objects.all().delete()  # emptying the tables after another test leaves some behind
    make_endpoint()
    assert Change.objects.count() == 0
    changes.install_after_migrate(using="default")
    changes.install_after_migrate(using="default")
    Endpoint.objects.update(name="x")
    assert Change.objects.count() == 1
