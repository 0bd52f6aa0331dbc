"""The launch that a request's browser holds the key of: every address of a launch asks here."""

from uuid import UUID

from django.http import HttpRequest
from django.utils import timezone

from smartapp import logs
from smartapp.database import in_database
from smartapp.launches import cookies, steps, store
from smartapp.launches.cookies import SessionKey
from smartapp.launches.store import StoredLaunch
from smartapp.protocol.errors import LaunchNotFound


async def find(
    request: HttpRequest, uuid: UUID, *, in_use: bool = False
) -> tuple[StoredLaunch, SessionKey]:
    """Return the launch with that key, found by uuid, session and expiry (C154, C155).

    `in_use`: a person uses it now, so its session lives on (T18). LaunchNotFound for every other
    browser and after the session's end; LaunchEnded when its tokens do not open any more.
    """
    key = cookies.session_key(request, uuid)
    if key is None:
        raise LaunchNotFound("this browser holds no key for it")
    look_up = store.find_in_use if in_use else store.find
    found = await in_database(look_up, uuid, key.digest, timezone.now())
    steps.resumed(found)
    logs.about(launch=str(found.uuid), endpoint=found.endpoint_slug)
    return found, key
