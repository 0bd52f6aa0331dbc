"""How long a launch's page stays open: decided by who signed in, not by the way in (T18, C127)."""

from dataclasses import dataclass
from datetime import timedelta

from smartapp.launches.models import LaunchKind
from smartapp.launches.tokens import LaunchTokens
from smartapp.protocol import scopes
from smartapp.protocol.fhir import fhir_user_type

CLINICIAN_SESSION = timedelta(hours=12)  # a long shift
PATIENT_SESSION = timedelta(hours=1)  # perhaps a shared telephone
# A patient who allowed lasting access stays connected as long as the EHR's refresh token may
# live unused (C127).
LASTING_SESSION = timedelta(days=90)

CLINICIANS = frozenset({"Practitioner", "PractitionerRole"})
PATIENTS = frozenset({"Patient", "RelatedPerson"})


@dataclass(frozen=True, slots=True)
class SessionLength:
    """`is_lasting`: the session outlives the browser window, and has no idle end."""

    latest: timedelta
    is_lasting: bool = False


def session_length(kind: LaunchKind, tokens: LaunchTokens) -> SessionLength:
    """Return how long the session of a launch lives.

    A workstation is shared, so a clinician never stays connected, whichever door they took. Lasting
    access is for patients and those who act for one.
    """
    user = fhir_user_type(tokens.fhirUser or "")
    if is_patients(kind, tokens):
        is_lasting = _was_allowed_lasting_access(tokens)
        return (
            SessionLength(LASTING_SESSION, True) if is_lasting else SessionLength(PATIENT_SESSION)
        )
    if user in CLINICIANS or kind == LaunchKind.EHR:
        return SessionLength(CLINICIAN_SESSION)
    return SessionLength(PATIENT_SESSION)  # a Person, or nobody that can be read: the shorter one


def is_patients(kind: LaunchKind, tokens: LaunchTokens) -> bool:
    """Whether a patient reads the page, or somebody who acts for one: it speaks to them then."""
    user = fhir_user_type(tokens.fhirUser or "")
    return user in PATIENTS or _is_unnamed_patient(kind, tokens)


def _is_unnamed_patient(kind: LaunchKind, tokens: LaunchTokens) -> bool:
    """Whether the EHR named nobody, and the record can only be their own: chosen from our own start
    page, with no permission to read anybody else's."""
    if kind != LaunchKind.STANDALONE or tokens.fhirUser or tokens.context.patient is None:
        return False
    return not any(one.startswith(("user/", "system/")) for one in tokens.scope.granted)


def _was_allowed_lasting_access(tokens: LaunchTokens) -> bool:
    """Only by the word of the EHR: what was merely asked for may have been refused."""
    granted = scopes.parse_scopes(tokens.granted_scope or "")
    return tokens.refresh_token is not None and "offline_access" in granted
