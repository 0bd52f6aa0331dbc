"""The indexes of the search: GIN over folded words on PostgreSQL, an FTS5 table on SQLite."""

from django.db import migrations

POSTGRESQL = [
    # Words are folded when they are stored, so that no text search configuration is involved.
    """CREATE FUNCTION brands_words_of(words text) RETURNS tsvector LANGUAGE sql IMMUTABLE STRICT
       PARALLEL SAFE AS
       $$ SELECT array_to_tsvector(array_remove(string_to_array(words, ' '), '')) $$""",
    """CREATE INDEX brands_brand_name_words ON brands_brand
       USING gin (brands_words_of(name_words))""",
    """CREATE INDEX brands_brand_all_words ON brands_brand
       USING gin (brands_words_of(name_words || ' ' || other_words))""",
]
POSTGRESQL_BACK = [
    "DROP INDEX brands_brand_all_words",
    "DROP INDEX brands_brand_name_words",
    "DROP FUNCTION brands_words_of(text)",
]
SQLITE = [
    """CREATE VIRTUAL TABLE brands_words USING fts5(
       name_words, other_words, content='brands_brand', content_rowid='id', prefix='1 2 3 4')""",
    """CREATE TRIGGER brands_words_insert AFTER INSERT ON brands_brand BEGIN
       INSERT INTO brands_words(rowid, name_words, other_words)
       VALUES (new.id, new.name_words, new.other_words); END""",
    """CREATE TRIGGER brands_words_delete AFTER DELETE ON brands_brand BEGIN
       INSERT INTO brands_words(brands_words, rowid, name_words, other_words)
       VALUES ('delete', old.id, old.name_words, old.other_words); END""",
    """CREATE TRIGGER brands_words_update AFTER UPDATE OF name_words, other_words ON brands_brand
       WHEN old.name_words <> new.name_words OR old.other_words <> new.other_words BEGIN
       INSERT INTO brands_words(brands_words, rowid, name_words, other_words)
       VALUES ('delete', old.id, old.name_words, old.other_words);
       INSERT INTO brands_words(rowid, name_words, other_words)
       VALUES (new.id, new.name_words, new.other_words); END""",
]
SQLITE_BACK = [
    "DROP TRIGGER brands_words_update",
    "DROP TRIGGER brands_words_delete",
    "DROP TRIGGER brands_words_insert",
    "DROP TABLE brands_words",
]


def _run(on_postgresql, on_sqlite):
    def run(_, schema_editor):
        vendor = schema_editor.connection.vendor
        for statement in on_postgresql if vendor == "postgresql" else on_sqlite:
            schema_editor.execute(statement)

    return run


class Migration(migrations.Migration):
    dependencies = [("brands", "0001_brands")]
    operations = [
        migrations.RunPython(_run(POSTGRESQL, SQLITE), _run(POSTGRESQL_BACK, SQLITE_BACK))
    ]
