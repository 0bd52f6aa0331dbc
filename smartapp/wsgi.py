"""What a WSGI server finds: the sentence that says how this app is served.

Behind WSGI there would be pages, but no JWKS, no `/healthz` and no static files, which asgi.py
answers before Django. Every EHR would then refuse our token requests.
"""

from django.core.exceptions import ImproperlyConfigured

from smartapp.management.commands.runserver import REFUSAL

raise ImproperlyConfigured(REFUSAL)
