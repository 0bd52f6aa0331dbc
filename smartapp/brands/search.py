"""Finds brands by what people type: all words, in any order, each matching the beginning of a word.

Three searches, best first, until twenty are found: names that begin with the text, names that have
all words, and brands that have them anywhere (parent, city, state, ZIP). PostgreSQL uses GIN
indexes, SQLite an FTS5 table; migration 0002 creates both.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from django.db import connection
from django.db.models import BooleanField, Q, QuerySet
from django.db.models.expressions import RawSQL

from smartapp.brands import chosen, offers
from smartapp.brands.folding import asked_words, sort_key
from smartapp.brands.models import Brand, BrandEndpoint, BrandLogo
from smartapp.brands.parsed import Place
from smartapp.protocol.urls import host_of
from smartapp.registrations.models import Endpoint

MAX_HITS = 20
MAX_WORDS = 8

_NAME_SQL = "brands_words_of(brands_brand.name_words) @@ %s::tsquery"
_ALL_SQL = (
    "brands_words_of(brands_brand.name_words || ' ' || brands_brand.other_words) @@ %s::tsquery"
)
_FTS_SQL = "brands_brand.id IN (SELECT rowid FROM brands_words WHERE brands_words MATCH %s)"

NOT_CONNECTED = "not connected to this app yet"
NOT_REACHABLE = "not reachable at the moment"
NOT_CHECKED = "not checked yet, try again later today"


@dataclass(frozen=True, slots=True)
class Choice:
    """A way to connect: what the person signs in to, and the link."""

    label: str
    url: str


@dataclass(frozen=True, slots=True)
class Hit:
    """A brand as a row of the result. Without `choices` nobody can connect, and `note` says why."""

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
    """Return at most MAX_HITS brands for the typed text; none for empty text."""
    asked = asked_words(query)[:MAX_WORDS]
    if not asked:
        return Found((), has_more=False)
    brands = _first_found(query, asked)
    return _found(brands)


def narrowed(brands: QuerySet[Brand], query: str) -> QuerySet[Brand]:
    """Return the brands that have all typed words; all of them for empty text."""
    asked = asked_words(query)[:MAX_WORDS]
    return brands.filter(_with_words(asked, in_name=False)) if asked else brands


def everything() -> Found | None:
    """Return all brands that are offered if they fit on a page; None if there are more."""
    brands = list(_shown().filter(offered=True)[: MAX_HITS + 1])
    return None if len(brands) > MAX_HITS else _found(brands)


def _shown() -> QuerySet[Brand]:
    visible = Brand.objects.filter(hidden=False, withdrawn_at=None)
    return visible.order_by("-offered", "sort_key", "pk")


def _first_found(query: str, asked: list[str]) -> list[Brand]:
    # Find the ids first: thousands may match, and sorting whole rows takes most of the time.
    found: dict[int, None] = {}
    for brands in _searches(query, asked):
        found |= dict.fromkeys(brands.values_list("pk", flat=True)[: MAX_HITS + 1])
        if len(found) > MAX_HITS:
            break
    ids = list(found)[: MAX_HITS + 1]
    rows = Brand.objects.in_bulk(ids)
    return [rows[one] for one in ids if one in rows]


def _searches(query: str, asked: list[str]) -> Iterator[QuerySet[Brand]]:
    yield _shown().filter(_begins_with(sort_key(query)))
    if sum(map(len, asked)) > 1:  # one letter begins a word of nearly every brand
        yield _shown().filter(_with_words(asked, in_name=True))
        yield _shown().filter(_with_words(asked, in_name=False))


def _begins_with(key: str) -> Q:
    """SQLite's LIKE ignores case and so cannot use the index; a range can. PostgreSQL sorts by
    language, so a range is wrong there and LIKE is exact."""
    if connection.vendor == "postgresql":
        return Q(sort_key__startswith=key)
    return Q(sort_key__gte=key, sort_key__lt=f"{key}\U0010ffff")


def _with_words(asked: list[str], *, in_name: bool) -> RawSQL:
    """Return the condition that a brand has all words. Words consist of letters and digits
    (`folding.words`), so they cannot contain query syntax."""
    if connection.vendor == "postgresql":
        statement = _NAME_SQL if in_name else _ALL_SQL
        terms = " & ".join(f"'{word}':*" for word in asked)
    else:
        statement = _FTS_SQL
        terms = " AND ".join(f'"{word}"*' for word in asked)
        terms = f"{{name_words}} : ({terms})" if in_name else terms
    return RawSQL(statement, [terms], output_field=BooleanField())  # noqa: S611 - constants


def _found(brands: list[Brand]) -> Found:
    shown, links = _merged(brands[:MAX_HITS])
    by_iss = _endpoints(links)
    logos = _logos(shown)
    hits = tuple(_hit(brand, links[brand.pk], by_iss, logos.get(brand.pk, "")) for brand in shown)
    return Found(_told_apart(hits, shown, links), has_more=len(brands) > MAX_HITS)


def _merged(brands: list[Brand]) -> tuple[list[Brand], dict[int, list[BrandEndpoint]]]:
    """Return the brands with all their links. A brand that other lists have too, with the same
    identifier and name, is one row with the addresses of all. Within one list an identifier says
    nothing, because its brands may share it."""
    of_same = _in_several_lists(brands)
    merged: dict[object, list[Brand]] = {}
    for brand in brands:
        merged.setdefault(of_same.get(brand.pk, brand.pk), [brand])
    members = {
        group[0].pk: [group[0].pk, *(pk for pk, key in of_same.items() if key == name)]
        for name, group in merged.items()
    }
    found: dict[int, list[BrandEndpoint]] = {}
    every = {pk for pks in members.values() for pk in pks}
    for link in BrandEndpoint.objects.filter(brand__in=every).select_related("address"):
        found.setdefault(link.brand_id, []).append(link)
    links = {pk: _each_address_once(pks, found) for pk, pks in members.items()}
    return [group[0] for group in merged.values()], links


def _in_several_lists(brands: list[Brand]) -> dict[int, tuple[str, str]]:
    """Return the ids of brands that are the same one, each with their common identifier and
    name."""
    identifiers = {brand.identifier for brand in brands} - {None}
    if not identifiers:
        return {}
    alike = Brand.objects.filter(identifier__in=identifiers, hidden=False, withdrawn_at=None)
    groups: dict[tuple[str, str], list[tuple[int, int | None]]] = {}
    for one in alike.only("brand_list", "identifier", "sort_key"):
        same = one.identifier or "", one.sort_key
        groups.setdefault(same, []).append((one.pk, one.brand_list_id))
    return {
        pk: same
        for same, group in groups.items()
        if len(group) == len({listed for _, listed in group}) > 1
        for pk, _ in group
    }


def _each_address_once(
    brands: list[int], found: dict[int, list[BrandEndpoint]]
) -> list[BrandEndpoint]:
    once: dict[int, BrandEndpoint] = {}
    for pk in brands:
        for link in found.get(pk, ()):
            once.setdefault(link.address_id, link)
    return list(once.values())


def _endpoints(links: dict[int, list[BrandEndpoint]]) -> dict[str, Endpoint]:
    lookups = {link.address.lookup for several in links.values() for link in several}
    found = offers.connectable().filter(iss__in=lookups).select_related("registration")
    return {one.iss: one for one in found.order_by("-pk")}


def _logos(brands: list[Brand]) -> dict[int, str]:
    """Return the addresses of the fetched logos, by brand. A logo that was not fetched, or is no
    image, is left out, so that a page shows no empty frame."""
    named = [brand.pk for brand in brands if brand.logo_url]
    if not named:
        return {}
    fetched = BrandLogo.objects.filter(brand__in=named, content_type__gt="")
    return {pk: f"/brands/{pk}/logo" for pk in fetched.values_list("brand_id", flat=True)}


def _hit(
    brand: Brand, links: list[BrandEndpoint], by_iss: dict[str, Endpoint], logo_url: str
) -> Hit:
    connectable = [link for link in links if link.address.lookup in by_iss]
    usable = [link for link in connectable if _is_usable(link, by_iss)]
    return Hit(
        name=brand.name,
        part_of=brand.part_of,
        place=str(Place(*brand.places[0])) if brand.places else "",
        more_places=max(0, brand.place_count - 1),
        portal=brand.portal,
        told_apart_by=_registration(brand, connectable, by_iss),
        logo_url=logo_url,
        choices=_choices(brand, usable, by_iss),
        note=_note(connectable, usable),
    )


def _registration(
    brand: Brand, connectable: list[BrandEndpoint], by_iss: dict[str, Endpoint]
) -> str:
    """Return the administrators' name for the registration of one of our own endpoints. It is often
    the vendor's, and tells brands with the same name apart."""
    if brand.brand_list_id or not connectable:
        return ""
    name = by_iss[connectable[0].address.lookup].registration.name
    return name if name != brand.name else ""


