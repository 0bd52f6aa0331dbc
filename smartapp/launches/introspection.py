"""Asking an EHR about a launch's tokens, and comparing its answer with our copy (C130-C132).

Only administrators use this; no launch depends on it. The registration says whether to use GET or
POST. With GET the token is in the address (C131), so only host and path of such an address are kept
anywhere: in the timeline, in an error of `http`, and aiohttp traces nothing (T26).
"""

from collections.abc import Iterator
from dataclasses import dataclass

from smartapp.exchange import pipeline
from smartapp.exchange.pipeline import Purpose, Request
from smartapp.launches import events, steps
from smartapp.launches.models import Step
from smartapp.launches.store import StoredLaunch
from smartapp.launches.tokens import LaunchTokens
from smartapp.protocol import introspection, scopes
from smartapp.protocol.errors import IntrospectionError, SmartError
from smartapp.protocol.introspection import Introspection
from smartapp.registrations import discovery, registry
from smartapp.registrations.options import IntrospectionMethod
from smartapp.registrations.registry import EndpointConfig

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
