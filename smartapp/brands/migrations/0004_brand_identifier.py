"""By which brands of several lists are one. What was imported before has it in its key."""

from django.db import migrations, models

BATCH = 1_000


def write(apps, _schema_editor):
    brands = apps.get_model("brands", "Brand").objects
    found = []
    for brand in brands.filter(key__startswith="https://").only("key").iterator():
        identifier, mark, _ = brand.key.partition("#")
        brand.identifier = identifier if mark else None
        found.append(brand)
        if len(found) == BATCH:
            brands.bulk_update(found, ["identifier"])
            found = []
    brands.bulk_update(found, ["identifier"])


class Migration(migrations.Migration):
    dependencies = [("brands", "0003_own_endpoints")]

    operations = [
        migrations.AddField(
            model_name="brand",
            name="identifier",
            field=models.CharField(db_index=True, max_length=300, null=True),
        ),
        migrations.RunPython(write, migrations.RunPython.noop),
    ]