def _is_usable(link: BrandEndpoint, by_iss: dict[str, Endpoint]) -> bool:
    """Return whether the EHR's discovery was read and no error prevents a launch."""
    return bool(by_iss[link.address.lookup].pinned_hosts) and not link.address.problem


def _choices(
    brand: Brand, links: list[BrandEndpoint], by_iss: dict[str, Endpoint]
) -> tuple[Choice, ...]:
    """Return a choice for each link, each with a different label."""
    labels = [link.label or host_of(link.address.url) for link in links]
    for longer in (host_of, _without_scheme):
        labels = [
            _with_place(link.label, longer(link.address.url)) if labels.count(label) > 1 else label
            for link, label in zip(links, labels, strict=True)
        ]
    is_own = brand.brand_list_id is None  # with the endpoint's own name
    return tuple(
        Choice(
            label,
            chosen.connect_url(by_iss[link.address.lookup].slug, None if is_own else link.brand_id),
        )
        for link, label in zip(links, labels, strict=True)
    )


def _with_place(label: str, place: str) -> str:
    return f"{label} ({place})" if label else place


def _without_scheme(url: str) -> str:
    return url.partition("://")[2]


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
    """Add the host to rows that look the same, and the whole address to those with the same
    host."""
    for shown_of in (host_of, _without_scheme):
        looks = [(hit.name, hit.part_of, hit.place, hit.portal, hit.told_apart_by) for hit in hits]
        hits = tuple(
            hit if looks.count(look) == 1 else _with_address(hit, links[brand.pk], shown_of)
            for hit, look, brand in zip(hits, looks, brands, strict=True)
        )
    return hits


def _with_address(hit: Hit, links: list[BrandEndpoint], shown_of: Callable[[str], str]) -> Hit:
    return replace(hit, told_apart_by=shown_of(links[0].address.url) if links else "")
