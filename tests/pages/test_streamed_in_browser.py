"""The page in real Chromium while it is still being sent: in order, announced, and blanked when it
must not be used (C101, C104, T17)."""

import mimetypes
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.conf import settings
from playwright.sync_api import Page, expect

from smartapp.chart.chart import LOOKS, Chart, Part, Who
from smartapp.chart.drawing import draw, draw_alarm, draw_end, draw_news, draw_shell
from smartapp.protocol.errors import WrongPatient
from smartapp.record.news import Share
from tests.accessibility import violations
from tests.chart.samples import NOW
from tests.pages.people import GUARD, REFERENCE, launch_page, plain_chart_of
from tests.pages.test_in_browser import chromium, in_own_thread, no_browser_is_left

pytestmark = pytest.mark.browser

# The fixture of the neighbour ends the browser of this file too.
__all__ = ["no_browser_is_left"]

POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; connect-src 'self'"
)
PATIENT = "a-1.E-1003"


class Served(ThreadingHTTPServer):
    """Sends a page in parts; each part when the test lets it."""

    daemon_threads = True

    def __init__(self, parts: list[str], again: str = "") -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.parts, self.again = parts, again
        self.may_go_on = threading.Semaphore(0)
        self.asked_again = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/"

    def go_on(self) -> None:
        self.may_go_on.release()


class Handler(BaseHTTPRequestHandler):
    server: Served
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = self.path
        if path.startswith(settings.STATIC_URL):
            file = settings.BASE_DIR / "static" / path.removeprefix(settings.STATIC_URL)
            kind = mimetypes.guess_type(file)[0] or "application/octet-stream"
            self._begin(kind)
            self._send(file.read_bytes())
        elif path in ("/", "/?again=1"):
            self._begin("text/html; charset=utf-8")
            if "again" in path and self.server.again:
                self.server.asked_again.set()
                self._send(self.server.again.encode())
            else:
                self._send_in_parts()
        else:
            self._begin("application/json")
            self._send(b'{"seconds_left": 90000}')
        self.wfile.write(b"0\r\n\r\n")

    def _send_in_parts(self) -> None:
        first, *others = self.server.parts
        self._send(first.encode())
        for part in others:
            self.server.may_go_on.acquire(timeout=60)
            self._send(part.encode())

    def _begin(self, kind: str) -> None:
        self.send_response(200)
        for name, value in (
            ("Content-Type", kind),
            ("Content-Security-Policy", POLICY),
            ("Transfer-Encoding", "chunked"),
        ):
            self.send_header(name, value)
        self.end_headers()

    def _send(self, content: bytes) -> None:
        if content:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(content), content))
            self.wfile.flush()

    def log_message(self, *_: object) -> None:
        """A test has no use for an access log."""


@contextmanager
def streamed(*parts: str, again: str = "", **options: Any) -> Iterator[tuple[Page, Served]]:
    """Open a page whose first part has come."""
    server = Served(list(parts), again)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    page = chromium().new_page(viewport={"width": 1440, "height": 900}, **options)
    try:
        page.goto(server.url, wait_until="commit")
        yield page, server
    finally:
        page.close()
        server.go_on()
        server.shutdown()
        server.server_close()


class Pieces:
    """A page's parts by name, as they are sent."""

    def __init__(self, chart: Chart, **changes: Any) -> None:
        self.page = launch_page(PATIENT, **changes)
        shell = draw_shell(self.page, form_token="f0", guard=GUARD)
        self.before, self.after = shell.before, shell.after
        named: list[tuple[str, Part]] = [("who", chart.who)]
        named += [(one.name, one) for one in chart.sections]
        self.by_name = {name: draw(part, self.page) for name, part in named}
        self.end = draw_end(self.page, user=None, is_unreadable=False, read_at=NOW, form_token="f0")

    def of(self, *names: str) -> str:
        return "".join(self.by_name[name] for name in names)

    def but(self, *names: str) -> str:
        return "".join(piece for name, piece in self.by_name.items() if name not in names)


