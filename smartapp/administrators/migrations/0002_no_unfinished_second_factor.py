"""A second factor that was never taken into use is no row any more (see enrolment)."""

from django.db import migrations


def delete_unfinished(apps, _schema_editor):
    apps.get_model("administrators", "SecondFactor").objects.filter(confirmed=False).delete()


class Migration(migrations.Migration):
    dependencies = [
        ("administrators", "0001_initial"),
    ]

    operations = [
        migrations.RunPython(delete_unfinished, migrations.RunPython.noop),
    ]
