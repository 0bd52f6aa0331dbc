"""The launch of the current request: every address of a launch finds it here."""

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
    """Return the launch and its key, found by uuid, session and expiry (C154, C155).

    `in_use`: a person uses it now, so its idle time starts again (T18). Raises LaunchNotFound for
    every other browser and after the session's end, LaunchEnded if its tokens cannot be decrypted
    any more.
    """
    key = cookies.session_key(request, uuid)
    if key is None:
        raise LaunchNotFound("this browser holds no key for it")
    look_up = store.find_in_use if in_use else store.find
    found = await in_database(look_up, uuid, key.digest, timezone.now())
    steps.resumed(found)
    logs.about(launch=str(found.uuid), endpoint=found.endpoint_slug)
    return found, key
