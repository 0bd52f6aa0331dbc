"""The EHR's own style for a launch's page (SMART App Launch 2.2, "Styling"; C106).

The stylesheet has an address of its own, so the page never waits for the EHR's document and its
content security policy needs no exception. The document is cached under its URL, as SMART says.
"""

import logging
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from smartapp import http
from smartapp.launches.current_launch import find
from smartapp.protocol.errors import SmartError
from smartapp.protocol.style import Style, parse_style, stylesheet
from smartapp.protocol.urls import host_of, parse_endpoint_url
from smartapp.registrations import registry
from smartapp.registrations.document_cache import Answer, Documents
from smartapp.registrations.registry import EndpointConfig

MAX_STYLE_BYTES = 65_536
TIMEOUT_SECONDS = 2.0
KEPT_SECONDS = 3600
KEPT_FAILURE_SECONDS = 60
# Limits memory if an EHR makes a new address for each launch.
MAX_STYLES = 256

logger = logging.getLogger(__name__)

_styles: Documents[str, Style] = Documents()


def forget() -> None:
    """Forget the styles that this process has cached."""
    _styles.forget()


@require_GET
@never_cache
async def style_css(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Return the EHR's style as a stylesheet; an empty one if it has no usable style.

    Raises LaunchNotFound for any other browser, as the page itself does.
    """
    found, _ = await find(request, uuid)
    url = found.tokens.context.smart_style_url if found.tokens else None
    css = ""
    if url is not None:
        css = stylesheet(await _style(await registry.endpoint_for_slug(found.endpoint_slug), url))
    return HttpResponse(css, content_type="text/css; charset=utf-8")


async def _style(config: EndpointConfig, url: str) -> Style:
    """Return the style at that URL; an empty one if it is not on a host of this EHR (T11)."""
    try:
        parse_endpoint_url(url, allow_http=settings.ALLOW_LOOPBACK_EHRS)
    except ValueError:
        return Style()
    if host_of(url) not in config.pinned_hosts | {host_of(config.fhir_base_url)}:
        logger.warning("Style of %s: not on a host of this EHR", config.slug)
        return Style()
    if len(_styles) >= MAX_STYLES:
        _styles.forget()
    return await _styles.get(url, lambda: _fetch(config, url))


async def _fetch(config: EndpointConfig, url: str) -> Answer[Style]:
    """Fetch the document, without any token. A failure is cached for a minute as an empty style."""
    try:
        response = await http.get(
            url,
            headers={"Accept": "application/json"},
            max_bytes=MAX_STYLE_BYTES,
            timeout_seconds=TIMEOUT_SECONDS,
        )
    except SmartError as error:
        logger.warning("Style of %s: %s %s", config.slug, error.code, error.detail)
        return Answer(Style(), KEPT_FAILURE_SECONDS)
    if response.status != 200:
        logger.warning("Style of %s: status %s", config.slug, response.status)
        return Answer(Style(), KEPT_FAILURE_SECONDS)
    return Answer(parse_style(response.body), KEPT_SECONDS)
