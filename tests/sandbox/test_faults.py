"""Faults by name (S66): each acts only at its part, and only in the launch that carries it."""

import base64
import hashlib
import hmac
import json
import time
from datetime import timedelta
from http.client import IncompleteRead
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from django.core.management import CommandError, call_command
from django.test import Client as Browser
from django.utils import timezone
from joserfc import jwt
from joserfc.errors import BadSignatureError, JoseError
from joserfc.jwk import ECKey, KeySet, RSAKey

from smartapp.sandbox import faults
from smartapp.sandbox.access import Bearer
from smartapp.sandbox.models import Authorization, Client, RequestRecord, SigningKey
from tests.sandbox.conftest import (
    FHIR_BASE,
    ISSUER,
    OAUTH,
    App,
    Form,
    KeyServer,
    assert_refused,
    register,
    response_parameters,
    rotate_key,
    sandbox_client,
    submit,
)

FORM = "application/x-www-form-urlencoded"


def answered(app: App, browser: Browser, fault: str, **changes: Any) -> Any:
    """Launch standalone with a fault and exchange the code."""
    return app.exchange(browser, app.allowed(browser, fault=fault, **changes))


def refreshed(app: App, browser: Browser, fault: str, **changes: Any) -> Any:
    token = answered(app, browser, fault).json()["refresh_token"]
    return app.refresh(browser, token, **changes)


