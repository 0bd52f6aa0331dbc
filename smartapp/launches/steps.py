"""What each step of a launch leaves in its timeline: a redacted record, and a verdict per rule.

Only what an administrator needs to see why: names of members, hosts, codes, client id, addresses
of ours. Of a client assertion the header and the claims, never the assertion itself.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.http import HttpResponse
from django.utils import timezone
from joserfc.util import urlsafe_b64decode

from smartapp.chart.chart import Chart
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
    AuthorizationErrorWithoutState,
    AuthorizationRefused,
    FHIRError,
    SmartError,
    StateOfAnotherBrowser,
    TokenRefused,
    WrongPatient,
)
from smartapp.protocol.json import JSONInvalid, parse_json_object
from smartapp.protocol.text import vendor_words
from smartapp.registrations.discovery import OAuthEndpoints
from smartapp.registrations.registry import EndpointConfig

_MEMBER = re.compile(r"[A-Za-z0-9_.:/-]{1,64}")
_ERROR_CODE = re.compile(r"[a-zA-Z0-9_.-]{1,64}")
_HEADER_MEMBERS = ("alg", "kid", "typ", "jku")
_CLAIMS = ("iss", "sub", "aud", "jti", "iat", "exp")


def verdict(rule: str, ok: bool, text: str) -> Verdict:
    return {"rule": rule, "ok": ok, "text": text}


def _names(members: Mapping[str, Any]) -> list[str]:
    """Return the names of members, those of a stranger only where they look like names."""
    return sorted(name for name in members if _MEMBER.fullmatch(name))


def visited(iss: str) -> None:
    """The EHR opened `/launch`. Whether its `iss` is one of ours is not known yet."""
    if attempt := events.current():
        attempt.iss = iss


def recognized(config: EndpointConfig) -> None:
    """It is known which EHR this is about."""
    if attempt := events.current():
        attempt.endpoint_id = config.endpoint_id
        attempt.fhir_base_url = config.fhir_base_url


def started(config: EndpointConfig, kind: LaunchKind, state: str) -> None:
    attempt = events.current()
    if attempt is None:
        return
    attempt.key = events.key_of(cookies.state_digest(state))
    iss = attempt.iss or config.fhir_base_url
    events.note(
        Step.LAUNCH,
        [verdict("C7", True, f"The FHIR base URL is that of the registered {config.name}.")],
        {"kind": kind.value, "iss": iss},
    )
    attempt.step = Step.DISCOVERY


def discovered(endpoints: OAuthEndpoints) -> None:
    attempt = events.current()
    if attempt is None:
        return
    verdicts = [
        verdict("C12", True, "Both endpoints and PKCE with S256 are published."),
        verdict("C14", True, "Every host that discovery names is pinned."),
    ]
    detail: Detail = {
        "authorization_endpoint": endpoints.authorization_endpoint,
        "token_endpoint": endpoints.token_endpoint,
    }
    events.note(Step.DISCOVERY, verdicts, detail)
    attempt.step = Step.AUTHORIZE


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
        "scope": fields["scope"],
        "sent": list(fields),
    }
    if is_framed:
        detail["framed"] = True
    verdicts = [
        verdict("C31", True, "aud is the FHIR base URL, as the EHR itself writes it."),
        verdict("C33", True, "PKCE with S256."),
        _way_there(response),
    ]
    events.note(Step.AUTHORIZE, verdicts, detail)


def framed_from(origin: str) -> None:
    text = f"Shown in a frame that {origin} opened, which is not among those that may show the app."
    events.note(Step.AUTHORIZE, [verdict("C150", False, text)], {"framed_from": origin})


def _way_there(response: HttpResponse) -> Verdict:
    """Whether everything between here and the EHR takes so long an address (C44)."""
    length = len(response.headers.get("Location", ""))
    if not length:
        return verdict("C41", True, "Sent as a form: too long for an address.")
    if length <= MAX_URL_CHARACTERS:
        return verdict("C44", True, f"{length} characters in the address.")
    return verdict(
        "C44",
        False,
        f"{length} characters in the address, and the EHR announces no authorize-post.",
    )


def came_back_to(config: EndpointConfig | None) -> None:
    """An answer arrived at this registration's redirect URI; no more is known of it yet. `config`
    is None where the registration has several endpoints: it may be any of them."""
    if attempt := events.current():
        attempt.step = Step.CALLBACK
        attempt.endpoint_id = config.endpoint_id if config else None


def came_back(state: str) -> None:
    """An answer for this state arrived; whether this browser asked for it is not known yet."""
    if attempt := events.current():
        attempt.key = events.key_of(cookies.state_digest(state))
        attempt.step = Step.CALLBACK


def recalled(
    config: EndpointConfig,
    answer: AuthorizationResponse | AuthorizationErrorResponse,
    asked_at: datetime,
) -> None:
    """The answer fits a pending launch of this browser."""
    attempt = events.current()
    if attempt is None:
        return
    attempt.endpoint_id = config.endpoint_id
    attempt.fhir_base_url = config.fhir_base_url
    refused = isinstance(answer, AuthorizationErrorResponse)
    received = ["error" if refused else "code", "state", *(["iss"] if answer.iss else [])]
    verdicts = [
        verdict("C50", True, "This browser started it, on this redirect URI."),
        verdict("C52", not refused, "The EHR answered with an error." if refused else "A code."),
    ]
    away = round((timezone.now() - asked_at).total_seconds())
    detail: Detail = {"received": received, "seconds_away": away}
    events.note(Step.CALLBACK, verdicts, detail)
    attempt.step = Step.CALLBACK if refused else Step.TOKEN


def exchanged(*, exchange: Exchange, **_: object) -> None:
    """Receive each request to an authorization server when it is over, however it went."""
    attempt, purpose = events.current(), exchange.request.purpose
    if attempt is None:
        return
    if purpose.is_for_tokens:
        attempt.step = Step.REFRESH if purpose == Purpose.REFRESH else Step.TOKEN
        for sent in exchange.sent:
            _token_answered(attempt, exchange.request, sent)
    if exchange.stale_copy:
        _stale_copy(exchange.request.config, *exchange.stale_copy)


def _token_answered(attempt: Attempt, request: Request, sent: Sent) -> None:
    members = _members(sent.response.body)
    header, claims = _assertion(sent.fields.get("client_assertion", ""))
    detail: Detail = {
        "token_endpoint": request.url,
        "auth_method": request.config.auth_method,
        "client_id": request.config.client_id,
        "sent": _names(sent.fields),
        "received": _names(members),
        "http_status": sent.response.status,
    }
    if header:
        detail["assertion_header"], detail["assertion_claims"] = header, claims
    if "redirect_uri" in sent.fields:
        detail["redirect_uri"] = sent.fields["redirect_uri"]
    error = members.get("error")
    if isinstance(error, str) and _ERROR_CODE.fullmatch(error):
        detail["ehr_error"] = error
    granted = sent.response.status == 200 and "access_token" in members
    text = "The EHR gave tokens." if granted else f"The EHR answered {sent.response.status}."
    events.note(attempt.step, [verdict("C80", granted, text), *_about_assertion(claims)], detail)
    if granted:
        attempt.step = Step.ID_TOKEN if attempt.step == Step.TOKEN else Step.FHIR


def refreshed_without_aud() -> None:
    """The id_token of a refresh is right in everything that it says, and says no audience."""
    text = (
        "The id_token of the refresh names no audience (OpenID Connect Core §12.2 wants one). "
        "Issuer, subject and signature are right, and nothing is read from it, so it was taken."
    )
    events.note(Step.REFRESH, [verdict("C98", True, text)])


def _stale_copy(config: EndpointConfig, refused: str, taken: str) -> None:
    """The EHR refused the key that signs and took the previous one: nothing failed."""
    text = "The EHR refused the new key and took the previous one: its copy of our JWKS is stale."
    detail: Detail = {
        "auth_method": config.auth_method,
        "refused_kid": refused,
        "taken_kid": taken,
    }
    events.note(Step.TOKEN, [verdict("T22", False, text)], detail)


def _members(body: bytes) -> dict[str, Any]:
    try:
        return parse_json_object(body)
    except JSONInvalid:
        return {}


def _assertion(assertion: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what our own assertion says; of its `jti` only a digest."""
    parts = assertion.split(".")
    if len(parts) != 3:
        return {}, {}
    header, claims = (parse_json_object(urlsafe_b64decode(part.encode())) for part in parts[:2])
    claims["jti"] = hashlib.sha256(claims["jti"].encode()).hexdigest()[:12]
    return (
        {name: header[name] for name in _HEADER_MEMBERS if name in header},
        {name: claims[name] for name in _CLAIMS if name in claims},
    )


