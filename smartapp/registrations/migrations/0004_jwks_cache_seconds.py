"""How long each EHR keeps our JWKS, as its preset knows it."""

from django.db import migrations, models

KNOWN = {"epic": 29 * 3600, "sandbox": 0}


def fill(apps, _schema_editor):
    registrations = apps.get_model("registrations", "Registration").objects
    for preset, seconds in KNOWN.items():
        registrations.filter(preset=preset).update(jwks_cache_seconds=seconds)


class Migration(migrations.Migration):
    dependencies = [("registrations", "0003_endpoint_overrides")]

    operations = [
        migrations.AddField(
            model_name="registration",
            name="jwks_cache_seconds",
            field=models.PositiveIntegerField(editable=False, null=True),
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
