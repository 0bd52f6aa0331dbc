import json
import socket
from datetime import timedelta

import pytest
from django.db import transaction
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils import timezone

from smartapp.audit import origin, trail
from smartapp.audit.models import AuditEvent

pytestmark = pytest.mark.django_db


class TestRecord:
    def test_says_who_did_what_to_what_and_when(self) -> None:
        trail.record("alice", "keys.publish", "key set epic", kid="abc", alg="ES384")
        event = AuditEvent.objects.get()
        assert (event.actor, event.action, event.target) == (
            "alice",
            "keys.publish",
            "key set epic",
        )
        assert event.detail == {"kid": "abc", "alg": "ES384"}
        assert abs(event.at - timezone.now()) < timedelta(minutes=1)

    def test_says_on_which_machine_a_command_ran(self) -> None:
        trail.record("rotate_keys --auto", "keys.publish", "key set epic")
        assert AuditEvent.objects.get().origin.endswith(f" on {socket.gethostname()}")

    def test_says_from_which_address_an_administrator_acted(self, rf: RequestFactory) -> None:
        request = rf.get("/admin/", REMOTE_ADDR="192.0.2.7")
        with origin.of(request):
            trail.record("alice", "keys.publish", "key set epic")
        assert AuditEvent.objects.get().origin == "192.0.2.7"

    def test_goes_with_the_change_that_it_tells_of(self) -> None:
        """A rolled back change leaves no event."""
        with pytest.raises(KeyboardInterrupt), transaction.atomic():
            trail.record("alice", "keys.publish", "key set epic")
            raise KeyboardInterrupt
        assert not AuditEvent.objects.exists()


class TestAdmin:
    def test_says_that_the_chain_is_whole(self, admin_client: Client) -> None:
        trail.record("alice", "keys.publish", "key set epic")
        html = admin_client.get(reverse("admin:audit_auditevent_changelist")).content.decode()
        assert "<strong>Chain verified:</strong>" in html

    def test_says_which_event_was_changed(self, admin_client: Client) -> None:
        trail.record("alice", "keys.publish", "key set epic")
        event = AuditEvent.objects.get(actor="alice")
        AuditEvent.objects.filter(pk=event.pk).update(actor="mallory")
        html = admin_client.get(reverse("admin:audit_auditevent_changelist")).content.decode()
        assert "was tampered with" in html
        assert f"The content of event {event.pk} (" in html

    def test_the_newest_event_comes_first_and_is_found_by_its_detail(
        self, admin_client: Client
    ) -> None:
        trail.record("alice", "keys.publish", "key set epic", kid="abc")
        trail.record("bob", "keys.sign", "key set epic", kid="xyz")
        url = reverse("admin:audit_auditevent_changelist")
        everything = admin_client.get(url).content.decode()
        assert everything.index("bob") < everything.index("alice")
        found = admin_client.get(url, {"q": "abc"}).content.decode()
        assert ">alice<" in found
        assert ">bob</a></th>" not in found and "xyz" not in found

    def test_an_event_cannot_be_changed(self, admin_client: Client) -> None:
        trail.record("alice", "keys.publish", "key set epic", kid="abc")
        event = AuditEvent.objects.get(actor="alice")
        url = reverse("admin:audit_auditevent_change", args=[event.pk])
        assert admin_client.get(url).status_code == 200
        forged = {"actor": "mallory", "detail": json.dumps({})}
        assert admin_client.post(url, forged).status_code == 403
        event.refresh_from_db()
        assert event.actor == "alice"
