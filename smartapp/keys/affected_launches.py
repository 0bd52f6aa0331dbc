"""What the key set page needs to know from `launches`. Imports go one way only, so `launches`
registers itself here when the app starts (`bring`)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from smartapp.keys.models import KeySet, SigningKey


@dataclass(frozen=True, slots=True)
class Outcome:
    """Whether an attempt succeeded, and a sentence about it."""

    passed: bool
    sentence: str


@dataclass(frozen=True, slots=True)
class OpenLaunch:
    """An open launch as administrators see it: no patient, and only the start of its uuid.
    `renews_at`: when its access token expires and is renewed, in UTC."""

    uuid_prefix: str
    registration: str
    ehr: str
    since: datetime
    renews_at: datetime | None


@dataclass(frozen=True, slots=True)
class Affected:
    """The launches that an emergency affects.

    `under_way`: launches begun in the last ten minutes that have not come back; they must start
    again. `renewing`: open launches whose next token renewal may be refused; they stay open and try
    again. `untouched`: the number of open launches that never renew, so that nothing changes for
    them. `not_listed`: the number of renewing launches that did not fit into the list.
    """

    under_way: int
    renewing: list[OpenLaunch]
    not_listed: int
    untouched: int


class Launches(Protocol):
    """What `launches` provides."""

    def affected(self, key_set: KeySet, alg: str, now: datetime) -> Affected: ...

    def can_be_asked(self, key_set: KeySet, alg: str) -> list[str]:
        """Return the names of the registrations that obtain tokens for the app itself
        (2-legged)."""

    def ask(self, key: SigningKey, *, actor: str, now: datetime) -> list[Outcome]:
        """Ask each of these EHRs for a token with an assertion signed by this key."""


_brought: list[Launches] = []


def bring(launches: Launches) -> None:
    _brought[:] = [launches]


def launches() -> Launches:
    return _brought[0]
