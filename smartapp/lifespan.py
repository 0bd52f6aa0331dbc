"""Start and shutdown of a server process (the ASGI lifespan protocol).

A process that cannot work does not start: it reports the reason in one sentence and ends. Without
the task that keeps its keys fresh, it would sign with keys that were dropped.
"""

import asyncio
import contextlib
import gc
import logging

from django.core.exceptions import ImproperlyConfigured

from smartapp import __version__, checks, deadlines, http, logs, metrics, metrics_page
from smartapp.bytes_answer import Receive, Send
from smartapp.database import in_database
from smartapp.exception_reports import sentence
from smartapp.exchange import background
from smartapp.keys import memory
from smartapp.launches import events
from smartapp.registrations import discovery, registry

STEP_SECONDS = 1.5

logger = logging.getLogger(__name__)


async def lifespan(receive: Receive, send: Send) -> None:
    """Start what requests need before the first one, and stop it after the last."""
    tasks: list[asyncio.Task[None]] = []
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            try:
                tasks = await _start()
            except Exception as error:
                # Catch everything: uvicorn may read an exception here as "no lifespan support" and
                # serve without what starts here.
                words = f"smartapp does not start: {sentence(error)}"
                await send({"type": "lifespan.startup.failed", "message": words})
                return
            await send({"type": "lifespan.startup.complete"})
        else:
            await _end(tasks)
            await send({"type": "lifespan.shutdown.complete"})
            return


# Objects allocated before a garbage collection. A record of two thousand observations is three
# hundred thousand objects without cycles. With Python's default of 700, the collections took more
# time than reading the record.
OBJECTS_BETWEEN_COLLECTIONS = 100_000


async def _start() -> list[asyncio.Task[None]]:
    deadlines.keep()
    asyncio.get_running_loop().set_exception_handler(logs.of_the_loop)
    gc.freeze()
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)
    await checks.verify_start()
    try:
        await in_database(checks.verify_all_opened)
    except ImproperlyConfigured as error:
        logger.error("%s", error)
    logger.info("smartapp %s starts", __version__)
    await memory.refresh()
    kept = (
        memory.keep_fresh(),
        registry.keep_current(),
        events.keep_writing(),
        metrics.keep_measuring_lag(),
        metrics_page.keep_writing(),
    )
    return [asyncio.create_task(work) for work in kept]


async def _end(tasks: list[asyncio.Task[None]]) -> None:
    """Stop everything, each step within STEP_SECONDS. Together with the 15 seconds that
    requests have (serve.py) this takes less than 30 seconds, after which a supervisor kills the
    process."""
    await http.end(tasks)
    await background.finish()
    for step in (events.flush(), discovery.end_asking(), http.close()):
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STEP_SECONDS):
                await step
