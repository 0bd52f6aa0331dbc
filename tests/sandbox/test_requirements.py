"""Requirements on the EHR as a whole: worlds, limits, gateways, faults, logout."""

import json
from importlib.util import find_spec, module_from_spec
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError, SystemCheckError
from django.test import Client as Browser
from joserfc.jwk import ECKey

from smartapp.sandbox.models import RequestRecord
from tests.sandbox.conftest import (
    FHIR_BASE,
    ISSUER,
    OAUTH,
    App,
    KeyServer,
    assert_refused,
    post_form,
    register,
    response_parameters,
    rotate_key,
    sandbox_client,
    submit,
)

PREVIEW = "/sandbox/preview"
PRACTICE = "Organization/a-1.Practice-195900"
TYPES = (
    "Patient", "Practitioner", "Encounter", "Observation", "Condition", "MedicationRequest",
    "AllergyIntolerance", "Organization", "Location",
)  # fmt: skip
SEARCHES = {
    "Patient": "_id=a-1.E-1001",
    "Practitioner": "",
    "Organization": "",
    "Location": "",
}


def read(browser: Browser, tokens: dict[str, Any], path: str) -> Any:
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    return browser.get(f"{FHIR_BASE}/{path}", headers=headers)


def connected(app: App, browser: Browser, **changes: Any) -> dict[str, Any]:
    answer = app.exchange(browser, app.allowed(browser, **changes))
    assert answer.status_code == 200, answer.content
    tokens: dict[str, Any] = answer.json()
    return tokens


def asked_without_a_person(app: App, browser: Browser, scope: str) -> Any:
    fields = {"grant_type": "client_credentials", "scope": scope}
    return app.post(browser, "token", fields | app.authentication())


@pytest.fixture
def service(transactional_db: None, ec_key: ECKey, key_server: KeyServer) -> App:
    sandbox_client("service", "--kind=service", f"--jwks-url={key_server.url}")
    return App("service", ec_key, key_server)


WORLDS = pytest.mark.parametrize("world", ["preview", "strict", "bcp"])


class TestWorlds:
    @WORLDS
    def test_each_has_its_own_addresses_and_issuer(
        self, app: App, browser: Browser, world: str
    ) -> None:
        """S1, S3."""
        place = f"/sandbox/{world}"
        found = browser.get(f"{place}/fhir/r4/.well-known/smart-configuration").json()
        assert found["token_endpoint"].endswith(f"{place}/oauth2/v1/token")
        assert found["issuer"] != ISSUER
        path = urlsplit(found["issuer"]).path
        known = browser.get(f"{path}/.well-known/openid-configuration").json()
        assert known["issuer"] == found["issuer"]

    @WORLDS
    def test_client_of_the_other_world_is_unknown(
        self, app: App, browser: Browser, world: str
    ) -> None:
        """At authorize and at the token endpoint alike (S3)."""
        query = app.authorization_request()
        place = f"/sandbox/{world}/oauth2/v1"
        assert browser.get(f"{place}/authorize", query).status_code == 400
        fields = {"grant_type": "refresh_token", "refresh_token": "r"} | app.authentication()
        refused = post_form(browser, f"{place}/token", fields)
        assert_refused(refused, 401, "invalid_client", "")

    def test_sheet_and_launch_name_the_base_of_the_clients_world(
        self, app: App, browser: Browser, key_server: KeyServer
    ) -> None:
        """The rules of strict and bcp are those that they announce (S3)."""
        url, redirect = f"--jwks-url={key_server.url}", f"--redirect-uri={app.redirect_uri}"
        launch = "--launch-url=https://app.example/launch"
        for world in ("strict", "bcp"):
            sheet = sandbox_client(world, "--kind=web", url, redirect, launch, f"--world={world}")
            assert sheet["profile"] == world
            told = browser.get("/sandbox/launch", {"client_id": world, "format": "json"}).json()
            assert told["iss"] == sheet["fhir_base_url"]
            assert told["iss"].endswith(f"/sandbox/{world}/fhir/r4")
        with pytest.raises(CommandError, match="the rules are bcp"):
            sandbox_client("x", "--kind=web", url, redirect, "--world=bcp", "--profile=athena")

    @pytest.mark.parametrize("profile", ["athena", "strict", "bcp"])
    def test_every_profile_is_launched_at_the_usual_address_too(
        self, app: App, browser: Browser, key_server: KeyServer, profile: str
    ) -> None:
        """A profile alone does not move a client away from /sandbox/fhir/r4 (S3)."""
        register(app.client_id, key_server, f"--profile={profile}")
        query = {"client_id": app.client_id, "format": "json"}
        assert browser.get("/sandbox/launch", query).json()["iss"] == FHIR_BASE

    def test_token_of_the_other_world_is_unknown(self, app: App, browser: Browser) -> None:
        """S3, S61."""
        tokens = connected(app, browser)
        headers = {"Authorization": f"Bearer {tokens['access_token']}"}
        path = f"fhir/r4/Patient/{tokens['patient']}"
        assert browser.get(f"/sandbox/{path}", headers=headers).status_code == 200
        assert browser.get(f"{PREVIEW}/{path}", headers=headers).status_code == 401


