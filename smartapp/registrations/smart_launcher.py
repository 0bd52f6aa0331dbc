"""The public SMART App Launcher, which keeps all its settings in its addresses.

An EHR launch has them in `launch`. A standalone launch has them as a code in the FHIR base URL,
`…/sim/<code>/fhir`: each combination of settings is another base URL of the same server. So the
registration with its plain base URL serves every code, and the code only changes where people are
sent.

Source: smart-on-fhir/smart-launcher-v2, src/isomorphic/codec.ts, src/hooks/useLauncherQuery.ts,
backend/routes/auth and backend/routes/fhir/.well-known, read in November 2026.
"""

import json
import re
from base64 import urlsafe_b64encode
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

from django.conf import settings

from smartapp.http import is_loopback
from smartapp.protocol.urls import without_trailing_slash
from smartapp.registrations.options import AuthMethod

if TYPE_CHECKING:
    from smartapp.registrations.registry import EndpointConfig

EHR_LAUNCH, PATIENT_STANDALONE = 0, 3
PKCE_AUTO = 1
_CLIENT_TYPES = (AuthMethod.NONE, AuthMethod.CLIENT_SECRET_BASIC, AuthMethod.PRIVATE_KEY_JWT)
_CODE = re.compile(r"/sim/[A-Za-z0-9_-]+={0,2}(?=/fhir/?$)")


def plain_base(fhir_base_url: str) -> str:
    """Return the base URL without a settings code."""
    return _CODE.sub("", fhir_base_url)


def with_code(address: str, fhir_base_url: str, aud: str) -> str:
    """Return the launcher's `address`, published at its plain base URL, with the settings code of
    `aud`; unchanged if `aud` has none."""
    code = _CODE.search(aud)
    root = urlsplit(without_trailing_slash(fhir_base_url)).path.removesuffix("/fhir")
    parts = urlsplit(address)
    if code is None or _CODE.search(fhir_base_url) or not parts.path.startswith(f"{root}/"):
        return address
    return parts._replace(path=f"{root}{code[0]}{parts.path.removeprefix(root)}").geturl()


def patients_base(config: "EndpointConfig") -> str:
    """Return the base URL where a patient connects: at the plain one a standalone launch gets
    "Invalid launch options"."""
    base = without_trailing_slash(config.fhir_base_url)
    if _CODE.search(base) or not base.endswith("/fhir"):
        return config.fhir_base_url
    code = _code(config, PATIENT_STANDALONE, config.standalone_scope, "")
    return f"{base.removesuffix('/fhir')}/sim/{code}/fhir"


def ready_link(config: "EndpointConfig", jwks: bytes) -> str:
    """Return the address of the launcher's page with this registration filled in; the user presses
    *Launch* there. If the launcher cannot reach our JWKS URL, as on a developer's machine, the
    address contains the public keys; never a client secret."""
    code = _code(config, EHR_LAUNCH, config.scope, jwks.decode())
    parts = urlsplit(config.fhir_base_url)
    query = urlencode({"launch_url": config.launch_url, "fhir_version": "r4", "launch": code})
    return f"{parts.scheme}://{parts.netloc}/?{query}"


def _code(config: "EndpointConfig", launch_type: int, scope: str, jwks: str) -> str:
    """Return the settings in the launcher's format. `jwks` replaces our JWKS URL if the launcher
    cannot reach it; without either it checks no signature."""
    signs = config.auth_method == AuthMethod.PRIVATE_KEY_JWT
    is_reachable = not is_loopback(urlsplit(settings.PUBLIC_URL).hostname or "")
    entered = [
        launch_type,
        "",  # patient, provider and encounter are chosen at the launcher
        "",
        "AUTO",
        0,
        0,
        0,
        scope,
        config.redirect_uri,
        config.client_id,
        "",
        "",
        config.jwks_url if signs and is_reachable else "",
        jwks if signs and not is_reachable else "",
        _CLIENT_TYPES.index(AuthMethod(config.auth_method)),
        PKCE_AUTO,
        "",
    ]
    return urlsafe_b64encode(json.dumps(entered).encode()).rstrip(b"=").decode()
