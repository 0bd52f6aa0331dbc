"""Registering an EHR: what is stored.

Reading what the EHR publishes is a separate step. An EHR that does not answer today can still be
registered, and nobody is sent there until its discovery was read once (`trust`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from typing import Any
from urllib.parse import quote_plus

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Count
from django.utils.text import slugify

from smartapp import vault
from smartapp.audit import trail
from smartapp.protocol.errors import DiscoveryInvalid
from smartapp.registrations import issuer_conflicts, options, presets, registry, trust, validation
from smartapp.registrations.models import Endpoint, Registration
from smartapp.registrations.options import Asked, AuthMethod, Group
from smartapp.registrations.presets import PRESETS, Preset, defaults, quirks
from smartapp.registrations.signing import key_set_for, refuse_alg_too_early
from smartapp.registrations.validation import is_backend, validate_own_address

SLUG_LENGTH = 63
SCOPES = options.of_group(Group.SCOPES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What an administrator enters. None keeps the stored value, or the preset's default."""

    fhir_base_url: str
    name: str
    slug: str | None = None
    preset: str | None = None
    client_secret: str | None = None
    key_set: str | None = None
    issuers: list[str] | None = None
    # The options that are given, by their names in `options.OPTIONS`.
    options: Mapping[str, Any] = field(default_factory=dict)


def register(wanted: Wanted, *, now: datetime, actor: str) -> Endpoint:
    """Store a registration and its endpoint, or update those with the same slug.

    Raises ValidationError, with sentences. Then nothing was stored, except perhaps new keys.
    """
    validate_own_address()
    slug = wanted.slug or slug_of(wanted.name)
    if not slug:
        raise ValidationError({"slug": "This name gives no slug; enter one."})
    registration = Registration.objects.filter(slug=slug).first() or Registration(
        slug=slug, created_at=now
    )
    endpoint = Endpoint.objects.filter(slug=slug).first() or Endpoint(slug=slug, created_at=now)
    registration.updated_at = endpoint.updated_at = now
    if endpoint.pk and endpoint.registration_id != registration.pk:
        raise ValidationError({"slug": f"{slug} is the endpoint of another registration."})
    _change_registration(registration, wanted)
    registration.clean_fields(exclude=["key_set"])
    check(registration, wanted.client_secret)
    endpoint.name = wanted.name
    set_base(endpoint, wanted.fhir_base_url)
    endpoint.clean_fields(exclude=["registration"])
    if endpoint._state.adding:  # before keys are made, which stay
        set_who_launches(endpoint, registration)
        refuse_second(endpoint)
    refuse_alg_too_early(registration, wanted.key_set, now=now, actor=actor)
    registration.key_set = key_set_for(registration, wanted.key_set, now=now, actor=actor)
    with transaction.atomic():
        store_registration(registration, wanted.client_secret, actor=actor)
        endpoint.registration = registration
        move(endpoint, actor=actor)
        if wanted.issuers is not None:
            endpoint.issuers = wanted.issuers
        set_who_launches(endpoint, registration)
        refuse_second(endpoint)
        endpoint.full_clean()
        store_endpoint(endpoint, actor=actor)
    return endpoint


def slug_of(name: str) -> str:
    return slugify(name)[:SLUG_LENGTH].strip("-")


def known_preset(slug: str) -> Preset:
    """Return a preset. Raises ValidationError, which lists the presets, for an unknown one."""
    if slug not in PRESETS:
        names = ", ".join(filter(None, PRESETS))
        raise ValidationError({"preset": f"There is no preset {slug}; there are {names}."})
    return PRESETS[slug]


def _change_registration(registration: Registration, wanted: Wanted) -> None:
    new, waited = registration.pk is None, not registration.client_id
    preset = known_preset(registration.preset if wanted.preset is None else wanted.preset)
    changes: dict[str, Any] = defaults(preset) if new else {}
    if is_backend(wanted.options.get("scope", "")):
        # Without sign-in there is nothing that patients could connect to.
        changes["standalone_scope"] = ""
    if registration.preset != preset.slug:
        changes |= quirks(preset)
    registration.name, registration.preset = wanted.name, preset.slug
    for name, value in {**changes, **wanted.options}.items():
        setattr(registration, name, _single_blanks(value) if name in SCOPES else value)
    registration.enabled = is_enabled(registration, waited=waited)


def follow_preset(registration: Registration) -> None:
    """Set the options that only a preset may set. An administrator's own choices stay."""
    known = quirks(presets.of(registration.preset))
    for name in options.names(lambda one: one.asked is Asked.NEVER):
        setattr(registration, name, known[name])


def is_enabled(registration: Registration, *, waited: bool) -> bool:
    """Return whether it may be used: never without a client id, and automatically once it has
    one."""
    return bool(registration.client_id) and (registration.enabled or waited)


def _single_blanks(text: str) -> str:
    return " ".join(text.split())