def tree(page: Page) -> list[tuple[str, str]]:
    """Return role and name of what a screen reader meets, in its order."""
    session = page.context.new_cdp_session(page)
    nodes = session.send("Accessibility.getFullAXTree")["nodes"]
    by_id = {node["nodeId"]: node for node in nodes}
    found: list[tuple[str, str]] = []

    def walk(node: dict[str, Any]) -> None:
        if not node.get("ignored"):
            name = node.get("name", {}).get("value", "")
            found.append((node["role"]["value"], name))
        for child in node.get("childIds", []):
            if child in by_id:
                walk(by_id[child])

    walk(nodes[0])
    return found


def headings(page: Page) -> list[str]:
    return [name for role, name in tree(page) if role == "heading"]


def test_the_order_is_that_of_the_page_while_it_is_still_sent() -> None:
    """Laboratory results come first here, and are read out where they stand."""
    pieces = Pieces(plain_chart_of(PATIENT))

    def look() -> None:
        begin = pieces.before + pieces.of("who", "labs")
        with streamed(begin, pieces.but("who", "labs") + pieces.end + pieces.after) as (page, _):
            expect(page.locator("#labs-title")).to_be_visible()
            name, *titles = headings(page)
            assert name
            expected = [section.title for section in pieces.page.sections]
            assert titles[: len(expected)] != []
            assert [one for one in titles if one in expected] == expected
            texts = [words for role, words in tree(page) if role == "StaticText"]
            assert "Reading…" in texts
            assert violations(page) == []

    in_own_thread(look)


def test_the_keyboard_goes_through_the_page_in_its_order_while_it_is_still_sent() -> None:
    pieces = Pieces(plain_chart_of(PATIENT))

    def look() -> None:
        begin = pieces.before + pieces.of("who", "labs")
        with streamed(begin, pieces.but("who", "labs") + pieces.end + pieces.after) as (page, _):
            expect(page.locator("#labs-title")).to_be_visible()
            reached = []
            for _ in range(3 + len(pieces.page.sections)):
                page.keyboard.press("Tab")
                reached.append(
                    page.evaluate(
                        "(document.activeElement.shadowRoot?.activeElement"
                        " ?? document.activeElement).getAttribute('href')"
                    )
                )
            links = [f"#{section.name}" for section in pieces.page.sections]
            assert reached[0] == "#content"
            assert [one for one in reached if one in links] == links

    in_own_thread(look)


@pytest.mark.parametrize("scripts", [True, False])
def test_a_late_alarm_blanks_what_was_shown(scripts: bool) -> None:
    """T17: with scripts it is gone, and without them nothing of it shows, nor is read out."""
    pieces = Pieces(plain_chart_of(PATIENT))
    ehr = "St. Brigid's"
    alarm = draw_alarm(
        WrongPatient("x"), endpoint_name=ehr, reference=REFERENCE, start_again_url=""
    )
    born = plain_chart_of(PATIENT).who.identity
    assert born is not None
    name = born.name.text

    def look() -> None:
        begin = pieces.before + pieces.by_name["who"] + pieces.by_name["allergies"]
        with streamed(begin, alarm + pieces.after, java_script_enabled=scripts) as (page, server):
            expect(page.locator("#allergies-title")).to_be_visible()
            expect(page.get_by_text(name).first).to_be_visible()
            server.go_on()
            expect(page.get_by_role("heading", name=WrongPatient.title)).to_be_visible()
            expect(page.get_by_text(ehr, exact=True)).to_be_visible()
            expect(page.locator("#allergies-title")).to_be_hidden()
            said = [words for _, words in tree(page)]
            assert not any(name in words or "Allergies" in words for words in said)
            assert (page.locator("#allergies").count() == 0) is scripts
            if scripts:
                assert violations(page) == []

    in_own_thread(look)


def in_every_state() -> Chart:
    chart = plain_chart_of(PATIENT)
    sections = [
        replace(
            section,
            state=state,
            items=section.items if state in ("ok", "partial") else (),
            notes=("The EHR has more.",) if state == "partial" else (),
            error="The EHR did not answer." if state in ("failed", "forbidden") else "",
            reference=REFERENCE,
        )
        for state, section in zip(LOOKS, chart.sections, strict=False)
    ]
    return replace(chart, sections=(*sections, *chart.sections[len(sections) :]))


