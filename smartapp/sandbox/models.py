"""The database of the sandbox EHR. Codes and tokens are stored as digests only."""

import hashlib
import secrets
from datetime import datetime, timedelta

from authlib.oauth2.rfc6749 import AuthorizationCodeMixin, ClientMixin, TokenMixin
from django.db import models
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac

from smartapp.sandbox import faults, rule_texts, worlds

SECRET_BYTES = 32


def new_secret() -> str:
    """Return an unguessable value: a code, a token, a launch."""
    return secrets.token_urlsafe(SECRET_BYTES)


def digest(secret: str) -> str:
    """Return the stored form of a random value. It needs no salt."""
    return hashlib.sha256(secret.encode()).hexdigest()


def client_secret_digest(client_id: str, secret: str) -> str:
    """Return the keyed digest of a client secret, which a person may have chosen."""
    return salted_hmac(f"sandbox.client.{client_id}", secret, algorithm="sha256").hexdigest()


class Client(ClientMixin, models.Model):
    """An app that is registered at this EHR (S5)."""

    class Kind(models.TextChoices):
        SERVICE = "service", "2-legged service"
        WEB = "web", "3-legged confidential web app"
        PUBLIC = "public", "3-legged public app"

    class AuthMethod(models.TextChoices):
        PRIVATE_KEY_JWT = "private_key_jwt", "signed client assertion"
        CLIENT_SECRET_BASIC = "client_secret_basic", "client secret in a Basic header"
        NONE = "none", "none, with PKCE"
        ANY = "any", "not checked: the app is tried without a registration"

    class Profile(models.TextChoices):
        ATHENA = "athena", "as athenahealth documents it"
        STRICT = "strict", "SMART App Launch 2.2 to the letter"
        BCP = "bcp", "newest best practice: RFC 9207, issuer as assertion audience"
        LOOSE = "loose", "loose: for an app that is tried without a registration"

    REGISTERED_METHODS = (
        AuthMethod.PRIVATE_KEY_JWT,
        AuthMethod.CLIENT_SECRET_BASIC,
        AuthMethod.NONE,
    )
    REGISTERED_PROFILES = (Profile.ATHENA, Profile.STRICT, Profile.BCP)
    """The values for registered apps; the others are for apps that are only tried."""

    client_id = models.CharField(max_length=200, unique=True)
    name = models.CharField(max_length=200)
    world = models.CharField(max_length=10, choices=worlds.World, default=worlds.World.PRODUCTION)
    kind = models.CharField(max_length=10, choices=Kind)
    auth_method = models.CharField(max_length=20, choices=AuthMethod)
    profile = models.CharField(max_length=10, choices=Profile, default=Profile.STRICT)
    secret_digest = models.CharField(max_length=64, blank=True)
    jwks_url = models.URLField(max_length=500, blank=True)
    jwks = models.JSONField(null=True, blank=True)
    """The imported key set, or the last copy of the one behind `jwks_url`."""
    jwks_fresh_until = models.DateTimeField(null=True, blank=True)
    redirect_uris = models.JSONField(default=list, blank=True)
    post_logout_redirect_uris = models.JSONField(default=list, blank=True)
    launch_url = models.URLField(max_length=500, blank=True)
    standalone_url = models.URLField(max_length=500, blank=True)
    scope = models.TextField(blank=True)
    """All scopes that it may request; empty for all that this EHR offers to its kind."""
    access_token_seconds = models.PositiveIntegerField(default=3600)
    token_requests_per_minute = models.PositiveIntegerField(default=0)
    """More get a 429 until the minute is over (S37); 0 for no limit."""
    quirks = models.CharField(max_length=faults.MAX_CHARACTERS, blank=True)
    """Faults that apply to every launch of this client: the habits of another EHR."""
    next_faults = models.CharField(max_length=faults.MAX_CHARACTERS, blank=True)
    """Faults for the next standalone launch only.

    For a 2-legged client: for its next token request."""
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name", "client_id"]

    def __str__(self) -> str:
        return self.client_id

    def get_client_id(self) -> str:
        return self.client_id

    def get_default_redirect_uri(self) -> str:
        """Return "": SMART requires a redirect_uri in every request."""
        return ""

    def get_allowed_scope(self, scope: object) -> str:
        """Return the scope unchanged: it was checked before (S11, S29)."""
        return str(scope)

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        """Return whether a redirect URI is registered, byte for byte (S10)."""
        return redirect_uri in self.redirect_uris

    @property
    def is_tried(self) -> bool:
        """Whether the app is unregistered: it runs on a developer's machine and is tried out."""
        return self.auth_method == self.AuthMethod.ANY

    def check_client_secret(self, client_secret: str) -> bool:
        if self.is_tried:
            return True
        return bool(self.secret_digest) and constant_time_compare(
            self.secret_digest, client_secret_digest(self.client_id, client_secret)
        )

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:  # noqa: ARG002
        return method == self.auth_method

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code" and self.kind != self.Kind.SERVICE

    def check_grant_type(self, grant_type: str) -> bool:
        """Return whether the grant is allowed: a client never has 2-legged and 3-legged grants (S5,
        S21)."""
        if self.kind == self.Kind.SERVICE:
            return grant_type == "client_credentials"
        return grant_type in {"authorization_code", "refresh_token"}

    def take_next_faults(self) -> str:
        """Return the waiting faults and clear them; of two requests at once, one gets them."""
        if not self.next_faults:
            return ""
        waiting = Client.objects.filter(pk=self.pk, next_faults=self.next_faults)
        return self.next_faults if waiting.update(next_faults="") else ""


