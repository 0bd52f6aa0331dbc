"""What an EHR and its issuer publish, asked for now, over the network.

`discovery` keeps the answers and decides what a launch may believe of them.
"""

import json
from typing import Any

from django.conf import settings
from django.utils import timezone

from smartapp import http
from smartapp.database import in_database
from smartapp.protocol import discovery, jwks
from smartapp.protocol.discovery import Discovery, OpenIDConfiguration
from smartapp.protocol.errors import DiscoveryFailed, DiscoveryInvalid, JWKSError, SmartError
from smartapp.protocol.jwks import JWKS
from smartapp.protocol.urls import host_of
from smartapp.registrations import history, presets
from smartapp.registrations.document_cache import Answer
from smartapp.registrations.registry import EndpointConfig


async def fetch_discovery(config: EndpointConfig) -> Answer[Discovery]:
    """Return the EHR's discovery document and keep it in the endpoint's history (C10, C15).

    Raises EHRUnavailable or DiscoveryError.
    """
    asking = presets.metadata_headers(config.preset, config.client_id)
    response = await _get(config.discovery_url, DiscoveryInvalid, asking)
    parsed = parse_discovery(response.body, config)
    await in_database(history.record, config, parsed, now=timezone.now())
    return Answer(parsed, _trusted_seconds(response))


async def fetch_openid_configuration(issuer: str) -> Answer[OpenIDConfiguration]:
    """Return an issuer's OpenID configuration (C91). Raises EHRUnavailable or DiscoveryError."""
    url = discovery.openid_configuration_url(issuer)
    response = await _get(url, DiscoveryInvalid)
    parsed = discovery.parse_openid_configuration(
        response.body, issuer=issuer, allow_http=settings.ALLOW_LOOPBACK_EHRS
    )
    return Answer(parsed, _trusted_seconds(response))


async def fetch_jwks(url: str) -> Answer[JWKS]:
    """Return an issuer's public keys (C92). Raises EHRUnavailable or JWKSError."""
    response = await _get(url, JWKSError)
    return Answer(jwks.parse_jwks(response.body), _trusted_seconds(response))


def parse_discovery(body: bytes, config: EndpointConfig) -> Discovery:
    """Return what the EHR publishes, without the addresses that are overridden (`overrides`)."""
    return discovery.parse_discovery(
        body,
        fhir_base_url=config.fhir_base_url,
        allow_http=settings.ALLOW_LOOPBACK_EHRS,
        ignored=dict(config.overrides),
    )


def parse_again(document: dict[str, Any], config: EndpointConfig) -> Discovery:
    """Return what a stored document says by the rules of today. Raises DiscoveryInvalid."""
    return parse_discovery(json.dumps(document).encode(), config)


async def _get(
    url: str, refusal: type[SmartError], headers: dict[str, str] | None = None
) -> http.Response:
    response = await http.get(url, headers={"Accept": "application/json"} | (headers or {}))
    if response.status != 200:
        may_pass = response.status >= 500 or response.status == 429
        kind = DiscoveryFailed if may_pass and refusal is DiscoveryInvalid else refusal
        raise kind(f"{host_of(url)} answered {response.status}")
    return response


def _trusted_seconds(response: http.Response) -> int:
    ceiling = settings.DISCOVERY_CACHE_SECONDS
    return jwks.max_age(response.headers.get("Cache-Control"), default=ceiling, ceiling=ceiling)
