"""Every test starts with nothing remembered and ends with no connection open."""

from collections.abc import AsyncIterator, Iterator

import pytest

from smartapp import http
from smartapp.registrations import registry


@pytest.fixture(autouse=True)
def nothing_remembered() -> Iterator[None]:
    registry.forget()
    yield
    registry.forget()


@pytest.fixture
async def closed_http() -> AsyncIterator[None]:
    yield
    await http.close()
