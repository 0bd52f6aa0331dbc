"""Custody of the tokens that an authorization server issued, until the caller says that they are
stored (C133).

The caller may fail before that: a check refuses the answer, the database is away, the browser has
left, or our own code has a bug. Then the app asks the EHR to revoke the tokens, because they would
stay valid although nobody has them.
"""

import asyncio
import logging
from asyncio import Task
from dataclasses import dataclass, field, replace
from typing import Protocol

from django.db import Error as DatabaseError

from smartapp.database import in_database
from smartapp.exchange import background, pipeline, revocation
from smartapp.exchange.pipeline import Request
from smartapp.protocol.errors import Busy
from smartapp.protocol.token import Issued, TokenResponse
from smartapp.registrations.registry import EndpointConfig

logger = logging.getLogger(__name__)


class HandOver(Protocol):
    """Database work in one transaction: store which tokens to revoke (None for none), and do what
    else follows. If `was_sent` is false, the request certainly never reached the EHR."""

    def __call__(self, issued: Issued | None, *, was_sent: bool) -> None: ...


@dataclass(slots=True)
class Custody:
    """Ask for tokens inside this context. Tokens that are not kept at its end are handed over.

    If even that cannot be stored, the app asks the EHR to revoke them at once: one attempt, in the
    background, without a record in the database.

    `own` is the launch's present refresh token. It stays in use whatever happens: an EHR that does
    not rotate refresh tokens sends it again.
    """

    config: EndpointConfig = field(repr=False)
    hand_over: HandOver = field(repr=False)
    own: str | None = field(default=None, repr=False)
    issued: Issued | None = field(default=None, repr=False)
    is_kept: bool = False
    asking: Task[TokenResponse] | None = field(default=None, repr=False)

    async def __aenter__(self) -> "Custody":
        return self

    async def __aexit__(self, *_: object) -> None:
        if not self.is_kept:
            await background.to_its_end(self._let_go())

    async def ask(self, request: Request) -> TokenResponse:
        """Return the EHR's tokens, not yet checked. The request runs to its end even if the browser
        has left. Raises the errors of `pipeline.admit` and `pipeline.tokens`."""
        exchange = await pipeline.admit(request)
        self.asking = background.start(pipeline.tokens(exchange, self._hold))
        return await asyncio.shield(self.asking)

    def keep(self) -> None:
        """Say that the tokens are stored, in a launch that can be ended."""
        self.is_kept = True

    def _hold(self, issued: Issued) -> None:
        is_own = issued.refresh_token == self.own
        left = replace(issued, refresh_token=None) if is_own else issued
        self.issued = left if left.refresh_token or left.access_token else None

    async def _let_go(self) -> None:
        was_sent = await self._was_sent()
        try:
            await in_database(self.hand_over, self.issued, was_sent=was_sent)
        except DatabaseError:
            if self.issued is not None:
                background.start(_tell_unstored(self.config, self.issued))
            raise

    async def _was_sent(self) -> bool:
        """Wait for the request to finish; return whether it may have reached the EHR."""
        if self.asking is None:
            return False
        await asyncio.wait([self.asking])
        return not isinstance(self.asking.exception(), Busy)


async def _tell_unstored(config: EndpointConfig, issued: Issued) -> None:
    what = f"tokens of {config.slug} that could not be stored"
    told = await revocation.outcome(revocation.revoke(config, issued), what)
    if told.failure:
        logger.error("%s: the EHR was not told: %s", what, told.failure)
