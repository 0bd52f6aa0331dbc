"""Brands for the endpoints that are registered already: an upgrade must not empty the search."""

from django.db import migrations

from smartapp.brands.folding import indexed_words, sort_key


def add(apps, _):
    brands, addresses, links = (
        apps.get_model("brands", name) for name in ("Brand", "BrandAddress", "BrandEndpoint")
    )
    for endpoint in apps.get_model("registrations", "Endpoint").objects.select_related(
        "registration"
    ):
        address, _ = addresses.objects.get_or_create(
            lookup=endpoint.iss, defaults={"url": endpoint.fhir_base_url}
        )
        brand = brands.objects.create(
            key=f"endpoint:{endpoint.pk}",
            name=endpoint.name,
            sort_key=sort_key(endpoint.name),
            name_words=" ".join(indexed_words(endpoint.name)),
            other_words=" ".join(indexed_words(endpoint.registration.name)),
            offered=(
                endpoint.enabled
                and endpoint.launchable
                and endpoint.registration.enabled
                and bool(endpoint.registration.standalone_scope)
            ),
        )
        links.objects.create(brand=brand, address=address)


class Migration(migrations.Migration):
    dependencies = [
        ("brands", "0002_search"),
        ("registrations", "0006_registration_without_client_id"),
    ]
    operations = [migrations.RunPython(add, migrations.RunPython.noop)]
