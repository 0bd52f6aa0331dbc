"""The admin site: its titles, and its parts in the order in which they are needed."""

from typing import Any

from django.contrib.admin import AdminSite
from django.http import HttpRequest

ORDER = ("registrations", "launches", "keys", "brands", "auth", "audit")
RANK = {label: rank for rank, label in enumerate(ORDER)}


class Site(AdminSite):
    site_header = site_title = "smartapp administration"
    index_title = "EHRs, keys, launches"

    def get_app_list(
        self, request: HttpRequest, app_label: str | None = None
    ) -> list[dict[str, Any]]:
        """Return the parts that the user may see; Django has them by the alphabet."""
        parts = super().get_app_list(request, app_label)
        return sorted(parts, key=lambda part: RANK.get(part["app_label"], len(ORDER)))
