"""Overridden addresses; and a snapshot knows where it was read, as that may be overridden."""

import django.db.models.deletion
from django.db import migrations, models

import smartapp.registrations.validation

SUFFIX = "/.well-known/smart-configuration"


def address_of_discovery(apps, schema_editor):  # noqa: ARG001 - Django's signature
    snapshots = apps.get_model("registrations", "DiscoverySnapshot").objects
    for base in snapshots.values_list("url", flat=True).distinct():
        snapshots.filter(url=base).update(url=base.removesuffix("/") + SUFFIX)


def base_of_discovery(apps, schema_editor):  # noqa: ARG001 - Django's signature
    snapshots = apps.get_model("registrations", "DiscoverySnapshot").objects
    for url in snapshots.values_list("url", flat=True).distinct():
        snapshots.filter(url=url).update(url=url.removesuffix(SUFFIX))


class Migration(migrations.Migration):
    dependencies = [("registrations", "0002_introspection_method")]

    operations = [
        migrations.RenameField("discoverysnapshot", "fhir_base_url", "url"),
        migrations.AlterField("discoverysnapshot", "url", models.CharField(max_length=600)),
        migrations.RemoveField("discoverysnapshot", "hosts"),
        migrations.RunPython(address_of_discovery, base_of_discovery),
        migrations.CreateModel(
            name="EndpointOverride",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "member",
                    models.CharField(
                        choices=[
                            ("smart-configuration", "SMART configuration"),
                            ("authorization_endpoint", "Authorization endpoint"),
                            ("token_endpoint", "Token endpoint"),
                            ("introspection_endpoint", "Introspection endpoint"),
                            ("revocation_endpoint", "Revocation endpoint"),
                            ("end_session_endpoint", "Sign-out endpoint"),
                            ("jwks_uri", "Keys of the issuer (JWKS)"),
                        ],
                        max_length=32,
                        verbose_name="address of",
                    ),
                ),
                (
                    "url",
                    models.CharField(
                        max_length=500,
                        validators=[smartapp.registrations.validation.validate_url],
                        verbose_name="address",
                    ),
                ),
                (
                    "reason",
                    models.CharField(
                        help_text="For those who come after you, e.g. the vendor's ticket.",
                        max_length=300,
                        verbose_name="why",
                    ),
                ),
                ("before", models.CharField(blank=True, max_length=600)),
                ("set_by", models.CharField(max_length=150)),
                ("set_at", models.DateTimeField()),
                (
                    "endpoint",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="overrides",
                        to="registrations.endpoint",
                    ),
                ),
            ],
            options={
                "ordering": ["id"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("endpoint", "member"), name="one_override_per_endpoint_and_member"
                    )
                ],
            },
        ),
    ]
