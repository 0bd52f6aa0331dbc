"""What a list of brands says, as values: what reading gives and storing takes."""

from collections import Counter
from dataclasses import dataclass, field

SHOWN_PLACES = 3


@dataclass(frozen=True, slots=True)
class Place:
    """A city, state code and ZIP, each "" where the list does not say it. Never a street: some
    lists hold people's homes."""

    city: str = ""
    state: str = ""
    zip: str = ""

    def __str__(self) -> str:
        return ", ".join(filter(None, (self.city, self.state)))


@dataclass(frozen=True, slots=True)
class Address:
    """A FHIR base URL that a list publishes for a brand. `label` tells it from the brand's
    others, as people know it: the portal's name, else the endpoint's."""

    url: str
    label: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True)
class ParsedBrand:
    """A brand or facility. `key` is the same in each edition of its list, `identifier` the https
    one that other lists may have too."""

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
    """A whole list. `skipped` counts by reason what was left out; `notes` are sentences."""

    shape: str
    brands: list[ParsedBrand] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    next_url: str = ""
