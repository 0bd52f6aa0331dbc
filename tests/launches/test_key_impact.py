"""What the page of a key set knows of launches, and asks EHRs, before anybody risks anything."""

from collections.abc import AsyncIterator, Callable
from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client, override_settings
from django.urls import reverse
from django.utils import timezone

from smartapp import http, vault
from smartapp.audit.models import AuditEvent
from smartapp.database import in_database
from smartapp.keys import evidence, key_creation, lifecycle, memory, rotation
from smartapp.keys.affected_launches import Affected
from smartapp.keys.models import KeySet, SigningKey
from smartapp.launches import events, key_impact
from smartapp.launches.models import Launch
from tests.launches.conftest import Browser
from tests.launches.test_stale_copy import knows
from tests.scripted_ehr import CANARY, CLIENT_ID, ScriptedEHR

Start = Callable[[], str]
ALG = "RS384"


@pytest.fixture
async def key_set(app: str) -> AsyncIterator[KeySet]:
    yield await in_database(KeySet.objects.get, slug="scripted")
    await http.close()


async def affected(key_set: KeySet, alg: str = ALG) -> Affected:
    await events.flush()
    return await in_database(key_impact.affected, key_set, alg, timezone.now())


def administration(url: str, data: dict[str, str] | None = None) -> str:
    """Return the page that an administrator gets for a GET, or for a POST with `data`."""
    client = Client()
    user, _ = User.objects.get_or_create(username="root", is_staff=True, is_superuser=True)
    client.force_login(user)
    response = client.get(url) if data is None else client.post(url, data, follow=True)
    return " ".join(response.content.decode().split())


