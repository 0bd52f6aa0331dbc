"""The template context of pages outside the admin site proper: its style, without its menus."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest


def site(request: HttpRequest) -> dict[str, Any]:
    context = admin.site.each_context(request)
    return {**context, "is_nav_sidebar_enabled": False, "available_apps": []}
