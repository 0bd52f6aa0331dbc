"""Finds brands by what people type: all words, in any order, each as a beginning.

Three looks, best first, until twenty are found: names that begin with what was typed, names that
have all words, and brands that have them anywhere (parent, city, state, ZIP). PostgreSQL answers
from GIN indexes, SQLite from an FTS5 table; migration 0001 makes both.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from django.db import connection
from django.db.models import Q, QuerySet
from django.db.models.expressions import RawSQL

from smartapp.brands import offers
from smartapp.brands.folding import asked_words, sort_key
from smartapp.brands.models import Brand, BrandEndpoint
from smartapp.brands.parsed import Place
from smartapp.protocol.urls import host_of
from smartapp.registrations.models import Endpoint

MAX_HITS = 20
MAX_WORDS = 8

_NAME_SQL = "SELECT id FROM brands_brand WHERE brands_words_of(name_words) @@ %s::tsquery"
_ALL_SQL = (
    "SELECT id FROM brands_brand "
    "WHERE brands_words_of(name_words || ' ' || other_words) @@ %s::tsquery"
)
_FTS_SQL = "SELECT rowid FROM brands_words WHERE brands_words MATCH %s"

NOT_CONNECTED = "not connected to this app yet"
NOT_REACHABLE = "not reachable at the moment"
NOT_CHECKED = "not checked yet, try again later today"


@dataclass(frozen=True, slots=True)
class Choice:
    """A way to connect: what the person signs in to, and where the link leads."""

    label: str
    url: str


@dataclass(frozen=True, slots=True)
class Hit:
    """A brand as a result row. Without `choices` nobody can connect, and `note` says why."""

    name: str
    part_of: str
    place: str
    more_places: int
    portal: str
    told_apart_by: str
    logo_url: str
    choices: tuple[Choice, ...]
    note: str


@dataclass(frozen=True, slots=True)
class Found:
    hits: tuple[Hit, ...]
    has_more: bool


def search(query: str) -> Found:
    """Return at most MAX_HITS brands for what was typed; none for nothing."""
    asked = asked_words(query)[:MAX_WORDS]
    if not asked:
        return Found((), has_more=False)
    brands = _first_found(query, asked)
    return _found(brands)


def narrowed(brands: QuerySet[Brand], query: str) -> QuerySet[Brand]:
    """Return those of the brands that have all words that were typed; all for nothing."""
    asked = asked_words(query)[:MAX_WORDS]
    return brands.filter(pk__in=_with_words(asked, in_name=False)) if asked else brands


def everything() -> Found | None:
    """Return all brands that are offered where they fit on a page, None where there are more."""
    brands = list(_shown().filter(offered=True)[: MAX_HITS + 1])
    return None if len(brands) > MAX_HITS else _found(brands)


def _shown() -> QuerySet[Brand]:
    visible = Brand.objects.filter(hidden=False, withdrawn_at=None)
    return visible.order_by("-offered", "sort_key", "pk")


def _first_found(query: str, asked: list[str]) -> list[Brand]:
    # Ids first: thousands may match, and sorting whole rows takes most of the time.
    found: dict[int, None] = {}
    for brands in _looks(query, asked):
        found |= dict.fromkeys(brands.values_list("pk", flat=True)[: MAX_HITS + 1])
        if len(found) > MAX_HITS:
            break
    ids = list(found)[: MAX_HITS + 1]
    rows = Brand.objects.in_bulk(ids)
    return [rows[one] for one in ids if one in rows]


def _looks(query: str, asked: list[str]) -> Iterator[QuerySet[Brand]]:
    yield _shown().filter(_begins_with(sort_key(query)))
    if sum(map(len, asked)) > 1:  # one letter begins a word of nearly every brand
        yield _shown().filter(pk__in=_with_words(asked, in_name=True))
        yield _shown().filter(pk__in=_with_words(asked, in_name=False))


def _begins_with(key: str) -> Q:
    """SQLite's LIKE knows no case and so no index; a range does. PostgreSQL's order follows a
    language, where only its LIKE is exact."""
    if connection.vendor == "postgresql":
        return Q(sort_key__startswith=key)
    return Q(sort_key__gte=key, sort_key__lt=f"{key}\U0010ffff")


def _with_words(asked: list[str], *, in_name: bool) -> RawSQL:
    """Return the subquery of the ids of brands that have all words. Words are letters and digits
    only (`folding.words`), so neither query language can be written in them."""
    if connection.vendor == "postgresql":
        terms = " & ".join(f"'{word}':*" for word in asked)
        return RawSQL(_NAME_SQL if in_name else _ALL_SQL, [terms])  # noqa: S611 - constants
    terms = " AND ".join(f'"{word}"*' for word in asked)
    return RawSQL(_FTS_SQL, [f"{{name_words}} : ({terms})" if in_name else terms])  # noqa: S611 - a constant


def _found(brands: list[Brand]) -> Found:
    shown = brands[:MAX_HITS]
    links = _links(shown)
    by_iss = _endpoints(links)
    hits = tuple(_hit(brand, links.get(brand.pk, []), by_iss) for brand in shown)
    return Found(_told_apart(hits, shown, links), has_more=len(brands) > MAX_HITS)


def _links(brands: list[Brand]) -> dict[int, list[BrandEndpoint]]:
    found: dict[int, list[BrandEndpoint]] = {}
    for link in BrandEndpoint.objects.filter(brand__in=brands).select_related("address"):
        found.setdefault(link.brand_id, []).append(link)
    return found


def _endpoints(links: dict[int, list[BrandEndpoint]]) -> dict[str, Endpoint]:
    lookups = {link.address.lookup for several in links.values() for link in several}
    found = offers.connectable().filter(iss__in=lookups).select_related("registration")
    return {one.iss: one for one in found.order_by("-pk")}


def _hit(brand: Brand, links: list[BrandEndpoint], by_iss: dict[str, Endpoint]) -> Hit:
    connectable = [link for link in links if link.address.lookup in by_iss]
    usable = [link for link in connectable if _is_usable(link, by_iss)]
    return Hit(
        name=brand.name,
        part_of=brand.part_of,
        place=str(Place(*brand.places[0])) if brand.places else "",
        more_places=max(0, brand.place_count - 1),
        portal=brand.portal,
        told_apart_by=_registration(brand, connectable, by_iss),
        logo_url=f"/brands/{brand.pk}/logo" if brand.logo_url else "",
        choices=tuple(_choice(link, by_iss[link.address.lookup]) for link in usable),
        note=_note(connectable, usable),
    )


def _registration(
    brand: Brand, connectable: list[BrandEndpoint], by_iss: dict[str, Endpoint]
) -> str:
    """Return the name that administrators gave to the registration of one of our own endpoints:
    often the vendor's, and what tells equal names apart."""
    if brand.brand_list_id or not connectable:
        return ""
    name = by_iss[connectable[0].address.lookup].registration.name
    return name if name != brand.name else ""


