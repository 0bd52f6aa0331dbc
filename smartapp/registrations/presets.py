"""Facts about each vendor, as data: defaults for a new registration, and what to watch for.

Every default can be overridden. Facts that nobody has read in the vendor's own documents are shown
as unverified. Vendors differ more than the standard suggests; their differences are in this file.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from smartapp.protocol.scopes import ResourceScope, parse_scope
from smartapp.registrations.options import OPTIONS, Fills, names

READ_TYPES = (
    "Patient",
    "Observation",
    "Condition",
    "MedicationRequest",
    "AllergyIntolerance",
    "Immunization",
    "Encounter",
)
# The scopes for the rest of the page. Many EHRs refuse a launch with a scope that they do not know,
# so these are only requested if the EHR lists them or the preset knows them.
MORE_TYPES = (
    "Medication",
    "MedicationStatement",
    "MedicationDispense",
    "MedicationAdministration",
    "Procedure",
    "DiagnosticReport",
    "DocumentReference",
    "Binary",
    "Device",
    "DeviceUseStatement",
    "QuestionnaireResponse",
    "CareTeam",
    "Goal",
    "CarePlan",
    "FamilyMemberHistory",
    "RelatedPerson",
    "Coverage",
    "ServiceRequest",
    "Appointment",
)
# One scope per resource type and no wildcard: the least that the page needs (C39).
_READS = " ".join(f"patient/{resource_type}.rs" for resource_type in READ_TYPES)
CLINICIAN_SCOPE = f"launch openid fhirUser user/Practitioner.r {_READS}"
PATIENT_SCOPE = f"launch/patient openid fhirUser offline_access {_READS}"
_MORE_READS = " ".join(f"patient/{resource_type}.rs" for resource_type in MORE_TYPES)


@dataclass(frozen=True, slots=True)
class Preset:
    """A vendor's environment: how to recognise it, the defaults of a new registration there, and
    the text of the registration sheet.

    `steps` are to be done in the vendor's portal. `notes` come from the vendor's own documents or
    servers. `unverified` facts come from elsewhere: they are marked as such, and no decision uses
    them.
    """

    slug: str
    title: str
    # An EHR is guessed to be of this vendor by these hosts, hosts below them, or this part of the
    # path.
    hosts: tuple[str, ...] = ()
    path: str = ""
    # The defaults of a new registration, by option, where they are not the usual ones. Every value
    # can be overridden. A limit is used even if it is unverified: a limit that is too low only
    # delays.
    options: Mapping[str, Any] = field(default_factory=dict)
    # What is known about servers that accept PKCE without listing it; suggested, never set.
    known_of_pkce: str = ""
    client_id_header: str = ""
    # The path where people sign out at the EHR, on the host of the token endpoint (C134).
    logout_path: str = ""
    # Whether a standalone launch may send its authorization request as a form: Epic accepts a form
    # only in launches from Epic itself (C41).
    posted_standalone: bool = True
    # The simulator whose addresses contain its settings (`smart_launcher`).
    is_smart_launcher: bool = False
    # The path that is said to follow the issuer in the assertion's audience; suggested, never set.
    reported_audience_path: str = ""
    steps: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    unverified: tuple[str, ...] = ()
    # The source of the notes, and when it was read.
    source: str = ""


_USUAL = {"scope": CLINICIAN_SCOPE, "standalone_scope": PATIENT_SCOPE}


def defaults(preset: Preset) -> dict[str, Any]:
    """Return the defaults of a new registration at this vendor, by option."""
    return {**_USUAL, **preset.options}


def quirks(preset: Preset) -> dict[str, Any]:
    """Return the options that follow the vendor, with this vendor's values."""
    follow = names(lambda one: one.fills is Fills.ALWAYS)
    return {name: preset.options.get(name, OPTIONS[name].usual) for name in follow}


