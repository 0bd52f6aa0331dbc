"""Two simultaneous requests: one of them wins (S14, S16, S27, S31)."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection
from django.test import Client as Browser

from smartapp.sandbox.models import Client
from tests.sandbox.conftest import App

pytestmark = pytest.mark.django_db(transaction=True)

AT_ONCE = 4


def all_at_once(ask: Callable[[Browser], Any]) -> list[int]:
    """Return the statuses of the same request, sent by several threads at once."""

    def status(_: int) -> int:
        try:
            return int(ask(Browser()).status_code)
        finally:
            connection.close()

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return sorted(pool.map(status, range(AT_ONCE)))


@pytest.fixture
def warm(app: App, browser: Browser) -> App:
    """The app with its keys already fetched, so that only the race itself is left to chance."""
    app.refresh(browser, "made-up")
    return app


def test_code_is_exchanged_once(warm: App, browser: Browser) -> None:
    code = warm.allowed(browser)
    statuses = all_at_once(lambda thread: warm.exchange(thread, code))
    assert statuses == [200] + [400] * (AT_ONCE - 1)


def test_rotating_refresh_token_is_used_once(warm: App, browser: Browser) -> None:
    Client.objects.update(quirks="refresh-rotates")
    tokens = warm.exchange(browser, warm.allowed(browser)).json()
    statuses = all_at_once(lambda thread: warm.refresh(thread, tokens["refresh_token"]))
    assert statuses.count(200) == 1


def test_persistent_refresh_token_serves_everybody(warm: App, browser: Browser) -> None:
    tokens = warm.exchange(browser, warm.allowed(browser)).json()
    statuses = all_at_once(lambda thread: warm.refresh(thread, tokens["refresh_token"]))
    assert statuses == [200] * AT_ONCE


def test_assertion_is_accepted_once(warm: App, browser: Browser) -> None:
    assertion = warm.assertion()
    statuses = all_at_once(
        lambda thread: warm.refresh(thread, "made-up", client_assertion=assertion)
    )
    assert statuses == [400] + [401] * (AT_ONCE - 1)
