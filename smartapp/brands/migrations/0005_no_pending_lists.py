"""Write the words of brands into PostgreSQL's search indexes at once.

By default GIN collects new entries in a list, and each search reads the whole list until the next
vacuum: after an import of 30,000 brands that is most of its time.
"""

from django.db import migrations

INDEXES = ("brands_brand_name_words", "brands_brand_all_words")


def _on_postgresql(statement):
    def run(_, schema_editor):
        if schema_editor.connection.vendor == "postgresql":
            for index in INDEXES:
                schema_editor.execute(statement.format(index=index))

    return run


def _change(forwards, backwards):
    return migrations.RunPython(_on_postgresql(forwards), _on_postgresql(backwards))


class Migration(migrations.Migration):
    dependencies = [("brands", "0004_brand_identifier")]
    operations = [
        _change(
            "ALTER INDEX {index} SET (fastupdate = off)", "ALTER INDEX {index} RESET (fastupdate)"
        ),
        _change("SELECT gin_clean_pending_list('{index}'::regclass)", "SELECT 1"),
    ]
