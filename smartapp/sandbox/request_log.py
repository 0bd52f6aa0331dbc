"""The request log: each request, and the rule that accepted or refused it. It contains no
secrets."""

from dataclasses import dataclass
from datetime import UTC, datetime
from math import ceil
from operator import attrgetter
from typing import Any

from authlib.oauth2 import OAuth2Error
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from smartapp.sandbox import client_assertion, client_authentication, faults, scopes
from smartapp.sandbox.access import Bearer
from smartapp.sandbox.fhir import fault_effects, outcomes, redaction
from smartapp.sandbox.fhir.redaction import HIDDEN
from smartapp.sandbox.models import Client, RequestRecord
from smartapp.sandbox.oauth_request import SandboxRequest
from smartapp.sandbox.refusals import Refusal

KEPT_RECORDS = 500
KEPT_READS = 200
FORGET_EVERY = 50
READS_AMONG_SHOWN = 0.3
GOOD_READS = Q(endpoint="fhir", accepted=True)
MAX_SHOWN_CHARACTERS = 300
SHOWN = frozenset(
    {
        "aud", "client_assertion_type", "client_id", "code_challenge_method", "fault",
        "grant_type", "prompt", "redirect_uri", "response_mode", "response_type", "scope",
        "token_type_hint",
    }
)  # fmt: skip
KEPT = {
    "authorization_code": ["S21", "S16", "S28"],
    "refresh_token": ["S21", "S30", "S31"],
    "client_credentials": ["S21", "S29"],
    "introspect": ["S40"],
    "revoke": ["S42"],
}
"""The rules for each kind of request, besides those of client authentication."""
RULES = {
    # Authlib itself refuses these; the rule behind each.
    "unauthorized_client": "S21",
    "unsupported_response_type": "S11",
    "invalid_grant": "S28",
    "invalid_request": "E7",
}


def record(endpoint: str, request: SandboxRequest, error: OAuth2Error | None) -> None:
    """Store a request with its verdict, and delete the oldest ones."""
    rule = _rule(error)
    _keep(
        endpoint=endpoint,
        client_id=_clean(_client_id(request))[:200],
        accepted=error is None,
        rule=rule,
        kept=[] if error else rules_kept(endpoint, request),
        error=(error.error or "") if error else "",
        reason=_reason(error) if error else _remark(endpoint, request),
        parameters=redacted(request.payload.data)
        | _faults(request)
        | _met(endpoint, request, rule),
    )


def record_fault(endpoint: str, request: SandboxRequest, fault: str) -> None:
    """Store a valid request that met a fault of its launch (S66)."""
    _keep(
        endpoint=endpoint,
        client_id=_clean(_client_id(request)),
        accepted=False,
        rule="S66",
        kept=rules_kept(endpoint, request),
        error=fault,
        reason=f"A fault that was asked for. A good client: {faults.FAULTS[fault].client_must}",
        parameters=redacted(request.payload.data) | _faults(request) | _changed_by(fault),
    )


def record_fhir(
    request: HttpRequest, refusal: outcomes.Refusal, why: str, bearer: Bearer, resource_type: str
) -> None:
    """Store a request that the FHIR API refused."""
    _keep(
        endpoint="fhir",
        client_id=bearer.client_id,
        accepted=False,
        rule=refusal.rule,
        error=str(refusal.status),
        reason=_clean(why),
        parameters=_asked_of_fhir(request, bearer, resource_type, refusal.rule),
    )


def record_read(request: HttpRequest, bearer: Bearer, resource_type: str, remark: str) -> None:
    """Store a request that the FHIR API answered. Only the newest are kept, because a page reads
    many."""
    _keep(
        endpoint="fhir",
        client_id=bearer.client_id,
        accepted=True,
        kept=["S60", "S62"],
        reason=_clean(remark),
        parameters=_asked_of_fhir(request, bearer, resource_type, ""),
    )


def _asked_of_fhir(
    request: HttpRequest, bearer: Bearer, resource_type: str, rule: str
) -> dict[str, str]:
    access = bearer.access
    met = fault_effects.meant_for(access.faults, resource_type) if access else {}
    return {
        request.method or "": _clean(_address(request)),
        **({RequestRecord.ASKED_FOR: _clean(resource_type)} if resource_type else {}),
        **_changed_by(*faults.at_work(met, [faults.Where.FHIR], rule)),
    }


def _address(request: HttpRequest) -> str:
    query = redaction.query(request.META.get("QUERY_STRING", ""))
    return request.path + (f"?{query}" if query else "")


@dataclass(frozen=True, slots=True)
class Page:
    """One page of the stored requests."""

    rows: list[RequestRecord]
    total: int
    number: int
    last: int

    @property
    def newer(self) -> int:
        """The number of the page before; 0 if there is none."""
        return self.number - 1

    @property
    def older(self) -> int:
        """The number of the page after; 0 if there is none."""
        return self.number + 1 if self.number < self.last else 0


