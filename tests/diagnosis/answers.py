"""Answers that no EHR should give, and that gateways, proxies and broken servers do."""

from collections.abc import Awaitable, Callable

from aiohttp import web

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]
PORTAL = "<!DOCTYPE html><html><title>Sign in to the clinic's Wi-Fi</title></html>"


def raw(status: int, body: str = PORTAL, content_type: str = "text/html", **headers: str) -> Answer:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(status=status, text=body, content_type=content_type, headers=headers)

    return answer


def json_text(status: int, body: str) -> Answer:
    return raw(status, body, "application/json")


def in_bytes(status: int, body: str, encoding: str) -> Answer:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(
            status=status, body=body.encode(encoding), content_type="application/json"
        )

    return answer


def cut(beginning: bytes = b'{"access_token": "', status: int = 200) -> Answer:
    """Begin an answer, and close the connection before its end."""

    async def answer(request: web.Request) -> web.StreamResponse:
        headers = {"Content-Type": "application/json", "Content-Length": "5000"}
        response = web.StreamResponse(status=status, headers=headers)
        await response.prepare(request)
        await response.write(beginning)
        assert request.transport is not None
        request.transport.close()
        return response

    return answer


async def hang_up(request: web.Request) -> web.StreamResponse:
    """Close the connection without a word."""
    assert request.transport is not None
    request.transport.close()
    return web.Response()


def redirect(to: str = "https://portal.example/login") -> Answer:
    return raw(302, "", Location=to)
