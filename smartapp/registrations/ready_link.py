"""The public SMART App Launcher, filled in: it keeps all its settings in its own address.

Source: smart-on-fhir/smart-launcher-v2, src/isomorphic/codec.ts and src/hooks/useLauncherQuery.ts,
read in November 2026.
"""

import json
from base64 import urlsafe_b64encode
from urllib.parse import urlencode, urlsplit

from django.conf import settings

from smartapp.http import is_loopback
from smartapp.registrations.options import AuthMethod
from smartapp.registrations.registry import EndpointConfig

EHR_LAUNCH = 0
PKCE_AUTO = 1
_CLIENT_TYPES = (AuthMethod.NONE, AuthMethod.CLIENT_SECRET_BASIC, AuthMethod.PRIVATE_KEY_JWT)


def ready_link(config: EndpointConfig, jwks: bytes) -> str:
    """Return the launcher's page with this registration entered: there, press *Launch*. Where it
    cannot reach our JWKS URL, as on a developer's machine, the public keys themselves are in it;
    never a client secret."""
    signs = config.auth_method == AuthMethod.PRIVATE_KEY_JWT
    is_reachable = not is_loopback(urlsplit(settings.PUBLIC_URL).hostname or "")
    entered = [
        EHR_LAUNCH,
        "",  # patient, provider and encounter are chosen there
        "",
        "AUTO",
        0,
        0,
        0,
        config.scope,
        config.redirect_uri,
        config.client_id,
        "",
        "",
        config.jwks_url if signs and is_reachable else "",
        jwks.decode() if signs and not is_reachable else "",
        _CLIENT_TYPES.index(AuthMethod(config.auth_method)),
        PKCE_AUTO,
        "",
    ]
    code = urlsafe_b64encode(json.dumps(entered).encode()).rstrip(b"=").decode()
    parts = urlsplit(config.fhir_base_url)
    query = urlencode({"launch_url": config.launch_url, "fhir_version": "r4", "launch": code})
    return f"{parts.scheme}://{parts.netloc}/?{query}"
