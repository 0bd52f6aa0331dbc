"""A launch as the chart sees it: where its record is, and a token that opens it."""

import asyncio

from smartapp.launches import refresh
from smartapp.launches.store import StoredLaunch
from smartapp.launches.tokens import LaunchTokens
from smartapp.protocol.errors import LaunchEnded


class LaunchAccess:
    """Gives the reads of one page their access token, and after a 401 one newer than it."""

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
        """Return a token other than the rejected one. Of parallel reads that all meet a 401, one
        refreshes and the others take what it got (C141)."""
        async with self._renewal:
            if self.tokens.access_token == rejected:
                self.launch = await refresh.renewed(self.launch)
            return self.tokens.access_token
