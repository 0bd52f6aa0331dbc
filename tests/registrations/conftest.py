"""Every test starts with nothing remembered; the tests that need an EHR get one on a socket."""

from collections.abc import AsyncIterator, Iterator

import pytest

from smartapp import http
from smartapp.registrations import discovery, registry
from tests.registrations.ehr import EHR


@pytest.fixture(autouse=True)
def nothing_remembered() -> Iterator[None]:
    registry.forget()
    discovery.forget()
    yield
    registry.forget()
    discovery.forget()


@pytest.fixture
async def ehr() -> AsyncIterator[EHR]:
    ehr = await EHR().start()
    yield ehr
    await http.close()
    await ehr.stop()
