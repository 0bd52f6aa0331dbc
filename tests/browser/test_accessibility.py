"""Every page of the app passes axe and fits a phone, in light and in dark (WCAG 2.2 AA)."""

import pytest
from playwright.sync_api import Browser, Page

from tests.accessibility import violations
from tests.browser.conftest import PHONE, ehr_launch, fits, standalone_launch
from tests.demo_server import Demo

pytestmark = pytest.mark.browser

# With many results, with almost none, and in three scripts, one of them right to left.
PATIENTS = ("a-1.E-1009", "a-1.E-1013", "a-1.E-1004", "a-1.E-1012")


@pytest.mark.parametrize("path", ["/", "/?q=nothing-like-it", "/launch", "/no-such-page"])
def test_page_is_accessible(chromium: Browser, demo: Demo, path: str) -> None:
    # The page's own policy forbids foreign scripts, and the checker is one.
    context = chromium.new_context(bypass_csp=True, viewport=PHONE)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(demo.url + path)
    assert violations(page) == []
    assert fits(page)
    context.close()


@pytest.mark.parametrize("patient", PATIENTS)
def test_launch_page_is_accessible(chromium: Browser, demo: Demo, patient: str) -> None:
    context = chromium.new_context(bypass_csp=True, viewport=PHONE)  # type: ignore[arg-type]
    page = context.new_page()
    ehr_launch(page, demo, patient=patient)
    for details in page.locator("details").all()[:5]:
        details.locator("summary").first.click()
    assert violations(page) == []
    assert fits(page)
    context.close()


def test_disconnected_page_is_accessible(chromium: Browser, demo: Demo) -> None:
    context = chromium.new_context(bypass_csp=True, viewport=PHONE)  # type: ignore[arg-type]
    page = context.new_page()
    standalone_launch(page, demo)
    page.get_by_role("button", name="Disconnect").click()
    assert violations(page) == []
    context.close()


def test_launch_page_works_with_the_keyboard_alone(page: Page, demo: Demo) -> None:
    ehr_launch(page, demo)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.url.endswith("#content")


def test_launch_page_works_without_javascript(chromium: Browser, demo: Demo) -> None:
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    ehr_launch(page, demo)
    assert page.get_by_role("button", name="Disconnect").is_visible()
    assert page.get_by_role("heading", name="Vital signs").is_visible()
    context.close()
