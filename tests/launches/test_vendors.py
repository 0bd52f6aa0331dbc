"""Launches at EHRs that are made like those of vendors, by what each publishes and sends."""

from collections.abc import Callable

import pytest

from smartapp.database import in_database
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
        assert "trying again will not help" in page
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
