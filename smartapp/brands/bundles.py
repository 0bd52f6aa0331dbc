"""Reads the entries of a Bundle of Organizations and Endpoints (SMART App Launch 2.2, "User-access
Brands and Endpoints"; FHIR R4 "Resolving references in Bundles").

Brands have `Organization.endpoint`. Facilities have `partOf` and use the endpoints of their nearest
ancestor that has some. Older lists contain only Endpoints, each with its organisation contained.

References may lead to another page of the same list, so a Bundle takes the entries of all pages
before its brands are known.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any, TypeVar
from urllib.parse import urljoin, urlsplit

from smartapp.brands.addresses import NotUsable, usable_address
from smartapp.brands.elements import line, lines, name_of, nested
from smartapp.brands.folding import capitalised, doing_business_as, state_code, without_state
from smartapp.brands.parsed import Address, ParsedBrand, ParsedList, Place
from smartapp.protocol.urls import base_key
from smartapp.record.elements import mappings

BUNDLE = "a Bundle of brands and endpoints"

# Extensions by the last part of their URL: in Argonaut's and HL7's drafts it stands below others.
_VERSION = ("endpoint-fhir-version",)
_BRAND = ("organization-brand", "patient-access-brand")
_PORTAL = ("organization-portal", "patient-access-portal")
_UNUSABLE_STATUS = frozenset({"off", "error", "entered-in-error", "suspended", "test"})
_US_ZIP = re.compile(r"([0-9]{5})(?:-?[0-9]{4})?")
_CANADIAN = re.compile(r"[A-Z][0-9][A-Z] ?[0-9][A-Z][0-9]")
_DATE = re.compile(r"[0-9]{4}(-[0-9]{2}){0,2}")
# As lists write them; "" is where they do not say it.
_NORTH_AMERICA = (
    "",
    "US",
    "USA",
    "UNITED STATES",
    "UNITED STATES OF AMERICA",
    "CA",
    "CAN",
    "CANADA",
)
MAX_CODE = 12
MAX_PLACES = 2_000
MAX_LOGO_URL = 2_048
_LOGOS = ("brandLogo", "portalLogo")
T = TypeVar("T")
R = TypeVar("R", "_Endpoint", "_Organization")


@dataclass(slots=True, eq=False)
class _Endpoint:
    address: Address | None
    names: tuple[str, ...]
    managed_by: tuple[str, ...] = ()
    # It becomes a brand if the endpoint names no organisation of the list, and none names it.
    own_name: str = ""
    has_brand: bool = False


@dataclass(slots=True, eq=False)
class _Organization:
    key: str
    names: tuple[str, ...]
    base: str
    name: str
    aliases: list[str]
    part_of: str
    parent_name: str
    endpoints: list[str]
    portals: list[tuple[str, tuple[str, ...]]]
    places: tuple[Place, ...]
    logo_url: str
    identifier: str = ""
    is_active: bool = True
    # By id: only this organisation can refer to these (FHIR R4, "Contained Resources").
    contained: dict[str, _Endpoint] = field(default_factory=dict)


@dataclass(eq=False)
class Bundle:
    """The entries of a list, from all its pages."""

    in_development: bool
    today: date
    endpoints: list[_Endpoint] = field(default_factory=list)
    organizations: list[_Organization] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    unresolved: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.endpoint_named: dict[str, _Endpoint] = {}
        self.organization_named: dict[str, _Organization] = {}


def add_entries(bundle: Bundle, entries: Iterable[Any]) -> None:
    """Add the entries of a page."""
    for entry in entries:
        _add_entry(bundle, entry)


def read_brands(bundle: Bundle) -> ParsedList:
    """Return what the entries say together; their order does not matter."""
    bundle.endpoint_named = _by_name(bundle.endpoints, lambda one: one.address)
    bundle.organization_named = _by_name(bundle.organizations, _leads_to)
    managed = _managed(bundle)
    parsed = ParsedList(BUNDLE, skipped=bundle.skipped)
    # FHIR R4 makes `active` a modifier, and SMART lets lists have brands that are not. Some lists
    # say it of all, and mean nothing by it.
    says_nothing = not any(one.is_active for one in bundle.organizations)
    for organization in bundle.organizations:
        _add_brand(parsed, bundle, organization, managed, says_nothing or organization.is_active)
    for one in bundle.endpoints:
        _add_brand_without_organization(parsed, one)
    strays = [one.address for one in bundle.endpoints if one.address and not one.has_brand]
    if strays:
        shown = {base_key(address.url) for brand in parsed.brands for address in brand.addresses}
        parsed.skipped["an address that no brand of the list has"] += sum(
            base_key(address.url) not in shown for address in strays
        )
    parsed.skipped = +parsed.skipped  # without zeros
    _report_unresolved(parsed, bundle)
    return parsed


def _leads_to(one: _Organization) -> object:
    """Return what an organisation's addresses come from: its references mean what they do where it
    stands, and only it has its contained ones."""
    contained = {identity: endpoint.address for identity, endpoint in one.contained.items()}
    return one.name, one.part_of, one.endpoints, one.portals, one.base, contained


def _by_name(resources: Iterable[R], content: Callable[[R], object]) -> dict[str, R]:
    """Return the resources by each of their names, but for names of several that differ: such a
    reference could lead patients to another hospital."""
    found: dict[str, R] = {}
    ambiguous: set[str] = set()
    for one in resources:
        for name in one.names:
            if content(found.setdefault(name, one)) != content(one):
                ambiguous.add(name)
    return {name: one for name, one in found.items() if name not in ambiguous}


def _add_entry(bundle: Bundle, entry: Any) -> None:
    resource = nested(entry, "resource")
    if not isinstance(resource, dict):
        bundle.skipped["an entry without a resource"] += 1
        return
    kind = resource.get("resourceType")
    url = line(entry.get("fullUrl"))
    if kind == "Organization":
        _add_organization(bundle, resource, url)
    elif kind == "Endpoint":
        _add_endpoint(bundle, resource, url)
    else:
        bundle.skipped[f"a resource of another type ({line(kind) or 'none'})"] += 1


def _add_organization(bundle: Bundle, resource: dict[str, Any], url: str) -> None:
    organization = _organization(resource, url)
    for one in mappings(resource.get("contained")):
        if one.get("resourceType") == "Endpoint":
            endpoint = _Endpoint(_address(bundle, one), ())
            bundle.endpoints.append(endpoint)
            organization.contained[line(one.get("id")).removeprefix("#")] = endpoint
    bundle.organizations.append(organization)


def _names(resource: dict[str, Any], full_url: str) -> tuple[str, ...]:
    """Return the strings by which references may name a resource; some lists have the id alone."""
    identity = line(resource.get("id"))
    relative = f"{resource['resourceType']}/{identity}" if identity else ""
    return tuple(filter(None, (_plain(full_url), identity, relative)))


def _plain(reference: str) -> str:
    """Return a reference without its version, and a UUID in lower case (RFC 9562 §4)."""
    reference = reference.partition("/_history/")[0]
    return reference.lower() if reference[:9].lower() == "urn:uuid:" else reference


def _add_endpoint(bundle: Bundle, resource: dict[str, Any], url: str) -> None:
    address = _address(bundle, resource)
    endpoint = _Endpoint(address, _names(resource, url))
    bundle.endpoints.append(endpoint)
    managers = mappings(resource.get("managingOrganization"))
    contained = _contained(resource, managers)
    if contained is not None:
        own = _organization(contained, "")
        own.key = line(resource.get("id")) or own.key
        own.names = (f"contained:{len(bundle.organizations)}",)
        endpoint.managed_by = own.names
        bundle.organizations.append(own)
        return
    endpoint.managed_by = tuple(line(one.get("reference")) for one in managers)
    names = (*(name_of(one.get("display")) for one in managers), name_of(resource.get("name")))
    endpoint.own_name = next(filter(None, names), "")


def _contained(resource: dict[str, Any], managers: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Return the contained organisation that manages an Endpoint. Lists refer to it with `#`,
    without it, or in `id`."""
    organizations = [
        one
        for one in mappings(resource.get("contained"))
        if one.get("resourceType") == "Organization"
    ]
    wanted = {
        line(manager.get(name)).removeprefix("#") for manager in managers
        for name in ("reference", "id")
    } - {""}  # fmt: skip
    for one in organizations:
        if line(one.get("id")).removeprefix("#") in wanted:
            return one
    return organizations[0] if len(organizations) == 1 else None


