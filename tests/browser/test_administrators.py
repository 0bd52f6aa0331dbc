"""An administrator's first day, in real Chromium: link, password, second factor, lost phone."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.accessibility import violations
from tests.administrators.conftest import app_code
from tests.browser.conftest import fits, screenshots
from tests.demo_server import Demo
from tests.processes import manage

pytestmark = pytest.mark.browser

PASSWORD = "correct horse battery"


def looked_at(page: Page, name: str) -> None:
    """Save pictures, and check that the page fits a phone and that axe finds nothing."""
    screenshots(page, f"administrators-{name}")
    page.set_viewport_size({"width": 390, "height": 844})
    assert fits(page), name
    # Django's own header and footer are not checked.
    assert violations(page, "#content") == []


def sign_in(page: Page, demo: Demo, username: str, password: str) -> None:
    page.goto(f"{demo.url}/admin/")
    page.fill("#id_username", username)
    page.fill("#id_password", password)
    page.click("input[type=submit]")


@pytest.fixture
def unlocked(demo: Demo) -> Iterator[None]:
    """Lift the lock: the other tests come from the same address."""
    yield
    manage(demo.env, "axes_reset")


def answer_slowly(page: Page) -> None:
    slow = {"offline": False, "latency": 800, "downloadThroughput": -1, "uploadThroughput": -1}
    page.context.new_cdp_session(page).send("Network.emulateNetworkConditions", slow)


def test_a_double_click_is_one(demo: Demo, page: Page) -> None:
    """Else the answer to the first one, with the recovery codes, would never be seen."""
    link = re.search(rf"{re.escape(demo.url)}\S+", manage(demo.env, "create_administrator", "eve"))
    assert link is not None
    page.goto(link.group())
    page.fill("#id_new_password1", PASSWORD)
    page.fill("#id_new_password2", PASSWORD)
    page.click("button.default")
    page.fill("#code", app_code(page.inner_text("code.secret")))
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.method))
    answer_slowly(page)
    page.dblclick("button.default", delay=200)
    expect(page.locator("ol.recovery-codes li")).to_have_count(10)
    assert sent.count("POST") == 1


def test_what_was_corrected_before_the_answer_came_is_sent(demo: Demo, page: Page) -> None:
    sign_in(page, demo, "admin", "sandbox")
    page.goto(f"{demo.url}/admin/launches/launchevent/")
    answer_slowly(page)
    # At once, because Playwright itself would wait for the first answer.
    page.evaluate("""() => {
        const search = document.querySelector("#searchbar");
        for (search.value of ["ABCD-EFG", "ABCD-EFGH"]) search.form.requestSubmit();
    }""")
    page.wait_for_url("**q=ABCD-EFGH")


def test_from_the_link_to_a_lost_phone(demo: Demo, page: Page, chromium: Browser) -> None:
    printed = manage(demo.env, "create_administrator", "ann")
    link = re.search(rf"{re.escape(demo.url)}\S+", printed)
    assert link is not None
    page.goto(link.group())
    looked_at(page, "password")
    page.fill("#id_new_password1", PASSWORD)
    page.fill("#id_new_password2", PASSWORD)
    page.click("button.default")
    assert page.url.endswith("/admin/second-factor/set-up/")
    assert page.locator("svg.qr").bounding_box()["width"] >= 150  # type: ignore[index]
    looked_at(page, "set-up")
    secret = page.inner_text("code.secret")
    page.fill("#code", "000000")
    page.click("button.default")
    assert page.get_by_role("alert").inner_text().startswith("That code is not right")
    page.wait_for_timeout(1100)  # a wrong code has to wait
    page.fill("#code", app_code(secret))
    page.click("button.default")
    codes = page.locator(".recovery-codes code").all_inner_texts()
    assert len(codes) == 10
    looked_at(page, "recovery-codes")
    page.get_by_role("link", name="I have kept them").click()
    assert page.url == f"{demo.url}/admin/"

    later = chromium.new_context()
    page = later.new_page()
    sign_in(page, demo, "ann", PASSWORD)
    assert "/admin/second-factor/?next=" in page.url
    looked_at(page, "code")
    page.fill("#code", codes[0])
    page.click("button.default")
    assert page.url == f"{demo.url}/admin/"
    assert "You used a recovery code: 9 are left." in page.inner_text(".messagelist")
    page.get_by_role("link", name="Second factor").click()
    looked_at(page, "status")
    page.goto(f"{demo.url}/admin/audit/auditevent/?q=ann")
    assert "Chain verified" in page.inner_text("#content")
    screenshots(page, "administrators-audit")
    later.close()


def test_five_wrong_passwords(
    demo: Demo, context: BrowserContext, page: Page, unlocked: None
) -> None:
    for _ in range(5):
        sign_in(page, demo, "admin", "wrong")
    assert "in 15 minutes" in page.inner_text("#content")
    looked_at(page, "locked")
