"""`/readyz`: anybody may ask, so asking must cost nobody anything (T30)."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from smartapp.launches import readiness
from tests.launches.conftest import Browser

Start = Callable[[], str]


@pytest.fixture(autouse=True)
def look_anew(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(readiness, "_look", None)
    yield
    readiness._look = None


async def test_one_look_serves_all_who_ask(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[str] = []

    def slow() -> bool:
        looks.append("look")
        time.sleep(0.2)
        return True

    monkeypatch.setattr(readiness, "CHECKS", {"cache": slow})
    answers = await asyncio.gather(*(browser.get("/readyz") for _ in range(20)))
    assert {answer.status for answer in answers} == {200}
    assert len(looks) == 1


async def test_what_never_answers_delays_no_launch(
    browser: Browser, ehr_launch: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cache that accepts and says nothing, say."""
    go_on = threading.Event()
    monkeypatch.setattr(readiness, "CHECKS", {"cache": lambda: go_on.wait(20)})
    monkeypatch.setattr(readiness, "WAIT_SECONDS", 2)
    asking = [asyncio.create_task(browser.get("/readyz")) for _ in range(8)]
    try:
        began = time.monotonic()
        uuid = await browser.launch(ehr_launch())
        assert (await browser.get(f"/launches/{uuid}/")).status == 200
        assert not any(task.done() for task in asking)
        assert time.monotonic() - began < 2
        answers = await asyncio.gather(*asking)
        assert {answer.status for answer in answers} == {503}
        assert "cache" in await answers[0].text()
    finally:
        go_on.set()


async def test_the_next_look_is_a_second_later(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readiness, "GOOD_FOR_SECONDS", 0.1)
    monkeypatch.setattr(readiness, "CHECKS", {"cache": lambda: False})
    assert (await browser.get("/readyz")).status == 503
    monkeypatch.setattr(readiness, "CHECKS", {"cache": lambda: True})
    await asyncio.sleep(0.2)
    assert (await browser.get("/readyz")).status == 200


async def test_not_ready_is_a_warning_and_no_error(
    browser: Browser, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A start is no error: whoever probes meanwhile finds 503, and the log says what is missing."""
    monkeypatch.setattr(readiness, "CHECKS", {"signing key": lambda: False})
    assert (await browser.get("/readyz")).status == 503
    lines = [(record.levelname, record.getMessage()) for record in caplog.records]
    assert ("WARNING", "not ready: signing key") in lines
    assert "ERROR" not in {level for level, _ in lines}
