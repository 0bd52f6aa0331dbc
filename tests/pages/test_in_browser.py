"""The pages in real Chromium: accessible (WCAG 2.2 AA by axe), narrow, wide, light and dark."""

import mimetypes
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, TypeVar

import pytest
from aiohttp import web
from django.conf import settings
from playwright.sync_api import Browser, Page, Playwright, Route, sync_playwright

from smartapp.brands.search import Choice, Found
from smartapp.protocol.errors import StateExpired
from tests.accessibility import violations
from tests.chart.fake_ehr import FakeEHR, always
from tests.chart.samples import PATIENT, about_patient, concept, patient
from tests.conftest import CHROMIUM, CHROMIUM_ARGUMENTS
from tests.pages.people import ARABIC, chart_of, launch_html, plain_chart_of, rendered
from tests.pages.test_others import BRIGID, HOME, SIGNED_OUT

pytestmark = pytest.mark.browser

ORIGIN = "http://app.test"
POLICY = "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'"
WIDTHS = (320, 390, 1440)
# Clinics that differ only in the end of what has no place to break.
_LONG = "fhirpresentation.everhealthsoftware.example/fhir/everhealth/basepractice1234567890/r"
ALIKE = (
    replace(BRIGID, told_apart_by=f"{_LONG}4"),
    replace(BRIGID, told_apart_by=f"{_LONG}5"),
    replace(
        BRIGID, place=_LONG, part_of=_LONG, portal=_LONG, told_apart_by="",
        choices=(Choice(f"{_LONG}4", "/a/"), Choice(f"{_LONG}5", "/b/")),
    ),
)  # fmt: skip
T = TypeVar("T")


def in_own_thread(work: Callable[[], T]) -> T:
    """Playwright's event loop stays in its thread: the asyncio tests after it need theirs."""
    return _thread.submit(work).result()


_thread = ThreadPoolExecutor(1, thread_name_prefix="playwright")
_running: tuple[Playwright, Browser] | None = None


def chromium() -> Browser:
    """Return the browser of these tests, started for the first of them."""
    global _running
    if _running is None:
        playwright = sync_playwright().start()
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
        _running = playwright, browser
    return _running[1]


@pytest.fixture(scope="module", autouse=True)
def no_browser_is_left() -> Iterator[None]:
    yield
    in_own_thread(_end)


def _end() -> None:
    global _running
    if _running is not None:
        playwright, browser = _running
        browser.close()
        playwright.stop()
        _running = None


@contextmanager
def opened(html: str, *, width: int = 1440, **options: Any) -> Iterator[Page]:
    """Open the page with the app's policy and styles; anything on the console fails."""

    def answer(route: Route) -> None:
        path = route.request.url.removeprefix(ORIGIN)
        if path.startswith(settings.STATIC_URL):
            file = settings.BASE_DIR / "static" / path.removeprefix(settings.STATIC_URL)
            kind = mimetypes.guess_type(file)[0] or ""
            route.fulfill(body=file.read_bytes(), content_type=kind)
        else:
            headers = {"Content-Security-Policy": POLICY, "Content-Type": "text/html"}
            route.fulfill(body=html, headers=headers)

    complaints: list[str] = []
    page = chromium().new_page(viewport={"width": width, "height": 800}, **options)
    try:
        page.on("console", lambda message: complaints.append(message.text))
        page.route("**/*", answer)
        page.goto(f"{ORIGIN}/")
        yield page
    finally:
        page.close()
    assert complaints == []


def is_too_wide(page: Page) -> bool:
    wide: bool = page.evaluate("document.documentElement.scrollWidth > innerWidth")
    return wide


def style_of(page: Page, selector: str, member: str) -> str:
    found: str = page.locator(selector).evaluate(
        "(one, member) => getComputedStyle(one).getPropertyValue(member)", member
    )
    return found


