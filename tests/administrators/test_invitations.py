"""One-time links: the first administrator signs in with one."""

import io
import re
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client
from pytest_django import Settings

from smartapp.administrators import invitations
from smartapp.administrators.models import SecondFactor
from smartapp.audit.models import AuditEvent
from tests.administrators.conftest import PASSWORD, enrol

pytestmark = pytest.mark.django_db


def invited(username: str = "ann") -> str:
    """Return the path of the link that the command prints."""
    out = io.StringIO()
    call_command("create_administrator", username, stdout=out)
    found = re.search(r"^  (http://127\.0\.0\.1:8000/\S+)$", out.getvalue(), re.MULTILINE)
    assert found is not None, out.getvalue()
    return urlsplit(found.group(1)).path


def choose(client: Client, link: str, password: str = PASSWORD) -> Any:
    form = client.get(link, follow=True).redirect_chain[-1][0]
    choice = {"new_password1": password, "new_password2": password}
    return client.post(form, choice)


class TestLink:
    def test_lets_a_new_administrator_choose_a_password(self, client: Client) -> None:
        response = choose(client, invited())
        assert response["Location"] == "/admin/second-factor/"
        ann = User.objects.get(username="ann")
        assert ann.is_superuser and ann.check_password(PASSWORD)
        assert client.get("/admin/").status_code == 200

    def test_where_a_second_factor_is_required_it_is_set_up_at_once(
        self, client: Client, settings: Settings
    ) -> None:
        settings.ADMIN_SECOND_FACTOR = True
        choose(client, invited())
        assert client.get("/admin/").status_code == 302
        enrol(client)
        assert client.get("/admin/").status_code == 200

    def test_leaves_the_token_out_of_the_address_of_the_page(self, client: Client) -> None:
        link = invited()
        token = link.split("/")[-2]
        assert token not in client.get(link)["Location"]

    def test_works_once(self, client: Client) -> None:
        link = invited()
        choose(client, link)
        html = Client().get(link).content.decode()
        assert "This link does not work any more" in html

    def test_a_later_one_takes_its_place(self, client: Client) -> None:
        """The first one went to the wrong person."""
        wrong, right = invited(), invited()
        assert "does not work any more" in Client().get(wrong, follow=True).content.decode()
        choose(client, right)
        assert User.objects.get(username="ann").check_password(PASSWORD)

    def test_one_of_somebody_else_leaves_it_as_it_is(self, client: Client) -> None:
        link = invited()
        invited("bob")
        choose(client, link)
        assert User.objects.get(username="ann").check_password(PASSWORD)

    @pytest.mark.parametrize("flaw", [{"is_active": False}, {"is_staff": False}])
    def test_who_was_switched_off_since_cannot_use_it(
        self, client: Client, flaw: dict[str, Any]
    ) -> None:
        """Neither the page before nor a form that is open already."""
        link = invited()
        form = client.get(link, follow=True).redirect_chain[-1][0]
        User.objects.update(**flaw)
        for html in (
            Client().get(link, follow=True).content.decode(),
            client.post(
                form, dict.fromkeys(("new_password1", "new_password2"), PASSWORD)
            ).content.decode(),
        ):
            assert "This link does not work any more" in html
        assert not User.objects.get(username="ann").has_usable_password()

    def test_works_for_24_hours(self, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        link, made = invited(), datetime.now()  # noqa: DTZ005 - as Django's generator counts
        for hours, works in ((23.9, True), (24.1, False)):
            later = made + timedelta(hours=hours)
            monkeypatch.setattr(invitations.tokens, "_now", lambda later=later: later)
            html = client.get(link, follow=True).content.decode()
            assert ("Nobody else will know this password." in html) is works

    @pytest.mark.parametrize("broken", ["MQ/abc-def", "!!/abc-def", "OTk5/abc-def"])
    def test_a_broken_one_says_so(self, client: Client, broken: str) -> None:
        html = client.get(f"/admin/invitation/{broken}/").content.decode()
        assert "This link does not work any more" in html

    def test_a_weak_password_is_refused(self, client: Client) -> None:
        response = choose(client, invited(), "sandbox")
        assert response.status_code == 200
        assert "at least 12 characters" in response.content.decode()
        assert not User.objects.get(username="ann").has_usable_password()


class TestFromAColleague:
    """An administrator adds another one in the admin site, and passes a one-time link on."""

    def page(self, user: User) -> str:
        return f"/admin/auth/user/{user.pk}/password/"

    def made(self, browser: Client, user: User) -> str:
        html = browser.post(self.page(user)).content.decode()
        found = re.search(r"<code>(http://127\.0\.0\.1:8000/\S+)</code>", html)
        assert found is not None, html
        return urlsplit(found.group(1)).path

    def added(self, browser: Client) -> User:
        html = browser.get("/admin/auth/user/add/").content.decode()
        assert 'type="password"' not in html
        assert browser.post("/admin/auth/user/add/", {"username": "bob"}).status_code == 302
        return User.objects.get(username="bob")

    def test_a_new_one_chooses_the_password_and_has_no_rights_yet(self, signed_in: Client) -> None:
        bob, browser = self.added(signed_in), Client()
        assert bob.is_staff and not bob.is_superuser and not bob.has_usable_password()
        html = signed_in.get(f"/admin/auth/user/{bob.pk}/change/").content.decode()
        assert "Make a one-time link" in html
        choose(browser, self.made(signed_in, bob))
        bob.refresh_from_db()
        assert bob.check_password(PASSWORD) and not bob.is_superuser

    def test_the_page_alone_makes_none(self, signed_in: Client) -> None:
        bob = self.added(signed_in)
        assert "<code>" not in signed_in.get(self.page(bob)).content.decode()
        assert not AuditEvent.objects.filter(action=invitations.INVITED).exists()

    def test_it_is_recorded_who_made_it(self, signed_in: Client) -> None:
        link = self.made(signed_in, self.added(signed_in))
        event = AuditEvent.objects.get(action=invitations.INVITED)
        assert (event.actor, event.target) == ("alice", "administrator bob")
        assert link.split("/")[-2] not in str(list(AuditEvent.objects.values()))

    def test_nobody_types_a_password_for_somebody_else(self, signed_in: Client) -> None:
        bob = self.added(signed_in)
        signed_in.post(self.page(bob), {"password1": PASSWORD, "password2": PASSWORD})
        bob.refresh_from_db()
        assert not bob.has_usable_password()

    def test_ones_own_is_changed_with_the_old_one(self, signed_in: Client, alice: User) -> None:
        assert signed_in.post(self.page(alice))["Location"] == "/admin/password_change/"
        assert not AuditEvent.objects.filter(action=invitations.INVITED).exists()

    @pytest.mark.parametrize("flaw", [{"is_active": False}, {"is_staff": False}])
    def test_who_may_not_sign_in_gets_none(self, signed_in: Client, flaw: dict[str, Any]) -> None:
        bob = self.added(signed_in)
        User.objects.filter(pk=bob.pk).update(**flaw)
        html = signed_in.post(self.page(bob)).content.decode()
        assert "not allowed to sign in" in html and "<code>" not in html

    def test_a_name_in_other_letters_is_refused(self, signed_in: Client) -> None:
        html = signed_in.post("/admin/auth/user/add/", {"username": "Alice"}).content.decode()
        assert "There is alice already." in html

    @pytest.mark.parametrize("pk", ["999", "x"])
    def test_nobody_gets_none(self, signed_in: Client, pk: str) -> None:
        assert signed_in.get(f"/admin/auth/user/{pk}/password/").status_code == 404


class TestWhoExists:
    def test_gets_a_new_password_and_a_new_second_factor(
        self, signed_in: Client, settings: Settings
    ) -> None:
        """The phone and the recovery codes are lost."""
        settings.ADMIN_SECOND_FACTOR = True
        enrol(signed_in)
        client = Client()
        choose(client, invited("alice"), "another horse battery")
        assert not SecondFactor.objects.exists()
        assert client.get("/admin/", follow=True).redirect_chain[-1][0].endswith("set-up/")

    def test_until_then_nothing_changes(self, signed_in: Client, alice: User) -> None:
        invited("alice")
        alice.refresh_from_db()
        assert alice.check_password(PASSWORD)

    @pytest.mark.parametrize("flaw", [{"is_active": False}, {"is_staff": False}])
    def test_who_may_not_sign_in_gets_no_link(self, alice: User, flaw: dict[str, Any]) -> None:
        User.objects.update(**flaw)
        with pytest.raises(CommandError, match="not allowed to sign in"):
            invited("alice")


class TestCommand:
    @pytest.mark.parametrize("name", ["", "a b", "x" * 151, "<script>"])
    def test_refuses_a_name_that_is_none(self, name: str) -> None:
        with pytest.raises(CommandError):
            invited(name)
        assert not User.objects.exists()

    def test_takes_a_name_in_other_letters_for_no_new_administrator(self, alice: User) -> None:
        """Whoever lost their phone would get a second account, which may do everything."""
        with pytest.raises(CommandError, match="There is alice"):
            invited("Alice")
        assert User.objects.get() == alice

    def test_nobody_can_sign_in_before_the_link_was_used(self, client: Client) -> None:
        invited()
        client.post("/admin/login/", {"username": "ann", "password": ""})
        assert client.get("/admin/").status_code == 302

    def test_everything_is_recorded_but_the_link(self, client: Client) -> None:
        link = invited()
        choose(client, link)
        events = AuditEvent.objects.filter(target="administrator ann").order_by("id")
        assert [(event.action, event.actor) for event in events][1:] == [
            ("administrator.invite", events[0].actor),
            ("administrator.invitation-used", "ann"),
            ("administrator.change", "ann"),
        ]
        assert link.split("/")[-2] not in str(list(events.values()))
