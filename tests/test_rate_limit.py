"""A flood from one address, and its effect on others (T30)."""

import asyncio
from collections import Counter
from collections.abc import Mapping

import aiohttp
import pytest

from smartapp import rate_limit
from smartapp.rate_limit import AT_ONCE, MAX_ADDRESSES, PER_SECOND, Visits, is_limited
from tests.launches.conftest import app, ehr_launch, new_browser, registered
from tests.scripted_ehr import ScriptedEHR
from tests.secrecy import all_logs

__all__ = ["app", "ehr_launch", "registered"]
HOSPITAL, FLOOD = "198.51.100.7", "203.0.113.9"


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


class TestVisits:
    def test_who_comes_without_an_address_is_not_everybody(self, clock: Clock) -> None:
        """Over a Unix socket, as from a proxy on the same machine."""
        visits = Visits(clock)
        assert all(visits.admits("") for _ in range(AT_ONCE + 1))

    def test_a_shift_that_begins_all_at_once_gets_in(self, clock: Clock) -> None:
        visits = Visits(clock)
        assert all(visits.admits(HOSPITAL) for _ in range(AT_ONCE))
        assert not visits.admits(HOSPITAL)

    def test_a_steady_stream_gets_in_for_ever(self, clock: Clock) -> None:
        visits = Visits(clock)
        for _ in range(3 * AT_ONCE):
            assert visits.admits(HOSPITAL)
            clock.now += 1 / PER_SECOND

    def test_a_flood_gets_in_as_often_as_the_limit_says(self, clock: Clock) -> None:
        visits = Visits(clock)
        admitted = 0
        for _ in range(60 * 1000):
            admitted += visits.admits(FLOOD)
            clock.now += 1 / 1000
        assert admitted == pytest.approx(AT_ONCE + 60 * PER_SECOND, abs=2)

    def test_nobody_else_notices(self, clock: Clock) -> None:
        visits = Visits(clock)
        for _ in range(2 * AT_ONCE):
            visits.admits(FLOOD)
        assert not visits.admits(FLOOD)
        assert visits.admits(HOSPITAL)

    def test_the_addresses_of_one_ipv6_network_are_one(self, clock: Clock) -> None:
        visits = Visits(clock)
        for number in range(AT_ONCE):
            assert visits.admits(f"2001:db8::{number:x}")
        assert not visits.admits("2001:db8::ffff:ffff")
        assert not visits.admits("2001:db8:0:1::1")  # one customer may have a whole /48
        assert visits.admits("2001:db8:1::1")

    def test_an_ipv4_address_is_one_however_it_is_written(self, clock: Clock) -> None:
        visits = Visits(clock)
        for _ in range(AT_ONCE):
            visits.admits(f"::ffff:{FLOOD}")
        assert not visits.admits(FLOOD)

    def test_memory_is_bounded_and_an_active_flood_is_not_forgotten(self, clock: Clock) -> None:
        visits = Visits(clock)
        for number in range(MAX_ADDRESSES):
            visits.admits(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
        clock.now += 1
        for _ in range(AT_ONCE):
            visits.admits(FLOOD)
        for number in range(3 * MAX_ADDRESSES):
            visits.admits(f"11.{number >> 16}.{number >> 8 & 255}.{number & 255}")
            clock.now += 0.0001
            if number % 100 == 0:
                visits.admits(FLOOD)
        assert len(visits._worked_off) <= MAX_ADDRESSES

    @pytest.mark.parametrize("address", ["127.0.0.1", "::1", "::ffff:127.0.0.1"])
    def test_this_machine_itself_is_not_limited(self, clock: Clock, address: str) -> None:
        """A load test, or a proxy that does not name the client, where one limit would hit
        everybody."""
        visits = Visits(clock)
        assert all(visits.admits(address) for _ in range(2 * AT_ONCE))

    def test_what_is_no_address_is_counted_as_it_is(self, clock: Clock) -> None:
        assert Visits(clock).admits("")


@pytest.mark.parametrize(
    ("path", "limited"),
    [
        ("/launch", True),
        ("/connect/sandbox/", True),
        ("/callback/sandbox/", True),
        ("/launches/6a3f/", False),
        ("/healthz", False),
        ("/.well-known/jwks.json", False),
        ("/admin/", False),
        ("/", False),
    ],
)
def test_only_the_way_in_is_limited(path: str, limited: bool) -> None:
    assert is_limited(path) is limited


class TestOtherPages:
    @pytest.fixture(autouse=True)
    def anew(self, monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
        for name, at_once in (("visits", 20), ("pages", 10), ("sign_ins", 3)):
            monkeypatch.setattr(rate_limit, name, Visits(clock, per_second=1, at_once=at_once))

    def test_have_a_limit_of_their_own(self) -> None:
        pages = ("/", "/launches/6a3f/", "/admin/", "/connections/", "/no/such/page")
        admitted = [rate_limit.admits("GET", pages[n % 5], FLOOD) for n in range(12)]
        assert admitted == [True] * 10 + [False] * 2
        assert rate_limit.admits("GET", "/launch", FLOOD)
        assert rate_limit.admits("GET", "/", HOSPITAL)

    @pytest.mark.parametrize(
        "path", ["/admin/login/", "/admin/second-factor/", "/admin/invitation/x/y/"]
    )
    def test_attempts_to_sign_in_too(self, path: str) -> None:
        """Hashing a password takes half a second of CPU time."""
        assert [rate_limit.admits("POST", path, FLOOD) for _ in range(4)] == [True] * 3 + [False]
        assert rate_limit.admits("GET", path, FLOOD)
        assert rate_limit.admits("POST", path, HOSPITAL)


@pytest.fixture
def low(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    """Low limits, and a clock that stands still: what a busy machine needs for a request would
    work off others meanwhile."""
    monkeypatch.setattr(rate_limit, "visits", Visits(clock, per_second=4, at_once=20))


@pytest.mark.usefixtures("low")
class TestOverHTTP:
    """With real sockets: the address is what uvicorn takes from X-Forwarded-For."""

    async def test_flood_is_told_so_and_others_launch(self, app: str, ehr: ScriptedEHR) -> None:
        start = f"{app}/launch?iss={ehr.fhir_base_url}&launch=x"
        async with aiohttp.ClientSession(headers={"X-Forwarded-For": FLOOD}) as http:

            async def visit() -> tuple[int, Mapping[str, str], str]:
                async with http.get(start, allow_redirects=False) as response:
                    return response.status, response.headers, await response.text()

            with all_logs() as keeper:
                answers = await asyncio.gather(*(visit() for _ in range(200)))
            statuses = Counter(status for status, _, _ in answers)
            assert statuses == {302: 20, 429: 180}
            _, headers, page = next(answer for answer in answers if answer[0] == 429)
            assert headers["retry-after"] == "10"
            assert headers["cache-control"] == "no-store"
            assert headers["referrer-policy"] == "no-referrer"
            assert "Too many visits from your network" in page
            assert headers["refresh"] == "10"
            assert "10 seconds</span>" in page
            lines = [line for line in keeper.lines if "too many visits" in line]
            assert len(lines) == 1
            assert FLOOD in lines[0]
            # The same address can still use everything that does not begin a launch.
            for path in ("/healthz", "/.well-known/jwks/scripted.json"):
                async with http.get(app + path) as response:
                    assert response.status == 200
        async with new_browser(app, **{"X-Forwarded-For": HOSPITAL}) as browser:
            await browser.launch(start.removeprefix(app))

    async def test_refused_visits_do_not_fill_the_disk(
        self, app: str, ehr: ScriptedEHR, monkeypatch: pytest.MonkeyPatch, clock: Clock
    ) -> None:
        """Each refusal of a hospital is logged; a flood has one line a minute."""
        monkeypatch.setattr(rate_limit, "visits", Visits(clock))
        lines_of = Visits(clock, per_second=1, at_once=20, log_line=rate_limit.REFUSALS_COUNTED)
        monkeypatch.setattr(rate_limit, "refusal_lines", lines_of)
        unknown = f"{app}/launch?iss=https://nobody.example/fhir&launch=x"

        async def visit(address: str) -> int:
            async with http.get(unknown, headers={"X-Forwarded-For": address}) as answer:
                return answer.status

        async with aiohttp.ClientSession() as http:
            with all_logs() as keeper:
                answers = await asyncio.gather(*(visit(FLOOD) for _ in range(200)))
                assert await visit(HOSPITAL) == answers[0]
        assert set(answers) == {404}
        lines = [line for line in keeper.lines if " at /launch: " in line]
        assert len(lines) == 20 + 1
        [counted] = [line for line in keeper.lines if "are counted" in line]
        assert FLOOD in counted

    async def test_the_callback_is_limited_too_and_a_good_one_works_a_moment_later(
        self, app: str, ehr: ScriptedEHR, clock: Clock
    ) -> None:
        async with new_browser(app, **{"X-Forwarded-For": FLOOD}) as browser:
            start = f"/launch?iss={ehr.fhir_base_url}&launch=x"
            callback = await browser.to_callback(start)
            while (await browser.get("/callback/scripted/?x=1")).status != 429:
                pass
            assert (await browser.get(callback)).status == 429
            clock.now += 0.5
            assert (await browser.get(callback)).status == 303
