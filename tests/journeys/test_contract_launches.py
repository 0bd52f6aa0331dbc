"""Both launches from end to end, as an EHR's test harness sees them."""

import asyncio
from datetime import datetime
from typing import Any

from tests.demo_server import Demo
from tests.journeys.outside import Browser, Page, ehr_launch, patients

ASKS = "authorize-asks-consent"
MEMBERS: dict[str, type | tuple[type, ...]] = {
    "registration": str,
    "endpoint": str,
    "kind": str,
    "patient": str,
    "encounter": (str, type(None)),
    "fhirUser": str,
    "id_token": dict,
    "scope": dict,
    "access_token_expires_at": str,
    "refreshable": bool,
    "need_patient_banner": bool,
    "smart_style_url": (str, type(None)),
    "intent": (str, type(None)),
    "tenant": (str, type(None)),
    "fhirContext": list,
    "extras": dict,
    "patient_name": str,
}


def is_launch(page: Page) -> bool:
    return page.status == 200 and page.path.startswith("/launches/")


def check_members(context: dict[str, Any]) -> None:
    assert set(context) == set(MEMBERS)
    wrong = {name for name, kind in MEMBERS.items() if not isinstance(context[name], kind)}
    assert not wrong, {name: context[name] for name in wrong}
    assert set(context["id_token"]) == {"iss", "sub"}
    assert set(context["scope"]) == {"requested", "granted", "missing"}
    assert all(isinstance(scope, str) for part in context["scope"].values() for scope in part)
    assert datetime.fromisoformat(context["access_token_expires_at"]).tzinfo is not None
    assert not {"access_token", "refresh_token", "code"} & set(context["extras"])


async def test_an_ehr_launch_reaches_the_page_and_its_context(browser: Browser) -> None:
    chosen = (await patients(browser))[1]
    page = await browser.allow(ehr_launch(patient=chosen))
    assert is_launch(page), page.words
    context = await browser.context(page)
    check_members(context)
    assert (context["kind"], context["patient"]) == ("ehr", chosen)
    assert (context["registration"], context["endpoint"]) == ("sandbox", "sandbox")
    assert context["fhirUser"].startswith(f"{browser.origin}/sandbox/fhir/r4/Practitioner/")
    assert "launch" in context["scope"]["requested"]
    assert context["scope"]["missing"] == []
    assert context["patient_name"] in page.words


async def test_the_ehr_says_which_patient_visit_and_clinician(browser: Browser) -> None:
    patient = (await patients(browser))[0]
    first = await browser.context(await browser.allow(ehr_launch(patient=patient)))
    named = ehr_launch(patient=patient, encounter=first["encounter"], user="clinician")
    again = await browser.context(await browser.allow(named))
    for member in ("patient", "encounter", "fhirUser", "id_token"):
        assert again[member] == first[member]


async def test_a_program_is_told_how_to_launch(browser: Browser) -> None:
    made = await browser.json(ehr_launch(format="json"))
    assert set(made) == {"iss", "launch", "launch_url"}
    assert made["iss"] == f"{browser.origin}/sandbox/fhir/r4"
    assert made["launch_url"] == f"{browser.origin}/launch"
    url = f"{made['launch_url']}?iss={made['iss']}&launch={made['launch']}"
    assert is_launch(await browser.allow(url))


async def test_a_launch_that_cannot_be_is_refused_in_words(browser: Browser) -> None:
    for query in ("client_id=nobody", "client_id=smartapp-demo&patient=nobody",
                  "client_id=smartapp-demo&encounter=none", "client_id=smartapp-demo&user=nobody",
                  ""):  # fmt: skip
        page = await browser.get(f"/sandbox/launch?{query}")
        assert page.status == 400, query
        as_json = await browser.get(f"/sandbox/launch?{query}&format=json")
        assert (as_json.status, as_json.headers["Content-Type"]) == (400, "application/json")


async def test_a_patient_connects_and_sees_the_own_record(browser: Browser) -> None:
    page = await browser.allow("/connect/sandbox/", username="patient")
    assert is_launch(page), page.words
    context = await browser.context(page)
    check_members(context)
    assert context["kind"] == "standalone"
    assert "/Patient/" in context["fhirUser"]
    assert "launch/patient" in context["scope"]["requested"]
    assert context["refreshable"] is True


async def test_a_clinician_connects_and_picks_a_patient(browser: Browser) -> None:
    chosen = (await patients(browser))[2]
    page = await browser.allow("/connect/sandbox/", patient=chosen)
    assert (await browser.context(page))["patient"] == chosen


async def test_what_is_unticked_is_missing_and_said_in_words(browser: Browser) -> None:
    unticked = {"patient/Observation.rs", "patient/Immunization.rs"}
    page = await browser.allow(ehr_launch(fault=ASKS), untick=unticked)
    assert is_launch(page), page.words
    context = await browser.context(page)
    assert set(context["scope"]["missing"]) == unticked
    assert not unticked & set(context["scope"]["granted"])
    asked = len(context["scope"]["requested"])
    assert f"2 of {asked} permissions that this app asked for were not given" in page.words
    for words in ("See the patient's test results, vital signs", "See the patient's vaccinations"):
        assert f"Not given: {words}" in page.words


