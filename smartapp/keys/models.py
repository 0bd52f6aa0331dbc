"""Key sets and signing keys. A key's state is derived from four timestamps."""

from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q

from smartapp import vault

MAX_PUBLISHED_KEYS = 5  # athenahealth recommends one to five public keys per app
# A rotation takes 31 hours: with a smaller age limit the next would begin before it ends.
SHORTEST_ROTATE_AFTER_DAYS = 2
LONGEST_ROTATE_AFTER_DAYS = 3650


class Algorithm(models.TextChoices):
    RS384 = "RS384", "RS384"
    ES384 = "ES384", "ES384"
    RS256 = "RS256", "RS256"


class KeyState(StrEnum):
    PUBLISHED = "published"
    SIGNS = "signs"
    RETIRES = "retires"
    WITHDRAWN = "withdrawn"
    COMPROMISED = "compromised"


class KeySet(models.Model):
    """One JWKS URL. Each EHR environment has its own, so that an assertion signed for one is
    worthless at another."""

    slug = models.SlugField(max_length=63, unique=True)
    created_at = models.DateTimeField()
    rotate_after_days = models.PositiveSmallIntegerField(
        "rotate after days",
        null=True,
        blank=True,
        default=90,
        validators=[
            MinValueValidator(SHORTEST_ROTATE_AFTER_DAYS),
            MaxValueValidator(LONGEST_ROTATE_AFTER_DAYS),
        ],
        help_text="A key that has signed for so long is replaced by itself. Empty: never.",
    )
    # Such a copy changes only when a person uploads a new one.
    imported_by_vendor = models.BooleanField(
        "imported by the EHR",
        default=False,
        help_text="An EHR was given a copy of the public keys instead of the JWKS URL. No rotation "
        "begins by itself then, and no new key signs before you have said that the EHR has it.",
    )

    class Meta:
        ordering = ["slug"]
        default_permissions = ("view",)
        permissions: ClassVar = [
            ("rotate_keyset", "Can rotate signing keys"),
            ("emergency_keyset", "Can replace signing keys in an emergency and cut waits short"),
            ("import_keyset", "Can import signing keys"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(rotate_after_days__isnull=True)
                | Q(
                    rotate_after_days__range=(
                        SHORTEST_ROTATE_AFTER_DAYS,
                        LONGEST_ROTATE_AFTER_DAYS,
                    )
                ),
                name="rotation_has_time_to_end",
            ),
        ]

    def __str__(self) -> str:
        return self.slug


class SigningKey(models.Model):
    """A signing key: `published_at <= signs_from <= signs_until <= withdrawn_at`. An empty
    timestamp lies in the future.

    The key is in the JWKS from `published_at` until `withdrawn_at`, and signs from `signs_from`
    until `signs_until`. The private key is destroyed when the key is withdrawn. Rows are never
    deleted, so that a kid is never used again.

    Two machines may rotate at once. So the database itself refuses a second signer, a sixth
    published key, timestamps out of order and a withdrawn key that still has its private key.
    """

    key_set = models.ForeignKey(KeySet, on_delete=models.PROTECT, related_name="signing_keys")
    kid = models.CharField(max_length=64, unique=True, help_text="RFC 7638 thumbprint")
    alg = models.CharField(max_length=5, choices=Algorithm.choices)
    public_jwk = models.JSONField()
    sealed_private_key = models.TextField(blank=True, editable=False)
    # Its slot among the published keys of the set, 1 to 5. The database can enforce unique slots,
    # but not a count.
    slot = models.PositiveSmallIntegerField(null=True, editable=False, db_column="place")
    published_at = models.DateTimeField()
    # From when no EHR can hold a JWKS without this key, computed from the registrations at
    # publication. A later change of the registrations can only make the wait longer.
    known_from = models.DateTimeField(null=True, editable=False)
    signs_from = models.DateTimeField(null=True, blank=True)
    signs_until = models.DateTimeField(null=True, blank=True)
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    # When an administrator confirmed that the EHR which imported our keys has this one too.
    confirmed_at = models.DateTimeField(null=True, blank=True)
    # Withdrawn in an emergency: its signatures are not to be trusted.
    compromised = models.BooleanField(default=False)
    # Registrations whose EHR issued a token for this key when asked, and when (ISO 8601).
    accepted_by = models.JSONField(default=dict, blank=True)
    # After a roll-back the key signs a second time. Its earlier periods: [from, until] in ISO 8601.
    earlier_terms = models.JSONField(default=list, blank=True)

    class Meta:
        ordering = ["key_set", "alg", "published_at", "id"]
        default_permissions = ("view",)
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["key_set", "alg"],
                condition=Q(signs_from__isnull=False, signs_until__isnull=True),
                name="one_signer_per_key_set_and_alg",
            ),
            models.UniqueConstraint(fields=["key_set", "slot"], name="one_published_key_per_place"),
            models.CheckConstraint(
                condition=Q(
                    withdrawn_at__isnull=True,
                    slot__isnull=False,
                    slot__range=(1, MAX_PUBLISHED_KEYS),
                )
                | Q(withdrawn_at__isnull=False, slot__isnull=True),
                name="published_key_has_a_place",
            ),
            # Each comparison comes with its own IS NOT NULL: a CHECK that evaluates to NULL passes
            # in SQL.
            models.CheckConstraint(
                condition=(Q(signs_from__isnull=True) | Q(signs_from__gte=F("published_at")))
                & (
                    Q(signs_until__isnull=True)
                    | Q(signs_from__isnull=False, signs_until__gte=F("signs_from"))
                )
                & (
                    Q(withdrawn_at__isnull=True)
                    | Q(signs_from__isnull=True, withdrawn_at__gte=F("published_at"))
                    | Q(signs_until__isnull=False, withdrawn_at__gte=F("signs_until"))
                ),
                name="signing_key_timestamps_in_order",
            ),
            models.CheckConstraint(
                condition=Q(withdrawn_at__isnull=True) & ~Q(sealed_private_key="")
                | Q(withdrawn_at__isnull=False, sealed_private_key=""),
                name="private_half_until_withdrawn",
            ),
            models.CheckConstraint(
                condition=Q(compromised=False) | Q(withdrawn_at__isnull=False),
                name="compromised_key_is_withdrawn",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.alg} {self.kid}"

    def state(self, now: datetime) -> KeyState:
        """Return the state of the key at `now`."""
        if self.withdrawn_at and self.withdrawn_at <= now:
            return KeyState.COMPROMISED if self.compromised else KeyState.WITHDRAWN
        if self.signs_until and self.signs_until <= now:
            return KeyState.RETIRES
        if self.signs_from and self.signs_from <= now:
            return KeyState.SIGNS
        return KeyState.PUBLISHED

    @property
    def private_key_context(self) -> str:
        """The context that the private key is sealed with: moved to another row, it cannot be
        unsealed."""
        return f"keys.signingkey:{self.kid}:private_key"


