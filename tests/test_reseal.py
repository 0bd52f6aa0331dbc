import re
from datetime import UTC, datetime
from io import StringIO

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils import timezone
from pytest_django import Settings

from smartapp import checks, vault
from smartapp.keys import heartbeat, key_creation, material
from smartapp.keys.models import SigningKey
from smartapp.launches.models import Launch, tokens_context
from smartapp.management.commands import reseal
from smartapp.registrations.models import Registration
from tests.registrations.factories import make_endpoint, make_registration

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 1, tzinfo=UTC)
NEW = vault.new_key()


@pytest.fixture
def registration() -> Registration:
    key_creation.create_key_set("general", algs=["ES384"], now=NOW)
    registration = make_registration("general", client_secret="hunter2")
    registration.refresh_from_db()
    return registration


@pytest.fixture
def launch(registration: Registration) -> Launch:
    endpoint = make_endpoint("general", registration=registration)
    launch = Launch(endpoint=endpoint, kind="ehr", state_digest="0" * 64, launched_at=NOW)
    launch.sealed_tokens = vault.seal(b"tokens", tokens_context(launch.uuid))
    launch.save()
    return launch


def run() -> str:
    out = StringIO()
    call_command("reseal", stdout=out, stderr=out)
    return out.getvalue()


def turn(settings: Settings) -> str:
    """Put a new key first; return the ring without the old one."""
    settings.ENCRYPTION_KEYS = f"{NEW},{settings.ENCRYPTION_KEYS}"
    return NEW


def test_every_sealed_column_of_the_database_is_known() -> None:
    """An undeclared column would be lost with the old key."""
    from django.apps import apps

    sealed = {
        f"{model._meta.label}.{field.name}"
        for model in apps.get_models()
        for field in model._meta.get_fields()
        if field.name.startswith("sealed_")
    }
    assert sealed == {f"{column.model}.{column.field}" for column in vault.SEALED_COLUMNS}


def test_everything_opens_after_the_old_key_is_dropped(
    settings: Settings, registration: Registration, launch: Launch
) -> None:
    left = turn(settings)
    output = run()
    assert "keys.SigningKey.sealed_private_key: 1 of 1." in output
    assert "The other entries of ENCRYPTION_KEYS can be dropped." in output
    settings.ENCRYPTION_KEYS = left
    for row in (registration, launch):
        row.refresh_from_db()
    secret = registration.sealed_client_secret
    assert vault.unseal(secret, registration.client_secret_context) == b"hunter2"
    assert vault.unseal(launch.sealed_tokens, tokens_context(launch.uuid)) == b"tokens"
    assert material.open_private_key(SigningKey.objects.get()).is_private


def test_a_ring_of_which_an_entry_was_dropped_too_early_is_told(
    settings: Settings, registration: Registration
) -> None:
    """Without `reseal`. What was sealed last opens, and so every check of the newest value passed
    while the EHRs of earlier days could not be launched from."""
    left = turn(settings)
    key_creation.create_key_set("newer", algs=["ES384"], now=NOW)
    make_registration("newer", client_secret="hunter3")
    checks.verify_all_opened()

    settings.ENCRYPTION_KEYS = left
    checks.verify_opened()
    told = r"\(keys.SigningKey: 1, registrations.Registration: 1\).* `python manage.py reseal`"
    with pytest.raises(ImproperlyConfigured, match=told):
        checks.verify_all_opened()
    with pytest.raises(CommandError, match="key ring"):
        call_command("maintain", stdout=StringIO())
    [failure] = heartbeat.failures(timezone.now())
    assert re.search(told, failure)


def test_a_second_run_has_nothing_to_do(settings: Settings, registration: Registration) -> None:
    turn(settings)
    run()
    before = list(SigningKey.objects.values())
    assert "keys.SigningKey.sealed_private_key: " not in run()
    assert list(SigningKey.objects.values()) == before


def test_goes_on_batch_by_batch_and_from_where_it_was_interrupted(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        key_creation.create_key_set(f"set-{number}", algs=["ES384"], now=NOW)
    turn(settings)
    monkeypatch.setattr(reseal, "BATCH", 2)
    reseal_row = reseal._reseal_row
    calls = 0

    def killed_at_the_fourth(column: vault.SealedColumn, row: SigningKey) -> bool:
        nonlocal calls
        calls += 1
        if calls == 4:
            raise KeyboardInterrupt
        return reseal_row(column, row)

    with monkeypatch.context() as patched:
        patched.setattr(reseal, "_reseal_row", killed_at_the_fourth)
        with pytest.raises(KeyboardInterrupt):
            run()
    # The first batch of two is committed; the second was rolled back as a whole.
    assert "keys.SigningKey.sealed_private_key: 2 of 3." in run()


def test_a_value_written_meanwhile_is_not_overwritten(
    settings: Settings, launch: Launch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refresh stores new tokens between our read and our write: they must stay."""
    turn(settings)
    newer = vault.seal(b"refreshed", tokens_context(launch.uuid))
    unseal = vault.unseal

    def refreshed_meanwhile(sealed: str, context: str) -> bytes:
        if context == tokens_context(launch.uuid):
            Launch.objects.filter(pk=launch.pk).update(sealed_tokens=newer)
        return unseal(sealed, context)

    monkeypatch.setattr(reseal.vault, "unseal", refreshed_meanwhile)  # type: ignore[attr-defined]
    assert "launches.Launch.sealed_tokens: 0 of 1." in run()
    launch.refresh_from_db()
    assert launch.sealed_tokens == newer


def test_a_process_that_still_has_the_old_ring_is_noticed(
    settings: Settings, launch: Launch, monkeypatch: pytest.MonkeyPatch
) -> None:
    older = launch.sealed_tokens
    turn(settings)
    reseal_row = reseal._reseal_row

    def sealed_again_under_the_old_key(column: vault.SealedColumn, row: Launch) -> bool:
        resealed = reseal_row(column, row)
        Launch.objects.filter(pk=launch.pk).update(sealed_tokens=older)
        return resealed

    monkeypatch.setattr(reseal, "_reseal_row", sealed_again_under_the_old_key)
    with pytest.raises(CommandError, match="1 values were sealed under an older key meanwhile"):
        run()


def test_what_does_not_open_is_named_and_the_rest_is_done(
    settings: Settings, registration: Registration, launch: Launch
) -> None:
    """T21: a value that was moved from another row; its old key must not be dropped as if all were
    well."""
    Launch.objects.update(sealed_tokens=registration.sealed_client_secret)
    turn(settings)
    out = StringIO()
    with pytest.raises(CommandError, match="1 values do not open with this ring"):
        call_command("reseal", stdout=out, stderr=out)
    assert f"launches.Launch.sealed_tokens, row {launch.pk}: sealed for another" in out.getvalue()
    assert SigningKey.objects.get().sealed_private_key.startswith(vault.ring().prefix)
