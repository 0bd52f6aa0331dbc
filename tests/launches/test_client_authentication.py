"""Four ways to say who we are, each exactly as its registration says."""

import base64
import json
from urllib.parse import unquote_plus

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone
from joserfc import jwt
from joserfc.jwk import KeySet

from smartapp import vault
from smartapp.database import in_database
from smartapp.exchange import client_authentication
from smartapp.exchange.client_authentication import Credentials
from smartapp.keys import memory
from smartapp.registrations import registry
from smartapp.registrations.models import Endpoint, Registration
from smartapp.registrations.options import AssertionType, AuthMethod
from smartapp.registrations.registry import EndpointConfig
from tests.registrations.factories import changed
from tests.scripted_ehr import CLIENT_ID

TOKEN_ENDPOINT = "https://ehr.example/token"
ALGS = ["RS384", "ES384", "RS256"]


@pytest.fixture
async def config(registered: Endpoint) -> EndpointConfig:
    memory.forget()
    await memory.refresh()
    return await registry.endpoint_for_slug("scripted")


def with_secret(config: EndpointConfig, secret: str, **changes: object) -> EndpointConfig:
    basic = AuthMethod.CLIENT_SECRET_BASIC
    return changed(config, auth_method=basic, client_secret=secret, **changes)


async def credentials(config: EndpointConfig, token_endpoint: str) -> Credentials:
    return (await client_authentication.registered(config)).credentials(token_endpoint)


async def assertion_of(config: EndpointConfig) -> jwt.Token:
    headers, fields = await credentials(config, TOKEN_ENDPOINT)
    assert headers == {}
    assert set(fields) == {"client_assertion", "client_assertion_type"}
    published = memory.published("scripted")
    assert published is not None
    keys = KeySet.import_key_set(json.loads(published.body))
    return jwt.decode(fields["client_assertion"], keys, algorithms=ALGS)


class TestPrivateKeyJWT:
    @pytest.mark.parametrize("alg", ["RS384", "ES384"])
    async def test_is_signed_by_a_published_key(self, config: EndpointConfig, alg: str) -> None:
        """C63, C64."""
        token = await assertion_of(changed(config, alg=alg))
        assert (token.header["alg"], token.header["typ"]) == (alg, "JWT")
        assert token.claims["iss"] == token.claims["sub"] == CLIENT_ID
        assert token.claims["aud"] == TOKEN_ENDPOINT
        assert token.claims["exp"] - token.claims["iat"] <= 300

    async def test_audience_and_type_are_the_registrations(self, config: EndpointConfig) -> None:
        """C65, C68: athenahealth's audience is not its token endpoint."""
        other = changed(
            config,
            assertion_audience="https://aud.example",
            assertion_typ=AssertionType.CLIENT_AUTHENTICATION,
        )
        token = await assertion_of(other)
        assert token.claims["aud"] == "https://aud.example"
        assert token.header["typ"] == "client-authentication+jwt"

    @pytest.mark.parametrize("seconds", [60, 240, 300])
    async def test_lifetime_is_the_registrations(
        self, config: EndpointConfig, seconds: int
    ) -> None:
        """C66: and `iat` is behind our clock, for those whose own is behind."""
        token = await assertion_of(changed(config, assertion_lifetime_seconds=seconds))
        assert token.claims["exp"] - token.claims["iat"] == seconds
        assert token.claims["iat"] < timezone.now().timestamp() - 4
        assert "nbf" not in token.claims

    async def test_lifetime_is_never_more_than_five_minutes(self, config: EndpointConfig) -> None:
        """C66: neither in the form, nor past it."""
        token = await assertion_of(changed(config, assertion_lifetime_seconds=3600))
        assert token.claims["exp"] - token.claims["iat"] == 300

        def refused(seconds: int) -> None:
            registration = Registration.objects.get()
            registration.assertion_lifetime_seconds = seconds
            with pytest.raises(ValidationError, match="assertion_lifetime_seconds"):
                registration.clean_fields()

        for seconds in (0, 59, 301, 3600):
            await in_database(refused, seconds)

    async def test_jku_is_our_own_jwks_url_and_only_where_asked_for(
        self, config: EndpointConfig
    ) -> None:
        """C63."""
        assert "jku" not in (await assertion_of(config)).header
        token = await assertion_of(changed(config, send_jku=True))
        assert token.header["jku"] == config.jwks_url
        assert config.jwks_url.endswith("/.well-known/jwks/scripted.json")

    async def test_no_assertion_is_used_twice(self, config: EndpointConfig) -> None:
        """C67, T7."""
        first, second = await assertion_of(config), await assertion_of(config)
        assert first.claims["jti"] != second.claims["jti"]

    async def test_client_id_is_beside_it_only_where_asked_for(
        self, config: EndpointConfig
    ) -> None:
        """C61."""
        _, without = await credentials(config, TOKEN_ENDPOINT)
        _, beside = await credentials(changed(config, send_client_id=True), TOKEN_ENDPOINT)
        assert "client_id" not in without
        assert beside["client_id"] == CLIENT_ID


