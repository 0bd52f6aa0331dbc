"""The tables of launches, in the session database. A launch's tokens are sealed and end with it."""

import uuid
from typing import Any, ClassVar, Literal

from django.contrib.sessions.models import Session
from django.db import models
from django.db.models.deletion import Collector, ProtectedError

from smartapp import vault
from smartapp.brands.models import Brand
from smartapp.registrations.models import Endpoint


class LaunchKind(models.TextChoices):
    EHR = "ehr", "EHR launch"
    STANDALONE = "standalone", "Standalone launch"

    @property
    def on_page(self) -> Literal["ehr", "standalone"]:
        """The kind as it is called in pages."""
        return "ehr" if self == LaunchKind.EHR else "standalone"


class EndReason(models.TextChoices):
    DISCONNECTED = "disconnected", "Disconnected here and revoked at the EHR"
    NOT_REVOKED = "not_revoked", "Disconnected here; the EHR could not be told yet"
    NOT_REVOCABLE = "not_revocable", "Disconnected here; the EHR offers no revocation"
    INVALID_GRANT = "invalid_grant", "The EHR ended it (invalid_grant)"
    UNAUTHORIZED = "unauthorized", "The EHR took the access away (401)"
    PATIENT_CHANGED = "patient_changed", "The EHR answered for another patient"
    CONTEXT_CHANGED = "context_changed", "The patient was changed in the EHR"
    ADMINISTRATOR = "administrator", "Ended by an administrator"
    FAILED = "failed", "The sign-in did not complete"
    RESTORED = "restored", "Ended as a backup was restored"


def tokens_context(launch_uuid: uuid.UUID) -> str:
    """Return the context that a launch's sealed tokens are bound to."""
    return f"launches.launch:{launch_uuid}:tokens"


def refresh_failure_context(launch_uuid: uuid.UUID) -> str:
    """Return the context that the sealed failure of a launch's refresh is bound to."""
    return f"launches.launch:{launch_uuid}:refresh-failure"


class Launch(models.Model):
    """One run of SMART App Launch, from its callback to its end.

    The row is inserted when the state is used up. The state's digest is unique, so two parallel
    callbacks make only one exchange. The row belongs to a session once its tokens are stored, and
    is found by uuid *and* session *and* expiry. Everything that names a person or gives access is
    in `sealed_tokens`.
    """

    uuid = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    session = models.ForeignKey(
        Session, on_delete=models.CASCADE, null=True, related_name="launches"
    )
    endpoint = models.ForeignKey(Endpoint, on_delete=models.PROTECT, related_name="launches")
    # The person's choice on the start page, if many brands share one endpoint.
    brand = models.ForeignKey(Brand, on_delete=models.SET_NULL, null=True, related_name="+")
    kind = models.CharField(max_length=10, choices=LaunchKind.choices)
    state_digest = models.CharField(max_length=64, unique=True)
    launched_at = models.DateTimeField()
    # For a launch with an idle limit: its latest end, however much it is used. Its session ends
    # earlier, and each use moves that end. Empty: only the session's end counts.
    lasts_until = models.DateTimeField(null=True)
    sealed_tokens = models.TextField(blank=True, editable=False)
    access_token_expires_at = models.DateTimeField(null=True)
    token_version = models.PositiveIntegerField(default=0)
    refresh_lease_until = models.DateTimeField(null=True)
    # Set by a 429, a 5xx or a timeout of the token endpoint: no refresh before this time (C125).
    refresh_not_before = models.DateTimeField(null=True)
    # The failure, with the EHR's message.
    sealed_refresh_failure = models.TextField(blank=True, db_default="", editable=False)
    # When the answer to a refresh was lost. The refresh token may be used up; if that matters, it
    # is not sent again (C124).
    refresh_uncertain_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    end_reason = models.CharField(max_length=20, choices=EndReason.choices, blank=True)

    class Meta:
        ordering = ["-launched_at"]
        verbose_name_plural = "launches"
        permissions: ClassVar = [
            ("introspect_launch", "Can ask the EHR about the tokens of a launch"),
            ("end_launch", "Can end launches and revoke their tokens at the EHR"),
        ]
        indexes: ClassVar = [models.Index(fields=["launched_at"])]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.uuid}"


