"""What each step of a launch stores in its timeline: a redacted record, and each rule that failed.

It stores only what an administrator needs to find the cause: names of members, hosts, error codes,
client id, our own addresses. Of a client assertion it stores header and claims, never the assertion
itself. The rules that a successful step has met are not stored; the step implies them
(`diagnosis.rules`).
"""

import hashlib
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.http import HttpResponse
from django.utils import timezone
from joserfc.util import urlsafe_b64decode

from smartapp.chart.chart import Chart, ReadSection, Visit, Who
from smartapp.exchange.pipeline import Exchange, Purpose, Request, Sent
from smartapp.launches import cookies, events
from smartapp.launches.events import Attempt, Detail, Verdict
from smartapp.launches.models import LaunchKind, Step
from smartapp.launches.store import StoredLaunch
from smartapp.launches.tokens import LaunchTokens
from smartapp.protocol.authorization import (
    MAX_URL_CHARACTERS,
    AuthorizationErrorResponse,
    AuthorizationResponse,
)
from smartapp.protocol.errors import (
    FHIRError,
    SmartError,
    StateOfAnotherBrowser,
    WrongPatient,
)
from smartapp.protocol.fhir import fhir_user_type
from smartapp.protocol.json import JSONInvalid, parse_json_object
from smartapp.protocol.text import vendor_words
from smartapp.registrations.discovery import OAuthEndpoints
from smartapp.registrations.registry import EndpointConfig

_MEMBER = re.compile(r"[A-Za-z0-9_.:/-]{1,64}")
_ERROR_CODE = re.compile(r"[a-zA-Z0-9_.-]{1,64}")
_HEADER_MEMBERS = ("alg", "kid", "typ", "jku")
_CLAIMS = ("iss", "sub", "aud", "jti", "iat", "exp")


def failed(rule: str) -> Verdict:
    """Return that a rule was not kept. What that means is told by `diagnosis.rules`."""
    return {"rule": rule, "ok": False}


def _names(members: Mapping[str, Any]) -> list[str]:
    """Return the names of members. Names from an EHR only if they look like names."""
    return sorted(name for name in members if _MEMBER.fullmatch(name))


def visited(iss: str) -> None:
    """The EHR opened `/launch`. It is not known yet whether its `iss` is registered."""
    events.current().iss = iss


def recognized(config: EndpointConfig) -> None:
    """The EHR has been identified."""
    attempt = events.current()
    attempt.endpoint_id = config.endpoint_id
    attempt.fhir_base_url = config.fhir_base_url


def started(config: EndpointConfig, kind: LaunchKind, state: str) -> None:
    attempt = events.current()
    attempt.key = events.key_of(cookies.state_digest(state))
    iss = attempt.iss or config.fhir_base_url
    events.note(Step.LAUNCH, [], {"kind": kind.value, "iss": iss})
    attempt.step = Step.DISCOVERY


def discovered(endpoints: OAuthEndpoints) -> None:
    detail: Detail = {
        "authorization_endpoint": endpoints.authorization_endpoint,
        "token_endpoint": endpoints.token_endpoint,
    }
    events.note(Step.DISCOVERY, [], detail)
    events.current().step = Step.AUTHORIZE


def asked(
    config: EndpointConfig,
    fields: Mapping[str, str],
    response: HttpResponse,
    *,
    is_framed: bool,
) -> None:
    detail: Detail = {
        "client_id": config.client_id,
        "redirect_uri": config.redirect_uri,
        "aud": fields["aud"],
        "scope": fields["scope"].split(),
        "sent": list(fields),
    }
    if is_framed:
        detail["framed"] = True
    length = len(response.headers.get("Location", ""))
    is_too_long = length > MAX_URL_CHARACTERS  # perhaps for a server between here and the EHR
    if is_too_long:
        detail["characters"] = length
    events.note(Step.AUTHORIZE, [failed("C44")] if is_too_long else [], detail)


def framed_from(origin: str) -> None:
    events.note(Step.AUTHORIZE, [failed("C150")], {"framed_from": origin})


