"""Append-only record of what administrators did. No PHI, no secrets.

Each event holds the digest of the previous event and its own, so a changed, removed or inserted
event breaks the chain (`chain`). The database refuses changes (`append_only`).
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
    """The length and the end of the chain, in one row. It reveals that the newest events were
    removed. Appending an event locks this row, so two processes cannot append after the same
    event."""

    length = models.PositiveBigIntegerField(default=0)
    digest = models.CharField(max_length=64)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.length} events, {self.digest}"
