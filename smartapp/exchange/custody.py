"""What an authorization server gave is in custody until somebody says that it is kept (C133).

Left in any other way, by a refused proof, a database that is away, a browser that has gone or a
fault of our own, the EHR is to be told that nobody has these tokens: each goes on to open what it
opens until then.
"""

import asyncio
import logging
from asyncio import Task
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
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
    """Database work, in one transaction: write down what the EHR is to be told, None for nothing,
    and what else follows. Unless `was_sent`, the EHR was certainly not asked."""

    def __call__(self, issued: Issued | None, *, was_sent: bool) -> None: ...


@dataclass(slots=True)
class Custody:
    """`own` is a refresh token that stays somebody's whatever comes: an EHR that does not rotate
    sends it again."""

    own: str | None = field(default=None, repr=False)
    issued: Issued | None = field(default=None, repr=False)
    is_kept: bool = False
    asking: Task[TokenResponse] | None = field(default=None, repr=False)

    async def ask(self, request: Request) -> TokenResponse:
        """Return what the EHR gives, unproven. The request goes on to its end although the browser
        has gone. Raises as `pipeline.admit` and `pipeline.tokens` do."""
        exchange = await pipeline.admit(request)
        self.asking = background.start(pipeline.tokens(exchange, self._hold))
        return await asyncio.shield(self.asking)

    def keep(self) -> None:
        """The tokens are stored, and somebody can end them."""
        self.is_kept = True

    def _hold(self, issued: Issued) -> None:
        is_own = issued.refresh_token == self.own
        left = replace(issued, refresh_token=None) if is_own else issued
        self.issued = left if left.refresh_token or left.access_token else None

    async def was_sent(self) -> bool:
        """Return whether the EHR may have been asked, once that is over."""
        if self.asking is None:
            return False
        await asyncio.wait([self.asking])
        return not isinstance(self.asking.exception(), Busy)


@asynccontextmanager
async def custody(
    config: EndpointConfig, hand_over: HandOver, held: Custody
) -> AsyncIterator[Custody]:
    """Ask within this. What is not kept at its end is handed over; where even that cannot be
    stored, the EHR is told at once, without a word in the database. Nobody waits for that, and it
    is tried once."""
    try:
        yield held
    finally:
        if not held.is_kept:
            await background.to_its_end(_let_go(config, held, hand_over))


async def _let_go(config: EndpointConfig, held: Custody, hand_over: HandOver) -> None:
    was_sent = await held.was_sent()
    try:
        await in_database(hand_over, held.issued, was_sent=was_sent)
    except DatabaseError:
        if held.issued is not None:
            background.start(_tell_unstored(config, held.issued))
        raise


async def _tell_unstored(config: EndpointConfig, issued: Issued) -> None:
    what = f"tokens of {config.slug} that could not be stored"
    told = await revocation.outcome(revocation.revoke(config, issued), what)
    if told.failure:
        logger.error("%s: the EHR was not told: %s", what, told.failure)
