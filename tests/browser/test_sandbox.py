"""The sandbox's own pages in real Chromium, for people who are new to them."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.accessibility import violations
from tests.browser.conftest import DESKTOP, PHONE, ehr_launch, fits, screenshots
from tests.demo_server import Demo

pytestmark = pytest.mark.browser

PAGES = [
    "/sandbox/",
    "/sandbox/clients",
    "/sandbox/clients/register",
    "/sandbox/client?client_id=smartapp-demo",
    "/sandbox/requests",
    "/sandbox/oauth2/v1/logout",
    "/sandbox/oauth2/v1/authorize?client_id=smartapp-demo&redirect_uri=https://app.example/",
    "/sandbox/launch",
]


@pytest.mark.parametrize("path", PAGES)
def test_page_is_accessible(chromium: Browser, demo: Demo, path: str) -> None:
    context = chromium.new_context(bypass_csp=True)
    page = context.new_page()
    for size in (PHONE, DESKTOP):
        page.set_viewport_size(size)  # type: ignore[arg-type]
        page.goto(demo.url + path)
        assert violations(page) == []
        assert fits(page)
    context.close()


def test_stranger_registers_an_app_and_sees_why_it_is_refused(page: Page, demo: Demo) -> None:
    page.goto(f"{demo.url}/sandbox/")
    page.get_by_role("link", name="Apps").click()
    page.get_by_role("link", name="Register an app").click()
    page.locator("[name=name]").fill("Growth Chart")
    page.locator("[name=kind]").select_option("public")
    expect(page.locator("[name=jwks_url]")).to_be_hidden()
    page.locator("[name=redirect_uris]").fill("not an address")
    page.locator("[name=launch_url]").fill(f"{demo.url}/launch")
    page.get_by_role("button", name="Register").click()
    expect(page.get_by_role("alert")).to_contain_text("not an absolute redirect URI")
    page.locator("[name=redirect_uris]").fill("http://127.0.0.1:9/callback")
    page.get_by_role("button", name="Register").click()
    expect(page.locator(".done")).to_contain_text("Registered")
    expect(page.get_by_role("button", name="Copy Client id")).to_be_visible()
    screenshots(page, "sandbox-registered")
    client_id = page.locator("dd code").first.inner_text()
    page.goto(f"{demo.url}/sandbox/client?client_id={client_id}")
    page.request.get(
        f"{demo.url}/sandbox/oauth2/v1/authorize",
        params={"client_id": client_id, "redirect_uri": "http://127.0.0.1:9/other"},
    )
    expect(page.locator("#records")).to_contain_text("refused: S10")
    page.locator("#records summary").first.click()
    expect(page.locator("#records")).to_contain_text("byte for byte")


def test_service_is_told_its_request_and_given_a_fault(page: Page, demo: Demo) -> None:
    page.goto(f"{demo.url}/sandbox/clients/register")
    page.locator("[name=name]").fill("Nightly job")
    page.locator("[name=kind]").select_option("service")
    page.locator("[name=jwks_url]").fill(f"{demo.url}/sandbox/launch")
    page.locator("[name=world]").select_option("bcp")
    expect(page.locator("[name=profile]")).to_have_value("bcp")
    page.locator("[name=profile]").select_option("strict")
    expect(page.locator("[name=world]")).to_have_value("production")
    page.locator("[name=world]").select_option("strict")
    page.get_by_role("button", name="Register").click()
    expect(page.locator("main")).to_contain_text("/sandbox/strict/oauth2/v1/token")
    page.get_by_text("A token request by hand").click()
    expect(page.locator("pre")).to_contain_text("grant_type=client_credentials")
    page.get_by_label("Something goes wrong").select_option("token-429")
    expect(page.locator("#fault-words")).to_contain_text("Wait before any other try")
    assert violations(page) == []
    screenshots(page, "sandbox-service")
    page.get_by_role("button", name="Let it wait for the request").click()
    expect(page.locator("main")).to_contain_text("Waiting for its next token request")
    page.get_by_role("button", name="Fetch its keys now").click()
    expect(page.locator("table")).to_contain_text("status 400")


def test_fault_is_chosen_on_the_launcher_for_one_launch(page: Page, demo: Demo) -> None:
    page.goto(f"{demo.url}/sandbox/")
    page.get_by_label("App", exact=True).select_option("smartapp-demo")
    page.get_by_label("Something goes wrong").select_option("token-html")
    expect(page.locator("#fault-words")).to_contain_text("Refuse the answer")
    assert "fault=token-html" in page.url
    page.reload()
    expect(page.get_by_label("Something goes wrong")).to_have_value("token-html")
    screenshots(page, "sandbox-fault")
    with page.context.expect_page() as opened:
        page.get_by_role("button", name="Open in a new tab").click()
    app = opened.value
    app.locator("input[name=username]").fill("clinician")
    app.locator("input[name=password]").fill("sandbox")
    app.locator("main form button").first.click()
    expect(app.locator("body")).not_to_contain_text("Vital signs")
    expect(app.locator("h1")).to_be_visible()
    ehr_launch(page, demo)
    expect(page.locator("body")).to_contain_text("Vital signs")


def test_way_to_the_app_is_in_sight_on_a_phone(page: Page, demo: Demo) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{demo.url}/sandbox/")
    onward = page.get_by_role("link", name="Go on to the app")
    expect(onward).to_be_in_viewport()
    onward.click()
    expect(page.get_by_label("App", exact=True)).to_be_in_viewport()
    page.get_by_label("Something goes wrong").select_option("refresh-context-changes")
    expect(page.locator("#fault-words")).to_contain_text("live for 30 seconds")
    page.set_viewport_size({"width": 1440, "height": 900})
    expect(onward).to_be_hidden()
    screenshots(page, "sandbox-launcher")


def test_ehr_tells_the_framed_app_of_another_patient(page: Page, demo: Demo) -> None:
    """A page that stands in for the app shows which message the app receives (C156)."""
    page.route(
        "**/sandbox/launch?**",
        lambda route: route.fulfill(
            content_type="text/html",
            body="<body><script>onmessage=({data})=>{document.body.textContent=data.event}</script>",
        ),
    )
    page.goto(f"{demo.url}/sandbox/frame?client_id=smartapp-demo&fault=frame-patient-changes:2")
    banner = page.get_by_role("region", name="Open patient")
    expect(banner).to_contain_text("Renée")
    expect(page.frame_locator("iframe").locator("body")).to_contain_text("patientContextChanged")
    expect(page.get_by_role("status")).to_be_visible()
    expect(banner).to_have_count(1)
    expect(banner).to_contain_text("Николай")
    expect(banner).to_contain_text("1002")
    screenshots(page, "sandbox-another-patient")


def test_framed_app_cannot_lead_the_ehr_away(chromium: Browser, demo: Demo) -> None:
    """athenahealth's sandbox attribute still allows forms, scripts and new windows (C152)."""
    context = chromium.new_context()
    page = context.new_page()
    page.route(
        "**/sandbox/launch?**",
        lambda route: route.fulfill(
            content_type="text/html",
            body="<form action='/sandbox/' target=_blank><button>Open</button></form>",
        ),
    )
    page.goto(f"{demo.url}/sandbox/frame?client_id=smartapp-demo")
    page.frames[1].evaluate("() => { try { window.top.location = 'about:blank' } catch { } }")
    with context.expect_page() as opened:
        page.frame_locator("iframe").get_by_role("button", name="Open").click()
    expect(opened.value.get_by_role("heading", name="Launch an app")).to_be_visible()
    assert "/sandbox/frame" in page.url
    context.close()