def _athena(environment: str, host: str, token_requests_per_minute: int) -> Preset:
    return Preset(
        slug=f"athenahealth-{environment}",
        title=f"athenahealth, {environment}",
        hosts=(host,),
        options={
            # The algorithm in athenahealth's own example; SMART's RS384 is not confirmed there.
            "alg": "RS256",
            "send_scope_on_refresh": True,
            "introspection_method": "GET",
            "token_requests_per_minute": token_requests_per_minute,
        },
        reported_audience_path="/v1/token",
        steps=(
            "Create a 3-legged app with authentication by JWKS URL, and enter the redirect URI, "
            "the launch URL and the JWKS URL to the letter.",
            "Select each of the scopes for the app: only those are granted.",
            "athenahealth wants an audience of its own in the client assertion: take the value for "
            "this environment from its documentation and enter it here as the assertion audience.",
        ),
        logout_path="/oauth2/v1/logout",
        notes=(
            f"This is the {environment} environment: its client id and key set belong to no other.",
            "2-legged access needs credentials of its own, thus a registration of its own.",
            "The id_token's issuer is on another host than the FHIR server, and only the issuer "
            "publishes an OpenID configuration.",
            "A refresh must name its scopes, and a refresh token is good for 90 days after it was "
            "last used.",
        ),
        unverified=(
            "Its page on introspection, partly read, has GET only, with the token in the address; "
            "whether POST works too is not known.",
            "Patients who disconnect are offered to sign out at athenahealth too; which parameters "
            "its sign-out page wants is not known, so try it, and register the post-logout URI.",
            "Changing a live app from client secret to JWKS may delete its secrets: plan it.",
            f"It takes {token_requests_per_minute} token requests a minute from one app, and "
            "answers 429 until the minute is over. This app keeps to that; ask for your limit.",
            "Whether a refresh brings a new refresh token is not known, so none is used twice.",
            "How long it keeps our JWKS is not known: let a new key wait for more than a day.",
            "Another product of the vendor, athenaPractice, has an authorization server of its "
            "own, and client ids that are JWTs: this preset does not fit it.",
            "More than 17,000 practices are behind this one base: a launch's context says which.",
        ),
        source="athenahealth's documentation and its SMART configurations of August 2026",
    )


