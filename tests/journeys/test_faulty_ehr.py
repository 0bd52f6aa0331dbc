"""Our client at the sandbox when that misbehaves: over real HTTP, in a process of its own."""

import asyncio
import time
from collections.abc import Iterator

import pytest

from tests.demo_server import Demo, demo_server
from tests.journeys.outside import Browser, command, ehr_launch


@pytest.fixture
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """One for each test: the keys of a demo that others use are not to be rotated."""
    with demo_server(tmp_path_factory.mktemp("faulty")) as running:
        yield running


async def rotate(demo: Demo) -> None:
    """Let new keys sign before the sandbox can have heard of them."""
    await command(demo.env, "rotate_keys sandbox --publish")
    await command(demo.env, 'rotate_keys sandbox --sign --at-risk "Sandbox EHR" --reason test')


async def test_an_ehr_that_never_fetches_our_new_key_fails_no_launch(
    demo: Demo, browser: Browser
) -> None:
    """T22: with the sandbox's `jwks-stale`, which keeps its copy for ever."""
    stale = ehr_launch(fault="jwks-stale")
    before = await browser.allow(stale)
    assert before.status == 200, before.words
    await rotate(demo)
    deadline = time.monotonic() + 30
    # The server hears within ten seconds that another key signs.
    while "refused the new key" not in demo.log_text:
        assert time.monotonic() < deadline, demo.log_text
        page = await browser.allow(stale)
        assert page.status == 200, page.words
        assert page.path.startswith("/launches/")
        await asyncio.sleep(1)
    assert "RS384: an EHR refused the new key" in await command(demo.env, "rotate_keys sandbox")
    assert "eyJ" not in demo.log_text
