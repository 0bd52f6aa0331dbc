"""From the authorization request to the tokens: the successful cases."""

import base64
import hashlib
import time
from typing import Any

import pytest
from django.test import Client as Browser
from joserfc import jwt
from joserfc.jwk import KeySet

from smartapp.sandbox import people
from smartapp.sandbox.access import Bearer
from smartapp.sandbox.fhir.store import store
from smartapp.sandbox.models import RequestRecord, SigningKey
from tests.sandbox.conftest import (
    ISSUER,
    OAUTH,
    WITHOUT,
    App,
    Form,
    KeyServer,
    register,
    response_parameters,
    submit,
)

EHR_CONTEXT = {
    "patient", "encounter", "need_patient_banner", "smart_style_url", "intent", "tenant",
    "ah_practice", "ah_department",
}  # fmt: skip


def person(username: str) -> people.Person:
    found = people.find_person(username)
    assert found is not None
    return found


class TestStandalone:
    def test_patient_gets_tokens_and_nothing_but_the_patient_as_context(
        self, app: App, browser: Browser
    ) -> None:
        """S34, S36."""
        answer = app.exchange(browser, app.allowed(browser))
        body = answer.json()
        assert answer.status_code == 200, body
        assert set(body) == {
            "token_type", "expires_in", "access_token", "scope", "refresh_token", "id_token",
            "patient",
        }  # fmt: skip
        assert (body["token_type"], body["expires_in"]) == ("Bearer", 3600)
        assert body["patient"] == person("patient").patients[0].id
        assert (answer["Cache-Control"], answer["Pragma"]) == ("no-store", "no-cache")

    def test_proxy_chooses_the_child(self, app: App, browser: Browser) -> None:
        """S15."""
        parent = person("patient")
        child = parent.patients[1].id
        body = app.exchange(browser, app.allowed(browser, patient=child)).json()
        assert body["patient"] == child
        access = Bearer(body["access_token"]).access
        assert access is not None
        assert (access.patient, access.fhirUser) == (child, parent.fhir_user)

    def test_clinician_chooses_among_everybody(self, app: App, browser: Browser) -> None:
        """S15."""
        last = person("clinician").patients[-1].id
        code = app.allowed(browser, user="clinician", patient=last)
        assert app.exchange(browser, code).json()["patient"] == last

    def test_clinician_is_not_asked_for_consent(self, app: App, browser: Browser) -> None:
        """After the choice of the patient, the answer goes to the app (S15)."""
        page = submit(browser, app.authorize(browser), username="clinician", password="sandbox")
        assert "code" in response_parameters(submit(browser, page))
        forged = submit(browser, app.authorize(browser), check="guessed")
        assert response_parameters(forged)["error"] == "access_denied"

    @pytest.mark.parametrize("wish", [{"prompt": "consent"}, {"fault": "authorize-asks-consent"}])
    def test_clinician_is_asked_where_that_is_wanted(
        self, app: App, browser: Browser, wish: dict[str, str]
    ) -> None:
        """S15, S66."""
        page = app.authorize(browser, **wish)
        page = submit(browser, page, username="clinician", password="sandbox")
        assert "scope" in Form(submit(browser, page).content.decode()).choices

    @pytest.mark.parametrize("user", ["patient", "clinician"])
    @pytest.mark.parametrize("scope", ["patient/Condition.rs", "openid patient/*.read"])
    def test_patient_scopes_are_about_a_patient(
        self, app: App, browser: Browser, user: str, scope: str
    ) -> None:
        """With a granted `patient/` scope, a patient is in context (SMART App Launch 2.2)."""
        patient = person(user).patients[1].id
        code = app.allowed(browser, user=user, patient=patient, scope=scope)
        body = app.exchange(browser, code).json()
        assert (body["patient"], body["scope"]) == (patient, scope)

    def test_other_scopes_need_no_patient(self, app: App, browser: Browser) -> None:
        code = app.allowed(browser, user="clinician", scope="openid user/Condition.rs")
        assert "patient" not in app.exchange(browser, code).json()

    @pytest.mark.parametrize(
        ("asked", "given"),
        [
            ("patient/*.*", "patient/*.read"),
            ("patient/*.cruds", "patient/*.rs"),
            ("patient/Patient.crs patient/Observation.write", "patient/Patient.rs"),
            ("launch launch/patient launch/encounter", "launch/patient"),
        ],
    )
    def test_scope_is_narrowed_to_what_there_is(
        self, app: App, browser: Browser, asked: str, given: str
    ) -> None:
        """The API is read-only, and `launch` is only for launches from the EHR."""
        code = app.allowed(browser, scope=asked)
        assert app.exchange(browser, code).json()["scope"] == given
        row = RequestRecord.objects.get(endpoint="authorize")
        assert "Not given, or less of it: " in row.reason

    def test_who_sees_one_record_only_is_not_asked(self, app: App, browser: Browser) -> None:
        alone = next(p for p in person("clinician").patients if len(person(p.id).patients) == 1)
        page = submit(browser, app.authorize(browser), username=alone.id, password="sandbox")
        code = response_parameters(submit(browser, page))["code"]
        assert app.exchange(browser, code).json()["patient"] == alone.id

    def test_state_comes_back_and_no_issuer(self, app: App, browser: Browser) -> None:
        """Strict SMART does not send RFC 9207's iss (S11, S17)."""
        page = submit(browser, app.authorize(browser), username="patient", password="sandbox")
        answer = response_parameters(submit(browser, submit(browser, page)))
        assert set(answer) == {"code", "state"}
        assert answer["state"] == app.state

    def test_issuer_is_named_by_newest_practice(
        self, app: App, key_server: KeyServer, browser: Browser
    ) -> None:
        """S17."""
        register(app.client_id, key_server, "--profile=bcp")
        page = submit(browser, app.authorize(browser), username="patient", password="sandbox")
        answer = response_parameters(submit(browser, submit(browser, page)))
        assert answer["iss"] == ISSUER

    def test_unticked_scope_is_not_granted(self, app: App, browser: Browser) -> None:
        """S15."""
        code = app.allowed(browser, ticked=["launch/patient", "patient/Patient.rs"])
        body = app.exchange(browser, code).json()
        assert body["scope"] == "launch/patient patient/Patient.rs"
        assert "id_token" not in body
        assert "refresh_token" not in body

    def test_scope_named_twice_is_granted_once(self, app: App, browser: Browser) -> None:
        code = app.allowed(browser, scope="launch/patient launch/patient")
        assert app.exchange(browser, code).json()["scope"] == "launch/patient"

    def test_authorize_takes_a_posted_request(self, app: App, browser: Browser) -> None:
        """S18."""
        page = app.post(browser, "authorize", app.authorization_request())
        assert b"Who can sign in" in page.content

    def test_redirect_uri_keeps_its_own_query(
        self, app: App, key_server: KeyServer, browser: Browser
    ) -> None:
        uri = "https://app.example/callback?tenant=7"
        register(app.client_id, key_server, f"--redirect-uri={uri}")
        app.redirect_uri = uri
        parameters = response_parameters(app.authorize(browser, aud="x"))
        assert (parameters["tenant"], parameters["error"]) == ("7", "invalid_request")


