"""What the sandbox says about itself, member by member as athenahealth does (S1, S2)."""

from typing import Any

from smartapp.sandbox import addresses

AUTH_METHODS = [
    # athenahealth lists client_secret_post and client_secret_jwt although it takes neither;
    # clients have to know their own registration instead of believing this.
    "client_secret_basic",
    "client_secret_post",
    "client_secret_jwt",
    "private_key_jwt",
    "none",
]
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
    "health-cards",
]


def smart_configuration() -> dict[str, Any]:
    """Return `.well-known/smart-configuration` of the FHIR base."""
    return {
        "issuer": addresses.issuer(),
        "jwks_uri": addresses.endpoint("keys"),
        "authorization_endpoint": addresses.endpoint("authorize"),
        "token_endpoint": addresses.endpoint("token"),
        "introspection_endpoint": addresses.endpoint("introspect"),
        "revocation_endpoint": addresses.endpoint("revoke"),
        "grant_types_supported": ["authorization_code", "client_credentials"],
        "response_types_supported": [
            "code", "id_token", "token", "code id_token", "code token", "id_token token",
            "code id_token token",
        ],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": AUTH_METHODS,
        "token_endpoint_auth_methods": AUTH_METHODS,
        "capabilities": CAPABILITIES,
    }  # fmt: skip


def openid_configuration() -> dict[str, Any]:
    """Return `.well-known/openid-configuration` of the issuer."""
    return {
        "issuer": addresses.issuer(),
        "authorization_endpoint": addresses.endpoint("authorize"),
        "token_endpoint": addresses.endpoint("token"),
        "jwks_uri": addresses.endpoint("keys"),
        "introspection_endpoint": addresses.endpoint("introspect"),
        "revocation_endpoint": addresses.endpoint("revoke"),
        "end_session_endpoint": addresses.endpoint("logout"),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "scopes_supported": ["openid", "profile", "fhirUser", "offline_access", "online_access"],
        "claims_supported": [
            "iss", "sub", "aud", "iat", "exp", "jti", "ver", "amr", "idp", "auth_time",
            "at_hash", "nonce", "fhirUser", "name",
        ],
        "code_challenge_methods_supported": ["S256"],
    }  # fmt: skip


def smart_style() -> dict[str, str]:
    """Return the EHR's looks for embedded apps (SMART 2.2, styling)."""
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
