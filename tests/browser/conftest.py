"""Real Chromium against the demo."""

import os
import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    Page,
    StorageState,
    expect,
    sync_playwright,
)

from tests.conftest import CHROMIUM, CHROMIUM_ARGUMENTS
from tests.demo_server import Demo, demo_server
from tests.processes import ROOT

# A busy machine takes longer than Playwright's five seconds to show a page in a frame.
expect.set_options(timeout=30_000)
PHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1440, "height": 900}
SCREENSHOTS = ROOT / "var" / "screenshots"


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with demo_server(tmp_path_factory.mktemp("demo")) as running:
        yield running


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One browser per file.

    While it is open, Playwright keeps an event loop running in this thread, so async tests of other
    files could not run there (xdist keeps a file together).
    """
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    """A browser profile without cookies of other tests. A script error fails the test."""
    context = chromium.new_context(viewport={"width": 1440, "height": 900})
    problems: list[str] = []
    context.on("weberror", lambda error: problems.append(str(error.error)))
    context.on(
        "console",
        lambda message: (
            problems.append(message.text)
            if message.type == "error" and "Failed to load resource" not in message.text
            else None
        ),
    )
    yield context
    context.close()
    assert problems == []


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


@pytest.fixture(scope="module")
def administrator(chromium: Browser, demo: Demo) -> StorageState:
    """The cookies of the demo's administrator, who signs in once for all tests of a file."""
    found = re.search(r"Admin +\S+ +(\S+) / (\S+)", demo.log_text)
    assert found
    context = chromium.new_context()
    page = context.new_page()
    page.goto(f"{demo.url}/admin/")
    page.fill("[name=username]", found[1])
    page.fill("[name=password]", found[2])
    page.click("[type=submit]")
    cookies = context.storage_state()
    context.close()
    return cookies


@pytest.fixture
def admin(chromium: Browser, administrator: StorageState) -> Iterator[Page]:
    """The demo's administrator in a desktop's window.

    The page's own policy would refuse the checker's script, so this context bypasses it.
    """
    context = chromium.new_context(
        bypass_csp=True,
        viewport=DESKTOP,  # type: ignore[arg-type]
        permissions=["clipboard-read", "clipboard-write"],
        storage_state=administrator,
    )
    yield context.new_page()
    context.close()


def sign_in(page: Page, username: str = "clinician", decision: str = "allow") -> None:
    """Go through the EHR's pages as a person would, until the app's page appears."""
    for _ in range(6):
        page.wait_for_load_state()
        if not urlsplit(page.url).path.startswith("/sandbox/"):
            return
        if page.locator("input[name=username]").count():
            page.fill("input[name=username]", username)
            page.fill("input[name=password]", "sandbox")
        decide = page.locator(f"button[name=decision][value={decision}]")
        (decide if decide.count() else page.locator("main form button").first).click()
    raise AssertionError(f"still at the EHR: {page.url}\n{page.inner_text('main')}")


def shows_launch(page: Page) -> None:
    """Check that this is the page of a launch; if not, the failure says what stands on it."""
    if not re.search(r"/launches/[0-9a-f-]{36}/$", page.url):
        raise AssertionError(f"{urlsplit(page.url).path} says:\n{page.inner_text('body')}")


def ehr_launch(page: Page, demo: Demo, **choices: str) -> str:
    """Launch from the EHR with these choices; return the address of the launch's page."""
    query = "".join(f"&{name}={value}" for name, value in choices.items())
    page.goto(f"{demo.url}/sandbox/launch?client_id=smartapp-demo{query}")
    sign_in(page)
    shows_launch(page)
    return page.url


def standalone_launch(page: Page, demo: Demo) -> str:
    page.goto(f"{demo.url}/connect/sandbox/")
    sign_in(page, "patient")
    shows_launch(page)
    return page.url


def screenshots(page: Page, name: str, *, full_page: bool = True) -> None:
    """Save pictures of the page at phone and desktop width, for people to look at.

    Only with UPDATE_DOCS set, because they take as long as the tests. The window is a desktop's
    afterwards.
    """
    for label, size in (("phone", PHONE), ("desktop", DESKTOP)):
        page.set_viewport_size({"width": size["width"], "height": size["height"]})
        if os.environ.get("UPDATE_DOCS"):
            page.screenshot(path=SCREENSHOTS / f"{name}-{label}.png", full_page=full_page)


def fits(page: Page) -> bool:
    """Whether the page is no wider than the window. One that a click has just opened may have no
    element yet."""
    page.wait_for_load_state()
    wide: bool = page.evaluate(
        "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
    )
    return wide
