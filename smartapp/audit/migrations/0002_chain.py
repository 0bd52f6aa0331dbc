# ruff: noqa: ARG001 - Django's signatures
"""Chain the events that are there and refuse changes from now on."""

from django.db import migrations, models

from smartapp.audit import append_only, chain


def link(apps, schema_editor):
    event_model, end_model = (apps.get_model("audit", n) for n in ("AuditEvent", "ChainEnd"))
    previous, length = chain.START, 0
    for event in event_model.objects.order_by("id").iterator():
        event.previous_digest, event.origin = previous, "not recorded"
        event.digest = previous = chain.digest_of(event)
        event.save(update_fields=["previous_digest", "origin", "digest"])
        length += 1
    end_model.objects.create(pk=1, length=length, digest=previous)


def install(apps, schema_editor):
    append_only.install(schema_editor.connection)


def lift(apps, schema_editor):
    append_only.lift(schema_editor.connection)


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="ChainEnd",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("length", models.PositiveBigIntegerField(default=0)),
                ("digest", models.CharField(max_length=64)),
            ],
            options={"default_permissions": ()},
        ),
        migrations.AddField(
            model_name="auditevent",
            name="origin",
            field=models.CharField(
                default="",
                help_text="The browser's address, or the command and the machine that it ran on.",
                max_length=200,
            ),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="auditevent",
            name="previous_digest",
            field=models.CharField(
                default="",
                max_length=64,
                help_text="Unique: two events cannot follow the same one.",
            ),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="auditevent",
            name="digest",
            field=models.CharField(default="", max_length=64),
            preserve_default=False,
        ),
        migrations.RunPython(link, migrations.RunPython.noop),
        migrations.AlterField(
            model_name="auditevent",
            name="previous_digest",
            field=models.CharField(
                max_length=64,
                unique=True,
                help_text="Unique: two events cannot follow the same one.",
            ),
        ),
        migrations.RunPython(install, lift),
    ]
