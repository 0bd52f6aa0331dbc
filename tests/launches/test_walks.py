"""A callback and a refresh walk through little more code than docs/architecture.md says."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID

import pytest

from tests import walks
from tests.launches.conftest import Browser, expire, new_browser

Start = Callable[[], str]
MAY_GROW = 1.2  # before somebody has to look at it, and write down what it is now
ROW = re.compile(r"\| (callback|refresh) \|.*\| (\d+) \| (\d+) \|")


@pytest.fixture(autouse=True)
def alone(no_background_refresh: None) -> Iterator[None]:
    with walks.traced():
        yield


def documented(name: str) -> tuple[int, int]:
    rows = ROW.findall(Path("docs/architecture.md").read_text())
    return next((int(modules), int(returns)) for row, modules, returns in rows if row == name)


def assert_as_documented(walk: walks.Walk, name: str) -> None:
    modules, returns = documented(name)
    assert len(walk.modules) <= modules * MAY_GROW, walk.modules
    assert walk.returns <= returns * MAY_GROW


async def test_of_a_callback(alone: None, app: str, ehr_launch: Start) -> None:
    async with new_browser(app) as browser:
        await browser.launch(ehr_launch())
        callback = await browser.to_callback(ehr_launch())
        with walks.walked() as walk:
            assert (await browser.get(callback)).status == 303
    assert "exchange.pipeline" in walk.modules
    assert_as_documented(walk, "callback")


async def test_of_a_refresh(alone: None, app: str, ehr_launch: Start) -> None:
    """What a page with a refresh walks through, and the same page without one does not."""

    async def seen(browser: Browser, uuid: UUID) -> walks.Walk:
        with walks.walked() as walk:
            assert (await browser.get(f"/launches/{uuid}/context.json")).status == 200
        return walk

    async with new_browser(app) as browser:
        uuid = await browser.launch(ehr_launch())
        await expire(uuid)
        with_refresh = await seen(browser, uuid)
        without = await seen(browser, uuid)
    walk = walks.Walk(with_refresh.codes - without.codes)
    assert "launches.refresh" in walk.modules
    assert_as_documented(walk, "refresh")