class TestBasic:
    @pytest.mark.parametrize("secret", ["plain", "a:b", "100%", "a+b c", "grüße", "\u00a0&="])
    async def test_each_part_is_form_encoded_first(
        self, config: EndpointConfig, secret: str
    ) -> None:
        """C62: what Python's own decoder, and so a server, reads back."""

        headers, fields = await credentials(with_secret(config, secret), TOKEN_ENDPOINT)
        pair = base64.b64decode(headers["Authorization"].removeprefix("Basic ")).decode()
        assert [unquote_plus(part) for part in pair.split(":")] == [CLIENT_ID, secret]
        assert fields == {}

    async def test_is_sent_as_it_is_where_the_vendor_wants_that(
        self, config: EndpointConfig
    ) -> None:
        raw = with_secret(config, "a+b c%", send_secret_as_it_is=True)
        headers, _ = await credentials(raw, TOKEN_ENDPOINT)
        pair = base64.b64decode(headers["Authorization"].removeprefix("Basic ")).decode()
        assert pair == f"{CLIENT_ID}:a+b c%"

    async def test_secret_comes_sealed_out_of_the_database(self, config: EndpointConfig) -> None:
        """C85, T21: and a secret moved to another registration does not open."""

        def seal() -> Registration:
            registration = Registration.objects.get()
            registration.auth_method = AuthMethod.CLIENT_SECRET_BASIC
            context = registration.client_secret_context
            registration.sealed_client_secret = vault.seal(b"CANARY-secret", context)
            registration.save()
            registry.forget()
            return registration

        registration = await in_database(seal)
        assert "CANARY" not in registration.sealed_client_secret
        found = await registry.endpoint_for_slug("scripted")
        assert found.client_secret == "CANARY-secret"
        assert "CANARY" not in repr(found)


@pytest.mark.parametrize("send_client_id", [True, False])
@pytest.mark.parametrize("method", AuthMethod.values)
async def test_exactly_one_method_is_used(
    config: EndpointConfig, method: str, send_client_id: bool
) -> None:
    """C61: whatever else the registration holds, such as a secret of former days."""
    one = changed(config, auth_method=method, client_secret="former", send_client_id=send_client_id)
    headers, fields = await credentials(one, TOKEN_ENDPOINT)
    ways = {
        AuthMethod.PRIVATE_KEY_JWT: "client_assertion" in fields,
        AuthMethod.CLIENT_SECRET_BASIC: "Authorization" in headers,
        AuthMethod.NONE: fields == {"client_id": CLIENT_ID} and not headers,
    }
    assert [way for way, used in ways.items() if used] == [method]
    assert "client_secret" not in fields
    assert "former" not in str(fields)
    assert ("client_id" in fields) == (send_client_id or method == AuthMethod.NONE)


async def test_public_client_sends_its_id_and_nothing_else(config: EndpointConfig) -> None:
    """S13: PKCE is what proves it."""
    public = changed(config, auth_method=AuthMethod.NONE)
    assert await credentials(public, TOKEN_ENDPOINT) == ({}, {"client_id": CLIENT_ID})
