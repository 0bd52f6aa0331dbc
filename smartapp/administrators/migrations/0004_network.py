"""Call the place of a sign-in attempt its network. The column and its index keep their names, so
the database does not change and the release before goes on working during an upgrade."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("administrators", "0003_sign_in_attempts"),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.RemoveIndex("signinattempt", "administrat_place_25947d_idx"),
                migrations.AlterField(
                    "signinattempt", "place", models.GenericIPAddressField(db_column="place")
                ),
                migrations.RenameField("signinattempt", "place", "network"),
                migrations.AddIndex(
                    "signinattempt",
                    models.Index(fields=["network"], name="administrat_place_25947d_idx"),
                ),
            ]
        ),
    ]
