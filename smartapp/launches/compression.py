"""Compression of pages. A streamed page is compressed piece by piece, and each piece is sent at
once."""

import gzip
import zlib
from collections.abc import AsyncGenerator
from contextlib import aclosing

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.cache import patch_vary_headers

GZIP = 16 + zlib.MAX_WBITS
LEVEL = 5


def takes_gzip(request: HttpRequest) -> bool:
    """Return whether the browser accepts gzip (RFC 9110 §12.5.3); weight 0 means that it does
    not."""
    accepted = request.headers.get("Accept-Encoding", "").lower()
    parts = (one.partition(";") for one in accepted.split(","))
    weights = {name.strip(): weight.replace(" ", "") for name, _, weight in parts}
    return weights.get("gzip", "q=0") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")


def mark(response: HttpResponseBase) -> None:
    """Set the headers: the body is compressed, and it depends on Accept-Encoding."""
    response["Content-Encoding"] = "gzip"
    patch_vary_headers(response, ("Accept-Encoding",))


def gzipped(text: str) -> bytes:
    return gzip.compress(text.encode(), LEVEL, mtime=0)


async def gzipped_pieces(pieces: AsyncGenerator[str, None]) -> AsyncGenerator[bytes, None]:
    """Yield the pieces in one gzip stream, flushed after each piece so that none waits for the
    next."""
    packer = zlib.compressobj(LEVEL, zlib.DEFLATED, GZIP)
    async with aclosing(pieces):
        async for piece in pieces:
            yield packer.compress(piece.encode()) + packer.flush(zlib.Z_SYNC_FLUSH)
    yield packer.flush()