def came_back_to(config: EndpointConfig | None, waiting: str) -> None:
    """An answer without a state of ours came to this registration's redirect URI.

    `waiting` is the digest in the cookie name of a launch that this browser started there: the
    answer belongs to that attempt, but can never resume it. It is "" if there is none. `config` is
    None if the registration has several endpoints, because it may be any of them.
    """
    attempt = events.current()
    attempt.step = Step.CALLBACK
    attempt.endpoint_id = config.endpoint_id if config else None
    attempt.is_stray = not waiting
    if waiting:
        attempt.key = events.key_of(waiting)


def came_back(state: str) -> None:
    """An answer for this state came. It is not known yet whether this browser asked for it."""
    attempt = events.current()
    attempt.key = events.key_of(cookies.state_digest(state))
    attempt.step = Step.CALLBACK


def recalled(
    config: EndpointConfig,
    answer: AuthorizationResponse | AuthorizationErrorResponse,
    asked_at: datetime,
) -> None:
    """The answer belongs to a pending launch of this browser."""
    recognized(config)
    refused = isinstance(answer, AuthorizationErrorResponse)
    received = ["error" if refused else "code", "state", *(["iss"] if answer.iss else [])]
    away = round((timezone.now() - asked_at).total_seconds())
    events.note(Step.CALLBACK, [], {"received": received, "seconds_away": away})
    events.current().step = Step.CALLBACK if refused else Step.TOKEN


def exchanged(*, exchange: Exchange, **_: object) -> None:
    """Receive each request to an authorization server when it is over, successful or not."""
    attempt, purpose = events.current(), exchange.request.purpose
    if purpose.is_for_tokens:
        attempt.step = Step.REFRESH if purpose == Purpose.REFRESH else Step.TOKEN
        for sent in exchange.sent:
            _token_answered(attempt, exchange.request, sent)
    if exchange.stale_copy:
        _stale_copy(exchange.request.config, *exchange.stale_copy)


def _token_answered(attempt: Attempt, request: Request, sent: Sent) -> None:
    form, members = form_and_members(sent.response.body)
    header, claims = _assertion(sent.fields.get("client_assertion", ""))
    detail: Detail = {
        "token_endpoint": request.url,
        "auth_method": request.config.auth_method,
        "client_id": request.config.client_id,
        "sent": _names(sent.fields),
        "received": _names(members),
        "http_status": sent.response.status,
        "form": form,
    }
    if header:
        detail["assertion_header"], detail["assertion_claims"] = header, claims
    if "redirect_uri" in sent.fields:
        detail["redirect_uri"] = sent.fields["redirect_uri"]
    error = members.get("error")
    if isinstance(error, str) and _ERROR_CODE.fullmatch(error):
        detail["ehr_error"] = error
    if error == "invalid_grant" and attempt.step == Step.REFRESH:
        # It ends the launch, and no error page follows that would have the words.
        detail["said"] = vendor_words(sent.said.removeprefix(error).lstrip(": "))
    status = sent.response.status
    granted = status == 200 and "access_token" in members
    events.note(attempt.step, [] if granted else [failed("C80")], detail)
    if granted:
        attempt.step = Step.ID_TOKEN if attempt.step == Step.TOKEN else Step.FHIR


def refreshed_without_aud() -> None:
    """The id_token of a refresh is correct in everything that it says, but names no audience."""
    events.note(Step.REFRESH, [{"rule": "C98", "ok": True}])


def _stale_copy(config: EndpointConfig, refused: str, taken: str) -> None:
    """The EHR refused the new key and accepted the previous one, so nothing failed."""
    detail: Detail = {
        "auth_method": config.auth_method,
        "refused_kid": refused,
        "taken_kid": taken,
    }
    events.note(Step.TOKEN, [failed("T22")], detail)


def form_and_members(body: bytes) -> tuple[str, dict[str, Any]]:
    """Return the form of an answer, which tells a gateway's page from an EHR's answer, and the
    members of a JSON object."""
    try:
        return "JSON", parse_json_object(body)
    except JSONInvalid:
        start = body.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
        return {b"": "nothing", b"<": "markup"}.get(start, "other"), {}


