"""Two machines under one fault after the other: nothing is lost that can be kept, nothing is sent
twice, nobody sees another patient, and everything works again."""

import os
from collections.abc import Iterator

import pytest

from tests.reliability.faults import FAULTS, JOURNEY, Fault
from tests.reliability.house import House, house
from tests.reliability.services import missing
from tests.reliability.trial import Trial, trial

# For the house to be built and the fault to pass; each request has its own, shorter patience.
pytestmark = [pytest.mark.postgres, pytest.mark.redis, pytest.mark.endurance,
              pytest.mark.timeout(600)]  # fmt: skip


@pytest.fixture(scope="module")
def standing() -> Iterator[House]:
    if without := missing():
        if os.environ.get("REQUIRE_SERVICES") == "on":
            pytest.fail(f"no {without}, and REQUIRE_SERVICES is on", pytrace=False)
        pytest.skip(f"no {without}")
    with house() as one:
        yield one


def check(found: Trial) -> None:
    for figures in (found.sick, found.well, found.after):
        assert figures.confirmed
        assert not figures.lost
    assert found.refreshes
    assert (found.used_twice, found.wrong_patients, found.orphans) == (0, 0, 0)
    assert not found.after.server_errors
    assert not found.after.in_doubt
    if found.fault.is_the_ehrs:
        assert not found.well.server_errors
        assert not found.well.in_doubt
    if found.fault.is_unnoticed:
        assert not found.sick.server_errors + found.well.server_errors
        assert not found.sick.in_doubt + found.well.in_doubt


async def test_a_machine_that_dies_takes_nothing_with_it(standing: House) -> None:
    check(await trial(standing, JOURNEY))


@pytest.mark.parametrize(
    "fault", [fault for fault in FAULTS if fault is not JOURNEY], ids=lambda fault: fault.name
)
async def test_everything_works_again_after(standing: House, fault: Fault) -> None:
    if fault.needs_a_disk and not standing.disk.is_small:
        pytest.skip("a file system for the test cannot be mounted here")
    check(await trial(standing, fault))
