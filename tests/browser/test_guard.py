"""A launch's page closes itself in time, in real Chromium (T16, T17, T18; C156, C158, C160)."""

import re
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from playwright.sync_api import Browser, BrowserContext, Frame, Page, expect

from tests.accessibility import violations
from tests.browser.conftest import (
    DESKTOP,
    PHONE,
    ehr_launch,
    fits,
    screenshots,
    standalone_launch,
)
from tests.demo_server import Demo

pytestmark = pytest.mark.browser

MESSAGE = '{event: "patientContextChanged", updatedPatient: 1002}'
CHANGED = "The patient was changed in the EHR"


def uuid_of(url: str) -> UUID:
    found = re.search(r"/launches/([0-9a-f-]{36})/", url)
    assert found
    return UUID(found[1])


def session_ends_in(demo: Demo, url: str, seconds: float) -> None:
    """Let the launch's session end after this time, as if it had been unused for long."""
    at = datetime.now(UTC) + timedelta(seconds=seconds)
    path = demo.env["DATABASE_URL"].removeprefix("sqlite:///")
    with sqlite3.connect(path, timeout=20) as database:
        changed = database.execute(
            "UPDATE django_session SET expire_date = ? WHERE session_key ="
            " (SELECT session_id FROM launches_launch WHERE uuid = ?)",
            (at.strftime("%Y-%m-%d %H:%M:%S.%f"), uuid_of(url).hex),
        )
        assert changed.rowcount == 1
    database.close()


def shows_the_record(page: Page | Frame) -> bool:
    return page.locator("#vitals").is_visible()


class TestUnused:
    """The page of a clinician who has left (T18)."""

    @pytest.fixture
    def checked(self, chromium: Browser) -> Iterator[Page]:
        """A page that axe can check, with its own clock."""
        context = chromium.new_context(bypass_csp=True, viewport=PHONE)  # type: ignore[arg-type]
        page = context.new_page()
        page.clock.install()
        yield page
        context.close()

    def test_it_warns_and_whoever_is_there_stays(self, checked: Page, demo: Demo) -> None:
        """The warning is answered with the keyboard; moving the mouse is not an answer."""
        url = ehr_launch(checked, demo)
        warning = checked.get_by_role("alertdialog", name="Are you still there?")
        expect(warning).to_be_hidden()
        session_ends_in(demo, url, 100)
        checked.clock.fast_forward("28:30")
        checked.clock.run_for(2_000)
        expect(warning).to_be_visible()
        expect(warning).to_contain_text(
            re.compile(r"closes in 1:?\d\d seconds|in 2 minutes|in \d\d")
        )
        assert checked.evaluate("document.activeElement.id") == "idle-stay"
        assert violations(checked) == []
        assert fits(checked)
        screenshots(checked, "idle-warning", full_page=False)
        checked.set_viewport_size(PHONE)  # type: ignore[arg-type]
        hidden = "getComputedStyle(document.querySelector('main')).visibility"
        assert checked.evaluate(hidden) == "hidden"
        checked.mouse.move(5, 5)
        checked.clock.run_for(2_000)
        expect(warning).to_be_visible()
        checked.keyboard.press("Enter")
        expect(warning).to_be_hidden()
        checked.clock.run_for(60_000)
        expect(warning).to_be_hidden()
        assert checked.evaluate(hidden) == "visible"
        assert shows_the_record(checked)
        checked.reload()
        assert shows_the_record(checked)

    def test_it_closes_when_nobody_answers(self, checked: Page, demo: Demo) -> None:
        url = ehr_launch(checked, demo)
        name = checked.inner_text("h1")
        session_ends_in(demo, url, 1)
        checked.wait_for_timeout(1_500)
        checked.clock.fast_forward("31:00")
        checked.clock.run_for(2_000)
        expect(checked.get_by_role("heading", name="Closed")).to_be_visible()
        assert "30 minutes" in checked.inner_text("main")
        assert name not in checked.content()
        assert "Vital signs" not in checked.content()
        assert checked.evaluate("document.activeElement.id") == "content"
        assert violations(checked) == []
        screenshots(checked, "idle-closed")
        response = checked.reload()
        assert response is not None
        assert response.status == 404

    def test_use_keeps_it_open_and_is_told_once_a_minute(self, page: Page, demo: Demo) -> None:
        page.clock.install()
        ehr_launch(page, demo)
        told: list[str] = []
        page.on("request", lambda one: told.append(one.method) if "/presence/" in one.url else None)
        for _ in range(6):
            page.mouse.click(5, 5)
            page.clock.run_for(20_000)
            page.wait_for_timeout(100)
        assert told.count("POST") in (1, 2)
        assert shows_the_record(page)

    def test_patient_who_stays_connected_is_not_asked(self, page: Page, demo: Demo) -> None:
        """A patient who allowed lasting access at the EHR stays connected until disconnecting."""
        page.clock.install()
        url = standalone_launch(page, demo)
        page.clock.fast_forward("10:00:00")
        page.clock.run_for(20_000)
        expect(page.get_by_role("alertdialog")).to_be_hidden()
        assert shows_the_record(page)
        assert page.goto(url)