def without_a_place_to_break() -> str:
    """Return a page whose record and whose EHR's error are words of 600 letters."""
    word = "Pneumonoultramicroscopic" * 25
    refusal = {"resourceType": "OperationOutcome", "issue": [{"diagnostics": word}]}

    def write(ehr: FakeEHR) -> None:
        number = {"type": concept("", "MR"), "value": word, "assigner": {"display": word}}
        names = [{"use": use, "family": word} for use in ("official", "nickname", "old")]
        ehr.resources = [patient(name=names, identifier=[number])]
        for kind in ("Condition", "AllergyIntolerance", "Immunization"):
            ehr.add(about_patient(kind, kind, code=concept(word), vaccineCode=concept(word)))
        ehr.add(about_patient("Encounter", "e1", type=[concept(word)], period={"start": "2026"}))
        answer = lambda: web.json_response(refusal, status=500)  # noqa: E731
        ehr.answers["MedicationRequest"] = always(answer)

    return launch_html(chart_of(PATIENT, write))


PAGES: dict[str, Callable[[], str]] = {
    "long words": without_a_place_to_break,
    "allergies": lambda: launch_html(plain_chart_of("a-1.E-1012")),
    "slim": lambda: launch_html(plain_chart_of(ARABIC), need_patient_banner=False),
    "no patient": lambda: launch_html(None),
    "home": lambda: rendered("home.html", page=HOME),
    "signed out": lambda: rendered("signed_out.html", page=SIGNED_OUT),
    "error": lambda: rendered(
        "error.html",
        error=StateExpired(),
        words=StateExpired().wording(is_from_ehr=None),
        reference="A2B3-C4D5",
        ehr_message="No.",
        start_again_url="/",
    ),
}


@pytest.mark.parametrize("name", PAGES)
def test_accessible_and_within_the_window(name: str) -> None:
    """C104's page at every width that people have; 320 px is 1280 px at 400% zoom (WCAG 1.4.10)."""
    html = PAGES[name]()

    def look() -> None:
        with opened(html) as page:
            page.locator("details").evaluate_all("all => all.forEach(one => one.open = true)")
            for width in WIDTHS:
                page.set_viewport_size({"width": width, "height": 800})
                assert not is_too_wide(page), (name, width)
            assert violations(page) == []

    in_own_thread(look)


def test_what_tells_clinics_apart_is_not_cut_off_on_a_phone() -> None:
    """The list hides what is wider than itself, so the whole page would not be too wide."""
    html = rendered("home.html", page=replace(HOME, found=Found(ALIKE, has_more=False)))

    def look() -> None:
        with opened(html, width=390) as page:
            edges = page.locator(".brands :is(strong, .soft, .choices a)").evaluate_all(
                """all => all.map(one => {
                    const words = document.createRange();
                    words.selectNodeContents(one);
                    return words.getBoundingClientRect().right;
                })"""
            )
            assert len(edges) == 11
            assert max(edges) <= 390

    in_own_thread(look)


def test_the_patient_stays_in_sight_and_hides_no_heading() -> None:
    """C104; WCAG 2.2 focus not obscured: a jump lands below the banner."""
    html = launch_html(plain_chart_of("a-1.E-1003"))

    def look() -> None:
        with opened(html) as page:
            for width in (390, 1440):
                page.set_viewport_size({"width": width, "height": 800})
                page.locator("nav a[href='#labs']").click()
                banner = page.locator("[part=banner]").bounding_box()
                heading = page.locator("#labs-title").bounding_box()
                assert banner is not None
                assert heading is not None
                assert banner["y"] == 0
                assert banner["y"] + banner["height"] <= heading["y"] < 400

    in_own_thread(look)


def test_the_keyboard_reaches_the_content_first() -> None:
    html = launch_html(plain_chart_of("a-1.E-1003"))

    def look() -> None:
        with opened(html) as page:
            page.keyboard.press("Tab")
            assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
            box = page.locator(".skip").bounding_box()
            assert box is not None
            assert box["y"] >= 0
            page.keyboard.press("Enter")
            assert page.evaluate("document.activeElement.id") == "content"

    in_own_thread(look)


def test_a_low_window_gives_the_record_its_room() -> None:
    """At 400% zoom a banner that stays would leave nothing to read."""
    html = launch_html(plain_chart_of("a-1.E-1003"))

    def look() -> None:
        with opened(html) as page:
            page.set_viewport_size({"width": 320, "height": 256})
            assert style_of(page, "[part=banner]", "position") == "static"

    in_own_thread(look)


