"""A database as the first migrations made it, with something of everything that an upgrade keeps.

Run in a process of its own, by `manage.py shell -c`.
"""

import json
import sys
from datetime import timedelta
from typing import Any
from uuid import UUID

from asgiref.sync import async_to_sync
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from smartapp import vault
from smartapp.administrators.models import SecondFactor, key_context
from smartapp.audit.models import AuditEvent
from smartapp.keys import material
from smartapp.keys.models import SigningKey
from smartapp.launches import tokens
from smartapp.launches.models import Launch
from smartapp.launches.tokens import LaunchTokens
from smartapp.registrations import registry
from smartapp.registrations.models import DiscoverySnapshot, Endpoint, Registration

APPS = ("audit", "keys", "registrations", "launches", "administrators")
UUID_OF_LAUNCH = UUID(int=7)
BASE = "https://EHR.example:443/fhir/r4/"
TOKENS = LaunchTokens(
    access_token="access", refresh_token="refresh", requested_scope="launch", granted_scope=None,
    members={"patient": "p-1"}, id_token_iss=None, id_token_sub=None, fhirUser=None,
    token_endpoint="https://ehr.example/token",
)  # fmt: skip


def make() -> None:
    """Migrate to the first schema and write into it, as the code of that day did."""
    call_command("migrate", "auth", verbosity=0)
    first = [(app, "0001_initial") for app in APPS]
    for app, name in first:
        call_command("migrate", app, name, verbosity=0)
    apps = MigrationExecutor(connection).loader.project_state(first).apps

    def row(app: str, model: str, **values: Any) -> Any:
        return apps.get_model(app, model).objects.create(**values)

    now = timezone.now()
    made = {"created_at": now, "updated_at": now}
    key_set = row("keys", "KeySet", slug="a", created_at=now)
    key = material.generate("ES384")
    row(
        "keys", "SigningKey", key_set=key_set, kid=key.kid, alg=key.alg, public_jwk=key.public_jwk,
        sealed_private_key=material.sealed_row(key).sealed_private_key, published_at=now,
        signs_from=now, place=1,
    )  # fmt: skip
    secret = vault.seal(b"secret", Registration(pk=1).client_secret_context)
    registration = row(
        "registrations", "Registration", pk=1, slug="a", name="A", client_id="c", key_set=key_set,
        auth_method="client_secret_basic", sealed_client_secret=secret, scope="launch", **made,
    )  # fmt: skip
    endpoint = row(
        "registrations", "Endpoint", registration=registration, slug="a", name="A", iss=BASE,
        fhir_base_url=BASE, pinned_hosts=["ehr.example"], **made,
    )  # fmt: skip
    row(
        "registrations", "DiscoverySnapshot", endpoint=endpoint, fhir_base_url=BASE, document={},
        digest="d", hosts=[], fetched_at=now, last_seen_at=now,
    )  # fmt: skip
    ends = now + timedelta(hours=1)
    Session.objects.create(session_key="s" * 40, session_data="", expire_date=ends)
    row(
        "launches", "Launch", uuid=UUID_OF_LAUNCH, endpoint=endpoint, kind="ehr", state_digest="s",
        launched_at=now, session_id="s" * 40, access_token_expires_at=ends,
        sealed_tokens=tokens.seal(TOKENS, UUID_OF_LAUNCH),
    )  # fmt: skip
    for name, has_finished in (("ann", True), ("bob", False)):
        user = row("auth", "User", username=name)
        row(
            "administrators", "SecondFactor", user=user, name="app", confirmed=has_finished,
            sealed_key=vault.seal(b"k", key_context(user.pk)), last_step=0,
        )  # fmt: skip
    for action in ("keys.add", "registration.create", "sign-in"):
        row("audit", "AuditEvent", at=now, actor="ann", action=action, target="a", detail={})


def tell() -> None:
    """Print what today's code reads of it."""
    key, registration = SigningKey.objects.get(), Registration.objects.get()
    endpoint, launch = Endpoint.objects.get(), Launch.objects.get()
    secret = vault.unseal(registration.sealed_client_secret, registration.client_secret_context)
    found = {
        "signs": material.open_private_key(key).as_dict(private=False)["kty"],
        "secret": secret.decode(),
        "base": endpoint.fhir_base_url,
        "reached by": async_to_sync(registry.endpoint_for_iss)("https://ehr.example/fhir/r4").slug,
        "discovery": DiscoverySnapshot.objects.get().url,
        "refresh": tokens.unseal(launch.sealed_tokens, launch.uuid).refresh_token,
        "session": launch.session_id,
        "second factors": SecondFactor.objects.count(),
        "audit trail": _change_of_the_trail(),
    }
    sys.stdout.write(json.dumps(found))


def _change_of_the_trail() -> str:
    """Return why an event cannot be changed."""
    try:
        AuditEvent.objects.update(actor="another")
    except DatabaseError as error:
        return str(error).partition("\n")[0]
    return ""
