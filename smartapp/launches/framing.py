"""Answers that an EHR may show in its own frame, and nobody else in theirs (C57, C150)."""

import asyncio
import logging
from collections.abc import Awaitable
from typing import Any

from django.http import HttpRequest, HttpResponseBase

from smartapp import frames
from smartapp.exception_reports import cause
from smartapp.frames import framable
from smartapp.middleware import error_response
from smartapp.protocol.errors import SmartError
from smartapp.registrations import registry

SECONDS_BETWEEN_LOOKS = 60

logger = logging.getLogger(__name__)


async def in_frame(
    request: HttpRequest,
    frame_ancestors: tuple[str, ...],
    answering: Awaitable[HttpResponseBase],
    **context: Any,
) -> HttpResponseBase:
    """Return the answer or its error's page, framable both: an EHR's frame must not go blank."""
    frames.also_know(frame_ancestors)
    try:
        response = await answering
    except SmartError as error:
        response = error_response(request, error, **context)
    return framable(response, frame_ancestors)


async def look_who_frames() -> None:
    """Remember from where registered EHRs frame this app, for a page that cannot ask. Raises
    django.db.Error."""
    configs = await registry.all_endpoints()
    frames.know(origin for config in configs for origin in config.frame_ancestors)


async def keep_knowing_who_frames() -> None:
    """Look for ever. What is known stays while the database is away."""
    while True:
        await asyncio.sleep(SECONDS_BETWEEN_LOOKS)
        try:
            await look_who_frames()
        except Exception as error:
            # Whatever it is: the task must not end with it.
            logger.error("registrations not read, what was known stays: %s", cause(error))
