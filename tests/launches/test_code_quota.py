"""Codes that an EHR with a small budget refuses cost the network that they come from (T30)."""

import asyncio
import contextlib
import itertools
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from django.core.cache import cache

from smartapp.exchange import code_quota, token_budget
from smartapp.exchange.token_budget import Share
from tests.launches.conftest import Browser, new_browser, query
from tests.launches.test_token_budget import codes, limit
from tests.scripted_ehr import ScriptedEHR

Start = Callable[[], str]
STRANGER, HOSPITAL = "203.0.113.9", "198.51.100.7"


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(token_budget, "CODE_WAITS_SECONDS", 1)
    monkeypatch.setattr(code_quota, "PLACE_WAITS_SECONDS", 3)
    cache.clear()
    yield
    cache.clear()


def coming_from(app: str, address: str) -> new_browser:
    return new_browser(app, **{"X-Forwarded-For": address})


async def invented(browser: Browser, start: str) -> aiohttp.ClientResponse:
    """Come back with a code that no EHR gave, to a state that is one's own."""
    began = await browser.get(start)
    state = query(began.headers["Location"])["state"][0]
    return await browser.get(f"/callback/scripted/?code=invented&state={state}")


async def honest(app: str, start: str, address: str = HOSPITAL) -> int:
    async with coming_from(app, address) as browser:
        return (await browser.get(await browser.to_callback(start))).status


