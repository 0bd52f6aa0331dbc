"""Checks a registration end to end, and finds before a launch what of its causes can be found then.

Nothing here changes anything but one thing: discovery that was never read is read and pinned. The
command, the page of a registration, the page that adds one and the buttons of *Why?* run the same
checks, and say what the table of causes says.
"""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from functools import partial

from smartapp import http
from smartapp.database import in_database
from smartapp.diagnosis import own_side
from smartapp.diagnosis.causes import explained
from smartapp.diagnosis.client import OF_CLIENT
from smartapp.diagnosis.ehr_side import (
    ACTOR,
    MAX_METADATA_BYTES,
    clock,
    metadata,
    publishes,
    version,
)
from smartapp.diagnosis.facts import Facts, of_endpoint
from smartapp.diagnosis.finding import POSSIBLE, SEEN, Finding, advice, ok, problem
from smartapp.diagnosis.tokens import OF_CODE
from smartapp.exchange import pipeline, token_budget
from smartapp.exchange.pipeline import Exchange, Purpose, Request, Sent
from smartapp.launches import backend, pending_revocations
from smartapp.launches.models import Step
from smartapp.protocol import authorization
from smartapp.protocol.errors import (
    Busy,
    ClientKeyError,
    DiscoveryError,
    EHRLimited,
    InvalidClient,
    InvalidGrant,
    SmartError,
    TokenEndpointFailed,
    TokenRefused,
    UnknownEndpoint,
)
from smartapp.protocol.fhir import error_words, parse_resource
from smartapp.protocol.scopes import ResourceScope, parse_scope, parse_scopes
from smartapp.protocol.text import vendor_words
from smartapp.protocol.token import authorization_code_request
from smartapp.registrations import discovery, registry
from smartapp.registrations.registry import EndpointConfig
from smartapp.registrations.validation import is_backend

Check = Callable[[EndpointConfig], AsyncIterator[Finding]]

MADE_UP_CODE = "made-up-to-check-the-registration"


def examine(config: EndpointConfig, *, actor: str = ACTOR) -> AsyncIterator[Finding]:
    """Yield the findings on one endpoint as they come, in the order of a launch. `actor`: who asks,
    for the audit trail."""
    read = partial(publishes, actor=actor)
    return _found(config, own_side.configuration, own_side.pages, read, metadata, clock,
                  own_side.keys, client, access, revocations)  # fmt: skip


def look_at_ehr(config: EndpointConfig, *, actor: str = ACTOR) -> AsyncIterator[Finding]:
    """Yield the findings on what the EHR publishes. The endpoint need not be stored, and nothing
    is pinned for one that is not."""
    return _found(config, partial(publishes, actor=actor), version, clock)


async def _found(config: EndpointConfig, *checks: Check) -> AsyncIterator[Finding]:
    for check in checks:
        async for finding in check(config):
            yield finding


async def warnings(config: EndpointConfig, *, actor: str) -> tuple[str, ...]:
    """Ask the EHR what it publishes, pin it if that is the first time, and return in sentences what
    is wrong: what would stop a launch comes first. Lists of scopes are too often incomplete for
    that."""
    found = [one async for one in look_at_ehr(config, actor=actor) if one.check != "scopes"]
    wrong = [one for one in found if one.level != "ok"]
    ordered = sorted(wrong, key=lambda one: one.level != "problem")
    return tuple(f"{one.text} {one.fix}".strip() for one in ordered)


async def client(config: EndpointConfig) -> AsyncIterator[Finding]:
    """Whether the EHR accepts who we are: it is asked to exchange a code that was made up. One that
    knows the client answers invalid_grant (RFC 6749 §5.2); what it says else, it would say at the
    end of every launch."""
    if is_backend(config.scope):
        return
    try:
        full = await registry.endpoint_for_callback(config.endpoint_id, config.registration_slug)
        url = (await discovery.launch_endpoints(full)).token_endpoint
        await token_budget.take(full)
    except SmartError:
        return  # it is switched off, or its discovery has a finding of its own
    fields = authorization_code_request(
        code=MADE_UP_CODE,
        redirect_uri=full.redirect_uri,
        code_verifier=authorization.new_code_verifier(),
    )
    exchange = Exchange(Request(full, Purpose.CODE, url, fields, url))
    try:
        await pipeline.tokens(exchange)
    except (ClientKeyError, Busy):
        return  # a finding of its own, or nothing was asked
    except SmartError as error:
        sent = exchange.sent[-1] if exchange.sent else None
        yield _of_made_up_code(await in_database(of_endpoint, full), error, sent)
    else:
        yield problem("client", "The EHR gave tokens for a made-up code.", "Tell the vendor.")