class TestSafety:
    def test_production_refuses_to_start_with_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """S7: `check --deploy` fails while the sandbox is on."""
        monkeypatch.setattr(settings, "SANDBOX", True)
        with pytest.raises(SystemCheckError, match="E010"):
            call_command("check", "--deploy", "--fail-level=ERROR")

    def test_switched_off_it_is_not_there(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """S7: none of its addresses is served."""
        source = find_spec("smartapp.urls")
        assert source is not None
        assert source.loader is not None
        for switch in (True, False):
            monkeypatch.setattr(settings, "SANDBOX", switch)
            urls = module_from_spec(source)
            source.loader.exec_module(urls)
            assert ("sandbox/" in {str(one.pattern) for one in urls.urlpatterns}) is switch

    def test_its_people_and_tokens_open_nothing_else(self, app: App, browser: Browser) -> None:
        """The admin accepts neither a sandbox sign-in nor a sandbox token (S7)."""
        tokens = connected(app, browser)
        headers = {"Authorization": f"Bearer {tokens['access_token']}"}
        answer = browser.get("/admin/", headers=headers)
        assert answer.status_code == 302
        assert "/admin/login/" in answer["Location"]


class TestGateway:
    def test_path_that_does_not_exist(self, browser: Browser) -> None:
        """Plain text, not JSON (E12)."""
        for path in (f"{OAUTH}/tokens", "/sandbox/okta/nothing", f"{PREVIEW}/oauth2/v1/x"):
            answer = browser.get(path)
            assert answer.status_code == 404
            assert answer["Content-Type"].startswith("text/plain")
            with pytest.raises(ValueError, match="Expecting value"):
                json.loads(answer.content)

    @pytest.mark.parametrize("method", ["post", "put", "delete", "patch"])
    @pytest.mark.parametrize(
        "path",
        [f"{OAUTH}/token/", f"{OAUTH}/tokens", "/sandbox/okta/nothing", "/sandbox/fhir/r5/x"],
    )
    def test_program_that_writes_to_an_unknown_path_reads_why(
        self, browser: Browser, method: str, path: str
    ) -> None:
        """E12: in JSON, for pages of other origins too, and in the request log."""
        answer = getattr(browser, method)(path)
        assert (answer.status_code, answer.json()["error"]) == (404, "not_found")
        assert "slash" in answer.json()["error_description"]
        assert answer["Access-Control-Allow-Origin"] == "*"
        assert RequestRecord.objects.latest("pk").rule == "E12"

    @pytest.mark.parametrize(
        "path", [f"{OAUTH}/keys", "/sandbox/fhir/r4/.well-known/smart-configuration"]
    )
    def test_documents_are_read_and_not_written(self, browser: Browser, path: str) -> None:
        answer = browser.post(path)
        assert (answer.status_code, answer["Allow"]) == (405, "GET")
        assert answer.json()["error"] == "invalid_request"

    def test_too_many_requests(self, service: App, browser: Browser) -> None:
        """S37, E13: for the rest of the minute, without Retry-After, and one client alone."""
        url = f"--jwks-url={service.server.url}"
        sandbox_client("service", "--kind=service", url, "--token-requests-per-minute=2")
        sandbox_client("another", "--kind=service", url, "--token-requests-per-minute=6")
        another = App("another", service.key, service.server)
        answers, others = (
            [asked_without_a_person(one, browser, "system/Patient.rs") for _ in range(6)]
            for one in (service, another)
        )
        limited = next(answer for answer in answers if answer.status_code == 429)
        assert_refused(limited, 429, "too_many_requests", "")
        assert "Retry-After" not in limited
        assert {answer.status_code for answer in others} == {200}

    def test_scope_outside_the_contract(self, service: App, browser: Browser) -> None:
        """As a quirk, with the gateway's own JSON without error_description (E9, S29)."""
        scope = "athena/service/Athenanet.MDP.*"
        refused = asked_without_a_person(service, browser, "openid")
        assert_refused(refused, 400, "invalid_scope", "openid")
        url = f"--jwks-url={service.server.url}"
        options = ("--kind=service", url, f"--scope={scope}", "--quirk=gateway-policy")
        sandbox_client("service", *options)
        answer = asked_without_a_person(service, browser, "athena/service/Other.*")
        assert answer.status_code == 401
        assert set(answer.json()) == {"detailedmessage", "error"}
        assert answer.json()["error"] == "access_denied"
        assert "policy" in answer.json()["detailedmessage"]

    def test_practice_without_a_contract(
        self, app: App, browser: Browser, key_server: KeyServer
    ) -> None:
        """athena's searches name the practice, and only the client's own is accepted (E10, S65)."""
        register(app.client_id, key_server, "--profile=athena")
        audience = f"{ISSUER}/v1/token"
        code = app.allowed(browser)
        tokens = app.exchange(browser, code, **app.authentication(aud=audience)).json()
        search = f"Observation?patient={tokens['patient']}"
        missing = read(browser, tokens, search)
        assert (missing.status_code, set(missing.json())) == (400, {"details"})
        other = read(browser, tokens, f"{search}&ah-practice=Organization/a-1.Practice-1")
        assert (other.status_code, other.content) == (403, b"Invalid Client")
        assert read(browser, tokens, f"{search}&ah-practice={PRACTICE}").status_code == 200


class TestFaults:
    def test_person_who_is_not_assigned(self, app: App, browser: Browser) -> None:
        """E11, S66."""
        page = app.authorize(browser, fault="authorize-not-assigned")
        page = submit(browser, page, username="a-1.E-1001", password="sandbox")
        answer = response_parameters(submit(browser, page))
        assert (answer["error"], answer["state"]) == ("access_denied", app.state)

    def test_fault_travels_with_its_launch_only(self, app: App, browser: Browser) -> None:
        """Set by URL, it affects this launch's code, tokens and reads, and no others (S66)."""
        broken = connected(app, browser, fault="token-type-lowercase,fhir-500:Patient")
        assert broken["token_type"] == "bearer"
        assert read(browser, broken, f"Patient/{broken['patient']}").status_code == 500
        good = connected(app, browser)
        assert good["token_type"] == "Bearer"
        assert read(browser, good, f"Patient/{good['patient']}").status_code == 200

    def test_fault_that_does_not_exist(self, app: App, browser: Browser) -> None:
        """It is refused; otherwise a test would pass for the wrong reason (S66)."""
        answer = app.authorize(browser, fault="token-teapot")
        assert parse_qs(urlsplit(answer["Location"]).query)["error"] == ["invalid_request"]
        told = browser.get("/sandbox/launch", {"client_id": app.client_id, "fault": "no"})
        assert told.status_code == 400


class TestWaysOut:
    def test_logout_goes_to_registered_addresses(
        self, app: App, browser: Browser, key_server: KeyServer
    ) -> None:
        """S44."""
        home = "https://app.example/bye"
        register(app.client_id, key_server, f"--post-logout-redirect-uri={home}")
        query = {"client_id": app.client_id, "post_logout_redirect_uri": home, "state": "s"}
        answer = browser.get(f"{OAUTH}/logout", query)
        assert answer.status_code == 302
        assert answer["Location"].startswith(home)
        posted = app.post(browser, "logout", query)
        assert posted["Location"] == answer["Location"]
        query["post_logout_redirect_uri"] = "https://evil.example/"
        assert browser.get(f"{OAUTH}/logout", query).status_code == 200

    def test_keys_are_rotated_by_a_button(self, app: App, browser: Browser) -> None:
        """The older key stays published beside the new one (S43)."""
        before = {key["kid"] for key in browser.get(f"{OAUTH}/keys").json()["keys"]}
        rotate_key(browser)
        after = {key["kid"] for key in browser.get(f"{OAUTH}/keys").json()["keys"]}
        assert before < after


def test_jku_is_the_registered_url(app: App, browser: Browser) -> None:
    """The header may name the registered URL and no other (S54)."""
    good = app.authentication(header={"jku": app.server.url})
    assert_refused(app.refresh(browser, "made-up", **good), 400, "invalid_grant", "")
    bad = app.authentication(header={"jku": "https://evil.example/jwks.json"})
    assert_refused(app.refresh(browser, "made-up", **bad), 401, "invalid_client", "jku")


class TestChart:
    def test_resource_types(self, service: App, browser: Browser) -> None:
        """Each is offered, found by a search, and read (S63)."""
        tokens = asked_without_a_person(service, browser, "system/*.rs").json()
        offered = read(browser, tokens, "metadata").json()["rest"][0]["resource"]
        for resource_type in TYPES:
            assert resource_type in {one["type"] for one in offered}
            query = SEARCHES.get(resource_type, "patient=a-1.E-1001")
            found = read(browser, tokens, f"{resource_type}?{query}").json()["entry"]
            one = found[0]["resource"]
            assert one["resourceType"] == resource_type
            assert read(browser, tokens, f"{resource_type}/{one['id']}").json() == one

    def test_chart_can_be_searched(self, app: App, browser: Browser) -> None:
        """With the scopes of a launch, over its own patient (S62, S63)."""
        tokens = connected(app, browser)
        found = read(browser, tokens, f"Observation?patient={tokens['patient']}&_count=3").json()
        assert found["resourceType"] == "Bundle"
        assert all(
            one["resource"]["subject"]["reference"] == f"Patient/{tokens['patient']}"
            for one in found["entry"]
        )
