"""Start and end of a server process (the ASGI lifespan protocol).

A process that cannot do its work does not start. Whatever goes wrong before the first request is
said in one sentence, and the server ends: a process that went on without the task that keeps its
keys fresh would sign with keys that were dropped.
"""

import asyncio
import contextlib
import gc

from smartapp import checks, deadlines, http, metrics, metrics_page
from smartapp.bytes_answer import Receive, Send
from smartapp.exception_reports import sentence
from smartapp.exchange import background
from smartapp.keys import memory
from smartapp.launches import events, framing
from smartapp.registrations import discovery, registry

STEP_SECONDS = 1.5


async def lifespan(receive: Receive, send: Send) -> None:
    """Open what every request needs before the first one, and close it after the last."""
    tasks: list[asyncio.Task[None]] = []
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            try:
                tasks = await _start()
            except Exception as error:
                # Whatever it is: uvicorn may take an exception here for an app without a lifespan,
                # and serve without all that starts here.
                words = f"smartapp does not start: {sentence(error)}"
                await send({"type": "lifespan.startup.failed", "message": words})
                return
            await send({"type": "lifespan.startup.complete"})
        else:
            await _end(tasks)
            await send({"type": "lifespan.shutdown.complete"})
            return


# Objects made before Python looks for cycles among them. A record of two thousand observations is
# three hundred thousand objects without a cycle: at Python's own 700, looking through them again
# and again took more time than reading them.
OBJECTS_BETWEEN_COLLECTIONS = 100_000


async def _start() -> list[asyncio.Task[None]]:
    deadlines.keep()
    gc.freeze()
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)
    await checks.verify_start()
    await memory.refresh()
    await framing.look_who_frames()
    kept = (
        memory.keep_fresh(),
        registry.keep_current(),
        events.keep_writing(),
        framing.keep_knowing_who_frames(),
        metrics.keep_measuring_lag(),
        metrics_page.keep_writing(),
    )
    return [asyncio.create_task(work) for work in kept]


async def _end(tasks: list[asyncio.Task[None]]) -> None:
    """Each step has its time, so that the whole ends before a supervisor kills it: together with
    the 15 seconds in which uvicorn lets requests end (Procfile), within 30."""
    await http.end(tasks)
    await background.finish()
    for step in (events.flush(), discovery.end_asking(), http.close()):
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STEP_SECONDS):
                await step