class TestStranger:
    async def test_keeps_nobody_out_of_an_ehr_with_a_small_budget(
        self, app: str, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        """T30: one of five a minute is all that the invented codes of one network use up."""
        await limit(5)
        async with coming_from(app, STRANGER) as browser:
            answers = [await invented(browser, ehr_launch()) for _ in range(5)]
            assert [one.status for one in answers] == [502, 503, 503, 503, 503]
            assert 55 <= int(answers[1].headers["Retry-After"]) <= 61
            assert "has just refused sign-ins that came from your network" in (
                await answers[1].text()
            )
        assert len(ehr.token_requests) == 1
        assert [await honest(app, ehr_launch()) for _ in range(4)] == [303] * 4

    async def test_gains_nothing_by_coming_all_at_once_or_by_leaving(
        self, app: str, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        """T30: a code counts from before it is sent, and whoever waits for its answer."""
        await limit(5)
        ehr.token_delay = 0.5

        async def leaves() -> None:
            async with coming_from(app, STRANGER) as browser:
                began = await browser.get(ehr_launch())
                state = query(began.headers["Location"])["state"][0]
                address = f"{app}/callback/scripted/?code=invented&state={state}"
                with contextlib.suppress(asyncio.TimeoutError):
                    await browser.http.get(address, timeout=aiohttp.ClientTimeout(total=0.3))

        await asyncio.gather(*(leaves() for _ in range(5)))
        await asyncio.sleep(1)
        await asyncio.gather(*(leaves() for _ in range(5)))
        await asyncio.sleep(1)  # what they left behind ends before the database is cleared
        assert len(ehr.token_requests) == 1

    async def test_of_an_ipv6_site_has_one_network(
        self, app: str, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        """T30: who has a /48 has 65,536 networks of the usual size."""
        await limit(5)
        for number in range(5):
            async with coming_from(app, f"2001:db8:1:{number:x}::1") as browser:
                await invented(browser, ehr_launch())
        assert len(ehr.token_requests) == 1

    async def test_inside_a_hospitals_network_leaves_others_their_part(
        self, app: str, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        """T30: on its guest network, say. Three of five are the most that a network loses."""
        await limit(5)
        assert await honest(app, ehr_launch()) == 303
        async with coming_from(app, HOSPITAL) as browser:
            for _ in range(5):
                await invented(browser, ehr_launch())
        assert len(ehr.token_requests) == 1 + 3
        assert await honest(app, ehr_launch(), "198.51.100.8") == 303


class TestManyStrangers:
    async def test_keep_nobody_out_who_has_launched_before(
        self, app: str, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        """T30: six networks with two codes each are more than ten requests a minute."""
        await limit(10)
        assert await honest(app, ehr_launch()) == 303
        for number in range(6):
            async with coming_from(app, f"203.0.113.{number}") as browser:
                for _ in range(2):
                    await invented(browser, ehr_launch())
        assert len(ehr.token_requests) == 8
        assert [await honest(app, ehr_launch()) for _ in range(2)] == [303] * 2

    async def test_wait_for_longer_with_each_code_that_is_refused(
        self, app: str, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        """T30: who comes back each minute has a fifth of the budget only in the first one."""
        config = await limit(5)
        place = f"refused-codes-{config.registration_id}-{code_quota._network(STRANGER)}-0"
        waits = []
        async with coming_from(app, STRANGER) as browser:
            for _ in range(5):
                assert (await invented(browser, ehr_launch())).status == 502
                waits.append(int((await invented(browser, ehr_launch())).headers["Retry-After"]))
                # It is over, and so is the minute of the budget.
                cache.delete_many(
                    [place, *(f"token-budget-{config.registration_id}-{n}" for n in range(5))]
                )
        for wait, expected in zip(waits, (61, 122, 244, 300, 300), strict=True):
            assert expected - 10 <= wait <= expected
        assert await honest(app, ehr_launch(), STRANGER) == 303
        assert await honest(app, ehr_launch(), STRANGER) == 303


class TestHospital:
    async def test_behind_one_address_uses_the_whole_budget(
        self, app: str, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        await limit(5)
        statuses = await asyncio.gather(*(honest(app, ehr_launch()) for _ in range(5)))
        assert Counter(statuses) == {303: 5}

    async def test_goes_on_when_some_of_its_codes_grew_old(
        self, app: str, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        await limit(5)
        assert await honest(app, ehr_launch()) == 303
        async with coming_from(app, HOSPITAL) as browser:
            for _ in range(2):
                assert (await invented(browser, ehr_launch())).status == 502
        assert await honest(app, ehr_launch()) == 303
        assert len(codes(ehr)) == 4

    @pytest.mark.parametrize(
        ("status", "body"), [(401, {"error": "invalid_client"}), (429, {"error": "slow_down"})]
    )
    async def test_pays_for_no_fault_that_is_not_in_the_code(
        self, app: str, ehr: ScriptedEHR, ehr_launch: Start, status: int, body: dict[str, Any]
    ) -> None:
        async def fails(_: web.Request) -> web.StreamResponse:
            return web.json_response(body, status=status, headers={"Retry-After": "1"})

        await limit(50)
        ehr.token_answer = fails
        for _ in range(12):  # more than the fifth that a network may lose
            assert await honest(app, ehr_launch()) in (502, 503)
            token_budget.forget()
            cache.delete_many([f"token-budget-{n}-429" for n in range(1000)])
        ehr.token_answer = None
        assert await honest(app, ehr_launch()) == 303

    async def test_does_not_lose_its_place_while_it_waits_for_the_budget(
        self, app: str, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        config = await limit(1)
        await token_budget.take(config, Share.CODE)
        async with coming_from(app, HOSPITAL) as browser:
            callback = await browser.to_callback(ehr_launch())
            assert "token-budget-spent" in await (await browser.get(callback)).text()
            cache.delete(f"token-budget-{config.registration_id}-0")  # the minute is over
            assert (await browser.get(callback)).status == 303


async def test_without_a_budget_the_cache_is_not_asked(
    app: str, ehr_launch: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked(*_: Any) -> None:
        raise AssertionError("the cache was asked")

    monkeypatch.setattr(code_quota, "_take", asked)
    await limit(None)
    assert await honest(app, ehr_launch()) == 303


async def test_those_who_wait_for_a_place_are_bounded(
    app: str, ehr: ScriptedEHR, ehr_launch: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """T30: they take places of launches that wait for the EHR (C15)."""
    monkeypatch.setattr(code_quota, "MAX_WAITING", 2)
    monkeypatch.setattr(code_quota, "PLACE_WAITS_SECONDS", 30)
    await limit(5)
    asked, go_on = threading.Event(), threading.Event()

    async def when_told(_: web.Request) -> web.StreamResponse:
        asked.set()
        await asyncio.to_thread(go_on.wait, 30)
        return web.json_response({"error": "invalid_grant"}, status=400)

    ehr.token_answer = when_told

    async def one() -> int:
        async with coming_from(app, STRANGER) as browser:
            return (await invented(browser, ehr_launch())).status

    at_the_ehr = asyncio.create_task(one())
    await asyncio.to_thread(asked.wait, 20)
    others = [asyncio.create_task(one()) for _ in range(7)]
    try:
        first = itertools.islice(asyncio.as_completed(others, timeout=20), 5)
        assert [await answer for answer in first] == [503] * 5
        await asyncio.sleep(0.5)
        assert sum(task.done() for task in others) == 5  # two wait for the place
    finally:
        go_on.set()
    assert await at_the_ehr == 502
    assert await asyncio.gather(*others) == [503] * 7
