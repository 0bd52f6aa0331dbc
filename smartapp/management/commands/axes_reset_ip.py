"""django-axes' command, which also records in the audit trail who unlocked sign-ins."""

from typing import Any

from axes.management.commands.axes_reset_ip import Command as AxesResetIP
from django.core.management.base import CommandError

from smartapp.administrators import throttling
from smartapp.administrators.models import SignInAttempt
from smartapp.audit import origin, trail


class Command(AxesResetIP):  # type: ignore[misc] # django-axes has no types
    def handle(self, *args: Any, **options: Any) -> None:
        networks = [_network(str(one)) for one in options["ip"]]
        trail.record(origin.actor(), "sign-in.unlocked", ", ".join(networks)[:200])
        SignInAttempt.objects.filter(network__in=networks).delete()
        super().handle(*args, **{**options, "ip": networks})


def _network(address: str) -> str:
    try:
        return throttling.counted_as(address)
    except ValueError as error:
        raise CommandError(f"{address} is not an IP address.") from error
