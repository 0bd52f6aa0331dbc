"""From the authorization request to the tokens: the good cases."""

from django.test import Client as Browser

from smartapp.sandbox import people
from smartapp.sandbox.access import find_access
from tests.sandbox.conftest import (
    App,
    response_parameters,
    submit,
)


class TestStandalone:
    def test_patient_gets_tokens_and_nothing_but_the_patient_as_context(
        self, app: App, browser: Browser
    ) -> None:
        """S34, S36."""
        code = app.allowed(browser)
        answer = app.exchange(browser, code)
        body = answer.json()
        assert answer.status_code == 200, body
        assert set(body) == {
            "token_type", "expires_in", "access_token", "scope", "refresh_token", "id_token",
            "patient",
        }  # fmt: skip
        assert (body["token_type"], body["expires_in"]) == ("Bearer", 3600)
        assert body["patient"] == people.find_person("patient").patients[0].id  # type: ignore[union-attr]
        assert answer["Cache-Control"] == "no-store"

    def test_proxy_chooses_the_child(self, app: App, browser: Browser) -> None:
        """S15."""
        parent = people.find_person("patient")
        assert parent is not None
        child = parent.patients[1].id
        body = app.exchange(browser, app.allowed(browser, patient=child)).json()
        assert body["patient"] == child
        access = find_access(body["access_token"])
        assert access is not None
        assert (access.patient, access.fhirUser) == (child, parent.fhir_user)

    def test_state_comes_back_and_no_issuer(self, app: App, browser: Browser) -> None:
        """S11, S17: athena and strict SMART do not send RFC 9207's iss."""
        page = submit(browser, app.authorize(browser), username="patient", password="sandbox")
        answer = submit(browser, submit(browser, page))
        assert set(response_parameters(answer)) == {"code", "state"}
        assert response_parameters(answer)["state"] == app.state

    def test_unticked_scope_is_not_granted(self, app: App, browser: Browser) -> None:
        """S15."""
        code = app.allowed(browser, ticked=["launch/patient", "patient/Patient.rs"])
        body = app.exchange(browser, code).json()
        assert body["scope"] == "launch/patient patient/Patient.rs"
        assert "id_token" not in body
        assert "refresh_token" not in body

    def test_authorize_takes_a_posted_request(self, app: App, browser: Browser) -> None:
        """S18."""
        page = app.post(browser, "authorize", app.authorization_request())
        assert b"Who can sign in" in page.content


class TestEHRLaunch:
    def test_clinician_gets_the_whole_context(self, app: App, browser: Browser) -> None:
        """S36."""
        body = app.exchange(browser, app.launched(browser)).json()
        context = {name for name in body if name not in {"access_token", "id_token"}}
        assert context >= {
            "patient", "encounter", "need_patient_banner", "smart_style_url", "intent", "tenant",
            "ah_practice", "ah_department",
        }  # fmt: skip
        assert browser.get(body["smart_style_url"]).status_code == 200
        assert body["need_patient_banner"] is True
