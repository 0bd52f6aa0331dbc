"""One fault under load, and what came of it."""

import asyncio
import time
from dataclasses import dataclass, field

from tests.reliability.faults import Fault
from tests.reliability.house import House
from tests.reliability.people import Figures, for_seconds, people, visit

LEAST_LOAD_SECONDS = 5.0
AFTER_SECONDS = 2.0
RECOVERY_PATIENCE_SECONDS = 60
AT_ONCE = 8  # so that each of four processes has one, most probably

# Rows that nothing will ever end: tokens without a session, a session without a launch (an
# administrator's has data), a refresh that nobody holds any more.
ORPHANS = """
SELECT (SELECT count(*) FROM launches_launch WHERE session_id IS NULL AND sealed_tokens <> '')
     + (SELECT count(*) FROM django_session AS s WHERE session_data = ''
        AND NOT EXISTS (SELECT 1 FROM launches_launch WHERE session_id = s.session_key))
     + (SELECT count(*) FROM launches_launch
        WHERE refresh_lease_until < now() - interval '1 minute' AND refresh_uncertain_at IS NULL
        AND access_token_expires_at > now())
"""


@dataclass
class Trial:
    """Figures of the EHR that had the fault, if one had, and of the other; then of both once the
    fault was over and the app well again."""

    fault: Fault
    sick: Figures = field(default_factory=Figures)
    well: Figures = field(default_factory=Figures)
    after: Figures = field(default_factory=Figures)
    recovery_seconds: float = 0.0
    refreshes: int = 0
    used_twice: int = 0
    orphans: int = 0

    @property
    def wrong_patients(self) -> int:
        return self.sick.wrong_patient + self.well.wrong_patient + self.after.wrong_patient


async def trial(house: House, fault: Fault) -> Trial:
    """Let people launch at both EHRs, cause the fault, and wait until a launch succeeds again."""
    found = Trial(fault)
    before = _counted(house)
    is_short, is_over = for_seconds(LEAST_LOAD_SECONDS), asyncio.Event()
    loads = [
        asyncio.create_task(
            people(house.url, hospital, figures, lambda: is_short() or not is_over.is_set())
        )
        for hospital, figures in ((house.sick, found.sick), (house.well, found.well))
    ]
    await asyncio.sleep(1)
    try:
        await fault.cause(house)
    finally:
        is_over.set()
    found.recovery_seconds = await _recovered(house)
    house.proxy.mode = "ok"
    await asyncio.gather(*loads)
    await asyncio.gather(
        *(
            people(house.url, hospital, found.after, for_seconds(AFTER_SECONDS), at_once=2)
            for hospital in (house.sick, house.well)
        )
    )
    refreshes, twice, wrong = (
        now - then for now, then in zip(_counted(house), before, strict=True)
    )
    found.refreshes, found.used_twice = refreshes, twice
    found.well.wrong_patient += wrong
    with house.postgres.connect() as connection:
        [(found.orphans,)] = connection.execute(ORPHANS).fetchall()
    return found


def _counted(house: House) -> tuple[int, int, int]:
    both = (house.sick, house.well)
    return (
        sum(one.refreshes for one in both),
        sum(one.used_twice + one.codes_used_twice for one in both),
        sum(one.read_for_another for one in both),
    )


async def _recovered(house: House) -> float:
    """Return after how many seconds launches at the EHR that was sick succeed at once, whichever
    process they reach: each learns for itself that it is well again."""
    began = time.monotonic()
    while True:
        figures = Figures()
        at_once = (visit(house.url, house.sick, figures, reloads=0) for _ in range(AT_ONCE))
        if all(await asyncio.gather(*at_once)) and not figures.server_errors:
            return time.monotonic() - began
        assert time.monotonic() - began < RECOVERY_PATIENCE_SECONDS, "it does not recover"
