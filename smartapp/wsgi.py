"""Under WSGI: refuse to start and say how this app is served.

WSGI would serve pages, but not the JWKS, `/healthz` and static files, which asgi.py answers before
Django. Every EHR would then refuse our token requests.
"""

from django.core.exceptions import ImproperlyConfigured

from smartapp.management.commands.runserver import REFUSAL

raise ImproperlyConfigured(REFUSAL)
