"""How the app authenticates to an authorization server: a value that signs a request."""

import base64
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol
from urllib.parse import quote_plus

from django.utils import timezone

from smartapp.keys import fetches, memory
from smartapp.keys.memory import Signer
from smartapp.protocol import client_assertion
from smartapp.registrations.options import AuthMethod
from smartapp.registrations.registry import EndpointConfig


class Credentials(NamedTuple):
    """What authentication adds to a request's own headers and form fields."""

    headers: Mapping[str, str]
    fields: Mapping[str, str]


class ClientAuthentication(Protocol):
    """The client authentication method of a request. Each request uses exactly one (C61)."""

    def credentials(self, token_endpoint: str) -> Credentials:
        """Return the credentials for one request. They are not valid for a second one (C67)."""

    def previous(self) -> "PrivateKeyJWT | None":
        """Return the authentication for a second attempt if the EHR does not know this client."""

    def in_its_hands(self) -> AbstractContextManager[None]:
        """Mark the time in which the EHR handles the request: the time in which the block runs."""


@dataclass(frozen=True, slots=True)
class _WithoutKey:
    config: EndpointConfig = field(repr=False)

    def previous(self) -> "PrivateKeyJWT | None":
        return None

    def in_its_hands(self) -> AbstractContextManager[None]:
        return nullcontext()


@dataclass(frozen=True, slots=True)
class Public(_WithoutKey):
    """A client without a secret sends its client_id (RFC 6749 §3.2.1). PKCE protects the code."""

    def credentials(self, _: str) -> Credentials:
        return Credentials({}, {"client_id": self.config.client_id})


@dataclass(frozen=True, slots=True)
class ClientSecretBasic(_WithoutKey):
    """Form-url-encode client_id and secret before joining them (RFC 6749 §2.3.1, C62)."""

    def credentials(self, _: str) -> Credentials:
        encoded = str if self.config.send_secret_as_it_is else quote_plus
        pair = f"{encoded(self.config.client_id)}:{encoded(self.config.client_secret)}"
        header = f"Basic {base64.b64encode(pair.encode()).decode()}"
        return Credentials({"Authorization": header}, _beside(self.config))


@dataclass(frozen=True, slots=True)
class PrivateKeyJWT:
    """An assertion signed with our key (RFC 7523; SMART, "Client Authentication: Asymmetric")."""

    config: EndpointConfig = field(repr=False)
    signer: Signer

    def credentials(self, token_endpoint: str) -> Credentials:
        config = self.config
        assertion = client_assertion.sign_client_assertion(
            client_id=config.client_id,
            audience=config.assertion_audience or token_endpoint,
            private_key=self.signer.private_key,
            alg=self.signer.alg,
            kid=self.signer.kid,
            now=timezone.now(),
            typ=config.assertion_typ or "JWT",
            lifetime_seconds=config.assertion_lifetime_seconds,
            jku=config.jwks_url if config.send_jku else "",
        )
        fields = client_assertion.client_assertion_fields(assertion)
        return Credentials({}, _beside(config) | fields)

    def previous(self) -> "PrivateKeyJWT | None":
        """Return authentication with the key that signed before this one, or None.

        This needs no time limit of its own. A new key only starts to sign when every EHR that
        follows a known cache limit has it in its copy of our JWKS. The old key stays published for
        one more hour, or for one hour after an EHR last accepted it instead of the new one
        (`stale_copies`). A later refusal has another cause. At most one old private key is kept for
        this, and none after an emergency.
        """
        before = memory.previous_signer(self.config.key_set_slug, self.config.alg)
        if before is None or before.kid == self.signer.kid:
            return None
        return PrivateKeyJWT(self.config, before)

    def in_its_hands(self) -> AbstractContextManager[None]:
        """Record that this EHR is being asked: a fetch of our JWKS in this time is probably its
        own."""
        return fetches.asking(self.config.key_set_slug, self.config.registration_slug)


@dataclass(frozen=True, slots=True)
class ThisKeyOnly(PrivateKeyJWT):
    """Signs with one key only, without a second attempt. This tests whether an EHR knows a key that
    does not sign yet: success with another key would prove nothing."""

    def previous(self) -> None:
        return None


_UNSIGNED: Mapping[str, Callable[[EndpointConfig], ClientAuthentication]] = {
    AuthMethod.NONE: Public,
    AuthMethod.CLIENT_SECRET_BASIC: ClientSecretBasic,
}


async def registered(config: EndpointConfig) -> ClientAuthentication:
    """Return how this registration authenticates now. Raises ClientKeyError if it signs its
    requests and has no key."""
    if unsigned := _UNSIGNED.get(config.auth_method):
        return unsigned(config)
    return PrivateKeyJWT(config, await memory.signer(config.key_set_slug, config.alg))


def _beside(config: EndpointConfig) -> dict[str, str]:
    """Return client_id as a form field only if the registration says so (C61)."""
    return {"client_id": config.client_id} if config.send_client_id else {}
