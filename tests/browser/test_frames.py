"""The app in a frame of the EHR's page, in real Chromium (C21, C57, C150-C153).

The app is on another site than the EHR, under the `sandbox` attribute that athenahealth is said to
use, with and without cookies.
"""

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    Frame,
    FrameLocator,
    Page,
    expect,
)

from tests.browser.conftest import screenshots, sign_in
from tests.conftest import CHROMIUM_ARGUMENTS, CHROMIUM_WITH_WINDOWS
from tests.demo_server import Demo
from tests.processes import manage

pytestmark = pytest.mark.browser

NEW_WINDOW = "Continue in a new window"


def ehr_of(demo: Demo) -> str:
    """The EHR under its other name, which is another site than the app's."""
    return demo.url.replace("127.0.0.1", "localhost")


def open_inside(page: Page, demo: Demo, **choices: str) -> FrameLocator:
    query = urlencode({"client_id": "smartapp-demo", **choices})
    page.goto(f"{ehr_of(demo)}/sandbox/frame?{query}")
    return page.frame_locator("iframe")


def sign_in_inside(frame: FrameLocator) -> None:
    frame.locator("input[name=username]").fill("clinician")
    frame.locator("input[name=password]").fill("sandbox")
    frame.locator("main form button").first.click()


def framed_by(demo: Demo, *origins: str) -> None:
    """Allow these origins to show the app in a frame, and wait until that counts in the server: a
    second, and another for a busy machine."""
    code = f"Registration.objects.update(frame_ancestors={list(origins)!r})"
    manage(
        demo.env, "shell", "-c", f"from smartapp.registrations.models import Registration; {code}"
    )
    time.sleep(2)


def app_frame(page: Page) -> Frame:
    return next(one for one in page.frames if "/launches/" in one.url)


def without_popups(page: Page) -> None:
    """Take new windows from the frame too, and open the app again; what is clicked before would
    be lost."""
    with page.expect_event("framenavigated"):
        page.locator("iframe").evaluate(
            "one => { one.sandbox.remove('allow-popups', 'allow-popups-to-escape-sandbox');"
            " one.src = one.src }"
        )


@contextmanager
def browsing(chromium: Browser, profile: Path, cookies: object) -> Iterator[BrowserContext]:
    """A Chromium with changed cookie settings, which only the one with windows has."""
    exceptions = {"profile": {"content_settings": {"exceptions": {"cookies": cookies}}}}
    (profile / "Default").mkdir(parents=True)
    (profile / "Default" / "Preferences").write_text(json.dumps(exceptions))
    context = chromium.browser_type.launch_persistent_context(
        profile, executable_path=CHROMIUM_WITH_WINDOWS, args=CHROMIUM_ARGUMENTS
    )
    yield context
    context.close()


@pytest.mark.parametrize("popups", [True, False])
def test_everything_works_in_a_frame_that_may_not_lead_away(
    page: Page, demo: Demo, popups: bool
) -> None:
    """Scripts and forms work, but the frame cannot navigate the EHR's own window (C152)."""
    frame = open_inside(page, demo)
    if not popups:
        without_popups(page)
    attribute = page.locator("iframe").get_attribute("sandbox") or ""
    assert "allow-top-navigation" not in attribute
    assert ("allow-popups" in attribute) is popups
    sign_in_inside(frame)
    expect(frame.locator("#connection")).to_be_visible()
    app_frame(page).goto(app_frame(page).url)
    expect(frame.locator("#connection")).to_be_visible()
    screenshots(page, f"frame-{'athena' if popups else 'no-popups'}")
    frame.get_by_role("button", name=re.compile("Disconnect")).click()
    expect(frame.get_by_role("heading", name="Disconnected")).to_be_visible()


def test_frame_that_nobody_allowed_says_so_and_has_a_way_out(
    context: BrowserContext, page: Page, demo: Demo
) -> None:
    """The frame shows a message and a way out, not the browser's grey error page (C150)."""
    framed_by(demo)
    try:
        frame = open_inside(page, demo)
        expect(frame.get_by_role("heading", level=1)).to_have_text(
            "This app may not show inside this page"
        )
        screenshots(page, "frame-not-allowed")
        with context.expect_page() as opened:
            frame.get_by_role("link", name=NEW_WINDOW).click()
        sign_in(opened.value)
        expect(opened.value.locator("#connection")).to_be_visible()
    finally:
        framed_by(demo, demo.url, ehr_of(demo))


def test_sign_in_that_refuses_frames_goes_on_in_a_new_window(chromium: Browser, demo: Demo) -> None:
    """At first Chromium shows a grey area; opened again, the app offers a window (C153)."""
    context = chromium.new_context()  # whose console says that the frame was refused
    page = context.new_page()
    choices = {"fault": "authorize-popup-only"}
    open_inside(page, demo, **choices)
    page.wait_for_timeout(6_000)
    frame = open_inside(page, demo, **choices)
    expect(frame.get_by_role("heading", name=NEW_WINDOW)).to_be_visible()
    screenshots(page, "frame-new-window")
    expect(frame.get_by_role("link", name="Try it here again")).to_be_visible()
    with context.expect_page() as opened:
        frame.get_by_role("link", name=NEW_WINDOW).click()
    sign_in(opened.value)
    expect(opened.value.locator("#connection")).to_be_visible()
    context.close()


def test_other_sites_cookies_blocked_the_app_works_in_the_frame(
    chromium: Browser, tmp_path: Path, demo: Demo
) -> None:
    """Browsers that block third-party cookies still accept partitioned ones (C151)."""
    with browsing(chromium, tmp_path, {}) as context:
        page = context.new_page()
        session = context.new_cdp_session(page)
        session.send(
            "Network.setCookieControls",
            {
                "enableThirdPartyCookieRestriction": True,
                "disableThirdPartyCookieMetadata": True,
                "disableThirdPartyCookieHeuristics": True,
            },
        )
        frame = open_inside(page, demo)
        sign_in_inside(frame)
        expect(frame.locator("#connection")).to_be_visible()


def test_no_cookies_in_the_frame_the_app_says_so_and_goes_on_in_a_window(
    chromium: Browser, tmp_path: Path, demo: Demo
) -> None:
    """The EHR is asked for nothing, and the new window starts its own launch (C57)."""
    blocked = {f"{demo.url},{ehr_of(demo)}": {"setting": 2}}
    asked: list[str] = []
    with browsing(chromium, tmp_path, blocked) as context:
        page = context.new_page()
        page.on("request", lambda one: asked.append(urlsplit(one.url).path))
        frame = open_inside(page, demo)
        expect(frame.get_by_role("heading", level=1)).to_have_text(
            "Your browser keeps no cookies for this app inside your EHR"
        )
        assert "/sandbox/oauth2/v1/authorize" not in asked
        assert not [one for one in context.cookies() if "launch" in one["name"]]
        screenshots(page, "frame-no-cookies")
        with context.expect_page() as opened:
            frame.get_by_role("link", name=NEW_WINDOW).click()
        sign_in(opened.value)
        expect(opened.value.locator("#connection")).to_be_visible()
        assert frame.locator("#connection").count() == 0