_PRESETS = (
    Preset(
        slug="",
        title="Any SMART App Launch EHR",
        steps=("Enter these addresses to the letter in the vendor's portal.",),
    ),
    _athena("preview", "api.preview.platform.athenahealth.com", 5),
    _athena("production", "api.platform.athenahealth.com", 50),
    Preset(
        slug="epic",
        title="Epic",
        hosts=("fhir.epic.com",),
        path="/api/fhir/r4",
        client_id_header="Epic-Client-ID",
        posted_standalone=False,
        options={"jwks_cache_seconds": 29 * 3600},
        steps=(
            "Enter the JWKS URL in both fields, production and non-production, only if both use "
            "this key set; one set per environment is better.",
            "Choose SMART v2 scopes for the app. Redirect URIs are case-sensitive.",
            "Where an organisation answers every token request with a bare invalid_client: paste "
            "the keys instead (`export_jwks`, RSA only). A part of about 500 organisations cannot "
            "fetch a JWKS URL, and a change takes up to 12 hours there.",
        ),
        notes=(
            "Epic fetches the JWKS when the app is saved, so this app must be reachable by then, "
            "and keeps it for up to 29 hours.",
            "ES384, which Epic advises, works with a JWKS URL only.",
            "Each organisation has a FHIR base URL of its own: add one endpoint for each to one "
            "registration.",
            "By default a refresh brings no new refresh token; the organisation may change that.",
            "The id_token's issuer is the server's address followed by /oauth2; older ones give "
            "the token URL. The expected issuers may be several.",
        ),
        unverified=("Whether Epic checks PKCE is not known; this app always sends it.",),
        known_of_pkce="of 558 Epic production endpoints 7 did not list PKCE in May 2026.",
        source="Epic's documentation; SMART configurations of 558 production endpoints, May 2026",
    ),
    Preset(
        slug="oracle",
        title="Oracle Health (Cerner)",
        hosts=("cerner.com", "sandboxcerner.com"),
        options={
            # A refresh brings no new refresh token.
            "refresh_tokens_persist": True,
            "sign_in_in_window": True,
            "scope": f"{CLINICIAN_SCOPE} online_access",
        },
        known_of_pkce="of 2,905 Oracle Health production endpoints 625 did not list PKCE in May "
        "2026; other apps send it to all of them.",
        steps=(
            "Request each scope by resource type; Oracle grants no others.",
            "The launch URL and the redirect URI are two fields.",
        ),
        notes=(
            "Provider and patient apps have different FHIR base URLs: register one endpoint each.",
            "Oracle does not allow signing in inside a frame, and access tokens live about ten "
            "minutes.",
            "A refresh brings no new refresh token, may be asked for once a minute, and the token "
            "lapses after three months without use.",
            "The issuer of Oracle's id_token changed its form during 2025: if sign-in fails with "
            "an unexpected issuer, add the new one to the expected issuers.",
        ),
        unverified=(
            "Its signing keys change about every two days, and a new one may appear late: an "
            "id_token with an unknown key is tried again.",
        ),
        source="Oracle's documentation; SMART configurations of 2,905 production endpoints, May "
        "2026",
    ),
    Preset(
        slug="meditech",
        title="MEDITECH",
        hosts=("meditech.com",),
        path="/uscore/",
        steps=("Enter these addresses to the letter in the vendor's portal.",),
        notes=(
            "Each hospital has a host and a FHIR base URL of its own, most of them with :443 and "
            "/v1/uscore/R4: add one endpoint for each to one registration.",
            "The issuer has a trailing slash: enter it to the letter.",
            "It publishes where tokens are revoked and enquired about.",
        ),
        unverified=(
            "Of 516 production bases 337 published their SMART configuration below the base in "
            "2026. If yours does not answer there, older ones had it at the root of the host: "
            "override its address on the endpoint's discovery page, as "
            "https://<host>/.well-known/smart-configuration.",
            "How it fetches and keeps a JWKS is not known.",
        ),
        source="MEDITECH's list of brands of April 2026, and the SMART configurations of 336 of "
        "its production endpoints, May 2026",
    ),
    Preset(
        slug="eclinicalworks",
        title="eClinicalWorks",
        hosts=("eclinicalworks.com", "ecwcloud.com"),
        steps=("Enter these addresses to the letter in the vendor's portal.",),
        notes=(
            "Each practice has a FHIR base URL of its own, and its issuer is that base.",
            "The issuer has no OpenID configuration; the SMART configuration names its keys.",
        ),
        source="its SMART configuration of August 2026",
    ),
    Preset(
        slug="healow",
        title="healow (patients of eClinicalWorks)",
        hosts=("healow.com",),
        steps=("Enter these addresses to the letter in the vendor's portal.",),
        notes=(
            "It is for patients: clinicians are at eClinicalWorks, with a client id of their own.",
        ),
        source="its capability statement of August 2026",
    ),
    Preset(
        slug="nextgen",
        title="NextGen",
        hosts=("nextgen.com", "meditouchehr.com"),
        steps=("Enter these addresses to the letter in the vendor's portal.",),
        notes=(
            "NextGen Enterprise and NextGen Office are two servers: register each by itself.",
            "The issuer of NextGen Enterprise has no OpenID configuration; the SMART configuration "
            "names its keys.",
        ),
        unverified=(
            "An OpenID configuration below its FHIR base names the base as the issuer: if sign-in "
            "fails with an unexpected issuer, add the FHIR base URL to the expected issuers.",
        ),
        source="the SMART configurations of both, August 2026",
    ),
    Preset(
        slug="veradigm",
        title="Veradigm (Allscripts)",
        hosts=("allscripts.com", "veradigm.com"),
        steps=("Enter these addresses to the letter in the vendor's portal.",),
        notes=(
            "The id_token's issuer is on another host than the FHIR server.",
            "Its SMART and its OpenID configuration disagree; this app follows the SMART one.",
            "private_key_jwt is not among the methods that it lists, but among its capabilities.",
        ),
        source="both of its configurations, August 2026",
    ),
    Preset(
        slug="canvas",
        title="Canvas",
        hosts=("canvasmedical.com",),
        steps=("Enter these addresses to the letter in the vendor's portal.",),
        notes=(
            "Its FHIR server is on a host of its own, fumage-<name>.canvasmedical.com.",
            "The issuer has no OpenID configuration; the SMART configuration names its keys.",
        ),
        source="its SMART configuration of 14 August 2026",
    ),
    Preset(
        slug="practice-fusion",
        title="Practice Fusion",
        hosts=("practicefusion.com",),
        steps=("Enter these addresses to the letter in the vendor's portal.",),
        notes=(
            "Each practice has two FHIR base URLs of its own, and its issuer is that base.",
            "The issuer has no OpenID configuration; the SMART configuration names its keys.",
        ),
        source="its SMART configuration of August 2026",
    ),
    Preset(
        slug="smart-health-it",
        title="SMART Health IT launcher",
        hosts=("smarthealthit.org",),
        is_smart_launcher=True,
        options={
            # Without strict mode it accepts any client id.
            "client_id": "smartapp",
            "scope": CLINICIAN_SCOPE.replace("user/Practitioner.r", "user/Practitioner.rs"),
            "send_secret_as_it_is": True,
            "jwks_cache_seconds": 0,
        },
        steps=(
            "Register the base https://launch.smarthealthit.org/v/r4/fhir, once for all of its "
            "settings.",
            "EHR launches: open the ready link of this sheet and press Launch.",
            "Patients: connect on the start page. For other settings choose a standalone launch "
            "type there, copy Server's FHIR Base URL, and paste it under Add an EHR: that offers "
            "to connect with it.",
            "Backend services: choose that launch type there, copy Server's FHIR Base URL, and "
            "register that with system/ scopes.",
            "Loose, it takes any client id. To be strict, enter under Client Registration the "
            "client id, the scopes, the redirect URI and the JWKS URL.",
        ),
        notes=(
            "A public simulator: use it for synthetic people only.",
            "It fetches the JWKS at each sign-in, and compares client secrets and scopes to the "
            "letter.",
            "It has no revocation endpoint: disconnecting deletes the tokens here only.",
            "An id_token that comes with a refresh has no aud; it is taken all the same.",
        ),
        source="its source code, smart-on-fhir/smart-launcher-v2, November 2026",
    ),
    Preset(
        slug="sandbox",
        title="The sandbox EHR of this app",
        path="/sandbox/fhir/",
        options={
            "scope": f"{CLINICIAN_SCOPE} {_MORE_READS} offline_access",
            "standalone_scope": f"{PATIENT_SCOPE} {_MORE_READS}",
            "jwks_cache_seconds": 0,
        },
        notes=("Synthetic people only.",),
    ),
)

