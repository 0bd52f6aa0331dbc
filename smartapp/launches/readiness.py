"""What has to be there before this process can take a launch."""

import logging
import secrets
from collections.abc import Callable

from django.core.cache import cache
from django.db import connection

from smartapp import vault
from smartapp.keys import memory

logger = logging.getLogger(__name__)


def _database() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        return cursor.fetchone() is not None


def _cache() -> bool:
    mark = secrets.token_hex(4)
    cache.set(f"readyz-{mark}", mark, timeout=5)
    return bool(cache.get(f"readyz-{mark}") == mark)


def _key_ring() -> bool:
    return vault.unseal(vault.seal(b"ready", "readyz"), "readyz") == b"ready"


def _signing_key() -> bool:

    return memory.can_sign()


CHECKS: dict[str, Callable[[], bool]] = {
    "database": _database,
    "cache": _cache,
    "key ring": _key_ring,
    "signing key": _signing_key,
}


def _passes(name: str, check: Callable[[], bool]) -> bool:
    try:
        return check()
    except Exception as error:
        # Whatever a driver raises means the same here: not ready.
        logger.warning("not ready: %s: %s", name, type(error).__name__)
        return False


def missing() -> list[str]:
    """Return the names of what is not ready; empty when all is."""
    return [name for name, check in CHECKS.items() if not _passes(name, check)]