def _about_assertion(claims: Mapping[str, Any]) -> list[Verdict]:
    if not claims:
        return []
    lifetime = claims["exp"] - claims["iat"]
    return [verdict("C66", lifetime <= 300, f"The assertion lives {lifetime} s.")]


def context_given(tokens: LaunchTokens) -> None:
    """Who signed in was checked and the context can be used: the launch is complete."""
    if tokens.id_token_iss is not None:
        text = "Issuer, audience, signature, times and nonce are right."
        events.note(Step.ID_TOKEN, [verdict("C90", True, text)])
    compared = tokens.scope
    wants_patient = any(one in ("launch", "launch/patient") for one in compared.requested)
    has_patient = tokens.context.patient is not None
    verdicts = [
        verdict("C82", not compared.missing, _scopes_text(compared.missing)),
        verdict(
            "C110",
            has_patient or not wants_patient,
            "A patient was chosen." if has_patient else "No patient was given.",
        ),
    ]
    detail: Detail = {"received": _names(tokens.members), "missing": list(compared.missing)}
    events.note(Step.CONTEXT, verdicts, detail)


def _scopes_text(missing: Sequence[str]) -> str:
    return f"{len(missing)} scopes were not granted." if missing else "All scopes were granted."


def resumed(launch: StoredLaunch) -> None:
    """A page of a launch that is under way."""
    if attempt := events.current():
        attempt.key = events.key_of(launch.state_digest)
        attempt.endpoint_id = launch.endpoint_id
        attempt.fhir_base_url = launch.fhir_base_url
        attempt.step = Step.FHIR


