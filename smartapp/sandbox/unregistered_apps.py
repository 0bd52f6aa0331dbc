"""Trying an app on a developer's own machine without a registration.

The user who signs in confirms the redirect URI, which must be a loopback address, and chooses how
strictly the app is checked. Its secret and signature are never checked, because they are unknown.
"""

import ipaddress
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from urllib.parse import urlsplit

from smartapp.sandbox import worlds
from smartapp.sandbox.models import Client, find_client
from smartapp.sandbox.registering import CLIENT_ID, RULES_OF_WORLDS

_stand_in: ContextVar[Client | None] = ContextVar("sandbox_stand_in", default=None)


def is_loopback(url: str) -> bool:
    """Return whether a URL leads to this machine, by http or https."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    if parts.scheme not in {"http", "https"} or parts.fragment or not url.isascii():
        return False
    return parts.hostname == "localhost" or _is_loopback_address(parts.hostname or "")


def _is_loopback_address(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def stand_in(client_id: str, redirect_uri: str) -> Client | None:
    """Return the unsaved client for an app; None if it cannot be tried."""
    if not is_loopback(redirect_uri) or not CLIENT_ID.fullmatch(client_id):
        return None
    known = find_client(client_id)
    if known is None:
        return Client(
            client_id=client_id,
            name=client_id,
            world=worlds.current(),
            kind=Client.Kind.WEB,
            auth_method=Client.AuthMethod.ANY,
            profile=RULES_OF_WORLDS.get(worlds.current(), Client.Profile.LOOSE),
            redirect_uris=[redirect_uri],
        )
    if not known.is_tried or known.world != worlds.current():
        return None
    known.redirect_uris = [*known.redirect_uris, redirect_uri]
    return known


@contextmanager
def standing_in(client: Client | None) -> Iterator[None]:
    """Handle the current request as if this client were saved."""
    token = _stand_in.set(client)
    try:
        yield
    finally:
        _stand_in.reset(token)


def standing() -> Client | None:
    return _stand_in.get()


def confirm(client: Client, redirect_uri: str, *, strict: bool) -> None:
    """Save what the user confirmed. Two worlds have fixed rules."""
    usual = Client.Profile.STRICT if strict else Client.Profile.LOOSE
    Client.objects.update_or_create(
        client_id=client.client_id,
        defaults={
            "name": client.name,
            "world": client.world,
            "kind": client.kind,
            "auth_method": client.auth_method,
            "profile": RULES_OF_WORLDS.get(client.world, usual),
            "redirect_uris": list(dict.fromkeys([*client.redirect_uris, redirect_uri])),
        },
    )


def may_be_strict(client: Client) -> bool:
    """Return whether the rules can be chosen."""
    return client.world not in RULES_OF_WORLDS
