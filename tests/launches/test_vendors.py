"""Launches at EHRs that are made like those of vendors, by what each publishes and sends."""

import json
from base64 import urlsafe_b64decode
from collections.abc import Callable
from urllib.parse import quote

import pytest

from smartapp.database import in_database
from smartapp.protocol import urls
from smartapp.registrations import registry
from smartapp.registrations.models import Endpoint, Registration
from tests.launches.conftest import Browser
from tests.scripted_ehr import ScriptedEHR

Start = Callable[[], str]


class TestOracleWithoutPKCE:
    """625 of its 2,905 production endpoints list no challenge method."""

    @pytest.fixture(autouse=True)
    def silent(self, ehr: ScriptedEHR) -> None:
        ehr.discovery = {"code_challenge_methods_supported": None}

    async def test_is_refused_without_a_word_of_trying_again(
        self, browser: Browser, ehr_launch: Start
    ) -> None:
        response = await browser.get(ehr_launch())
        page = await response.text()

        assert response.status == 502
        assert "Trying again will not help" in page
        assert "few minutes" not in page

    @pytest.mark.parametrize("level", [Registration, Endpoint])
    async def test_launches_with_pkce_once_somebody_answers_for_it(
        self,
        browser: Browser,
        ehr: ScriptedEHR,
        ehr_launch: Start,
        level: type[Registration | Endpoint],
    ) -> None:
        reason = "Oracle's developer programme, by mail"
        await in_database(lambda: level._default_manager.update(pkce_unannounced=reason))
        await browser.launch(ehr_launch())

        assert "code_verifier" in ehr.token_requests[0]


class TestIssuerWithoutOpenIDConfiguration:
    """The SMART configuration names the keys; nothing is published below the issuer."""

    @pytest.fixture(
        params=[
            pytest.param(("", "/auth/.well-known/jwks.json"), id="Canvas"),
            pytest.param(("/patient-oauth", "/fhir/.well-known/jwks.json"), id="NextGen"),
            pytest.param(("/fhir", "/oauth/oauth2/jwks"), id="eClinicalWorks"),
            pytest.param(("/fhir", "/fhir/.well-known/jwk"), id="Practice Fusion"),
        ]
    )
    async def issuer(self, request: pytest.FixtureRequest, ehr: ScriptedEHR) -> str:
        """Made like that vendor: where the issuer is, and where its keys are, below the host."""
        issuer, ehr.keys_path = f"{ehr.base}{request.param[0]}", request.param[1]
        ehr.issuer_path = request.param[0]
        ehr.publishes_openid = False
        ehr.discovery = {"jwks_uri": f"{ehr.base}{ehr.keys_path}"}
        await in_database(lambda: Endpoint.objects.update(issuers=[issuer]))
        return issuer

    async def test_launches(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start, issuer: str
    ) -> None:
        await browser.launch(ehr_launch())

        assert issuer in ehr.issuer
        assert ("GET", ehr.keys_path) in ehr.requests


