"""One demo for all journeys of this process, and a browser for each test.

For tests that look inside, the app also runs in this process.
"""

from collections.abc import AsyncIterator, Iterator

import pytest
from django.test import override_settings
from django.utils import timezone
from pytest_django import DjangoDbBlocker

from smartapp.keys import key_creation, material
from smartapp.keys.material import NewKey
from smartapp.keys.models import Algorithm, KeySet
from tests.demo_server import Demo, demo_server
from tests.journeys.inside import forget
from tests.journeys.outside import Browser
from tests.serving import free_port, served


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with demo_server(tmp_path_factory.mktemp("demo")) as running:
        yield running


@pytest.fixture
async def browser(demo: Demo) -> AsyncIterator[Browser]:
    async with Browser(demo.url) as one:
        yield one


@pytest.fixture(scope="module")
def our_keys() -> list[NewKey]:
    """Keys that are made once, because that takes long; each test imports them."""
    return [material.generate(alg) for alg in Algorithm]


@pytest.fixture(scope="module")
def server(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[str]:
    """The app in this process, for all tests of a module, with its address as PUBLIC_URL."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    with django_db_blocker.unblock(), override_settings(PUBLIC_URL=address), served(port):
        yield address


@pytest.fixture
def origin(transactional_db: None, server: str, our_keys: list[NewKey]) -> Iterator[str]:
    """The app with a database that holds only the key set `our-keys`."""
    forget()
    now = timezone.now()
    key_set = KeySet.objects.create(slug="our-keys", created_at=now)
    for key in our_keys:
        key_creation.import_key(key_set, key, now=now, actor="tests", reason="a test")
    yield server
    forget()
