"""A short cache of what was read for a launch's page.

Reload, Back and a second tab would each cost the EHR a dozen reads, and the person as many seconds.
So the pieces of the page stay for READ_AGAIN_SECONDS in the cache: the process's memory or the
shared one. They are sealed, and can only be found with the key of the launch's session, which only
the browser has. The database has none of them. They are bound to the patient, the encounter and the
scopes that they were read with, and are removed when the launch ends. A piece that says that
something could not be read is not kept; that part is read again.
"""

import hashlib
import json
import zlib
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.cache import caches

from smartapp import vault
from smartapp.chart.chart import FHIRUserView
from smartapp.launches.cookies import SessionKey
from smartapp.launches.tokens import LaunchTokens
from smartapp.record.news import Share, share_from
from smartapp.shared_cache import in_cache

# The version of the pieces: those of a release with another version are not shown.
FORM = 3


@dataclass(frozen=True, slots=True)
class Kept:
    """Pieces by the name of their part, and the user.

    `is_whole`: no other pieces exist. `shares`: what the kept sections contribute to the first
    block.
    """

    read_at: datetime
    pieces: dict[str, str] = field(default_factory=dict)
    shares: dict[str, Share] = field(default_factory=dict)
    user: FHIRUserView | None = None
    is_whole: bool = False


class Shelf:
    """The cache entry of one launch's pieces, for the browser that has the launch's key."""

    def __init__(self, uuid: UUID, key: SessionKey) -> None:
        self._name = "read-" + _digest("place", str(uuid), key.value)

    async def find(self, tokens: LaunchTokens, now: datetime) -> Kept:
        """Return what was read a moment ago; an empty Kept if there is nothing."""
        nothing = Kept(now)
        if not settings.READ_AGAIN_SECONDS:
            return nothing
        sealed = await in_cache(caches["pages"].get, self._name, away=None)
        if sealed is None:
            return nothing
        try:
            return _opened(vault.unseal(sealed, self._context(tokens)))
        except vault.VaultError:
            return nothing  # read for another patient or with other scopes

    async def keep(self, kept: Kept, tokens: LaunchTokens) -> None:
        seconds = settings.READ_AGAIN_SECONDS
        if seconds:
            sealed = vault.seal(_closed(kept), self._context(tokens))
            await in_cache(caches["pages"].set, self._name, sealed, seconds, away=None)

    async def clear(self) -> None:
        await in_cache(caches["pages"].delete, self._name, away=False)

    def _context(self, tokens: LaunchTokens) -> str:
        context = tokens.context
        bound_to = (context.patient, context.encounter, tokens.fhirUser, *tokens.scope.granted)
        return f"{self._name} {FORM} {_digest(*map(str, bound_to))}"


def _digest(*words: str) -> str:
    return hashlib.sha256("\0".join(words).encode()).hexdigest()


def _closed(kept: Kept) -> bytes:
    document = {
        "read_at": kept.read_at.isoformat(),
        "pieces": kept.pieces,
        "shares": {name: asdict(share) for name, share in kept.shares.items()},
        "user": asdict(kept.user) if kept.user else None,
        "is_whole": kept.is_whole,
    }
    return zlib.compress(json.dumps(document, ensure_ascii=False).encode(), level=1)


def _opened(content: bytes) -> Kept:
    document: dict[str, Any] = json.loads(zlib.decompress(content))
    return Kept(
        read_at=datetime.fromisoformat(document["read_at"]),
        pieces=document["pieces"],
        shares={name: share_from(one) for name, one in document["shares"].items()},
        user=FHIRUserView(**document["user"]) if document["user"] else None,
        is_whole=document["is_whole"],
    )
