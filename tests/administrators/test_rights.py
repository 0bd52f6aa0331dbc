"""Administrators who manage users cannot give more rights than they have, nor become superuser."""

from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.test import Client

pytestmark = pytest.mark.django_db
OWN = ("view_user", "change_user", "delete_user", "view_group", "change_group", "view_keyset")


def permission(codename: str) -> Permission:
    return Permission.objects.get(codename=codename)


@pytest.fixture
def keeper() -> User:
    user = User.objects.create_user("keeper", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=OWN))
    return user


@pytest.fixture
def browser(client: Client, keeper: User) -> Client:
    client.force_login(keeper)
    return client


def save(browser: Client, user: User, **fields: Any) -> int:
    sent = {
        "username": user.username, "is_active": "on", "date_joined_0": "2026-01-01",
        "date_joined_1": "00:00:00", "user_permissions": [], "groups": [],
    }  # fmt: skip
    return browser.post(f"/admin/auth/user/{user.pk}/change/", sent | fields).status_code


def make_link(browser: Client, user: User) -> int:
    return browser.post(f"/admin/auth/user/{user.pk}/password/").status_code


def test_nobody_makes_a_superuser_who_is_none(browser: Client, keeper: User) -> None:
    own = [str(one.pk) for one in keeper.user_permissions.all()]
    save(browser, keeper, is_superuser="on", is_staff="on", user_permissions=own)
    assert not User.objects.get(pk=keeper.pk).is_superuser


@pytest.mark.parametrize("kind", ["superuser", "one who may do more", "one who is switched off"])
def test_who_may_do_more_is_there_to_look_at_only(browser: Client, kind: str) -> None:
    other = User.objects.create_user("other", password="x", is_superuser=kind == "superuser")
    other.user_permissions.add(permission("view_auditevent"))
    User.objects.update(is_active=True)
    User.objects.filter(pk=other.pk).update(is_active=kind != "one who is switched off")
    assert browser.get(f"/admin/auth/user/{other.pk}/change/").status_code == 200
    assert save(browser, other, username="mine") == 403
    assert make_link(browser, other) == 403
    assert browser.post(f"/admin/auth/user/{other.pk}/delete/", {"post": "yes"}).status_code == 403
    chosen = {"action": "delete_selected", "_selected_action": [other.pk], "post": "yes"}
    browser.post("/admin/auth/user/", chosen)
    other.refresh_from_db()
    assert other.username == "other" and other.check_password("x")


def test_rights_are_given_as_far_as_ones_own(browser: Client) -> None:
    other = User.objects.create_user("other")
    more, own = permission("view_auditevent"), permission("view_keyset")
    powerful, harmless = Group.objects.create(name="a"), Group.objects.create(name="b")
    powerful.permissions.add(more)
    assert save(browser, other, user_permissions=[more.pk]) == 200
    assert save(browser, other, groups=[powerful.pk]) == 200
    assert not other.user_permissions.exists() and not other.groups.exists()
    assert save(browser, other, user_permissions=[own.pk], groups=[harmless.pk]) == 302
    assert make_link(browser, other) == 200
    group = f"/admin/auth/group/{harmless.pk}/change/"
    assert browser.post(group, {"name": "b", "permissions": [more.pk]}).status_code == 200
    assert not harmless.permissions.exists()
    url = f"/admin/auth/group/{powerful.pk}/change/"
    assert browser.post(url, {"name": "mine"}).status_code == 403


def test_a_superuser_does_all_of_it(admin_client: Client) -> None:
    other = User.objects.create_user("other")
    more = permission("view_auditevent")
    assert save(admin_client, other, is_superuser="on", user_permissions=[more.pk]) == 302
    assert User.objects.get(pk=other.pk).is_superuser


class TestLastSuperuser:
    LAST = "nobody is left who may do everything here"

    @pytest.mark.parametrize("taken", ["is_superuser", "is_staff", "is_active"])
    def test_keeps_every_right(self, admin_client: Client, admin_user: User, taken: str) -> None:
        sent = {"username": "admin", "is_superuser": "on", "is_staff": "on", "is_active": "on"}
        del sent[taken]
        url = f"/admin/auth/user/{admin_user.pk}/change/"
        assert self.LAST in admin_client.post(url, sent).content.decode()
        admin_user.refresh_from_db()
        assert admin_user.is_superuser and admin_user.is_staff and admin_user.is_active
        User.objects.create_superuser("another", password="x")
        assert admin_client.post(url, sent).status_code == 302

    def test_is_not_deleted(self, admin_client: Client, admin_user: User) -> None:
        User.objects.create_superuser("switched off", password="x", is_active=False)
        other = User.objects.create_user("other")
        url = f"/admin/auth/user/{admin_user.pk}/delete/"
        assert self.LAST in admin_client.post(url, {"post": "yes"}).content.decode()
        chosen = {"action": "delete_selected", "_selected_action": [admin_user.pk, other.pk]}
        html = admin_client.post("/admin/auth/user/", chosen | {"post": "yes"}).content.decode()
        assert self.LAST in html and User.objects.count() == 3

    def test_others_are(self, admin_client: Client) -> None:
        other = User.objects.create_user("other")
        admin_client.post(f"/admin/auth/user/{other.pk}/delete/", {"post": "yes"})
        assert not User.objects.filter(pk=other.pk).exists()
