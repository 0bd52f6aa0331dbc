"""How an emergency affects launches: shown before it is done, and until its effects are over."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from smartapp.keys import affected_launches, emergency, refusals, wording
from smartapp.keys.models import KeySet
from smartapp.keys.rotation import Line


@dataclass(frozen=True, slots=True)
class Row:
    """An open launch whose next token renewal may be refused."""

    uuid: str
    registration: str
    ehr: str
    since: str
    renews: str


def ehrs(key_set: KeySet, alg: str) -> list[str]:
    """Return the names of the registrations that authenticate with this algorithm."""
    return refusals.at_risk(key_set, alg)


def affected(key_set: KeySet, alg: str, now: datetime) -> dict[str, Any]:
    """Return the template context for the launches that an emergency affects now."""
    found = affected_launches.launches().affected(key_set, alg, now)
    rows = [
        Row(
            launch.uuid_prefix,
            launch.registration,
            launch.ehr,
            wording.moment(launch.since),
            wording.moment(launch.renews_at),
        )
        for launch in found.renewing
    ]
    return {
        "ehrs": ehrs(key_set, alg),
        "sentences": wording.affected(found),
        "launches": rows,
        "not_listed": found.not_listed,
    }


def afterwards(key_set: KeySet, line: Line, now: datetime) -> dict[str, Any] | None:
    """Return the same context while an EHR may still hold the old keys; None afterwards."""
    at = emergency.explains(key_set.slug, line.alg, now)
    if at is None:
        return None
    return {
        "at": wording.moment(at),
        "until": wording.moment(at + line.wait.span),
        **affected(key_set, line.alg, now),
    }
