"""An administrator who is new to the app adds an EHR, checks it, and reviews its discovery."""

import pytest
from playwright.sync_api import Page, expect

from tests.accessibility import violations
from tests.browser.conftest import DESKTOP, PHONE, fits, screenshots
from tests.browser.test_launch_attempts import OURS
from tests.demo_server import Demo
from tests.processes import manage

pytestmark = pytest.mark.browser


# What the database holds after an EHR has moved its token endpoint.
CHANGED_HOST = """
from datetime import timedelta
from smartapp.registrations.models import DiscoverySnapshot, Endpoint
endpoint = Endpoint.objects.get(slug="sandbox")
Endpoint.objects.filter(pk=endpoint.pk).update(pinned_hosts=["old.example"])
newest = endpoint.discovery_snapshots.first()
document = newest.document | {"token_endpoint": "https://old.example/token", "tenant": "x"}
document["capabilities"] = ["launch-ehr", "smart-app-state"]
earlier = newest.fetched_at - timedelta(days=1)
DiscoverySnapshot.objects.create(
    endpoint=endpoint, url=newest.url, document=document, digest="x",
    fetched_at=earlier, last_seen_at=earlier,
)
"""


def other_ehr(demo: Demo) -> str:
    """The sandbox under its other name, which the app sees as an unknown EHR."""
    return f"{demo.url.replace('127.0.0.1', 'localhost')}/sandbox/fhir/r4"


def look_around(page: Page, name: str) -> None:
    """Check axe and the fit at both widths and in both colour schemes; save pictures."""
    for scheme in ("dark", "light"):
        page.emulate_media(color_scheme=scheme)
        screenshots(page, f"{name}-{scheme}")
    assert violations(page, OURS) == []
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    assert fits(page), name
    page.set_viewport_size(DESKTOP)  # type: ignore[arg-type]


def test_ehr_is_added_by_pasting_its_base_url(admin: Page, demo: Demo) -> None:
    """Missing values are shown before anything is stored; then the sheet can be copied (C17)."""
    admin.goto(f"{demo.url}/admin/registrations/registration/")
    admin.get_by_role("link", name="Add registration").click()
    look_around(admin, "add-ehr")

    admin.get_by_label("FHIR base URL").fill("http://ehr.example/r4")
    admin.get_by_role("button", name="Look at this EHR").click()
    expect(admin.get_by_role("alert")).to_contain_text("has to begin with https://")
    expect(admin.get_by_label("FHIR base URL")).to_have_value("http://ehr.example/r4")

    admin.get_by_label("FHIR base URL").fill("http://127.0.0.1:1/fhir/r4")
    admin.get_by_role("button", name="Look at this EHR").click()
    expect(admin.locator(".registration-problem")).to_contain_text("What to do: Look for typing")
    look_around(admin, "add-ehr-problem")

    admin.get_by_label("FHIR base URL").fill(f"{other_ehr(demo)}/metadata")
    admin.keyboard.press("Enter")  # the first button: Enter adds nothing by mistake
    expect(admin.get_by_role("heading", name="What was found")).to_be_visible()
    expect(admin.locator("#content-main")).to_contain_text("The sandbox EHR of this app")
    look_around(admin, "add-ehr-looked")

    admin.get_by_label("Name", exact=True).fill("Ward 7")
    admin.get_by_text("More: keys").click()
    admin.get_by_label("Scopes of clinicians", exact=True).fill("openid")
    admin.get_by_role("button", name="Add this EHR").click()
    expect(admin.locator(".errorlist")).to_contain_text("must contain launch")
    expect(admin.get_by_label("Name", exact=True)).to_have_value("Ward 7")
    look_around(admin, "add-ehr-refused")

    admin.get_by_label("Scopes of clinicians", exact=True).fill("")
    admin.get_by_role("button", name="Add this EHR").click()
    expect(admin.locator(".messagelist")).to_contain_text("Ward 7 is added")
    expect(admin.locator(".registration-sheet")).to_contain_text("/callback/ward-7/")
    admin.get_by_role("button", name="Copy Redirect URI").click()
    expect(admin.locator(".registration-sheet [role=status]", has_text="Copied")).to_be_visible()
    copied = admin.evaluate("navigator.clipboard.readText()")
    assert copied == f"{demo.url}/callback/ward-7/"
    screenshots(admin, "registration")
    assert violations(admin, ".registration-sheet") == []


def test_check_says_line_by_line_how_it_went(admin: Page, demo: Demo) -> None:
    admin.goto(f"{demo.url}/admin/registrations/registration/")
    admin.get_by_role("link", name="Sandbox EHR", exact=True).first.click()
    admin.get_by_role("link", name="Check", exact=True).click()
    admin.get_by_role("button", name="Check now").click()
    expect(admin.locator("#content-main")).to_contain_text("All checks are done")
    expect(admin.locator("#content-main")).to_contain_text("a signature of ours verifies")
    look_around(admin, "registration-check")