class TestEHRLaunch:
    def test_clinician_gets_the_whole_context(self, app: App, browser: Browser) -> None:
        """S36."""
        body = app.exchange(browser, app.launched(browser)).json()
        assert set(body) >= EHR_CONTEXT
        assert body["need_patient_banner"] is True
        style = browser.get(body["smart_style_url"])
        assert style.json()["color_background"].startswith("#")

    def test_what_is_for_another_kind_of_launch_is_ignored(
        self, app: App, browser: Browser
    ) -> None:
        scope = "launch launch/patient launch/encounter patient/Patient.rs"
        body = app.exchange(browser, app.launched(browser, scope=scope)).json()
        assert body["scope"] == "launch patient/Patient.rs"
        assert body["patient"]

    def test_chosen_patient_and_visit(self, app: App, browser: Browser) -> None:
        patient = person("clinician").patients[2]
        visit = patient.encounters[-1].id
        code = app.launched(
            browser,
            patient=patient.id,
            encounter=visit,
            need_patient_banner="false",
            intent="order-review",
        )
        body = app.exchange(browser, code).json()
        assert (body["patient"], body["encounter"]) == (patient.id, visit)
        assert body["intent"] == "order-review"
        assert body["need_patient_banner"] is False
        access = Bearer(body["access_token"]).access
        assert access is not None
        assert (access.patient, access.encounter) == (patient.id, visit)

    def test_place_of_the_visit_is_told(self, app: App, browser: Browser) -> None:
        """S36."""
        patient = person("clinician").patients[0]
        for visit in patient.encounters[:2]:
            code = app.launched(browser, patient=patient.id, encounter=visit.id)
            tokens = app.exchange(browser, code).json()
            record = store().find("Encounter", visit.id)
            assert record is not None
            places = [stay["location"]["reference"] for stay in record.resource["location"]]
            assert tokens["fhirContext"] == [
                {"reference": place, "type": "Location"} for place in places
            ]

    def test_unticked_launch_takes_the_context_away(self, app: App, browser: Browser) -> None:
        code = app.launched(browser, ticked=["openid", "patient/Patient.rs"])
        body = app.exchange(browser, code).json()
        assert EHR_CONTEXT & body.keys() == {"patient"}, "patient/ scopes are about somebody"
        code = app.launched(browser, ticked=["openid", "fhirUser"])
        assert EHR_CONTEXT.isdisjoint(app.exchange(browser, code).json())


