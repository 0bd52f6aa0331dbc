"""Empties the database after a test that commits: DELETE from the tables that have rows.

Django's own way flushes every table and then sends `post_migrate`, which creates all content types
and permissions again. That took longer than most tests. Here those two tables are kept.
"""

from functools import cache

from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.test import TransactionTestCase

KEPT = frozenset({ContentType._meta.db_table, Permission._meta.db_table})


def install() -> None:
    """Make every test with its own database (`transactional_db`) end like this."""
    TransactionTestCase._fixture_teardown = lambda _: empty_tables()  # type: ignore[attr-defined]


def empty_tables() -> None:
    """Delete every row that a test may have created. Foreign keys are checked at the commit."""
    with transaction.atomic(), connection.cursor() as cursor:
        for table in tables_with_rows(cursor):
            cursor.execute(f"DELETE FROM {connection.ops.quote_name(table)}")  # noqa: S608


def tables_with_rows(cursor: CursorWrapper) -> list[str]:
    """Return the names of the tables with rows that a test may have created."""
    cursor.execute(_query())
    return [table for (table,) in cursor.fetchall()]


@cache
def _query() -> str:
    tables = set(connection.introspection.django_table_names(only_existing=True)) - KEPT
    return " UNION ALL ".join(
        f"SELECT '{table}' WHERE EXISTS (SELECT 1 FROM {connection.ops.quote_name(table)})"  # noqa: S608
        for table in sorted(tables)
    )
