"""Sign-ins and changes of rights are in the audit trail."""

from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from smartapp.audit.models import AuditEvent
from tests.administrators.conftest import PASSWORD

pytestmark = pytest.mark.django_db


def recorded(action: str) -> dict[str, Any]:
    """Return the one event with this action."""
    event = AuditEvent.objects.get(action=action)
    return {
        "actor": event.actor,
        "origin": event.origin,
        "target": event.target,
        "detail": event.detail,
    }


class TestSignIn:
    def test_is_recorded_with_its_address(self, alice: User) -> None:
        browser = Client(REMOTE_ADDR="2001:db8::7")
        browser.post("/admin/login/", {"username": "alice", "password": PASSWORD})
        event = recorded("sign-in")
        assert (event["actor"], event["origin"]) == ("alice", "2001:db8::7")
        assert AuditEvent.objects.filter(action="administrator.change").count() == 0

    def test_and_so_is_signing_out(self, signed_in: Client) -> None:
        signed_in.post("/admin/logout/")
        assert recorded("sign-out")["actor"] == "alice"

    def test_a_failed_one_names_only_who_exists(self, client: Client, alice: User) -> None:
        """People type passwords into the wrong field."""
        for username in ("alice", "my-secret-password"):
            client.post("/admin/login/", {"username": username, "password": "x"})
        failed = AuditEvent.objects.filter(action="sign-in.failed").order_by("id")
        assert [event.actor for event in failed] == ["alice", "somebody unknown"]
        assert "my-secret-password" not in str(list(AuditEvent.objects.values()))


class TestRights:
    def test_a_new_administrator_made_by_a_command(self) -> None:
        call_command("createsuperuser", username="ann", email="", interactive=False, verbosity=0)
        event = recorded("administrator.create")
        assert event["target"] == "administrator ann"
        assert event["detail"]["is_superuser"] is True

    def test_what_an_administrator_changes_for_another(self, signed_in: Client) -> None:
        bob = User.objects.create_user("bob", password=PASSWORD)
        view = Permission.objects.get(codename="view_auditevent")
        group = Group.objects.create(name="Auditors")
        form = {
            "username": "bob", "is_active": "on", "is_staff": "on", "groups": [group.pk],
            "user_permissions": [view.pk], "date_joined_0": "2026-01-01",
            "date_joined_1": "00:00:00",
        }  # fmt: skip
        url = reverse("admin:auth_user_change", args=[bob.pk])
        assert signed_in.post(url, form).status_code == 302
        change = recorded("administrator.change")
        assert (change["actor"], change["target"]) == ("alice", "administrator bob")
        assert change["detail"] == {"is_staff": True}
        rights = AuditEvent.objects.filter(action="administrator.rights").values_list("detail")
        assert sorted(str(detail) for (detail,) in rights) == [
            "{'added': ['Audit | audit event | Can view audit event']}",
            "{'added': ['Auditors']}",
        ]

    def test_what_is_taken_away(self) -> None:
        group = Group.objects.create(name="Auditors")
        group.permissions.add(Permission.objects.get(codename="view_auditevent"))
        group.permissions.clear()
        details = AuditEvent.objects.filter(action="group.rights").order_by("id")
        assert [event.detail for event in details] == [
            {"added": ["Audit | audit event | Can view audit event"]},
            {"cleared": "all permissions"},
        ]

    def test_a_new_password_but_never_the_password(self, alice: User) -> None:
        alice.set_password("another horse battery")
        alice.save()
        assert recorded("administrator.change")["detail"] == {"password": "changed"}
        assert "horse" not in str(list(AuditEvent.objects.values()))

    @pytest.mark.parametrize("kind", [User, Group])
    def test_who_is_deleted(self, kind: type[User] | type[Group]) -> None:
        row = User.objects.create_user("bob") if kind is User else Group.objects.create(name="bob")
        row.delete()
        action = "administrator.delete" if kind is User else "group.delete"
        assert recorded(action)["target"].endswith(" bob")
