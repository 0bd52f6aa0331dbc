"""Small lists of brands, each a good one, of which a test changes one thing."""

import io
import json
from datetime import date
from typing import Any

from smartapp.brands.parsed import ParsedList
from smartapp.brands.reading import Pages

BASE = "https://fhir.maple.example/r4"
JSONObject = dict[str, Any]


def endpoint(identity: str = "maple", **members: Any) -> JSONObject:
    resource = {"resourceType": "Endpoint", "id": identity, "status": "active", "address": BASE}
    return {
        "fullUrl": f"https://list.example/Endpoint/{identity}",
        "resource": resource | members,
    }


def organization(
    identity: str = "maple-health",
    *endpoints: str,
    base: str = "https://list.example",
    **members: Any,
) -> JSONObject:
    resource = {
        "resourceType": "Organization",
        "id": identity,
        "name": "Maple Health",
        "endpoint": [{"reference": one} for one in endpoints or ("Endpoint/maple",)],
    }
    return {
        "fullUrl": f"https://list.example/Organization/{identity}",
        "resource": resource | members,
    }


def bundle(*entries: JSONObject, **members: Any) -> JSONObject:
    return {"resourceType": "Bundle", "type": "collection", "entry": list(entries)} | members


def address(city: str, state: str, postal_code: str = "") -> JSONObject:
    return {"line": ["1 Private Road"], "city": city, "state": state, "postalCode": postal_code}


def read(*pages: object) -> ParsedList:
    """Read documents as JSON, or bytes as they are: a list, and its next pages."""
    reading = Pages(today=date(2026, 11, 30))
    for page in pages:
        body = page if isinstance(page, bytes) else json.dumps(page).encode()
        reading.add(io.BytesIO(body))
    return reading.parsed()
