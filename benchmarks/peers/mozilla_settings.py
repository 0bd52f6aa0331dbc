"""mozilla-django-oidc, set up as its documentation says, with PKCE."""

from benchmarks.ehr import SCOPE
from benchmarks.peers.users import *  # noqa: F403
from benchmarks.peers.users import CLIENT, CLIENT_SECRET, EHR, INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "mozilla_django_oidc"]
AUTHENTICATION_BACKENDS = ["mozilla_django_oidc.auth.OIDCAuthenticationBackend"]
OIDC_RP_CLIENT_ID = CLIENT
OIDC_RP_CLIENT_SECRET = CLIENT_SECRET
OIDC_RP_SIGN_ALGO = "RS256"
OIDC_RP_SCOPES = SCOPE
OIDC_USE_PKCE = True
OIDC_TIMEOUT = 10
OIDC_OP_AUTHORIZATION_ENDPOINT = f"{EHR}/authorize"
OIDC_OP_TOKEN_ENDPOINT = f"{EHR}/token"
OIDC_OP_USER_ENDPOINT = f"{EHR}/userinfo"
OIDC_OP_JWKS_ENDPOINT = f"{EHR}/issuer/keys"
