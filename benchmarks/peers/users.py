"""What mozilla-django-oidc and django-allauth need beside the settings of all peers: users."""

import os
from urllib.parse import urlsplit

from benchmarks.peers.settings import *  # noqa: F403
from benchmarks.peers.settings import INSTALLED_APPS, MIDDLEWARE
from tests.scripted_ehr import CLIENT_ID

INSTALLED_APPS = [
    *INSTALLED_APPS,
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
]
MIDDLEWARE = [
    *MIDDLEWARE,
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
LOGIN_REDIRECT_URL = "/page"
CLIENT_SECRET = "secret"  # noqa: S105 - neither of the two signs assertions
FHIR_BASE_URL = os.environ["EHRS"].split()[0]
EHR = f"{urlsplit(FHIR_BASE_URL).scheme}://{urlsplit(FHIR_BASE_URL).netloc}"
CLIENT = CLIENT_ID
