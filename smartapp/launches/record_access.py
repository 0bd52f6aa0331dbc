"""A launch as the chart sees it: the address of its record, and an access token for it."""

import asyncio

from smartapp.launches import refresh
from smartapp.launches.store import StoredLaunch
from smartapp.launches.tokens import LaunchTokens
from smartapp.protocol.errors import LaunchEnded


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
