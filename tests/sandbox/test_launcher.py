"""The launcher, and the pages that show what clients do (S14, S56, S67)."""

import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client as Browser

from smartapp.sandbox import patient_search, people, request_log
from smartapp.sandbox.access import Bearer
from smartapp.sandbox.models import Launch, RequestRecord
from smartapp.sandbox.views import clients
from tests.sandbox.conftest import (
    FHIR_BASE,
    SCOPE,
    App,
    KeyServer,
    register,
    response_parameters,
    sandbox_client,
    submit,
)


def policy(answer: Any) -> dict[str, str]:
    parts = answer["Content-Security-Policy"].split(";")
    return dict(part.strip().split(" ", 1) for part in parts)


class TestLaunch:
    def test_opens_the_app_with_iss_and_launch(self, app: App, browser: Browser) -> None:
        answer = browser.get("/sandbox/launch", {"client_id": app.client_id})
        assert answer.status_code == 302
        location = urlsplit(answer["Location"])
        assert location.netloc + location.path == "app.example/launch"
        query = parse_qs(location.query)
        assert set(query) == {"iss", "launch"}
        assert query["iss"] == [FHIR_BASE]
        assert answer["Cache-Control"].startswith("max-age=0")

    def test_tells_a_program_how_to(self, app: App, browser: Browser) -> None:
        query = {"client_id": app.client_id, "format": "json"}
        body = browser.get("/sandbox/launch", query).json()
        assert set(body) == {"iss", "launch", "launch_url"}
        assert body["launch_url"] == "https://app.example/launch"

    def test_launch_url_keeps_its_own_query(
        self, app: App, key_server: KeyServer, browser: Browser
    ) -> None:
        register(app.client_id, key_server, "--launch-url=https://app.example/go?tenant=7")
        answer = browser.get("/sandbox/launch", {"client_id": app.client_id})
        assert "/go?tenant=7&iss=" in answer["Location"]

    def test_defaults_are_clinician_first_patient_latest_visit(
        self, app: App, browser: Browser
    ) -> None:
        app.launch(browser)
        launch = Launch.objects.get()
        clinician = people.find_person("clinician")
        assert clinician is not None
        first = clinician.patients[0]
        assert launch.username == "clinician"
        assert (launch.patient, launch.encounter) == (first.id, first.encounters[0].id)

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"client_id": "nobody"}, "No app is registered"),
            ({"client_id": "a\x00"}, "No app is registered"),
            ({"client_id": "worker"}, "has no launch URL"),
            ({"patient": "nobody"}, "no patient nobody"),
            ({"user": "nobody"}, "Nobody here"),
            ({"user": "patient", "patient": "a-1.E-1001"}, "may open"),
            ({"encounter": "nowhere"}, "no encounter nowhere"),
            ({"intent": "i" * 101}, "intent"),
            ({"intent": "\x00"}, "intent"),
        ],
    )
    def test_impossible(
        self, app: App, browser: Browser, changes: dict[str, str], words: str
    ) -> None:
        sandbox_client("worker", "--kind=service", f"--jwks-url={app.server.url}")
        query = {"client_id": app.client_id} | changes
        page = browser.get("/sandbox/launch", query)
        assert page.status_code == 400
        assert words in page.content.decode()
        told = browser.get("/sandbox/launch", query | {"format": "json"})
        assert told.status_code == 400
        assert words in told.json()["reason"]

    def test_an_unknown_app_is_answered_with_where_apps_are(self, browser: Browser) -> None:
        page = browser.get("/sandbox/launch", {"client_id": "nope"}).content.decode()
        assert "compared letter by letter" in page
        assert 'href="/sandbox/clients"' in page
        assert 'href="/sandbox/clients/register"' in page


