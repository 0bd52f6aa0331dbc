"""One demo for all journeys of this process, and a browser of its own for each test."""

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.demo_server import Demo, demo_server
from tests.journeys.outside import Browser


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with demo_server(tmp_path_factory.mktemp("demo")) as running:
        yield running


@pytest.fixture
async def browser(demo: Demo) -> AsyncIterator[Browser]:
    async with Browser(demo.url) as one:
        yield one
