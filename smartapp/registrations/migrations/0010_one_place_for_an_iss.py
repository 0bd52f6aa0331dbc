from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("registrations", "0009_write_spellings")]

    operations = [
        migrations.AddIndex(
            model_name="endpoint",
            index=models.Index(fields=["iss"], name="endpoint_iss"),
        ),
        migrations.AddConstraint(
            model_name="endpoint",
            constraint=models.UniqueConstraint(
                condition=models.Q(("enabled", True), ("opens_from_ehr", True)),
                fields=("iss",),
                name="one_enabled_endpoint_per_iss",
                violation_error_message="Another enabled endpoint has this FHIR base URL already.",
            ),
        ),
    ]
