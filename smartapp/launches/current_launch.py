"""The launch of the current request, which every address of a launch finds here, and its access to
the record."""

import asyncio
from uuid import UUID

from django.http import HttpRequest
from django.utils import timezone

from smartapp import logs
from smartapp.database import in_database
from smartapp.launches import cookies, refresh, steps, store
from smartapp.launches.cookies import SessionKey
from smartapp.launches.store import StoredLaunch
from smartapp.launches.tokens import LaunchTokens
from smartapp.protocol.errors import LaunchEnded, LaunchNotFound


async def find(
    request: HttpRequest, uuid: UUID, *, in_use: bool = False
) -> tuple[StoredLaunch, SessionKey]:
    """Return the launch and its key, found by uuid, session and expiry (C154, C155).

    `in_use`: a person uses it now, so its idle time starts again (T18). Raises LaunchNotFound for
    every other browser and after the session's end, TokensUnopened if this process lacks the
    key of its tokens.
    """
    key = cookies.session_key(request, uuid)
    if key is None:
        raise LaunchNotFound("this browser holds no key for it")
    look_up = store.find_in_use if in_use else store.find
    found = await in_database(look_up, uuid, key.digest, timezone.now())
    steps.resumed(found)
    logs.about(launch=str(found.uuid), endpoint=found.endpoint_slug)
    return found, key


class LaunchAccess:
    """Gives the reads of one page their access token, and a newer one after a 401."""

    def __init__(self, launch: StoredLaunch) -> None:
        self.launch = launch
        self.fhir_base_url = launch.fhir_base_url
        self._renewal = asyncio.Lock()

    @property
    def tokens(self) -> LaunchTokens:
        if self.launch.tokens is None:
            raise LaunchEnded(f"launch {self.launch.uuid} has no tokens")
        return self.launch.tokens

    async def access_token(self) -> str:
        return self.tokens.access_token

    async def renewed_access_token(self, rejected: str) -> str:
        """Return a token other than the rejected one. If parallel reads all get a 401, one of them
        refreshes and the others use its token (C141)."""
        async with self._renewal:
            if self.tokens.access_token == rejected:
                self.launch = await refresh.renewed(self.launch)
            return self.tokens.access_token
