"""Periodic work for a limited time."""

import asyncio

import pytest
from django.db import OperationalError

from smartapp import rounds


async def passes() -> None:
    await asyncio.sleep(0)


async def hangs() -> None:
    await asyncio.sleep(60)


async def fails() -> None:
    raise OperationalError("database or disk is full")


async def test_what_is_not_done_in_time_is_left() -> None:
    assert await rounds.run([], 1) == (0, 0)
    assert await rounds.run([passes(), hangs(), passes()], 0.2) == (2, 1)


async def test_a_failure_is_told_after_the_others_have_ended() -> None:
    """Otherwise nobody would notice that what a round found out could not be stored."""
    done: list[str] = []

    async def slow() -> None:
        await asyncio.sleep(0.1)
        done.append("slow")

    with pytest.raises(OperationalError):
        await rounds.run([fails(), slow(), fails()], 10)
    assert done == ["slow"]
