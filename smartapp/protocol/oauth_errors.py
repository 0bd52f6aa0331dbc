"""The error codes of OAuth and OpenID Connect, whichever way a server writes them."""

import re

# The EHR did not sign the person in, or could not ask them (OpenID Connect Core §3.1.2.6, Unmet
# Authentication Requirements 1.0).
NO_SIGN_IN = frozenset((
    "interaction_required", "login_required", "consent_required", "account_selection_required",
    "unmet_authentication_requirements",
))  # fmt: skip
# The server's own trouble (RFC 6749 §4.1.2.1), which some report at the token endpoint, too.
TROUBLE = ("server_error", "temporarily_unavailable")
# RFC 6749 §4.1.2.1 and §5.2, OpenID Connect Core §3.1.2.6. Other codes are words of the server.
STANDARD = NO_SIGN_IN | frozenset((
    "invalid_request", "invalid_client", "invalid_grant", "invalid_scope", "unauthorized_client",
    "unsupported_grant_type", "unsupported_response_type", "access_denied", "server_error",
    "temporarily_unavailable", "invalid_request_uri", "invalid_request_object",
    "request_not_supported", "request_uri_not_supported", "registration_not_supported",
))  # fmt: skip


def as_standard(error: str) -> str:
    """Return a standard's code that is only spelled differently, as "Access Denied"."""
    code = re.sub(r"(?<=[a-z])(?=[A-Z])|[ -]", "_", error).lower()
    return code if code in STANDARD else error
