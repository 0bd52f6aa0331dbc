"""django-axes' command, which also records in the audit trail who unlocked sign-ins."""

from typing import Any

from axes.management.commands.axes_reset import Command as AxesReset

from smartapp.administrators.models import SignInAttempt
from smartapp.audit import origin, trail


class Command(AxesReset):  # type: ignore[misc] # django-axes has no types
    def handle(self, *args: Any, **options: Any) -> None:
        trail.record(origin.actor(), "sign-in.unlocked", "every address")
        SignInAttempt.objects.all().delete()
        super().handle(*args, **options)
