"""The three grants: Authlib's classes with this EHR's own rules."""

from datetime import UTC, datetime, timedelta
from typing import Any, cast

from authlib.oauth2.rfc6749 import InvalidGrantError, InvalidRequestError, grants
from authlib.oauth2.rfc7636 import CodeChallenge
from django.utils import timezone

from smartapp.sandbox import addresses, faults, launches, people, scopes, token_faults
from smartapp.sandbox.models import (
    Authorization,
    Client,
    Token,
    digest,
    forget_what_ended,
    new_secret,
)
from smartapp.sandbox.oauth_request import SandboxRequest
from smartapp.sandbox.refusals import (
    GatewayRefusal,
    Refusal,
    invalid_grant,
    invalid_request,
    invalid_scope,
)

CODE_LIFETIME = timedelta(seconds=60)
REFRESH_TOKEN_LIFETIME = timedelta(days=90)
"""Counted from the last request that created or used the token (S31)."""
CODE_CHALLENGE_CHARACTERS = 43

Answer = tuple[int, dict[str, Any], list[tuple[str, str]]]


class AuthorizationCodeGrant(grants.AuthorizationCodeGrant):
    request: SandboxRequest

    def validate_requested_scope(self) -> None:
        """Check SMART's rules before the user is asked anything (S11, S12, S14)."""
        request, values = self.request, self.request.payload.data
        client = cast(Client, request.client)
        request.launch = _launch(client, request)
        try:
            token_faults.refuse_at_once(request)
        except faults.FaultUnknown as exc:
            raise invalid_request("S66", str(exc)) from exc
        by_letters = "authorize-scope-letters" in request.faults
        asked = scopes.requested(client, values["scope"], by_letters=by_letters)
        if values["aud"] != addresses.fhir_base_url():
            raise invalid_request("S12", f"aud must be {addresses.fhir_base_url()}.")
        is_launched = request.launch is not None
        request.offered = scopes.in_launch(scopes.readable(asked), from_ehr=is_launched)
        if not request.offered:
            raise invalid_scope("S11", "None of these scopes applies to this kind of launch.")

    def generate_authorization_code(self) -> str:
        return new_secret()

    def save_authorization_code(self, code: str, request: SandboxRequest) -> None:  # type: ignore[override]
        """Store what the user allowed, and consume the launch (S14, S16)."""
        forget_what_ended()
        if request.launch:
            launches.use(request.launch)
        values, person = request.payload.data, cast(people.Person, request.user)
        granted = request.granted
        context = _context(request)
        Authorization.objects.create(
            client=cast(Client, request.client),
            username=person.username,
            scope=" ".join(granted),
            patient=context.get("patient", ""),
            encounter=context.get("encounter", ""),
            launch_context=context,
            fhir_user=person.fhir_user,
            nonce=values.get("nonce", ""),
            faults=request.chosen_faults,
            signed_in_at=datetime.fromtimestamp(request.signed_in_at, UTC),
            code_digest=digest(code),
            code_expires_at=timezone.now() + CODE_LIFETIME,
            redirect_uri=values["redirect_uri"],
            code_challenge=values.get("code_challenge", ""),
            code_challenge_method=values.get("code_challenge_method", ""),
        )

    def query_authorization_code(self, code: str, client: Client) -> Authorization:  # type: ignore[override]
        if "redirect_uri" not in self.request.form:
            raise invalid_request("S28", "redirect_uri is missing.")
        found = Authorization.objects.filter(code_digest=digest(code), client=client).first()
        if found is None:
            raise invalid_grant("E8", "The code is unknown or belongs to another client.")
        if found.code_used_at:
            raise _code_used(found)
        if timezone.now() >= found.code_expires_at:
            raise invalid_grant("E8", "The code is expired.")
        if self.request.form["redirect_uri"] != found.redirect_uri:
            words = "The redirect_uri is not that of the authorization request"
            raise invalid_grant("S28", f"{words}.", f"{words}, which had {found.redirect_uri}.")
        return found

    def create_token_response(self) -> Answer:  # type: ignore[override]
        """Consume the code first: of two requests with one code, only one gets tokens (S16)."""
        consent = cast(Authorization, self.request.consent)
        token_faults.meet(self.request)
        unused = Authorization.objects.filter(pk=consent.pk, code_used_at=None)
        if not unused.update(code_used_at=timezone.now()):
            raise _code_used(consent)
        return _altered(self.request, super().create_token_response())

    def delete_authorization_code(self, authorization_code: Authorization) -> None:
        """Do nothing: a used code is kept, so that a second use is noticed."""

    def authenticate_user(self, authorization_code: Authorization) -> people.Person | None:
        return people.find_person(authorization_code.username)

    def generate_token(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        kwargs["include_refresh_token"] = _gives_refresh_token(
            cast(Authorization, self.request.consent)
        )
        return super().generate_token(*args, **kwargs)


def _launch(client: Client, request: SandboxRequest) -> Any:
    """Return the launch of an EHR launch; None in a standalone launch (S14)."""
    value = request.form.get("launch")
    if value is None:
        return None
    if "launch" not in request.payload.scope.split():
        raise invalid_request("S14", "The launch value needs the scope launch.")
    return launches.find(client, value)


def _context(request: SandboxRequest) -> dict[str, Any]:
    """Return the launch context: all of it in an EHR launch, otherwise the patient (S36).

    If the user unticked `launch`, `patient/` scopes still need a patient.
    """
    patient = (request.launch.patient if request.launch else "") or request.patient
    if request.launch and "launch" in request.granted:
        return launches.context(request.launch, patient)
    return {"patient": patient} if patient and scopes.need_patient(request.granted) else {}


def _code_used(consent: Authorization) -> Refusal:
    """Revoke all tokens of a code that is used twice: it may have been stolen (S16)."""
    consent.revoke()
    return invalid_grant("S16", "The code was used before; all tokens from it are revoked.")


def _gives_refresh_token(consent: Authorization) -> bool:
    """Return whether a refresh token is issued: with offline_access, or with online_access in an
    EHR launch (S31)."""
    granted = consent.scope.split()
    is_ehr_launch = "smart_style_url" in consent.launch_context
    return "offline_access" in granted or ("online_access" in granted and is_ehr_launch)


class PKCE(CodeChallenge):
    """PKCE with S256 only and a challenge of exact length; optional only for athena's confidential
    apps (S13)."""

    SUPPORTED_CODE_CHALLENGE_METHOD = ["S256"]

    def validate_code_challenge(self, grant: AuthorizationCodeGrant, redirect_uri: str) -> None:
        values, client = grant.request.payload.data, cast(Client, grant.request.client)
        challenge, method = values.get("code_challenge"), values.get("code_challenge_method")
        if challenge is None and method is None:
            is_athenas = client.profile == Client.Profile.ATHENA and client.kind == Client.Kind.WEB
            if is_athenas or client.profile == Client.Profile.LOOSE:
                return
            raise invalid_request("S13", "code_challenge is missing.")
        if method != "S256":
            raise invalid_request("S13", "code_challenge_method must be S256.")
        if len(challenge or "") != CODE_CHALLENGE_CHARACTERS:
            raise invalid_request("S13", "code_challenge must be 43 characters of base64url.")
        super().validate_code_challenge(grant, redirect_uri)

    def validate_code_verifier(self, grant: AuthorizationCodeGrant, result: object) -> None:
        """Run Authlib's checks, with messages that say what to send (S28)."""
        verifier = grant.request.form.get("code_verifier")
        challenge = cast(Authorization, grant.request.authorization_code).code_challenge
        if challenge and not verifier:
            raise invalid_request(
                "S28", "code_verifier is missing: the value whose SHA-256 is the code_challenge."
            )
        if verifier and not challenge:
            raise invalid_request(
                "S28", "The authorization request had no code_challenge: leave out code_verifier."
            )
        try:
            super().validate_code_verifier(grant, result)
        except InvalidRequestError as exc:
            words = "A code_verifier has 43 to 128 letters, digits and marks - . _ ~ (RFC 7636)."
            raise invalid_request("S28", words) from exc
        except InvalidGrantError as exc:
            words = "The code_verifier does not fit the code_challenge: base64url of its SHA-256."
            raise invalid_grant("S28", words) from exc


def rotates(request: SandboxRequest) -> bool:
    """Return whether a refresh replaces the refresh token (S31).

    Refresh tokens of public clients rotate, except in athena's profile: nothing else binds them to
    the client (RFC 9700 §4.14.2).
    """
    client = cast(Client, request.client)
    is_public = client.kind == Client.Kind.PUBLIC and client.profile != Client.Profile.ATHENA
    return is_public or "refresh-rotates" in request.faults


class RefreshTokenGrant(grants.RefreshTokenGrant):
    request: SandboxRequest

    @property
    def INCLUDE_NEW_REFRESH_TOKEN(self) -> bool:  # type: ignore[override]
        return rotates(self.request)

    def authenticate_refresh_token(self, refresh_token: str) -> Token:
        client = cast(Client, self.request.client)
        found = (
            Token.objects.filter(
                digest=digest(refresh_token), type=Token.Type.REFRESH, client=client
            )
            .select_related("authorization", "client")
            .first()
        )
        if found is None:
            raise invalid_grant("E8", "The refresh token is unknown or belongs to another client.")
        if found.rotated_at:
            raise _refresh_token_reused(found)
        if not found.is_active():
            raise invalid_grant("E8", "The refresh token is expired or revoked.")
        return found

    def _validate_token_scope(self, token: Token) -> None:
        """Require a subset of the granted scopes, case-sensitive; athena requires it to be sent
        (S30)."""
        self.request.refresh_token = token  # read by the request log of a refusal
        asked = self.request.payload.scope
        if not asked:
            if self._needs_scope(token):
                raise invalid_scope("S30", "scope is missing; a refresh must name what it wants.")
            return
        granted = token.scope.split()
        more = [scope for scope in asked.split() if scope not in granted]
        if more:
            words = "A refresh cannot ask for more than was granted, as with"
            raise invalid_scope("S30", f"{words} {' '.join(more)}.")

    def _needs_scope(self, token: Token) -> bool:
        """Return whether scope is required: in athena's profile, or by a fault (S30, S66)."""
        client, consent = token.client, token.authorization
        chosen = faults.parse(client.quirks, consent.faults if consent else "")
        return client.profile == Client.Profile.ATHENA or "refresh-needs-scope" in chosen

    def create_token_response(self) -> Answer:  # type: ignore[override]
        """Rotate first: of two requests with one rotating token, only one gets tokens (S31)."""
        token = cast(Token, self.request.refresh_token)
        token_faults.meet(self.request)
        if self.INCLUDE_NEW_REFRESH_TOKEN:
            unused = Token.objects.filter(pk=token.pk, rotated_at=None)
            if not unused.update(rotated_at=timezone.now()):
                raise _refresh_token_reused(token)
        else:
            lives_until = timezone.now() + REFRESH_TOKEN_LIFETIME
            Token.objects.filter(pk=token.pk).update(expires_at=lives_until)
        return _altered(self.request, super().create_token_response())

    def authenticate_user(self, refresh_token: Token) -> people.Person | None:
        consent = refresh_token.authorization
        return people.find_person(consent.username) if consent else None

    def issue_token(self, user: people.Person, refresh_token: Token) -> dict[str, Any]:  # type: ignore[override]
        """Repeat a persistent refresh token in the response, as Okta does."""
        answer: dict[str, Any] = super().issue_token(user, refresh_token)
        answer.setdefault("refresh_token", self.request.form["refresh_token"])
        return answer

    def revoke_old_credential(self, refresh_token: Token) -> None:  # type: ignore[override]
        """Do nothing: a rotating token was retired before the new one was created."""


def _refresh_token_reused(token: Token) -> Refusal:
    """Revoke the whole family: a rotated token was used by someone who kept a copy (RFC 9700
    §4.14.2)."""
    cast(Authorization, token.authorization).revoke()
    return invalid_grant(
        "S31", "The refresh token was used before; all tokens of its family are revoked."
    )


class ClientCredentialsGrant(grants.ClientCredentialsGrant):
    request: SandboxRequest

    def validate_requested_scope(self) -> None:
        request, client = self.request, cast(Client, self.request.client)
        request.fault_here = request.fault_here or client.take_next_faults()
        asked = request.payload.scope
        if not asked:
            raise invalid_scope("S29", "scope is missing; client_credentials must name it.")
        try:
            wanted = scopes.requested(client, asked, rule="S29")
            request.offered = scopes.readable(wanted, rule="S29")
        except Refusal as refusal:
            if "gateway-policy" in request.faults:
                raise GatewayRefusal() from refusal
            raise

    def generate_token(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        kwargs["scope"] = " ".join(self.request.offered)
        return super().generate_token(*args, **kwargs)

    def create_token_response(self) -> Answer:  # type: ignore[override]
        token_faults.meet(self.request)
        answer = super().create_token_response()  # type: ignore[no-untyped-call]
        return _altered(self.request, answer)


def _altered(request: SandboxRequest, answer: Any) -> Answer:
    """Return the finished response, changed according to the faults of the launch (S66).

    This is not a hook, because Authlib calls hooks in no particular order, and this must come last.
    """
    token_faults.alter(request, answer[1])
    return cast(Answer, answer)


class LaunchContext:
    """Adds the launch context to the token response, never to a JWT (S36)."""

    def __call__(self, grant: Any) -> None:
        grant.register_hook("after_create_token_response", self.add)

    @staticmethod
    def add(grant: AuthorizationCodeGrant | RefreshTokenGrant, answer: Answer) -> None:
        answer[1].update(cast(Authorization, grant.request.consent).launch_context)
