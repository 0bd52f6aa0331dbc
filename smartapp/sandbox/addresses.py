"""Every URL of the sandbox, built from PUBLIC_URL and never from a Host header (S1)."""

from urllib.parse import urlsplit

from django.conf import settings

from smartapp.sandbox import worlds
from smartapp.sandbox.models import Client
from smartapp.sandbox.worlds import World

AUTHORIZATION_SERVER_IDS = {
    World.PRODUCTION: "aussandbox0000000001",
    World.PREVIEW: "aussandbox0000000002",
    World.STRICT: "aussandbox0000000003",
    World.BCP: "aussandbox0000000004",
}
LOOPBACK_NAMES = ("127.0.0.1", "localhost")


def own_path(path: str) -> str:
    """Return a path of the EHR in the current world (S3)."""
    return f"/sandbox/{worlds.PATHS[worlds.current()]}{path}"


def own(path: str) -> str:
    return f"{settings.PUBLIC_URL}{own_path(path)}"


def fhir_base_url() -> str:
    return own("fhir/r4")


def issuer() -> str:
    """Return the OpenID Connect issuer. Its path differs from the endpoints', as at
    athenahealth."""
    return own(f"okta/oauth2/{AUTHORIZATION_SERVER_IDS[worlds.current()]}")


def endpoint(name: str) -> str:
    return own(f"oauth2/v1/{name}")


def assertion_audience(profile: str) -> str:
    """Return the only accepted `aud` of a client assertion (S25).

    athenahealth uses an address of its own that discovery does not name. SMART uses the token
    endpoint URL, and the newest best practice uses the issuer alone.
    """
    if profile == Client.Profile.ATHENA:
        return f"{issuer()}/v1/token"
    return issuer() if profile == Client.Profile.BCP else endpoint("token")


def origin(url: str) -> str:
    """Return the origin of a URL as a CSP source; for an app's own scheme, the scheme."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else f"{parts.scheme}:"


def own_origins() -> list[str]:
    """Return our origin; in development under both loopback names, which are two sites to a
    browser."""
    parts = urlsplit(settings.PUBLIC_URL)
    if parts.hostname not in LOOPBACK_NAMES:
        return [origin(settings.PUBLIC_URL)]
    port = f":{parts.port}" if parts.port else ""
    return [f"{parts.scheme}://{name}{port}" for name in LOOPBACK_NAMES]
