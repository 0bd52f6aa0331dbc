"""What a registration needs of its EHR against what the EHR says it can do (C17).

Only ever advice: real EHRs publish incomplete lists (C13).
"""

from smartapp.diagnosis.finding import Finding, advice
from smartapp.protocol.discovery import Discovery, strings
from smartapp.protocol.scopes import OtherScope, parse_scope, parse_scopes
from smartapp.registrations.options import AuthMethod
from smartapp.registrations.registry import EndpointConfig
from smartapp.registrations.validation import is_backend

_BY_AUTH_METHOD = {
    AuthMethod.PRIVATE_KEY_JWT: "client-confidential-asymmetric",
    AuthMethod.CLIENT_SECRET_BASIC: "client-confidential-symmetric",
    AuthMethod.NONE: "client-public",
}
_BY_SCOPE = {
    "openid": "sso-openid-connect",
    "offline_access": "permission-offline",
    "online_access": "permission-online",
}
# What to do where a capability is not listed, in words for who does not know the standard.
_NAME = "capabilities"
_TRY = "Published lists are often incomplete, so try it. If it fails: "
_PORTALS = "choose the authentication that the vendor's portal shows."
_FIXES = {
    "launch-ehr": "ask the vendor whether this FHIR base URL is the one for clinicians' apps.",
    "context-ehr-patient": "ask the vendor how the app is told whose chart is open.",
    "launch-standalone": "empty the scopes of patients, so that nobody is offered to connect.",
    "context-standalone-patient": "empty the scopes of patients; this EHR may not let them choose "
    "their record.",
    "client-confidential-asymmetric": _PORTALS,
    "client-confidential-symmetric": _PORTALS,
    "client-public": _PORTALS,
    "sso-openid-connect": "ask the vendor to allow openid and fhirUser; without them nobody can be "
    "signed in.",
    "permission-offline": "take offline_access out of the scopes. People then sign in again when "
    "their access is over.",
    "permission-online": "take online_access out of the scopes. Clinicians then open the app again "
    "when their access is over.",
    "permission-v1": "write the scopes in the newer form: .rs in place of .read.",
    "permission-v2": "write the scopes in the older form: .read in place of .rs.",
    "permission-patient": "take the scopes that begin with patient/ out.",
    "permission-user": "take the scopes that begin with user/ out.",
}


def needed(config: EndpointConfig) -> dict[str, str]:
    """Return the capabilities that this registration uses, each with what for."""
    uses = {}
    if not is_backend(config.scope):
        uses = {"launch-ehr": "launches from the EHR", "context-ehr-patient": "the EHR's patient"}
    if config.standalone_scope:
        uses["launch-standalone"] = "connections by patients"
    if "launch/patient" in parse_scopes(config.standalone_scope):
        uses["context-standalone-patient"] = "a patient's own record"
    uses[_BY_AUTH_METHOD[AuthMethod(config.auth_method)]] = "this app's authentication"
    for scope in config.scopes:
        uses |= dict.fromkeys(_of_scope(scope), f"the scope {scope}")
    return uses


def missing(config: EndpointConfig, discovery: Discovery) -> tuple[Finding, ...]:
    """Return each capability that is used and not listed, explained; one sentence for all where
    none is listed."""
    uses = needed(config)
    if not discovery.capabilities:
        seen = f"The EHR lists no capabilities; this registration needs {', '.join(uses)}."
        return (advice(_NAME, seen, f"{_TRY}ask the vendor."),)
    listed = discovery.capabilities | _by_auth_methods(discovery)
    return tuple(
        advice(_NAME, f"The EHR does not list {one}, needed for {use}.", f"{_TRY}{_FIXES[one]}")
        for one, use in uses.items()
        if one not in listed
    )


def revocation(config: EndpointConfig, discovery: Discovery) -> tuple[Finding, ...]:
    """Return what speaks against revoking tokens there: a list of methods, its own for that
    endpoint (RFC 8414 §2), without ours. A client without a secret has none."""
    listed = [*strings(discovery.document.get("revocation_endpoint_auth_methods_supported"))]
    is_ours = config.auth_method in (*listed, AuthMethod.NONE)
    if not (discovery.revocation_endpoint and listed) or is_ours:
        return ()
    seen = (
        f"To revoke tokens the EHR lists {', '.join(listed[:5])}, and this app authenticates by "
        f"{config.auth_method}."
    )
    fix = (
        f"{_TRY}ask the vendor to take {config.auth_method} there, as at its token endpoint. Until "
        "then, the access of who disconnects ends at the EHR by itself."
    )
    return (advice(_NAME, seen, fix),)


def _by_auth_methods(discovery: Discovery) -> set[str]:
    """Return the capabilities that the list of authentication methods shows, under its present
    name or that of older servers."""
    names = ("token_endpoint_auth_methods_supported", "token_endpoint_auth_methods")
    methods = {method for name in names for method in strings(discovery.document.get(name))}
    return {shown for method, shown in _BY_AUTH_METHOD.items() if method in methods}


def _of_scope(item: str) -> list[str]:
    if item in _BY_SCOPE:
        return [_BY_SCOPE[item]]
    scope = parse_scope(item)
    if isinstance(scope, OtherScope) or scope.level == "system":
        return []
    version = "permission-v1" if scope.is_version_1 else "permission-v2"
    return [f"permission-{scope.level}", version]
