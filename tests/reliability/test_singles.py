"""What must happen once happens once, and what is withdrawn is gone everywhere, whichever of two
machines' processes it is asked of."""

import asyncio
import json
import socket
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.processes import ROOT, answers, manage
from tests.reliability.house import House, house
from tests.reliability.people import Figures, visit
from tests.reliability.services import missing

pytestmark = [pytest.mark.postgres, pytest.mark.redis, pytest.mark.endurance,
              pytest.mark.timeout(600)]  # fmt: skip


@pytest.fixture(scope="module")
def standing() -> Iterator[House]:
    if without := missing():
        pytest.skip(f"no {without}")
    with house() as one:
        yield one


async def test_one_process_of_four_takes_a_step_of_a_rotation(standing: House) -> None:
    async def publish() -> str:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "manage.py", "rotate_keys", "well", "--publish", "--alg", "ES384",
            cwd=ROOT, env=standing.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        said, _ = await process.communicate()
        return "" if process.returncode == 0 else said.decode()

    refusals = [said for said in await asyncio.gather(*(publish() for _ in range(4))) if said]
    assert len(refusals) == 3, refusals


async def test_what_one_process_purges_the_others_leave_to_it(standing: House) -> None:
    """So that the token of an expired launch is revoked once."""
    figures = Figures()
    at_once = (visit(standing.url, standing.well, figures, reloads=0) for _ in range(40))
    assert all(await asyncio.gather(*at_once))
    standing.well.revocations.clear()
    with standing.postgres.connect() as purging, standing.postgres.connect() as looking:
        with purging.transaction():
            purging.execute("UPDATE django_session SET expire_date = now() - interval '1 minute'")
        with purging.transaction():
            purging.execute("SELECT 1 FROM django_session FOR UPDATE")
            await _maintain(standing)
            waiting = looking.execute("SELECT count(*) FROM launches_revocation").fetchone()
            assert waiting == (0,)
    for _ in range(2):  # what the first one hands over, the second one revokes
        await _maintain(standing)
    revoked = Counter(one["token"] for one in standing.well.revocations)
    assert len(revoked) >= 40
    assert set(revoked.values()) == {1}


async def _maintain(standing: House) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "manage.py", "maintain", cwd=ROOT, env=standing.env
    )
    assert await process.wait() == 0


async def test_each_process_reads_an_ehrs_configuration_once(standing: House) -> None:
    """However many launches wait for it."""
    for process in standing.webs:
        await asyncio.to_thread(process.terminate)
        process.start()
        await asyncio.to_thread(process.wait)
    before, figures = standing.sick.discoveries, Figures()
    at_once = (visit(standing.url, standing.sick, figures, reloads=0) for _ in range(40))
    assert all(await asyncio.gather(*at_once))
    assert 1 <= standing.sick.discoveries - before <= 4


def test_a_dropped_key_is_gone_from_every_process_within_a_second(standing: House) -> None:
    before = _published(standing)
    manage(
        standing.env,
        "rotate_keys",
        "sick",
        "--emergency",
        "--at-risk",
        "sick",
        "--reason",
        "a test",
    )
    time.sleep(1)
    assert not _published(standing) & before


def test_the_proxy_ends_half_open_requests_and_logs_no_query(standing: House) -> None:
    """The app itself would keep them open for ever: it listens on 127.0.0.1 alone."""
    host, port = "127.0.0.1", int(standing.url.rpartition(":")[2])
    opened = [socket.create_connection((host, port), timeout=60) for _ in range(20)]
    for one in opened:
        one.sendall(b"GET /launch?code=CANARY HTTP/1.1\r\nHost: x\r\n")
    for one in opened:
        while one.recv(1000):
            pass
        one.close()
    assert answers(f"{standing.url}/healthz?code=CANARY")
    deadline = time.monotonic() + 20
    while "/healthz" not in (log := standing.nginx_log.read_text()):  # written after the answer
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert "CANARY" not in log


def _published(standing: House) -> set[str]:
    """Return the ids of all keys that any process publishes."""
    kids: set[str] = set()
    for instance in standing.instances:
        address = f"{instance}/.well-known/jwks/sick.json"
        with urllib.request.urlopen(address) as answer:  # noqa: S310
            kids |= {key["kid"] for key in json.load(answer)["keys"]}
    return kids
