"""Answers from memory, and requests that do not reach Django."""

import asyncio
import importlib
from collections.abc import Mapping
from inspect import iscoroutinefunction
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import ManagementUtility
from django.urls import resolve
from django.utils import timezone
from pytest_django import Settings

from smartapp import asgi
from smartapp.database import close_thread_connections, in_database
from smartapp.keys import key_creation, memory
from smartapp.launches import urls as launch_urls
from smartapp.middleware import has_session


async def ask(
    path: str,
    method: str = "GET",
    headers: list[tuple[bytes, bytes]] | None = None,
    query: bytes = b"",
) -> tuple[int, dict[str, str], bytes]:
    """Return status, headers and body of one request to the ASGI callable."""
    sent: list[Mapping[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Mapping[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http", "method": method, "path": path, "raw_path": path.encode(),
        "query_string": query, "headers": headers or [], "server": ("127.0.0.1", 8000),
        "client": ("127.0.0.1", 1), "scheme": "http", "http_version": "1.1", "root_path": "",
    }  # fmt: skip
    await asgi.application(scope, receive, send)
    answer = {name.decode().lower(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], answer, b"".join(part.get("body", b"") for part in sent[1:])


@pytest.fixture
def no_django(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(*_: object) -> None:
        raise AssertionError("Django was asked")

    monkeypatch.setattr(asgi, "django_application", never)


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        ("203.0.113.7", 1),
        ("203.0.113.7, 198.51.100.2", 1),
        ("203.0.113.7, 127.0.0.1", 0),  # taken: uvicorn made it the client's address
        ("", 0),
    ],
)
async def test_a_proxy_that_is_not_trusted_is_told_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, sent: str, told: int
) -> None:
    monkeypatch.setattr(asgi, "_told_of_proxy", False)
    for _ in range(3):
        await ask("/healthz", headers=[(b"x-forwarded-for", sent.encode())])
    lines = [
        one.getMessage() for one in caplog.records if "FORWARDED_ALLOW_IPS" in one.getMessage()
    ]
    assert len(lines) == told
    assert all(line.startswith("X-Forwarded-For came from 127.0.0.1, ") for line in lines)


@pytest.mark.usefixtures("no_django")
class TestFront:
    async def test_healthz_asks_nobody(self) -> None:
        status, headers, body = await ask("/healthz")
        assert (status, body) == (200, b"ok\n")
        assert "set-cookie" not in headers

    async def test_keys_and_healthz_are_answered_while_every_thread_is_busy(
        self, transactional_db: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """T24: neither the loop's threads nor the database's are used."""
        await in_database(key_creation.create_key_set, "default", now=timezone.now())
        await memory.refresh()

        def no_thread(*_: object, **__: object) -> None:
            raise AssertionError("a thread was asked")

        monkeypatch.setattr(asyncio.get_running_loop(), "run_in_executor", no_thread)
        for path in ("/healthz", "/.well-known/jwks.json", "/.well-known/jwks/default.json"):
            assert (await ask(path))[0] == 200
        monkeypatch.undo()
        memory.forget()
        close_thread_connections()

    @pytest.mark.parametrize(
        "path", ["/healthz", "/readyz", "/metrics", "/.well-known/jwks.json", "/static/none.css"]
    )
    async def test_answers_without_django_are_protected_too(
        self, transactional_db: None, settings: Settings, path: str
    ) -> None:
        settings.SECURE_HSTS_SECONDS = 31_536_000
        _, headers, _ = await ask(path)
        assert headers["strict-transport-security"] == "max-age=31536000"
        assert headers["x-content-type-options"] == "nosniff"
        assert "camera=()" in headers["permissions-policy"]
        close_thread_connections()

    async def test_unknown_key_set_is_404_in_json(self, transactional_db: None) -> None:
        status, headers, _ = await ask("/.well-known/jwks/nobody.json")
        assert status == 404
        assert headers["content-type"] == "application/json"


class TestStartUp:
    async def started(self) -> Mapping[str, Any]:
        sent: list[Mapping[str, Any]] = []
        messages = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])

        async def receive() -> dict[str, Any]:
            return next(messages)

        async def send(message: Mapping[str, Any]) -> None:
            sent.append(message)

        await asgi.application({"type": "lifespan"}, receive, send)
        return sent[0]

    async def test_wrong_key_ring_stops_the_start_with_a_sentence(
        self, transactional_db: None, settings: Settings
    ) -> None:
        """A lost ring fails closed."""
        settings.ENCRYPTION_KEYS = "dG9vIHNob3J0"
        message = await self.started()
        assert message["type"] == "lifespan.startup.failed"
        assert "ENCRYPTION_KEYS" in message["message"]


