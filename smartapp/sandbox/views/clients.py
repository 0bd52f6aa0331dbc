"""The pages about clients: their records, keys and requests."""

import re
from http import HTTPStatus
from urllib.parse import urlencode

from django.db.models import Prefetch
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from smartapp.sandbox import (
    client_keys,
    example_request,
    faults,
    framing,
    registering,
    request_log,
    scopes,
)
from smartapp.sandbox.forms import ClientForm, initial_values
from smartapp.sandbox.models import Client, JWKSFetch, find_client

SHOWN_RECORDS = 100
SHOWN_RECORDS_OF_CLIENT = 30
SHOWN_FETCHES = 10
PAGE_NUMBER = re.compile(r"[0-9]{1,4}")


@never_cache
@require_GET
def clients(request: HttpRequest) -> HttpResponse:
    """List the clients, and when their keys were last fetched (S56)."""
    fetches = Prefetch("jwks_fetches", JWKSFetch.objects.order_by("-pk")[:1], to_attr="latest")
    found = Client.objects.prefetch_related(fetches)
    return render(request, "sandbox/clients.html", {"page": "clients", "clients": found})


@never_cache
@require_http_methods(["GET", "POST"])
def register(request: HttpRequest) -> HttpResponse:
    """Register an app, or with `client_id` change one."""
    known = find_client(request.GET.get("client_id"))
    initial = initial_values(known) if known else {}
    if request.method == "GET":
        return _form_page(request, ClientForm(initial=initial), known)
    form = ClientForm(request.POST, initial=initial)
    done = form.register()
    if done is None:
        return _form_page(request, form, known, HTTPStatus.UNPROCESSABLE_ENTITY)
    return _client_page(
        request,
        *done,
        saved="Saved." if known else "Registered.",
        keys_problem=_keys_problem(done[0]),
    )


def _keys_problem(client: Client) -> str:
    """Return why the key set of a new client is unusable; "" if it is usable or there is none."""
    if not client.jwks_url or not client_keys.may_refetch(client):
        return ""
    return client_keys.refetch(client)


def _form_page(
    request: HttpRequest, form: ClientForm, known: Client | None, status: int = HTTPStatus.OK
) -> HttpResponse:
    context = {"page": "clients", "form": form, "client": known}
    return render(request, "sandbox/register.html", context, status=status)


@never_cache
@require_GET
def client(request: HttpRequest) -> HttpResponse:
    """Show an app: what to configure in it, its keys, its latest requests (S56)."""
    found = find_client(request.GET.get("client_id"))
    if found is None:
        return _nobody(request)
    return _client_page(request, found)


@never_cache
@require_POST
def fetch_keys(request: HttpRequest) -> HttpResponse:
    """Fetch an app's key set for its developer, and show the app's page with the result."""
    found = find_client(request.GET.get("client_id"))
    if found is None or not found.jwks_url:
        return _nobody(request)
    if client_keys.may_refetch(found):
        client_keys.refetch(found)
    return redirect(page_of(found))


def page_of(client: Client) -> str:
    """Return the path of an app's page."""
    return f"{reverse('sandbox:client')}?{urlencode({'client_id': client.client_id})}"


def _nobody(request: HttpRequest) -> HttpResponse:
    context = {"page": "clients"}
    return render(request, "sandbox/no_such_app.html", context, status=HTTPStatus.NOT_FOUND)


def _client_page(
    request: HttpRequest,
    found: Client,
    secret: str = "",
    *,
    saved: str = "",
    keys_problem: str = "",
) -> HttpResponse:
    sheet = registering.described(found)
    context = {
        "page": "clients",
        "client": found,
        "secret": secret,
        "saved": saved,
        "keys_problem": keys_problem,
        "unknown_types": scopes.unknown_types(found.scope),
        "sheet": sheet,
        "example": example_request.token_request(found, sheet),
        "faults": faults.by_part(faults.WITHOUT_A_PERSON),
        "fetches": found.jwks_fetches.order_by("-pk")[:SHOWN_FETCHES],
        "shown": request_log.latest(SHOWN_RECORDS_OF_CLIENT, client_id=found.client_id),
    }
    response = render(request, "sandbox/client.html", context)
    framing.let_scripts_fetch(response)
    return response


@never_cache
@require_GET
def requests(request: HttpRequest) -> HttpResponse:
    """Show the last requests of clients, each with the rules that accepted or refused it."""
    client_id, refused = request.GET.get("client_id", ""), "refused" in request.GET
    client_id = client_id if client_id.isprintable() else ""
    number = request.GET.get("page", "")
    shown = request_log.latest(
        SHOWN_RECORDS,
        client_id=client_id,
        refused=refused,
        number=int(number) if PAGE_NUMBER.fullmatch(number) else 1,
    )
    narrowed = {"client_id": client_id} | ({"refused": "on"} if refused else {})
    context = {
        "page": "requests",
        "shown": shown,
        "client_id": client_id,
        "refused": refused,
        "narrowed": urlencode(narrowed),
        "clients": Client.objects.all(),
        "is_registered": find_client(client_id) is not None,
    }
    response = render(request, "sandbox/requests.html", context)
    framing.let_scripts_fetch(response)
    return response