class TestPages:
    def test_launcher_offers_everybody_and_says_that_they_are_made_up(
        self, app: App, browser: Browser
    ) -> None:
        """S67."""
        answer = browser.get("/sandbox/")
        page = answer.content.decode()
        clinician = people.find_person("clinician")
        assert clinician is not None
        for patient in clinician.patients:
            assert f'value="{patient.id}"' in page
        assert "Synthetic people only" in page
        assert "https://app.example" in policy(answer)["form-action"]

    def test_search_finds_by_name_number_and_birth_date(self, db: None, browser: Browser) -> None:
        clinician = people.find_person("clinician")
        assert clinician is not None
        wanted = clinician.patients[5]
        for text in (wanted.name, wanted.identifier, wanted.birth_date):
            page = browser.get("/sandbox/", {"search": text}).content.decode()
            assert f'value="{wanted.id}"' in page
            assert f'value="{clinician.patients[0].id}"' not in page
        assert b"Nobody found" in browser.get("/sandbox/", {"search": "zzz"}).content

    @pytest.mark.parametrize(
        ("typed", "found"),
        [
            ("kim", {"1009"}),
            ("Min-jun KIM", {"1009"}),
            ("minjun", {"1009"}),
            ("김민준", {"1009"}),
            ("lefevre", {"1001"}),
            ("dvorak renee", {"1001"}),
            ("connor nguyen", {"1012"}),
            ("oconnor", {"1012"}),
            ("odegard", {"1011"}),
            ("grossmann", {"1014"}),
            ("diabetes", {"1001", "1004", "1009", "1015"}),
            ("diabetes kim", {"1009"}),
            ("1962-03", {"1001"}),
            ("kim lefevre", set()),
        ],
    )
    def test_search_folds_accents_and_knows_conditions(self, typed: str, found: set[str]) -> None:
        """All words, in any order, in any script of the name."""
        assert {one.id.partition("E-")[2] for one in patient_search.find(typed)} == found

    def test_launcher_without_any_app(self, db: None, browser: Browser) -> None:
        assert b"No app with a launch URL" in browser.get("/sandbox/").content

    def test_standalone_door(self, app: App, key_server: KeyServer, browser: Browser) -> None:
        register(app.client_id, key_server, "--standalone-url=https://app.example/connect")
        page = browser.get("/sandbox/")
        assert b'formaction="/sandbox/standalone"' in page.content
        assert "https://app.example" in policy(page)["form-action"]
        answer = browser.get("/sandbox/standalone", {"client_id": app.client_id})
        assert answer["Location"] == "https://app.example/connect"

    def test_frame_shows_the_app_below_the_patients_banner(
        self, app: App, browser: Browser
    ) -> None:
        patient = "a-1.E-1003"
        answer = browser.get("/sandbox/frame", {"client_id": app.client_id, "patient": patient})
        page = answer.content.decode()
        assert "<iframe" in page
        assert f"patient={patient}" in page
        assert "need_patient_banner=false" in page
        assert "https://app.example" in policy(answer)["frame-src"]
        assert policy(answer)["frame-ancestors"] == "'none'"

    def test_address_holds_the_whole_choice(self, app: App, browser: Browser) -> None:
        query = {
            "client_id": app.client_id, "patient": "a-1.E-1003", "way": "list", "world": "bcp",
            "fault": "token-slow:5", "launch_url": "http://localhost:1/launch",
        }  # fmt: skip
        page = " ".join(browser.get("/sandbox/", query).content.decode().split())
        assert 'value="token-slow:5" selected' in page
        assert 'value="list" selected' in page
        assert "<option selected>bcp</option>" in page
        assert 'value="http://localhost:1/launch"' in page
        assert re.search(r'value="a-1.E-1003" data-visits="[^"]+" checked', page)
        assert "not registered here" not in page
        other = browser.get("/sandbox/", query | {"client_id": "of-a-colleague"})
        assert b"of-a-colleague" in other.content

    def test_patient_is_chosen_from_a_list_during_the_launch(
        self, app: App, browser: Browser
    ) -> None:
        """No chart was open in the EHR."""
        launch = app.launch(browser, way="list")
        code = app.allowed(
            browser, user="clinician", patient="a-1.E-1009", launch=launch, scope=SCOPE
        )
        tokens = app.exchange(browser, code).json()
        assert tokens["patient"] == "a-1.E-1009"
        assert tokens["smart_style_url"]
        assert "encounter" not in tokens

    def test_patients_launch_from_their_portal(self, app: App, browser: Browser) -> None:
        launch = app.launch(browser, way="portal", patient="a-1.E-1003")
        page = app.authorize(browser, launch=launch, scope=SCOPE)
        page = submit(browser, page, username="a-1.E-1003", password="sandbox")
        code = response_parameters(submit(browser, page))["code"]
        tokens = app.exchange(browser, code).json()
        assert tokens["patient"] == "a-1.E-1003"
        access = Bearer(tokens["access_token"]).access
        assert access is not None
        assert str(access.fhirUser).endswith("Patient/a-1.E-1003")

    def test_frame_has_athenas_sandbox_attribute(self, app: App, browser: Browser) -> None:
        """It allows everything except navigating the EHR's own window (C152)."""
        page = browser.get("/sandbox/frame", {"client_id": app.client_id}).content.decode()
        allowed = page.partition('sandbox="')[2].partition('"')[0].split()
        assert {"allow-scripts", "allow-forms", "allow-same-origin", "allow-popups"} <= set(allowed)
        assert not [one for one in allowed if "top-navigation" in one]

    def test_frame_of_nothing(self, app: App, browser: Browser) -> None:
        assert browser.get("/sandbox/frame", {"client_id": "x"}).status_code == 400
        query = {"client_id": app.client_id, "patient": "x"}
        assert browser.get("/sandbox/frame", query).status_code == 400
        assert browser.get("/sandbox/", {"patient": "x"}).status_code == 400