def test_text_of_twice_its_size_leaves_four_fifths_of_a_telephone() -> None:
    """C104 at 200 % text: the banner stays in sight, and out of the way."""
    html = launch_html(plain_chart_of("a-1.E-1012"))

    def look() -> None:
        with opened(html, width=390, bypass_csp=True) as page:
            page.set_viewport_size({"width": 390, "height": 844})
            page.add_style_tag(content=":root { font-size: 200% }")
            banner = page.locator("[part=banner]").bounding_box()
            line = page.locator(".allergy-line").bounding_box()
            assert banner is not None
            assert line is not None
            assert banner["height"] <= 844 / 5
            assert line["y"] + line["height"] <= banner["y"] + banner["height"]

    in_own_thread(look)


def test_no_word_is_cut_off_on_paper() -> None:
    html = without_a_place_to_break()

    def look() -> None:
        with opened(html, width=700) as page:
            page.emulate_media(media="print")
            assert not is_too_wide(page)

    in_own_thread(look)


def test_on_paper_every_page_says_whose_record_it_is() -> None:
    html = launch_html(plain_chart_of("a-1.E-1003"))

    def look() -> None:
        with opened(html) as page:
            assert page.locator("[data-print]").is_visible()
            page.emulate_media(media="print")
            # Chromium repeats the head of a table on each page, unless it may be cut in two.
            assert style_of(page, "main", "display") == "table"
            assert style_of(page, "[part=banner]", "display") == "table-header-group"
            assert style_of(page, "[part=banner]", "break-inside") == "avoid"
            assert page.locator(".read-at").inner_text() == (
                "Read 23 Nov 2026, 19:15 UTC from St. Brigid's General Hospital"
            )
            for technical in ("#connection", ".top", "nav"):
                assert not page.locator(technical).is_visible()

    in_own_thread(look)


def test_on_paper_texts_are_whole_and_what_is_folded_is_said() -> None:
    note = rendered("sections/prose.html", text="Walks an hour a day. " * 40)
    folded = '<details class="more">'
    html = launch_html(plain_chart_of("a-1.E-1003")).replace(folded, note + folded, 1)

    def look() -> None:
        with opened(html) as page:
            folded = page.locator(".more > summary").first
            note = page.locator(".long").first
            assert note.locator("p").is_hidden()
            page.emulate_media(media="print")
            page.evaluate("dispatchEvent(new Event('beforeprint'))")
            said = folded.evaluate("one => getComputedStyle(one, '::after').content")
            assert said == '" (not printed)"'
            assert note.locator("p").is_visible()
            assert note.locator("summary").is_hidden()  # its beginning, which is in the text too
            page.evaluate("dispatchEvent(new Event('afterprint'))")
            page.emulate_media(media="screen")
            assert note.locator("p").is_hidden()

    in_own_thread(look)


def test_signs_that_something_can_be_opened_are_not_read_out() -> None:
    html = launch_html(plain_chart_of("a-1.E-1003"))

    def look() -> None:
        with opened(html) as page:
            assert "▸" not in page.locator("#vitals").aria_snapshot()
            assert "▸" not in page.locator("#labs").aria_snapshot()

    in_own_thread(look)


def test_times_are_shown_in_the_readers_own_zone() -> None:
    html = launch_html(plain_chart_of(ARABIC))

    def look() -> None:
        with opened(html, timezone_id="Asia/Kolkata") as page:
            shown = page.locator(".opened time")
            assert shown.inner_text() == "24 Nov 2026, 00:42 GMT+5:30"
            assert shown.get_attribute("title") == "23 Nov 2026, 19:12 UTC"

    in_own_thread(look)


def test_a_page_that_has_grown_old_says_so() -> None:
    """C158: nobody tells the app that the EHR went on to another patient."""
    html = launch_html(plain_chart_of(ARABIC))

    def look() -> None:
        with opened(html) as page:
            page.clock.install()
            page.reload()
            old = page.locator(".patient .old")
            page.clock.run_for(29 * 60_000)
            assert not old.is_visible()
            page.clock.run_for(2 * 60_000)
            assert old.is_visible()

    in_own_thread(look)


def test_without_javascript_nothing_is_missing() -> None:
    html = launch_html(plain_chart_of("a-1.E-1003"))

    def look() -> None:
        with opened(html, java_script_enabled=False) as page:
            assert page.locator(".opened time").inner_text() == "23 Nov 2026, 19:12 UTC"
            page.locator(".vital summary").first.click()
            assert page.locator(".opened-vital table").first.is_visible()

    in_own_thread(look)