def _is(extension: dict[str, Any], names: tuple[str, ...]) -> bool:
    url = extension.get("url")
    return isinstance(url, str) and url.rpartition("/")[2] in names


def _values(extension: dict[str, Any]) -> list[str]:
    """Return the value as text, whatever type the list gives it."""
    return [line(value) for name, value in extension.items() if name.startswith("value")]


def _address(bundle: Bundle, resource: dict[str, Any]) -> Address | None:
    try:
        return _usable(resource, bundle)
    except NotUsable as reason:
        bundle.skipped[str(reason)] += 1
        return None


def _usable(resource: dict[str, Any], bundle: Bundle) -> Address:
    extensions = mappings(resource.get("extension"))
    versions = [value for one in extensions if _is(one, _VERSION) for value in _values(one)]
    version = next((one for one in versions if "4" in one[:2]), next(iter(versions), ""))
    url = usable_address(
        resource.get("address"), version=version, in_development=bundle.in_development
    )
    status = line(resource.get("status")).lower()
    if status in _UNUSABLE_STATUS:
        raise NotUsable(f"the list says that its status is {status}")
    if over := _over(resource.get("period"), bundle.today):
        raise NotUsable(f"the list says that its period ended: {over}")
    if any(_is_test(one) for one in extensions):
        raise NotUsable("the list says that it is for tests")
    if resource.get("header"):
        raise NotUsable("wants a request header of its own, which a launch cannot send")
    return Address(url, line(resource.get("name")), version)


