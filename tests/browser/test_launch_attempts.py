"""An administrator finds out why a launch failed, in a real browser."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.accessibility import violations
from tests.browser.conftest import PHONE, ehr_launch, fits, screenshots, sign_in
from tests.demo_server import Demo

pytestmark = pytest.mark.browser

# The header and footer are Django's.
OURS = "#content-main"


@pytest.fixture
def reference(chromium: Browser, demo: Demo) -> Iterator[str]:
    """The reference number of a launch that the clinician did not allow."""
    context = chromium.new_context()
    page = context.new_page()
    page.goto(f"{demo.url}/sandbox/launch?client_id=smartapp-demo")
    sign_in(page, decision="deny")
    found = re.search(r"[2-9A-Z]{4}-[2-9A-Z]{4}", page.inner_text("main"))
    assert found, page.inner_text("main")
    yield found[0]
    context.close()


def search(page: Page, demo: Demo, term: str) -> None:
    page.goto(f"{demo.url}/admin/launches/launchevent/?q={term}")
    page.locator("#result_list a[href*='/attempt/']").first.click()


def test_reference_number_leads_to_the_cause_and_a_report(
    admin: Page, demo: Demo, reference: str
) -> None:
    search(admin, demo, reference)
    expect(admin.locator(".launch-causes li").first).to_contain_text("said no")
    expect(admin.locator(".launch-not-ok").last).to_contain_text(reference)
    admin.get_by_role("button", name="Copy report").click()
    expect(admin.locator("#launch-copied")).to_contain_text(re.compile("Copied|Selected"))
    admin.get_by_role("button", name="Check everything now").click()
    expect(admin.locator("#content-main")).to_contain_text("published-key")
    screenshots(admin, "launch-attempt")
    admin.set_viewport_size(PHONE)  # type: ignore[arg-type]
    assert fits(admin)


def test_page_of_a_launch_shows_its_timeline(admin: Page, demo: Demo, chromium: Browser) -> None:
    context = chromium.new_context()
    address = ehr_launch(context.new_page(), demo)
    uuid = address.rstrip("/").rpartition("/")[2]
    admin.goto(f"{demo.url}/admin/launches/launch/{uuid}/change/")
    expect(admin.locator(".launch-steps")).to_contain_text("Token request")
    expect(admin.locator(".launch-steps")).to_contain_text("FHIR")
    screenshots(admin, "launch-timeline")
    assert violations(admin, ".launch-page") == []
    admin.set_viewport_size(PHONE)  # type: ignore[arg-type]
    assert fits(admin)
    context.close()


def test_ehr_is_asked_about_the_tokens_of_a_launch(
    admin: Page, demo: Demo, chromium: Browser
) -> None:
    """The sandbox's introspection endpoint is asked (C130, C132)."""
    context = chromium.new_context()
    uuid = ehr_launch(context.new_page(), demo).rstrip("/").rpartition("/")[2]
    admin.goto(f"{demo.url}/admin/launches/launch/{uuid}/change/")
    admin.get_by_role("button", name="Ask the EHR about this launch's tokens").click()
    content = admin.locator("#content-main")
    expect(content).to_contain_text("Refresh token")
    expect(content.locator("dt:has-text('Patient') + dd").first).to_have_text("the same as here")
    expect(content.locator("dt:has-text('User') + dd").first).to_have_text("the same as here")
    screenshots(admin, "launch-tokens")
    assert violations(admin, OURS) == []
    admin.set_viewport_size(PHONE)  # type: ignore[arg-type]
    assert fits(admin)
    context.close()


def test_every_launch_of_a_person_is_ended(admin: Page, demo: Demo, chromium: Browser) -> None:
    """The button ends the launches at the sandbox's revocation endpoint too (C133)."""
    context = chromium.new_context()
    page = context.new_page()
    address = ehr_launch(page, demo)
    admin.goto(f"{demo.url}/admin/launches/launch/")
    admin.get_by_role("link", name="End launches").click()
    assert violations(admin, OURS) == []
    screenshots(admin, "launches-end-choose")
    uuid = address.rstrip("/").rpartition("/")[2]
    admin.goto(f"{demo.url}/admin/launches/launch/{uuid}/change/")
    admin.get_by_role("link", name="End every launch of this person").click()
    assert violations(admin, OURS) == []
    screenshots(admin, "launches-end-confirm")
    admin.set_viewport_size(PHONE)  # type: ignore[arg-type]
    assert fits(admin)
    admin.get_by_role("button", name="End").click()
    expect(admin.locator(".messagelist")).to_contain_text("Ended here:")
    page.reload()
    expect(page.locator("main")).to_contain_text("An administrator of this app ended its access")
    screenshots(admin, "revocations")
    for _ in range(20):  # one press tells as many as it has time for
        admin.get_by_role("button", name="Tell the EHRs now").click()
        if "0 wait." in admin.locator(".messagelist").inner_text():
            break
        admin.wait_for_timeout(500)
    expect(admin.locator(".messagelist")).to_contain_text("0 wait.")
    admin.goto(f"{demo.url}/admin/launches/launch/end/")
    admin.set_viewport_size(PHONE)  # type: ignore[arg-type]
    assert fits(admin)
    context.close()


def test_attempt_passes_axe_and_fits_a_phone(admin: Page, demo: Demo, reference: str) -> None:
    admin.set_viewport_size(PHONE)  # type: ignore[arg-type]
    search(admin, demo, reference)
    for folded in admin.locator("details summary").all():
        folded.click()
    assert violations(admin, OURS) == []
    assert fits(admin)


def test_home_page_draws_the_launches_of_the_day(admin: Page, demo: Demo, reference: str) -> None:
    admin.goto(f"{demo.url}/admin/")
    today = admin.get_by_role("region", name="Launches of the last 24 hours")
    expect(today).to_contain_text(re.compile(r"\d+ launch(es)?:"))
    expect(today.locator("rect.overview-failed").last).to_be_visible()
    today.get_by_role("link", name="Sandbox EHR", exact=True).click()
    expect(admin.locator("#result_list")).to_contain_text(reference)
    admin.go_back()
    screenshots(admin, "admin-home")
    for region in ("needs", "last-day"):
        assert violations(admin, f"section[aria-labelledby={region}]") == []
    admin.set_viewport_size(PHONE)  # type: ignore[arg-type]
    assert fits(admin)
