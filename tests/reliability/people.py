"""People who launch, look at their patient, and reload the page while its access runs out."""

import asyncio
import itertools
import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import aiohttp

from tests.reliability.hospital import Hospital

TRIES = 12
RELOADS = 2
PATIENCE = aiohttp.ClientTimeout(total=40)
# What a page says whose refresh was under way in a process that was killed, or whose answer the EHR
# lost or spoiled: nobody knows whether the token is used up, so it is not sent a second time.
IN_DOUBT = ("refresh-interrupted", "refresh-uncertain", "refresh-unusable")

_numbers = itertools.count(1)


@dataclass
class Figures:
    launches: int = 0
    confirmed: int = 0
    # Launches that did not come about, by where and the page's code.
    failed: Counter[str] = field(default_factory=Counter)
    reloads: int = 0
    # Confirmed launches that ended although nobody ended them, by the page's code.
    lost: Counter[str] = field(default_factory=Counter)
    in_doubt: int = 0
    wrong_patient: int = 0
    without_record: int = 0
    server_errors: Counter[int] = field(default_factory=Counter)
    slowest_seconds: float = 0.0


def for_seconds(seconds: float) -> Callable[[], bool]:
    until = time.monotonic() + seconds
    return lambda: time.monotonic() < until


async def people(
    url: str, hospital: Hospital, figures: Figures, go_on: Callable[[], bool], *, at_once: int = 4
) -> None:
    """Let a few people launch one after the other for as long as they shall go on."""

    async def one() -> None:
        while go_on():
            await visit(url, hospital, figures)

    await asyncio.gather(*(one() for _ in range(at_once)))


async def visit(url: str, hospital: Hospital, figures: Figures, *, reloads: int = RELOADS) -> bool:
    """One launch and what follows; whether the page showed its own patient."""
    figures.launches += 1
    patient = f"p-{next(_numbers)}"
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(url, cookie_jar=jar) as browser:
        page = await _launched(browser, hospital, patient, figures)
        if not page or not await _comes_to_show(browser, page, patient, figures):
            return False
        figures.confirmed += 1
        for _ in range(reloads):
            await asyncio.sleep(1.2)
            figures.reloads += 1
            await _shows(browser, page, patient, figures)
            # As the page's script says that somebody uses it.
            await _tried(browser, f"{page}presence/", figures, "POST")
    return True


async def _launched(
    browser: aiohttp.ClientSession, hospital: Hospital, patient: str, figures: Figures
) -> str | None:
    """Return the address of the launch's page, or None where the sign-in did not come about."""
    start = f"/launch?iss={hospital.fhir_base_url}&launch={patient}"
    status, text, to_ehr = await _tried(browser, start, figures)
    if status != 302:
        figures.failed[f"launch: {status} {_code(text)}"] += 1
        return None
    async with browser.get(to_ehr, allow_redirects=False) as answered:
        back = answered.headers["Location"]
    status, text, page = await _tried(browser, back, figures)
    if status != 303:
        figures.failed[f"callback: {status} {_code(text)}"] += 1
        return None
    return page


async def _comes_to_show(
    browser: aiohttp.ClientSession, page: str, patient: str, figures: Figures
) -> bool:
    """Whether the page shows the patient, after the reloads that it asks for where the record
    could not be read."""
    for _ in range(TRIES):
        ended = figures.lost.total() + figures.in_doubt
        if await _shows(browser, page, patient, figures):
            return True
        if figures.lost.total() + figures.in_doubt > ended:
            return False
        await asyncio.sleep(1)
    return False


async def _shows(browser: aiohttp.ClientSession, page: str, patient: str, figures: Figures) -> bool:
    status, text, _ = await _tried(browser, page, figures)
    shown = set(re.findall(r"Family-(p-\d+)\b", text))
    figures.wrong_patient += bool(shown - {patient})
    if status == 200:
        figures.without_record += not shown
        return bool(shown)
    if status < 500:
        if any(code in text for code in IN_DOUBT):
            figures.in_doubt += 1
        else:
            figures.lost[_code(text)] += 1
    return False


def _code(text: str) -> str:
    """Return the code on an error page."""
    found = re.search(r"Code</dt>\s*<dd>\s*<span[^>]*>([\w-]+)<", text)
    return found[1] if found else "?"


async def _tried(
    browser: aiohttp.ClientSession, address: str, figures: Figures, method: str = "GET"
) -> tuple[int, str, str]:
    """Return status, text and Location, after as many tries as a person makes."""
    for _ in range(TRIES):
        began = time.monotonic()
        try:
            async with browser.request(
                method, address, allow_redirects=False, timeout=PATIENCE
            ) as answer:
                status, text = answer.status, await answer.text()
                location = answer.headers.get("Location", "")
        except (aiohttp.ClientError, TimeoutError):  # broken off in the middle of an answer
            status, text, location = 599, "", ""
        figures.slowest_seconds = max(figures.slowest_seconds, time.monotonic() - began)
        if status < 500:
            break
        figures.server_errors[status] += 1
        await asyncio.sleep(1)
    return status, text, location
