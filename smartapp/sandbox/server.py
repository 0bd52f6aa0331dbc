"""The authorization server: Authlib's, on the sandbox's tables."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, cast

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import (
    AuthorizationServer,
    BaseGrant,
    ClientMixin,
    UnsupportedGrantTypeError,
)
from authlib.oauth2.rfc6750 import BearerTokenGenerator
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7662 import IntrospectionEndpoint
from authlib.oidc.core.errors import LoginRequiredError
from django.http import HttpResponse, JsonResponse
from django.utils import timezone

from smartapp.sandbox import (
    addresses,
    client_authentication,
    faults,
    people,
    token_faults,
    unregistered_apps,
)
from smartapp.sandbox.grants import (
    PKCE,
    REFRESH_TOKEN_LIFETIME,
    AuthorizationCodeGrant,
    ClientCredentialsGrant,
    LaunchContext,
    RefreshTokenGrant,
    rotates,
)
from smartapp.sandbox.id_token import IDToken, IssuedIDToken, issued_id_token
from smartapp.sandbox.models import (
    Client,
    RequestRecord,
    Token,
    digest,
    new_secret,
    registered_client,
)
from smartapp.sandbox.oauth_request import SandboxRequest
from smartapp.sandbox.refusals import Refusal, WrongMethod, invalid_request, login_required

THREE_LEGGED = "authorization_code and refresh_token"


class SandboxServer(AuthorizationServer):
    def query_client(self, client_id: str) -> Client | None:  # type: ignore[override]
        return unregistered_apps.standing() or registered_client(client_id)

    def authenticate_client(  # type: ignore[override]
        self,
        request: SandboxRequest,
        methods: object,  # noqa: ARG002 - each client has one method, in its record
        endpoint: str = "token",
    ) -> Client:
        if endpoint == "introspection":
            client = client_authentication.authenticate_introspection(request)
        else:
            client = client_authentication.authenticate(request)
        request.client = client
        request.auth_method = client.auth_method
        if endpoint == "token":
            _validate_grant(client, request)
        if endpoint == "token" and client.token_requests_per_minute:
            _validate_rate(client)
        return client

    def token_response(self, request: SandboxRequest) -> HttpResponse:
        return cast(HttpResponse, self.create_token_response(request))

    def endpoint_response(self, name: str, request: SandboxRequest) -> HttpResponse:
        return cast(HttpResponse, self.create_endpoint_response(name, request))  # type: ignore[no-untyped-call]

    def consent_grant(
        self, request: SandboxRequest, person: people.Person | None
    ) -> AuthorizationCodeGrant:
        """Return the grant of a valid authorization request. Raises OAuth2Error."""
        try:
            grant = self.get_consent_grant(request, end_user=person)  # type: ignore[no-untyped-call]
        except LoginRequiredError as exc:
            raise login_required() from exc
        return cast(AuthorizationCodeGrant, grant)

    def get_token_grant(self, request: SandboxRequest) -> BaseGrant:  # type: ignore[override]
        try:
            return super().get_token_grant(request)
        except UnsupportedGrantTypeError as exc:
            words = f"The grant_type {request.payload.grant_type} is not known here."
            raise Refusal("S21", "unsupported_grant_type", words) from exc

    def create_oauth2_request(self, request: SandboxRequest) -> SandboxRequest:
        return request

    def save_token(self, token: dict[str, Any], request: SandboxRequest) -> None:  # type: ignore[override]
        """Store digests of the new tokens; their family is that of the consent."""
        consent = request.consent
        token["expires_in"] = _seconds_to_live(request, token["expires_in"])
        token["access_token"] = token_faults.altered_access_token(request, token)
        lifetime = timedelta(seconds=token["expires_in"])
        made = [_row(request, Token.Type.ACCESS, token, token["scope"], lifetime)]
        is_new = request.refresh_token is None or rotates(request)
        if consent and is_new and "refresh_token" in token:
            kind = Token.Type.REFRESH
            made.append(_row(request, kind, token, consent.scope, REFRESH_TOKEN_LIFETIME))
        Token.objects.bulk_create(made)

    def send_signal(self, name: str, *args: object, **kwargs: object) -> None:
        """Do nothing: there are no receivers."""

    def handle_response(  # type: ignore[override]
        self, status: int, body: Any, headers: list[tuple[str, str]]
    ) -> HttpResponse:
        response = JsonResponse(body) if body else HttpResponse()
        response.status_code = status
        for name, value in headers:
            response.headers[name] = value
        return response

    def handle_error_response(self, request: object, error: OAuth2Error) -> HttpResponse:  # noqa: ARG002
        """Raise the error for the caller, which writes the request log and knows where to show
        it."""
        raise error


class Introspection(IntrospectionEndpoint):
    def check_params(self, request: SandboxRequest, client: Client) -> None:
        if request.method == "POST" and "introspect-get-only" in request.faults:
            raise WrongMethod("S66", "GET")
        if request.method == "GET" and "token_type_hint" not in request.form:
            raise invalid_request("S40", "token_type_hint is missing.")
        _validate_token_parameters(request, client, "S40", (*Token.Type.values, "id_token"))

    def query_token(
        self,
        token_string: str,
        token_type_hint: str | None,  # noqa: ARG002
    ) -> Token | IssuedIDToken | None:
        return _find_token(token_string) or issued_id_token(token_string)

    def check_permission(
        self,
        token: Token | IssuedIDToken,
        client: Client,
        request: SandboxRequest,  # noqa: ARG002
    ) -> bool:
        return token.check_client(client)

    def create_introspection_payload(self, token: Token | IssuedIDToken | None) -> dict[str, Any]:
        if token is None or not token.is_active():
            return {"active": False}
        return self.introspect_token(token)

    def introspect_token(self, token: Token | IssuedIDToken) -> dict[str, Any]:
        """Return what S40 and S41 list, with the launch context, and the user if an id_token was
        issued; of an id_token its claims."""
        if isinstance(token, IssuedIDToken):
            return {"active": True, "client_id": token.claims["aud"], **token.claims}
        answer: dict[str, Any] = {
            "active": True,
            "scope": token.scope,
            "client_id": token.client.client_id,
            "token_type": "Bearer",
            "exp": int(token.expires_at.timestamp()),
            "iat": int(token.created_at.timestamp()),
        }
        consent = token.authorization
        if consent is None:
            return answer
        person = people.find_person(consent.username)
        if person and "openid" in consent.scope.split():
            answer |= {"iss": addresses.issuer(), "sub": person.subject}
        if "fhirUser" in consent.scope.split():
            answer["fhirUser"] = consent.fhir_user
        answer.update(consent.launch_context)
        return answer


class Revocation(RevocationEndpoint):
    def authenticate_token(self, request: SandboxRequest, client: Client) -> Token | None:
        """Return the client's own token. For another client's token the response does not reveal
        that it exists (S42)."""
        _validate_token_parameters(request, client, "S42", Token.Type.values)
        token = _find_token(request.form["token"])
        return token if token and token.check_client(client) else None

    def revoke_token(self, token: Token, request: SandboxRequest) -> None:  # noqa: ARG002
        """Revoke a refresh token with its whole family, an access token alone."""
        if token.type == Token.Type.REFRESH and token.authorization:
            token.authorization.revoke()
        Token.objects.filter(pk=token.pk).update(revoked_at=timezone.now())


def _validate_token_parameters(
    request: SandboxRequest, client: Client, rule: str, hints: Sequence[str]
) -> None:
    """Refuse an unknown hint in athena's profile, as Okta does; elsewhere ignore it (S40, S42;
    RFC 7009 §2.2)."""
    if not request.form.get("token"):
        raise invalid_request("E7", "token is missing.")
    hint = request.form.get("token_type_hint")
    if hint is None or hint in hints or client.profile != Client.Profile.ATHENA:
        return
    words = f"A token_type_hint is {' or '.join(hints)}."
    raise Refusal(rule, "unsupported_token_type", words)


def _validate_grant(client: Client, request: SandboxRequest) -> None:
    grant_type = request.form["grant_type"]
    if not client.check_grant_type(grant_type):
        grants = "client_credentials" if client.kind == Client.Kind.SERVICE else THREE_LEGGED
        words = f"This app is a {client.get_kind_display()}: it may use {grants}, not {grant_type}."
        raise Refusal("S21", "unauthorized_client", words)


def _validate_rate(client: Client) -> None:
    """Refuse more requests than allowed with a 429 until the minute is over (S37, E13)."""
    minute = timezone.now().replace(second=0, microsecond=0)
    asked = RequestRecord.objects.filter(
        endpoint="token", client_id=client.client_id, at__gte=minute
    )
    if asked.count() >= client.token_requests_per_minute:
        raise Refusal("E13", "too_many_requests", "Wait for the next minute.", status=429)


def _row(
    request: SandboxRequest,
    kind: Token.Type,
    answer: dict[str, Any],
    scope: str,
    lifetime: timedelta,
) -> Token:
    return Token(
        digest=digest(answer[kind]),
        type=kind,
        client=request.client,
        authorization=request.consent,
        scope=scope,
        faults=request.fault_here,
        expires_at=timezone.now() + lifetime,
    )


def _find_token(value: str) -> Token | None:
    found = Token.objects.filter(digest=digest(value))
    return found.select_related("client", "authorization").first()


def _access_token_seconds(client: ClientMixin, grant_type: str) -> int:  # noqa: ARG001
    return cast(Client, client).access_token_seconds


def _seconds_to_live(request: SandboxRequest, usual: int) -> int:
    """Return the lifetime of the tokens in seconds, shortened if a fault of the launch only shows
    when they expire (S66).

    A client's quirk does not shorten it: it applies to every launch anyway.
    """
    chosen = faults.parse(request.chosen_faults)
    return min(usual, faults.SECONDS_UNTIL_RENEWAL) if faults.wait_for_renewal(chosen) else usual


def _opaque_token(**_wanted: object) -> str:
    return new_secret()


def _build() -> SandboxServer:
    server = SandboxServer()
    server.register_grant(AuthorizationCodeGrant, [PKCE(), IDToken(), LaunchContext()])
    server.register_grant(RefreshTokenGrant, [IDToken(), LaunchContext()])
    server.register_grant(ClientCredentialsGrant)
    server.register_endpoint(Introspection)
    server.register_endpoint(Revocation)
    server.register_token_generator(
        "default", BearerTokenGenerator(_opaque_token, _opaque_token, _access_token_seconds)
    )
    return server


server = _build()
