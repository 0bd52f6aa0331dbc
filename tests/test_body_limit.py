"""T30: endless requests cannot fill disk or memory."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator

import aiohttp
import pytest

from smartapp import body_limit
from smartapp.database import close_thread_connections
from tests.serving import free_port, served

KILOBYTE = b"x" * 1024


@pytest.fixture
def app(transactional_db: None) -> Iterator[str]:
    with served(free_port()) as origin:
        yield origin
    close_thread_connections()


async def pieces(number: int, *, pause: float = 0.0) -> AsyncIterator[bytes]:
    for _ in range(number):
        yield KILOBYTE
        await asyncio.sleep(pause)


async def post(url: str, data: bytes | AsyncIterator[bytes]) -> tuple[int, str]:
    async with aiohttp.ClientSession() as client, client.post(url, data=data) as response:
        return response.status, await response.text()


async def assert_cut(url: str, data: AsyncIterator[bytes]) -> None:
    """Assert that the answer comes while there is more to send; or that the connection ends, which
    a client that continues to send may see instead."""
    sent = 0

    async def counted() -> AsyncIterator[bytes]:
        nonlocal sent
        async for piece in data:
            sent += 1
            yield piece
            await asyncio.sleep(0.001)

    with contextlib.suppress(aiohttp.ClientError):
        assert (await post(url, counted()))[0] == 413
    assert sent < 9_000


@pytest.mark.parametrize("path", ["/launch", "/callback/x/", "/", "/no-such-page"])
async def test_a_long_one_is_refused_in_words(app: str, path: str) -> None:
    """Also if all of it is sent before the client reads the answer."""
    status, text = await post(app + path, pieces(body_limit.MAX_BYTES // 1024 + 500))
    assert status == 413
    assert "longer than this app takes" in text


async def test_one_that_never_ends_is_cut(app: str) -> None:
    """Its length is not declared, so the received bytes are counted."""
    await assert_cut(f"{app}/launch", pieces(10_000))


async def test_one_that_comes_too_slowly_is_cut(app: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body_limit, "MAX_SECONDS", 0.5)
    status, text = await post(f"{app}/launch", pieces(20, pause=0.2))
    assert status == 408
    assert "did not arrive in time" in text


async def test_one_that_fits_reaches_its_view(app: str) -> None:
    assert (await post(f"{app}/launch", b"x" * body_limit.MAX_BYTES))[0] not in (408, 413)
    assert (await post(f"{app}/launch", pieces(3)))[0] not in (408, 413)


async def test_the_admin_takes_longer_ones(app: str) -> None:
    """The import of keys; and the sandbox's response to a megabyte that it cannot parse."""
    assert (await post(f"{app}/sandbox/oauth2/v1/token", pieces(1_000)))[0] == 400
    assert (await post(f"{app}/admin/login/", pieces(1_000)))[0] == 403
    assert (await post(f"{app}/admin/login/", pieces(3_000)))[0] == 413


async def test_an_answer_may_take_longer_than_a_body(
    app: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limit ends when the body is complete: an EHR may be slow to answer."""
    monkeypatch.setattr(body_limit, "MAX_SECONDS", 0.0001)
    status, _ = await post(f"{app}/launch", b"")
    assert status not in (408, 413)
