"""What only `launches` knows of a key set, and its page shows. Imports go one way, so it is brought
here when the app starts (`bring`)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from smartapp.keys.models import KeySet, SigningKey


@dataclass(frozen=True, slots=True)
class Outcome:
    """Whether something that was tried went well, and a sentence about it."""

    passed: bool
    sentence: str


@dataclass(frozen=True, slots=True)
class OpenLaunch:
    """A launch as an administrator may see it: nothing of who it is about, and of its uuid only
    the start. `renews_at`: when its access token ends and is renewed, in UTC."""

    uuid_prefix: str
    registration: str
    ehr: str
    since: datetime
    renews_at: datetime | None


@dataclass(frozen=True, slots=True)
class Affected:
    """Whom an emergency hits. `under_way`: launches begun in the last ten minutes that have not
    come back; they must start again. `renewing`: open ones whose next renewal may be refused; they
    are kept and try again. `untouched`: how many open ones never renew, and so notice nothing.
    `not_listed`: how many of the renewing ones there was no room for."""

    under_way: int
    renewing: list[OpenLaunch]
    not_listed: int
    untouched: int


class Launches(Protocol):
    """What `launches` brings."""

    def affected(self, key_set: KeySet, alg: str, now: datetime) -> Affected: ...

    def can_be_asked(self, key_set: KeySet, alg: str) -> list[str]:
        """Return the names of the registrations that obtain tokens for themselves."""

    def ask(self, key: SigningKey, *, actor: str, now: datetime) -> list[Outcome]:
        """Return whether these EHRs give a token for an assertion that this key has signed."""


_brought: list[Launches] = []


def bring(launches: Launches) -> None:
    _brought[:] = [launches]


def launches() -> Launches:
    return _brought[0]
