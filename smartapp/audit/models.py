"""Append-only record of what administrators did. No PHI, no secrets.

Each event holds the digest of the one before it and its own, so that a changed, removed or
inserted event breaks the chain (chain.py). The database refuses changes (guard.py).
"""

from django.db import models


class AuditEvent(models.Model):
    at = models.DateTimeField()
    actor = models.CharField(max_length=150, help_text="User name, or the command that was run.")
    origin = models.CharField(
        max_length=200,
        help_text="The browser's address, or the command and the machine that it ran on.",
    )
    action = models.CharField(max_length=64)
    target = models.CharField(max_length=200)
    detail = models.JSONField(default=dict)
    previous_digest = models.CharField(
        max_length=64, unique=True, help_text="Unique: two events cannot follow the same one."
    )
    digest = models.CharField(max_length=64)

    class Meta:
        ordering = ["-at", "-id"]
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} {self.actor}: {self.action} {self.target}"


class ChainEnd(models.Model):
    """One row: how long the chain is and how it ends. Removing the newest events shows, and whoever
    appends holds this row's lock, so that two processes cannot follow the same event."""

    length = models.PositiveBigIntegerField(default=0)
    digest = models.CharField(max_length=64)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.length} events, {self.digest}"