def set_base(endpoint: Endpoint, fhir_base_url: str) -> None:
    """Set an endpoint's FHIR base URL without saving it; `move` must come before that."""
    endpoint.fhir_base_url = fhir_base_url
    try:
        endpoint.iss = registry.normalised_iss(fhir_base_url)
    except ValueError:  # `clean_fields` reports it in words
        endpoint.iss = ""


def set_who_launches(endpoint: Endpoint, registration: Registration) -> None:
    endpoint.launchable = not registration.is_backend
    endpoint.opens_from_ehr = validation.opens_from_ehr(registration.scope)


def refuse_second(endpoint: Endpoint) -> None:
    """Refuse a second endpoint for the EHR launches of the same base URL (C7)."""
    if not (endpoint.enabled and endpoint.opens_from_ehr):
        return
    if other := registry.opened_instead(endpoint):
        raise ValidationError(
            {
                "fhir_base_url": "Another enabled endpoint has this FHIR base URL already: "
                f"{other}. EHR launches lead there. A second registration there, with a client id "
                "of its own, can be for patients only: leave the scopes of clinicians empty."
            }
        )


def move(endpoint: Endpoint, *, actor: str) -> None:
    """Give an endpoint a separate row if its FHIR base URL differs from the stored one.

    Another base URL is another EHR. Nothing of the old one is valid there, and no launch,
    unfinished sign-in or revocation of the old one may ever reach the new one (T17, C14). So once
    people may have been sent to the old base URL, its row stays as it is, switched off. `endpoint`
    becomes another row: an earlier one with the new base URL, or a new one. The caller opens the
    transaction and saves `endpoint`.
    """
    stored = Endpoint.objects.select_for_update().filter(pk=endpoint.pk).first()
    if stored is None or stored.iss == endpoint.iss:
        return
    endpoint.issuers, endpoint.pinned_hosts, endpoint.refused_hosts = [], [], []
    earlier = stored.registration.endpoints.filter(iss=endpoint.iss, enabled=False).first()
    was_used = stored.pinned_hosts or stored.launches.exists() or stored.revocations.exists()
    if was_used:
        endpoint.pk, endpoint.created_at = None, endpoint.updated_at
        _retire(stored, now=endpoint.updated_at, actor=actor)
    if earlier:
        if not was_used:
            stored.delete()
        endpoint.pk, endpoint.created_at = earlier.pk, earlier.created_at
        endpoint.issuers, endpoint.pinned_hosts = earlier.issuers, earlier.pinned_hosts
        endpoint.refused_hosts = earlier.refused_hosts
    endpoint.left_at = None
    endpoint._state.adding = endpoint.pk is None


def _retire(endpoint: Endpoint, *, now: datetime, actor: str) -> None:
    """Switch off the row of an EHR that a registration leaves; the new row takes over its slug."""
    given_away = endpoint.slug
    taken = set(Endpoint.objects.values_list("slug", flat=True))
    free = (f"{given_away[: SLUG_LENGTH - 10]}-left-{number}" for number in count(1))
    endpoint.slug = next(slug for slug in free if slug not in taken)
    endpoint.name = f"{endpoint.name[:180]} (left {now:%Y-%m-%d})"
    endpoint.enabled, endpoint.left_at = False, now
    endpoint.save(update_fields=["slug", "name", "enabled", "left_at"])
    trail.record(
        actor,
        "endpoint.leave",
        f"endpoint {endpoint.slug}",
        fhir_base_url=endpoint.fhir_base_url,
        slug_given_away=given_away,
    )


def left_open(registration: Registration) -> tuple[str, ...]:
    """Return a warning for each EHR that this registration has left and that still has open
    launches."""
    found = registration.endpoints.filter(
        enabled=False, launches__isnull=False, launches__ended_at=None
    )
    rows = found.annotate(open=Count("launches")).values_list("fhir_base_url", "open")
    return tuple(
        f"Launches that are still open at {base}: {number}. Nobody sees them while that EHR is "
        "switched off. End them in the admin under Launches, so that it is told that its tokens "
        "are not needed any more."
        for base, number in rows
    )


def is_secret_encoded(registration: Registration, client_secret: str) -> bool:
    """Return whether OAuth's encoding changes this secret on the way (RFC 6749 §2.3.1)."""
    return not registration.send_secret_as_it_is and quote_plus(client_secret) != client_secret


def about_secret(registration: Registration, client_secret: str | None) -> tuple[str, ...]:
    """Return a warning if OAuth's encoding changes a new secret, because some servers compare the
    raw value."""
    is_sent = registration.auth_method == AuthMethod.CLIENT_SECRET_BASIC
    if not (is_sent and is_secret_encoded(registration, client_secret or "")):
        return ()
    return (
        "The client secret has characters that OAuth encodes on the way, and some servers compare "
        "it raw. If this EHR refuses it: `register_ehr … --send-secret-as-it-is`, or in the admin "
        "Send secret as it is.",
    )


def check(registration: Registration, client_secret: str | None) -> None:
    """Refuse options that contradict each other. Raises ValidationError at the one to change."""
    check_authentication(registration, client_secret)
    check_pkce(registration, registration.pkce_unannounced)
    validation.validate_for_anybody(registration.scope, registration.standalone_scope)


