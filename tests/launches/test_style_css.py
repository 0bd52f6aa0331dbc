"""The EHR's looks for a launch's page (C106): from its own hosts only, and never in the way."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
from aiohttp import web

from smartapp.launches import style_css
from tests.launches.conftest import Browser, new_browser
from tests.scripted_ehr import ScriptedEHR

Start = Callable[[], str]
LOOKS = {"color_highlight": "#1f5f8b", "dim_border_radius": "6px"}


class StyleHost:
    """A server with a style document; counts who asked, and with what."""

    def __init__(self) -> None:
        self.asked: list[str | None] = []
        self.answer: Callable[[], web.Response] = lambda: web.json_response(LOOKS)
        self.delay = 0.0
        self.url = ""

    async def serve(self, request: web.Request) -> web.Response:
        self.asked.append(request.headers.get("Authorization"))
        await asyncio.sleep(self.delay)
        return self.answer()


@pytest.fixture
async def host() -> AsyncIterator[StyleHost]:
    found = StyleHost()
    application = web.Application()
    application.router.add_get("/style.json", found.serve)
    runner = web.AppRunner(application, access_log=None, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    assert isinstance(site._server, asyncio.Server)
    found.url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}/style.json"
    yield found
    await runner.cleanup()


@pytest.fixture(autouse=True)
def nothing_remembered() -> Iterator[None]:
    yield
    style_css.forget()


async def launched(browser: Browser, ehr: ScriptedEHR, start: Start, url: str) -> str:
    """Launch with that style and return the stylesheet's address."""
    ehr.context["smart_style_url"] = url
    return f"/launches/{await browser.launch(start())}/style.css"


@pytest.fixture
def pinned(registered: object, host: StyleHost) -> None:
    """The style document is on a host that an administrator has accepted (C14)."""
    from smartapp.registrations.models import Endpoint

    endpoint = Endpoint.objects.get()
    endpoint.pinned_hosts.append(host.url.split("/")[2])
    endpoint.save()


async def test_looks_of_the_ehr_are_a_stylesheet(
    pinned: None, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start, host: StyleHost
) -> None:
    """C106; T11: and the document is asked for without a token."""
    address = await launched(browser, ehr, ehr_launch, host.url)
    page = await (await browser.get(address.removesuffix("style.css"))).text()
    assert f'<link rel="stylesheet" href="{address}">' in page
    response = await browser.get(address)
    assert response.status == 200
    assert response.content_type == "text/css"
    assert "--accent: #1f5f8b" in await response.text()
    await browser.get(address)
    assert host.asked == [None]


async def test_page_without_style_asks_for_none(
    browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
) -> None:
    uuid = await browser.launch(ehr_launch())
    assert "style.css" not in await (await browser.get(f"/launches/{uuid}/")).text()
    assert await (await browser.get(f"/launches/{uuid}/style.css")).text() == ""


async def test_other_browser_gets_404(
    pinned: None, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start, host: StyleHost
) -> None:
    """C155, T19."""
    address = await launched(browser, ehr, ehr_launch, host.url)
    async with new_browser(browser.app) as stranger:
        assert (await stranger.get(address)).status == 404
    assert host.asked == []


@pytest.mark.parametrize(
    "url", ["{host}", "ftp://x/style.json", "//evil.example/x", "javascript:alert(1)", "https://["]
)
async def test_host_that_is_not_the_ehrs_is_not_asked(
    browser: Browser, ehr: ScriptedEHR, ehr_launch: Start, host: StyleHost, url: str
) -> None:
    """C106, T11, T12: a launch context is no reason to ask anybody."""
    address = await launched(browser, ehr, ehr_launch, url.format(host=host.url))
    response = await browser.get(address)
    assert (response.status, await response.text()) == (200, "")
    assert host.asked == []


@pytest.mark.parametrize(
    "answer",
    [
        lambda: web.Response(status=500),
        lambda: web.Response(status=302, headers={"Location": "https://evil.example/"}),
        lambda: web.Response(text="<html>", content_type="text/html"),
        lambda: web.Response(text=json.dumps({**LOOKS, "more": "x" * 70_000})),
    ],
    ids=["500", "redirect", "html", "too large"],
)
async def test_document_that_is_no_use_is_no_style(
    pinned: None,
    browser: Browser,
    ehr: ScriptedEHR,
    ehr_launch: Start,
    host: StyleHost,
    answer: Callable[[], web.Response],
) -> None:
    """C106, T25: and for a minute it is not asked for again."""
    host.answer = answer
    address = await launched(browser, ehr, ehr_launch, host.url)
    for _ in range(2):
        response = await browser.get(address)
        assert (response.status, await response.text()) == (200, "")
    assert len(host.asked) == 1


async def test_slow_document_never_holds_up_the_page(
    pinned: None, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start, host: StyleHost
) -> None:
    host.delay = 20
    address = await launched(browser, ehr, ehr_launch, host.url)
    async with asyncio.timeout(10):
        assert (await browser.get(address.removesuffix("style.css"))).status == 200
    async with asyncio.timeout(style_css.TIMEOUT_SECONDS + 10):
        assert await (await browser.get(address)).text() == ""


async def test_memory_does_not_grow_with_addresses(
    pinned: None,
    browser: Browser,
    ehr: ScriptedEHR,
    ehr_launch: Start,
    host: StyleHost,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(style_css, "MAX_STYLES", 2)
    for number in range(4):
        address = await launched(browser, ehr, ehr_launch, f"{host.url}?{number}")
        await browser.get(address)
        assert len(style_css._styles) <= 2