class JWKSFetch(models.Model):
    """Who fetched the JWKS of a key set, and which version they saw. One row per address, user
    agent and version, with a count: a flood of fetches adds no rows.

    The row with an empty address counts all visitors that there was no room for.
    """

    key_set = models.ForeignKey(KeySet, on_delete=models.CASCADE, related_name="fetches")
    etag = models.CharField(max_length=40)
    kids = models.JSONField()
    address = models.CharField(max_length=45, blank=True)
    user_agent = models.CharField(max_length=200, blank=True)
    first_at = models.DateTimeField()
    last_at = models.DateTimeField(db_index=True)
    count = models.PositiveBigIntegerField()
    # The registrations whose EHR was being asked for a token when this visitor came: how often, and
    # the last time in ISO 8601 (`fetches`).
    during = models.JSONField(default=dict)

    class Meta:
        ordering = ["-last_at"]
        default_permissions = ()
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["key_set", "etag", "address", "user_agent"], name="one_row_per_fetcher"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.address or 'others'} ({self.user_agent or 'no user agent'})"


class StaleCopy(models.Model):
    """A registration whose EHR refused the signer and accepted the previous key, because its copy
    of our JWKS is older than the new key. One row per registration and key.

    The row names the registration instead of referring to it: keys must not depend on
    registrations.
    """

    key_set = models.ForeignKey(KeySet, on_delete=models.CASCADE, related_name="stale_copies")
    registration = models.CharField(max_length=63)
    name = models.CharField(max_length=200)
    refused_kid = models.CharField(max_length=64)
    taken_kid = models.CharField(max_length=64, db_index=True)
    first_at = models.DateTimeField()
    last_at = models.DateTimeField(db_index=True)
    count = models.PositiveBigIntegerField()

    class Meta:
        ordering = ["-last_at"]
        default_permissions = ()
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["key_set", "registration", "refused_kid"],
                name="one_row_per_registration_and_key",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} refused {self.refused_kid}"


class MaintainedBy(models.Model):
    """A machine that runs `maintain`, and when it last took the due steps."""

    machine = models.CharField(max_length=100, unique=True)
    last_at = models.DateTimeField()
    # What failed in its last round: the cause by name of the task.
    failures = models.JSONField(default=dict, db_default={})

    class Meta:
        ordering = ["-last_at"]
        default_permissions = ()

    def __str__(self) -> str:
        return self.machine


vault.register_column(
    "keys.SigningKey", "sealed_private_key", lambda key: str(key.private_key_context)
)
