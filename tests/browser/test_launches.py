"""Clinicians and patients in real Chromium, app and sandbox over real HTTP."""

import re

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import (
    DESKTOP,
    PHONE,
    ehr_launch,
    fits,
    screenshots,
    sign_in,
    standalone_launch,
)
from tests.demo_server import Demo

pytestmark = pytest.mark.browser


def patients(page: Page, demo: Demo) -> list[str]:
    """Return two patients of the sandbox, as its launcher offers them."""
    page.goto(f"{demo.url}/sandbox/")
    ids = page.locator("[name=patient]").evaluate_all(
        "all => all.flatMap(one => one.tagName === 'SELECT'"
        " ? [...one.options].map(option => option.value) : [one.value])"
    )
    return [one for one in ids if one][:2]


def context_of(page: Page, url: str) -> dict[str, object]:
    answer: dict[str, object] = page.request.get(f"{url}context.json").json()
    return answer


def test_clinician_launches_in_a_tab_and_sees_the_patient(page: Page, demo: Demo) -> None:
    patient = patients(page, demo)[0]
    url = ehr_launch(page, demo, patient=patient)
    context = context_of(page, url)
    assert context["patient"] == patient
    assert context["kind"] == "ehr"
    expect(page.locator("body")).to_contain_text(str(context["patient_name"]))
    screenshots(page, "launch-clinician")
    for size in (PHONE, DESKTOP):
        page.set_viewport_size({"width": size["width"], "height": size["height"]})
        assert fits(page)


def test_patient_launches_standalone_and_sees_the_own_record(page: Page, demo: Demo) -> None:
    page.goto(demo.url)
    screenshots(page, "home")
    page.locator("a[href='/connect/sandbox/']").click()
    sign_in(page, "patient")
    context = context_of(page, page.url)
    assert context["kind"] == "standalone"
    assert context["patient"]
    assert context["refreshable"] is True
    screenshots(page, "launch-patient")


def test_request_that_is_too_long_for_an_address_travels_in_a_form(page: Page, demo: Demo) -> None:
    """The form sends itself, and the EHR's answer comes back into this browser (C41).

    The EHR does not know the launch, so the answer is a refusal.
    """
    posted: list[str] = []
    page.on("request", lambda one: posted.append(one.url) if one.method == "POST" else None)
    iss = f"{demo.url}/sandbox/fhir/r4"
    page.goto(f"{demo.url}/launch?iss={iss}&launch={'x' * 2500}")
    page.wait_for_url(re.compile("/callback/"))
    assert posted == [f"{demo.url}/sandbox/oauth2/v1/authorize"]
    expect(page.locator("main")).to_contain_text("Reference")


def test_form_on_the_way_can_be_sent_by_hand(page: Page, demo: Demo) -> None:
    """Without scripts, the page has a button and says where it leads (C41)."""
    page.route("**/app*.js", lambda route: route.abort())
    page.goto(f"{demo.url}/launch?iss={demo.url}/sandbox/fhir/r4&launch={'x' * 2500}")
    screenshots(page, "on-the-way")
    assert fits(page)
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url(re.compile("/callback/"))


def test_page_takes_over_the_looks_of_the_ehr(page: Page, demo: Demo) -> None:
    """The sandbox names a style document, and the app uses its highlight colour (C106)."""
    ehr_launch(page, demo)
    accent = page.evaluate(
        "getComputedStyle(document.documentElement).getPropertyValue('--accent').trim()"
    )
    assert accent == "#2f6f8f"


def test_two_tabs_keep_their_own_patient(context: BrowserContext, demo: Demo) -> None:
    """Each tab keeps its patient after reload, refresh and back (C154, T17)."""
    first, second = context.new_page(), context.new_page()
    one, two = patients(first, demo)
    urls = {first: ehr_launch(first, demo, patient=one)}
    urls[second] = ehr_launch(second, demo, patient=two)
    assert urls[first] != urls[second]
    for page, patient in ((first, one), (second, two), (first, one)):
        page.reload()
        assert page.url == urls[page]
        shown = context_of(page, page.url)
        assert shown["patient"] == patient
        expect(page.locator("body")).to_contain_text(str(shown["patient_name"]))


def test_callback_reloaded_lands_on_the_launch(page: Page, demo: Demo) -> None:
    callbacks: list[str] = []
    page.on(
        "request",
        lambda request: callbacks.append(request.url) if "/callback/" in request.url else None,
    )
    url = ehr_launch(page, demo)
    page.goto(callbacks[0])
    assert page.url == url


