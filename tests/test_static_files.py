"""Static files next to other requests on one connection."""

from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest
from django.conf import settings

from smartapp import asgi
from tests.serving import free_port, served

pytestmark = pytest.mark.django_db(transaction=True)

HASHED = "/static/tests-only.0123456789ab.css"
PLAIN = "/static/tests-only.txt"


@pytest.fixture
def origin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    root = tmp_path / "static"
    root.mkdir()
    (root / Path(HASHED).name).write_text("body { color: black }")
    (root / Path(PLAIN).name).write_text("plain")
    (root / "staticfiles.json").write_text("{}")
    monkeypatch.setattr(settings, "STATIC_ROOT", root)
    monkeypatch.setattr(asgi, "static_files", asgi._static_files())
    with served(free_port()) as origin:
        yield origin


async def test_a_kept_connection_goes_on_after_a_static_file(origin: str) -> None:
    """Browsers request a page, its style and the next page on one connection."""
    connector = aiohttp.TCPConnector(limit=1)
    async with aiohttp.ClientSession(origin, connector=connector) as session:
        for _ in range(3):
            for path in (HASHED, "/admin/login/", PLAIN, "/healthz"):
                async with session.get(path) as response:
                    assert response.status == 200, path
                    await response.read()


async def test_a_hashed_name_is_kept_for_ever_and_a_plain_one_is_asked_for_again(
    origin: str,
) -> None:
    async with aiohttp.ClientSession(origin) as session:
        async with session.get(HASHED) as response:
            assert await response.text() == "body { color: black }"
            assert "immutable" in response.headers["Cache-Control"]
            assert response.headers["Content-Type"].startswith("text/css")
        async with session.get(PLAIN) as response:
            assert "immutable" not in response.headers["Cache-Control"]
            known = {"If-Modified-Since": response.headers["Last-Modified"]}
        async with session.get(PLAIN, headers=known) as response:
            assert (response.status, await response.read()) == (304, b"")


async def test_what_is_not_there_or_not_a_read_is_refused(origin: str) -> None:
    async with aiohttp.ClientSession(origin) as session:
        for path in (
            "/static/none.css", "/static/", "/static/%2e%2e/manage.py", "/static/staticfiles.json",
        ):  # fmt: skip
            async with session.get(path) as response:
                assert response.status == 404, path
        async with session.post(PLAIN) as response:
            assert response.status == 405
        async with session.head(PLAIN) as response:
            assert (response.status, response.headers["Content-Length"]) == (200, "5")