def test_address_is_overridden_and_taken_back(admin: Page, demo: Demo) -> None:
    """An address is overridden and reset with the keyboard alone (C10)."""
    admin.goto(f"{demo.url}/admin/registrations/registration/")
    admin.get_by_role("link", name="Sandbox EHR", exact=True).first.click()
    admin.get_by_role("link", name="What this EHR publishes").click()
    summary = admin.get_by_text("Use another address than the EHR publishes")
    summary.focus()
    admin.keyboard.press("Enter")
    admin.get_by_label("Address of", exact=True).select_option("revocation_endpoint")
    admin.get_by_label("Address", exact=True).fill(f"{demo.url}/sandbox/elsewhere")
    admin.get_by_label("Why").fill("The vendor's ticket 4711")
    admin.keyboard.press("Enter")
    row = admin.get_by_role("row", name="Revocation endpoint")
    expect(row).to_contain_text("ticket 4711")
    expect(row).to_contain_text(f"{demo.url}/sandbox/oauth2/v1/revoke")
    look_around(admin, "discovery-overridden")

    row.get_by_role("button").click()
    expect(admin.get_by_role("row", name="Revocation endpoint")).to_contain_text("The same.")


def test_an_address_that_is_published_as_another_is_ticked_first(admin: Page, demo: Demo) -> None:
    """The checkbox appears together with the question, and names the address that was typed."""
    admin.goto(f"{demo.url}/admin/registrations/registration/")
    admin.get_by_role("link", name="Sandbox EHR", exact=True).first.click()
    admin.get_by_role("link", name="What this EHR publishes").click()
    admin.get_by_text("Use another address than the EHR publishes").click()
    expect(admin.get_by_role("checkbox")).to_have_count(0)
    admin.get_by_label("Address of", exact=True).select_option("introspection_endpoint")
    admin.get_by_label("Address", exact=True).fill(f"{demo.url}/sandbox/oauth2/v1/revoke")
    admin.get_by_label("Why").fill("The vendor's ticket 4712")
    admin.get_by_role("button", name="Use this address").click()
    expect(admin.locator(".errorlist")).to_contain_text("publishes as Revocation endpoint")
    look_around(admin, "discovery-confirm")
    admin.get_by_label(f"The vendor says that it is {demo.url}/sandbox/oauth2/v1/revoke").check()
    admin.get_by_role("button", name="Use this address").click()

    row = admin.get_by_role("row", name="Introspection endpoint")
    expect(row).to_contain_text("ticket 4712")
    row.get_by_role("button").click()
    expect(admin.get_by_role("row", name="Introspection endpoint")).to_contain_text("The same.")


def test_list_and_page_of_a_registration_are_for_everybody(admin: Page, demo: Demo) -> None:
    admin.goto(f"{demo.url}/admin/registrations/registration/")
    expect(admin.locator("#result_list")).to_contain_text("Ready")
    look_around(admin, "registrations")
    admin.get_by_role("link", name="Sandbox EHR", exact=True).first.click()
    look_around(admin, "registration-change")


def test_changed_host_is_accepted_with_one_button(admin: Page, demo: Demo) -> None:
    """The page says what happened and what changed between the two fetches (C14)."""
    manage(demo.env, "shell", "-c", CHANGED_HOST)
    admin.goto(f"{demo.url}/admin/registrations/registration/")
    expect(admin.locator("#result_list")).to_contain_text("New launches are stopped")
    admin.get_by_role("link", name="Sandbox EHR", exact=True).first.click()
    admin.get_by_role("link", name="What this EHR publishes").click()
    expect(admin.locator(".errornote")).to_contain_text("New launches are stopped")
    look_around(admin, "discovery-stopped")
    admin.get_by_role("button", name="Accept these hosts").click()
    expect(admin.locator(".messagelist")).to_contain_text("Launches go on")
    expect(admin.locator(".errornote")).to_have_count(0)


@pytest.mark.parametrize(
    "path",
    [
        "audit/auditevent", "keys/keyset", "keys/signingkey", "launches/launch",
        "launches/launchevent", "launches/revocation", "registrations/registration",
    ],
)  # fmt: skip
def test_list_is_read_on_a_phone_without_scrolling_sideways(
    admin: Page, demo: Demo, path: str
) -> None:
    """Neither the page, nor a box in it, nor the page of the first row is too wide."""
    admin.set_viewport_size(PHONE)  # type: ignore[arg-type]
    admin.goto(f"{demo.url}/admin/{path}/")
    assert fits(admin)
    assert scrolled_boxes(admin) == []
    links = admin.locator("#result_list tbody a")
    if links.count():
        links.first.click()
        assert fits(admin)
        assert scrolled_boxes(admin) == []


def test_a_key_id_without_a_place_to_break_fits_a_phone(admin: Page, demo: Demo) -> None:
    """Key ids are random, and most have a hyphen."""
    admin.set_viewport_size(PHONE)  # type: ignore[arg-type]
    admin.goto(f"{demo.url}/admin/keys/signingkey/")
    admin.locator("#result_list tbody a").first.click()
    heading = admin.locator("#content h2").first
    expect(heading).to_contain_text("384")
    for one in (heading, admin.locator(".breadcrumbs")):
        one.evaluate("one => { one.textContent = `RS384 ${'W'.repeat(43)}` }")
    assert fits(admin)


def scrolled_boxes(page: Page) -> list[str]:
    boxes: list[str] = page.evaluate(
        """() => [...document.querySelectorAll("#content *")]
            .filter(one => one.scrollWidth > one.clientWidth + 1)
            .filter(one => ["auto", "scroll"].includes(getComputedStyle(one).overflowX))
            .filter(one => one.tagName !== "TEXTAREA")
            .map(one => one.className || one.tagName)"""
    )
    return boxes
