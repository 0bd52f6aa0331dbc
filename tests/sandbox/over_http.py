"""Django's test client, except that the request goes over a real socket.

So every sandbox test meets the running server, with its middleware, its threads and its own view of
the database, and no test has to be written differently.
"""

from http.client import HTTPConnection, HTTPResponse
from typing import Any
from urllib.parse import quote, urlsplit

from django.http import HttpResponse
from django.test import Client

TIMEOUT_SECONDS = 30


class BrowserOverHTTP(Client):
    def __init__(self, origin: str) -> None:
        super().__init__()
        self.address = urlsplit(origin).netloc

    def request(self, **request: Any) -> HttpResponse:  # type: ignore[override]
        environ = self._base_environ(**request)  # type: ignore[attr-defined]
        connection = HTTPConnection(self.address, timeout=TIMEOUT_SECONDS)
        try:
            body = environ["wsgi.input"].read()
            connection.request(environ["REQUEST_METHOD"], _target(environ), body, _headers(environ))
            return self._answer(connection.getresponse())
        finally:
            connection.close()

    def _answer(self, answer: HTTPResponse) -> HttpResponse:
        response = HttpResponse(answer.read(), status=answer.status)
        del response["Content-Type"]
        for name, value in answer.getheaders():
            if name.lower() == "set-cookie":
                response.cookies.load(value)
            else:
                response[name] = value
        self.cookies.update(response.cookies)
        for name in [name for name, morsel in self.cookies.items() if morsel["max-age"] == "0"]:
            del self.cookies[name]
        response.json = lambda: self._parse_json(response)  # type: ignore[attr-defined]
        return response


def _target(environ: dict[str, Any]) -> str:
    path = quote(environ["PATH_INFO"].encode("latin-1"), safe="/:@!$&'()*+,;=~")
    return f"{path}?{environ['QUERY_STRING']}" if environ.get("QUERY_STRING") else path


def _headers(environ: dict[str, Any]) -> dict[str, str]:
    headers = {
        name.removeprefix("HTTP_").replace("_", "-").title(): str(value)
        for name, value in environ.items()
        if name.startswith("HTTP_") and value
    }
    if environ.get("CONTENT_TYPE"):
        headers["Content-Type"] = environ["CONTENT_TYPE"]
    return headers
