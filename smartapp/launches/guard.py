"""What the script of a launch's page needs to close the page in time.

The page shows a patient's record on a screen that others pass by. It closes itself when it is not
used (T18), when the launch has ended (C158, C160), and when the EHR says that another patient was
opened there (C156). The server enforces the same limits without the script.
"""

from dataclasses import dataclass

from django.conf import settings
from django.utils import timezone

from smartapp.launches.store import StoredLaunch

WARNING_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Guard:
    """`seconds_left`: until the launch ends if it is not used. `idle_minutes`: None for no idle
    limit. `origins`: those of the EHR's own pages, whose messages count."""

    presence_url: str
    patient_changed_url: str
    seconds_left: int
    idle_minutes: int | None
    warning_seconds: int
    origins: str


def seconds_left(launch: StoredLaunch) -> int:
    return max(0, int((launch.session_expires_at - timezone.now()).total_seconds()))


def guard(launch: StoredLaunch) -> Guard:
    """Return what the script of the launch's page needs."""
    base = f"/launches/{launch.uuid}/"
    idle_minutes = settings.IDLE_MINUTES if launch.lasts_until else None
    return Guard(
        presence_url=f"{base}presence/",
        patient_changed_url=f"{base}patient-changed/",
        seconds_left=seconds_left(launch),
        idle_minutes=idle_minutes,
        # With a short idle time the warning comes later, or it would be shown from the start.
        warning_seconds=min(WARNING_SECONDS, (idle_minutes or 60) * 30),
        origins=" ".join(launch.frame_ancestors),
    )