def find_client(client_id: object) -> Client | None:
    """Return the client with an untrusted id.

    Unprintable text is never an id: PostgreSQL refuses NUL, and database drivers refuse lone
    surrogates.
    """
    if not isinstance(client_id, str) or not client_id.isprintable():
        return None
    return Client.objects.filter(client_id=client_id).first()


def registered_client(client_id: object) -> Client | None:
    """Return a client of the current world: each world has its own registry (S3)."""
    client = find_client(client_id)
    return client if client and client.world == worlds.current() else None


class Launch(models.Model):
    """An EHR launch until the app sends its `launch` value back (S14)."""

    digest = models.CharField(max_length=64, unique=True)
    client = models.ForeignKey(Client, on_delete=models.CASCADE, null=True, blank=True)
    """None for an app that is tried without a registration."""
    username = models.CharField(max_length=100)
    patient = models.CharField(max_length=100, blank=True)
    encounter = models.CharField(max_length=100, blank=True)
    intent = models.CharField(max_length=100, blank=True)
    need_patient_banner = models.BooleanField(default=True)
    faults = models.CharField(max_length=faults.MAX_CHARACTERS, blank=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"launch of {self.client_id} by {self.username}"


class Authorization(AuthorizationCodeMixin, models.Model):
    """A user's consent: the code that it gave, and the family of tokens from that code."""

    client = models.ForeignKey(Client, on_delete=models.CASCADE)
    username = models.CharField(max_length=100)
    scope = models.TextField()
    patient = models.CharField(max_length=100, blank=True)
    encounter = models.CharField(max_length=100, blank=True)
    launch_context = models.JSONField(default=dict)
    """The members of the token response beside the tokens (S36)."""
    fhir_user = models.CharField(max_length=500, blank=True)
    nonce = models.TextField(blank=True)
    faults = models.CharField(max_length=faults.MAX_CHARACTERS, blank=True)
    """The faults of this launch (S66)."""
    signed_in_at = models.DateTimeField()
    created_at = models.DateTimeField(default=timezone.now)
    revoked_at = models.DateTimeField(null=True, blank=True)

    code_digest = models.CharField(max_length=64, unique=True)
    code_expires_at = models.DateTimeField(db_index=True)
    code_used_at = models.DateTimeField(null=True, blank=True)
    redirect_uri = models.TextField()
    code_challenge = models.CharField(max_length=128, blank=True)
    code_challenge_method = models.CharField(max_length=10, blank=True)

    def __str__(self) -> str:
        return f"{self.username} for {self.client_id}"

    def get_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_scope(self) -> str:
        return self.scope

    def revoke(self) -> None:
        """End everything that this consent gave (S16, S42)."""
        Authorization.objects.filter(pk=self.pk, revoked_at=None).update(revoked_at=timezone.now())


class Token(TokenMixin, models.Model):
    """An access or refresh token. `authorization` is None for 2-legged clients."""

    class Type(models.TextChoices):
        ACCESS = "access_token", "access token"
        REFRESH = "refresh_token", "refresh token"

    digest = models.CharField(max_length=64, unique=True)
    type = models.CharField(max_length=13, choices=Type)
    client = models.ForeignKey(Client, on_delete=models.CASCADE)
    authorization = models.ForeignKey(
        Authorization, on_delete=models.CASCADE, null=True, blank=True, related_name="tokens"
    )
    scope = models.TextField()
    faults = models.CharField(max_length=faults.MAX_CHARACTERS, blank=True)
    """Faults chosen for the token request itself, in addition to those of a launch."""
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(db_index=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    rotated_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.type} of {self.client_id}"

    def check_client(self, client: Client) -> bool:
        return self.client_id == client.pk

    def get_scope(self) -> str:
        return self.scope

    def get_expires_in(self) -> int:
        return int((self.expires_at - self.created_at).total_seconds())

    def is_expired(self) -> bool:
        return timezone.now() >= self.expires_at

    def is_revoked(self) -> bool:
        family = self.authorization
        return self.revoked_at is not None or (family is not None and bool(family.revoked_at))

    def is_active(self) -> bool:
        return not (self.is_expired() or self.is_revoked() or self.rotated_at)


class Consent(models.Model):
    """What a user last allowed an app: required for a silent authorization (S15)."""

    client = models.ForeignKey(Client, on_delete=models.CASCADE)
    username = models.CharField(max_length=100)
    scope = models.TextField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["client", "username"], name="sandbox_one_consent")
        ]

    def __str__(self) -> str:
        return f"{self.username} allowed {self.client_id}"


