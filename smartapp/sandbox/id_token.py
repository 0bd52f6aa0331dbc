"""The id_token, shaped like athenahealth's sample (S35)."""

from dataclasses import dataclass
from typing import Any, cast

from authlib.oidc.core import UserInfo
from authlib.oidc.core.grants import OpenIDCode
from authlib.oidc.core.util import create_half_hash
from django.utils import timezone
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from smartapp.sandbox import addresses, id_token_faults, signing_keys
from smartapp.sandbox.models import Authorization, Client, new_secret
from smartapp.sandbox.oauth_request import SandboxRequest
from smartapp.sandbox.people import Person
from smartapp.sandbox.refusals import invalid_request

LIFETIME_SECONDS = 3600
IDENTITY_PROVIDER = "00osandbox00000000001"


class IDToken(OpenIDCode):
    """Adds an id_token to responses whose scope has openid.

    In the code flow a nonce is optional (OpenID Connect Core §3.1.2.1); only the profile `bcp`
    requires one (S12).
    """

    def validate_openid_authorization_request(self, grant: object, redirect_uri: object) -> None:  # noqa: ARG002
        request: SandboxRequest = grant.request  # type: ignore[attr-defined]
        client = cast(Client, request.client)
        if client.profile == Client.Profile.BCP and "nonce" not in request.form:
            raise invalid_request("S12", "nonce is missing; here openid needs one.")

    def generate_user_info(self, user: Person, scope: str) -> UserInfo:
        claims = {"sub": user.subject}
        if "fhirUser" in scope.split():
            claims["fhirUser"] = user.fhir_user
        if "profile" in scope.split():
            claims["name"] = user.name
        return UserInfo(claims)

    def encode_id_token(self, token: dict[str, str], request: SandboxRequest) -> str:  # type: ignore[override]
        now = int(timezone.now().timestamp())
        client, consent = cast(Client, request.client), cast(Authorization, request.consent)
        claims = {
            "ver": 1,
            "iss": addresses.issuer(),
            "aud": client.client_id,
            "iat": now,
            "exp": now + LIFETIME_SECONDS,
            "jti": f"ID.{new_secret()}",
            "amr": ["pwd"],
            "idp": IDENTITY_PROVIDER,
            "at_hash": _half_hash(token["access_token"]),
            "auth_time": int(consent.signed_in_at.timestamp()),
            **self.generate_user_info(cast(Person, request.user), token["scope"]),
        }
        if request.authorization_code and request.authorization_code.nonce:
            claims["nonce"] = request.authorization_code.nonce
        chosen = request.faults
        is_refreshed = request.refresh_token is not None
        return id_token_faults.sign(
            chosen, id_token_faults.claims(chosen, claims, is_refreshed=is_refreshed)
        )


def _half_hash(access_token: str) -> str:
    """Return the at_hash, which binds the access token to the id_token (OIDC Core §3.1.3.6)."""
    return cast(bytes, create_half_hash(access_token, signing_keys.ALGORITHM)).decode()


@dataclass(frozen=True, slots=True)
class IssuedIDToken:
    """A JWT that this EHR signed, as introspection finds it."""

    claims: dict[str, Any]

    def check_client(self, client: Client) -> bool:
        return bool(self.claims.get("aud") == client.client_id)

    def is_active(self) -> bool:
        """Return whether it is of this world and not expired."""
        now = timezone.now().timestamp()
        return bool(self.claims["iss"] == addresses.issuer() and now < self.claims["exp"])


def issued_id_token(text: str) -> IssuedIDToken | None:
    """Return an id_token that a published key signed; None for anything else."""
    keys = KeySet.import_key_set(signing_keys.public_jwks())  # type: ignore[arg-type]
    try:
        token = jwt.decode(text, keys, algorithms=[signing_keys.ALGORITHM])
    except (JoseError, ValueError, TypeError, AttributeError, RecursionError):
        return None
    return IssuedIDToken(token.claims)
