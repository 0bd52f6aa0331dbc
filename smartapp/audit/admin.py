"""The audit trail in the admin site: read, search and export. It cannot be edited."""
# ruff: noqa: ARG002 - Django's signatures

from collections.abc import Iterator
from textwrap import shorten
from typing import Any

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.html import format_html_join

from smartapp.audit import chain, export, origin, trail
from smartapp.audit.models import AuditEvent

DETAILS_IN_THE_LIST = 200  # characters
VERIFIED_ON_THE_PAGE = 5000  # takes a quarter of a second
EXPORTS = {
    "csv": (export.csv_lines, "text/csv"),
    "json": (export.fhir_lines, "application/fhir+json"),
}


class ReadOnlyAdmin(admin.ModelAdmin):
    """Rows that only the app writes: they cannot be added, changed or deleted by hand."""

    actions = None

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


def _details(event: AuditEvent) -> Iterator[str]:
    for name, value in event.detail.items():
        words = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        yield f"{name}: {words or 'empty'}"


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnlyAdmin):
    list_display = ("at", "actor", "origin", "action", "target", "details")
    fields = (
        "at",
        "actor",
        "origin",
        "action",
        "target",
        "all_details",
        "previous_digest",
        "digest",
    )
    list_filter = ("action", "actor")
    search_fields = ("actor", "origin", "action", "target", "detail")
    date_hierarchy = "at"
    change_list_template = "audit/change_list.html"

    @admin.display(description="Details")
    def details(self, event: AuditEvent) -> str:
        """The beginning, since a registration has thirty settings; the event's page has all."""
        return shorten("; ".join(_details(event)), DETAILS_IN_THE_LIST, placeholder=" …")

    @admin.display(description="Details")
    def all_details(self, event: AuditEvent) -> str:
        return format_html_join("", "<div>{}</div>", ((one,) for one in _details(event)))

    def get_urls(self) -> list[URLPattern]:
        exported = path(
            "export.<str:suffix>",
            self.admin_site.admin_view(self.export_view),
            name="audit_auditevent_export",
        )
        return [exported, *super().get_urls()]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        verdict = (
            {"verdict": chain.verify(newest=VERIFIED_ON_THE_PAGE)}
            if self.has_view_permission(request)
            else {}
        )
        return super().changelist_view(request, verdict)

    def export_view(self, request: HttpRequest, suffix: str) -> HttpResponse:
        """Export the events that the list shows with its search and filters, oldest first. Unknown
        filters are answered with 400, because the list would ignore them and show everything."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        if suffix not in EXPORTS:
            raise Http404
        lines, content_type = EXPORTS[suffix]
        try:
            events = self.get_changelist_instance(request).get_queryset(request).order_by("id")
        except IncorrectLookupParameters:
            words = "The list has no such filter: go back to it, and export from there."
            return HttpResponse(words, content_type="text/plain; charset=utf-8", status=400)
        response = HttpResponse("".join(lines(events)), content_type=content_type)
        trail.record(origin.actor(), "audit.export", "audit trail", to=f"audit.{suffix}")
        response["Content-Disposition"] = f'attachment; filename="audit.{suffix}"'
        return response