class UsedAssertion(models.Model):
    """A `jti` that was used, stored until its assertion expires (S27)."""

    client = models.ForeignKey(Client, on_delete=models.CASCADE)
    jti_digest = models.CharField(max_length=64)
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["client", "jti_digest"], name="sandbox_jti_once")
        ]

    def __str__(self) -> str:
        return f"jti of {self.client_id}"


class SigningKey(models.Model):
    """A key that signs id_tokens. The private key is encrypted under SECRET_KEY."""

    kid = models.CharField(max_length=64, unique=True)
    encrypted_private_key = models.TextField()
    published_at = models.DateTimeField(default=timezone.now)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        get_latest_by = "created_at"

    def __str__(self) -> str:
        return self.kid


class JWKSFetch(models.Model):
    """A fetch of a client's JWKS URL, so that developers can watch a rotation (S56)."""

    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="jwks_fetches")
    at = models.DateTimeField(default=timezone.now)
    status = models.PositiveSmallIntegerField(null=True)
    kids = models.JSONField(default=list)
    fresh_seconds = models.PositiveIntegerField(default=0)
    problem = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["-at", "-pk"]
        get_latest_by = "at"

    def __str__(self) -> str:
        return f"{self.client_id} at {self.at:%H:%M:%S}"


class RequestRecord(models.Model):
    """A request with the verdict and the rule behind it, without secrets (S56)."""

    CHANGED_BY = "changed by the fault"
    ASKED_FOR = "resource type"
    """Names among the parameters that the summary of a row shows."""

    at = models.DateTimeField(default=timezone.now)
    endpoint = models.CharField(max_length=20)
    client_id = models.CharField(max_length=200, blank=True)
    accepted = models.BooleanField()
    rule = models.CharField(max_length=40, blank=True)
    kept = models.JSONField(default=list)
    """The rules that the request was checked against and kept."""
    error = models.CharField(max_length=60, blank=True)
    reason = models.CharField(max_length=500, blank=True)
    parameters = models.JSONField(default=dict)

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.endpoint} {'accepted' if self.accepted else self.rule}"

    @property
    def changed_by(self) -> str:
        """The faults that changed the response; "" if there are none."""
        return str(self.parameters.get(self.CHANGED_BY, ""))

    @property
    def asked_for(self) -> str:
        """The requested FHIR resource type; "" for other requests."""
        return str(self.parameters.get(self.ASKED_FOR, ""))

    @property
    def is_about_keys(self) -> bool:
        """Whether the developer should look at the client's keys next."""
        return self.rule in {"E5", "S55"}

    def kept_in_words(self) -> list[tuple[str, str]]:
        return rule_texts.in_words(self.kept)

    def refused_by(self) -> list[tuple[str, str]]:
        return rule_texts.in_words([self.rule] if self.rule else [])


def forget_what_ended() -> None:
    """Delete ended rows: used assertions at once, tokens and empty consents after a day.

    Called when a user consents, so that the token endpoint itself writes little.
    """
    now = timezone.now()
    day_ago = now - timedelta(days=1)
    UsedAssertion.objects.filter(expires_at__lt=now).delete()
    Token.objects.filter(expires_at__lt=day_ago).delete()
    Authorization.objects.filter(code_expires_at__lt=day_ago, tokens=None).delete()


def is_past(moment: datetime) -> bool:
    return timezone.now() >= moment
