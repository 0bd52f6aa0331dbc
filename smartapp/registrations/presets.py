"""What is known of each vendor, as data: defaults for a new registration and what to look out for.

Every default can be overridden, and what nobody has read in the vendor's own documents is marked
as unverified where it is shown. Vendors differ more than the standard; this file is where.
"""

from dataclasses import dataclass
from types import MappingProxyType

READ_TYPES = (
    "Patient",
    "Observation",
    "Condition",
    "MedicationRequest",
    "AllergyIntolerance",
    "Immunization",
    "Encounter",
)
# One scope per resource type and no wildcard: the least that the page needs (C39).
_READS = " ".join(f"patient/{resource_type}.rs" for resource_type in READ_TYPES)
CLINICIAN_SCOPE = f"launch openid fhirUser user/Practitioner.r {_READS}"
PATIENT_SCOPE = f"launch/patient openid fhirUser offline_access {_READS}"


@dataclass(frozen=True, slots=True)
class Preset:
    """A vendor's environment. `notes` are shown with the registration sheet."""

    slug: str
    title: str
    alg: str = "RS384"
    scope: str = CLINICIAN_SCOPE
    standalone_scope: str = PATIENT_SCOPE
    send_scope_on_refresh: bool = False
    client_id_header: str = ""
    notes: tuple[str, ...] = ()


_ATHENA_NOTES = (
    "Register a 3-legged app with authentication by JWKS URL, and enter these addresses to the "
    "letter: redirect URI, launch URL, JWKS URL.",
    "Select each of these scopes for the app in the developer portal: only those are granted.",
    "athenahealth wants an audience of its own in the client assertion: take the value for this "
    "environment from its documentation and enter it as the assertion audience. Unverified: some "
    "apps report the id_token's issuer followed by /v1/token.",
    "Changing a live app from client secret to JWKS may delete its secrets (unverified): plan it.",
)


def _athena(environment: str) -> Preset:
    return Preset(
        slug=f"athenahealth-{environment}",
        title=f"athenahealth, {environment}",
        # The algorithm of athenahealth's own example; SMART's RS384 is not confirmed there.
        alg="RS256",
        send_scope_on_refresh=True,
        notes=(
            f"This is the {environment} environment: its client id and key set belong to no other.",
            *_ATHENA_NOTES,
        ),
    )


_PRESETS = (
    Preset(
        slug="",
        title="Any SMART App Launch EHR",
        notes=("Enter these addresses to the letter in the vendor's portal.",),
    ),
    _athena("preview"),
    _athena("production"),
    Preset(
        slug="epic",
        title="Epic",
        client_id_header="Epic-Client-ID",
        notes=(
            "Enter the JWKS URL in both fields, production and non-production, only if both use "
            "this key set; one set per environment is better.",
            "Epic fetches the JWKS when the app is saved, so this app must be reachable by then, "
            "and keeps it for up to 29 hours.",
            "Choose SMART v2 scopes for the app. Redirect URIs are case-sensitive.",
        ),
    ),
    Preset(
        slug="oracle",
        title="Oracle Health (Cerner)",
        scope=f"{CLINICIAN_SCOPE} online_access",
        notes=(
            "Provider and patient apps have different FHIR base URLs: register one endpoint each.",
            "Oracle does not allow signing in inside a frame, and access tokens live about ten "
            "minutes.",
            "The issuer of Oracle's id_token changed its form during 2025: if sign-in fails with "
            "an unexpected issuer, add the new one to the expected issuers.",
        ),
    ),
    Preset(
        slug="smart-health-it",
        title="SMART Health IT launcher",
        notes=("A public simulator: use it for synthetic people only.",),
    ),
    Preset(
        slug="sandbox",
        title="The sandbox EHR of this app",
        scope=f"{CLINICIAN_SCOPE} offline_access",
        notes=("Synthetic people only.",),
    ),
)

PRESETS = MappingProxyType({preset.slug: preset for preset in _PRESETS})


def metadata_headers(preset: str, client_id: str) -> dict[str, str]:
    """Return what a discovery request must carry: Epic answers with other endpoints to a client
    that does not say who it is (C16)."""
    known = PRESETS.get(preset)
    return {known.client_id_header: client_id} if known and known.client_id_header else {}
