"""Stores a list of brands in the database, completely or not at all.

A later edition of a list replaces the earlier one: new brands are added, changed ones updated, and
missing ones leave the search. Brands that an administrator has hidden stay hidden, and no patient's
connection depends on a brand.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import TypeVar

from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.utils.text import slugify

from smartapp.audit import trail
from smartapp.brands import offers
from smartapp.brands.folding import STATES, indexed_words, readable, sort_key
from smartapp.brands.models import Brand, BrandAddress, BrandEndpoint, BrandList
from smartapp.brands.parsed import SHOWN_PLACES, ParsedBrand, ParsedList, Place
from smartapp.registrations import registry, validation
from smartapp.registrations.models import Endpoint, Registration

BATCH = 500
# If the new edition has less than this part of the last one, it is probably broken and nothing is
# removed; neither if it was not read to its end.
SMALLEST_PART = 0.5
# A brand with more places than this is found by the first three digits of its ZIP codes.
MAX_WHOLE_ZIPS = 300
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Report:
    """The result of an import, in numbers of brands; `endpoints_added` are new ways to connect."""

    brands: int
    new: int
    withdrawn: int
    kept: int
    offered: int
    endpoints_added: int


def store(
    parsed: ParsedList,
    *,
    name: str,
    registration: Registration | None,
    etag: str,
    now: datetime,
    actor: str,
    progress: Callable[[int], object],
) -> Report:
    """Store a list under its name and return what changed. `progress` is called for each batch."""
    brands = _distinct(parsed)
    with transaction.atomic():
        listed, _ = BrandList.objects.update_or_create(
            name=name, defaults={"registration": registration, "etag": etag, "imported_at": now}
        )
        before = set(listed.brands.filter(withdrawn_at=None).values_list("key", flat=True))
        addresses = _store_addresses(brands.values())
        _store_brands(listed, brands, addresses, progress)
        gone = before - brands.keys()
        is_broken = not parsed.is_whole or len(brands) < SMALLEST_PART * len(before)
        if not is_broken:
            _withdraw(listed, gone, now)
        _drop_own_names(addresses)
        added = _add_endpoints(registration, brands.values(), now) if registration else 0
        offers.refresh()
        report = Report(
            brands=len(brands),
            new=len(brands.keys() - before),
            withdrawn=0 if is_broken else len(gone),
            kept=len(gone) if is_broken else 0,
            offered=listed.brands.filter(offered=True, withdrawn_at=None).count(),
            endpoints_added=added,
        )
        trail.record(
            actor, "brands.imported", name[:150],
            brands=report.brands, withdrawn=report.withdrawn, endpoints_added=added,
        )  # fmt: skip
    registry.forget()
    _analyze()
    return report


def _analyze() -> None:
    """Let PostgreSQL count what the tables hold now. Autovacuum does so after a minute; until then
    it plans a search as if they were empty, which takes ten times as long."""
    if connection.vendor == "postgresql":
        tables = (Brand, BrandEndpoint, BrandAddress)
        with connection.cursor() as cursor:
            cursor.execute(f"ANALYZE {', '.join(table._meta.db_table for table in tables)}")


def _distinct(parsed: ParsedList) -> dict[str, ParsedBrand]:
    """Return the brands by key. The same name with the same places and addresses is one brand."""
    found: dict[str, ParsedBrand] = {}
    seen: set[tuple[object, ...]] = set()
    for brand in parsed.brands:
        same = brand.name, brand.part_of, brand.places, tuple(a.url for a in brand.addresses)
        if same in seen:
            parsed.skipped["the same name, place and address again"] += 1
            continue
        seen.add(same)
        key, number = brand.key, 1
        while key in found:
            number += 1
            key = f"{brand.key[:290]}#{number}"
        found[key] = brand
    return found


def _batches(items: Iterable[T]) -> Iterator[list[T]]:
    rest = iter(items)
    while batch := list(islice(rest, BATCH)):
        yield batch


def _store_addresses(brands: Iterable[ParsedBrand]) -> dict[str, int]:
    """Create the new addresses; return the id of each by its lookup key."""
    urls = {
        registry.normalised_iss(address.url): address.url
        for brand in brands
        for address in brand.addresses
    }
    for batch in _batches(urls.items()):
        rows = [BrandAddress(lookup=lookup, url=url) for lookup, url in batch]
        BrandAddress.objects.bulk_create(rows, ignore_conflicts=True)
    found: dict[str, int] = {}
    for keys in _batches(urls):
        found |= dict(BrandAddress.objects.filter(lookup__in=keys).values_list("lookup", "pk"))
    return found


def _store_brands(
    listed: BrandList,
    brands: dict[str, ParsedBrand],
    addresses: dict[str, int],
    progress: Callable[[int], object],
) -> None:
    changing = [
        "name", "sort_key", "part_of", "portal", "places", "place_count", "name_words",
        "other_words", "logo_url", "identifier", "withdrawn_at",
    ]  # fmt: skip
    for batch in _batches(brands.items()):
        rows = Brand.objects.bulk_create(
            [_row(listed, key, brand) for key, brand in batch],
            update_conflicts=True,
            unique_fields=["brand_list", "key"],
            update_fields=changing,
        )
        BrandEndpoint.objects.filter(brand__in=rows).delete()
        links = [
            BrandEndpoint(
                brand_id=row.pk,
                address_id=addresses[registry.normalised_iss(address.url)],
                label=address.label,
            )
            for row, (_, brand) in zip(rows, batch, strict=True)
            for address in brand.addresses
        ]
        BrandEndpoint.objects.bulk_create(links, ignore_conflicts=True)
        progress(len(batch))


def _row(listed: BrandList, key: str, brand: ParsedBrand) -> Brand:
    name = readable(brand.name)
    names = (brand.name, *brand.aliases, *brand.portals)
    return Brand(
        brand_list=listed,
        key=key,
        name=name,
        sort_key=sort_key(name)[:300],
        part_of=readable(brand.part_of),
        portal=brand.portals[0] if len(brand.portals) == 1 else "",
        places=[[one.city, one.state, one.zip] for one in brand.places[:SHOWN_PLACES]],
        place_count=len(brand.places),
        name_words=" ".join(indexed_words(*names)),
        other_words=" ".join(_other_words(brand)),
        logo_url=brand.logo_url,
        identifier=brand.identifier or None,
    )


def _other_words(brand: ParsedBrand) -> list[str]:
    return indexed_words(brand.part_of, *_place_words(brand.places))


def _place_words(places: tuple[Place, ...]) -> Iterator[str]:
    is_many = len(places) > MAX_WHOLE_ZIPS
    for place in places:
        yield place.city
        yield f"{place.state} {STATES.get(place.state, '')}"
        yield place.zip[:3] if is_many else place.zip


def _withdraw(listed: BrandList, keys: Iterable[str], now: datetime) -> None:
    for batch in _batches(keys):
        withdrawn = listed.brands.filter(key__in=batch, withdrawn_at=None)
        BrandEndpoint.objects.filter(brand__in=withdrawn).delete()
        withdrawn.update(withdrawn_at=now)


def _drop_own_names(addresses: dict[str, int]) -> None:
    """Delete our own name of an endpoint if a list has names for its address."""
    for batch in _batches(addresses.values()):
        Brand.objects.filter(brand_list=None, addresses__in=batch).delete()


def _add_endpoints(registration: Registration, brands: Iterable[ParsedBrand], now: datetime) -> int:
    """Create an endpoint for each address that has none yet; return how many. No launch is possible
    there before its discovery was read, because no host is pinned."""
    wanted: dict[str, tuple[str, str]] = {}
    for brand in brands:
        for address in brand.addresses:
            iss = registry.normalised_iss(address.url)
            shared = iss in wanted and wanted[iss][1] != readable(brand.name)
            name = registration.name if shared else readable(brand.name)
            wanted[iss] = address.url, name
    added = 0
    for batch in _batches(wanted):
        taken = set(
            Endpoint.objects.filter(iss__in=batch, enabled=True, launchable=True).values_list(
                "iss", flat=True
            )
        )
        rows = [
            _endpoint(registration, iss, *wanted[iss], now)
            for iss in batch
            if iss not in taken and _is_allowed(wanted[iss][0])
        ]
        added += len(Endpoint.objects.bulk_create(rows))
    return added


def _is_allowed(url: str) -> bool:
    try:
        validation.validate_base_url(url)
    except ValidationError:
        return False
    return True


def _endpoint(registration: Registration, iss: str, url: str, name: str, now: datetime) -> Endpoint:
    digest = hashlib.sha256(iss.encode()).hexdigest()[:10]
    return Endpoint(
        registration=registration,
        slug=f"{slugify(name)[:50] or 'ehr'}-{digest}",
        name=name[:200],
        fhir_base_url=url,
        iss=iss,
        created_at=now,
        updated_at=now,
    )
