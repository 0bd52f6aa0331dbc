"""2-legged access: tokens for the app itself (SMART Backend Services; C2, C145, C146)."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from io import StringIO

import pytest
from aiohttp import web
from django.core.cache import cache, caches
from django.core.management import call_command
from django.core.management.base import CommandError

from smartapp import http
from smartapp.database import in_database
from smartapp.diagnosis import doctor
from smartapp.diagnosis.finding import Finding
from smartapp.launches import backend as backend_module
from smartapp.launches.backend import backend_token
from smartapp.protocol.errors import EHRTimeout, InvalidClient, ScopeError, UnknownEndpoint
from smartapp.registrations import registry
from smartapp.registrations.models import Endpoint, Registration
from tests.scripted_ehr import CANARY, CLIENT_ID, ScriptedEHR

SCOPE = "system/Patient.rs"


@pytest.fixture(autouse=True)
def empty_cache() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
async def backend(app: str, ehr: ScriptedEHR) -> AsyncIterator[None]:
    """A 2-legged registration at the EHR where a 3-legged one launches (C2). Tokens are asked for
    in the test's own event loop."""

    def register() -> None:
        call_command(
            "register_ehr", ehr.fhir_base_url, "--name", "Backend", "--client-id", CLIENT_ID,
            "--slug", "backend", "--key-set", "scripted", "--scope", SCOPE, stdout=StringIO(),
        )  # fmt: skip

    await in_database(register)
    yield
    await http.close()


