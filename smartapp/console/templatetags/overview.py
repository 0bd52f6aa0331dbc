"""What the admin site's home page shows, for its template."""

from django import template
from django.contrib.auth.models import AnonymousUser, User
from django.utils import timezone

from smartapp.console import overview
from smartapp.launches import events
from smartapp.launches.models import LaunchEvent

register = template.Library()
register.simple_tag(overview.is_any_registered)


@register.simple_tag
def recent_wrong_patients() -> list[LaunchEvent]:
    events.flush_now()
    return overview.recent_wrong_patients(timezone.now())


@register.simple_tag
def needs_of(user: User | AnonymousUser) -> overview.Needs:
    return overview.needs(user, timezone.now())


@register.simple_tag
def last_day() -> overview.LastDay:
    events.flush_now()
    return overview.last_day(timezone.now())