class TestMEDITECH:
    """It publishes its bases with the default port, and an issuer with a trailing slash."""

    @pytest.fixture(autouse=True)
    async def made_like_it(
        self, ehr: ScriptedEHR, registered: Endpoint, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        port = int(ehr.base.rpartition(":")[2])
        monkeypatch.setattr(urls, "_DEFAULT_PORTS", {"http": port, "https": 443})
        ehr.issuer_path = "/issuer/"
        iss = registry.normalised_iss(ehr.fhir_base_url)
        assert not iss.startswith(ehr.base)

        def store() -> None:
            Endpoint.objects.update(iss=iss, issuers=[ehr.issuer], pinned_hosts=["127.0.0.1"])
            Registration.objects.update(preset="meditech")

        await in_database(store)

    @pytest.mark.parametrize("spelling", ["http://127.0.0.1/fhir", "{base}/fhir", "{base}/fhir/"])
    async def test_launches_from_the_ehr_however_it_spells_itself(
        self, browser: Browser, ehr: ScriptedEHR, spelling: str
    ) -> None:
        iss = spelling.format(base=ehr.base)
        uuid = await browser.launch(f"/launch?iss={iss}&launch=x")

        assert ehr.auds == [("/authorize", iss)]
        assert (await browser.get(f"/launches/{uuid}/")).status == 200

    async def test_patients_name_the_base_as_it_is_published(
        self, browser: Browser, ehr: ScriptedEHR
    ) -> None:
        await browser.launch("/connect/scripted/")

        assert ehr.auds == [("/authorize", ehr.fhir_base_url)]


class TestServerThatComparesWithoutTheSlash:
    @pytest.mark.parametrize(("is_left_out", "end"), [(True, ""), (False, "/")])
    async def test_patients_name_the_base_as_it_wants_it(
        self, browser: Browser, ehr: ScriptedEHR, registered: Endpoint, is_left_out: bool, end: str
    ) -> None:
        def store() -> None:
            Endpoint.objects.update(fhir_base_url=f"{ehr.fhir_base_url}/")
            Registration.objects.update(aud_without_slash=is_left_out)

        await in_database(store)
        await browser.launch("/connect/scripted/")
        iss = f"{ehr.fhir_base_url}/"
        await browser.launch(f"/launch?iss={iss}&launch=x")

        assert [aud for _, aud in ehr.auds] == [f"{ehr.fhir_base_url}{end}", iss]


class TestSMARTLauncher:
    """The public launcher: each of its settings is another base, and one registration answers for
    all of them."""

    @pytest.fixture(autouse=True)
    async def simulator(self, registered: Endpoint) -> None:
        await in_database(lambda: Registration.objects.update(preset="smart-health-it"))

    @pytest.mark.parametrize("code", ["WzAsIiJd", "W-_1MSwi", "A" * 1600])
    async def test_launches_with_whatever_settings(
        self, browser: Browser, ehr: ScriptedEHR, code: str
    ) -> None:
        uuid = await browser.launch(f"/launch?iss={ehr.base}/sim/{code}/fhir&launch=x")

        assert ehr.auds == [(f"/sim/{code}/authorize", f"{ehr.base}/sim/{code}/fhir")]
        assert (await browser.get(f"/launches/{uuid}/")).status == 200

    async def test_launches_without_settings_in_the_base(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        await browser.launch(ehr_launch())

        assert ehr.auds == [("/authorize", ehr.fhir_base_url)]

    async def test_patients_connect_with_settings_of_a_patient(
        self, browser: Browser, ehr: ScriptedEHR, registered: Endpoint
    ) -> None:
        await browser.launch("/connect/scripted/")

        (path, aud), *_ = ehr.auds
        code = aud.split("/")[-2]
        assert path == f"/sim/{code}/authorize"
        entered = json.loads(urlsafe_b64decode(code + "=="))
        assert entered[0] == 3, "patient-standalone"
        assert entered[8].endswith("/callback/scripted/")

    async def test_patients_connect_with_settings_that_were_copied(
        self, browser: Browser, ehr: ScriptedEHR
    ) -> None:
        base = f"{ehr.base}/sim/WzMsIiJd/fhir"
        await browser.launch(f"/connect/scripted/?base={base}")

        assert ehr.auds == [("/sim/WzMsIiJd/authorize", base)]

    @pytest.mark.parametrize(
        "base",
        [
            "https://elsewhere.example/sim/WzMsIiJd/fhir",
            "{base}/sim/../fhir",
            "{base}/sim/a/b/fhir",
            "{base}/sim/a%2Fb/fhir",
            "{base}/sim/WzMsIiJd/fhir?x=y",
            "{base}/sim/WzMsIiJd/other",
            "{base}/other/sim/WzMsIiJd/fhir",
            "{base}@elsewhere.example/sim/WzMsIiJd/fhir",
            "{base}/fhir",
            "nothing",
        ],
    )
    async def test_any_other_base_is_refused_and_nobody_is_asked(
        self, browser: Browser, ehr: ScriptedEHR, base: str
    ) -> None:
        address = quote(base.format(base=ehr.base), safe="")
        connected = await browser.get(f"/connect/scripted/?base={address}")

        assert connected.status == 404
        if not base.endswith("{base}/fhir"):
            launched = await browser.get(f"/launch?launch=x&iss={address}")
            assert launched.status == 404
        assert ehr.requests == []

    async def test_no_other_vendor_is_answered_for(
        self, browser: Browser, ehr: ScriptedEHR
    ) -> None:
        await in_database(lambda: Registration.objects.update(preset=""))
        base = f"{ehr.base}/sim/WzMsIiJd/fhir"

        assert (await browser.get(f"/launch?launch=x&iss={base}")).status == 404
        assert (await browser.get(f"/connect/scripted/?base={base}")).status == 404
        assert ehr.requests == []
