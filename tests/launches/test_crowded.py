"""A code that finds its EHR crowded or suspended is not lost (C69, C15): it was not sent."""

import asyncio
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.core.cache import cache

from smartapp import circuit, http
from smartapp.database import in_database
from smartapp.launches.models import Launch
from tests.launches.conftest import Browser, new_browser
from tests.launches.test_token_budget import codes, limit
from tests.scripted_ehr import ScriptedEHR

Start = Callable[[], str]


@pytest.fixture(autouse=True)
def no_circuit_outlives_its_test() -> Iterator[None]:
    yield
    circuit._circuits.clear()


async def works_later(browser: Browser, callback: str, words: str) -> None:
    """See that the page says it, offers the same address, and that this is good again."""
    response = await browser.get(callback)
    page = await response.text()
    assert response.status == 503
    assert words in page
    assert 1 <= int(response.headers["Retry-After"]) <= 15
    # The address itself, code and all, is not written into the page.
    assert '<a class="button" href="">Try again</a>' in page
    assert "code=" not in page


async def test_crowded(
    app: str, ehr: ScriptedEHR, ehr_launch: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "most_in_flight", lambda _: 1)
    monkeypatch.setattr(http, "WAIT_FOR_SLOT_SECONDS", 0.2)
    async with new_browser(app) as first, new_browser(app) as second:
        callbacks = [await one.to_callback(ehr_launch()) for one in (first, second)]
        ehr.token_delay = 2
        holds_the_place = asyncio.create_task(first.get(callbacks[0]))
        await asyncio.sleep(0.3)
        await works_later(second, callbacks[1], "busy-with-ehr")
        assert (await holds_the_place).status == 303
        ehr.token_delay = 0
        assert (await second.get(callbacks[1])).status == 303
    assert len(codes(ehr)) == 2


async def test_suspended(browser: Browser, ehr: ScriptedEHR, ehr_launch: Start) -> None:
    callback = await browser.to_callback(ehr_launch())
    breaker = circuit.circuit(f"POST {urlsplit(ehr.base).netloc}")
    breaker._failures = circuit.FAILURES_THAT_OPEN
    breaker._open_until = breaker._clock() + 10
    await works_later(browser, callback, "busy-with-ehr")
    assert codes(ehr) == []
    assert not await in_database(Launch.objects.exists)
    breaker._open_until = 0
    assert (await browser.get(callback)).status == 303
    assert len(codes(ehr)) == 1


async def test_too_many_of_one_ehr(
    browser: Browser, ehr: ScriptedEHR, ehr_launch: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    callback = await browser.to_callback(ehr_launch())
    with monkeypatch.context() as patched:
        patched.setattr(settings, "MAX_OF_ONE_ENDPOINT", 0)
        await works_later(browser, callback, "busy-with-ehr")
    assert (await browser.get(callback)).status == 303


async def test_too_many_of_all(
    browser: Browser, ehr_launch: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Design: a cap of launches in flight for each process, 503 with Retry-After above it."""
    callback = await browser.to_callback(ehr_launch())
    with monkeypatch.context() as patched:
        patched.setattr(settings, "MAX_LAUNCHES_IN_FLIGHT", 0)
        await works_later(browser, callback, ">busy<")
    assert (await browser.get(callback)).status == 303


async def test_a_reload_is_recognised_before_it_takes_a_place(
    browser: Browser, ehr: ScriptedEHR, ehr_launch: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also with its cookie, as a browser has it that did not get the first answer: in a crowd, and
    where it is the minute's only request."""
    config = await limit(5)
    held = await browser.to_callback(ehr_launch())
    cookies = {one.key: one.value for one in browser.http.cookie_jar}
    first = await browser.get(held)
    assert first.status == 303
    taken = [await cache.aget(f"token-budget-{config.registration_id}-{n}") for n in range(5)]
    for name, value in (("MAX_OF_ONE_ENDPOINT", 0), ("MAX_OF_ONE_ENDPOINT", 9)):
        monkeypatch.setattr(settings, name, value)
        again = await browser.get(held, cookies=cookies)
        assert again.status == 303
        assert again.headers["Location"] == first.headers["Location"]
    assert len(codes(ehr)) == 1
    left = [await cache.aget(f"token-budget-{config.registration_id}-{n}") for n in range(5)]
    assert left == taken


async def test_a_code_that_was_sent_is_not_good_again(
    browser: Browser, ehr: ScriptedEHR, ehr_launch: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """C69, C50: after a time-out nobody knows."""
    monkeypatch.setattr("smartapp.exchange.pipeline.TIMEOUT_SECONDS", 0.2)
    callback = await browser.to_callback(ehr_launch())
    ehr.token_delay = 1
    assert (await browser.get(callback)).status == 504
    ehr.token_delay = 0
    assert (await browser.get(callback)).status == 400
    assert len(codes(ehr)) == 1
