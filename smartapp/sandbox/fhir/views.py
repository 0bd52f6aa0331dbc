"""The FHIR R4 API: metadata, read and search (S60 to S66).

Stored resources are sent byte for byte, unless a fault changes them.
"""

import asyncio
import json
import logging
from collections.abc import Callable, Coroutine, Iterator
from functools import wraps
from typing import Any

from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from smartapp.database import in_database
from smartapp.exception_reports import cause
from smartapp.sandbox import addresses, launches, request_log, worlds
from smartapp.sandbox.access import Access, Bearer
from smartapp.sandbox.fhir import bundles, fault_effects, formats, scopes
from smartapp.sandbox.fhir.capability import capability_statement
from smartapp.sandbox.fhir.outcomes import (
    BadRequest,
    DatabaseAway,
    InsufficientScope,
    IntentMissing,
    InvalidClient,
    MethodNotAllowed,
    NotFound,
    NotSupported,
    PracticeMissing,
    Refusal,
    TokenMissing,
    TokenRefused,
    issue,
    operation_outcome,
)
from smartapp.sandbox.fhir.store import TYPES, Record, store

logger = logging.getLogger(__name__)

CONTENT_TYPE = "application/fhir+json; charset=utf-8"
CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, Prefer",
    "Access-Control-Max-Age": "600",
}
SIGN_IN_PAGE = b"<!doctype html><title>Sign in</title><h1>Please sign in to the proxy</h1>"

View = Callable[..., HttpResponse]
AsyncView = Callable[..., Coroutine[Any, Any, HttpResponse]]


def fhir_view(*methods: str) -> Callable[[View], AsyncView]:
    """Decorate a view: its refusals become OperationOutcomes, and scripts of any origin may read
    it.

    Without `methods` it accepts all of them. It runs where the app's own database work does: a page
    makes twenty requests, and a thread and a connection for each would cost more than they do.
    """

    def decorate(view: View) -> AsyncView:
        @csrf_exempt
        @wraps(view)
        async def wrapped(request: HttpRequest, **kwargs: str) -> HttpResponse:
            bearer = Bearer.of(request.headers.get("Authorization", ""))
            try:
                answered = in_database(_answer, view, methods, request, bearer, **kwargs)
                response, seconds = await answered
            except OperationalError as error:
                logger.error("the sandbox's FHIR API has no database: %s", cause(error))
                response, seconds = _refused(DatabaseAway("Try again in a few seconds.")), 0
            await asyncio.sleep(seconds)
            for name, value in CORS.items():
                response.headers[name] = value
            response.headers.setdefault("Cache-Control", "no-store")
            return response

        return wrapped

    return decorate


def _answer(
    view: View, methods: tuple[str, ...], request: HttpRequest, bearer: Bearer, **kwargs: str
) -> tuple[HttpResponse, int]:
    """Return the response, and by how many seconds a fault puts it off."""
    if request.method == "OPTIONS":
        return HttpResponse(status=204), 0
    resource_type = kwargs.get("resource_type", "")
    try:
        if methods and request.method not in methods:
            raise MethodNotAllowed(*methods)
        response = _viewed(view, request, bearer, **kwargs)
    except Refusal as refusal:
        why = _why(request, refusal, bearer)
        request_log.record_fhir(request, refusal, why, bearer, resource_type)
        response = _refused(refusal)
    else:
        if resource_type:
            remark = "" if "id" in kwargs else _remark(request, resource_type)
            request_log.record_read(request, bearer, resource_type, remark)
    return response, fault_effects.delay(bearer.access) if resource_type else 0


def _viewed(view: View, request: HttpRequest, bearer: Bearer, **kwargs: str) -> HttpResponse:
    try:
        formats.validate_accepted(request)
        return view(request, bearer, **kwargs)
    except RequestDataTooBig as exc:
        raise BadRequest("The body is too large.") from exc
    except TooManyFieldsSent as exc:
        raise BadRequest("There are too many parameters.") from exc