@pytest.mark.usefixtures("no_django")
async def test_static_files_come_from_whitenoise() -> None:
    status, _, body = await ask("/static/no-such-file.css")
    assert status == 404
    assert b"no such file" in body


@pytest.mark.django_db
async def test_query_that_django_does_not_even_read_is_400() -> None:
    """Its handler raises for more than a thousand fields together with a charset."""
    form = [(b"content-type", b"application/x-www-form-urlencoded; charset=utf-16")]
    status, _, _ = await ask("/launch", headers=form, query=b"f=1&" * 1_500)
    assert status == 400


def test_every_view_that_has_no_thread_of_its_own_is_async() -> None:
    """A sync view would wait for the only shared thread."""
    for pattern in launch_urls.urlpatterns:
        assert iscoroutinefunction(pattern.callback), pattern


@pytest.mark.parametrize("world", ["", "preview/", "strict/", "bcp/"])
@pytest.mark.parametrize(
    ("path", "is_api"),
    [
        ("fhir/r4/metadata", True),
        ("fhir/r4/Patient/a", True),
        ("fhir/r4/Patient/_search", True),
        ("fhir/r4/$export", True),
        ("fhir/r4/.well-known/smart-configuration", False),
        ("fhir/r5/metadata", False),
        ("fhir/", False),
        ("oauth2/v1/token", False),
    ],
)
def test_of_the_sandbox_only_the_fhir_api_has_no_thread_of_its_own(
    world: str, path: str, is_api: bool
) -> None:
    """The other views below its address are sync, and one writes to the database."""
    address = f"/sandbox/{world}{path}"
    view = resolve(address).func
    assert (has_session(address), iscoroutinefunction(view)) == (not is_api, is_api)


async def test_the_admin_takes_no_more_at_once_than_the_launches_can_spare(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """T30: each request there has its own thread and connection."""
    go_on = asyncio.Event()

    async def slow(_: Any, __: Any, send: Any) -> None:
        await go_on.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})

    monkeypatch.setattr(asgi, "django_application", slow)
    places = asgi.MAX_ADMIN_REQUESTS
    asked = [asyncio.create_task(ask("/admin/")) for _ in range(places + 3)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    refused = [task.result() for task in asked if task.done()]
    assert [(status, headers["retry-after"]) for status, headers, _ in refused] == [(503, "5")] * 3
    go_on.set()
    assert {status for status, _, _ in await asyncio.gather(*asked[:places])} == {200}
    assert (await ask("/admin/"))[0] == 200


class TestServersThatAreNotASGI:
    """They would serve pages without the keys, and every token request would be refused."""

    @pytest.mark.parametrize("arguments", [[], ["8000"], ["--noreload", "--nostatic"]])
    def test_runserver_says_what_to_run(
        self, arguments: list[str], capsys: pytest.CaptureFixture[str]
    ) -> None:
        with pytest.raises(SystemExit) as ended:
            ManagementUtility(["manage.py", "runserver", *arguments]).execute()
        assert ended.value.code == 1
        assert "python3 manage.py demo" in capsys.readouterr().err

    def test_a_wsgi_server_does_not_start(self) -> None:
        with pytest.raises(ImproperlyConfigured, match=r"python -m smartapp\.serve"):
            importlib.import_module("smartapp.wsgi")