def charted(chart: Chart) -> None:
    """The record was read: one event with every read of it, one more for each part that failed."""
    sections = {"patient": "ok" if chart.who.identity else "failed"}
    sections |= {part.name: part.state for part in chart.sections}
    events.note(Step.FHIR, [], {"sections": sections})
    if chart.who.reference:
        _part_failed("patient", "failed", chart.who.reference)
    if chart.visit.reference:
        _part_failed("encounter", "failed", chart.visit.reference)
    for part in chart.sections:
        if part.state in ("failed", "forbidden"):
            _part_failed(part.name, part.state, part.reference)
        elif part.reference:
            _left_out(part.name, part.reference)


def shown_without_patient() -> None:
    """A page was shown, and no record: the EHR gave no patient."""
    events.note(Step.FHIR, [], {"sections": {"patient": "not chosen"}})


def _part_failed(name: str, state: str, reference: str) -> None:
    rule, code = ("C142", "fhir-failed") if state == "failed" else ("C141", "fhir-forbidden")
    text = f"{name} could not be read."
    events.note(
        Step.FHIR,
        [verdict(rule, False, text)],
        {"sections": {name: state}},
        code=code,
        reference=reference,
    )


def _left_out(name: str, reference: str) -> None:
    """Entries of another patient came in a list, and were not shown (C143)."""
    events.note(
        Step.FHIR,
        [verdict("C143", False, f"{name}: entries of another patient were left out.")],
        {"sections": {name: "partial"}},
        code="wrong-patient-entry",
        reference=reference,
    )


def ended(reason: str) -> None:
    events.note(Step.END, [], {"reason": reason})


def refused(*, error: SmartError, reference: str, **_: object) -> None:
    """Receive each error page: the step at which this launch stopped, and the rule that failed."""
    attempt = events.current()
    if attempt is None:
        return
    step = Step(error.step) if error.step else attempt.step
    detail = _failure(error)
    if attempt.iss and attempt.endpoint_id is None:
        detail["iss"] = attempt.iss
    events.note(
        step,
        [verdict(error.requirement, False, error.happened)],
        detail,
        code=error.code,
        reference=reference,
    )


def _failure(error: SmartError) -> Detail:
    """What is said of an error. Of an EHR's own words only `said` is kept, without what may be a
    token or name a person (T10)."""
    detail: Detail = {}
    if isinstance(error, TokenRefused | AuthorizationRefused | AuthorizationErrorWithoutState):
        detail["ehr_error"] = error.error
        if error.said:
            detail["said"] = vendor_words(error.said)
        if isinstance(error, TokenRefused):
            detail["http_status"] = error.http_status
    if not isinstance(error, TokenRefused | AuthorizationRefused | FHIRError):
        detail["failure"] = error.detail
    if error.rule:
        detail["rule"] = error.rule
    if isinstance(error, StateOfAnotherBrowser):
        detail["framed"] = error.is_framed
    if isinstance(error, WrongPatient):
        detail["resource_type"] = error.resource_type
    return detail
