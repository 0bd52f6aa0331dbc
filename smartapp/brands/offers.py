"""The brands that a patient can connect to: those with an address that a registration can use.

A list gives no permission (SMART App Launch 2.2, "User-access Brands"): only endpoints of an
enabled registration with patient scopes are offered. The result is stored with each brand, so that
a search does not compute it, and every change updates it.
"""

from functools import cache
from typing import Any

from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet

from smartapp.brands.models import Brand, BrandEndpoint
from smartapp.registrations.models import Endpoint


def connectable() -> QuerySet[Endpoint]:
    """Return the endpoints that a patient can be sent to, according to their registrations."""
    return Endpoint.objects.filter(
        enabled=True, launchable=True, registration__enabled=True
    ).exclude(registration__standalone_scope="")


def refresh() -> int:
    """Bring `offered` up to date for all brands; return how many changed."""
    with connection.cursor() as cursor:
        cursor.execute(*_wrong())
        changed = [(pk, not offered) for pk, offered in cursor.fetchall()]
    for value in (True, False):
        keys = [pk for pk, offered in changed if offered is value]
        for start in range(0, len(keys), 5_000):
            Brand.objects.filter(pk__in=keys[start : start + 5_000]).update(offered=value)
    return len(changed)


@cache
def _wrong() -> tuple[str, tuple[Any, ...]]:
    """Return the statement that finds key and `offered` of the brands to change, and its values.

    Django takes longer to build it than a small database to answer it, so it is built once.
    """
    usable = connectable().filter(iss=OuterRef("address__lookup"))
    here = Exists(BrandEndpoint.objects.filter(Exists(usable), brand=OuterRef("pk")))
    is_wrong = Q(here, offered=False) | Q(~here, offered=True)
    brands = Brand.objects.filter(is_wrong).order_by().values_list("pk", "offered")
    return brands.query.sql_with_params()
