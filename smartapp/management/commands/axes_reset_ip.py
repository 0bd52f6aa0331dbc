"""django-axes' command, which also records in the audit trail who unlocked sign-ins."""

from typing import Any

from axes.management.commands.axes_reset_ip import Command as AxesResetIP

from smartapp.audit import origin, trail


class Command(AxesResetIP):  # type: ignore[misc] # django-axes has no types
    def handle(self, *args: Any, **options: Any) -> None:
        addresses = [str(one) for one in options["ip"]]
        trail.record(origin.actor(), "sign-in.unlocked", ", ".join(addresses)[:200])
        super().handle(*args, **options)
