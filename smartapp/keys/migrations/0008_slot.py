"""Call the place of a published key its slot. The column and the constraints keep their names, so
the database does not change and the release before goes on working during an upgrade."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("keys", "0007_maintain_failures"),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.RemoveConstraint("signingkey", "one_published_key_per_place"),
                migrations.RemoveConstraint("signingkey", "published_key_has_a_place"),
                migrations.AlterField(
                    "signingkey",
                    "place",
                    models.PositiveSmallIntegerField(db_column="place", editable=False, null=True),
                ),
                migrations.RenameField("signingkey", "place", "slot"),
                migrations.AddConstraint(
                    "signingkey",
                    models.UniqueConstraint(
                        fields=("key_set", "slot"), name="one_published_key_per_place"
                    ),
                ),
                migrations.AddConstraint(
                    "signingkey",
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("slot__isnull", False),
                                ("slot__range", (1, 5)),
                                ("withdrawn_at__isnull", True),
                            ),
                            models.Q(("slot__isnull", True), ("withdrawn_at__isnull", False)),
                            _connector="OR",
                        ),
                        name="published_key_has_a_place",
                    ),
                ),
            ]
        ),
    ]