def latest(length: int, *, client_id: str = "", refused: bool = False, number: int = 1) -> Page:
    """Return a page of requests, of one client or of all, newest first. Successful reads have their
    own share of a page: apps make so many that they would displace the others."""
    shown = RequestRecord.objects.all()
    if client_id:
        shown = shown.filter(client_id=client_id)
    if refused:
        shown = shown.filter(accepted=False)
    share = 0 if refused else int(length * READS_AMONG_SHOWN)
    reads, others = shown.filter(GOOD_READS), shown.exclude(GOOD_READS)
    found, others_found = reads.count(), others.count()
    last = max(1, ceil(others_found / (length - share)), ceil(found / share) if share else 0)
    number = max(1, min(number, last))
    rows = [*_slice(reads, share, number), *_slice(others, length - share, number)]
    rows.sort(key=attrgetter("pk"), reverse=True)
    return Page(rows, found + others_found, number, last)


def _slice(rows: QuerySet[RequestRecord], length: int, number: int) -> QuerySet[RequestRecord]:
    return rows[(number - 1) * length : number * length]


def _keep(**values: Any) -> None:
    row = RequestRecord.objects.create(**values)
    if row.pk % FORGET_EVERY == 0:
        _forget_all_but(KEPT_READS, RequestRecord.objects.filter(GOOD_READS))
        _forget_all_but(KEPT_RECORDS, RequestRecord.objects.exclude(GOOD_READS))


def _forget_all_but(newest: int, rows: QuerySet[RequestRecord]) -> None:
    last = rows.order_by("-pk").values_list("pk", flat=True)[newest : newest + 1].first()
    if last is not None:
        rows.filter(pk__lte=last).delete()


def rules_kept(endpoint: str, request: SandboxRequest) -> list[str]:
    """Return the rules that an accepted request of this kind was checked against."""
    form = request.form
    if endpoint == "authorize":
        launch = ["S14"] if request.launch else []
        proof = ["S13"] if "code_challenge" in form else []
        return ["S10", "S11", "S12", *proof, *launch, "S15"]
    if "client_assertion" in form:
        way = ["S24", "S25", "S26", "S27"]
    else:
        way = ["S13"] if request.auth_method == Client.AuthMethod.NONE else ["S22"]
    return ["S20", *way, *KEPT.get(form.get("grant_type", endpoint), KEPT.get(endpoint, []))]


def _rule(error: OAuth2Error | None) -> str:
    if error is None:
        return ""
    return error.rule if isinstance(error, Refusal) else RULES.get(error.error or "", "")


def _remark(endpoint: str, request: SandboxRequest) -> str:
    """Return what in a valid request may not be what the app intends."""
    scope = request.form.get("scope", "")
    types = scopes.unknown_types(scope)
    remarks = [f"No resources here for the scopes of: {', '.join(types)}."] if types else []
    not_given = [one for one in scope.split() if request.offered and one not in request.offered]
    if not_given:
        remarks.append(f"Not given, or less of it: {', '.join(not_given)}.")
    if endpoint == "authorize" and "openid" in scope.split() and "nonce" not in request.form:
        remarks.append("No nonce was sent, so the id_token has none.")
    return _clean(" ".join(remarks))


def _reason(error: OAuth2Error) -> str:
    why = error.why if isinstance(error, Refusal) else ""
    return why or (error.get_error_description() or "")[:500]


def _faults(request: SandboxRequest) -> dict[str, str]:
    quirks = request.client.quirks if request.client else ""
    met = faults.joined(quirks, request.chosen_faults)
    return {"faults in effect": _clean(met)} if met else {}


def _changed_by(*names: str) -> dict[str, str]:
    """Return the faults that changed the response, for the summary of a row."""
    return {RequestRecord.CHANGED_BY: ", ".join(names)} if names else {}


def _met(endpoint: str, request: SandboxRequest, rule: str) -> dict[str, str]:
    try:
        chosen = request.faults
    except faults.FaultUnknown:
        return {}
    parts = faults.parts_of(endpoint, request.form.get("grant_type", ""))
    return _changed_by(*faults.at_work(chosen, parts, rule))


def _client_id(request: SandboxRequest) -> str:
    if request.client:
        return request.client.client_id
    assertion = _assertion(request.form.get("client_assertion", ""))
    claimed = request.form.get("client_id") or str(assertion.get("sub", ""))
    return claimed or client_authentication.claimed_by_basic(request)


def redacted(values: dict[str, str]) -> dict[str, str]:
    """Return parameters without secrets: of an assertion its claims, not the assertion itself."""
    shown = {
        _clean(name): _clean(value) if name in SHOWN else HIDDEN for name, value in values.items()
    }
    for name, value in _assertion(values.get("client_assertion", "")).items():
        shown[f"client_assertion {name}"] = _clean(str(value))
    return shown


def _clean(text: str) -> str:
    """Return text that every database can store and a page can show."""
    shown = "".join(c if c.isprintable() else "?" for c in text[:MAX_SHOWN_CHARACTERS])
    return shown if len(text) <= MAX_SHOWN_CHARACTERS else f"{shown}…"


def _assertion(text: str) -> dict[str, Any]:
    try:
        assertion = client_assertion.parse(text)
    except Refusal:
        return {}
    header, claims = assertion.header, assertion.claims
    said = {name: header.get(name) for name in ("alg", "kid")}
    said |= {name: claims.get(name) for name in ("iss", "sub", "aud", "jti")}
    said |= {name: _moment(claims.get(name)) for name in ("iat", "exp")}
    return {name: value for name, value in said.items() if value is not None}


def _moment(value: object) -> object:
    if isinstance(value, int | float) and 0 <= value < client_assertion.MAX_NUMERIC_DATE:
        return datetime.fromtimestamp(value, UTC).isoformat(timespec="seconds")
    return value
