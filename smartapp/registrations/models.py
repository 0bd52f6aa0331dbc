"""What administrators know about an EHR: our registration there, its endpoints, what it
publishes."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from smartapp import vault
from smartapp.keys.models import KeySet
from smartapp.registrations import validation
from smartapp.registrations.options import REASON_LENGTH, RegistrationOptions


class Registration(RegistrationOptions):
    """Our registration at a vendor: client_id, authentication method, key set and scopes (C1)."""

    slug = models.SlugField(
        max_length=63, unique=True, help_text="Part of the redirect URI; the vendor compares it."
    )
    name = models.CharField(max_length=200, help_text="What administrators call it.")
    sealed_client_secret = models.TextField(blank=True, editable=False)
    key_set = models.ForeignKey(
        KeySet,
        on_delete=models.PROTECT,
        related_name="registrations",
        help_text="Its JWKS URL is what the vendor fetches. Empty: a new set with this slug.",
    )
    preset = models.CharField(max_length=32, blank=True)
    enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField(editable=False)
    updated_at = models.DateTimeField(editable=False)

    class Meta:
        ordering = ["name"]
        constraints: ClassVar = [
            # Vendors issue a client id for addresses that they must know first.
            models.CheckConstraint(
                condition=Q(enabled=False) | ~Q(client_id=""),
                name="enabled_registration_has_client_id",
                violation_error_message="Enter the client id before this is enabled.",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_backend(self) -> bool:
        """Whether it is 2-legged; at athenahealth that is a separate registration (C2)."""
        return validation.is_backend(self.scope)

    @property
    def client_secret_context(self) -> str:
        """The context that the sealed client secret is bound to; the row must have its id."""
        return f"registrations.registration:{self.pk}:client_secret"


vault.register_column(
    "registrations.Registration",
    "sealed_client_secret",
    lambda registration: str(registration.client_secret_context),
)


class Endpoint(models.Model):
    """One FHIR base URL of a registration: the launch's `iss` and the request's `aud`."""

    registration = models.ForeignKey(
        Registration, on_delete=models.CASCADE, related_name="endpoints"
    )
    slug = models.SlugField(max_length=63, unique=True)
    name = models.CharField(max_length=200, help_text="What people call it, e.g. the hospital.")
    # Exactly as the vendor publishes it, because it is the `aud` of patients' launches.
    fhir_base_url = models.TextField("FHIR base URL", validators=[validation.validate_base_url])
    # In the form of `registry.normalised_iss`, which is the same for all spellings of the base
    # (C8).
    iss = models.CharField(max_length=500, editable=False)
    # Expected issuers of the id_token: a list, because vendors have changed theirs (C93). If none
    # was entered, the issuer that the first discovery named.
    issuers = models.JSONField(default=list, blank=True, validators=[validation.validate_issuers])
    # The hosts that the OAuth endpoints and the issuer's keys may be on (C14). Empty: discovery was
    # never read, and nobody is sent anywhere.
    pinned_hosts = models.JSONField(default=list, blank=True)
    # Those that an administrator has refused: no page asks for a decision about them again.
    refused_hosts = models.JSONField(default=list, db_default=[], editable=False)
    pkce_unannounced = models.CharField(
        "takes PKCE unannounced, because",
        max_length=REASON_LENGTH,
        blank=True,
        help_text="As the registration's, for this EHR only.",
    )
    enabled = models.BooleanField(default=True)
    # False for the endpoint of a 2-legged registration, where nobody launches.
    launchable = models.BooleanField(default=True, editable=False)
    # Also False if the registration is for patients only: EHR launches do not use this endpoint.
    opens_from_ehr = models.BooleanField(default=True, editable=False)
    # When its registration was given another base URL. No new launch uses this endpoint; launches
    # that were open there are ended there.
    left_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(editable=False)
    updated_at = models.DateTimeField(editable=False)

    class Meta:
        ordering = ["name"]
        indexes: ClassVar = [models.Index(fields=["iss"], name="endpoint_iss")]
        constraints: ClassVar = [
            # `iss` must identify exactly one endpoint (C7). A 2-legged registration may use the
            # same EHR (C2), and so may one for patients only.
            models.UniqueConstraint(
                fields=["iss"],
                condition=Q(enabled=True, opens_from_ehr=True),
                name="one_enabled_endpoint_per_iss",
                violation_error_message="Another enabled endpoint has this FHIR base URL already.",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Member(models.TextChoices):
    """The addresses that an administrator may override, by their names in the standards."""

    SMART_CONFIGURATION = "smart-configuration", "SMART configuration"
    AUTHORIZATION_ENDPOINT = "authorization_endpoint", "Authorization endpoint"
    TOKEN_ENDPOINT = "token_endpoint", "Token endpoint"
    INTROSPECTION_ENDPOINT = "introspection_endpoint", "Introspection endpoint"
    REVOCATION_ENDPOINT = "revocation_endpoint", "Revocation endpoint"
    END_SESSION_ENDPOINT = "end_session_endpoint", "Sign-out endpoint"
    JWKS_URI = "jwks_uri", "Keys of the issuer (JWKS)"


class EndpointOverride(models.Model):
    """An address that is used instead of the one that the EHR publishes: which, why, by whom (C10,
    C91).

    Rows are written by `trust`, together with the audit trail.
    """

    endpoint = models.ForeignKey(Endpoint, on_delete=models.CASCADE, related_name="overrides")
    member = models.CharField("address of", max_length=32, choices=Member.choices)
    url = models.TextField("address", validators=[validation.validate_url])
    reason = models.CharField(
        "why",
        max_length=REASON_LENGTH,
        help_text="For those who come after you, e.g. the vendor's ticket.",
    )
    # The address that was used before; empty if the EHR published none.
    before = models.TextField(blank=True)
    set_by = models.CharField(max_length=150)
    set_at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["endpoint", "member"], name="one_override_per_endpoint_and_member"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_member_display()} of {self.endpoint}"


class Change(models.Model):
    """A change of what launches read. The database adds these rows by triggers (`changes`)."""

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"Change {self.pk}"


class DiscoverySnapshot(models.Model):
    """A document that an EHR published, and when it was first and last seen (C14)."""

    endpoint = models.ForeignKey(
        Endpoint, on_delete=models.CASCADE, related_name="discovery_snapshots"
    )
    # Where it was read: an endpoint with another base URL is another EHR.
    url = models.TextField()
    document = models.JSONField()
    digest = models.CharField(max_length=64)
    fetched_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()

    class Meta:
        ordering = ["-last_seen_at", "-id"]
        get_latest_by = ["last_seen_at", "id"]

    def __str__(self) -> str:
        return f"{self.endpoint} at {self.fetched_at:%Y-%m-%d %H:%M}"
