"""Asking an EHR about a launch's tokens, and comparing its answer with our copy (C130-C132).

Only administrators use this, each time with an entry in the audit trail; no launch depends on it.
The registration says whether to use GET or POST. With GET the token is in the address (C131), so
only host and path of such an address are kept anywhere: in the timeline, in an error of `http`, and
aiohttp traces nothing (T26).
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from smartapp import alerts, http
from smartapp.audit import trail
from smartapp.exchange import pipeline
from smartapp.exchange.pipeline import Purpose, Request
from smartapp.launches import events, steps, store
from smartapp.launches.models import EndReason, Step
from smartapp.launches.store import StoredLaunch
from smartapp.launches.tokens import LaunchTokens
from smartapp.protocol import introspection, scopes
from smartapp.protocol.errors import IntrospectionError, LaunchEnded, SmartError
from smartapp.protocol.introspection import Introspection
from smartapp.registrations import discovery, registry
from smartapp.registrations.options import IntrospectionMethod
from smartapp.registrations.registry import EndpointConfig

logger = logging.getLogger(__name__)

SAME_LAUNCH = ("patient", "encounter")


@dataclass(frozen=True, slots=True)
class Compared:
    """What the EHR says about one token, next to our copy. Names no person."""

    kind: str
    answer: Introspection | None
    failure: str
    held: LaunchTokens
    client_id: str

    @property
    def scopes_gone(self) -> tuple[str, ...]:
        """Scopes that were granted and are not granted any more."""
        return self._scope.missing

    @property
    def scopes_added(self) -> tuple[str, ...]:
        return self._scope.unasked

    @property
    def scopes_now(self) -> tuple[str, ...]:
        return self._scope.granted

    @property
    def _scope(self) -> scopes.ScopeComparison:
        now = self.answer.scope if self.answer else None
        return scopes.compare(self.held.scope.granted, scopes.parse_scopes(now or ""))

    @property
    def rows(self) -> Iterator[tuple[str, str]]:
        """Yield each claim and whether it is the same as here, different, or not in the answer."""
        if self.answer is None or not self.answer.active:
            return
        context = self.held.context
        yield "Client", _words(self.answer.client_id, self.client_id)
        yield "Patient", _words(self.answer.patient, context.patient)
        yield "Encounter", _words(self.answer.encounter, context.encounter)
        yield "Issuer", _words(self.answer.iss, self.held.id_token_iss)
        yield "User (sub)", _words(self.answer.sub, self.held.id_token_sub)
        if self.answer.unreadable:
            yield "Not readable", ", ".join(self.answer.unreadable)

    @property
    def is_another_patient(self) -> bool:
        """Return whether the EHR names a patient or encounter that this launch is not about.

        A missing claim is no difference: SMART puts the context into the answer, other servers omit
        it. A different `sub` is none either: at Okta the `sub` of an access token is a name where
        that of the id_token is a number.
        """
        if self.answer is None:
            return False
        said = {name: getattr(self.answer, name) for name in SAME_LAUNCH}
        return any(
            value is not None and value != getattr(self.held.context, name)
            for name, value in said.items()
        )


def _words(said: str | None, held: str | None) -> str:
    if said is None:
        return "not said"
    if said == held:
        return "the same as here"
    return "another than here" if held else "said, and none is known here"


async def ask(launch: StoredLaunch, tokens: LaunchTokens) -> list[Compared]:
    """Return what the EHR says about the launch's tokens, access token first, and record it in the
    launch's timeline. A token without a usable answer has a `failure`.

    Raises UnknownEndpoint, DiscoveryError, EHRUnavailable, and IntrospectionError if the EHR names
    no introspection endpoint.
    """
    attempt = events.begin(Step.INTROSPECTION)
    steps.resumed(launch)
    attempt.step = Step.INTROSPECTION
    config = await registry.endpoint_now(launch.endpoint_id, launch.registration_slug)
    url = (await discovery.launch_endpoints(config)).introspection_endpoint
    if url is None:
        raise IntrospectionError("the EHR's discovery names no introspection endpoint")
    held = {"access_token": tokens.access_token, "refresh_token": tokens.refresh_token}
    return [
        await _compared(config, url, kind, value, tokens) for kind, value in held.items() if value
    ]


async def _compared(
    config: EndpointConfig, url: str, kind: str, value: str, tokens: LaunchTokens
) -> Compared:
    answer, failure = None, ""
    try:
        fields = introspection.introspection_request(token=value, token_type_hint=kind)
        is_get = config.introspection_method == IntrospectionMethod.GET
        request = Request(
            config, Purpose.INTROSPECTION, url, fields, tokens.token_endpoint, is_get=is_get
        )
        response = await pipeline.send(await pipeline.admit(request))
        answer = introspection.parse_introspection(response.status, response.body)
    except SmartError as error:
        failure = f"{error.title}: {error.quoted}."
    compared = Compared(kind, answer, failure, tokens, config.client_id)
    _note(compared)
    return compared


def _note(compared: Compared) -> None:
    state = "not told"
    if compared.answer:
        state = "active" if compared.answer.active else "not active"
    broken = [] if state == "active" else [steps.failed("C130")]
    if compared.is_another_patient:
        broken.append(steps.failed("C126"))
    events.note(Step.INTROSPECTION, broken, {"token": compared.kind, "token_state": state})


@dataclass(frozen=True, slots=True)
class Enquiry:
    """The answers of the EHR about a launch's tokens; `failure` says why there are none."""

    answers: Sequence[Compared] = ()
    failure: str = ""

    @property
    def is_alarm(self) -> bool:
        return any(one.is_another_patient for one in self.answers)


def enquire(uuid: UUID, *, actor: str) -> Enquiry:
    """Ask the EHR about a launch's tokens. If an answer names another patient, the launch ends, as
    after a refresh (C126, C132).

    Synchronous, like the admin. No transaction is open while the EHR is asked."""
    try:
        launch = store.find_for_administrator(uuid, timezone.now())
        if launch.tokens is None:
            raise LaunchEnded("it holds no tokens any more")
        enquiry = Enquiry(http.run(ask(launch, launch.tokens)))
    except SmartError as error:
        enquiry = Enquiry(failure=f"{error.title}: {error.quoted}.")
    with transaction.atomic():
        if enquiry.is_alarm:
            logger.error("launch %s stopped: wrong-patient alarm: introspection", uuid)
            alerts.wrong_patient(launch.endpoint_slug)
            store.end_and_hand_over(launch, EndReason.PATIENT_CHANGED, timezone.now())
        trail.record(actor, "launch.introspect", f"launch {uuid}", outcome=_outcome(enquiry))
    return enquiry


def _outcome(enquiry: Enquiry) -> dict[str, str]:
    said = {one.kind: _activity(one) for one in enquiry.answers}
    return said | ({"alarm": "another patient"} if enquiry.is_alarm else {})


def _activity(one: Compared) -> str:
    if one.answer is None:
        return "not said"
    return "active" if one.answer.active else "not active"
