"""How long a launch's page stays open. It depends on who signed in, not on where the launch started
(T18, C127)."""

from dataclasses import dataclass
from datetime import timedelta

from smartapp.launches.models import LaunchKind
from smartapp.launches.tokens import LaunchTokens
from smartapp.protocol import scopes
from smartapp.protocol.fhir import fhir_user_type

CLINICIAN_SESSION = timedelta(hours=12)  # a long shift
PATIENT_SESSION = timedelta(hours=1)  # perhaps on a shared telephone
# A patient who granted lasting access stays connected as long as the EHR's refresh token may live
# without being used (C127).
LASTING_SESSION = timedelta(days=90)

CLINICIANS = frozenset({"Practitioner", "PractitionerRole"})
PATIENTS = frozenset({"Patient", "RelatedPerson"})


@dataclass(frozen=True, slots=True)
class SessionLength:
    """`is_lasting`: the session outlives the browser window and has no idle limit."""

    latest: timedelta
    is_lasting: bool = False


def session_length(kind: LaunchKind, tokens: LaunchTokens) -> SessionLength:
    """Return how long the session of a launch lives.

    Workstations are shared, so a clinician's session is never lasting, not even after a standalone
    launch. Lasting access is for patients and people who act for a patient.
    """
    if is_patients(kind, tokens):
        is_lasting = _was_allowed_lasting_access(tokens)
        return SessionLength(LASTING_SESSION if is_lasting else PATIENT_SESSION, is_lasting)
    if fhir_user_type(tokens.fhirUser or "") in CLINICIANS or kind == LaunchKind.EHR:
        return SessionLength(CLINICIAN_SESSION)
    return SessionLength(PATIENT_SESSION)  # a Person, or an unknown user: the shorter time


def is_patients(kind: LaunchKind, tokens: LaunchTokens) -> bool:
    """Return whether a patient, or somebody who acts for one, reads the page; it then speaks to
    them."""
    user = fhir_user_type(tokens.fhirUser or "")
    return user in PATIENTS or _is_unnamed_patient(kind, tokens)


def _is_unnamed_patient(kind: LaunchKind, tokens: LaunchTokens) -> bool:
    """Return whether the EHR named no user and the record can only be the user's own: the launch
    started on our start page and has no permission to read other people's records."""
    if kind != LaunchKind.STANDALONE or tokens.fhirUser or tokens.context.patient is None:
        return False
    return not any(one.startswith(("user/", "system/")) for one in tokens.scope.granted)


def _was_allowed_lasting_access(tokens: LaunchTokens) -> bool:
    """Check what the EHR says it granted: a scope that was only requested may have been refused."""
    granted = scopes.parse_scopes(tokens.granted_scope or "")
    return tokens.refresh_token is not None and "offline_access" in granted
