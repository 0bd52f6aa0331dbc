"""Which endpoint a launch belongs to: C1, C2, C4, C7, C8, C22, T1."""

import asyncio
import socket
import time
from collections.abc import Iterator
from dataclasses import FrozenInstanceError
from unittest.mock import patch

import pytest
from django.db import IntegrityError, OperationalError, connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from smartapp.database import in_database
from smartapp.protocol.errors import ClientKeyError, StateOfAnotherRegistration, UnknownEndpoint
from smartapp.registrations import registry
from smartapp.registrations.models import Endpoint, Registration
from smartapp.registrations.options import AuthMethod
from tests.registrations.factories import BASE, ISSUER, make_endpoint, make_registration

pytestmark = pytest.mark.django_db(transaction=True)

STRANGERS = [
    "https://evil.example/fhir/r4",
    "http://ehr.example/fhir/r4",
    "http://169.254.169.254/latest/meta-data",
    "https://user@ehr.example/fhir/r4",
    "https://ehr.example@evil.example/fhir/r4",
    "https://ehr.example./fhir/r4",
    "https://ehr.example/FHIR/r4",
    "https://ehr.example:444/fhir/r4",
    "https://ehr.example/fhir/r4//",
    "https://ehr.example/fhir/r4/../r4",
    "https://ehr.example/fhir/r4?x=1",
    "https://еhr.example/fhir/r4",
    "https://ehr.example/fhir/r4\x00",
    "https://ehr.example/" + "a" * 5000,
    "",
]


@pytest.fixture
def no_sockets() -> Iterator[None]:
    def refuse(*args: object) -> None:
        raise AssertionError("a socket was opened")

    with patch.object(socket.socket, "connect", refuse), patch("socket.getaddrinfo", refuse):
        yield


