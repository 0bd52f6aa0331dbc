"""The alarms that an administrator sees first."""

from datetime import timedelta

from django import template
from django.utils import timezone

from smartapp.diagnosis.outcome import WRONG_PATIENT
from smartapp.launches.models import LaunchEvent

SHOWN = 5
RECENT = timedelta(days=30)

register = template.Library()


@register.simple_tag
def recent_wrong_patients() -> list[LaunchEvent]:
    """Return the newest launches, 30 days back, in which an EHR sent somebody else's data."""
    recent = LaunchEvent.objects.filter(code__in=WRONG_PATIENT, at__gte=timezone.now() - RECENT)
    return list(recent.select_related("endpoint").order_by("-id")[:SHOWN])
