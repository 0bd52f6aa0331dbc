"""A browser that goes through a launch."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar

import aiohttp
from yarl import URL

T = TypeVar("T")
REDIRECTS = {302, 303}


@asynccontextmanager
async def browser() -> AsyncIterator[aiohttp.ClientSession]:
    """Open the browser of one user. Its time-out is longer than any app here should need."""
    jar, timeout = aiohttp.CookieJar(unsafe=True), aiohttp.ClientTimeout(total=60)
    async with aiohttp.ClientSession(cookie_jar=jar, timeout=timeout) as http:
        yield http


async def follow(http: aiohttp.ClientSession, url: str, hops: int) -> str:
    """Follow `hops` redirects; return where the last one leads."""
    for _ in range(hops):
        async with http.get(URL(url, encoded=True), allow_redirects=False) as response:
            await response.read()
            assert response.status in REDIRECTS, f"{response.status} at {url.partition('?')[0]}"
            url = str(response.url.join(URL(response.headers["Location"], encoded=True)))
    return url


async def see(http: aiohttp.ClientSession, page: str) -> None:
    """Open a launch's page, which must name the patient."""
    async with http.get(page) as response:
        text = await response.text()
        assert response.status == 200, f"{response.status} at {page}"
        assert "Family-p-1" in text


async def by_turns(
    work: Sequence[Callable[[], Awaitable[T]]], at_once: int
) -> tuple[list[tuple[T, float]], float]:
    """Do all of it, so many at once; return the results, each with its seconds, and the seconds of
    all."""
    places, began = asyncio.Semaphore(at_once), time.perf_counter()

    async def timed(one: Callable[[], Awaitable[T]]) -> tuple[T, float]:
        async with places:
            started = time.perf_counter()
            return await one(), time.perf_counter() - started

    return await asyncio.gather(*map(timed, work)), time.perf_counter() - began
