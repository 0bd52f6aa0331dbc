"""Helpers for tests from outside: a browser without scripts, and a terminal."""

import asyncio
import re
import shlex
import subprocess
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Self
from urllib.parse import urljoin, urlsplit

import aiohttp

from tests import forking
from tests.processes import ROOT

CHOICES = frozenset({"checkbox", "radio"})
DEMO_CLIENT = "smartapp-demo"

Done = subprocess.CompletedProcess[str]


@dataclass
class Form:
    """A form as the browser would send it when its first button is pressed."""

    action: str
    method: str
    fields: list[tuple[str, str]] = field(default_factory=list)
    choices: dict[str, list[str]] = field(default_factory=dict)
    buttons: list[tuple[str, str]] = field(default_factory=list)
    names: set[str] = field(default_factory=set)

    def filled(self, values: Mapping[str, str], untick: Collection[str], press: str) -> Any:
        kept = [
            (name, value)
            for name, value in self.fields
            if name not in values and value not in untick
        ]
        pressed = [(name, value) for name, value in self.buttons if value == press]
        return [*kept, *values.items(), *(pressed or self.buttons[:1])]


@dataclass
class Page:
    """A response as the browser sees it; `words` is its text without markup."""

    status: int
    url: str
    headers: Mapping[str, str]
    text: str
    forms: list[Form]
    words: str
    summaries: list[str]

    @property
    def path(self) -> str:
        return urlsplit(self.url).path

    def form(self, field_name: str) -> Form | None:
        return next((form for form in self.forms if field_name in form.names), None)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.words: list[str] = []
        self.summaries: list[list[str]] = []
        self._in_summary = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            method = given.get("method", "get").upper()
            self.forms.append(Form(given.get("action", ""), method))
        elif tag == "summary":
            self.summaries.append([])
            self._in_summary = True
        elif self.forms and tag in {"input", "button"} and "name" in given:
            self._field(self.forms[-1], tag, given)

    def _field(self, form: Form, tag: str, given: dict[str, str]) -> None:
        name, value, kind = given["name"], given.get("value", ""), given.get("type", "text")
        form.names.add(name)
        if tag == "button":
            form.buttons.append((name, value))
            return
        if kind in CHOICES:
            form.choices.setdefault(name, []).append(value)
        if kind not in CHOICES or "checked" in given:
            form.fields.append((name, value))

    def handle_endtag(self, tag: str) -> None:
        if tag == "summary":
            self._in_summary = False

    def handle_data(self, data: str) -> None:
        self.words.append(data)
        if self._in_summary:
            self.summaries[-1].append(data)


def _joined(words: list[str]) -> str:
    return " ".join(" ".join(words).split())


class Browser:
    """One person's browser: a cookie jar, links, redirects and forms."""

    def __init__(self, origin: str) -> None:
        self.origin = origin

    async def __aenter__(self) -> Self:
        self.http = aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.close()

    async def request(self, method: str, url: str, *, follow: bool = True, **more: Any) -> Page:
        address = urljoin(self.origin, url)
        async with self.http.request(method, address, allow_redirects=follow, **more) as response:
            text = await response.text()
            reader = _Reader()
            if response.content_type == "text/html":
                reader.feed(text)
            return Page(
                response.status, str(response.url), response.headers, text, reader.forms,
                _joined(reader.words), [_joined(words) for words in reader.summaries],
            )  # fmt: skip

    async def get(self, url: str, *, follow: bool = True, **more: Any) -> Page:
        return await self.request("GET", url, follow=follow, **more)

    async def json(self, url: str, **more: Any) -> Any:
        async with self.http.get(urljoin(self.origin, url), **more) as response:
            assert response.status == 200, await response.text()
            return await response.json(content_type=None)

    async def submit(
        self,
        page: Page,
        form: Form,
        *,
        press: str = "",
        untick: Collection[str] = (),
        **values: str,
    ) -> Page:
        sent = form.filled(values, untick, press)
        return await self.request(form.method, urljoin(page.url, form.action), data=sent)

    async def allow(
        self,
        start: str,
        *,
        username: str = "clinician",
        patient: str = "",
        untick: Collection[str] = (),
        consent: str = "allow",
    ) -> Page:
        """Go through sign-in, picker and consent where asked; return the page that follows."""
        page = await self.get(start)
        while re.match(r"/sandbox/(?:\w+/)?oauth2/", urlsplit(page.url).path):
            if form := page.form("password"):
                page = await self.submit(page, form, username=username, password="sandbox")
            elif form := page.form("scope"):
                page = await self.submit(page, form, press=consent, untick=untick)
            elif form := page.form("patient"):
                chosen = patient or form.choices["patient"][0]
                page = await self.submit(page, form, patient=chosen)
            else:
                raise AssertionError(f"the sandbox stopped at {page.url}: {page.words}")
        return page

    async def context(self, page: Page) -> dict[str, Any]:
        """Return context.json of the launch that this page shows."""
        found: dict[str, Any] = await self.json(page.url + "context.json")
        return found


def ehr_launch(client_id: str = DEMO_CLIENT, **more: str) -> str:
    """Return the address at which the sandbox starts an EHR launch of this client."""
    query = "".join(f"&{name}={value}" for name, value in more.items())
    return f"/sandbox/launch?client_id={client_id}{query}"


async def patients(browser: Browser) -> list[str]:
    """Return the FHIR ids of the sandbox's patients, as its launcher lists them."""
    form = (await browser.get("/sandbox/")).form("patient")
    assert form is not None
    return form.choices["patient"]


async def token_requests(browser: Browser, ehr: str, client_id: str, grant: str) -> int:
    """Return how many token requests with this grant the sandbox accepted from this client."""
    log = await browser.get(f"{ehr}/sandbox/requests?client_id={client_id}")
    return sum(
        "token accepted" in summary and grant in summary.split() for summary in log.summaries
    )


def run(env: Mapping[str, str], line: str, cwd: Path = ROOT) -> Done:
    """Run a command of the project as an operator types it, whatever its result."""
    if cwd == ROOT:
        return forking.run(env, shlex.split(line))
    return subprocess.run(  # noqa: S603
        [sys.executable, "manage.py", *shlex.split(line)],
        cwd=cwd, env=dict(env), capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


async def commands(env: Mapping[str, str], *lines: str) -> list[Done]:
    """Run commands in parallel while the test's own servers keep answering."""
    return await asyncio.gather(*(asyncio.to_thread(run, env, line) for line in lines))


async def command(env: Mapping[str, str], line: str) -> str:
    """Run a command that must succeed; return its output."""
    (done,) = await commands(env, line)
    assert done.returncode == 0, f"{line}: {done.stdout}\n{done.stderr}"
    return done.stdout


def refusal(done: Done) -> str:
    """Return the sentence of a refused command: exit code 1, no other output, no traceback."""
    assert done.returncode == 1, (done.args, done.returncode, done.stdout, done.stderr)
    assert "Traceback" not in done.stderr, done.stderr
    assert done.stdout == ""
    sentence = done.stderr.strip().removeprefix("CommandError: ")
    assert sentence
    assert "\n" not in sentence, sentence
    assert len(sentence) < 250, sentence
    return sentence
