"""Launches for administrators: which, where, when and how they ended. No token, no PHI."""

from django.contrib import admin

from smartapp.audit.admin import ReadOnlyAdmin
from smartapp.launches.models import Launch


@admin.register(Launch)
class LaunchAdmin(ReadOnlyAdmin):
    list_display = ("uuid", "endpoint", "kind", "launched_at", "ended_at", "end_reason")
    list_filter = ("kind", "end_reason", "endpoint")
    date_hierarchy = "launched_at"
    list_select_related = ("endpoint",)
    # `session` and `state_digest` are nobody's business, and `sealed_tokens` is not for eyes.
    fields = (
        "uuid", "endpoint", "kind", "launched_at", "access_token_expires_at", "token_version",
        "refresh_not_before", "ended_at", "end_reason",
    )  # fmt: skip
