"""Whether this process can handle a launch. It checks what a launch needs, and nothing else.

The check does what a launch does first, on the threads that launches use: it inserts a launch row.
A connection of its own could find the database healthy while all launches wait for a broken one.
Problems that launches can live with are warnings, and take no process out of service.

Anybody may ask, so there is one check at a time, and its result is used for a second (T30).
"""

import asyncio
import logging
import secrets
import shutil
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from django.core.cache import cache
from django.core.exceptions import ImproperlyConfigured
from django.db import connection, transaction
from django.utils import timezone

from smartapp import checks, vault
from smartapp.database import in_database, seconds_ahead
from smartapp.exception_reports import cause
from smartapp.keys import heartbeat, memory
from smartapp.launches.models import Launch, LaunchKind
from smartapp.protocol.id_token import CLOCK_SKEW_SECONDS
from smartapp.registrations.models import Registration
from smartapp.registrations.options import AuthMethod

GOOD_FOR_SECONDS = 1
WAIT_SECONDS = 5
# SQLite reports a full disk only at the commit.
FREE_BYTES_NEEDED = 2**20

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Readiness:
    """What is missing for a launch, by name, what it does without, and warnings for the
    administrators."""

    missing: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


_cache_thread = ThreadPoolExecutor(1, thread_name_prefix="readiness")
_look: asyncio.Task[Readiness] | None = None
_looked_at = 0.0
_told: tuple[str, ...] = ()


async def _database() -> bool:
    return await in_database(takes_a_launch)


def takes_a_launch() -> bool:
    """Insert a launch and roll back. Only this detects a locked table, a missing column, a server
    that is read-only since a failover, or a full one. Raises django.db.Error for the most part, and
    returns False for SQLite's full disk."""
    with transaction.atomic():
        Launch.objects.create(
            endpoint_id=0, kind=LaunchKind.EHR, state_digest=f"readyz-{secrets.token_hex(8)}",
            launched_at=timezone.now(),
        )  # fmt: skip
        transaction.set_rollback(True)
    name = str(connection.settings_dict["NAME"])
    if connection.vendor == "sqlite" and Path(name).is_file():
        return shutil.disk_usage(Path(name).parent).free >= FREE_BYTES_NEEDED
    return True


async def _key_ring() -> bool:
    return vault.unseal(vault.seal(b"ready", "readyz"), "readyz") == b"ready"


async def _signing_key() -> bool:
    """Return whether a key can sign, or none is needed. Before the first EHR is registered none is
    needed; otherwise a new installation would never be ready, and nobody could reach it to register
    an EHR."""
    return memory.can_sign() or not await in_database(_is_a_key_needed)


def _is_a_key_needed() -> bool:
    signed = Registration.objects.filter(enabled=True, auth_method=AuthMethod.PRIVATE_KEY_JWT)
    return signed.exists()


async def _cache() -> bool:
    return await asyncio.get_running_loop().run_in_executor(_cache_thread, _keeps_a_mark)


def _keeps_a_mark() -> bool:
    mark = secrets.token_hex(4)
    cache.set(f"readyz-{mark}", mark, timeout=5)
    return bool(cache.get(f"readyz-{mark}") == mark)


NEEDED: dict[str, Callable[[], Awaitable[bool]]] = {
    "database": _database,
    "key ring": _key_ring,
    "signing key": _signing_key,
}
DONE_WITHOUT: dict[str, Callable[[], Awaitable[bool]]] = {"cache": _cache}


async def now() -> Readiness:
    """Return the state, at most a second old."""
    global _look, _looked_at
    is_old = time.monotonic() - _looked_at > GOOD_FOR_SECONDS
    if _look is None or _look.get_loop() is not asyncio.get_running_loop():
        is_old = True
    elif not _look.done():
        is_old = False
    if _look is None or is_old:
        _look, _looked_at = asyncio.create_task(_looked()), time.monotonic()
    return await asyncio.shield(_look)


def forget() -> None:
    """Forget the last result: in tests the database ends before the process does."""
    global _look
    _look = None


async def _looked() -> Readiness:
    missing, without, remarks = await asyncio.gather(
        _failed(NEEDED), _failed(DONE_WITHOUT), _remarks()
    )
    _tell(missing)
    return Readiness(missing, without, (*(f"the {name} is away" for name in without), *remarks))


def _tell(missing: tuple[str, ...]) -> None:
    """Log each change only once, because probes come every few seconds."""
    global _told
    if missing == _told:
        return
    _told = missing
    if missing:
        logger.warning("not ready: %s", ", ".join(missing))
    else:
        logger.info("ready again")


async def _failed(checks: dict[str, Callable[[], Awaitable[bool]]]) -> tuple[str, ...]:
    """Return the checks that failed; each has its own time limit."""
    passed = await asyncio.gather(*(_passes(name, check) for name, check in checks.items()))
    return tuple(name for name, well in zip(checks, passed, strict=True) if not well)


async def _passes(name: str, check: Callable[[], Awaitable[bool]]) -> bool:
    try:
        async with asyncio.timeout(WAIT_SECONDS):
            return await check()
    except Exception as error:
        # Every exception of a driver means the same here: not ready.
        if name not in _told:
            logger.warning("%s: %s", name, cause(error))
        return False


async def _remarks() -> list[str]:
    """Return the problems of the periodic work, of this machine's clock and of older values that
    this key ring does not open. They are warnings: most launches do not depend on the first, the
    database's clock may be the wrong one, and other EHRs' launches need none of the third."""
    try:
        async with asyncio.timeout(WAIT_SECONDS):
            return await in_database(_seen_in_database)
    except Exception:  # the database is away, which is reported already
        return []


def _seen_in_database() -> list[str]:
    return heartbeat.problems(timezone.now()) + _own_clock() + _own_key_ring()


def _own_key_ring() -> list[str]:
    try:
        checks.verify_all_opened()
        checks.verify_opened()  # also what another process has just sealed, such as a launch
    except ImproperlyConfigured as error:
        return [str(error)]
    return []


def _own_clock() -> list[str]:
    ahead = round(seconds_ahead())
    if abs(ahead) <= CLOCK_SKEW_SECONDS:
        return []
    where = "ahead of" if ahead > 0 else "behind"
    return [f"the clock of this machine is {abs(ahead)} s {where} the database's"]