class TheApp(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"the app")

    def log_message(self, *_: object) -> None:
        """Nothing: the output of the tests is not its log."""


@pytest.fixture
def app() -> Iterator[str]:
    """The origin of an app that answers everything."""
    with ThreadingHTTPServer(("127.0.0.1", 0), TheApp) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_app_is_tried_without_a_registration(page: Page, demo: Demo, app: str) -> None:
    query = (
        f"response_type=code&client_id=my-first-app&redirect_uri={app}/callback"
        f"&scope=launch/patient&state=s&aud={demo.url}/sandbox/fhir/r4"
    )
    page.goto(f"{demo.url}/sandbox/oauth2/v1/authorize?{query}")
    expect(page.locator("fieldset")).to_contain_text(f"{app}/callback")
    screenshots(page, "sandbox-tried")
    page.get_by_label("Hold it to SMART App Launch 2.2").check()
    page.get_by_label("User name").fill("clinician")
    page.get_by_label("Password").fill("sandbox")
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/callback?error=invalid_request**")
    assert "code_challenge" in page.url
    page.goto(f"{demo.url}/sandbox/client?client_id=my-first-app")
    expect(page.locator("main")).to_contain_text("tried without a registration")
    page.goto(f"{demo.url}/sandbox/")
    page.get_by_label("Launch URL").fill(f"{app}/launch")
    with page.context.expect_page() as opened:
        page.get_by_role("button", name="Try it").click()
    opened.value.wait_for_url("**/launch?iss=**")


def test_patients_are_found_while_somebody_types(page: Page, demo: Demo) -> None:
    page.goto(f"{demo.url}/sandbox/")
    for typed, found in (("KIM min", ["김민준"]), ("lefevre zoe", ["Renée Zoë Lefèvre-Dvořák"]),
                         ("ใจดี", ["สมชาย ใจดี"]), ("ODEGARD", ["Sam Ødegård"])):  # fmt: skip
        page.get_by_role("searchbox").fill(typed)
        expect(page.locator(".patient:visible b")).to_have_text(found)