@pytest.mark.parametrize("is_patients", [False, True])
def test_accessible_in_every_state_of_a_section(is_patients: bool) -> None:
    pieces = Pieces(in_every_state(), is_patients=is_patients)
    whole = pieces.before + pieces.but() + pieces.end + pieces.after

    def look() -> None:
        with streamed(whole) as (page, _):
            page.wait_for_load_state()
            assert violations(page) == []
            marks = page.locator(".contents-mark").evaluate_all(
                "all => all.map(one => one.className.replace('contents-mark ', ''))"
            )
            looks = {f"look-{one}" for one in ("shown", "cut", "empty", "not-allowed", "failed")}
            assert looks <= set(marks)

    in_own_thread(look)


def test_what_the_ehr_did_not_give_is_read_again_by_itself() -> None:
    """After the time that the EHR asked for; what was opened meanwhile stays open."""
    chart = plain_chart_of(PATIENT)
    spoilt = [
        replace(one, state="failed", items=(), error="Busy.", reference="R", retry_after=1.0)
        if one.name == "allergies"
        else one
        for one in chart.sections
    ]
    failed = Pieces(replace(chart, sections=tuple(spoilt)), again_url="?again=1")
    good = Pieces(chart, again_url="?again=2")
    first = failed.before + failed.but() + failed.end + failed.after

    def look() -> None:
        again = good.before + good.but() + good.end + good.after
        with streamed(first, again=again) as (page, _):
            expect(page.locator("#allergies.look-failed")).to_be_visible()
            opened = page.locator("#connection details").first
            opened.evaluate("one => one.open = true")
            expect(page.locator("#allergies.look-shown")).to_be_visible()
            assert page.locator("#allergies").count() == 1
            assert opened.evaluate("one => one.open")

    in_own_thread(look)


def test_what_the_page_says_of_the_whole_is_that_of_what_was_read_again() -> None:
    """The banner does not go on to say that the allergies, or the patient, could not be read."""
    chart = plain_chart_of(PATIENT)
    spoilt = [
        replace(one, state="failed", items=(), error="Busy.", reference="R", retry_after=1.0)
        if one.name in ("allergies", "labs")
        else one
        for one in chart.sections
    ]
    nobody = Who(PATIENT, None, {}, "The EHR is busy.", "R")
    failed = Pieces(replace(chart, who=nobody, sections=tuple(spoilt)), again_url="?again=1")
    good = Pieces(chart, again_url="?again=2")
    unread = chart.shares | {"labs": Share(is_read=False, is_whole=False)}
    news = [
        draw_news(shares, good.page, encounter=None, now=NOW) for shares in (unread, chart.shares)
    ]
    first = failed.before + failed.but() + news[0] + failed.end + failed.after

    def look() -> None:
        again = good.before + good.but() + news[1] + good.end + good.after
        with streamed(first, again=again) as (page, _):
            alarm = page.get_by_text("Whose record this is could not be shown")
            expect(alarm).to_be_visible()
            expect(page.locator("#news .notice")).to_be_visible()
            expect(page.locator("#labs.look-shown")).to_be_visible()
            expect(alarm).to_have_count(0)
            expect(page.locator("#news .notice")).to_have_count(0)
            for name in ("patient", "allergy-line", "news", "mark-news", "allergies"):
                expect(page.locator(f"main > [slot={name}]")).to_have_count(1)
            assert "Patient not identified" not in page.inner_text("main")
            assert "not available" not in page.inner_text(".allergy-line")

    in_own_thread(look)


def test_without_scripts_the_whole_page_is_read_again() -> None:
    chart = plain_chart_of(PATIENT)
    spoilt = replace(
        chart.sections[0], state="failed", items=(), error="Busy.", reference="R", retry_after=1.0
    )
    sections = (spoilt, *chart.sections[1:])
    failed = Pieces(replace(chart, sections=sections), again_url="?again=1")
    good = Pieces(chart)

    def look() -> None:
        first = failed.before + failed.but() + failed.end + failed.after
        again = good.before + good.but() + good.end + good.after
        with streamed(first, again=again, java_script_enabled=False) as (page, server):
            assert server.asked_again.wait(30)
            expect(page.locator("#allergies.look-shown")).to_be_visible()

    in_own_thread(look)