class TestRequestLog:
    def test_names_the_rule_and_hides_every_secret(self, app: App, browser: Browser) -> None:
        code = app.allowed(browser)
        assertion = app.assertion(aud="https://wrong.example/")
        app.exchange(browser, code, client_assertion=assertion)
        page = browser.get("/sandbox/requests").content.decode()
        assert "refused: E3" in page
        assert "https://wrong.example/" in page
        for secret in (code, assertion, app.verifier, app.state, app.nonce):
            assert secret not in page

    def test_says_what_of_a_search_was_ignored_and_what_lies_outside(
        self, app: App, browser: Browser
    ) -> None:
        """The log says more than the answer does (S56, S62)."""
        answer = app.exchange(browser, app.allowed(browser)).json()
        headers = {"Authorization": f"Bearer {answer['access_token']}"}
        search = f"{FHIR_BASE}/Observation?patient={answer['patient']}&catgory=laboratory"
        assert browser.get(search, headers=headers).status_code == 200
        assert browser.get(f"{FHIR_BASE}/Patient/a-1.E-1009", headers=headers).status_code == 404
        outside, ignored = RequestRecord.objects.all()[:2]
        assert (ignored.accepted, ignored.reason) == (True, "Ignored: catgory.")
        assert "outside, there is one" in outside.reason
        assert "Ignored: catgory." in browser.get("/sandbox/requests").content.decode()

    def test_shows_the_redirect_uri_that_the_code_was_made_for(
        self, app: App, browser: Browser
    ) -> None:
        """S28."""
        app.exchange(browser, app.allowed(browser), redirect_uri=f"{app.redirect_uri}/")
        assert RequestRecord.objects.all()[0].reason.endswith(f"had {app.redirect_uri}.")

    @pytest.mark.parametrize("prefer", ["handling=lenient", "handling=strict"])
    def test_hides_what_an_address_of_the_api_should_not_have(
        self, app: App, browser: Browser, prefer: str
    ) -> None:
        """A token in an address, as value or name, also beside a good one (S61, RFC 6750 §5.3)."""
        answer = app.exchange(browser, app.allowed(browser)).json()
        token, patient = answer["access_token"], answer["patient"]
        address = (
            f"{FHIR_BASE}/Patient?_id={patient}&access_token={token}&{token}&id_token=t-hidden"
        )
        browser.get(address)
        assert "A token in the address is not taken" in RequestRecord.objects.all()[0].reason
        good = {"Authorization": f"Bearer {token}", "Prefer": prefer}
        browser.get(address, headers=good)
        page = browser.get("/sandbox/requests").content.decode()
        assert token not in page
        assert "t-hidden" not in page
        assert page.count(f"?_id={patient}&amp;access_token=•••&amp;•••=•••&amp;id_token=•••") == 2

    @pytest.mark.parametrize(
        ("fault", "accepted", "rows"),
        [
            ("id-token-wrong-audience", True, 1),
            ("token-html", False, 1),
            ("refresh-context-changes", True, 0),
            ("gateway-policy", True, 0),
        ],
    )
    def test_names_the_fault_on_the_rows_whose_answers_it_changed(
        self, app: App, browser: Browser, fault: str, accepted: bool, rows: int
    ) -> None:
        """Not on the rows of requests that the fault does not affect (S56, S66)."""
        app.exchange(browser, app.allowed(browser, fault=fault))
        token, authorize = RequestRecord.objects.all()[:2]
        assert (token.endpoint, authorize.endpoint) == ("token", "authorize")
        assert token.accepted is accepted
        page = browser.get("/sandbox/requests").content.decode()
        assert page.count(f"changed by the fault <code>{fault}</code>") == rows
        assert bool(token.changed_by) is bool(rows)

    def test_names_the_fault_of_a_refresh_and_of_a_refusal(
        self, app: App, browser: Browser
    ) -> None:
        """S56, S66."""
        tokens = app.exchange(browser, app.allowed(browser, fault="refresh-needs-scope")).json()
        app.refresh(browser, tokens["refresh_token"])
        assert RequestRecord.objects.all()[0].changed_by == "refresh-needs-scope"
        app.refresh(browser, tokens["refresh_token"], scope=tokens["scope"])
        assert RequestRecord.objects.all()[0].changed_by == ""
        app.allowed(browser, fault="authorize-state-changed")
        assert RequestRecord.objects.all()[0].changed_by == "authorize-state-changed"

    def test_names_the_type_that_the_api_was_asked_for(self, app: App, browser: Browser) -> None:
        """The row of a read names the type but not the id, and a fault only if it refused (S56)."""
        answer = app.exchange(browser, app.allowed(browser, fault="fhir-500:Patient")).json()
        headers = {"Authorization": f"Bearer {answer['access_token']}"}
        browser.get(f"{FHIR_BASE}/Patient/{answer['patient']}", headers=headers)
        browser.get(f"{FHIR_BASE}/Condition?patient={answer['patient']}", headers=headers)
        condition, patient = RequestRecord.objects.all()[:2]
        assert (patient.asked_for, patient.changed_by) == ("Patient", "fhir-500")
        assert (condition.asked_for, condition.changed_by) == ("Condition", "")
        page = browser.get("/sandbox/requests").content.decode()
        rows = [row.partition("</summary>")[0] for row in page.split("<summary>")[1:]]
        assert "<code>Patient</code>" in rows[1]
        assert answer["patient"] not in rows[1]

    def test_good_reads_are_there_with_the_rules_they_kept(
        self, app: App, browser: Browser
    ) -> None:
        """They name the rules that applied, and a fault that changed the answer (S56, S60, S62)."""
        answer = app.exchange(browser, app.allowed(browser, fault="fhir-html:Patient")).json()
        headers = {"Authorization": f"Bearer {answer['access_token']}"}
        browser.get(f"{FHIR_BASE}/Patient/{answer['patient']}", headers=headers)
        patient = RequestRecord.objects.all()[0]
        assert (patient.accepted, patient.client_id) == (True, app.client_id)
        assert patient.kept == ["S60", "S62"]
        assert patient.changed_by == "fhir-html"

    def test_reads_push_nothing_else_out(
        self, app: App, browser: Browser, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(request_log, "FORGET_EVERY", 1)
        monkeypatch.setattr(request_log, "KEPT_READS", 3)
        answer = app.exchange(browser, app.allowed(browser)).json()
        headers = {"Authorization": f"Bearer {answer['access_token']}"}
        before = RequestRecord.objects.count()
        for _ in range(6):
            browser.get(f"{FHIR_BASE}/Patient/{answer['patient']}", headers=headers)
        assert RequestRecord.objects.count() == before + 3
        assert RequestRecord.objects.filter(endpoint="token").exists()

    def test_reads_crowd_nothing_else_out_of_the_pages(
        self, app: App, browser: Browser, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The token request of a page that reads a lot stays visible (S56)."""
        monkeypatch.setattr(clients, "SHOWN_RECORDS", 10)
        monkeypatch.setattr(clients, "SHOWN_RECORDS_OF_CLIENT", 10)
        answer = app.exchange(browser, app.allowed(browser)).json()
        headers = {"Authorization": f"Bearer {answer['access_token']}"}
        for _ in range(20):
            browser.get(f"{FHIR_BASE}/Patient/{answer['patient']}", headers=headers)
        for path in ("requests", "client"):
            page = browser.get(f"/sandbox/{path}", {"client_id": app.client_id}).content.decode()
            assert page.count("<b>fhir</b>") == 3
            assert "<code>authorization_code</code>" in page

    def test_can_be_narrowed(self, app: App, browser: Browser) -> None:
        """To one app, registered or not, and to refused requests (S56)."""
        app.allowed(browser)
        app.authorize(browser, aud="x")
        app.authorize(browser, client_id="stranger")

        def rows(**query: str) -> list[str]:
            page = browser.get("/sandbox/requests", query).content.decode()
            return re.findall(r'class="who">([^<]*)<', page)

        assert rows() == ["stranger", "app-web", "app-web"]
        assert rows(client_id="app-web") == ["app-web"] * 2
        assert rows(client_id="app-web", refused="on") == ["app-web"]
        assert rows(client_id="stranger") == ["stranger"]
        assert rows(client_id="nobody") == []
        assert rows(client_id="\x00") == rows()

    def test_leads_to_the_older_ones(
        self, app: App, browser: Browser, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The page says how many there are; too high a page number shows the last page (S56)."""
        monkeypatch.setattr(clients, "SHOWN_RECORDS", 10)
        monkeypatch.setattr(clients, "SHOWN_RECORDS_OF_CLIENT", 10)

        def stranger(number: str) -> str:
            query = {"client_id": "stranger", "page": number}
            return str(browser.get("/sandbox/requests", query).content.decode())

        for asked in range(9):
            app.authorize(browser, client_id="stranger", scope=f"scope-{asked}")
        first = stranger("")
        assert "9 requests kept, page 1 of 2" in first
        assert "scope-8" in first
        assert "scope-1<" not in first
        older = "/sandbox/requests?client_id=stranger&amp;page=2"
        assert f'href="{older}"' in first
        for number in ("2", "99"):
            page = stranger(number)
            assert "page 2 of 2" in page
            assert "scope-1<" in page
            assert "Newer requests" in page
        for number in ("0", "x", "-1"):
            assert "page 1 of 2" in stranger(number)
        for _ in range(9):
            app.authorize(browser, aud="x")
        page = browser.get("/sandbox/client", {"client_id": app.client_id}).content.decode()
        assert "all 9 are on the page of requests" in page

    def test_keeps_the_latest_only(
        self, app: App, browser: Browser, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(request_log, "KEPT_RECORDS", 3)
        monkeypatch.setattr(request_log, "FORGET_EVERY", 1)
        for number in range(5):
            app.authorize(browser, client_id=f"stranger-{number}")
        kept = RequestRecord.objects.values_list("client_id", flat=True)
        assert list(kept) == ["stranger-4", "stranger-3", "stranger-2"]

    def test_takes_what_no_database_takes(self, app: App, browser: Browser) -> None:
        app.authorize(browser, client_id="a\x00b", scope="\x00" * 400, extra="\x00")
        record = RequestRecord.objects.get()
        assert record.client_id == "a?b"
        assert "\x00" not in str(record.parameters)
        assert browser.get("/sandbox/requests").status_code == 200