class TestEndedElsewhere:
    def test_page_that_is_looked_at_again_asks_whether_it_still_holds(
        self, page: Page, demo: Demo
    ) -> None:
        """After five minutes, the page asks when its window gets the focus (C158)."""
        page.clock.install()
        url = ehr_launch(page, demo)
        page.request.post(f"{url}end/", max_redirects=0)
        page.evaluate("window.dispatchEvent(new Event('focus'))")
        assert shows_the_record(page)
        page.clock.fast_forward("06:00")
        page.evaluate("window.dispatchEvent(new Event('focus'))")
        expect(page.get_by_role("heading", name="Closed")).to_be_visible()
        assert "Vital signs" not in page.content()

    def test_back_shows_nothing_after_the_end(self, page: Page, demo: Demo) -> None:
        """C160."""
        url = ehr_launch(page, demo)
        page.goto(f"{demo.url}/no-such-page")
        page.request.post(f"{url}end/", max_redirects=0)
        page.go_back()
        expect(page.locator("body")).not_to_contain_text("Vital signs")
        expect(page.get_by_role("heading", name="Disconnected")).to_be_visible()

    def test_page_out_of_the_browsers_memory_is_loaded_again(self, page: Page, demo: Demo) -> None:
        """The page reloads in a browser that keeps pages in memory despite no-store (C160)."""
        url = ehr_launch(page, demo)
        page.request.post(f"{url}end/", max_redirects=0)
        with page.expect_navigation():
            page.evaluate(
                "window.dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))"
            )
        expect(page.get_by_role("heading", name="Disconnected")).to_be_visible()