def test_callback_leaves_no_trace_in_the_history(page: Page, demo: Demo) -> None:
    """The back button leads to the EHR, never to an address with a code (C55)."""
    url = ehr_launch(page, demo)
    page.go_back()
    assert "/callback/" not in page.url
    page.go_forward()
    assert page.url == url


def test_disconnect_ends_the_access(page: Page, demo: Demo) -> None:
    """C160."""
    url = ehr_launch(page, demo)
    page.get_by_role("button", name=re.compile("Disconnect", re.IGNORECASE)).click()
    screenshots(page, "disconnected")
    response = page.goto(url)
    assert response is not None
    assert response.status == 410
    screenshots(page, "ended")
    page.go_back()
    expect(page.locator("body")).not_to_contain_text("Allergies")


def test_patient_signs_out_at_the_ehr_too(page: Page, demo: Demo) -> None:
    """On a shared computer, the next patient has to sign in at the EHR (C134)."""
    standalone_launch(page, demo)
    page.get_by_role("button", name=re.compile("Disconnect", re.IGNORECASE)).click()
    screenshots(page, "disconnected-patient")
    page.get_by_role("link", name="Also sign out at").click()
    expect(page.get_by_role("heading", name="Back from your health system")).to_be_visible()
    assert page.url == f"{demo.url}/signed-out/"
    screenshots(page, "signed-out")
    page.goto(f"{demo.url}/connect/sandbox/")
    expect(page.locator("input[name=password]")).to_be_visible()


def test_another_browser_sees_nothing(page: Page, demo: Demo, context: BrowserContext) -> None:
    url = ehr_launch(page, demo)
    stranger = context.browser
    assert stranger is not None
    other = stranger.new_context()
    response = other.new_page().goto(url)
    assert response is not None
    assert response.status == 404
    other.close()


def test_patient_who_refuses_is_told_so(page: Page, demo: Demo) -> None:
    page.goto(f"{demo.url}/connect/sandbox/")
    sign_in(page, "patient", decision="deny")
    expect(page.locator("body")).to_contain_text("Access was not given")
    screenshots(page, "refused")
    page.get_by_role("link", name=re.compile("start again", re.IGNORECASE)).click()
    assert "/sandbox/" in page.url


def test_unknown_ehr_is_explained(page: Page, demo: Demo) -> None:
    response = page.goto(f"{demo.url}/launch?iss=https://ehr.example/fhir&launch=x")
    assert response is not None
    assert response.status == 404
    expect(page.locator("body")).to_contain_text("not connected")
    screenshots(page, "unknown-ehr")


def test_standalone_page_is_the_patients_after_a_reload(page: Page, demo: Demo) -> None:
    url = standalone_launch(page, demo)
    page.reload()
    assert page.url == url


def test_clinician_launches_inside_the_ehrs_frame(page: Page, demo: Demo) -> None:
    """The EHR is another site, so only partitioned cookies come back (C21, C151, T29).

    No script of any page can read them.
    """
    ehr = demo.url.replace("127.0.0.1", "localhost")
    page.goto(f"{ehr}/sandbox/")
    # Other tests may have registered apps at this EHR.
    page.locator("#client_id").select_option("smartapp-demo")
    page.get_by_role("button", name="Open inside the EHR").click()
    frame = page.frame_locator("iframe")
    frame.locator("input[name=username]").fill("clinician")
    frame.locator("input[name=password]").fill("sandbox")
    frame.locator("main form button").first.click()
    expect(frame.locator("#connection")).to_be_visible()
    framed = next(one for one in page.frames if "/launches/" in one.url)
    screenshots(page, "frame")
    framed.goto(framed.url)
    expect(frame.locator("#connection")).to_be_visible()
    assert framed.evaluate("document.cookie") == ""
    ours = [one for one in page.context.cookies(demo.url) if "launch" in one["name"]]
    assert ours
    assert all(one["httpOnly"] and one["secure"] and one["sameSite"] == "None" for one in ours)


def test_nobody_else_may_frame_the_app(page: Page, demo: Demo) -> None:
    """Not the start page, not the admin, and no page by another site (C150, T14)."""
    for path in ("/", "/admin/login/", "/readyz"):
        response = page.request.get(demo.url + path)
        assert "frame-ancestors 'none'" in response.headers["content-security-policy"]
        assert response.headers["x-frame-options"] == "DENY"
    url = ehr_launch(page, demo)
    policy = page.request.get(url).headers["content-security-policy"]
    assert "frame-ancestors http://127.0.0.1" in policy
    assert "'none'" not in policy.partition("frame-ancestors")[2].partition(";")[0]