def _over(period: Any, today: date) -> str:
    """Return when an Endpoint's period ended, a day, month or year (FHIR R4 Endpoint.period); "" if
    it goes on, and for what is no date."""
    end = line(nested(period, "end"))[:10]
    is_over = _DATE.fullmatch(end) and end < today.isoformat()[: len(end)]
    return end if is_over else ""


def _is_test(extension: dict[str, Any]) -> bool:
    values = map(str.lower, _values(extension))
    is_environment = "environment" in line(extension.get("url")).lower()
    return is_environment and bool({"test", "tst", "train"} & set(values))


def _organization(resource: dict[str, Any], url: str) -> _Organization:
    published = name_of(resource.get("name"))
    name, state = without_state(published)
    aliases = lines(resource.get("alias"))
    if other := doing_business_as(name):
        aliases.append(other)
    extensions = mappings(resource.get("extension"))
    return _Organization(
        key=_key(resource, url),
        names=_names(resource, url),
        base=url,
        name=name,
        aliases=aliases,
        part_of=line(nested(resource, "partOf", "reference")),
        parent_name=name_of(nested(resource, "partOf", "display")),
        endpoints=[line(one.get("reference")) for one in mappings(resource.get("endpoint"))],
        portals=list(_portals(extensions)),
        places=_places(resource, state),
        logo_url=_logo(extensions),
        identifier=_identifier(resource),
        is_active=resource.get("active") is not False,
    )


def _identifier(resource: dict[str, Any]) -> str:
    """Return the https identifier, as SMART requires; never an OID, NPI or EIN, because brands
    share those."""
    for one in mappings(resource.get("identifier")):
        value = line(one.get("value"))
        if one.get("system") == "urn:ietf:rfc:3986" and value.startswith("https://"):
            return value
    return ""


