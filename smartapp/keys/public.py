"""The public JWKS over HTTP, answered in the ASGI app before Django.

The answer is bytes from memory, without cookie, session, redirect, middleware or query (T24). A
shared cache may keep it for five minutes: short enough that an emergency removal takes effect soon,
for the price of a few fetches. Each fetch is noted, also in memory.
"""

import json
import re

from django.conf import settings
from django.db import Error as DatabaseError
from django.utils import timezone

from smartapp.keys import fetches, memory, waits
from smartapp.keys.fetches import Visitor

MAX_AGE_OF_MISS_SECONDS = 10  # a key set may be created any moment
DEFAULT_PATH = "/.well-known/jwks.json"
PATH = re.compile(r"/\.well-known/jwks/(?P<slug>[-a-zA-Z0-9_]{1,63})\.json", re.ASCII)

Headers = list[tuple[bytes, bytes]]
Response = tuple[int, Headers, bytes]

# Public keys are readable by scripts of any origin, and must not be rendered as a page.
_ALWAYS: Headers = [
    (b"access-control-allow-origin", b"*"),
    (b"x-content-type-options", b"nosniff"),
]


def jwks_url(key_set: str) -> str:
    """Return the URL of a key set's JWKS, as EHRs are given it."""
    return f"{settings.PUBLIC_URL}/.well-known/jwks/{key_set}.json"


async def jwks_response(
    method: str, path: str, if_none_match: str | None, visitor: Visitor
) -> Response:
    """Return status, headers and body for a request to one of the JWKS URLs."""
    if method not in {"GET", "HEAD"}:
        return _message(405, "method_not_allowed", [(b"allow", b"GET, HEAD")])
    try:
        found = await _published(path)
    except DatabaseError:
        # Not in memory, and the database is unavailable. A 404 might be wrong, and caches would
        # keep it.
        headers = [(b"retry-after", b"5"), (b"cache-control", b"no-store")]
        return _message(503, "temporarily_unavailable", headers)
    if found is None:
        caching = f"public, max-age={MAX_AGE_OF_MISS_SECONDS}".encode()
        status, headers, body = _message(404, "unknown_key_set", [(b"cache-control", caching)])
    else:
        status, headers, body = _document(found, if_none_match)
        # `If-None-Match: *` gets a 304 whatever the client holds, so it is no evidence of a fetch.
        if method == "GET" and (if_none_match or "").strip() != "*":
            fetches.note(found.slug, found.etag, found.kids, visitor=visitor, now=timezone.now())
    return status, headers, b"" if method == "HEAD" else body


async def _published(path: str) -> memory.Published | None:
    """Return the JWKS of a path. On a miss the database is asked first."""
    match = PATH.fullmatch(path)
    if match is None and path != DEFAULT_PATH:
        return None
    slug = match["slug"] if match else ""
    found = memory.published(slug)
    if found is None:
        await memory.refresh_after_miss()
        found = memory.published(slug)
    return found


def _document(found: memory.Published, if_none_match: str | None) -> Response:
    headers = [
        (b"etag", found.etag.encode()),
        (b"cache-control", f"public, max-age={waits.MAX_AGE.seconds}".encode()),
        *_ALWAYS,
    ]
    if _matches(found.etag, if_none_match):
        return 304, headers, b""
    return 200, [*_content(found.body), *headers], found.body


def _matches(etag: str, if_none_match: str | None) -> bool:
    """Compare an ETag with If-None-Match: a list of tags, compared weakly, or `*` (RFC 9110
    §13.1.2)."""
    tags = [tag.strip().removeprefix("W/") for tag in (if_none_match or "").split(",")]
    return etag in tags or tags == ["*"]


def _message(status: int, error: str, headers: Headers) -> Response:
    body = json.dumps({"error": error}).encode()
    return status, [*_content(body), *headers, *_ALWAYS], body


def _content(body: bytes) -> Headers:
    return [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
    ]
