"""The brand that a person chose, passed through a launch. Thousands of brands may share one
endpoint, and people know theirs by its own name."""

from dataclasses import dataclass

from smartapp.brands.models import Brand
from smartapp.registrations import registry
from smartapp.registrations.registry import EndpointConfig

MAX_DIGITS = 18


@dataclass(frozen=True, slots=True)
class Chosen:
    pk: int
    name: str


def connect_url(endpoint_slug: str, brand_id: int | None) -> str:
    """Return the address where a person connects to an endpoint as that brand."""
    query = f"?brand={brand_id}" if brand_id else ""
    return f"/connect/{endpoint_slug}/{query}"


def brand_at(config: EndpointConfig, text: str) -> Chosen | None:
    """Return the brand with that id if it is shown to patients and has the endpoint's address. None
    otherwise; that is no reason to stop the launch."""
    if not (text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS):
        return None
    lookup = registry.normalised_iss(config.fhir_base_url)
    shown = Brand.objects.filter(hidden=False, withdrawn_at=None, links__address__lookup=lookup)
    brand = shown.filter(pk=int(text)).first()
    return Chosen(brand.pk, brand.name) if brand else None
