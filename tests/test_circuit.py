"""An EHR that does not answer affects nothing else, and is used again when it answers."""

import asyncio

import pytest
from aiohttp import web

from smartapp import http
from smartapp.circuit import FAILURES_THAT_OPEN, OPEN_SECONDS, Circuit, circuit
from smartapp.protocol.errors import (
    EHRRedirected,
    EHRResponseTooLarge,
    EHRSuspended,
    EHRTimeout,
    EHRUnreachable,
    SmartError,
)


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def fail(one: Circuit, error: type[SmartError] = EHRTimeout) -> None:
    with pytest.raises(error), one.request():
        raise error


def opened(clock: Clock) -> Circuit:
    one = Circuit(clock)
    for _ in range(FAILURES_THAT_OPEN):
        fail(one)
    return one


class TestCircuit:
    def test_opens_after_a_few_requests_without_an_answer(self) -> None:
        one = opened(Clock())
        with pytest.raises(EHRSuspended), one.request():
            raise AssertionError("the request was let through")

    def test_says_what_the_last_request_met(self) -> None:
        one = opened(Clock())
        one._open_until = 0
        with pytest.raises(EHRUnreachable), one.request():
            raise EHRUnreachable("no network address is known for ehr.example", rule="dns")
        with pytest.raises(EHRSuspended, match=r"6 .* the last one: no network") as caught:
            one.refuse_while_open()
        assert caught.value.rule == "dns"

    @pytest.mark.parametrize("error", [EHRTimeout, EHRUnreachable])
    def test_stays_closed_as_long_as_answers_come_between(self, error: type[SmartError]) -> None:
        one = Circuit(Clock())
        for _ in range(FAILURES_THAT_OPEN * 2):
            fail(one, error)
            with one.request():
                pass

    def test_an_answer_that_is_refused_is_still_an_answer(self) -> None:
        one = Circuit(Clock())
        for _ in range(FAILURES_THAT_OPEN * 2):
            fail(one, EHRRedirected)
        with one.request():
            pass

    @pytest.mark.parametrize("error", [EHRRedirected, EHRResponseTooLarge])
    def test_an_answer_that_is_refused_ends_an_outage(self, error: type[SmartError]) -> None:
        clock = Clock()
        one = opened(clock)
        clock.now += OPEN_SECONDS
        fail(one, error)
        with one.request(), one.request():
            pass

    def test_lets_one_request_through_to_see(self) -> None:
        clock = Clock()
        one = opened(clock)
        clock.now += OPEN_SECONDS
        with one.request(), pytest.raises(EHRSuspended), one.request():
            raise AssertionError("a second request was let through")
        with one.request():
            pass

    def test_stays_open_when_that_one_fails(self) -> None:
        clock = Clock()
        one = opened(clock)
        clock.now += OPEN_SECONDS
        fail(one)
        with pytest.raises(EHRSuspended), one.request():
            raise AssertionError("the request was let through")

    def test_probe_that_is_cancelled_makes_room_for_another(self) -> None:
        clock = Clock()
        one = opened(clock)
        clock.now += OPEN_SECONDS
        with pytest.raises(asyncio.CancelledError), one.request():
            raise asyncio.CancelledError
        with one.request():
            pass


def test_of_many_hosts_those_that_fail_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Administrators may try any number of addresses."""
    remembered: dict[str, Circuit] = {}
    monkeypatch.setattr("smartapp.circuit._circuits", remembered)
    monkeypatch.setattr("smartapp.circuit.REMEMBERED", 3)
    ill = circuit("ill")
    fail(ill)
    for number in range(10):
        circuit(str(number))
    assert len(remembered) == 3
    assert circuit("ill") is ill
    for one in remembered.values():
        fail(one)
    circuit("new")
    assert len(remembered) == 3
    assert circuit("ill") is not ill


async def test_slow_ehr_is_left_alone_while_another_is_asked() -> None:
    asked = []

    async def slow(request: web.Request) -> web.Response:
        asked.append(request.path)
        await asyncio.sleep(5)
        return web.Response()

    async def quick(_: web.Request) -> web.Response:
        return web.Response(text="ok")

    runners = []
    origins = []
    for handler in (slow, quick):
        app = web.Application()
        app.router.add_get("/", handler)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        assert isinstance(site._server, asyncio.Server)
        origins.append(f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}")
        runners.append(runner)
    for _ in range(FAILURES_THAT_OPEN):
        with pytest.raises(EHRTimeout):
            await http.get(origins[0] + "/", timeout_seconds=0.1)
    with pytest.raises(EHRSuspended):
        await http.get(origins[0] + "/", timeout_seconds=5)
    assert len(asked) == FAILURES_THAT_OPEN
    assert (await http.get(origins[1] + "/")).body == b"ok"
    assert circuit(origins[1]) is not circuit(origins[0])
    await http.close()
    for runner in runners:
        await runner.cleanup()


async def test_slow_reads_keep_nobody_from_signing_in_at_the_same_host() -> None:
    """C69: a code that meets an open circuit is lost, and five slow searches of one long chart are
    enough to open one."""

    async def slow(_: web.Request) -> web.Response:
        await asyncio.sleep(5)
        return web.Response()

    async def token(_: web.Request) -> web.Response:
        return web.Response(text="ok")

    app = web.Application()
    app.router.add_get("/Observation", slow)
    app.router.add_post("/token", token)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    assert isinstance(site._server, asyncio.Server)
    origin = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"
    for _ in range(FAILURES_THAT_OPEN):
        with pytest.raises(EHRTimeout):
            await http.get(f"{origin}/Observation", timeout_seconds=0.1)
    assert (await http.post_form(f"{origin}/token", {})).body == b"ok"
    await http.close()
    await runner.cleanup()
