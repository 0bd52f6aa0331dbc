"""The audit trail as administrators see it: read, searched, never written."""
# ruff: noqa: ARG002 - Django's signatures

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

from smartapp.audit.models import AuditEvent


class ReadOnlyAdmin(admin.ModelAdmin):
    """Rows that only the app itself writes: nobody adds, changes or deletes one by hand."""

    actions = None

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnlyAdmin):
    list_display = ("at", "actor", "action", "target", "detail")
    list_filter = ("action", "actor")
    search_fields = ("actor", "action", "target", "detail")
    date_hierarchy = "at"
