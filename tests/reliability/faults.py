"""What goes wrong, one thing at a time, while people launch."""

import asyncio
import contextlib
import time
import urllib.request
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import psycopg

from tests.processes import answers
from tests.reliability import hospital
from tests.reliability.house import SERVERS_OF_A_MACHINE, House, Process
from tests.scripted_ehr import Answer

MORE_THAN_FITS = "repeat('x', 20000000)"  # into one segment of PostgreSQL's write-ahead log


@dataclass(frozen=True)
class Fault:
    """`cause` does it, and returns when it is over. What is stopped stays stopped for a while, as
    until a supervisor notices."""

    name: str
    cause: Callable[[House], Awaitable[None]]
    # Nobody may notice: no 5xx at all, and no launch in doubt.
    is_unnoticed: bool = False
    # It is the EHR's own: some of its launches fail, and no others.
    is_the_ehrs: bool = False
    # A disk that may be filled.
    needs_a_disk: bool = False


async def nothing(house: House) -> None:
    await asyncio.sleep(2)


async def kill_a_server(house: House) -> None:
    await _killed(house.webs[:1])


async def kill_a_machine(house: House) -> None:
    await _killed([*house.webs[SERVERS_OF_A_MACHINE:], house.clocks[1]])


async def _killed(processes: list[Process]) -> None:
    for process in processes:
        process.kill()
    await asyncio.sleep(2)
    for process in processes:
        process.start()
    for process in processes:
        await asyncio.to_thread(process.wait)


async def restart_one_after_the_other(house: House) -> None:
    """As docs/running.md says of an upgrade, while the EHRs take their time before they fetch the
    keys from it."""
    ehrs = house.well, house.sick
    for ehr in ehrs:
        ehr.seconds_before_it_fetches_keys = 0.6
    for process in house.webs:
        await asyncio.to_thread(process.terminate)
        process.start()
        await asyncio.to_thread(process.wait)
    for ehr in ehrs:
        ehr.seconds_before_it_fetches_keys = 0.0


async def clock_jumps(house: House) -> None:
    """Of one machine, while its servers and its `maintain` run."""
    for minutes, words in ((10, "ahead of"), (-10, "behind")):
        house.clock.differ(minutes * 60)
        await asyncio.sleep(2.5)
        said = await asyncio.to_thread(_asked, f"{house.instances[-1]}/readyz")
        assert f"s {words} the database's" in said, said
    house.clock.differ(0)


def _asked(url: str) -> str:
    with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310
        return str(answer.read().decode())


async def kill_postgresql(house: House) -> None:
    await asyncio.to_thread(house.postgres.kill)
    await asyncio.sleep(2)
    await asyncio.to_thread(house.postgres.start)


async def disk_is_full(house: House) -> None:
    """PostgreSQL's tables cannot grow. Then it cannot write ahead either and ends; its supervisor
    starts it again when there is room."""
    until = time.monotonic() + 4
    while (left := until - time.monotonic()) > 0:
        await asyncio.to_thread(house.disk.fill)
        if left < 2 and house.postgres.is_running():
            with contextlib.suppress(psycopg.Error), house.postgres.connect() as connection:
                connection.execute(f"SELECT pg_logical_emit_message(false, '', {MORE_THAN_FITS})")
        await asyncio.sleep(0.2)
    assert not any(answers(f"{one}/readyz") for one in house.instances)
    house.disk.empty()
    await asyncio.to_thread(house.postgres.start)


async def postgresql_refuses(house: House) -> None:
    house.proxy.mode = "refuse"
    await asyncio.sleep(4)
    house.proxy.mode = "ok"


async def silent_failover(house: House) -> None:
    house.proxy.mode = "deadold"
    await asyncio.sleep(2)


async def kill_redis(house: House) -> None:
    await asyncio.to_thread(house.redis.kill)
    await asyncio.sleep(3)
    await asyncio.to_thread(house.redis.start)


async def migrate(house: House) -> None:
    """What the migrations of a next version do to the busiest tables."""

    def alter() -> None:
        with house.postgres.connect() as connection:
            connection.execute("SET lock_timeout = '3s'")
            for table in ("launches_launch", "django_session", "launches_launchevent"):
                connection.execute(f"ALTER TABLE {table} ADD COLUMN of_the_next text")
                connection.execute(f"CREATE INDEX CONCURRENTLY ON {table} (of_the_next)")
                connection.execute(f"ALTER TABLE {table} DROP COLUMN of_the_next")

    await asyncio.to_thread(alter)


def _token_endpoint(answer: Answer) -> Callable[[House], Awaitable[None]]:
    async def cause(house: House) -> None:
        house.sick.token_answer = answer
        await asyncio.sleep(4)
        house.sick.token_answer = None

    return cause


def _record(answer: Answer) -> Callable[[House], Awaitable[None]]:
    async def cause(house: House) -> None:
        house.sick.fhir_answer = answer
        await asyncio.sleep(4)
        house.sick.fhir_answer = None

    return cause


JOURNEY = Fault("kill -9 of all of a machine's processes", kill_a_machine)
FAULTS = (
    Fault("none", nothing, is_unnoticed=True),
    Fault("kill -9 of a server", kill_a_server),
    JOURNEY,
    Fault("SIGTERM of one server after the other", restart_one_after_the_other, is_unnoticed=True),
    Fault("One machine's clock 10 min ahead, then behind", clock_jumps),
    Fault("kill -9 of PostgreSQL", kill_postgresql),
    Fault("PostgreSQL's disk is full for 4 s", disk_is_full, needs_a_disk=True),
    Fault("PostgreSQL refuses for 4 s", postgresql_refuses),
    Fault("PostgreSQL: old connections silent", silent_failover),
    Fault("kill -9 of Redis, away for 3 s", kill_redis, is_unnoticed=True),
    Fault("Migrations under load", migrate, is_unnoticed=True),
    Fault("EHR: token endpoint hangs", _token_endpoint(hospital.hangs), is_the_ehrs=True),
    Fault("EHR: token endpoint resets", _token_endpoint(hospital.resets), is_the_ehrs=True),
    Fault("EHR: token endpoint trickles", _token_endpoint(hospital.trickles), is_the_ehrs=True),
    Fault("EHR: token endpoint sends 50 MB", _token_endpoint(hospital.sends_50_megabytes),
          is_the_ehrs=True),
    Fault("EHR: token endpoint sends a bomb", _token_endpoint(hospital.sends_a_bomb),
          is_the_ehrs=True),
    Fault("EHR: FHIR sends 50 MB", _record(hospital.sends_50_megabytes), is_the_ehrs=True),
    Fault("EHR: FHIR sends a bomb", _record(hospital.sends_a_bomb), is_the_ehrs=True),
)  # fmt: skip
