"""The short way to the views of a launch gives the same responses as Django's own handler."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from django.core.handlers.asgi import ASGIHandler
from django.http import HttpRequest, HttpResponse
from pytest_django import Settings

from smartapp import asgi, short_way

HEADERS = [(b"host", b"127.0.0.1:8000"), (b"sec-fetch-dest", b"document")]
Sent = list[Mapping[str, Any]]


def scope(path: str, query: str = "", method: str = "GET", **more: Any) -> dict[str, Any]:
    return {
        "type": "http", "method": method, "path": path, "raw_path": path.encode(),
        "query_string": query.encode(), "headers": HEADERS, "server": ("127.0.0.1", 8000),
        "client": ("127.0.0.1", 1), "scheme": "http", "http_version": "1.1", "root_path": "",
        **more,
    }  # fmt: skip


async def sent_by(app: Any, asked: dict[str, Any], leave: asyncio.Event | None = None) -> Sent:
    """Return what is sent for a request whose client disconnects at `left`."""
    sent: Sent = []
    messages = iter([{"type": "http.request", "body": b"", "more_body": False}])

    async def receive() -> dict[str, Any]:
        if (message := next(messages, None)) is not None:
            return message
        await (leave or asyncio.Event()).wait()
        return {"type": "http.disconnect"}

    async def send(message: Mapping[str, Any]) -> None:
        sent.append(message)

    await app(asked, receive, send)
    return sent


def comparable(sent: Sent) -> tuple[int, list[tuple[bytes, bytes]]]:
    """Return status and headers without reference numbers and lengths, which always differ."""
    headers = [(name.lower(), value) for name, value in sent[0]["headers"]]
    return sent[0]["status"], sorted(one for one in headers if one[0] != b"content-length")


@pytest.mark.django_db(transaction=True)
class TestSameAnswers:
    @pytest.mark.parametrize(
        "asked",
        [
            scope("/launch"),
            scope("/launch", "iss=https://nobody.example&launch=x"),
            scope("/launch", "iss=a&iss=b"),
            scope("/connect/nobody/"),
            scope("/connect/nobody"),
            scope("/callback/nobody/", "code=c&state=s"),
            scope("/callback/no/body/"),
            scope("/callback/nobody/", headers=[(b"host", b"evil.example")]),
            scope("/callback/nobody/", scheme="https"),
            scope("/launch", headers=[*HEADERS, (b"cookie", b"csrftoken=" + b"x" * 32)]),
            scope("/launch", headers=[*HEADERS, (b"sec-fetch-dest", b"iframe")]),
        ],
        ids=lambda asked: f"{asked['path']}?{asked['query_string'].decode()[:20]}",
    )
    @pytest.mark.parametrize("https", [False, True])
    async def test_status_and_every_header(
        self, asked: dict[str, Any], settings: Settings, https: bool
    ) -> None:
        """C150, T15: the headers that protect a page are the same on both ways."""
        settings.SECURE_SSL_REDIRECT = https
        settings.SECURE_HSTS_SECONDS = 100 if https else 0
        handler = asgi.Handler()
        assert short_way.is_for(asked)
        short = comparable(await sent_by(handler, asked))
        long = comparable(await sent_by(super(asgi.Handler, handler).__call__, asked))
        assert short == long

    @pytest.mark.parametrize(
        "asked",
        [
            scope("/launch", method="POST"),
            scope("/launch", method="HEAD"),
            scope("/launches/0/"),
            scope("/admin/"),
            scope("/"),
        ],
        ids=lambda asked: f"{asked['method']} {asked['path']}",
    )
    def test_everything_else_goes_djangos_own_way(self, asked: dict[str, Any]) -> None:
        assert not short_way.is_for(asked)


class TestVisitorWhoLeaves:
    @pytest.fixture
    def view_that_waits(self, monkeypatch: pytest.MonkeyPatch) -> tuple[asyncio.Event, list[str]]:
        begun, seen = asyncio.Event(), list[str]()

        async def waiting(_: object, request: HttpRequest, __: object) -> HttpResponse:
            begun.set()
            try:
                await asyncio.sleep(10)
            except asyncio.CancelledError:
                seen.append(request.path)
                raise
            return HttpResponse()

        monkeypatch.setattr(short_way.ShortWay, "_answered", waiting)
        return begun, seen

    async def test_ends_the_view_and_is_sent_nothing(
        self, view_that_waits: tuple[asyncio.Event, list[str]]
    ) -> None:
        begun, seen = view_that_waits
        leave = asyncio.Event()
        asking = asyncio.create_task(sent_by(asgi.Handler(), scope("/launch"), leave))
        await begun.wait()
        leave.set()
        assert await asking == []
        assert seen == ["/launch"]

    async def test_server_that_ends_is_no_visitor_who_leaves(
        self, view_that_waits: tuple[asyncio.Event, list[str]]
    ) -> None:
        asking = asyncio.create_task(sent_by(asgi.Handler(), scope("/launch")))
        await view_that_waits[0].wait()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking


async def test_what_is_unexpected_is_the_page_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object) -> HttpResponse:
        raise ZeroDivisionError

    monkeypatch.setattr(short_way.ShortWay, "_answered", broken)
    start, body = await sent_by(asgi.Handler(), scope("/launch"))
    assert start["status"] == 500
    assert b"own fault" in body["body"]
    assert isinstance(asgi.django_application, ASGIHandler)
