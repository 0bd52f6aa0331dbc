"""Key sets and signing keys. A key's life is four timestamps; its state is derived from them."""

from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from smartapp import vault

MAX_PUBLISHED_KEYS = 5  # athenahealth advises one to five public keys per app (spec §3.6)


class Algorithm(models.TextChoices):
    RS384 = "RS384", "RS384"
    ES384 = "ES384", "ES384"
    RS256 = "RS256", "RS256"


class KeyState(StrEnum):
    PUBLISHED = "published"
    SIGNS = "signs"
    RETIRES = "retires"
    WITHDRAWN = "withdrawn"


class KeySet(models.Model):
    """One JWKS URL. Each EHR environment has its own, so that an assertion signed for one
    is worthless at another (spec §3.7)."""

    slug = models.SlugField(max_length=63, unique=True)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["slug"]
        default_permissions = ("view",)
        permissions: ClassVar = [("rotate_keyset", "Can rotate signing keys")]

    def __str__(self) -> str:
        return self.slug


class SigningKey(models.Model):
    """`published_at <= signs_from <= signs_until <= withdrawn_at`; an empty one is still open.

    Published: in the JWKS, from `published_at` until `withdrawn_at`. Signs: from `signs_from`
    until `signs_until`. The private half is destroyed when the key is withdrawn. Rows stay for
    ever, so that a kid is never used again.

    The database itself refuses a second signer, a sixth published key, times out of order and a
    withdrawn key that can still sign: two machines may rotate at once (spec §3.4, §3.6).
    """

    key_set = models.ForeignKey(KeySet, on_delete=models.PROTECT, related_name="signing_keys")
    kid = models.CharField(max_length=64, unique=True, help_text="RFC 7638 thumbprint")
    alg = models.CharField(max_length=5, choices=Algorithm.choices)
    public_jwk = models.JSONField()
    sealed_private_key = models.TextField(blank=True, editable=False)
    # Its place among the published keys of the set, 1 to 5: unique places are a limit that the
    # database can hold, a count is not.
    place = models.PositiveSmallIntegerField(null=True, editable=False)
    published_at = models.DateTimeField()
    signs_from = models.DateTimeField(null=True, blank=True)
    signs_until = models.DateTimeField(null=True, blank=True)
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["key_set", "alg", "published_at", "id"]
        default_permissions = ("view",)
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["key_set", "alg"],
                condition=Q(signs_from__isnull=False, signs_until__isnull=True),
                name="one_signer_per_key_set_and_alg",
            ),
            models.UniqueConstraint(
                fields=["key_set", "place"], name="one_published_key_per_place"
            ),
            models.CheckConstraint(
                condition=Q(
                    withdrawn_at__isnull=True,
                    place__isnull=False,
                    place__range=(1, MAX_PUBLISHED_KEYS),
                )
                | Q(withdrawn_at__isnull=False, place__isnull=True),
                name="published_key_has_a_place",
            ),
            # Each comparison stands beside its own IS NOT NULL: in SQL an unknown is no refusal.
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
        ]

    def __str__(self) -> str:
        return f"{self.alg} {self.kid}"

    def state(self, now: datetime) -> KeyState:
        """Return where the key is in its life at `now` (spec §3.4)."""
        if self.withdrawn_at and self.withdrawn_at <= now:
            return KeyState.WITHDRAWN
        if self.signs_until and self.signs_until <= now:
            return KeyState.RETIRES
        if self.signs_from and self.signs_from <= now:
            return KeyState.SIGNS
        return KeyState.PUBLISHED

    @property
    def private_key_context(self) -> str:
        """The place that the private half is sealed for: moved to another row it stays shut."""
        return f"keys.signingkey:{self.kid}:private_key"


vault.register_column(
    "keys.SigningKey", "sealed_private_key", lambda key: str(key.private_key_context)
)
