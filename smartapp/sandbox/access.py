"""What the bearer of an access token may do: the FHIR API's only view of OAuth."""

from dataclasses import dataclass, field
from datetime import datetime

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


def find_access(token: str) -> Access | None:
    """Return the access that a bearer token gives; None if it is unknown, expired or revoked (S61,
    S62).

    A token of one world is unknown in the others (S3).
    """
    found = _found(token)
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


def _is_renewed(token: Token) -> bool:
    family = Token.objects.filter(authorization=token.authorization, type=Token.Type.ACCESS)
    return token.authorization is not None and family.filter(pk__lt=token.pk).exists()


def holder_of(token: str) -> str:
    """Return the client_id that a token was issued to, even if it has ended; "" if it is
    unknown."""
    found = _found(token)
    return found.client.client_id if found else ""


def why_unusable(token: str) -> str:
    """Return why the API refused a token: for the request log, because the API itself does not say
    (E14)."""
    if not token:
        return "The request carries no bearer token in an Authorization header."
    found = _found(token)
    if found is None:
        return "Nobody was ever given this token here."
    if found.type != Token.Type.ACCESS:
        return "It is a refresh token; the API takes access tokens."
    if found.client.world != worlds.current():
        return f"It is a token of the world {found.client.world}."
    return "It was revoked." if found.is_revoked() else "It is expired."


def _found(token: str) -> Token | None:
    rows = Token.objects.filter(digest=digest(token))
    return rows.select_related("client", "authorization").first()
