"""Rows for the tests of registrations: a good case, of which each test changes one thing."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from smartapp import vault
from smartapp.keys.models import KeySet
from smartapp.registrations.models import Endpoint, Registration
from smartapp.registrations.registry import EndpointConfig, normalised_iss

NOW = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
BASE = "https://ehr.example/fhir/r4"
ISSUER = "https://login.example/oauth2/aus1"


def make_registration(slug: str = "general", **fields: Any) -> Registration:
    key_set, _ = KeySet.objects.get_or_create(slug=slug, defaults={"created_at": NOW})
    secret = fields.pop("client_secret", "")
    values: dict[str, Any] = {
        "slug": slug,
        "name": "General Hospital",
        "client_id": f"client-of-{slug}",
        "key_set": key_set,
        "scope": "launch openid fhirUser patient/*.rs",
        "standalone_scope": "launch/patient openid fhirUser offline_access patient/*.rs",
        "created_at": NOW,
        "updated_at": NOW,
    }
    registration = Registration.objects.create(**values | fields)
    if secret:
        sealed = vault.seal(secret.encode(), registration.client_secret_context)
        Registration.objects.filter(pk=registration.pk).update(sealed_client_secret=sealed)
    return registration


def changed(config: EndpointConfig, **values: Any) -> EndpointConfig:
    """The same with other options: mypy's `replace` does not see those of the model."""
    return replace(config, **values)


def make_endpoint(
    slug: str = "general", *, registration: Registration | None = None, **fields: Any
) -> Endpoint:
    base = fields.get("fhir_base_url", BASE)
    values: dict[str, Any] = {
        "registration": registration or make_registration(slug),
        "slug": slug,
        "name": "General Hospital",
        "fhir_base_url": base,
        "iss": normalised_iss(base),
        "issuers": [ISSUER],
        "pinned_hosts": ["ehr.example", "login.example"],
        "opens_from_ehr": fields.get("launchable", True),
        "created_at": NOW,
        "updated_at": NOW,
    }
    return Endpoint.objects.create(**values | fields)
