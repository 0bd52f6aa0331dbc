"""What the admin site's home page knows of the registrations."""

from django import template

from smartapp.registrations.models import Registration

register = template.Library()


@register.simple_tag
def is_any_registered() -> bool:
    """Return whether an EHR is registered, ready or not."""
    return Registration.objects.exists()
