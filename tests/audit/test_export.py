import csv
import io
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from fhir.resources.R4B.bundle import Bundle

from smartapp.audit import trail
from smartapp.audit.models import AuditEvent

pytestmark = pytest.mark.django_db


@pytest.fixture
def events() -> list[AuditEvent]:
    trail.record("alice", "keys.publish", "key set epic", kid="abc", hours=30, note="")
    trail.record("=cmd|'/c calc'!A1", "sign-in.failed", "sign-in")
    return list(AuditEvent.objects.order_by("id"))


def exported(*options: str) -> str:
    out = io.StringIO()
    call_command("audit", *options, stdout=out, stderr=out)
    return out.getvalue()


def bundle() -> Any:
    """Return the export, parsed by a FHIR library."""
    return Bundle.model_validate_json(exported("--fhir", "-"))


class TestCSV:
    def test_has_one_line_per_event_oldest_first(self, events: list[AuditEvent]) -> None:
        first, _ = csv.DictReader(io.StringIO(exported("--csv", "-")))
        assert (first["actor"], first["target"]) == ("alice", "key set epic")
        assert json.loads(first["detail"]) == {"kid": "abc", "hours": 30, "note": ""}
        assert first["digest"] == events[0].digest

    def test_holds_nothing_that_a_spreadsheet_runs(self, events: list[AuditEvent]) -> None:
        _, second = csv.DictReader(io.StringIO(exported("--csv", "-")))
        assert second["actor"] == "'=cmd|'/c calc'!A1"

    def test_begins_on_a_day(self, events: list[AuditEvent]) -> None:
        AuditEvent.objects.filter(pk=events[0].pk).update(at=timezone.now() - timedelta(days=3))
        yesterday = (timezone.now() - timedelta(days=1)).date().isoformat()
        (only,) = csv.DictReader(io.StringIO(exported("--csv", "-", "--since", yesterday)))
        assert only["id"] == str(events[1].pk)

    @pytest.mark.parametrize("day", ["yesterday", "2026-13-01", "2026-02-30"])
    def test_a_day_that_is_none_is_refused(self, day: str) -> None:
        with pytest.raises(CommandError, match="invalid date"):
            call_command("audit", "--csv", "-", "--since", day)

    def test_goes_to_a_file(self, events: list[AuditEvent], tmp_path: Path) -> None:
        assert exported("--csv", str(tmp_path / "audit.csv")) == ""
        assert len((tmp_path / "audit.csv").read_text().splitlines()) == 3

    def test_a_file_that_cannot_be_written_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(CommandError, match="need a file each"):
            exported("--csv", "-", "--fhir", "-")
        with pytest.raises(CommandError, match=r"none/audit\.csv: No such file"):
            exported("--csv", str(tmp_path / "none" / "audit.csv"))


class TestFHIR:
    def test_is_a_valid_bundle_of_audit_events(self, events: list[AuditEvent]) -> None:
        published, failed = (entry.resource for entry in bundle().entry)
        assert published.agent[0].name == "alice"
        assert published.recorded == events[0].at.replace(
            microsecond=events[0].at.microsecond // 1000 * 1000
        )
        details = {detail.type: detail.valueString for detail in published.entity[0].detail}
        assert details == {"digest": events[0].digest, "kid": "abc", "hours": "30", "note": '""'}
        assert (published.outcome, failed.outcome) == ("0", "4")
        assert failed.type.code == "110114"

    def test_says_the_network_address_of_a_browser(self) -> None:
        trail.record("alice", "keys.publish", "key set epic")
        AuditEvent.objects.update(origin="2001:db8::1")
        (entry,) = bundle().entry
        assert entry.resource.agent[0].network.address == "2001:db8::1"

    def test_an_empty_trail_is_a_valid_bundle(self) -> None:
        assert bundle().entry is None


class TestAdmin:
    @pytest.mark.parametrize("suffix", ["csv", "json"])
    def test_exports_what_the_list_shows(
        self, admin_client: Client, events: list[AuditEvent], suffix: str
    ) -> None:
        url = reverse("admin:audit_auditevent_export", args=[suffix])
        response = admin_client.get(url, {"q": "abc"})
        assert response["Content-Disposition"] == f'attachment; filename="audit.{suffix}"'
        assert "alice" in response.content.decode()
        assert "sign-in.failed" not in response.content.decode()

    def test_offers_the_exports(self, admin_client: Client) -> None:
        html = admin_client.get(reverse("admin:audit_auditevent_changelist"), {"q": "abc"})
        assert "/admin/audit/auditevent/export.csv?q=abc" in html.content.decode()

    @pytest.mark.parametrize("suffix", ["csv", "json"])
    @pytest.mark.parametrize(
        "junk", ["foo=1", "foo__bar=1", "id__exact=x", "at__gte=x", "pk__in=x"]
    )
    def test_a_filter_that_is_none_exports_nothing_and_says_so(
        self, admin_client: Client, suffix: str, junk: str
    ) -> None:
        answer = admin_client.get(f"/admin/audit/auditevent/export.{suffix}?{junk}")
        assert answer.status_code == 400
        assert "The list has no such filter" in answer.content.decode()

    def test_another_format_is_not_found(self, admin_client: Client) -> None:
        url = reverse("admin:audit_auditevent_export", args=["xml"])
        assert admin_client.get(url).status_code == 404

    def test_who_may_not_look_may_not_export(self, client: Client) -> None:
        client.force_login(User.objects.create_user("curious", is_staff=True))
        url = reverse("admin:audit_auditevent_export", args=["csv"])
        assert client.get(url).status_code == 403
        assert client.get(reverse("admin:audit_auditevent_changelist")).status_code == 403