class TestEndpointForIss:
    async def test_it_is_everything_that_a_launch_needs(self) -> None:
        """C1."""
        endpoint = await in_database(make_endpoint)

        config = await registry.endpoint_for_iss(BASE)

        assert config.endpoint_id == endpoint.pk
        assert config.fhir_base_url == BASE
        assert config.issuers == (ISSUER,)
        assert config.pinned_hosts == {"ehr.example", "login.example"}
        assert config.client_id == "client-of-general"
        assert config.key_set_slug == "general"
        assert config.alg == "RS384"

    async def test_it_cannot_be_changed(self) -> None:
        await in_database(make_endpoint)
        config = await registry.endpoint_for_iss(BASE)

        with pytest.raises(FrozenInstanceError):
            config.client_id = "another"

    async def test_one_trailing_slash_makes_no_difference(self) -> None:
        """C8: MEDITECH's base has a slash, athena's has none."""
        await in_database(make_endpoint, fhir_base_url=BASE + "/")

        assert (await registry.endpoint_for_iss(BASE)).fhir_base_url == BASE + "/"
        registry.forget()
        assert (await registry.endpoint_for_iss(BASE + "/")).fhir_base_url == BASE + "/"

    @pytest.mark.parametrize(
        ("registered", "iss"),
        [
            ("https://h.example:443/v1/uscore/R4", "https://h.example/v1/uscore/R4"),
            ("https://h.example/v1/uscore/R4", "https://h.example:443/v1/uscore/R4/"),
            ("https://FHIR.KP.ORG/R4", "https://fhir.kp.org/R4"),
            ("https://fhir.kp.org/R4", "HTTPS://FHIR.KP.ORG:443/R4/"),
            ("https://ehr.example", "https://ehr.example/"),
            ("https://ehr.example:8443/", "https://EHR.example:8443"),
        ],
    )
    async def test_the_spelling_of_the_host_makes_no_difference(
        self, registered: str, iss: str
    ) -> None:
        """C8: 473 of MEDITECH's 542 bases have :443, and some of Epic's are in capitals."""
        await in_database(make_endpoint, fhir_base_url=registered)

        assert (await registry.endpoint_for_iss(iss)).fhir_base_url == registered

    @pytest.mark.parametrize("length", [501, 1550, 4096])
    async def test_a_long_base_is_found(self, length: int) -> None:
        """The public launcher writes all its settings into the base."""
        base = "https://ehr.example/sim/".ljust(length - 5, "a") + "/fhir"
        await in_database(make_endpoint, fhir_base_url=base)

        assert (await registry.endpoint_for_iss(base)).fhir_base_url == base
        with pytest.raises(UnknownEndpoint):
            await registry.endpoint_for_iss(base.replace("aaa", "aba", 1))

    async def test_a_registration_for_patients_only_stands_beside(self) -> None:
        """C7: a vendor gives client ids of their own for patients and for clinicians."""

        def rows() -> None:
            make_endpoint("clinicians")
            patients = make_registration("patients", scope="")
            make_endpoint("patients", registration=patients, opens_from_ehr=False)

        await in_database(rows)
        # Whichever was looked up before.
        assert (await registry.endpoint_for_slug("patients")).client_id == "client-of-patients"
        assert (await registry.endpoint_for_iss(BASE)).client_id == "client-of-clinicians"

    @pytest.mark.parametrize("iss", STRANGERS)
    async def test_an_unknown_iss_is_refused_without_a_socket(
        self, iss: str, no_sockets: None
    ) -> None:
        """C7, T1."""
        await in_database(make_endpoint)

        with pytest.raises(UnknownEndpoint):
            await registry.endpoint_for_iss(iss)

    @pytest.mark.parametrize(
        "iss",
        [
            "https://ehr.example/\x00",
            "https://a@ehr.example/fhir/r4",
            "ehr.example",
            "",
            "https://",
        ],
    )
    async def test_what_could_not_be_registered_is_not_even_looked_up(
        self, iss: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """T1, T25: some databases fail on a NUL, and nobody needs 5 kB to be compared."""
        looked_up: list[object] = []
        monkeypatch.setattr(registry, "_load", lambda **lookup: looked_up.append(lookup))

        with pytest.raises(UnknownEndpoint):
            await registry.endpoint_for_iss(iss)
        assert looked_up == []

    async def test_a_disabled_endpoint_is_unknown(self) -> None:
        await in_database(make_endpoint, enabled=False)

        with pytest.raises(UnknownEndpoint):
            await registry.endpoint_for_iss(BASE)

    async def test_an_endpoint_of_a_disabled_registration_is_unknown(self) -> None:
        await in_database(lambda: make_endpoint(registration=make_registration(enabled=False)))

        with pytest.raises(UnknownEndpoint):
            await registry.endpoint_for_iss(BASE)

    def test_two_enabled_endpoints_cannot_share_an_iss(self) -> None:
        make_endpoint("one")

        with pytest.raises(IntegrityError):
            make_endpoint("two")

    async def test_a_second_registration_may_share_it_when_it_launches_nobody(self) -> None:
        """C2: 2-legged use is a registration of its own at athena."""
        await in_database(make_endpoint, "backend", enabled=False)
        await in_database(make_endpoint, "launches")

        assert (await registry.endpoint_for_iss(BASE)).slug == "launches"


class TestMemory:
    async def test_a_warm_look_up_asks_the_database_nothing(self) -> None:
        await in_database(make_endpoint)
        await registry.endpoint_for_iss(BASE)

        with patch.object(registry, "in_database", side_effect=AssertionError("a query")):
            by_iss = await registry.endpoint_for_iss(BASE + "/")
            by_slug = await registry.endpoint_for_slug("general")

        assert by_iss is by_slug

    async def test_it_lasts_until_anything_changes(self) -> None:
        """Whoever changes it, and however: also an update that no model hears of."""
        await in_database(make_endpoint)
        before = await registry.endpoint_for_iss(BASE)
        await registry.look()
        assert await registry.endpoint_for_iss(BASE) is before

        await in_database(Registration.objects.update, client_id="another")
        assert await registry.endpoint_for_iss(BASE) is before
        await registry.look()
        assert (await registry.endpoint_for_iss(BASE)).client_id == "another"

    async def test_nothing_is_believed_for_long_where_nobody_looks(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A command has no `keep_current`."""
        await in_database(make_endpoint)
        await registry.endpoint_for_iss(BASE)
        await in_database(Registration.objects.update, client_id="another")
        monkeypatch.setattr(registry, "_looked_at", time.monotonic() - 1.01)
        assert (await registry.endpoint_for_iss(BASE)).client_id == "another"

    async def test_what_is_known_stays_while_the_database_is_away(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        await in_database(make_endpoint)
        before = await registry.endpoint_for_iss(BASE)
        looks = iter([*(OperationalError("away") for _ in range(3)), asyncio.CancelledError()])

        async def away(*_: object) -> None:
            raise next(looks)

        monkeypatch.setattr(registry, "SECONDS_BETWEEN_LOOKS", 0)
        monkeypatch.setattr(registry, "look", away)
        with pytest.raises(asyncio.CancelledError):
            await registry.keep_current()
        assert await registry.endpoint_for_iss(BASE) is before
        assert caplog.text.count("what was known stays") == 1

    async def test_a_miss_is_never_remembered(self) -> None:
        """Who registers an EHR and launches from it at once must not meet an old refusal."""
        with pytest.raises(UnknownEndpoint):
            await registry.endpoint_for_iss(BASE)

        await in_database(make_endpoint)

        assert (await registry.endpoint_for_iss(BASE)).slug == "general"


class TestEndpointForCallback:
    async def test_it_is_remembered_and_asked_for_in_the_transaction_that_goes_on_with_it(
        self,
    ) -> None:
        endpoint = await in_database(make_endpoint)
        await registry.endpoint_for_iss(BASE)
        with patch.object(registry, "in_database", side_effect=AssertionError("a query")):
            config = await registry.endpoint_for_callback(endpoint.pk, "general")

        def run() -> int:
            with CaptureQueriesContext(connection) as queries:
                registry.refuse_outdated(config)
            return len(queries)

        assert await in_database(run) == 1

    @pytest.mark.parametrize("somebody_looked", [False, True])
    async def test_one_that_was_read_before_a_change_is_outdated(
        self, somebody_looked: bool
    ) -> None:
        endpoint = await in_database(make_endpoint)
        config = await registry.endpoint_for_callback(endpoint.pk, "general")
        await in_database(Registration.objects.update, enabled=False)
        if somebody_looked:
            await registry.look()
        with pytest.raises(registry.Outdated):
            await in_database(registry.refuse_outdated, config)

    async def test_the_path_of_another_registration_is_refused(self) -> None:
        """C4, T3: mix-up."""
        endpoint = await in_database(make_endpoint)
        await in_database(make_endpoint, "other", fhir_base_url="https://other.example/r4")

        with pytest.raises(StateOfAnotherRegistration):
            await registry.endpoint_for_callback(endpoint.pk, "other")

    @pytest.mark.parametrize("what", ["endpoint", "registration"])
    async def test_what_was_disabled_meanwhile_is_refused(self, what: str) -> None:
        endpoint = await in_database(make_endpoint)
        await registry.endpoint_for_iss(BASE)
        rows = Endpoint.objects if what == "endpoint" else Registration.objects
        await in_database(lambda: rows.update(enabled=False))

        with pytest.raises(UnknownEndpoint):
            await registry.endpoint_now(endpoint.pk, "general")


class TestClientSecret:
    @staticmethod
    def make(**fields: str) -> Registration:
        return make_registration(
            auth_method=AuthMethod.CLIENT_SECRET_BASIC, client_secret="s3cr%t:+ å", **fields
        )

    async def test_it_is_opened_for_the_launch_and_never_shown(self) -> None:
        await in_database(lambda: make_endpoint(registration=self.make()))

        config = await registry.endpoint_for_iss(BASE)

        assert config.client_secret == "s3cr%t:+ å"
        assert "s3cr" not in repr(config)

    async def test_moved_to_another_registration_it_does_not_open(self) -> None:
        """C85, T21."""

        def move() -> None:
            sealed = Registration.objects.get(pk=self.make().pk).sealed_client_secret
            other = self.make(slug="other")
            make_endpoint(registration=other)
            Registration.objects.filter(pk=other.pk).update(sealed_client_secret=sealed)

        await in_database(move)

        with pytest.raises(ClientKeyError):
            await registry.endpoint_for_iss(BASE)

    async def test_one_that_does_not_open_takes_no_list_away(self) -> None:
        def rows() -> None:
            make_endpoint(registration=self.make())
            Registration.objects.update(sealed_client_secret="v1.x.y")

        await in_database(rows)

        assert [config.slug for config in await registry.all_endpoints()] == ["general"]
        with pytest.raises(ClientKeyError):
            await registry.endpoint_for_slug("general")

    async def test_lists_do_not_carry_it(self) -> None:
        await in_database(lambda: make_endpoint(registration=self.make()))

        assert (await registry.all_endpoints())[0].client_secret == ""

    async def test_a_registration_that_signs_has_none(self) -> None:
        await in_database(make_endpoint)

        assert (await registry.endpoint_for_iss(BASE)).client_secret == ""


class TestAddresses:
    async def test_they_start_with_our_public_url(self, settings: Settings) -> None:
        """C3, C4: fixed, full, one redirect URI per registration."""
        settings.PUBLIC_URL = "https://app.example"
        await in_database(make_endpoint)

        config = await registry.endpoint_for_iss(BASE)

        assert config.launch_url == "https://app.example/launch"
        assert config.redirect_uri == "https://app.example/callback/general/"
        assert config.jwks_url == "https://app.example/.well-known/jwks/general.json"
