"""Sessions of administrators and of the sandbox's users: stored under a digest of their key.

A reader of the database, or of a backup, cannot take over an open session (T21). Launch sessions
are kept in the same table in the same way.

An administrator's session ends eight hours after sign-in, and half an hour after its last use.
"""

import hashlib
import time
from typing import Any

from django.conf import settings
from django.contrib.auth.signals import user_logged_in
from django.contrib.sessions.backends import db
from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.base_session import AbstractBaseSession
from django.contrib.sessions.models import Session
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils import timezone

KEY_LENGTH = 40  # length of the column; 160 bits
BEGAN, USED = "signed_in_at", "used_at"
IDLE_SECONDS = 30 * 60
USE_WRITTEN_EVERY_SECONDS = 60


def digest(session_key: str) -> str:
    """Return the digest under which a session key is stored."""
    return hashlib.sha256(b"session of people" + session_key.encode()).hexdigest()[:KEY_LENGTH]


class SessionStore(db.SessionStore):
    """Django's session store, with rows found by the digest of the cookie's value."""

    def _row(self) -> Any:
        key = digest(self.session_key or "")
        return self.model.objects.filter(session_key=key, expire_date__gt=timezone.now())

    def _get_session_from_db(self) -> Session | None:
        return self._known(self._row().first())

    async def _aget_session_from_db(self) -> Session | None:
        return self._known(await self._row().afirst())

    def _known(self, row: Session | None) -> Session | None:
        """Forget a session key that was not found, so that a new one is generated."""
        if row is None:
            self._session_key = None
        return row

    def exists(self, session_key: str) -> bool:
        return super().exists(digest(session_key))

    async def aexists(self, session_key: str) -> bool:
        return await super().aexists(digest(session_key))

    def create_model_instance(self, data: dict[str, Any]) -> AbstractBaseSession:
        return _under_digest(super().create_model_instance(data))

    async def acreate_model_instance(self, data: dict[str, Any]) -> AbstractBaseSession:
        return _under_digest(await super().acreate_model_instance(data))

    def delete(self, session_key: str | None = None) -> None:
        if key := session_key or self.session_key:
            super().delete(digest(key))

    async def adelete(self, session_key: str | None = None) -> None:
        if key := session_key or self.session_key:
            await super().adelete(digest(key))


def _under_digest(row: AbstractBaseSession) -> AbstractBaseSession:
    row.session_key = digest(row.session_key)
    return row


@receiver(user_logged_in)
def begun(request: HttpRequest, **_kwargs: Any) -> None:
    request.session[BEGAN] = request.session[USED] = int(time.time())


def is_over(session: SessionBase) -> bool:
    """Return whether an administrator's session is too old or was unused for too long. If not,
    record this use, at most once a minute."""
    now = int(time.time())
    began, used = session.setdefault(BEGAN, now), session.setdefault(USED, now)
    if now - began > settings.SESSION_COOKIE_AGE or now - used > IDLE_SECONDS:
        return True
    if now - used >= USE_WRITTEN_EVERY_SECONDS:
        session[USED] = now
    return False