PRESETS = MappingProxyType({preset.slug: preset for preset in _PRESETS})


def of(slug: str) -> Preset:
    """Return the preset of a registration; that for any EHR if this release does not know it."""
    return PRESETS.get(slug, PRESETS[""])


def with_listed(scope: str, supported: Iterable[str]) -> str:
    """Return the scopes together with the further reads that the EHR lists in `scopes_supported`,
    by name or by a wildcard. Scopes without any patient read stay unchanged."""
    asked = {one.resource: one for one in _reads(scope.split())}
    if not asked:
        return scope
    listed = {one.resource for one in _reads(supported)}
    more = [
        f"patient/{resource_type}.rs"
        for resource_type in MORE_TYPES
        if resource_type not in asked and listed & {resource_type, "*"}
    ]
    return " ".join([scope, *more])


def _reads(scopes: Iterable[str]) -> Iterator[ResourceScope]:
    """Return the scopes that allow reading or searching a patient's data."""
    for scope in map(parse_scope, scopes):
        if not isinstance(scope, ResourceScope) or scope.level != "patient" or scope.filters:
            continue
        if {"r", "s"} & set(scope.permissions):
            yield scope


def guess(fhir_base_url: str) -> Preset:
    """Return the vendor that this base URL suggests, by its host or path; the preset for any EHR if
    there is none.

    The guess is shown to a person, who decides.
    """
    parts = urlsplit(fhir_base_url.lower())
    host, path = parts.hostname or "", f"{parts.path}/"
    by_host = (one for one in _PRESETS if any(_is_below(host, known) for known in one.hosts))
    by_path = (one for one in _PRESETS if one.path and f"{one.path.rstrip('/')}/" in path)
    return next(by_host, None) or next(by_path, None) or PRESETS[""]


def _is_below(host: str, known: str) -> bool:
    return host == known or host.endswith(f".{known}")


def metadata_headers(preset: str, client_id: str) -> dict[str, str]:
    """Return the headers of a discovery request: Epic names other endpoints if the client does not
    identify itself (C16)."""
    header = of(preset).client_id_header
    return {header: client_id} if header else {}
