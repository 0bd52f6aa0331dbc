"""What a launch was granted: tokens, context and the user. Sealed as one value per launch."""

from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any
from uuid import UUID

from smartapp.launches.models import tokens_context
from smartapp.protocol import launch_context, scopes
from smartapp.protocol.errors import PatientChanged
from smartapp.protocol.id_token import IDToken
from smartapp.protocol.launch_context import LaunchContext
from smartapp.protocol.token import TokenResponse
from smartapp.vault import Form


@dataclass(frozen=True, slots=True)
class LaunchTokens:
    """Everything of a launch that names a person or gives access. Never logged, never in a URL."""

    access_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)
    requested_scope: str
    granted_scope: str | None
    # The other members of the token response, as the EHR sent them (C100).
    members: dict[str, Any] = field(repr=False)
    # The claims of the id_token that are used again: issuer, subject and user.
    id_token_iss: str | None
    id_token_sub: str | None = field(repr=False)
    fhirUser: str | None = field(repr=False)
    token_endpoint: str

    @property
    def context(self) -> LaunchContext:
        return launch_context.parse_launch_context(self.members)

    @property
    def scope(self) -> scopes.ScopeComparison:
        """Requested, granted and missing scopes. A response without `scope` means that the
        requested scopes were granted (C82, RFC 6749 §5.1)."""
        granted = self.requested_scope if self.granted_scope is None else self.granted_scope
        return _compared(self.requested_scope, granted)


# A page asks for it a dozen times.
@lru_cache(maxsize=100)
def _compared(requested: str, granted: str) -> scopes.ScopeComparison:
    return scopes.compare(scopes.parse_scopes(requested), scopes.parse_scopes(granted))


FORM = Form(LaunchTokens)


def seal(tokens: LaunchTokens, uuid: UUID) -> str:
    return FORM.seal(tokens, tokens_context(uuid))


def unseal(sealed: str, uuid: UUID) -> LaunchTokens:
    """Return the tokens sealed for that launch. Raises VaultError for any other value."""
    return FORM.unseal(sealed, tokens_context(uuid))


def from_response(
    response: TokenResponse, id_token: IDToken | None, *, requested_scope: str, token_endpoint: str
) -> LaunchTokens:
    """Return the tokens from a code exchange. Raises LaunchContextError if the context is not
    usable."""
    launch_context.parse_launch_context(response.members)
    return LaunchTokens(
        access_token=response.access_token,
        refresh_token=response.refresh_token,
        requested_scope=requested_scope,
        granted_scope=response.scope,
        members=response.members,
        id_token_iss=id_token.iss if id_token else None,
        id_token_sub=id_token.sub if id_token else None,
        fhirUser=id_token.fhirUser if id_token else None,
        token_endpoint=token_endpoint,
    )


def from_refresh(tokens: LaunchTokens, response: TokenResponse) -> LaunchTokens:
    """Return the tokens after a refresh. A new refresh token replaces the old one; without one the
    old one stays (C122). Raises PatientChanged if the context names another patient or encounter
    (C126); a member that is null or empty counts as absent."""
    refreshed = launch_context.parse_launch_context(response.members)
    for member in ("patient", "encounter"):
        named = getattr(refreshed, member)
        if named is not None and named != getattr(tokens.context, member):
            raise PatientChanged(f"the refresh response names another {member}")
    names_scopes = bool(scopes.parse_scopes(response.scope or ""))
    return replace(
        tokens,
        access_token=response.access_token,
        refresh_token=response.refresh_token or tokens.refresh_token,
        granted_scope=response.scope if names_scopes else tokens.granted_scope,
    )
