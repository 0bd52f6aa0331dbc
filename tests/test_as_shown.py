"""Of two administrators who have one page open, the second one undoes nothing of the first's."""

import html
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.db.models import Model
from django.test import Client

from smartapp.as_shown import CHANGED_MEANWHILE
from smartapp.audit.models import AuditEvent
from smartapp.keys.models import KeySet
from smartapp.registrations.models import Endpoint, Registration
from tests.registrations.factories import make_endpoint

pytestmark = pytest.mark.django_db

REGISTRATION = "/admin/registrations/registration/{}/change/"
KEY_SET = "/admin/keys/keyset/{}/settings/"
USER = "/admin/auth/user/{}/change/"
GROUP = "/admin/auth/group/{}/change/"

Open = Callable[[], tuple[str, Model]]


def as_it_is(browser: Client, url: str) -> dict[str, Any]:
    """Return what a browser sends when nothing on the page was touched."""
    page = browser.get(url).content.decode()
    sent: dict[str, Any] = {}
    for tag in re.findall(r"<input[^>]*>", page):
        given = dict(re.findall(r'([\w-]+)="([^"]*)"', tag))
        is_off = given["type"] in {"checkbox", "radio"} and " checked" not in tag
        if "name" in given and not is_off and given["type"] not in {"submit", "password"}:
            default = "on" if given["type"] == "checkbox" else ""
            sent[given["name"]] = html.unescape(given.get("value", default))
    named = r'<{0}[^>]*name="([^"]+)"[^>]*>\n?(.*?)</{0}>'
    for name, text in re.findall(named.format("textarea"), page, re.DOTALL):
        sent[name] = html.unescape(text)
    for name, options in re.findall(named.format("select"), page, re.DOTALL):
        sent[name] = re.findall(r'<option value="([^"]*)" selected', options)
    return sent


def a_registration() -> tuple[str, Model]:
    registration = make_endpoint().registration
    return REGISTRATION.format(registration.pk), registration


def an_endpoint() -> tuple[str, Model]:
    endpoint = make_endpoint()
    return REGISTRATION.format(endpoint.registration_id), endpoint


def a_key_set() -> tuple[str, Model]:
    key_set = make_endpoint().registration.key_set
    return KEY_SET.format(key_set.pk), key_set


def a_user() -> tuple[str, Model]:
    user = User.objects.create_user("bob", is_staff=True)
    return USER.format(user.pk), user


def a_group() -> tuple[str, Model]:
    group = Group.objects.create(name="clinic")
    return GROUP.format(group.pk), group


PAGES: dict[str, tuple[Open, dict[str, Any]]] = {
    "registration": (a_registration, {"enabled": False}),
    "endpoint": (an_endpoint, {"enabled": False}),
    "key set": (a_key_set, {"imported_by_vendor": True}),
    "user": (a_user, {"is_staff": False}),
    "group": (a_group, {"name": "former clinic"}),
}


@pytest.mark.parametrize(("opened", "change"), PAGES.values(), ids=PAGES)
def test_what_was_changed_meanwhile_is_not_undone(
    admin_client: Client, opened: Open, change: dict[str, Any]
) -> None:
    url, row = opened()
    sent = as_it_is(admin_client, url)
    rows = type(row)._default_manager.filter(pk=row.pk)
    rows.update(**change)
    audited = AuditEvent.objects.count()
    response = admin_client.post(url, sent)
    assert html.escape(CHANGED_MEANWHILE) in response.content.decode()
    assert rows.filter(**change).exists() and AuditEvent.objects.count() == audited
    # Sent again from the page that says so, it is refused again.
    again = sent | {
        "as_shown": re.findall(r'as_shown" value="(\w+)"', response.content.decode())[0]
    }
    assert admin_client.post(url, again).status_code == 200


@pytest.mark.parametrize(("opened", "change"), PAGES.values(), ids=PAGES)
def test_what_nobody_else_changed_is_saved(
    admin_client: Client, opened: Open, change: dict[str, Any]
) -> None:
    url, _ = opened()
    response = admin_client.post(url, as_it_is(admin_client, url))
    assert response.status_code == 302, re.findall(r"errorlist.*?</ul>", response.content.decode())


def test_rights_that_were_taken_away_meanwhile_are_not_given_back(admin_client: Client) -> None:
    url, user = a_user()
    assert isinstance(user, User)
    user.user_permissions.set(Permission.objects.filter(codename="rotate_keyset"))
    sent = as_it_is(admin_client, url)
    user.user_permissions.clear()
    assert admin_client.post(url, sent).status_code == 200
    assert not user.user_permissions.exists()


def test_the_order_in_which_a_database_gives_groups_is_no_change(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, user = a_user()
    assert isinstance(user, User)
    user.groups.set([Group.objects.create(name="nurses"), Group.objects.create(name="doctors")])
    monkeypatch.setattr(Group._meta, "ordering", ["name"])
    sent = as_it_is(admin_client, url)
    monkeypatch.setattr(Group._meta, "ordering", ["-name"])
    assert admin_client.post(url, sent).status_code == 302


def test_a_sign_in_meanwhile_is_no_change(admin_client: Client) -> None:
    url, user = a_user()
    assert isinstance(user, User)
    sent = as_it_is(admin_client, url)
    Client().force_login(user)
    assert admin_client.post(url, sent).status_code == 302


def test_who_may_only_look_is_shown_the_page_without_it(client: Client) -> None:
    url, registration = a_registration()
    viewer = User.objects.create_user("viewer", is_staff=True)
    viewer.user_permissions.set(Permission.objects.filter(codename="view_registration"))
    client.force_login(viewer)
    response = client.get(url)
    assert response.status_code == 200 and "as_shown" not in response.content.decode()
    assert Registration.objects.get() == registration and Endpoint.objects.exists()


def test_a_wait_for_a_copy_is_remembered(admin_client: Client) -> None:
    """The first one says that an EHR was given a copy, the second one changes the age."""
    url, key_set = a_key_set()
    sent = as_it_is(admin_client, url)
    admin_client.post(url, sent | {"imported_by_vendor": "on"})
    admin_client.post(url, sent | {"rotate_after_days": "30"})
    stored = KeySet.objects.get(pk=key_set.pk)
    assert (stored.imported_by_vendor, stored.rotate_after_days) == (True, 90)
