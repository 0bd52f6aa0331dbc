"""What the script of a launch's page must know to close it in time.

The page holds a patient's record on a screen that others pass by. It closes itself when nobody
uses it (T18), when the launch has ended meanwhile (C158, C160), and when the EHR says that
another patient was opened there (C156). The server holds the same line without the script.
"""

from dataclasses import dataclass

from django.conf import settings
from django.utils import timezone

from smartapp.launches.store import StoredLaunch

WARNING_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Guard:
    """`seconds_left` are the launch's unless somebody uses it; `idle_minutes` None: however long
    nobody does. `origins` are those of the EHR's own pages, whose word counts."""

    presence_url: str
    patient_changed_url: str
    seconds_left: int
    idle_minutes: int | None
    warning_seconds: int
    origins: str


def seconds_left(launch: StoredLaunch) -> int:
    return max(0, int((launch.session_expires_at - timezone.now()).total_seconds()))


def guard(launch: StoredLaunch) -> Guard:
    """Return what the launch's page needs."""
    base = f"/launches/{launch.uuid}/"
    idle_minutes = settings.IDLE_MINUTES if launch.lasts_until else None
    return Guard(
        presence_url=f"{base}presence/",
        patient_changed_url=f"{base}patient-changed/",
        seconds_left=seconds_left(launch),
        idle_minutes=idle_minutes,
        # Of a short time only a part, or the warning would be there from the start.
        warning_seconds=min(WARNING_SECONDS, (idle_minutes or 60) * 30),
        origins=" ".join(launch.frame_ancestors),
    )
