"""Append-only record of what administrators did. No PHI, no secrets."""

from django.db import models


class AuditEvent(models.Model):
    at = models.DateTimeField()
    actor = models.CharField(max_length=150, help_text="User name, or the command that was run.")
    action = models.CharField(max_length=64)
    target = models.CharField(max_length=200)
    detail = models.JSONField(default=dict)

    class Meta:
        ordering = ["-at", "-id"]
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} {self.actor}: {self.action} {self.target}"