def revocation_context(row: "Revocation") -> str:
    """Return the context that the sealed tokens of a revocation are bound to.

    A row with the launch's own uuid has the tokens as they were sealed for the launch: the process
    that ended it could not open them.
    """
    if row.uuid == row.launch:
        return tokens_context(row.launch)
    return f"launches.revocation:{row.uuid}:tokens"


def protect_while_waiting(collector: Collector, field: Any, revocations: Any, using: str) -> None:
    """Delete an endpoint's abandoned revocations with it, but protect it while others are pending:
    its EHR would go on accepting those tokens."""
    waiting = revocations.filter(given_up_at=None)
    if waiting.exists():
        raise ProtectedError("Its EHR is still to be told that launches have ended.", set(waiting))
    models.CASCADE(collector, field, revocations, using)


class Revocation(models.Model):
    """Tokens that were deleted here and that the EHR has to revoke (C133).

    A row lives until the EHR has accepted the revocation, or until it is given up; then it has no
    tokens any more.
    """

    uuid = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # No foreign key: the launch may be deleted with its session before the EHR answers.
    launch = models.UUIDField()
    endpoint = models.ForeignKey(
        Endpoint, on_delete=protect_while_waiting, related_name="revocations"
    )
    sealed_tokens = models.TextField(blank=True, editable=False)
    asked_at = models.DateTimeField()
    not_before = models.DateTimeField("next try", db_index=True)
    attempts = models.PositiveSmallIntegerField("failed tries", default=0)
    # The code of the last attempt's error.
    failure = models.CharField("last failure", max_length=60, blank=True)
    given_up_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-asked_at"]
        default_permissions = ("view",)
        verbose_name = "revocation to do"
        verbose_name_plural = "revocations to do"

    def __str__(self) -> str:
        return f"Revocation of launch {self.launch}"


class Step(models.TextChoices):
    LAUNCH = "launch", "Launch"
    DISCOVERY = "discovery", "Discovery"
    AUTHORIZE = "authorize", "Authorization request"
    CALLBACK = "callback", "Callback"
    TOKEN = "token", "Token request"
    ID_TOKEN = "id_token", "ID token"
    CONTEXT = "context", "Launch context"
    REFRESH = "refresh", "Refresh"
    FHIR = "fhir", "FHIR"
    INTROSPECTION = "introspect", "Introspection"
    END = "end", "End"
    FLOOD = "flood", "Not stored"


class LaunchEvent(models.Model):
    """One step of one launch: what was sent and received, redacted, and a verdict for each rule.

    `attempt` is a digest that the request and the callback both know, so a launch that never came
    back has a timeline too. A launch that was refused before it had a state is identified by its
    reference number. Rows are written in batches, outside of the request (`events`).
    """

    attempt = models.CharField(max_length=32)
    # No constraint in the database: a batch must not fail because an endpoint was just deleted.
    endpoint = models.ForeignKey(
        Endpoint, on_delete=models.SET_NULL, null=True, db_constraint=False, related_name="+"
    )
    step = models.CharField(max_length=10, choices=Step.choices)
    at = models.DateTimeField(db_index=True)
    duration_ms = models.PositiveIntegerField()
    # The error's code and the reference number of its page; empty for a successful step.
    code = models.CharField("error", max_length=40, blank=True)
    reference = models.CharField(max_length=9, blank=True, db_index=True)
    verdicts = models.JSONField(default=list)
    detail = models.JSONField(default=dict)

    class Meta:
        ordering = ["id"]
        default_permissions = ("view",)
        verbose_name = "launch attempt"
        indexes: ClassVar = [models.Index(fields=["attempt", "id"])]

    def __str__(self) -> str:
        return f"{self.get_step_display()} of {self.attempt}"


vault.register_column(
    "launches.Launch",
    "sealed_tokens",
    lambda launch: tokens_context(launch.uuid),
    is_passing=True,
    newest="-launched_at",
)
vault.register_column(
    "launches.Launch",
    "sealed_refresh_failure",
    lambda launch: refresh_failure_context(launch.uuid),
    is_passing=True,
    newest="-launched_at",
)
vault.register_column(
    "launches.Revocation",
    "sealed_tokens",
    revocation_context,
    is_passing=True,
    newest="-asked_at",
)
