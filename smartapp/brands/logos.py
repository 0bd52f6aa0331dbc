"""Brands' logos, fetched once through the guarded client and served from our own origin.

A page never loads from another site: otherwise a search for a clinic would tell the clinic's host.
"""

import asyncio
import logging
from datetime import datetime, timedelta
from http import HTTPStatus

from django.db.models import F, Q
from django.http import HttpRequest, HttpResponse, HttpResponseNotFound
from django.views.decorators.http import require_GET

from smartapp import http
from smartapp.brands.models import Brand, BrandLogo
from smartapp.database import in_database
from smartapp.protocol.errors import SmartError

MAX_BYTES = 65_536
ROUND = 16
AGAIN_AFTER = timedelta(days=30)
CACHE_SECONDS = 86_400

_RASTER = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg", b"GIF8": "image/gif"}

logger = logging.getLogger(__name__)


@require_GET
async def logo(_: HttpRequest, brand_id: int) -> HttpResponse:
    """Return a brand's logo, or 404 if there is none. The policy for an SVG lets nothing run and
    nothing load."""
    found = await in_database(_stored, brand_id)
    if found is None:
        return HttpResponseNotFound(content_type="text/plain")
    response = HttpResponse(bytes(found.image), content_type=found.content_type)
    response["Cache-Control"] = f"public, max-age={CACHE_SECONDS}"
    response["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
    return response


def _stored(brand_id: int) -> BrandLogo | None:
    return BrandLogo.objects.filter(
        brand=brand_id, brand__hidden=False, content_type__gt=""
    ).first()


async def fetch_round(now: datetime) -> int:
    """Fetch a few missing or old logos of brands that are offered; return how many were tried."""
    due = await in_database(_due, now)
    await asyncio.gather(*(_fetch(pk, url, now) for pk, url in due))
    return len(due)


def _due(now: datetime) -> list[tuple[int, str]]:
    is_due = Q(logo=None) | ~Q(logo__url=F("logo_url")) | Q(logo__fetched_at__lt=now - AGAIN_AFTER)
    brands = Brand.objects.filter(is_due, offered=True, hidden=False, withdrawn_at=None)
    return list(brands.exclude(logo_url="").values_list("pk", "logo_url")[:ROUND])


async def _fetch(pk: int, url: str, now: datetime) -> None:
    """Fetch one logo. If it is not an image, that is stored, so that it is not fetched again."""
    image, content_type = b"", ""
    try:
        response = await http.get(url, max_bytes=MAX_BYTES)
        if response.status == HTTPStatus.OK:
            content_type = type_of(response.body)
            image = response.body if content_type else b""
    except SmartError as error:
        logger.info("a brand's logo: %s %s", error.code, error.detail)
    await in_database(_keep, pk, url, image, content_type, now)


def _keep(pk: int, url: str, image: bytes, content_type: str, now: datetime) -> None:
    values = {"url": url, "image": image, "content_type": content_type, "fetched_at": now}
    BrandLogo.objects.update_or_create(brand_id=pk, defaults=values)


def type_of(image: bytes) -> str:
    """Return the media type according to the bytes, whatever the server says; "" if they are no
    image."""
    for beginning, content_type in _RASTER.items():
        if image.startswith(beginning):
            return content_type
    if image.startswith(b"RIFF") and image[8:12] == b"WEBP":
        return "image/webp"
    head = image[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    is_svg = head.startswith((b"<svg", b"<?xml", b"<!--")) and b"<svg" in image[:4096].lower()
    return "image/svg+xml" if is_svg else ""