class TestIDToken:
    """S35."""

    def verified(self, browser: Browser, tokens: dict[str, Any]) -> jwt.Token:
        keys = KeySet.import_key_set(browser.get(f"{OAUTH}/keys").json())
        return jwt.decode(tokens["id_token"], keys, algorithms=["RS256"])

    def test_is_shaped_like_the_sample(self, app: App, browser: Browser) -> None:
        tokens = app.exchange(browser, app.allowed(browser)).json()
        token = self.verified(browser, tokens)
        claims = token.claims
        assert set(token.header) == {"kid", "alg"}
        assert set(claims) == {
            "sub", "ver", "iss", "aud", "iat", "exp", "jti", "amr", "idp", "auth_time", "at_hash",
            "fhirUser", "nonce",
        }  # fmt: skip
        assert (claims["iss"], claims["aud"]) == (ISSUER, app.client_id)
        assert (claims["nonce"], claims["ver"]) == (app.nonce, 1)
        assert claims["exp"] - claims["iat"] == 3600
        assert abs(time.time() - claims["auth_time"]) < 30
        assert claims["fhirUser"] == person("patient").fhir_user
        assert claims["jti"].startswith("ID.")

    def test_nonce_is_there_only_where_one_was_sent(self, app: App, browser: Browser) -> None:
        """Many clients send none, and the request log says so (S12)."""
        tokens = app.exchange(browser, app.allowed(browser, nonce=WITHOUT)).json()
        assert "nonce" not in self.verified(browser, tokens).claims
        row = RequestRecord.objects.get(endpoint="authorize")
        assert (row.accepted, row.reason) == (True, "No nonce was sent, so the id_token has none.")
        tokens = app.exchange(browser, app.allowed(browser, nonce="this one")).json()
        assert self.verified(browser, tokens).claims["nonce"] == "this one"

    def test_at_hash_binds_the_access_token(self, app: App, browser: Browser) -> None:
        tokens = app.exchange(browser, app.allowed(browser)).json()
        half = hashlib.sha256(tokens["access_token"].encode()).digest()[:16]
        expected = base64.urlsafe_b64encode(half).decode().rstrip("=")
        assert self.verified(browser, tokens).claims["at_hash"] == expected

    def test_refreshed_one_names_the_same_person(self, app: App, browser: Browser) -> None:
        tokens = app.exchange(browser, app.allowed(browser)).json()
        first = self.verified(browser, tokens).claims
        again = app.refresh(browser, tokens["refresh_token"]).json()
        second = self.verified(browser, again).claims
        for name in ("iss", "sub", "aud", "auth_time"):
            assert second[name] == first[name]
        assert "nonce" not in second

    def test_without_fhir_user_it_says_only_that_it_is_somebody(
        self, app: App, browser: Browser
    ) -> None:
        code = app.allowed(browser, scope="openid profile launch/patient")
        claims = self.verified(browser, app.exchange(browser, code).json()).claims
        assert "fhirUser" not in claims
        assert claims["name"] == person("patient").name

    def test_context_is_never_inside(self, app: App, browser: Browser) -> None:
        """S36."""
        tokens = app.exchange(browser, app.launched(browser)).json()
        assert EHR_CONTEXT.isdisjoint(self.verified(browser, tokens).claims)

    def test_private_key_is_kept_encrypted(self, app: App, browser: Browser) -> None:
        app.exchange(browser, app.allowed(browser))
        stored = SigningKey.objects.get().encrypted_private_key
        assert stored.startswith("-----BEGIN ENCRYPTED PRIVATE KEY-----")
        assert set(browser.get(f"{OAUTH}/keys").json()["keys"][0]) == {
            "kty", "kid", "use", "alg", "n", "e",
        }  # fmt: skip
