"""The values that reading a list of brands produces and storing it takes."""

from collections import Counter
from dataclasses import dataclass, field

SHOWN_PLACES = 3


@dataclass(frozen=True, slots=True)
class Place:
    """A city, state code and ZIP code, each "" if the list does not have it. Never a street,
    because some lists contain people's homes."""

    city: str = ""
    state: str = ""
    zip: str = ""

    def __str__(self) -> str:
        return ", ".join(filter(None, (self.city, self.state)))


@dataclass(frozen=True, slots=True)
class Address:
    """A FHIR base URL that a list publishes for a brand. `label` distinguishes it from the brand's
    other addresses: the portal's name, which people know, or else the endpoint's name."""

    url: str
    label: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True)
class ParsedBrand:
    """A brand or facility. `key` is the same in each edition of its list; `identifier` is the https
    identifier, which other lists may have too."""

    key: str
    name: str
    addresses: tuple[Address, ...]
    aliases: tuple[str, ...] = ()
    part_of: str = ""
    places: tuple[Place, ...] = ()
    portals: tuple[str, ...] = ()
    logo_url: str = ""
    identifier: str = ""


@dataclass
class ParsedList:
    """A list, whole unless it goes on where it was not read. `skipped` counts the omitted entries
    by reason; `notes` are sentences."""

    shape: str
    brands: list[ParsedBrand] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    is_whole: bool = True
