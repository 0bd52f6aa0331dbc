"""The promises of an upgrade (docs/running.md): nothing is lost, and old processes run on with the
new schema."""

from collections.abc import Iterator

from django.db import migrations
from django.db.migrations.loader import MigrationLoader
from django.db.models.fields import NOT_PROVIDED

# Earlier than the first release: there is no older process that could run on with them.
BEFORE_THE_FIRST_RELEASE = {
    ("audit", "0002_chain"),
    ("keys", "0003_fetched_during"),
    ("keys", "0004_accepted_by"),
    ("registrations", "0002_introspection_method"),
    ("registrations", "0003_endpoint_overrides"),
    ("registrations", "0005_token_requests"),
    ("registrations", "0007_pkce_unannounced"),
    ("registrations", "0008_spellings_of_one_base"),
    ("registrations", "0012_record_number_system"),
    ("registrations", "0014_sign_in_in_window"),
    ("registrations", "0015_aud_without_slash"),
    ("sandbox", "0002_worlds_and_faults_of_tokens"),
}
TAKEN_AWAY = (
    migrations.RemoveField,
    migrations.RenameField,
    migrations.DeleteModel,
    migrations.RenameModel,
    migrations.AlterModelTable,
)


def _of_this_app() -> Iterator[tuple[tuple[str, str], migrations.Migration]]:
    for key, migration in MigrationLoader(None).disk_migrations.items():
        is_ours = type(migration).__module__.startswith("smartapp.")
        if is_ours and not migration.name.startswith("0001_"):
            yield key, migration


def _is_missed(operation: object) -> bool:
    """Return whether a process that does not know the new schema fails at it: Django writes each
    column that it knows, and the database no default unless it is told to (db_default)."""
    if isinstance(operation, migrations.AddField):
        field = operation.field
        return not (field.null or field.many_to_many or field.db_default is not NOT_PROVIDED)
    return isinstance(operation, TAKEN_AWAY)


def test_old_processes_write_rows_of_the_new_schema() -> None:
    missed = {key for key, one in _of_this_app() if any(map(_is_missed, one.operations))}
    assert missed == BEFORE_THE_FIRST_RELEASE
