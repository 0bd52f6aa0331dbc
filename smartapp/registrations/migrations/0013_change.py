from typing import Any

from django.db import migrations, models

from smartapp.registrations import changes


def install(_: Any, schema_editor: Any) -> None:
    changes.install(schema_editor.connection)


def lift(_: Any, schema_editor: Any) -> None:
    changes.lift(schema_editor.connection)


class Migration(migrations.Migration):
    dependencies = [
        ("keys", "0001_initial"),
        ("registrations", "0012_record_number_system"),
    ]

    operations = [
        migrations.CreateModel(
            name="Change",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
            ],
            options={"default_permissions": ()},
        ),
        migrations.RunPython(install, lift),
    ]
