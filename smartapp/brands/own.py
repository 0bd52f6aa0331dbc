"""Our own endpoints in the search: an endpoint that is in no list is a brand with its own name."""

from typing import Any

from django.db import transaction
from django.db.models.signals import post_delete, post_save

from smartapp.brands import offers
from smartapp.brands.folding import indexed_words, sort_key
from smartapp.brands.models import Brand, BrandAddress, BrandEndpoint
from smartapp.registrations.models import Endpoint, Registration


def follow_endpoints() -> None:
    """Update the search whenever a registration or an endpoint is saved."""
    post_save.connect(_saved, Endpoint, dispatch_uid="brands.own.saved")
    post_delete.connect(_deleted, Endpoint, dispatch_uid="brands.own.deleted")
    post_save.connect(_registration_saved, Registration, dispatch_uid="brands.own.registration")


def sync() -> int:
    """Add endpoints that were stored without a signal, for example in bulk; return how many brands
    that added. For the periodic work."""
    known = Brand.objects.filter(brand_list=None).values_list("key", flat=True)
    listed = BrandEndpoint.objects.filter(brand__brand_list__isnull=False)
    missing = Endpoint.objects.exclude(iss__in=listed.values("address__lookup"))
    made = [one for one in missing if _key(one) not in set(known)]
    for endpoint in made:
        _update_brand(endpoint)
    return len(made)


def _key(endpoint: Endpoint) -> str:
    return f"endpoint:{endpoint.pk}"


def _saved(instance: Endpoint, **_: Any) -> None:
    _update_brand(instance)
    offers.refresh()


def _deleted(instance: Endpoint, **_: Any) -> None:
    Brand.objects.filter(brand_list=None, key=_key(instance)).delete()
    offers.refresh()


def _registration_saved(created: bool, **_: Any) -> None:
    if not created:  # a new one has no endpoint yet
        offers.refresh()


@transaction.atomic
def _update_brand(endpoint: Endpoint) -> None:
    """Create or update the brand of an endpoint; delete it if a list has its address."""
    address, _ = BrandAddress.objects.get_or_create(
        lookup=endpoint.iss, defaults={"url": endpoint.fhir_base_url}
    )
    if address.brands.filter(brand_list__isnull=False).exists():
        Brand.objects.filter(brand_list=None, key=_key(endpoint)).delete()
        return
    name = endpoint.name[:300]
    brand, _ = Brand.objects.update_or_create(
        brand_list=None,
        key=_key(endpoint),
        defaults={
            "name": name,
            "sort_key": sort_key(name)[:300],
            "name_words": " ".join(indexed_words(name)),
            "other_words": " ".join(indexed_words(endpoint.registration.name)),
        },
    )
    BrandEndpoint.objects.filter(brand=brand).exclude(address=address).delete()
    BrandEndpoint.objects.get_or_create(brand=brand, address=address)