def check_authentication(registration: Registration, given: str | None) -> None:
    """Refuse a registration that authenticates by secret and has none, a secret that was not copied
    cleanly, as with the line break of its file, and a 2-legged registration without authentication
    (C145)."""
    if registration.auth_method == AuthMethod.NONE and registration.is_backend:
        raise ValidationError(
            {"auth_method": "A 2-legged registration needs keys or a client secret."}
        )
    if given and (given != given.strip() or not given.isprintable()):
        words = "The client secret begins or ends with a blank, or has a line break or tab in it."
        raise ValidationError({"client_secret": f"{words} Enter it without."})
    if registration.auth_method != AuthMethod.CLIENT_SECRET_BASIC:
        return
    if not (given or registration.sealed_client_secret):
        raise ValidationError({"client_secret": "This authentication needs a client secret."})


def check_pkce(registration: Registration, reason: str) -> None:
    """Refuse unannounced PKCE, whatever the reason, if nothing else makes a stolen code useless
    (C12)."""
    refusal = validation.pkce_refusal(
        registration.auth_method, registration.scope, registration.standalone_scope
    )
    if reason and refusal:
        raise ValidationError({"pkce_unannounced": f"PKCE has to be announced here. {refusal}"})


def store_registration(
    registration: Registration, client_secret: str | None, *, actor: str
) -> None:
    """Save a valid registration and seal a new secret. The caller opens the transaction.

    If nothing changed, nothing is written, so that the audit trail contains only changes.
    """
    created = registration.pk is None
    if registration.auth_method != AuthMethod.CLIENT_SECRET_BASIC:
        registration.sealed_client_secret = ""
    if not client_secret and _is_unchanged(registration):
        return
    changes = _recorded(registration)
    registration.save()
    registration.endpoints.update(
        launchable=not registration.is_backend,
        opens_from_ehr=validation.opens_from_ehr(registration.scope),
    )
    if client_secret:
        # The secret is sealed for this row, so the row must have its id first.
        registration.sealed_client_secret = vault.seal(
            client_secret.encode(), registration.client_secret_context
        )
        registration.save(update_fields=["sealed_client_secret"])
    trail.record(
        actor,
        "registration.create" if created else "registration.change",
        f"registration {registration.slug}",
        preset=registration.preset,
        new_client_secret=bool(client_secret),
        key_set=registration.key_set.slug,
        enabled=registration.enabled,
        **changes,
    )
    transaction.on_commit(registry.forget)


def _recorded(registration: Registration) -> dict[str, Any]:
    """Return all options, and for a stored registration the old values of the changed ones."""
    now = options.values(registration)
    stored = Registration.objects.filter(pk=registration.pk).first()
    if stored is None:
        return now
    before = options.values(stored)
    return {**now, "before": {name: before[name] for name in now if now[name] != before[name]}}


def _is_unchanged(row: Registration | Endpoint) -> bool:
    """Return whether the database already has this row, apart from the time of its last change."""
    stored = type(row)._default_manager.filter(pk=row.pk).first()
    fields = [field.attname for field in row._meta.concrete_fields if field.name != "updated_at"]
    return stored is not None and all(getattr(stored, it) == getattr(row, it) for it in fields)


def refuse_mixup(endpoint: Endpoint, issuers: list[str]) -> None:
    """Raise ValidationError if a pinned endpoint gets issuers that belong to another authorization
    server (C5). An endpoint without pinned hosts is checked when its discovery is read."""
    before = Endpoint.objects.filter(pk=endpoint.pk, enabled=True).first()
    known = set(before.issuers) if before else set()
    if not (endpoint.enabled and endpoint.pinned_hosts):
        return
    try:
        hosts = issuer_conflicts.token_hosts(registry.describe(endpoint))
        issuer_conflicts.refuse_conflict(endpoint, set(issuers) - known, hosts)
    except DiscoveryInvalid as error:
        raise ValidationError({"issuers": f"Refused: {error.detail}."}) from error


def store_endpoint(endpoint: Endpoint, *, actor: str) -> None:
    """Save a valid endpoint, as `store_registration` does. Raises the errors of `refuse_mixup`."""
    created = endpoint.pk is None
    if _is_unchanged(endpoint):
        return
    refuse_mixup(endpoint, endpoint.issuers)
    moved = not Endpoint.objects.filter(pk=endpoint.pk, iss=endpoint.iss).exists()
    endpoint.save()
    if moved:
        # Its overrides belong to another EHR.
        for override in list(endpoint.overrides.all()):
            trust.remove_override(endpoint.pk, override.member, actor=actor)
    trail.record(
        actor,
        "endpoint.create" if created else "endpoint.change",
        f"endpoint {endpoint.slug}",
        registration=endpoint.registration.slug,
        fhir_base_url=endpoint.fhir_base_url,
        issuers=endpoint.issuers,
        pkce_unannounced=endpoint.pkce_unannounced,
        enabled=endpoint.enabled,
    )
    transaction.on_commit(registry.forget)
