"""How faults change the token endpoint (S66): failures before it works, and changed responses."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, cast

from django.core.exceptions import RequestAborted
from django.http import HttpResponse, JsonResponse, StreamingHttpResponse
from joserfc import jwt

from smartapp.sandbox import addresses, faults, people, signing_keys
from smartapp.sandbox.models import Authorization, Client, Token, digest, new_secret
from smartapp.sandbox.oauth_request import SandboxRequest
from smartapp.sandbox.refusals import Refusal

HTML = b"<!doctype html><title>Sign in</title><h1>Please sign in to the proxy</h1>"
STRANGE_MEMBERS = {
    "sandbox_text": "<b>text</b>",
    "sandbox_number": 1.5,
    "sandbox_list": [1, None, True],
    "sandbox_object": {"inner": {"deep": "value"}},
    "sandbox_nothing": None,
}


AT_ONCE = {
    "authorize-invalid-client": ("invalid_client", "The client is not known here."),
    "authorize-invalid-request": ("invalid_request", "A parameter is missing or wrong."),
    "authorize-invalid-scope": ("invalid_scope", "A scope is not known here."),
}


class Broken(Exception):
    """A valid request that meets a fault gets this response instead of tokens."""

    def __init__(self, fault: str, response: HttpResponse) -> None:
        super().__init__(fault)
        self.fault = fault
        self.response = response


class CutAnswer(StreamingHttpResponse):
    """A response whose connection breaks in the middle, so that clients can tell it is
    incomplete."""

    def __init__(self, half: bytes) -> None:
        super().__init__(content_type="application/json")
        self.half = half

    def __iter__(self) -> Iterator[bytes]:
        yield self.half
        raise RequestAborted

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Django treats a cancelled response as a client that left, and ends it silently."""
        yield self.half
        raise asyncio.CancelledError


def claimed_faults(request: SandboxRequest, client: Client) -> faults.Faults:
    """Return the faults for the client that the request claims to come from.

    Needed for the fault that takes effect before the client is authenticated.
    """
    waiting = client.next_faults if client.kind == Client.Kind.SERVICE else ""
    return faults.parse(
        client.quirks, _claimed_launch_faults(request.form), request.fault_here, waiting
    )


def _claimed_launch_faults(form: Mapping[str, str]) -> str:
    """Return the faults of the launch that a code or refresh token belongs to."""
    consent: Authorization | None = None
    if "code" in form:
        consent = Authorization.objects.filter(code_digest=digest(form["code"])).first()
    elif "refresh_token" in form:
        token = Token.objects.filter(digest=digest(form["refresh_token"]))
        found = token.select_related("authorization").first()
        consent = found.authorization if found else None
    return consent.faults if consent else ""


def refuse_at_once(request: SandboxRequest) -> None:
    """Refuse a valid authorization request before the sign-in."""
    for name in request.faults:
        if name in AT_ONCE:
            raise Refusal("S66", *AT_ONCE[name])


def meet(request: SandboxRequest) -> None:
    """Wait, or raise Broken, before the code or token is used up, so that a retry meets the fault
    again."""
    chosen, stage = request.faults, _stage(request)
    if f"{stage}-slow" in chosen:
        time.sleep(int(chosen[f"{stage}-slow"]))
    if f"{stage}-500" in chosen:
        raise Broken(f"{stage}-500", JsonResponse({"error": "server_error"}, status=500))
    if f"{stage}-429" in chosen:
        raise Broken(f"{stage}-429", JsonResponse({"error": "too_many_requests"}, status=429))
    if f"{stage}-html" in chosen:
        raise Broken(f"{stage}-html", HttpResponse(HTML))
    if f"{stage}-invalid-grant" in chosen:
        words = {"error": "invalid_grant", "error_description": "It is not valid any more."}
        raise Broken(f"{stage}-invalid-grant", JsonResponse(words, status=400))
    if f"{stage}-invalid-client" in chosen:
        response = JsonResponse({"error": "invalid_client"}, status=401)
        response.headers["WWW-Authenticate"] = 'Basic realm="sandbox"'
        raise Broken(f"{stage}-invalid-client", response)


def _stage(request: SandboxRequest) -> str:
    return "refresh" if request.form.get("grant_type") == "refresh_token" else "token"


def altered_access_token(request: SandboxRequest, token: dict[str, Any]) -> str:
    """Return the access token: opaque, or a JWT with the fault `token-jwt` (S32)."""
    opaque = str(token["access_token"])
    if "token-jwt" not in request.faults or request.client is None:
        return opaque
    now = int(time.time())
    claims = {
        "iss": addresses.issuer(),
        "aud": addresses.fhir_base_url(),
        "cid": request.client.client_id,
        "scp": token["scope"].split(),
        "iat": now,
        "exp": now + token["expires_in"],
        "jti": f"AT.{new_secret()}",
    }
    key = signing_keys.current()
    header = {"kid": key.kid, "alg": signing_keys.ALGORITHM}
    return jwt.encode(header, claims, key, [signing_keys.ALGORITHM], default_type="at+jwt")


def alter(request: SandboxRequest, answer: dict[str, Any]) -> None:
    """Change the members of a token response according to the faults."""
    chosen = request.faults
    if "token-no-expires-in" in chosen:
        del answer["expires_in"]
    elif "token-expires-in-text" in chosen or _is_athena_service(request):
        answer["expires_in"] = str(answer["expires_in"])
    if "token-type-lowercase" in chosen:
        answer["token_type"] = answer["token_type"].lower()
    if "token-scope-degenerate" in chosen:
        answer["scope"] = " ".join(_cut_off(scope) for scope in answer["scope"].split())
    if "token-extra-members" in chosen:
        answer.update(STRANGE_MEMBERS)
    if "id-token-missing" in chosen or _lacks_fhir_user(chosen, answer["scope"].split()):
        answer.pop("id_token", None)
    if _stage(request) == "refresh":
        _alter_refresh(request, answer)


def _lacks_fhir_user(chosen: faults.Faults, granted: list[str]) -> bool:
    return "id-token-needs-fhir-user" in chosen and {"fhirUser", "profile"}.isdisjoint(granted)


def _is_athena_service(request: SandboxRequest) -> bool:
    """Return whether athenahealth's 2-legged sample applies, in which expires_in is a string
    (S33)."""
    return request.consent is None and cast(Client, request.client).profile == Client.Profile.ATHENA


def _cut_off(scope: str) -> str:
    """Return a truncated scope, as in athenahealth's sample: `patient/` for
    `patient/Patient.read`."""
    level, slash, rest = scope.partition("/")
    return f"{level}/" if slash and "." in rest else scope


def _alter_refresh(request: SandboxRequest, answer: dict[str, Any]) -> None:
    chosen = request.faults
    if "refresh-returns-none" in chosen:
        answer.pop("refresh_token", None)
    if "refresh-context-changes" in chosen and "patient" in answer:
        user = cast(people.Person, request.user)
        others = (one.id for one in user.patients if one.id != answer["patient"])
        answer["patient"] = next(others, "a-1.E-9999")


def on_the_wire(request: SandboxRequest, response: HttpResponse) -> HttpResponse:
    """Return the finished response, cut or changed according to the faults."""
    chosen, body = request.faults, response.content
    if f"{_stage(request)}-cut" in chosen:
        return cast(HttpResponse, CutAnswer(body[: len(body) // 2]))
    if "token-duplicate-keys" in chosen:
        other = json.dumps(new_secret())
        response.content = body.rstrip()[:-1] + f', "access_token": {other}}}'.encode()
    return response
