"""The start page: patients find where they receive care, and the open launches of this browser."""

from dataclasses import dataclass

from csp.constants import SELF
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from smartapp.brands import search
from smartapp.brands.search import Found
from smartapp.chart.page import OpenLaunch
from smartapp.database import in_database
from smartapp.launches import cookies, store
from smartapp.launches.views import at_public_url
from smartapp.middleware import sent_to_launch
from smartapp.registrations import registry

QUERY_LENGTH = 100


@dataclass(frozen=True, slots=True)
class HomePage:
    """The variable `page` of home.html. `found` is None if nothing was typed and there are too many
    health systems to list."""

    found: Found | None
    query: str
    has_search: bool
    open_launches: tuple[OpenLaunch, ...]
    is_any_ehr_registered: bool
    sandbox_url: str
    admin_url: str


@require_GET
@never_cache
async def home(request: HttpRequest) -> HttpResponse:
    """Return the patients' start page; with `q`, the result of the search."""
    if elsewhere := at_public_url(request):
        return elsewhere
    if launching := sent_to_launch(request):
        return launching
    digests = cookies.session_digests(request)
    open_launches = (
        await in_database(store.open_launches, digests, timezone.now()) if digests else ()
    )
    query = request.GET.get("q", "").strip()[:QUERY_LENGTH]
    found, has_search = await in_database(_found, query)
    page = HomePage(
        found=found,
        query=query,
        has_search=has_search,
        open_launches=open_launches,
        is_any_ehr_registered=has_search
        or bool(found and found.hits)
        or bool(await registry.all_endpoints()),
        sandbox_url="/sandbox/" if settings.SANDBOX else "",
        admin_url="/admin/",
    )
    response = render(request, "home.html", {"page": page})
    response._csp_update = {"connect-src": [SELF]}  # type: ignore[attr-defined] # for search.js
    return response


def _found(query: str) -> tuple[Found | None, bool]:
    """Return what is listed, and whether there are more than a list can hold."""
    if query:
        return search.search(query), True
    everything = search.everything()
    return everything, everything is None
