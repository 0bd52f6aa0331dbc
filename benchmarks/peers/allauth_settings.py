"""django-allauth's OpenID Connect provider, set up as its documentation says, with PKCE."""

from benchmarks.ehr import SCOPE
from benchmarks.peers.users import *  # noqa: F403
from benchmarks.peers.users import (
    CLIENT,
    CLIENT_SECRET,
    EHR,
    FHIR_BASE_URL,
    INSTALLED_APPS,
    MIDDLEWARE,
)

INSTALLED_APPS = [
    *INSTALLED_APPS,
    "allauth",
    "allauth.account",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
]
MIDDLEWARE = [*MIDDLEWARE, "allauth.account.middleware.AccountMiddleware"]
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
ACCOUNT_EMAIL_VERIFICATION = "none"
SOCIALACCOUNT_LOGIN_ON_GET = True
SOCIALACCOUNT_STORE_TOKENS = True
SOCIALACCOUNT_PROVIDERS = {
    "openid_connect": {
        "OAUTH_PKCE_ENABLED": True,
        "APPS": [
            {
                "provider_id": "ehr",
                "name": "EHR",
                "client_id": CLIENT,
                "secret": CLIENT_SECRET,
                "settings": {
                    "server_url": f"{EHR}/issuer",
                    "scope": SCOPE.split(),
                    "auth_params": {"aud": FHIR_BASE_URL},
                    "fetch_userinfo": False,
                },
            }
        ],
    }
}
