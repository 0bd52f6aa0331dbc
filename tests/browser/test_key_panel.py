"""An administrator who is new to the panel rotates a key of the demo, in a real browser."""

import os

import pytest
from playwright.sync_api import Page, expect

from tests.accessibility import violations
from tests.browser.conftest import DESKTOP, PHONE, ehr_launch, fits, screenshots
from tests.browser.test_launch_attempts import OURS
from tests.demo_server import Demo
from tests.processes import ROOT

pytestmark = pytest.mark.browser

BOOK = {"width": 1250, "height": 700}


@pytest.fixture
def panel(admin: Page, demo: Demo) -> Page:
    """The page of the demo's key set, as its administrator sees it."""
    admin.set_default_timeout(10_000)
    admin.goto(f"{demo.url}/admin/keys/keyset/")
    admin.locator("#result_list tbody th a").first.click()
    return admin


def section(page: Page) -> str:
    return page.locator("section", has=page.locator("h2", has_text="ES384")).inner_text()


def pictured(page: Page, name: str) -> None:
    """Save the page as pictures for people to look at, and its content for the documentation."""
    screenshots(page, name)
    if os.environ.get("UPDATE_DOCS"):
        page.set_viewport_size(BOOK)  # type: ignore[arg-type]
        page.locator("#content").screenshot(path=ROOT / "docs" / "images" / f"{name}.png")


def test_asks_before_it_acts(panel: Page, demo: Demo) -> None:
    """The pages say what an emergency would do to the current launches, and what an import does."""
    ehr_launch(panel.context.new_page(), demo)
    key_set = panel.url.removesuffix("change/")
    panel.goto(f"{key_set}RS384/emergency/")
    assert "open and renewed from time to time." in panel.locator("#content").inner_text()
    pictured(panel, "key-set-emergency")
    panel.goto(f"{key_set}import/")
    assert "public from now on, and it signs 15 minutes later." in panel.content()
    pictured(panel, "key-set-import")


def test_a_rotation_says_before_and_after_what_will_happen(panel: Page, demo: Demo) -> None:
    """The panel says in plain words what happens next and when, before anything is clicked."""
    ehr_launch(panel.context.new_page(), demo)
    for _ in range(30):  # a fetch is recorded within ten seconds
        if "Sandbox EHR fetched" in panel.locator("#content").inner_text():
            break
        panel.wait_for_timeout(1000)
        panel.reload()
    expect(panel.locator("#content")).to_contain_text("Sandbox EHR fetched")
    assert "the next key is published, and signs 15 minutes later." in section(panel)
    assert "no launch is affected" in section(panel)
    pictured(panel, "key-set")
    publish = panel.locator("section", has_text="ES384").get_by_text("Publish the next key").first
    publish.click()
    panel.locator("[type=submit][value^=Publish]").click()
    expect(panel.locator(".messagelist")).to_contain_text("is published; it signs nothing yet.")
    assert "in 14 minutes: the next key signs" in section(panel)
    # It is too early, and no launch is at risk: the button is only inside the folded part.
    assert "Start signing" not in section(panel).split("What may break launches")[0]
    for _ in range(30):  # every process learns of the new key within ten seconds
        panel.get_by_role("button", name="Dry run").first.click()
        if "verifies it." in panel.locator(".messagelist").inner_text():
            break
        panel.wait_for_timeout(1000)
    expect(panel.locator(".messagelist")).to_contain_text("verifies it.")
    pictured(panel, "key-set-waits")


@pytest.mark.parametrize("size", [PHONE, DESKTOP])
def test_pages_fit_and_pass_axe(panel: Page, size: dict[str, int]) -> None:
    panel.set_viewport_size(size)  # type: ignore[arg-type]
    for folded in panel.locator("details summary").all():
        folded.click()
    assert violations(panel, OURS) == []
    assert fits(panel)
    key_set = panel.url.removesuffix("change/")
    for path in ("RS384/emergency/", "import/", "settings/"):
        panel.goto(key_set + path)
        assert violations(panel, OURS) == []
        assert fits(panel)


def test_an_emergency_asks_for_the_names_at_risk(panel: Page) -> None:
    """It asks for names of EHRs only for the algorithm that launches sign with.

    The emergency itself is tried on the other algorithm, so that the demo's launches continue.
    """
    key_set = panel.url.removesuffix("change/")
    panel.goto(key_set + "RS384/emergency/")
    panel.fill("#typed", "yes")
    panel.fill("#reason", "a test")
    panel.locator("[type=submit][value^=Replace]").click()
    expect(panel.locator(".messagelist")).to_contain_text("type exactly what is at risk")
    panel.goto(key_set + "ES384/emergency/")
    expect(panel.locator("#content-main")).to_contain_text("so no launch fails")
    expect(panel.locator("#typed")).to_have_count(0)
    screenshots(panel, "key-emergency-unused")
    panel.fill("#reason", "a test")
    panel.locator("[type=submit][value^=Replace]").click()
    expect(panel.locator(".messagelist")).to_contain_text("dropped as compromised.")
