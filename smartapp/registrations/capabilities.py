"""What a registration needs of its EHR against what the EHR says it can do (C17).

Only ever a warning: real EHRs publish incomplete lists (C13).
"""

from smartapp.protocol.discovery import Discovery
from smartapp.protocol.scopes import OtherScope, parse_scope, parse_scopes
from smartapp.registrations.models import AuthMethod
from smartapp.registrations.registry import EndpointConfig

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


def needed(config: EndpointConfig) -> dict[str, str]:
    """Return the capabilities that this registration uses, each with what for."""
    uses = {"launch-ehr": "launches from the EHR", "context-ehr-patient": "the EHR's patient"}
    if config.standalone_scope:
        uses["launch-standalone"] = "connections by patients"
    if "launch/patient" in parse_scopes(config.standalone_scope):
        uses["context-standalone-patient"] = "a patient's own record"
    uses[_BY_AUTH_METHOD[AuthMethod(config.auth_method)]] = "this app's authentication"
    for scope in parse_scopes(f"{config.scope} {config.standalone_scope}"):
        uses |= dict.fromkeys(_of_scope(scope), f"the scope {scope}")
    return uses


def missing(config: EndpointConfig, discovery: Discovery) -> tuple[str, ...]:
    """Return a sentence for each capability that is used and not listed."""
    return tuple(
        f"The EHR does not list {capability}, needed for {use}."
        for capability, use in needed(config).items()
        if capability not in discovery.capabilities
    )


def _of_scope(item: str) -> list[str]:
    if item in _BY_SCOPE:
        return [_BY_SCOPE[item]]
    scope = parse_scope(item)
    if isinstance(scope, OtherScope) or scope.level == "system":
        return []
    version_1 = item.endswith((".read", ".write", ".*"))
    return [f"permission-{scope.level}", "permission-v1" if version_1 else "permission-v2"]