@pytest.mark.usefixtures("backend")
class TestToken:
    async def test_is_asked_for_with_an_assertion_and_the_scope(self, ehr: ScriptedEHR) -> None:
        """C145."""
        given = await backend_token("backend", SCOPE)
        request = ehr.token_requests[-1]
        assert request["grant_type"] == "client_credentials"
        assert request["scope"] == SCOPE
        assert ehr.assertions[-1]["sub"] == CLIENT_ID
        assert given.access_token in ehr.valid_access_tokens
        assert CANARY not in repr(given)

    async def test_is_kept_until_it_expires(self, ehr: ScriptedEHR) -> None:
        """C145, C128: sealed in the cache, one for each set of scopes."""
        first = await backend_token("backend", SCOPE)
        assert await backend_token("backend", SCOPE) == first
        assert len(ehr.token_requests) == 1
        assert await backend_token("backend", "system/Observation.rs") != first
        assert CANARY not in str(getattr(cache, "_cache", ""))

    async def test_is_given_while_the_cache_is_away(
        self, ehr: ScriptedEHR, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What could not be kept is not lost: each caller asks the EHR."""

        def away(*_: object, **__: object) -> None:
            raise ConnectionError

        for name in ("get", "add", "set", "delete"):
            monkeypatch.setattr(type(caches["default"]), name, away)
        for _ in range(2):
            given = await backend_token("backend", SCOPE)
            assert given.access_token in ehr.valid_access_tokens
        assert len(ehr.token_requests) == 2

    async def test_is_asked_for_once_by_all_who_need_it(self, ehr: ScriptedEHR) -> None:
        """C128, T30: a token that has just run out is no reason to spend the vendor's minute."""
        ehr.token_delay = 0.3
        given = await asyncio.gather(*(backend_token("backend", SCOPE) for _ in range(20)))
        assert len(set(given)) == 1
        assert len(ehr.token_requests) == 1

    async def test_is_asked_for_again_by_the_next_when_the_first_got_none(
        self, ehr: ScriptedEHR
    ) -> None:
        async def fails_once(_: web.Request) -> web.Response:
            ehr.token_answer = None
            return web.Response(status=503)

        ehr.token_answer = fails_once
        both = await asyncio.gather(
            *(backend_token("backend", SCOPE) for _ in range(2)), return_exceptions=True
        )
        assert sorted(type(one).__name__ for one in both) == ["BackendToken", "TokenEndpointFailed"]

    async def test_nobody_waits_for_ever_for_one_that_died(
        self, ehr: ScriptedEHR, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(backend_module, "WAIT_SECONDS", 0.2)
        await backend_token("backend", SCOPE)
        (place,) = [
            key.split(":", 2)[2] for key in getattr(cache, "_cache", {}) if "backend-token" in key
        ]
        cache.clear()
        cache.add(f"{place}-asked", True)
        with pytest.raises(EHRTimeout):
            await backend_token("backend", SCOPE)
        assert len(ehr.token_requests) == 1

    async def test_that_expired_is_asked_for_again(self, ehr: ScriptedEHR) -> None:
        ehr.expires_in = 0
        await backend_token("backend", SCOPE)
        await backend_token("backend", SCOPE)
        assert len(ehr.token_requests) == 2

    @pytest.mark.parametrize("scope", ["launch", "openid", "patient/Patient.rs", "user/*.rs", ""])
    async def test_scope_of_a_person_is_never_sent(self, ehr: ScriptedEHR, scope: str) -> None:
        """C146."""
        with pytest.raises(ScopeError):
            await backend_token("backend", scope)
        assert ehr.token_requests == []

    async def test_of_a_registration_that_launches_is_refused(self, ehr: ScriptedEHR) -> None:
        """C2: 2-legged and 3-legged are separate credentials."""
        with pytest.raises(UnknownEndpoint):
            await backend_token("scripted", SCOPE)
        assert ehr.token_requests == []

    async def test_refusal_of_the_ehr_is_named(self, ehr: ScriptedEHR) -> None:
        async def refuses(_: web.Request) -> web.Response:
            return web.json_response({"error": "invalid_client"}, status=401)

        ehr.token_answer = refuses
        with pytest.raises(InvalidClient):
            await backend_token("backend", SCOPE)


@pytest.mark.usefixtures("backend")
class TestCommand:
    async def test_prints_the_token_only_when_told_to(self, ehr: ScriptedEHR) -> None:
        outputs = []
        for arguments in ([], ["--show-token"]):
            output = StringIO()
            command = ["backend_token", "backend", "--scope", SCOPE, *arguments]
            await in_database(call_command, *command, stdout=output)
            outputs.append(output.getvalue())
        hidden, shown = outputs
        assert CANARY not in hidden
        assert f"scope: {SCOPE}" in hidden
        assert "expires_at: 20" in hidden
        assert f"{CANARY}-access" in shown

    async def test_says_what_is_wrong_in_a_sentence(self) -> None:
        with pytest.raises(CommandError, match="no enabled 2-legged registration"):
            await in_database(lambda: call_command("backend_token", "nobody", "--scope", SCOPE))


@pytest.mark.usefixtures("backend")
async def test_launches_go_to_the_registration_that_launches(ehr: ScriptedEHR, app: str) -> None:
    """C7: `iss` leads to exactly one place although two registrations have it."""
    rows = await in_database(
        lambda: list(Endpoint.objects.order_by("slug").values_list("slug", "launchable", "iss"))
    )
    assert rows == [
        ("backend", False, ehr.fhir_base_url),
        ("scripted", True, ehr.fhir_base_url),
    ]
    backend = await in_database(Registration.objects.get, slug="backend")
    assert backend.is_backend
    assert backend.standalone_scope == ""


@pytest.mark.usefixtures("backend")
class TestDoctor:
    """The doctor asks for a token where a registration is 2-legged: C145."""

    async def found(self, slug: str) -> dict[str, Finding]:
        endpoints = Endpoint.objects.select_related("registration__key_set")
        config = await in_database(lambda: registry.describe(endpoints.get(slug=slug)))
        findings = [finding async for finding in doctor.access(config)]
        return {finding.check: finding for finding in findings}

    async def test_token_that_comes_is_well(self, ehr: ScriptedEHR) -> None:
        found = await self.found("backend")
        assert found["token"].level == "ok"
        assert ehr.token_requests[-1]["scope"] == SCOPE
        assert CANARY not in str(found)

    async def test_token_is_tried_with_a_read(self, ehr: ScriptedEHR) -> None:
        assert (await self.found("backend"))["read"].level == "ok"

    @pytest.mark.parametrize(
        ("status", "level"), [(401, "problem"), (403, "problem"), (400, "advice")]
    )
    async def test_token_that_reads_nothing_is_found(
        self, ehr: ScriptedEHR, status: int, level: str
    ) -> None:
        """As the public launcher's simulated error of a token that is not accepted."""

        async def refuse(_: web.Request) -> web.StreamResponse:
            return web.json_response({}, status=status)

        ehr.fhir_answer = refuse
        found = await self.found("backend")
        assert (found["token"].level, found["read"].level) == ("ok", level)

    async def test_it_asks_anew_each_time(self, ehr: ScriptedEHR) -> None:
        await self.found("backend")
        await self.found("backend")
        assert len(ehr.token_requests) == 2

    async def test_refusal_is_a_problem_with_a_fix(self, ehr: ScriptedEHR) -> None:
        async def refuse(_: web.Request) -> web.StreamResponse:
            return web.json_response({"error": "invalid_client"}, status=401)

        ehr.token_answer = refuse
        found = (await self.found("backend"))["token"]
        assert (found.level, bool(found.fix)) == ("problem", True)

    async def test_a_registration_that_launches_is_not_asked_for(self, ehr: ScriptedEHR) -> None:
        assert await self.found("scripted") == {}
        assert ehr.token_requests == []
