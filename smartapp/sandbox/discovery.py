"""The discovery documents of each world (S1, S2).

Production and preview publish what athenahealth publishes, including its misleading members. Strict
publishes what SMART App Launch 2.2 and RFC 8414 require, and what is true. Bcp also announces that
every authorization response names its issuer (RFC 9207).
"""

from typing import Any

from smartapp.sandbox import addresses, client_keys, worlds
from smartapp.sandbox.worlds import World

Document = dict[str, Any]

ATHENA_WORLDS = (World.PRODUCTION, World.PREVIEW)
ATHENA_AUTH_METHODS = [
    # athenahealth lists client_secret_post and client_secret_jwt but supports neither. Clients must
    # rely on their registration instead.
    "client_secret_basic",
    "client_secret_post",
    "client_secret_jwt",
    "private_key_jwt",
    "none",
]
CONFIDENTIAL_AUTH_METHODS = ["client_secret_basic", "private_key_jwt"]
CAPABILITIES = [
    "launch-ehr",
    "launch-standalone",
    "client-public",
    "client-confidential-symmetric",
    "client-confidential-asymmetric",
    "sso-openid-connect",
    "authorize-post",
    "context-ehr-patient",
    "context-ehr-encounter",
    "context-standalone-patient",
    "context-banner",
    "context-style",
    "permission-offline",
    "permission-patient",
    "permission-user",
    "permission-v1",
    "permission-v2",
]
IDENTITY_SCOPES = ["openid", "profile", "fhirUser", "offline_access", "online_access"]
SMART_SCOPES = [
    *IDENTITY_SCOPES, "launch", "launch/patient", "patient/*.rs", "user/*.rs", "system/*.rs",
]  # fmt: skip


def smart_configuration() -> Document:
    """Return `.well-known/smart-configuration` of the FHIR base."""
    if worlds.current() in ATHENA_WORLDS:
        return _endpoints() | _athena_smart_members()
    return _endpoints() | _registry_members() | _strict_smart_members()


def openid_configuration() -> Document:
    """Return `.well-known/openid-configuration` of the issuer."""
    document = _endpoints() | _openid_members()
    return document if worlds.current() in ATHENA_WORLDS else document | _registry_members()


def _endpoints() -> Document:
    return {
        "issuer": addresses.issuer(),
        "jwks_uri": addresses.endpoint("keys"),
        "authorization_endpoint": addresses.endpoint("authorize"),
        "token_endpoint": addresses.endpoint("token"),
        "introspection_endpoint": addresses.endpoint("introspect"),
        "revocation_endpoint": addresses.endpoint("revoke"),
        "code_challenge_methods_supported": ["S256"],
    }


def _athena_smart_members() -> Document:
    return {
        "grant_types_supported": ["authorization_code", "client_credentials"],
        "response_types_supported": [
            "code", "id_token", "token", "code id_token", "code token", "id_token token",
            "code id_token token",
        ],
        "token_endpoint_auth_methods_supported": ATHENA_AUTH_METHODS,
        "token_endpoint_auth_methods": ATHENA_AUTH_METHODS,
        "capabilities": [*CAPABILITIES, "health-cards"],
    }  # fmt: skip


def _strict_smart_members() -> Document:
    return {
        "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
        "response_types_supported": ["code"],
        "scopes_supported": SMART_SCOPES,
        "capabilities": [*CAPABILITIES, "permission-online"],
    }


def _registry_members() -> Document:
    """Return the real authentication methods and algorithms (RFC 8414 §2)."""
    signing = list(client_keys.ALGORITHMS)
    members: Document = {
        "token_endpoint_auth_methods_supported": [*CONFIDENTIAL_AUTH_METHODS, "none"],
        "token_endpoint_auth_signing_alg_values_supported": signing,
        "introspection_endpoint_auth_methods_supported": CONFIDENTIAL_AUTH_METHODS,
        "introspection_endpoint_auth_signing_alg_values_supported": signing,
        "revocation_endpoint_auth_methods_supported": [*CONFIDENTIAL_AUTH_METHODS, "none"],
        "revocation_endpoint_auth_signing_alg_values_supported": signing,
    }
    if worlds.current() == World.BCP:
        members["authorization_response_iss_parameter_supported"] = True
    return members


def _openid_members() -> Document:
    return {
        "end_session_endpoint": addresses.endpoint("logout"),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "scopes_supported": IDENTITY_SCOPES,
        "claims_supported": [
            "iss", "sub", "aud", "iat", "exp", "jti", "ver", "amr", "idp", "auth_time",
            "at_hash", "nonce", "fhirUser", "name",
        ],
    }  # fmt: skip


def smart_style() -> dict[str, str]:
    """Return the EHR's style for embedded apps (SMART 2.2, styling)."""
    return {
        "color_background": "#f4f6f8",
        "color_error": "#b3261e",
        "color_highlight": "#2f6f8f",
        "color_modal_backdrop": "",
        "color_success": "#2e7d4f",
        "color_text": "#1d2730",
        "dim_border_radius": "4px",
        "dim_font_size": "15px",
        "dim_spacing_size": "16px",
        "font_family_body": "system-ui, sans-serif",
        "font_family_heading": "system-ui, sans-serif",
    }