class TestAffected:
    async def test_an_open_launch_is_kept_and_listed_without_who_it_is_about(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start, key_set: KeySet
    ) -> None:
        uuid = await browser.launch(ehr_launch())
        found = await affected(key_set)
        assert (found.under_way, found.untouched, found.not_listed) == (0, 0, 0)
        [launch] = found.renewing
        row = await in_database(Launch.objects.get, uuid=uuid)
        assert (launch.uuid_prefix, launch.registration) == (str(uuid)[:8], "Scripted EHR")
        assert launch.ehr == "Scripted Hospital"
        assert (launch.since, launch.renews_at) == (row.launched_at, row.access_token_expires_at)
        assert CANARY not in repr(found)
        assert ehr.patient not in repr(found)

    async def test_one_that_never_renews_notices_nothing(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start, key_set: KeySet
    ) -> None:
        ehr.refresh_token = None
        await browser.launch(ehr_launch())
        found = await affected(key_set)
        assert (found.renewing, found.untouched) == ([], 1)
        with override_settings(ENCRYPTION_KEYS=vault.new_key()):  # it cannot be known here
            assert (await affected(key_set)).untouched == 0

    async def test_who_is_at_the_ehr_has_to_start_again(
        self, browser: Browser, ehr_launch: Start, key_set: KeySet
    ) -> None:
        """It lives in a cookie; that somebody was sent to the EHR is in the timeline."""
        callback = await browser.to_callback(ehr_launch())
        assert (await affected(key_set)).under_way == 1
        await browser.get(callback)
        assert (await affected(key_set)).under_way == 0

    async def test_what_is_over_is_not_counted(
        self, browser: Browser, ehr_launch: Start, key_set: KeySet
    ) -> None:
        uuid = await browser.launch(ehr_launch())
        await in_database(Launch.objects.filter(uuid=uuid).update, ended_at=timezone.now())
        found = await affected(key_set)
        assert (found.renewing, found.untouched) == ([], 0)

    async def test_another_algorithm_hits_nobody(
        self, browser: Browser, ehr_launch: Start, key_set: KeySet
    ) -> None:
        """The registration signs with RS384; the ES384 line of its set is in no launch."""
        await browser.launch(ehr_launch())
        found = await affected(key_set, "ES384")
        assert (found.renewing, found.untouched) == ([], 0)

    async def test_a_long_list_is_cut_and_says_so(
        self, browser: Browser, ehr_launch: Start, key_set: KeySet, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(key_impact, "MAX_LISTED", 1)
        for _ in range(3):
            await browser.launch(ehr_launch())
        found = await affected(key_set)
        assert (len(found.renewing), found.not_listed) == (1, 2)

    async def test_the_page_and_the_command_list_it_before_and_after(
        self, browser: Browser, ehr_launch: Start, key_set: KeySet
    ) -> None:
        uuid = await browser.launch(ehr_launch())
        await events.flush()
        url = reverse("admin:keys_keyset_step", args=[key_set.pk, ALG, "emergency"])
        before = await in_database(administration, url)
        assert f"<code>{str(uuid)[:8]}</code>" in before
        assert str(uuid) not in before
        assert "1 launch is open and renewed from time to time." in before
        data = {"typed": "Scripted EHR", "reason": "a test"}
        after = await in_database(administration, url, data)
        assert "Replaced at once at" in after
        assert "Ask these to fetch the public keys again: Scripted EHR." in after
        assert f"<code>{str(uuid)[:8]}</code>" in after
        said = StringIO()
        await in_database(
            lambda: call_command(
                "rotate_keys", "scripted", "--emergency", "--alg", ALG, "--at-risk",
                "Scripted EHR", "--reason", "a test", stdout=said,
            )
        )  # fmt: skip
        assert "Launches may fail at: Scripted EHR." in said.getvalue()
        assert f"launch {str(uuid)[:8]} of Scripted EHR at Scripted Hospital" in said.getvalue()


class TestAsking:
    @pytest.fixture
    async def next_key(self, key_set: KeySet, ehr: ScriptedEHR) -> SigningKey:
        def register_and_publish() -> SigningKey:
            call_command(
                "register_ehr", ehr.fhir_base_url, "--name", "Backend", "--client-id", CLIENT_ID,
                "--slug", "backend", "--key-set", "scripted", "--scope",
                "system/Patient.rs system/Observation.rs", stdout=StringIO(),
            )  # fmt: skip
            return key_creation.publish_next(key_set, ALG, now=timezone.now(), actor="test")

        key = await in_database(register_and_publish)
        await memory.refresh()
        return key

    async def ask(self, key_set: KeySet) -> str:
        url = reverse("admin:keys_keyset_ask", args=[key_set.pk, ALG])
        return await in_database(administration, url, {})

    async def test_an_ehr_that_gives_a_token_knows_the_new_key(
        self, key_set: KeySet, next_key: SigningKey, ehr: ScriptedEHR
    ) -> None:
        html = await self.ask(key_set)
        assert f"Backend gave a token for {next_key}: it knows this key." in html
        assert ehr.assertions[-1]["kid"] == next_key.kid
        assert ehr.token_requests[-1]["scope"] == "system/Patient.rs"
        assert f"Backend gave a token for the new {ALG} key less than a minute ago" in html
        event = await in_database(AuditEvent.objects.latest, "id")
        assert (event.action, event.actor) == ("keys.accepted", "root")
        assert (event.detail["kid"], event.detail["by"]) == (next_key.kid, "backend")

    async def test_no_wait_becomes_shorter_by_it(
        self, key_set: KeySet, next_key: SigningKey
    ) -> None:
        """Another of its servers may hold another copy."""
        await self.ask(key_set)
        with pytest.raises(Exception, match="This step is possible from"):
            await in_database(
                lambda: lifecycle.start_signing(key_set, ALG, now=timezone.now(), actor="test")
            )

    async def test_an_ehr_that_holds_an_older_copy_says_so(
        self, key_set: KeySet, next_key: SigningKey, ehr: ScriptedEHR
    ) -> None:
        """The previous key is not tried: that it is taken would prove nothing."""
        old = (await memory.signer("scripted", ALG)).kid
        knows(ehr, old)
        html = await self.ask(key_set)
        assert f"Backend: it does not know {ALG} {next_key.kid} yet" in html
        assert len(ehr.token_requests) == 1
        await in_database(next_key.refresh_from_db)
        assert next_key.accepted_by == {}

    async def test_an_ehr_that_is_away_proves_nothing(
        self, key_set: KeySet, next_key: SigningKey, ehr: ScriptedEHR
    ) -> None:
        knows(ehr, status=503)
        html = await self.ask(key_set)
        assert "Backend: it could not be asked" in html

    async def test_an_ehr_that_wants_to_be_left_alone_is(
        self, key_set: KeySet, next_key: SigningKey, ehr: ScriptedEHR
    ) -> None:
        """C144: a 429 holds for all that asks it."""
        knows(ehr, status=429)
        html = await self.ask(key_set)
        assert "Backend: it could not be asked" in html
        assert len(ehr.token_requests) == 1
        html = await self.ask(key_set)
        assert "Backend: it could not be asked" in html
        assert len(ehr.token_requests) == 1

    async def test_the_dry_run_of_the_command_asks_too(
        self, key_set: KeySet, next_key: SigningKey, ehr: ScriptedEHR
    ) -> None:
        def dry_run() -> str:
            said = StringIO()
            call_command("rotate_keys", "scripted", "--dry-run", stdout=said)
            return said.getvalue()

        assert f"Backend gave a token for {next_key}" in await in_database(dry_run)
        knows(ehr)
        with pytest.raises(CommandError, match="Backend: it does not know"):
            await in_database(dry_run)

    async def test_where_nobody_can_be_asked_there_is_no_button(self, key_set: KeySet) -> None:
        url = reverse("admin:keys_keyset_change", args=[key_set.pk])
        assert "Ask the EHR" not in await in_database(administration, url)
        found = await in_database(
            lambda: evidence.of(key_set, rotation.of(key_set), timezone.now())
        )
        assert not any("gave a token" in sentence for sentence in found.ehrs)
