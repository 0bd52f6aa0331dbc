"""Key sets and signing keys. A key's life is four timestamps; its state is derived from them."""

from datetime import datetime
from typing import ClassVar

from django.db import models
from django.db.models import F, Q

MAX_PUBLISHED_KEYS = 5  # athenahealth advises one to five public keys per app


class Algorithm(models.TextChoices):
    RS384 = "RS384"
    ES384 = "ES384"
    RS256 = "RS256"


class KeySet(models.Model):
    """One JWKS URL. Each EHR environment has its own, so that an assertion signed for one
    is worthless at another (spec §3.7)."""

    slug = models.SlugField(max_length=63, unique=True)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["slug"]

    def __str__(self) -> str:
        return self.slug


class SigningKey(models.Model):
    """`published_at <= signs_from <= signs_until <= withdrawn_at`; an empty one is still open.

    Published: in the JWKS, from `published_at` until `withdrawn_at`. Signs: from `signs_from`
    until `signs_until`. The private half is destroyed when the key is withdrawn.
    """

    key_set = models.ForeignKey(KeySet, on_delete=models.PROTECT, related_name="signing_keys")
    kid = models.CharField(max_length=64, unique=True, help_text="RFC 7638 thumbprint")
    alg = models.CharField(max_length=5, choices=Algorithm.choices)
    public_jwk = models.JSONField()
    sealed_private_key = models.TextField(blank=True, editable=False)
    published_at = models.DateTimeField()
    signs_from = models.DateTimeField(null=True, blank=True)
    signs_until = models.DateTimeField(null=True, blank=True)
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["key_set", "alg", "published_at"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["key_set", "alg"],
                condition=Q(signs_from__isnull=False, signs_until__isnull=True),
                name="one_signer_per_key_set_and_alg",
            ),
            models.CheckConstraint(
                condition=(Q(signs_from__isnull=True) | Q(signs_from__gte=F("published_at")))
                & (
                    Q(signs_until__isnull=True)
                    | Q(signs_from__isnull=False, signs_until__gte=F("signs_from"))
                )
                & (
                    Q(withdrawn_at__isnull=True)
                    | Q(withdrawn_at__gte=F("published_at"))
                    & (Q(signs_from__isnull=True) | Q(signs_until__lte=F("withdrawn_at")))
                ),
                name="signing_key_timestamps_in_order",
            ),
            models.CheckConstraint(
                condition=Q(withdrawn_at__isnull=True) | Q(sealed_private_key=""),
                name="withdrawn_key_has_no_private_half",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.alg} {self.kid}"

    def state(self, now: datetime) -> str:
        """Return "published", "signs", "retires" or "withdrawn" (spec §3.4)."""
        if self.withdrawn_at and self.withdrawn_at <= now:
            return "withdrawn"
        if self.signs_until and self.signs_until <= now:
            return "retires"
        if self.signs_from and self.signs_from <= now:
            return "signs"
        return "published"
