"""What the bearer of an access token may do: the one thing that the FHIR API asks of OAuth."""

from dataclasses import dataclass
from datetime import datetime

from smartapp.sandbox.models import Token, digest


@dataclass(frozen=True)
class Access:
    client_id: str
    scope: tuple[str, ...]
    patient: str | None
    encounter: str | None
    fhirUser: str | None
    expires_at: datetime


def find_access(token: str) -> Access | None:
    """Return what a bearer token gives; None when it is unknown, expired or revoked (S61, S62)."""
    found = (
        Token.objects.filter(digest=digest(token), type=Token.Type.ACCESS)
        .select_related("client", "authorization")
        .first()
    )
    if found is None or not found.is_active():
        return None
    consent = found.authorization
    return Access(
        client_id=found.client.client_id,
        scope=tuple(found.scope.split()),
        patient=(consent.patient or None) if consent else None,
        encounter=(consent.encounter or None) if consent else None,
        fhirUser=(consent.fhir_user or None) if consent else None,
        expires_at=found.expires_at,
    )