def _of_made_up_code(facts: Facts, error: SmartError, sent: Sent | None) -> Finding:
    """Return what the answer says of this client. Some EHRs call the grant invalid and mean the
    assertion; what they say of the code, they say because it was made up."""
    found = explained(facts, error, "client", Step.TOKEN, sent)
    is_of_code = isinstance(error, InvalidGrant) and found.rule not in OF_CLIENT
    if is_of_code or found.rule in OF_CODE:
        return ok("client", "The EHR refused a made-up code and not this client: it seems known.")
    seen = f"A made-up code was sent to its token endpoint. {found.seen}"
    if isinstance(error, EHRLimited | TokenEndpointFailed):
        seen = f"{seen} Some servers answer so to a code that they did not make, and not to others."
        return replace(found, seen=seen, certainty=POSSIBLE)
    unclear = isinstance(error, TokenRefused) and not isinstance(error, InvalidClient)
    return replace(found, seen=seen, certainty=found.certainty if unclear else SEEN)


async def access(described: EndpointConfig) -> AsyncIterator[Finding]:
    """Whether a 2-legged registration is given a token now, and can read with it. None is kept, and
    nothing of what is read."""
    if not is_backend(described.scope):
        return
    try:
        config = await registry.endpoint_for_backend(described.registration_slug)
        given = await backend.request(config, config.scope)
    except (UnknownEndpoint, DiscoveryError):
        return  # it is disabled, or its discovery has a finding of its own
    except SmartError as error:
        facts = await in_database(of_endpoint, described)
        yield replace(explained(facts, error, "token", Step.TOKEN), certainty=SEEN)
        return
    yield ok("token", f"A token came, good until {given.expires_at:%H:%M} UTC.")
    granted = map(parse_scope, parse_scopes(given.scope))
    readable = [one.resource for one in granted if isinstance(one, ResourceScope)]
    for resource in readable[:1]:
        yield await _read(config, given, resource)


async def _read(config: EndpointConfig, given: backend.BackendToken, type_: str) -> Finding:
    wanted = "Patient" if type_ == "*" else type_
    url = f"{config.fhir_base_url.rstrip('/')}/{wanted}?_count=1"
    headers = {"Authorization": f"Bearer {given.access_token}", "Accept": "application/fhir+json"}
    fix = "Ask the vendor whether this FHIR server takes tokens of this client, for this scope."
    try:
        response = await http.get(url, headers=headers, max_bytes=MAX_METADATA_BYTES)
        if response.status == 200:
            parse_resource(response.body, resource_type="Bundle")
            return ok("read", f"The token reads {wanted}.")
    except SmartError as error:
        return problem("read", f"Reading {wanted} with the token failed: {error.detail}.", fix)
    tell = problem if response.status in (401, 403) else advice
    said = vendor_words(error_words(response.headers.get("Content-Type"), response.body))
    words = f" It said: “{said}”" if said else ""
    seen = f"The FHIR server answered {response.status} to a search of {wanted} with the token."
    return tell("read", f"{seen}{words}", fix)


async def revocations(config: EndpointConfig) -> AsyncIterator[Finding]:
    """The revocations that this EHR did not take (C133). They stop nobody."""
    waiting, given_up, why = await in_database(pending_revocations.not_taken, config.endpoint_id)
    if waiting or given_up:
        counts = f"tried again {waiting}, given up {given_up}, last failure {why}"
        seen = f"The EHR was not told of all launches that ended: {counts}."
        fix = "See what it says in the admin, under revocations to do; ask the vendor to revoke"
        yield advice("revocations", seen, f"{fix} the rest.")


# What a button of *Why?* looks at again, and what it says.
LOOKS: dict[str, tuple[str, Check]] = {
    "discovery": ("Read the EHR's discovery again", publishes),
    "issuer-keys": ("Ask the issuer for its keys", publishes),
    "algorithm": ("Read the EHR's list again", publishes),
    "authentication": ("Read the EHR's list again", publishes),
    "audience": ("Read the token endpoint's address again", publishes),
    "scope-forms": ("Compare the scopes with the EHR's list", publishes),
    "scopes": ("Compare the scopes with the EHR's list", publishes),
    "clock": ("Compare both clocks", clock),
    "published-key": ("Fetch our JWKS as the EHR does", own_side.keys),
    "client": ("Ask the EHR whether it knows this client", client),
    "capability-statement": ("Read the EHR's capability statement", metadata),
}


async def look_again(config: EndpointConfig, check: str) -> tuple[Finding, ...]:
    """Return what one check finds now; with "" those of all that are in `LOOKS`. Of discovery that
    was never read nothing is pinned: that is a decision."""
    looks = [LOOKS[check]] if check in LOOKS else LOOKS.values()
    asked = dict.fromkeys(one for _, one in looks)
    if not config.pinned_hosts:
        asked = dict.fromkeys(one for one in asked if one not in (publishes, client))
    return tuple([finding async for finding in _found(config, *asked)])
