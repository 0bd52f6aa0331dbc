"""Write for each endpoint what all spellings of its base have in common, and who launches there."""

import logging
from urllib.parse import urlsplit

from django.db import migrations

logger = logging.getLogger("smartapp.registrations.migrations")


def key(url):
    parts = urlsplit(url)
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    port = None if parts.port == {"https": 443, "http": 80}.get(parts.scheme) else parts.port
    where = host if port is None else f"{host}:{port}"
    return f"{parts.scheme}://{where}{parts.path}".removesuffix("/")


def write(apps, _schema_editor):
    endpoints = apps.get_model("registrations", "Endpoint").objects.all()
    for endpoint in endpoints.order_by("pk").iterator():
        endpoint.opens_from_ehr = endpoint.launchable
        if not endpoint.enabled and "-left-" in endpoint.slug:
            endpoint.left_at = endpoint.updated_at
        iss = key(endpoint.fhir_base_url)
        others = endpoints.filter(iss=iss, enabled=True, launchable=True).exclude(pk=endpoint.pk)
        other = others.first() if endpoint.enabled and endpoint.launchable else None
        if other:  # Two spellings of one base that are both in use: the second keeps its own.
            logger.warning(
                "%s (%s) and %s (%s) are one EHR in two spellings. Its launches lead to the latter "
                "from now on: switch one of the two off in the admin.",
                endpoint.name,
                endpoint.fhir_base_url,
                other.name,
                other.fhir_base_url,
            )
        else:
            endpoint.iss = iss
        endpoint.save(update_fields=["opens_from_ehr", "left_at", "iss"])


class Migration(migrations.Migration):
    dependencies = [("registrations", "0008_spellings_of_one_base")]

    operations = [migrations.RunPython(write, migrations.RunPython.noop)]