@fhir_view("GET", "HEAD")
def metadata(_request: HttpRequest, _bearer: Bearer) -> HttpResponse:
    """Return the CapabilityStatement, without a token (S60)."""
    response = _json(capability_statement())
    response.headers["Cache-Control"] = "public, max-age=300"
    return response


@fhir_view("GET", "HEAD")
def read(_request: HttpRequest, bearer: Bearer, resource_type: str, id: str) -> HttpResponse:
    access = _access(bearer)
    _validate_type(resource_type)
    fault = fault_effects.meet(access, resource_type)
    record = store().find(resource_type, id)
    if record is None or not scopes.is_own_user(access, record):
        record = _within_scope(access, resource_type, record)
    return _html() if fault.html else HttpResponse(_body(record, fault), content_type=CONTENT_TYPE)


@fhir_view("GET", "HEAD")
def search(request: HttpRequest, bearer: Bearer, resource_type: str) -> HttpResponse:
    return _search(request, bearer, resource_type, _form(request))


@fhir_view("POST")
def search_by_post(request: HttpRequest, bearer: Bearer, resource_type: str) -> HttpResponse:
    return _search(request, bearer, resource_type, _form(request))


@fhir_view()
def unknown(_request: HttpRequest, _bearer: Bearer, address: str) -> HttpResponse:
    """Refuse batches, operations, histories and writing, which this API does not support."""
    what = f"operation {address.rpartition('/')[2]}" if "$" in address else "such address"
    raise NotSupported(f"There is no {what} here. This API knows read and search only.")


def _form(request: HttpRequest) -> str:
    if request.method == "POST":
        return request.body.decode("utf-8", "replace")
    return str(request.META.get("QUERY_STRING", ""))


def _search(request: HttpRequest, bearer: Bearer, resource_type: str, form: str) -> HttpResponse:
    access = _access(bearer)
    _validate_type(resource_type)
    fault = fault_effects.meet(access, resource_type)
    grants = scopes.grants_for(access, resource_type, scopes.SEARCH)
    if not grants:
        raise InsufficientScope(f"No scope of this token lets it search for {resource_type}.")
    parameters = bundles.parse_form(form)
    if access.asks_as_athena:
        _validate_as_athena(resource_type, dict(parameters))
    query = bundles.parse_query(resource_type, parameters)
    if query.ignored and "handling=strict" in request.headers.get("Prefer", ""):
        raise BadRequest(f"Not supported: {', '.join(query.ignored)}.")
    found = bundles.find(query, grants)
    return _html() if fault.html else _bundle(query, found, fault)


def _remark(request: HttpRequest, resource_type: str) -> str:
    """Return the ignored parameters of a valid search, for the request log."""
    query = bundles.parse_query(resource_type, bundles.parse_form(_form(request)))
    return f"Ignored: {', '.join(query.ignored)}." if query.ignored else ""


def _why(request: HttpRequest, refusal: Refusal, bearer: Bearer) -> str:
    """Return the reason for the request log; the response does not tell it."""
    if not isinstance(refusal, TokenRefused) or refusal.why != refusal.diagnostics:
        return refusal.why
    if not bearer.token and "access_token" in request.GET:
        return f"{bearer.why_unusable()} A token in the address is not taken."
    return bearer.why_unusable()


def _validate_as_athena(resource_type: str, parameters: dict[str, str]) -> None:
    """Refuse a search that athenahealth refuses: without its practice or intent (S65, E10)."""
    if bundles.CURSOR_PARAMETER in parameters:
        return
    practice = parameters.get("ah-practice")
    if practice is None:
        raise PracticeMissing("ah-practice is missing.")
    if practice != launches.PRACTICE:
        raise InvalidClient("Invalid Client")
    if resource_type == "MedicationRequest" and not {"_id", "intent"} & parameters.keys():
        raise IntentMissing(
            "A search for MedicationRequest has to name its intent, as in intent=order,plan."
        )


def _access(bearer: Bearer) -> Access:
    if bearer.access is None:
        raise _token_refused(bearer.token)
    return bearer.access