async def test_without_the_patient_scope_the_page_still_stands(browser: Browser) -> None:
    page = await browser.allow(ehr_launch(fault=ASKS), untick={"patient/Patient.rs"})
    assert is_launch(page)
    assert (await browser.context(page))["patient_name"] is None


async def test_a_refused_consent_is_an_error_page_with_a_way_on(browser: Browser) -> None:
    page = await browser.allow("/connect/sandbox/", username="patient", consent="deny")
    assert page.path == "/callback/sandbox/"
    assert page.status in {400, 403}
    assert "Reference" in page.words
    assert "What to do next" in page.words
    assert is_launch(await browser.allow("/connect/sandbox/", username="patient"))


async def test_another_browser_finds_nothing(demo: Demo, browser: Browser) -> None:
    page = await browser.allow(ehr_launch())
    async with Browser(demo.url) as other:
        for url in (page.url, page.url + "context.json"):
            assert (await other.get(url)).status == 404
        assert (await other.request("POST", page.url + "end/")).status == 404
    assert is_launch(await browser.get(page.url))


async def test_two_launches_in_one_browser_keep_their_patients(browser: Browser) -> None:
    one, two = (await patients(browser))[:2]
    first = await browser.allow(ehr_launch(patient=one))
    second = await browser.allow(ehr_launch(patient=two))
    both = await asyncio.gather(*(browser.context(page) for page in (first, second) * 3))
    assert [context["patient"] for context in both] == [one, two] * 3
    for page, context in ((first, both[0]), (second, both[1])):
        assert context["patient_name"] in (await browser.get(page.url)).words


async def test_two_launches_that_overlap_keep_their_patients(browser: Browser) -> None:
    """Both launches are at the EHR before either comes back."""
    one, two = (await patients(browser))[:2]
    await browser.allow(ehr_launch())  # signs in
    pages = await asyncio.gather(
        browser.allow(ehr_launch(patient=one)), browser.allow(ehr_launch(patient=two))
    )
    contexts = [await browser.context(page) for page in pages]
    assert [context["patient"] for context in contexts] == [one, two]


async def test_disconnecting_ends_the_launch_here_and_at_the_ehr(browser: Browser) -> None:
    page = await browser.allow("/connect/sandbox/", username="patient")
    (form,) = [form for form in page.forms if form.action.endswith("/end/")]
    assert form.method == "POST"
    ended = await browser.submit(page, form)
    assert ended.status == 410
    assert (await browser.get(page.url)).status == 410
    assert (await browser.get(page.url + "context.json")).status == 410
    log = await browser.get("/sandbox/requests?client_id=smartapp-demo")
    assert any("revoke accepted" in summary for summary in log.summaries)


async def test_ending_needs_a_post_that_no_other_site_makes(browser: Browser) -> None:
    page = await browser.allow(ehr_launch())
    end = page.url + "end/"
    assert (await browser.get(end)).status == 405
    foreign = {"Origin": "https://elsewhere.example"}
    assert (await browser.request("POST", end, headers=foreign)).status == 403
    assert is_launch(await browser.get(page.url))
    assert (await browser.request("POST", end)).status == 410
    assert (await browser.get(page.url)).status == 410


async def test_a_callback_is_accepted_once(browser: Browser) -> None:
    """Reloading the callback leads to the launch that it made; another browser is refused."""
    page = await browser.get(ehr_launch(fault=ASKS))
    form = page.form("password")
    assert form is not None
    page = await browser.submit(page, form, username="clinician", password="sandbox")
    consent = page.form("scope")
    assert consent is not None
    sent = consent.filled({}, (), "allow")
    answer = await browser.request("POST", "/sandbox/oauth2/v1/consent", data=sent, follow=False)
    callback = answer.headers["Location"]
    async with Browser(browser.origin) as other:
        assert (await other.get(callback)).status == 400
    first, second = await browser.get(callback), await browser.get(callback)
    assert is_launch(first)
    assert second.url == first.url


async def test_requests_that_are_no_launch_say_why(browser: Browser) -> None:
    iss = f"{browser.origin}/sandbox/fhir/r4"
    for path, status in (
        ("/launch", 400),
        (f"/launch?iss={iss}", 400),
        (f"/launch?iss={iss}&iss={iss}&launch=x", 400),
        (f"/launch?iss={iss}&launch=" + "x" * 5000, 400),
        ("/launch?iss=https://ehr.example.org/fhir&launch=x", 404),
        ("/connect/nowhere/", 404),
        ("/callback/sandbox/", 400),
        ("/callback/sandbox/?code=x&state=y", 400),
        ("/callback/nowhere/?code=x&state=y", 400),
        ("/launches/00000000-0000-4000-8000-000000000000/", 404),
        ("/launches/x/", 404),
    ):
        page = await browser.get(path, follow=False)
        assert page.status == status, (path, page.status)
        assert "Traceback" not in page.text
        if path != "/launches/x/":
            assert "Reference" in page.words, path
            assert "What to do next" in page.words, path


async def test_a_used_launch_value_is_refused_by_the_ehr_and_said(browser: Browser) -> None:
    """C24."""
    made = await browser.json(ehr_launch(format="json"))
    url = f"{made['launch_url']}?iss={made['iss']}&launch={made['launch']}"
    assert is_launch(await browser.allow(url))
    page = await browser.allow(url)
    assert page.path == "/callback/sandbox/"
    assert "The EHR said" in page.words