def _assertion(assertion: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the header and claims of our own assertion; only a digest of its `jti`."""
    parts = assertion.split(".")
    if len(parts) != 3:
        return {}, {}
    header, claims = (parse_json_object(urlsafe_b64decode(part.encode())) for part in parts[:2])
    claims["jti"] = hashlib.sha256(claims["jti"].encode()).hexdigest()[:12]
    return (
        {name: header[name] for name in _HEADER_MEMBERS if name in header},
        {name: claims[name] for name in _CLAIMS if name in claims},
    )


def context_given(tokens: LaunchTokens) -> None:
    """The checks of the user and the context succeeded: the launch is complete."""
    if tokens.id_token_iss is not None:
        events.note(Step.ID_TOKEN)
    compared = tokens.scope
    broken = []
    detail: Detail = {"received": _names(tokens.members), "missing": list(compared.missing)}
    if compared.missing:
        detail["granted"] = list(compared.granted)
        broken.append(failed("C82"))
    wants_patient = not {"launch", "launch/patient"}.isdisjoint(compared.requested)
    if wants_patient and tokens.context.patient is None:
        broken.append(failed("C110"))
    if "fhirUser" in compared.granted and not fhir_user_type(tokens.fhirUser or ""):
        broken.append(failed("C95"))
    events.note(Step.CONTEXT, broken, detail)


def resumed(launch: StoredLaunch) -> None:
    """A page of an open launch was requested."""
    attempt = events.current()
    attempt.key = events.key_of(launch.state_digest)
    attempt.endpoint_id = launch.endpoint_id
    attempt.fhir_base_url = launch.fhir_base_url
    attempt.step = Step.FHIR


def charted(chart: Chart) -> None:
    """The record was read: one event with all reads, and one more for each part that failed."""
    unread = "failed" if chart.who.reference else "not-granted"
    sections = {"patient": "ok" if chart.who.identity else unread}
    sections |= {part.name: part.state for part in chart.sections}
    events.note(Step.FHIR, [], {"sections": sections})
    for name, read in (("patient", chart.who), ("encounter", chart.visit)):
        if read.reference:
            _lacking(name, "failed", "failed", read)
    for part in chart.sections:
        if part.lacks:
            _lacking(part.name, part.state, part.lacks, part)


def shown_without_patient() -> None:
    """A page was shown without a record, because the EHR gave no patient."""
    events.note(Step.FHIR, [], {"sections": {"patient": "not chosen"}})


# By what a part of the record lacks: the rule, and the code of the event.
LACKING = {
    "failed": ("C142", "fhir-failed"),
    "forbidden": ("C141", "fhir-forbidden"),
    "foreign": ("C143", "wrong-patient-entry"),
    "elsewhere": ("C140", "results-elsewhere"),
    "less": ("C142", "list-incomplete"),
    "unattributed": ("C143", "unattributed-entry"),
}


def _lacking(name: str, state: str, lacks: str, part: Who | Visit | ReadSection) -> None:
    """Something of one part of the record failed, or was left out (C143)."""
    rule, code = LACKING[lacks]
    detail: Detail = {"sections": {name: state}}
    if part.why.detail:
        detail |= {"rule": part.why.rule, "failure": part.why.detail}
    events.note(Step.FHIR, [failed(rule)], detail, code=code, reference=part.reference)


def ended(reason: str) -> None:
    events.note(Step.END, [], {"reason": reason})


def refused(*, error: SmartError, reference: str, **_: object) -> None:
    """Receive each error page: the step at which this launch stopped, and the rule that failed."""
    attempt = events.current()
    step = Step(error.step) if error.step else attempt.step
    detail = failure(error)
    if attempt.iss and attempt.endpoint_id is None:
        detail["iss"] = attempt.iss
    events.note(step, [failed(error.requirement)], detail, code=error.code, reference=reference)


def failure(error: SmartError) -> Detail:
    """Return what is stored about an error. Of an authorization server's message only `said` is
    kept, without what may be a token or name a person (T10); of a FHIR server's only what it says
    of a refused token, in a header."""
    detail: Detail = {"rule": error.rule} if error.rule else {}
    if error.came:
        detail["came"] = error.came
    if isinstance(error, WrongPatient):
        detail["resource_type"] = error.resource_type
    elif isinstance(error, StateOfAnotherBrowser):
        detail["framed"] = error.is_framed
    if isinstance(error, FHIRError):
        return detail
    if error.error or error.http_status:
        detail["ehr_error"] = error.error
        detail["said"] = vendor_words(error.said.removeprefix(error.error).lstrip(": "))
        if error.http_status:
            detail["http_status"] = error.http_status
    else:
        detail["failure"] = error.detail
        if error.said:
            detail["said"] = vendor_words(error.said)
    return detail