def _token_refused(token: str) -> TokenRefused:
    """Return the refusal of a token: with athenahealth's words (E14), or plain ones in strict and
    bcp."""
    refused = TokenRefused if token else TokenMissing
    if worlds.current() in (worlds.World.STRICT, worlds.World.BCP):
        plain = "The access token is not valid here." if token else "Send a bearer access token."
        return refused(plain)
    return refused("Developer Inactive")


def _validate_type(resource_type: str) -> None:
    if resource_type not in TYPES:
        raise NotSupported(f"{resource_type} is not kept here.")


def _within_scope(access: Access, resource_type: str, record: Record | None) -> Record:
    grants = scopes.grants_for(access, resource_type, scopes.READ)
    if not grants:
        raise InsufficientScope(f"No scope of this token lets it read {resource_type}.")
    words = f"No such {resource_type}"
    if record is None:
        raise NotFound(f"{words}.")
    if not scopes.may_see(grants, record):
        raise NotFound(f"{words}.", f"{words} within what this token opens; outside, there is one.")
    return record


def _bundle(
    query: bundles.Query, found: list[Record], fault: fault_effects.Alterations
) -> HttpResponse:
    page = found[query.offset : query.offset + query.count]
    parts = [
        b'{"resourceType":"Bundle","type":"searchset","total":%d,"link":' % len(found),
        json.dumps(_links(query, len(found), fault)).encode(),
    ]
    entries = [*_entries(page, fault), *_warnings(query)]
    if entries:
        parts += [b',"entry":[', b",".join(entries), b"]"]
    return HttpResponse(b"".join((*parts, b"}")), content_type=CONTENT_TYPE)


def _links(
    query: bundles.Query, total: int, fault: fault_effects.Alterations
) -> list[dict[str, str]]:
    base_url = addresses.fhir_base_url()
    links = [{"relation": "self", "url": bundles.self_url(query, base_url)}]
    if query.count and query.offset + query.count < total:
        next_base_url = fault_effects.FOREIGN_BASE_URL if fault.foreign_next else base_url
        links.append({"relation": "next", "url": bundles.next_url(query, next_base_url)})
    return links


def _entries(page: list[Record], fault: fault_effects.Alterations) -> Iterator[bytes]:
    base_url = addresses.fhir_base_url()
    for record in page:
        url = f"{base_url}/{record.reference}".encode()
        body = _body(record, fault)
        yield b'{"fullUrl":"%b","resource":%b,"search":{"mode":"match"}}' % (url, body)


def _warnings(query: bundles.Query) -> Iterator[bytes]:
    """Yield an OperationOutcome about ignored parameters, as R4 asks of a lenient server."""
    if query.ignored:
        text = f"Ignored: {', '.join(query.ignored)}"
        outcome = operation_outcome(issue("warning", "not-supported", text))
        yield json.dumps({"resource": outcome, "search": {"mode": "outcome"}}).encode()


def _body(record: Record, fault: fault_effects.Alterations) -> bytes:
    if not fault.alters_resources:
        return record.body
    return json.dumps(fault.altered(record.resource), ensure_ascii=False).encode()


def _refused(refusal: Refusal) -> HttpResponse:
    if isinstance(refusal, InvalidClient):
        return HttpResponse(refusal.diagnostics, status=refusal.status, content_type="text/plain")
    response = _json(refusal.body(), refusal.status)
    if isinstance(refusal, MethodNotAllowed):
        response.headers["Allow"] = ", ".join(refusal.allowed)
    if refusal.challenge:
        response.headers["WWW-Authenticate"] = refusal.challenge
    if refusal.status == 429:
        response.headers["Retry-After"] = "1"
    return response


def _json(value: dict[str, Any], status: int = 200) -> HttpResponse:
    body = json.dumps(value, ensure_ascii=False)
    return HttpResponse(body, status=status, content_type=CONTENT_TYPE)


def _html() -> HttpResponse:
    return HttpResponse(SIGN_IN_PAGE, content_type="text/html; charset=utf-8")