def _key(resource: dict[str, Any], url: str) -> str:
    """Return the key of the brand, the same in each edition of its list."""
    identity, identifier = line(resource.get("id")), _identifier(resource)
    return f"{identifier}#{identity}" if identifier else identity or url


def _portals(extensions: list[dict[str, Any]]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield each portal's name, as patients know it, and the references to its endpoints."""
    for extension in extensions:
        if not _is(extension, _PORTAL):
            continue
        parts = mappings(extension.get("extension"))
        names = (name_of(p.get("valueString")) for p in parts if p.get("url") == "portalName")
        name = next(names, "")
        references = tuple(
            line(nested(part, "valueReference", "reference"))
            for part in parts
            if part.get("url") == "portalEndpoint"
        )
        yield name, references


def _logo(extensions: list[dict[str, Any]]) -> str:
    """Return the first logo that may be fetched: https only, never a script."""
    for extension in extensions:
        if not _is(extension, _BRAND + _PORTAL):
            continue
        for part in mappings(extension.get("extension")):
            url = part.get("valueUrl") if part.get("url") in _LOGOS else None
            if isinstance(url, str) and url.startswith("https://") and len(url) <= MAX_LOGO_URL:
                return url
    return ""


def _places(resource: dict[str, Any], state: str) -> tuple[Place, ...]:
    found = dict.fromkeys(
        _place(one, state) for one in mappings(resource.get("address"))[:MAX_PLACES]
    )
    known = tuple(place for place in found if place != Place())
    return known or ((Place(state=state),) if state else ())


def _place(address: dict[str, Any], state: str) -> Place:
    """Return where an address is. Of another country than the United States and Canada, state and
    postal code are as the list writes them."""
    written, code = line(address.get("state")), line(address.get("postalCode")).upper()
    is_abroad = line(address.get("country")).upper() not in _NORTH_AMERICA
    return Place(
        capitalised(name_of(address.get("city"))),
        state_code(written) or (written if is_abroad else state),
        zip_code(address.get("postalCode")) or (code[:MAX_CODE] if is_abroad else ""),
    )


def zip_code(value: Any) -> str:
    """Return the five digits of a US ZIP code, or a Canadian postal code; "" for anything else."""
    is_number = isinstance(value, int) and not isinstance(value, bool)
    text = f"{value:05}" if is_number else line(value).upper()
    if found := _US_ZIP.fullmatch(text):
        return found[1]
    return text if _CANADIAN.fullmatch(text) else ""


def _managed(bundle: Bundle) -> dict[int, list[_Endpoint]]:
    """Return, for each organisation, the endpoints that name it as their manager."""
    found: defaultdict[int, list[_Endpoint]] = defaultdict(list)
    for endpoint in bundle.endpoints:
        base = endpoint.names[0] if endpoint.names else ""
        for reference in endpoint.managed_by:
            organization = _resolve(bundle.organization_named, reference, base)
            if organization is not None:
                found[id(organization)].append(endpoint)
                endpoint.own_name = ""
            elif reference:
                bundle.unresolved["managingOrganization"] += 1
    return found


def _resolve(named: dict[str, T], reference: str, base: str) -> T | None:
    """Return the resource that a reference means: relative to the base of the referring entry (FHIR
    R4, "Resolving references in Bundles"), by fullUrl or `Type/id` in this Bundle, or by the
    `Type/id` at the end of an absolute URL."""
    reference = _plain(reference)
    if not reference:
        return None
    below = named.get(_below_base_of(base, reference))
    if below is not None:
        return below
    return named.get(reference) or named.get("/".join(reference.split("/")[-2:]))


def _below_base_of(full_url: str, reference: str) -> str:
    """Return a reference relative to the base of an entry, as a URL; "" if one of them is none."""
    root = "/".join(full_url.split("/")[:-2])
    try:
        is_url = urlsplit(full_url).scheme in ("http", "https")
        return urljoin(f"{root}/", reference) if is_url else ""
    except ValueError:
        return ""


def _add_brand(
    parsed: ParsedList,
    bundle: Bundle,
    organization: _Organization,
    managed: dict[int, list[_Endpoint]],
    is_in_use: bool,
) -> None:
    line_of_parents = _with_ancestors(bundle, organization)
    name = organization.name or next((p for p, _ in organization.portals if p), "")
    if not name:
        parsed.skipped["no name to show"] += 1
        return
    addresses = next(
        filter(None, (_addresses(bundle, one, managed) for one in line_of_parents)), ()
    )
    if not addresses:
        parsed.skipped["a brand without an address that can be used"] += 1
        return
    if not is_in_use:
        parsed.skipped["the list says that it is no longer in use"] += 1
        return
    named = (one.name for one in line_of_parents[1:])
    parent = next(filter(None, named), organization.parent_name)
    parsed.brands.append(
        ParsedBrand(
            key=organization.key[:300],
            name=name,
            addresses=addresses,
            aliases=tuple(organization.aliases),
            part_of=parent,
            places=organization.places,
            portals=tuple(dict.fromkeys(p for p, _ in organization.portals if p)),
            logo_url=organization.logo_url,
            identifier=organization.identifier[:300],
        )
    )


def _add_brand_without_organization(parsed: ParsedList, endpoint: _Endpoint) -> None:
    if endpoint.has_brand or endpoint.address is None or not endpoint.own_name:
        return
    endpoint.has_brand = True
    shown, state = without_state(endpoint.own_name)
    key = endpoint.names[-1] if endpoint.names else shown
    places = (Place(state=state),) if state else ()
    parsed.brands.append(ParsedBrand(key[:300], shown, (endpoint.address,), places=places))


def _with_ancestors(bundle: Bundle, organization: _Organization) -> list[_Organization]:
    """Return the organisation and its ancestors, nearest first; a loop ends the list."""
    found: list[_Organization] = []
    current: _Organization | None = organization
    while current is not None and current not in found:
        found.append(current)
        parent = _resolve(bundle.organization_named, current.part_of, current.base)
        if current.part_of and parent is None:
            bundle.unresolved["partOf"] += int(current is organization)
        current = parent
    return found


def _addresses(
    bundle: Bundle, organization: _Organization, managed: dict[int, list[_Endpoint]]
) -> tuple[Address, ...]:
    """Return an organisation's own addresses, each once, labelled with the portal's name if it has
    one."""
    labels: dict[str, str] = {}
    found: list[Address] = []
    for portal, references in organization.portals:
        for reference in references:
            labels.setdefault(reference, portal)
    for reference in dict.fromkeys((*organization.endpoints, *labels)):
        endpoint = organization.contained.get(reference.removeprefix("#")) or _resolve(
            bundle.endpoint_named, reference, organization.base
        )
        if endpoint is None:
            bundle.unresolved["endpoint"] += 1
        elif endpoint.address is not None:
            endpoint.has_brand = True
            label = labels.get(reference, "") or endpoint.address.label
            found.append(Address(endpoint.address.url, label, endpoint.address.version))
    for endpoint in (*organization.contained.values(), *managed.get(id(organization), ())):
        endpoint.has_brand = True
        found += [endpoint.address] if endpoint.address else []
    once: dict[str, Address] = {}
    for address in found:
        once.setdefault(base_key(address.url), address)
    return tuple(once.values())


def _report_unresolved(parsed: ParsedList, bundle: Bundle) -> None:
    for member, count in sorted(bundle.unresolved.items()):
        parsed.notes.append(
            f"{count} references in `{member}` lead to nothing in this list."
            if count > 1
            else f"1 reference in `{member}` leads to nothing in this list."
        )