class TestPatientChangedInTheEHR:
    """Only the EHR around the app can say that the patient has changed (C156, T16)."""

    @pytest.fixture
    def framed(self, page: Page, demo: Demo) -> Frame:
        ehr = demo.url.replace("127.0.0.1", "localhost")
        page.goto(
            f"{ehr}/sandbox/frame?client_id=smartapp-demo&patient=a-1.E-1001"
            "&fault=frame-patient-changes:30"
        )
        app = page.frame_locator("iframe")
        app.locator("input[name=username]").fill("clinician")
        app.locator("input[name=password]").fill("sandbox")
        app.locator("main form button").first.click()
        expect(app.locator("#connection")).to_be_visible()  # the last part of the page to load
        return next(one for one in page.frames if "/launches/" in one.url)

    def test_page_is_closed_and_stays_closed(
        self, page: Page, framed: Frame, context: BrowserContext
    ) -> None:
        asked: list[str] = []
        page.on("request", lambda one: asked.append(one.url))
        url = framed.url
        with page.expect_response(lambda one: one.url.endswith("/patient-changed/")) as told:
            page.get_by_role("button", name="Open another patient").click()
        assert told.value.status == 204
        expect(framed.get_by_role("heading", name=CHANGED)).to_be_visible()
        assert "Vital signs" not in framed.content()
        assert not [one for one in asked if "1002" in one]
        screenshots(page, "patient-changed")
        framed.goto(url)
        expect(framed.get_by_role("heading", name=CHANGED)).to_be_visible()
        assert "Vital signs" not in framed.content()
        # A link to the start page would leave the frame blank.
        assert framed.locator("a[href='/']").count() == 0
        screenshots(page, "patient-changed-reloaded")

    def test_it_stays_closed_while_the_server_cannot_be_told(
        self, page: Page, framed: Frame
    ) -> None:
        page.route("**/patient-changed/", lambda route: route.abort())
        page.get_by_role("button", name="Open another patient").click()
        expect(framed.get_by_role("heading", name=CHANGED)).to_be_visible()
        with page.expect_response(re.compile("/launches/[0-9a-f-]+/$")):
            framed.evaluate("location.reload()")
        expect(framed.get_by_role("heading", name=CHANGED)).to_be_visible()
        assert not shows_the_record(framed)
        page.unroute("**/patient-changed/")
        with page.expect_response(lambda one: one.url.endswith("/patient-changed/")) as told:
            pass
        assert told.value.status == 204

    def test_origin_that_is_not_registered_is_not_heard(
        self, framed: Frame, page: Page, demo: Demo
    ) -> None:
        """The surrounding window is the same, but its origin is not registered."""
        data = "document.querySelector('[data-guard]').dataset"
        before = framed.evaluate(f"{data}.origins")
        assert demo.url.replace("127.0.0.1", "localhost") in before.split()
        framed.evaluate(f"{data}.origins = 'https://other-ehr.example'")
        page.get_by_role("button", name="Open another patient").click()
        page.wait_for_timeout(500)
        assert shows_the_record(framed)
        framed.evaluate(f"{data}.origins = '{before}'")
        page.get_by_role("button", name="Open another patient").click()
        expect(framed.get_by_role("heading", name=CHANGED)).to_be_visible()

    @pytest.mark.parametrize(
        "script",
        [
            # The page itself, which only claims the EHR's origin.
            'window.dispatchEvent(new MessageEvent("message",'
            f" {{origin: ORIGIN, data: {MESSAGE}}}))",
            f"window.postMessage({MESSAGE}, '*')",
            # A frame inside the page.
            f"""{{
              const child = document.createElement("iframe");
              document.body.append(child);
              const script = child.contentDocument.createElement("script");
              child.contentWindow.parent.postMessage.call(
                child.contentWindow.parent, {MESSAGE}, "*");
              window.dispatchEvent(new MessageEvent("message",
                {{origin: ORIGIN, source: child.contentWindow, data: {MESSAGE}}}));
            }}""",
            # The EHR, about another subject.
            'window.dispatchEvent(new MessageEvent("message",'
            ' {origin: ORIGIN, source: window.parent, data: {event: "somethingElse"}}))',
            'window.dispatchEvent(new MessageEvent("message",'
            " {origin: ORIGIN, source: window.parent, data: null}))",
            # The right window with a wrong origin.
            'window.dispatchEvent(new MessageEvent("message", {origin: "https://evil.example",'
            f" source: window.parent, data: {MESSAGE}}}))",
        ],
        ids=["no-source", "itself", "child-frame", "another-event", "nothing", "another-origin"],
    )
    def test_others_are_not_heard(self, framed: Frame, page: Page, demo: Demo, script: str) -> None:
        origin = demo.url.replace("127.0.0.1", "localhost")
        framed.evaluate(script.replace("ORIGIN", f'"{origin}"'))
        page.wait_for_timeout(300)
        assert shows_the_record(framed)

    def test_popup_is_not_heard(
        self, framed: Frame, page: Page, demo: Demo, context: BrowserContext
    ) -> None:
        """A popup of the EHR's own origin is not the window around the app."""
        with page.expect_popup() as opened:
            page.evaluate("window.open('/sandbox/')")
        popup = opened.value
        popup.wait_for_load_state()
        popup.evaluate(f"window.opener.frames[0].postMessage({MESSAGE}, '*')")
        page.wait_for_timeout(300)
        assert shows_the_record(framed)

    def test_page_in_a_tab_hears_nobody(
        self, page: Page, demo: Demo, context: BrowserContext
    ) -> None:
        """In a tab no EHR surrounds the page, and the window that opened it does not count."""
        opener = context.new_page()
        opener.goto(f"{demo.url}/sandbox/")
        with opener.expect_popup() as opened:
            opener.evaluate(f"window.app = window.open('{demo.url}/')")
        tab = opened.value
        ehr_launch(tab, demo)
        tab.set_viewport_size(DESKTOP)  # type: ignore[arg-type]
        opener.evaluate(f"window.app && window.app.postMessage({MESSAGE}, '*')")
        tab.evaluate(f"window.postMessage({MESSAGE}, '*')")
        tab.wait_for_timeout(300)
        assert shows_the_record(tab)
