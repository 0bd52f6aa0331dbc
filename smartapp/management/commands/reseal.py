"""Re-encrypt every secret at rest under the first key of the ring, while the app runs."""

from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.db.models import Model, Q, QuerySet

from smartapp import vault
from smartapp.audit import origin, trail

BATCH = 200


class Command(BaseCommand):
    help = (
        "Re-encrypt what older entries of ENCRYPTION_KEYS sealed. Put the new key first, restart "
        "every process, run this, then drop the old entries. Safe while the app serves; when it "
        "is interrupted, run it again."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        trail.record(origin.actor(), "reseal", "secrets at rest", key=vault.ring().sealing_key_id)
        unopened = sum(self._reseal(column) for column in vault.SEALED_COLUMNS)
        if unopened:
            raise CommandError(
                f"{unopened} values do not open with this ring: keep its older entries, "
                "or put back the one that sealed them."
            )
        left = sum(_older(column).count() for column in vault.SEALED_COLUMNS)
        if left:
            raise CommandError(
                f"{left} values were sealed under an older key meanwhile: a process still runs "
                "with the old ring. Restart it and run this again."
            )
        self.stdout.write(
            f"Everything is sealed under {vault.ring().sealing_key_id}. "
            "The other entries of ENCRYPTION_KEYS can be dropped."
        )

    def _reseal(self, column: vault.SealedColumn) -> int:
        """Reseal one column in batches; return how many values cannot be unsealed."""
        label = f"{column.model}.{column.field}"
        todo, resealed, unopened = _older(column).count(), 0, 0
        last_pk: Any = None
        while batch := _batch(column, last_pk):
            last_pk = batch[-1].pk
            with transaction.atomic():  # one commit for the batch
                for row in batch:
                    try:
                        resealed += _reseal_row(column, row)
                    except vault.VaultError as exc:
                        unopened += 1
                        self.stderr.write(f"{label}, row {row.pk}: {exc}.")
            self.stdout.write(f"{label}: {resealed} of {todo}.")
        return unopened


def _older(column: vault.SealedColumn) -> QuerySet[Model]:
    """Return the rows that are not sealed with the first key, so that a second run continues
    there."""
    rows: QuerySet[Model] = apps.get_model(column.model)._default_manager.order_by("pk")
    return rows.exclude(
        Q(**{column.field: ""}) | Q(**{f"{column.field}__startswith": vault.ring().prefix})
    )


def _batch(column: vault.SealedColumn, after: Any) -> list[Model]:
    rows = _older(column)
    return list((rows.filter(pk__gt=after) if after is not None else rows)[:BATCH])


def _reseal_row(column: vault.SealedColumn, row: Model) -> bool:
    """Reseal one value unless another process has changed it since it was read.

    The old value is in the WHERE clause: a token that was refreshed meanwhile is newer, and is
    already sealed with the new key.
    """
    old: str = getattr(row, column.field)
    context = column.context(row)
    new = vault.seal(vault.unseal(old, context), context)
    rows = type(row)._default_manager.filter(**{"pk": row.pk, column.field: old})
    return rows.update(**{column.field: new}) == 1
