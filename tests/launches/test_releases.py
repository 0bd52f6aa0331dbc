"""What another release has sealed is read, or politely ended: after an upgrade, and a roll-back."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any
from unittest.mock import patch

import pytest
from django.test import override_settings
from django.utils import timezone

from smartapp import vault
from smartapp.database import in_database
from smartapp.keys import memory
from smartapp.keys.models import SigningKey
from smartapp.launches import pending, pending_revocations, tokens
from smartapp.launches.models import (
    Launch,
    Revocation,
    refresh_failure_context,
    revocation_context,
    tokens_context,
)
from smartapp.launches.pending_revocations import work_off
from smartapp.launches.refresh_failure import RefreshFailure
from smartapp.registrations import registry
from smartapp.registrations.models import Registration
from smartapp.vault import Form
from tests.diagnosis.test_causes import first_is
from tests.launches.conftest import Browser, expire, refreshes, row
from tests.scripted_ehr import ScriptedEHR

Start = Callable[[], str]
Change = Callable[[dict[str, Any]], object]
READ: dict[str, Change] = {
    "before there were versions": lambda members: members.pop("version"),
    "with a member more": lambda members: members.update(granted_by="somebody"),
}
ENDED: dict[str, Change] = {
    "a newer version": lambda members: members.update(version=2),
    "without a member": lambda members: members.pop("access_token"),
}


def sealed_by(change: Change, sealed: str, context: str) -> str:
    members = json.loads(vault.unseal(sealed, context))
    change(members)
    return vault.seal(json.dumps(members).encode(), context)


async def launched_by(change: Change, browser: Browser, start: str) -> str:
    """Launch, then let the row be as another release would have written it."""
    uuid = await browser.launch(start)
    launch = await row(uuid)
    sealed = sealed_by(change, launch.sealed_tokens, tokens_context(uuid))
    await in_database(Launch.objects.filter(uuid=uuid).update, sealed_tokens=sealed)
    return f"/launches/{uuid}/"


@pytest.mark.parametrize("change", READ.values(), ids=READ)
async def test_a_launch_goes_on(browser: Browser, ehr_launch: Start, change: Change) -> None:
    page = await launched_by(change, browser, ehr_launch())
    assert (await browser.get(page)).status == 200


@pytest.mark.parametrize("change", ENDED.values(), ids=ENDED)
async def test_a_launch_is_ended_politely(
    browser: Browser, ehr: ScriptedEHR, ehr_launch: Start, change: Change
) -> None:
    page = await launched_by(change, browser, ehr_launch())
    answer = await browser.get(page)
    assert answer.status == 410
    assert "This connection has ended" in await answer.text()
    # The next launch of this browser meets it too, and goes on.
    assert (await browser.get(f"/launches/{await browser.launch(ehr_launch())}/")).status == 200


@pytest.mark.parametrize(
    "other",
    [
        patch.object(pending, "FORM", Form(pending.PendingLaunch, 2, is_compressed=True)),
        override_settings(ENCRYPTION_KEYS=vault.new_key()),
    ],
    ids=["another release", "another key"],
)
async def test_a_launch_on_its_way_goes_on_in_the_process_that_can_open_it(
    browser: Browser, ehr: ScriptedEHR, ehr_launch: Start, other: AbstractContextManager[object]
) -> None:
    """Another one uses nothing up, also if it is asked twice, and does not say that the sign-in is
    another browser's."""
    callback = await browser.to_callback(ehr_launch())
    with other:
        for _ in range(2):
            answer = await browser.get(callback)
            assert answer.status == 503
            assert "Try again" in await answer.text()
    assert ehr.token_requests == []
    assert (await browser.get(callback)).status == 303


@pytest.mark.parametrize("sealed", ["signing key", "client secret"])
async def test_what_we_prove_ourselves_with_may_open_in_another_process_only(
    browser: Browser, ehr: ScriptedEHR, ehr_launch: Start, sealed: str
) -> None:
    """Nobody has sealed anything of the launch with the key that this process lacks: an
    administrator entered a secret elsewhere, or keys were replaced."""
    callback = await browser.to_callback(ehr_launch())
    held = await in_database(lacking_key, SigningKey if sealed == "signing key" else Registration)
    for _ in range(2):
        answer = await browser.get(callback)
        page = await answer.text()
        assert answer.status == 503
        assert "client-key-unopened" in page
        assert "Nothing was sent to the EHR" in page
        assert answer.headers["Refresh"] == "5"
    await first_is("could not open what it keeps encrypted", "C64")
    assert ehr.token_requests == []
    await in_database(put_back, held)
    assert (await browser.get(callback)).status == 303


def lacking_key(model: type[SigningKey | Registration]) -> list[dict[str, Any]]:
    """Leave these rows sealed with a key that is not in the ring; return them as they were."""
    held = [*model.objects.values()]
    if model is SigningKey:
        for one in SigningKey.objects.all():
            _, _, body = one.sealed_private_key.split(".")
            SigningKey.objects.filter(pk=one.pk).update(sealed_private_key=f"v1.00000000.{body}")
    else:
        secret = {"auth_method": "client_secret_basic", "sealed_client_secret": "v1.00000000.AA"}
        Registration.objects.update(**secret)
    as_after_a_start()
    return [{"model": model, **one} for one in held]


def put_back(held: list[dict[str, Any]]) -> None:
    for one in held:
        one.pop("model")._base_manager.filter(pk=one["id"]).update(**one)
    as_after_a_start()


def as_after_a_start() -> None:
    memory.forget()
    registry.forget()


async def test_a_failed_refresh_is_forgotten(
    browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
) -> None:
    uuid = await browser.launch(ehr_launch())
    await expire(uuid)
    newer = Form(RefreshFailure, 2)
    failure = RefreshFailure("refresh-refused", "")
    sealed = newer.seal(failure, refresh_failure_context(uuid))
    await in_database(Launch.objects.filter(uuid=uuid).update, sealed_refresh_failure=sealed)
    assert (await browser.get(f"/launches/{uuid}/")).status == 200
    assert len(refreshes(ehr)) == 1


async def test_a_revocation_waits_for_the_release_that_can_read_it(
    browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
) -> None:
    uuid = await browser.launch(ehr_launch())
    issued = tokens.unseal((await row(uuid)).sealed_tokens, uuid)

    def left() -> None:
        launch = Launch.objects.get(uuid=uuid)
        one = pending_revocations.revocation_of(uuid, launch.endpoint_id, issued, timezone.now())
        one.sealed_tokens = sealed_by(
            ENDED["a newer version"], one.sealed_tokens, revocation_context(one)
        )
        one.save(force_insert=True)

    await in_database(left)
    assert await work_off(within_seconds=5) == 0
    waiting = await in_database(Revocation.objects.get)
    assert waiting.failure == "tokens-do-not-open"
    assert waiting.sealed_tokens
