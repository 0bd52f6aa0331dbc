"""What must happen once happens once, and what is withdrawn is gone everywhere, whichever of two
machines' processes it is asked of."""

import asyncio
import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator

import pytest

from tests.processes import ROOT, manage
from tests.reliability.house import House, house
from tests.reliability.services import missing

pytestmark = [pytest.mark.postgres, pytest.mark.redis, pytest.mark.endurance,
              pytest.mark.timeout(600)]  # fmt: skip

ASKED_OF_EACH = 20  # connections: the workers of a machine share its port


@pytest.fixture(scope="module")
def standing() -> Iterator[House]:
    if without := missing():
        pytest.skip(f"no {without}")
    with house() as one:
        yield one


async def test_one_process_of_four_takes_a_step_of_a_rotation(standing: House) -> None:
    async def publish() -> int:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "manage.py", "rotate_keys", "well", "--publish", cwd=ROOT,
            env=standing.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        return await process.wait()

    assert sorted(await asyncio.gather(*(publish() for _ in range(4)))) == [0, 1, 1, 1]


def test_a_dropped_key_is_gone_from_every_process_within_a_second(standing: House) -> None:
    before = _published(standing)
    manage(standing.env, "rotate_keys", "sick", "--emergency", "--at-risk", "sick")
    time.sleep(1)
    assert not _published(standing) & before


def _published(standing: House) -> set[str]:
    """Return the ids of all keys that any process publishes."""
    kids: set[str] = set()
    for instance in standing.instances:
        for _ in range(ASKED_OF_EACH):
            address = f"{instance}/.well-known/jwks/sick.json"
            with urllib.request.urlopen(address) as answer:  # noqa: S310
                kids |= {key["kid"] for key in json.load(answer)["keys"]}
    return kids