def parts(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    header, claims = (
        json.loads(base64.urlsafe_b64decode(part + "==")) for part in token.split(".")[:2]
    )
    return header, claims


def published(browser: Browser) -> KeySet:
    return KeySet.import_key_set(browser.get(f"{OAUTH}/keys").json())


class TestChoosing:
    def test_registry_says_what_a_good_client_must_do(self) -> None:
        for fault in faults.FAULTS.values():
            assert fault.does
            assert fault.client_must
            argument = f":{fault.argument}" if fault.argument else ""
            assert faults.parse(f"{fault.name}{argument}") == {fault.name: fault.argument}

    @pytest.mark.parametrize(
        "text", ["nonsense", "token-500:1", "token-slow:31", "token-slow:x", "fhir-html:<b>", ":"]
    )
    def test_what_does_not_exist_cannot_be_chosen(
        self, app: App, browser: Browser, text: str
    ) -> None:
        query = {"client_id": app.client_id, "fault": text, "format": "json"}
        for path in ("/sandbox/launch", "/sandbox/standalone"):
            assert browser.get(path, query).json()["error"] == "launch_impossible"
        assert browser.get("/sandbox/frame", query).status_code == 400
        parameters = response_parameters(app.authorize(browser, fault=text))
        assert parameters["error"] == "invalid_request"

    def test_too_many(self) -> None:
        with pytest.raises(faults.FaultUnknown):
            faults.parse("token-500," * 60)

    def test_of_an_ehr_launch_travels_with_it_and_ends_with_it(
        self, app: App, browser: Browser
    ) -> None:
        code = app.launched(browser, fault="token-no-expires-in,fhir-forbidden:Patient")
        answer = app.exchange(browser, code).json()
        assert "expires_in" not in answer
        headers = {"Authorization": f"Bearer {answer['access_token']}"}
        url = f"{FHIR_BASE}/Patient/{answer['patient']}"
        assert browser.get(url, headers=headers).status_code == 403
        assert "expires_in" in app.exchange(browser, app.launched(browser)).json()

    def test_of_a_standalone_launch_waits_for_the_next_one(
        self, app: App, browser: Browser
    ) -> None:
        query = {"client_id": app.client_id, "fault": "token-type-lowercase", "format": "json"}
        assert browser.get("/sandbox/standalone", query).json()["fault"] == "token-type-lowercase"
        assert (
            "token-type-lowercase"
            in browser.get("/sandbox/client", {"client_id": app.client_id}).content.decode()
        )
        ehr_launch = app.exchange(browser, app.launched(browser)).json()
        assert ehr_launch["token_type"] == "Bearer"
        types = [app.exchange(browser, app.allowed(browser)).json()["token_type"] for _ in range(2)]
        assert types == ["bearer", "Bearer"]

    def test_none_chosen_takes_back_what_waited(self, app: App, browser: Browser) -> None:
        for fault in ("token-500", ""):
            query = {"client_id": app.client_id, "fault": fault, "format": "json"}
            browser.get("/sandbox/standalone", query)
        assert app.record.next_faults == ""

    def test_as_a_quirk_is_met_in_every_launch(
        self, app: App, key_server: KeyServer, browser: Browser
    ) -> None:
        register(app.client_id, key_server, "--quirk=token-type-lowercase")
        for _ in range(2):
            answer = app.exchange(browser, app.allowed(browser)).json()
            assert answer["token_type"] == "bearer"

    def test_command_refuses_what_does_not_exist(self, db: None) -> None:
        with pytest.raises(CommandError, match="no fault nonsense"):
            call_command(
                "sandbox_client", "x", "--kind=public", "--redirect-uri=a:b", "--quirk=nonsense"
            )

    def test_launcher_offers_each_with_its_words(self, app: App, browser: Browser) -> None:
        page = browser.get("/sandbox/").content.decode()
        for fault in faults.FAULTS.values():
            assert f'<option value="{fault.name}' in page
        assert "a mix-up attack" in page

    def test_log_names_the_fault(self, app: App, browser: Browser) -> None:
        answered(app, browser, "token-500")
        page = browser.get("/sandbox/requests").content.decode()
        assert "refused: S66" in page
        assert "A good client" in page


class TestAuthorize:
    def test_popup_only(self, app: App, browser: Browser) -> None:
        """Q22."""
        framed = app.authorize(browser)
        assert "X-Frame-Options" not in framed
        alone = app.authorize(browser, fault="authorize-popup-only")
        assert alone["X-Frame-Options"] == "DENY"
        assert "frame-ancestors 'none'" in alone["Content-Security-Policy"]
        assert "https://app.example" in alone["Content-Security-Policy"]

    def _answer(self, app: App, browser: Browser, fault: str, **changes: Any) -> dict[str, str]:
        page = app.authorize(browser, fault=fault, **changes)
        page = submit(browser, page, username="clinician", password="sandbox")
        return response_parameters(submit(browser, page))

    def test_user_is_not_assigned(self, app: App, browser: Browser) -> None:
        """E11."""
        answer = self._answer(app, browser, "authorize-not-assigned")
        assert answer["error"] == "access_denied"
        assert "not assigned" in answer["error_description"]
        assert RequestRecord.objects.latest("pk").rule == "E11"

    def test_error_with_a_urn_and_no_description(self, app: App, browser: Browser) -> None:
        """Q21."""
        answer = self._answer(app, browser, "authorize-error-uri")
        assert set(answer) == {"error", "error_uri", "state"}
        assert answer["error_uri"].startswith("urn:")

    @pytest.mark.parametrize("error", ["invalid_client", "invalid_request", "invalid_scope"])
    def test_refused_at_once(self, app: App, browser: Browser, error: str) -> None:
        """No page is shown before."""
        fault = f"authorize-{error.replace('_', '-')}"
        answer = response_parameters(app.authorize(browser, fault=fault))
        assert (answer["error"], answer["state"]) == (error, app.state)
        row = RequestRecord.objects.get()
        assert (row.rule, row.changed_by) == ("S66", fault)

    def test_error_without_state(self, app: App, browser: Browser) -> None:
        """A good answer still has it (Q31)."""
        faults = "authorize-error-no-state,authorize-invalid-scope"
        answer = response_parameters(app.authorize(browser, fault=faults))
        assert set(answer) == {"error", "error_description"}
        row = RequestRecord.objects.latest("pk")
        assert row.changed_by == "authorize-error-no-state, authorize-invalid-scope"
        good = self._answer(app, browser, "authorize-error-no-state")
        assert set(good) == {"code", "state"}
        assert RequestRecord.objects.latest("pk").changed_by == ""

    def test_error_stays_on_a_page(self, app: App, browser: Browser) -> None:
        """A good answer goes back (Q39)."""
        fault = "authorize-error-page"
        wrong = app.authorize(browser, fault=fault, aud="https://elsewhere.example/")
        denied = submit(browser, app.authorize(browser, fault=fault), button=1)
        for page, words in ((wrong, "aud must be"), (denied, "did not allow")):
            assert (page.status_code, "Location" in page) == (400, False)
            assert words in page.content.decode()
            assert f"the fault <code>{fault}</code> keeps errors here" in page.content.decode()
        assert [row.changed_by for row in RequestRecord.objects.all()] == [fault] * 2
        assert self._answer(app, browser, fault)["code"]
        assert RequestRecord.objects.latest("pk").changed_by == ""

    @pytest.mark.parametrize("also", ["", ",authorize-not-assigned"])
    def test_answer_by_post(self, app: App, browser: Browser, also: str) -> None:
        """Q37."""
        page = app.authorize(browser, fault=f"authorize-answer-by-post{also}")
        page = submit(browser, page, username="clinician", password="sandbox")
        page = submit(browser, page)
        assert (page.status_code, "Location" in page) == (200, False)
        form = Form(page.content.decode(), named_buttons=False)
        assert (form.action, form.method) == (app.redirect_uri, "post")
        names = {"error", "error_description"} if also else {"code"}
        assert dict(form.fields).keys() == {*names, "state"}
        assert "https://app.example" in page["Content-Security-Policy"]

    def test_scope_by_letters(self, app: App, key_server: KeyServer, browser: Browser) -> None:
        """Without the fault, a wider scope covers a narrower one (Q36)."""
        register(
            app.client_id, key_server, "--scope=launch/patient patient/*.cruds user/Patient.rs"
        )
        narrow = "launch/patient patient/Condition.r user/Patient.read"
        assert app.authorize(browser, scope=narrow).status_code == 200
        wide = app.authorize(browser, scope="user/*.r")
        assert response_parameters(wide)["error"] == "invalid_scope"
        answer = app.authorize(browser, scope=narrow, fault="authorize-scope-letters")
        assert response_parameters(answer)["error"] == "invalid_scope"
        same = "patient/*.cruds user/Patient.rs"
        answer = app.authorize(browser, scope=same, fault="authorize-scope-letters")
        assert answer.status_code == 200

    def test_another_state(self, app: App, browser: Browser) -> None:
        answer = self._answer(app, browser, "authorize-state-changed")
        assert answer["code"]
        assert answer["state"] != app.state

    def test_another_issuer(self, app: App, browser: Browser) -> None:
        """Q19."""
        assert self._answer(app, browser, "authorize-iss-wrong")["iss"] not in {ISSUER, FHIR_BASE}

    def test_no_issuer_where_one_is_promised(self, app: App, browser: Browser) -> None:
        """Q20, S17."""
        Client.objects.update(profile="bcp")
        assert "iss" not in self._answer(app, browser, "authorize-iss-missing")


@pytest.mark.parametrize("stage", ["token", "refresh"])
class TestBrokenAnswers:
    def _answer(self, app: App, browser: Browser, stage: str, kind: str) -> Any:
        fault = f"{stage}-{kind}"
        return (answered if stage == "token" else refreshed)(app, browser, fault)

    def test_500_leaves_code_and_token_as_they_were(
        self, app: App, browser: Browser, stage: str
    ) -> None:
        answer = self._answer(app, browser, stage, "500")
        assert (answer.status_code, answer.json()) == (500, {"error": "server_error"})
        used = Authorization.objects.get().code_used_at
        assert (used is None) == (stage == "token")

    def test_429_without_retry_after(self, app: App, browser: Browser, stage: str) -> None:
        """E13."""
        answer = self._answer(app, browser, stage, "429")
        assert answer.status_code == 429
        assert "Retry-After" not in answer

    def test_invalid_grant(self, app: App, browser: Browser, stage: str) -> None:
        answer = self._answer(app, browser, stage, "invalid-grant")
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
        assert RequestRecord.objects.latest("pk").changed_by == f"{stage}-invalid-grant"

    def test_html(self, app: App, browser: Browser, stage: str) -> None:
        answer = self._answer(app, browser, stage, "html")
        assert (answer.status_code, answer["Content-Type"][:9]) == (200, "text/html")

    def test_slow(self, app: App, browser: Browser, stage: str) -> None:
        started = time.monotonic()
        answer = self._answer(app, browser, stage, "slow:1")
        assert answer.status_code == 200
        assert time.monotonic() - started >= 1

    def test_cut_connection(self, app: App, browser: Browser, stage: str) -> None:
        with pytest.raises(IncompleteRead) as cut:
            self._answer(app, browser, stage, "cut")
        with pytest.raises(json.JSONDecodeError):
            json.loads(cut.value.partial)
        assert Authorization.objects.get().code_used_at


class TestTokenAnswers:
    def test_invalid_client(self, app: App, browser: Browser) -> None:
        answer = answered(app, browser, "token-invalid-client")
        assert (answer.status_code, answer.json()) == (401, {"error": "invalid_client"})
        assert answer["WWW-Authenticate"].startswith("Basic")

    def test_no_lifetime(self, app: App, browser: Browser) -> None:
        """Q1."""
        assert "expires_in" not in answered(app, browser, "token-no-expires-in").json()

    def test_lifetime_as_text(self, app: App, browser: Browser) -> None:
        """Q2."""
        assert answered(app, browser, "token-expires-in-text").json()["expires_in"] == "3600"

    def test_lowercase_type(self, app: App, browser: Browser) -> None:
        """Q3."""
        assert answered(app, browser, "token-type-lowercase").json()["token_type"] == "bearer"

    def test_degenerate_scopes(self, app: App, browser: Browser) -> None:
        """Q4."""
        scope = answered(app, browser, "token-scope-degenerate").json()["scope"]
        assert scope == "openid fhirUser launch/patient offline_access patient/ patient/"

    def test_members_nobody_knows(self, app: App, browser: Browser) -> None:
        """Q5."""
        answer = answered(app, browser, "token-extra-members").json()
        assert {type(value) for name, value in answer.items() if name.startswith("sandbox_")} == {
            str, float, list, dict, type(None),
        }  # fmt: skip

    def test_a_key_twice(self, app: App, browser: Browser) -> None:
        """Q24."""
        body = answered(app, browser, "token-duplicate-keys").content
        assert body.count(b'"access_token"') == 2
        assert json.loads(body)["token_type"] == "Bearer"

    def test_jwt_as_access_token_works_like_any_other(self, app: App, browser: Browser) -> None:
        """S32."""
        assert "." not in answered(app, browser, "").json()["access_token"]
        answer = answered(app, browser, "token-jwt").json()
        header, claims = parts(answer["access_token"])
        assert (header["typ"], claims["cid"]) == ("at+jwt", app.client_id)
        jwt.decode(answer["access_token"], published(browser), ["RS256"])
        headers = {"Authorization": f"Bearer {answer['access_token']}"}
        url = f"{FHIR_BASE}/Patient/{answer['patient']}"
        assert browser.get(url, headers=headers).status_code == 200

    def test_no_id_token(self, app: App, browser: Browser) -> None:
        assert "id_token" not in answered(app, browser, "id-token-missing").json()

    def test_stale_copy_of_the_clients_keys(
        self, app: App, key_server: KeyServer, browser: Browser
    ) -> None:
        """A new key is not found, however long it has been published; the old one works."""
        old = app.key
        app.exchange(browser, app.allowed(browser))
        new = ECKey.generate_key("P-384", auto_kid=True)
        key_server.keys, app.key = [old, new], new
        Client.objects.update(jwks_fresh_until=None)
        fetched = key_server.requests
        code = app.allowed(browser, fault="jwks-stale")
        assert_refused(app.exchange(browser, code), 401, "invalid_client", "no key with the kid")
        assert key_server.requests == fetched
        app.key = old
        assert app.exchange(browser, code).status_code == 200
        app.key = new
        assert answered(app, browser, "token-jwt").status_code == 200

    def test_gateway_refuses_in_its_own_words(self, app: App, browser: Browser) -> None:
        """E9, S29."""
        sandbox_client(
            "worker", "--kind=service", f"--jwks-url={app.server.url}",
            "--scope=system/Patient.rs", "--quirk=gateway-policy",
        )  # fmt: skip
        worker = App("worker", app.key, app.server)
        fields = {"grant_type": "client_credentials", "scope": "system/Condition.rs"}
        answer = worker.post(browser, "token", fields | worker.authentication())
        assert answer.status_code == 401
        assert set(answer.json()) == {"detailedmessage", "error"}
        assert answer.json()["error"] == "access_denied"


@pytest.fixture
def service(app: App) -> App:
    """A 2-legged client: it has no launch that could carry a fault."""
    sandbox_client("service", "--kind=service", f"--jwks-url={app.server.url}")
    return App("service", app.key, app.server)


class TestWithoutAPerson:
    """A token request carries its fault in the address, never in the form (S66)."""

    FORM = {"grant_type": "client_credentials", "scope": "system/Patient.rs"}

    def _answer(self, service: App, browser: Browser, chosen: str, /, **changes: Any) -> Any:
        endpoint = f"token?fault={chosen}" if chosen else "token"
        return service.post(browser, endpoint, self.FORM | service.authentication() | changes)

    @pytest.mark.parametrize(
        ("fault", "status"),
        [("token-500", 500), ("token-429", 429), ("token-html", 200), ("", 200)],
    )
    def test_in_the_address(self, service: App, browser: Browser, fault: str, status: int) -> None:
        answer = self._answer(service, browser, fault)
        assert answer.status_code == status
        assert answer["Content-Type"].startswith("text/html") == (fault == "token-html")

    def test_cut_connection(self, service: App, browser: Browser) -> None:
        with pytest.raises(IncompleteRead):
            self._answer(service, browser, "token-cut")

    def test_slow(self, service: App, browser: Browser) -> None:
        started = time.monotonic()
        assert self._answer(service, browser, "token-slow:1").status_code == 200
        assert time.monotonic() - started >= 1

    def test_altered_answers(self, service: App, browser: Browser) -> None:
        fault = "token-no-expires-in,token-type-lowercase,token-extra-members,token-jwt"
        answer = self._answer(service, browser, fault).json()
        assert answer["token_type"] == "bearer"
        assert "expires_in" not in answer
        assert "sandbox_list" in answer
        assert answer["access_token"].count(".") == 2

    def test_gateway_refuses_in_its_own_words(self, service: App, browser: Browser) -> None:
        """E9."""
        answer = self._answer(service, browser, "gateway-policy", scope="openid")
        assert (answer.status_code, set(answer.json())) == (401, {"detailedmessage", "error"})

    def test_stale_copy_of_its_keys(self, service: App, browser: Browser) -> None:
        """Before the request is even authenticated: by the address, as a quirk, or waiting."""
        assert self._answer(service, browser, "").status_code == 200
        service.key = ECKey.generate_key("P-384", auto_kid=True)
        service.server.keys = [service.key]
        refused = self._answer(service, browser, "jwks-stale")
        assert_refused(refused, 401, "invalid_client", "no key with the kid")
        url = f"--jwks-url={service.server.url}"
        Client.objects.filter(client_id="service").update(quirks="jwks-stale")
        refused = self._answer(service, browser, "")
        assert_refused(refused, 401, "invalid_client", "no key with the kid")
        sandbox_client("service", "--kind=service", url, "--quirk=")
        assert self._answer(service, browser, "").status_code == 200

    def test_in_the_form_is_no_fault(self, service: App, browser: Browser) -> None:
        """Unknown parameters are ignored (RFC 6749 §3.2), and `fault` is unknown in the form."""
        assert self._answer(service, browser, "", fault="token-500").status_code == 200
        assert self._answer(service, browser, "", fault="nonsense").status_code == 200

    def test_unknown_one_is_refused(self, service: App, browser: Browser) -> None:
        for fault in ("nonsense", "token-500," * 60):
            refused = self._answer(service, browser, fault)
            assert_refused(refused, 400, "invalid_request", "")
            assert RequestRecord.objects.latest("pk").rule == "S66"

    def test_travels_with_the_access_token(self, service: App, browser: Browser) -> None:
        url = f"{FHIR_BASE}/Patient/a-1.E-1001"
        for fault, status in (("fhir-500:Patient", 500), ("", 200)):
            token = self._answer(service, browser, fault).json()["access_token"]
            answer = browser.get(url, headers={"Authorization": f"Bearer {token}"})
            assert answer.status_code == status

    def test_waits_for_the_next_request(self, service: App, browser: Browser) -> None:
        """For a client whose code cannot be changed: set on its page, or by a program."""
        query = {"client_id": "service", "fault": "token-500"}
        page = browser.get("/sandbox/standalone", query)
        assert page["Location"] == "/sandbox/client?client_id=service"
        shown = browser.get(page["Location"]).content.decode()
        assert "Waiting for its next token request" in shown
        answers = [self._answer(service, browser, "").status_code for _ in range(2)]
        assert answers == [500, 200]
        assert browser.get("/sandbox/standalone", query | {"format": "json"}).status_code == 200
        assert self._answer(service, browser, "token-429").status_code == 429
        assert service.record.next_faults == "token-500"

    def test_page_offers_those_that_it_can_meet(self, service: App, browser: Browser) -> None:
        page = browser.get("/sandbox/client", {"client_id": "service"}).content.decode()
        assert '<option value="token-slow:5"' in page
        assert '<option value="fhir-500"' in page
        assert '<option value="id-token-expired"' not in page

    def test_introspection_too(self, service: App, browser: Browser) -> None:
        fields = {"token": "t"} | service.authentication()
        refused = service.post(browser, "introspect?fault=introspect-get-only", fields)
        assert refused.status_code == 405


def test_quirks_and_faults_may_both_be_long(app: App, browser: Browser) -> None:
    """Each has its own limit, and together they are no error (S66)."""
    long = ",".join(["token-type-lowercase"] * 23)
    Client.objects.update(quirks=long)
    answer = answered(app, browser, long)
    assert answer.json()["token_type"] == "bearer"
    headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    url = f"{FHIR_BASE}/Patient/{answer.json()['patient']}"
    assert browser.get(url, headers=headers).status_code == 200


class TestRefresh:
    @pytest.mark.parametrize("fault", [one for one in faults.FAULTS if one.startswith("refresh-")])
    def test_access_ends_soon_so_that_the_fault_is_seen(
        self, app: App, browser: Browser, fault: str
    ) -> None:
        """S66."""
        launched = answered(app, browser, fault).json()
        assert launched["expires_in"] == 30
        access = Bearer(launched["access_token"]).access
        assert access is not None
        assert access.expires_at <= timezone.now() + timedelta(seconds=30)
        option = browser.get("/sandbox/").content.decode().partition(f'value="{fault}')[2]
        assert "live for 30 seconds" in option.partition("</option>")[0]

    def test_access_lives_as_long_as_ever_with_other_faults_and_with_quirks(
        self, app: App, browser: Browser, key_server: KeyServer
    ) -> None:
        """A lifetime that is already shorter stays as it is, too (S66)."""
        assert answered(app, browser, "token-jwt").json()["expires_in"] == 3600
        register(app.client_id, key_server, "--quirk=refresh-rotates")
        assert app.exchange(browser, app.allowed(browser)).json()["expires_in"] == 3600
        register(app.client_id, key_server, "--access-token-seconds=20")
        assert answered(app, browser, "refresh-cut").json()["expires_in"] == 20

    def test_tokens_that_a_refresh_gave_end_soon_too(self, app: App, browser: Browser) -> None:
        """S66."""
        assert refreshed(app, browser, "refresh-rotates").json()["expires_in"] == 30

    def test_answer_without_refresh_token(self, app: App, browser: Browser) -> None:
        """Q6."""
        answer = refreshed(app, browser, "refresh-returns-none")
        assert answer.status_code == 200
        assert "refresh_token" not in answer.json()

    def test_rotation_with_reuse_detection(self, app: App, browser: Browser) -> None:
        """Q7, Q8."""
        first = answered(app, browser, "refresh-rotates").json()["refresh_token"]
        second = app.refresh(browser, first).json()["refresh_token"]
        assert second != first
        assert_refused(app.refresh(browser, first), 400, "invalid_grant", "used before")
        assert_refused(app.refresh(browser, second), 400, "invalid_grant", "revoked")

    def test_scope_has_to_be_named(self, app: App, browser: Browser) -> None:
        """Also for a client whose own profile does not require it (Q14, S30)."""
        answer = answered(app, browser, "refresh-needs-scope").json()
        refused = app.refresh(browser, answer["refresh_token"])
        assert_refused(refused, 400, "invalid_scope", "scope is missing")
        good = app.refresh(browser, answer["refresh_token"], scope=answer["scope"])
        assert good.status_code == 200

    def test_id_token_without_aud(self, app: App, browser: Browser) -> None:
        """The id_token of the code has one (Q30)."""
        first = answered(app, browser, "refresh-id-token-no-aud").json()
        assert parts(first["id_token"])[1]["aud"] == app.client_id
        again = app.refresh(browser, first["refresh_token"]).json()
        claims = parts(again["id_token"])[1]
        assert "aud" not in claims
        assert claims["sub"] == parts(first["id_token"])[1]["sub"]

    def test_another_patient(self, app: App, browser: Browser) -> None:
        """Q9."""
        launched = app.exchange(
            browser, app.allowed(browser, user="clinician", fault="refresh-context-changes")
        ).json()
        again = app.refresh(browser, launched["refresh_token"]).json()
        assert again["patient"] != launched["patient"]


class TestIDTokens:
    def _id_token(self, app: App, browser: Browser, fault: str) -> str:
        return str(answered(app, browser, fault).json()["id_token"])

    def test_algorithm_none(self, app: App, browser: Browser) -> None:
        """Q25."""
        token = self._id_token(app, browser, "id-token-alg-none")
        assert token.endswith(".")
        assert parts(token)[0] == {"alg": "none"}

    def test_hmac_with_the_public_key(self, app: App, browser: Browser) -> None:
        """Q26."""
        token = self._id_token(app, browser, "id-token-hs256")
        header, _ = parts(token)
        assert header["alg"] == "HS256"
        (key,) = (key for key in published(browser).keys if key.kid == header["kid"])
        assert isinstance(key, RSAKey)
        signed, _, mac = token.rpartition(".")
        expected = hmac.digest(key.as_pem(private=False), signed.encode(), "sha256")
        assert base64.urlsafe_b64decode(mac + "==") == expected

    def test_signature_of_another_key(self, app: App, browser: Browser) -> None:
        token = self._id_token(app, browser, "id-token-bad-signature")
        with pytest.raises(BadSignatureError):
            jwt.decode(token, published(browser), ["RS256"])

    def test_key_that_is_never_published(self, app: App, browser: Browser) -> None:
        header, _ = parts(self._id_token(app, browser, "id-token-unknown-key"))
        assert header["kid"] not in {key.kid for key in published(browser).keys}

    def test_key_that_is_published_late(self, app: App, browser: Browser) -> None:
        """The keys of other launches stay unchanged meanwhile (Q12, S43)."""
        token = self._id_token(app, browser, "id-token-late-key:1")
        with pytest.raises((JoseError, ValueError)):
            jwt.decode(token, published(browser), ["RS256"])
        other = app.exchange(browser, app.allowed(browser)).json()["id_token"]
        jwt.decode(other, published(browser), ["RS256"])
        time.sleep(1.1)
        jwt.decode(token, published(browser), ["RS256"])

    @pytest.mark.parametrize(
        ("fault", "claim"),
        [
            ("id-token-wrong-issuer", "iss"),
            ("id-token-issuer-slash", "iss"),
            ("id-token-second-issuer", "iss"),
            ("id-token-wrong-audience", "aud"),
            ("id-token-wrong-nonce", "nonce"),
            ("id-token-no-nonce", "nonce"),
            ("id-token-expired", "exp"),
            ("id-token-future", "iat"),
            ("id-token-wrong-at-hash", "at_hash"),
        ],
    )
    def test_one_claim_is_wrong_and_the_signature_is_right(
        self, app: App, browser: Browser, fault: str, claim: str
    ) -> None:
        """Q10, Q11, Q27, Q28, Q29."""
        answer = answered(app, browser, fault).json()
        claims = jwt.decode(answer["id_token"], published(browser), ["RS256"]).claims
        half = hashlib.sha256(answer["access_token"].encode()).digest()[:16]
        now = time.time()
        right = {
            "iss": claims["iss"] == ISSUER,
            "aud": claims["aud"] == app.client_id,
            "nonce": claims.get("nonce") == app.nonce,
            "exp": claims["exp"] > now,
            "iat": claims["iat"] <= now + 1,
            "at_hash": base64.urlsafe_b64decode(claims["at_hash"] + "==") == half,
        }
        assert [name for name, is_right in right.items() if not is_right] == [claim]

    def test_issuer_with_a_slash_or_the_fhir_base(self, app: App, browser: Browser) -> None:
        """Q10, Q11."""
        slash = parts(self._id_token(app, browser, "id-token-issuer-slash"))[1]
        second = parts(self._id_token(app, browser, "id-token-second-issuer"))[1]
        assert (slash["iss"], second["iss"]) == (f"{ISSUER}/", FHIR_BASE)

    def test_openid_alone_brings_none(self, app: App, browser: Browser) -> None:
        """Q33."""
        fault = "id-token-needs-fhir-user"
        alone = answered(app, browser, fault, scope="openid launch/patient").json()
        assert "id_token" not in alone
        assert "id_token" in answered(app, browser, fault).json()


class TestElsewhere:
    def test_introspection_by_bearer(self, app: App, browser: Browser) -> None:
        """With any access token of a launch with this fault, and no client credentials (Q35)."""
        usual = answered(app, browser, "").json()["access_token"]
        token = answered(app, browser, "introspect-by-bearer").json()["access_token"]
        form = {"token": token}
        asked = [
            browser.post(
                f"{OAUTH}/introspect",
                urlencode(form),
                FORM,
                headers={"Authorization": f"Bearer {one}"},
            )
            for one in (token, usual, "made-up")
        ]
        assert [one.status_code for one in asked] == [200, 401, 401]
        assert asked[0].json()["active"] is True
        Client.objects.update(quirks="introspect-by-bearer")
        refused = app.post(browser, "introspect", form | app.authentication())
        assert_refused(refused, 401, "invalid_token", "bearer")
        assert refused["WWW-Authenticate"] == "Bearer"

    def test_secret_compared_as_sent(
        self, transactional_db: None, monkeypatch: pytest.MonkeyPatch, browser: Browser
    ) -> None:
        """RFC 6749's encoding is then refused; without the fault, the other one is (Q32)."""
        monkeypatch.setenv("RAW_SECRET", "a+b/c=d")
        sandbox_client("raw", "--kind=service", "--client-secret-env=RAW_SECRET")
        form = urlencode({"grant_type": "client_credentials", "scope": "system/Patient.rs"})

        def status(secret: str) -> int:
            credentials = base64.b64encode(f"raw:{secret}".encode()).decode()
            headers = {"Authorization": f"Basic {credentials}"}
            return int(browser.post(f"{OAUTH}/token", form, FORM, headers=headers).status_code)

        assert (status("a%2Bb%2Fc%3Dd"), status("a+b/c=d")) == (200, 401)
        Client.objects.update(quirks="token-raw-secret")
        assert (status("a%2Bb%2Fc%3Dd"), status("a+b/c=d")) == (401, 200)

    def test_expired_token_is_renewed_once(self, app: App, browser: Browser) -> None:
        """A token that is unknown does not become valid by a refresh either."""

        def read(tokens: Any) -> Any:
            headers = {"Authorization": f"Bearer {tokens['access_token']}"}
            return browser.get(f"{FHIR_BASE}/Patient/{tokens['patient']}", headers=headers)

        for fault, after in (("fhir-expired-token", 200), ("fhir-unknown-token", 401)):
            first = answered(app, browser, fault).json()
            refused = read(first)
            assert refused.status_code == 401
            assert refused["WWW-Authenticate"] == 'Bearer error="invalid_token"'
            row = RequestRecord.objects.latest("pk")
            assert (row.rule, row.changed_by) == ("E14", fault)
            again = app.refresh(browser, first["refresh_token"]).json()
            assert read(again).status_code == after

    def test_introspection_by_get_alone(self, app: App, browser: Browser) -> None:
        """Q15."""
        answer = answered(app, browser, "introspect-get-only").json()
        fields = {"token": answer["access_token"], "token_type_hint": "access_token"}
        Client.objects.update(quirks="introspect-get-only")
        refused = app.post(browser, "introspect", fields | app.authentication())
        assert_refused(refused, 405, "invalid_request", "GET")
        told = browser.get(f"{OAUTH}/introspect", fields | app.authentication())
        assert told.json()["active"] is True

    def test_frame_tells_the_app_of_another_patient(self, app: App, browser: Browser) -> None:
        """Q23."""
        query = {"client_id": app.client_id, "fault": "frame-patient-changes:7"}
        page = browser.get("/sandbox/frame", query).content.decode()
        assert 'data-changes-after="7"' in page
        assert 'data-origin="https://app.example"' in page
        assert "sandbox/frame.js" in page
        usual = browser.get("/sandbox/frame", {"client_id": app.client_id}).content.decode()
        assert "sandbox/frame.js" not in usual

    @pytest.mark.parametrize("fault", [name for name in faults.FAULTS if name.startswith("fhir-")])
    def test_fhir_faults_come_with_the_token(self, app: App, browser: Browser, fault: str) -> None:
        """The FHIR tests cover the effects; here, only this launch's token carries them."""
        chosen = f"{fault}:1" if fault == "fhir-slow" else f"{fault}:Patient"
        chosen = fault if fault == "fhir-foreign-next" else chosen
        answer = answered(app, browser, chosen).json()
        headers = {"Authorization": f"Bearer {answer['access_token']}"}
        started = time.monotonic()
        response = browser.get(f"{FHIR_BASE}/Patient/{answer['patient']}", headers=headers)
        slow = time.monotonic() - started > 1
        usual = response.status_code == 200 and response["Content-Type"].startswith(
            "application/fhir+json"
        )
        wrong = usual and response.json()["id"] != answer["patient"]
        quiet = fault in {"fhir-foreign-next", "fhir-foreign-reference"}
        assert quiet or slow or wrong or not usual

    def test_rotation_keeps_the_older_keys_published(self, app: App, browser: Browser) -> None:
        """S43."""
        before = app.exchange(browser, app.allowed(browser)).json()["id_token"]
        for _ in range(6):
            rotate_key(browser)
        assert SigningKey.objects.count() == 4
        rotate_key(browser)
        after = app.exchange(browser, app.allowed(browser)).json()["id_token"]
        assert parts(before)[0]["kid"] != parts(after)[0]["kid"]
        jwt.decode(after, published(browser), ["RS256"])
        rotate_key(browser)
        jwt.decode(after, published(browser), ["RS256"])


def test_launch_url_of_a_faulty_launch_says_nothing_about_it(app: App, browser: Browser) -> None:
    """The app cannot know beforehand."""
    query = {"client_id": app.client_id, "fault": "token-500"}
    location = urlsplit(browser.get("/sandbox/launch", query)["Location"])
    assert set(parse_qs(location.query)) == {"iss", "launch"}
