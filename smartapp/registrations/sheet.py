"""The registration sheet: what to enter at the vendor, and what is set here. It contains no
secret."""

from collections.abc import Sequence
from typing import Any

from smartapp.keys.models import SigningKey
from smartapp.protocol.jwks import jwks_document
from smartapp.protocol.urls import without_trailing_slash
from smartapp.registrations import presets, registry
from smartapp.registrations.options import OPTIONS, Asked, AuthMethod, Option
from smartapp.registrations.registry import EndpointConfig
from smartapp.registrations.smart_launcher import ready_link

# The entries of the sheet that are not options.
_LABELS = {
    "name": "Name",
    "slug": "Slug",
    "fhir_base_url": "FHIR base URL",
    "launch_url": "Launch URL",
    "redirect_uri": "Redirect URI",
    "post_logout_redirect_uri": "Post-logout URI",
    "jwks_url": "JWKS URL",
    "issuers": "Issuers",
    "pinned_hosts": "Pinned hosts",
}


def sheet(config: EndpointConfig) -> dict[str, Any]:
    """Return the sheet as data. Makes one query, for the published keys."""
    published = SigningKey.objects.filter(key_set__slug=config.key_set_slug, withdrawn_at=None)
    keys = list(published.order_by("alg", "published_at"))
    preset = presets.of(config.preset)
    return {
        **{name: _as_json(getattr(config, name)) for name in OPTIONS},
        "name": config.name,
        "slug": config.slug,
        "registration": config.registration_slug,
        "preset": config.preset,
        "fhir_base_url": config.fhir_base_url,
        "launch_url": config.launch_url,
        "redirect_uri": config.redirect_uri,
        "post_logout_redirect_uri": (
            registry.post_logout_redirect_uri() if config.standalone_scope else ""
        ),
        "jwks_url": config.jwks_url,
        "key_set": config.key_set_slug,
        "keys": [{"kid": key.kid, "alg": key.alg} for key in keys],
        "issuers": list(config.issuers),
        "pinned_hosts": sorted(config.pinned_hosts),
        "overrides": dict(config.overrides),
        "steps": list(preset.steps),
        "notes": list(preset.notes),
        "unverified": list(preset.unverified),
        "source": preset.source,
        "ready_link": (
            ready_link(config, jwks_document(key.public_jwk for key in keys))
            if preset.is_smart_launcher and config.opens_from_ehr
            else ""
        ),
        "reported_audience": reported_audience(config),
    }


def reported_audience(config: EndpointConfig) -> str:
    """Return the audience that others report for this EHR if none is set; unverified (C65)."""
    preset = presets.of(config.preset)
    if config.assertion_audience or not (preset.reported_audience_path and config.issuers):
        return ""
    return without_trailing_slash(config.issuers[0]) + preset.reported_audience_path


def as_text(data: dict[str, Any], warnings: Sequence[str]) -> str:
    """Return the sheet as text, one fact a line; empty values are left out."""
    lines = [_line(label, data[name]) for name, label in _LABELS.items() if data[name]]
    lines += [_line(one.label, data[name]) for name, one in OPTIONS.items() if _is_told(one, data)]
    if not data["client_id"]:
        lines.append("Client id:         not given yet, so nobody can launch")
    if data["auth_method"] == AuthMethod.PRIVATE_KEY_JWT:
        lines += [f"{'Key:':<19}{key['alg']} {key['kid']}" for key in data["keys"]]
    lines += [f"{'Overridden:':<19}{member} {url}" for member, url in data["overrides"].items()]
    lines += [f"At the vendor: {step}" for step in data["steps"]]
    lines += [f"Ready link: {data['ready_link']}"] if data["ready_link"] else []
    lines += [f"Note: {note}" for note in data["notes"]]
    lines += [f"Unverified: {note}" for note in data["unverified"]]
    if data["reported_audience"]:
        lines.append(f"Unverified: the audience is reported to be {data['reported_audience']}")
    lines += [f"Source: {data['source']}."] if data["source"] else []
    lines += [f"Warning: {warning}" for warning in warnings]
    return "\n".join(lines)


def _is_told(one: Option, data: dict[str, Any]) -> bool:
    """Return whether the sheet shows the option: if the vendor needs it, or if it is not the usual
    value."""
    value = data[one.name]
    is_unusual = value != _as_json(one.usual) and one.declared.asked is not Asked.NEVER
    return (one.declared.on_sheet and value != "") or is_unusual


def _as_json(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _line(label: str, value: Any) -> str:
    if isinstance(value, list):
        value = ", ".join(value)
    return f"{label + ':':<18} {'yes' if value is True else value}"
