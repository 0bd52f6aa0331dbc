"""What the bearer of an access token may do: the FHIR API's only view of OAuth."""

from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from smartapp.sandbox import worlds
from smartapp.sandbox.faults import Faults, parse
from smartapp.sandbox.models import Client, Token, digest


@dataclass(frozen=True)
class Access:
    client_id: str
    scope: tuple[str, ...]
    patient: str | None
    encounter: str | None
    fhirUser: str | None
    expires_at: datetime
    faults: Faults = field(default_factory=dict)
    """The faults of this launch (S66)."""
    asks_as_athena: bool = False
    """Whether athenahealth's own rules for searches apply (S65)."""
    is_renewed: bool = False
    """Whether this token came from a refresh; looked up only if a fault needs it."""


@dataclass(frozen=True)
class Bearer:
    """The bearer of a token. The token is looked up once for all that a request asks of it."""

    token: str

    @classmethod
    def of(cls, authorization: str) -> "Bearer":
        """Return the bearer whom an Authorization header names (RFC 6750 §2.1): without a token
        where it is of another scheme."""
        scheme, _, token = authorization.partition(" ")
        return cls(token.strip() if scheme.lower() == "bearer" else "")

    @cached_property
    def access(self) -> Access | None:
        """What the token gives; None if it is unknown, expired or revoked (S61, S62).

        A token of one world is unknown in the others (S3).
        """
        found = self._found
        if found is None or found.type != Token.Type.ACCESS or not found.is_active():
            return None
        if found.client.world != worlds.current():
            return None
        consent, client = found.authorization, found.client
        chosen = parse(client.quirks, consent.faults if consent else "", found.faults)
        return Access(
            client_id=client.client_id,
            scope=tuple(found.scope.split()),
            patient=(consent.patient or None) if consent else None,
            encounter=(consent.encounter or None) if consent else None,
            fhirUser=(consent.fhir_user or None) if consent else None,
            expires_at=found.expires_at,
            faults=chosen,
            is_renewed="fhir-expired-token" in chosen and _is_renewed(found),
            asks_as_athena=client.profile == Client.Profile.ATHENA,
        )

    @property
    def client_id(self) -> str:
        """The client that the token was issued to, even if it has ended; "" if it is unknown."""
        return self._found.client.client_id if self._found else ""

    def why_unusable(self) -> str:
        """Return why the API refused the token: for the request log, because the API itself does
        not say (E14)."""
        if not self.token:
            return "The request carries no bearer token in an Authorization header."
        found = self._found
        if found is None:
            return "Nobody was ever given this token here."
        if found.type != Token.Type.ACCESS:
            return "It is a refresh token; the API takes access tokens."
        if found.client.world != worlds.current():
            return f"It is a token of the world {found.client.world}."
        return "It was revoked." if found.is_revoked() else "It is expired."

    @cached_property
    def _found(self) -> Token | None:
        if not self.token:
            return None
        rows = Token.objects.filter(digest=digest(self.token))
        return rows.select_related("client", "authorization").first()


def _is_renewed(token: Token) -> bool:
    family = Token.objects.filter(authorization=token.authorization, type=Token.Type.ACCESS)
    return token.authorization is not None and family.filter(pk__lt=token.pk).exists()