def _is_usable(link: BrandEndpoint, by_iss: dict[str, Endpoint]) -> bool:
    """Whether the EHR's discovery was read and nothing stood in the way of a launch."""
    return bool(by_iss[link.address.lookup].pinned_hosts) and not link.address.problem


def _choice(link: BrandEndpoint, endpoint: Endpoint) -> Choice:
    return Choice(link.label or host_of(link.address.url), f"/connect/{endpoint.slug}/")


def _note(connectable: list[BrandEndpoint], usable: list[BrandEndpoint]) -> str:
    if usable:
        return ""
    if not connectable:
        return NOT_CONNECTED
    is_checked = any(link.address.checked_at for link in connectable)
    return NOT_REACHABLE if is_checked else NOT_CHECKED


def _told_apart(
    hits: tuple[Hit, ...], brands: list[Brand], links: dict[int, list[BrandEndpoint]]
) -> tuple[Hit, ...]:
    """Add the host to rows that nothing else tells apart."""
    looks = [(hit.name, hit.part_of, hit.place, hit.portal, hit.told_apart_by) for hit in hits]
    return tuple(
        hit if looks.count(look) == 1 else _with_host(hit, links.get(brand.pk, []))
        for hit, look, brand in zip(hits, looks, brands, strict=True)
    )


def _with_host(hit: Hit, links: list[BrandEndpoint]) -> Hit:
    return replace(hit, told_apart_by=host_of(links[0].address.url) if links else "")
