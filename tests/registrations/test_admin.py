"""The administrators' door: an EHR from base URL, name and client id; secrets go in, never out;
hosts are accepted by a person (C3, C14, C70, C85)."""

import asyncio
import html
import json
import re
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest
from django.contrib.auth.models import Permission, User
from django.core import signing
from django.db import IntegrityError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from smartapp import http
from smartapp.audit.models import AuditEvent
from smartapp.console import overview
from smartapp.keys.models import KeySet
from smartapp.launches.models import Launch, LaunchKind, Revocation
from smartapp.protocol.discovery import parse_discovery
from smartapp.protocol.errors import EndpointHostChanged, UnknownEndpoint
from smartapp.registrations import discovery, discovery_page, history, registry
from smartapp.registrations.models import DiscoverySnapshot, Endpoint, Registration
from smartapp.registrations.options import AuthMethod
from tests.registrations.ehr import EHR
from tests.registrations.factories import NOW, make_endpoint, make_registration

pytestmark = pytest.mark.django_db(transaction=True)

LIST = "/admin/registrations/registration/"
SECRET = "canary-s3cr%t"


@pytest.fixture
def live_ehr() -> Iterator[EHR]:
    """In a thread of its own, as the admin's views are sync."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    ehr = EHR()
    asyncio.run_coroutine_threadsafe(ehr.start(), loop).result(5)
    yield ehr
    asyncio.run_coroutine_threadsafe(ehr.stop(), loop).result(5)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(5)
    loop.close()


@pytest.fixture
def admin(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("ann", password="x"))
    return client


def form(base: str, **changes: str) -> dict[str, str]:
    """What the add page sends when only the needed fields are filled."""
    return {
        "fhir_base_url": base,
        "name": "General Hospital",
        "client_id": "abc",
        "auth_method": "private_key_jwt",
        "add": "yes",
    } | changes


def stored_form(registration: Registration, **changes: str) -> dict[str, str]:
    """What the change page sends when nothing was touched."""
    endpoint = registration.endpoints.get()
    return {
        "name": registration.name,
        "client_id": registration.client_id,
        "preset": registration.preset,
        "enabled": "on",
        "auth_method": registration.auth_method,
        "client_secret": "",
        "key_set": str(registration.key_set_id),
        "alg": registration.alg,
        "assertion_audience": registration.assertion_audience,
        "scope": registration.scope,
        "standalone_scope": registration.standalone_scope,
        "introspection_method": registration.introspection_method,
        "frame_ancestors": "\r\n".join(registration.frame_ancestors),
        "endpoints-TOTAL_FORMS": "1",
        "endpoints-INITIAL_FORMS": "1",
        "endpoints-MIN_NUM_FORMS": "1",
        "endpoints-MAX_NUM_FORMS": "1000",
        "endpoints-0-id": str(endpoint.pk),
        "endpoints-0-registration": str(registration.pk),
        "endpoints-0-fhir_base_url": endpoint.fhir_base_url,
        "endpoints-0-name": endpoint.name,
        "endpoints-0-enabled": "on",
        "endpoints-0-issuers": "\r\n".join(endpoint.issuers),
        "endpoints-0-slug": endpoint.slug,
    } | changes


def errors(response: Any) -> str:
    return " ".join(re.findall(r"errorlist[^>]*>(.*?)</ul>", response.content.decode(), re.DOTALL))


class TestAdd:
    def test_base_name_and_client_id_are_enough(self, admin: Client, live_ehr: EHR) -> None:
        response = admin.post(f"{LIST}add/", form(live_ehr.base), follow=True)

        assert response.redirect_chain, errors(response)
        registration = Registration.objects.get()
        assert registration.slug == registration.key_set.slug == "general-hospital"
        assert registration.alg == "RS384"
        assert registration.scope.startswith("launch ")
        endpoint = registration.endpoints.get()
        assert (endpoint.slug, endpoint.name) == ("general-hospital", "General Hospital")
        assert endpoint.pinned_hosts == [live_ehr.host]
        assert endpoint.issuers == [live_ehr.issuer]

    def test_what_the_ehr_lacks_is_said_at_once(self, admin: Client, live_ehr: EHR) -> None:
        """C17."""
        response = admin.post(f"{LIST}add/", form(live_ehr.base), follow=True)

        assert "does not list sso-openid-connect" in response.content.decode()

    def test_an_ehr_that_does_not_answer_is_stored_all_the_same(self, admin: Client) -> None:
        response = admin.post(f"{LIST}add/", form("http://127.0.0.1:1/r4"), follow=True)

        assert "nobody can launch yet" in response.content.decode()
        assert Endpoint.objects.get().pinned_hosts == []

    def test_the_preset_fills_what_is_empty(self, admin: Client, live_ehr: EHR) -> None:
        admin.post(f"{LIST}add/", form(live_ehr.base, preset="athenahealth-preview"))

        registration = Registration.objects.get()
        assert (registration.alg, registration.send_scope_on_refresh) == ("RS256", True)
        assert registration.introspection_method == "GET"

    def test_pkce_that_is_not_announced_asks_for_a_reason(
        self, admin: Client, live_ehr: EHR
    ) -> None:
        """In the open, filled in with what is known of the vendor; a person presses Add."""
        live_ehr.publish(code_challenge_methods_supported=None)
        looked = {"fhir_base_url": live_ehr.base, "preset": "oracle", "look": "yes"}
        page = admin.post(f"{LIST}add/", looked).content.decode()

        above, _, folded = page.partition("<details")
        assert "Nobody can launch: the EHR does not say that it takes PKCE" in above
        assert re.search(r'name="pkce_unannounced" value="of 2,905 Oracle Health', above)
        assert "pkce_unannounced" not in folded

        admin.post(
            f"{LIST}add/", form(live_ehr.base, slug="general", pkce_unannounced="Ticket 4711")
        )
        assert launch_endpoints().token_endpoint == f"{live_ehr.origin}/token"
        event = AuditEvent.objects.get(action="registration.create")
        assert event.detail["pkce_unannounced"] == "Ticket 4711"

    def test_an_endpoint_alone_may_take_pkce_unannounced(
        self, admin: Client, live_ehr: EHR
    ) -> None:
        admin.post(f"{LIST}add/", form(live_ehr.base, slug="general"))
        live_ehr.publish(code_challenge_methods_supported=None)
        registration = Registration.objects.get()
        changes = {"endpoints-0-pkce_unannounced": "Ticket 4711"}
        url = f"{LIST}{registration.pk}/change/"
        refused = admin.post(url, stored_form(registration, auth_method="none", **changes))
        assert "PKCE has to be announced here" in errors(refused)

        admin.post(url, stored_form(registration, **changes))
        assert launch_endpoints().token_endpoint == f"{live_ehr.origin}/token"
        event = AuditEvent.objects.filter(action="endpoint.change").latest("id")
        assert event.detail["pkce_unannounced"] == "Ticket 4711"

    def test_it_is_audited_with_the_administrators_name(self, admin: Client, live_ehr: EHR) -> None:
        admin.post(f"{LIST}add/", form(live_ehr.base))

        events = AuditEvent.objects.filter(action__in=["registration.create", "discovery.pin"])
        assert [event.actor for event in events] == ["ann", "ann"]

    @pytest.mark.parametrize(
        ("change", "sentence"),
        [
            ({"fhir_base_url": "http://ehr.example/r4"}, "has to begin with https://."),
            ({"slug": "General Hospital"}, "Use letters, digits and hyphens only."),
            ({"scope": 'launch "openid"'}, '`"openid"` has characters that no scope may have.'),
            ({"fhir_base_url": "https://ehr.example/#"}, "fragment"),
            ({"fhir_base_url": ""}, "required"),
            ({"client_id": "a b\nc"}, "visible ASCII"),
            ({"scope": "openid"}, "must contain launch"),
            ({"standalone_scope": "launch"}, "EHR launches only"),
            ({"auth_method": "client_secret_basic"}, "needs a client secret"),
            ({"assertion_audience": "nonsense"}, "Write the whole address"),
            ({"auth_method": "none", "scope": "system/Patient.rs"}, "2-legged"),
            ({"name": "病院"}, "slug"),
            ({"preset": "vax"}, "valid choice"),
        ],
    )
    def test_bad_input_is_refused_with_a_sentence(
        self, admin: Client, change: dict[str, str], sentence: str
    ) -> None:
        typed = form("https://ehr.example/r4") | {"scope": "launch openid"} | change
        response = admin.post(f"{LIST}add/", typed)

        assert sentence in html.unescape(errors(response))
        assert not Registration.objects.exists()
        page = html.unescape(response.content.decode())
        assert all(value in page for name, value in typed.items() if name != "preset")

    @pytest.mark.parametrize(
        ("change", "is_asked"),
        [
            ({"auth_method": "client_secret_basic", "client_secret": SECRET}, True),
            ({"client_secret": SECRET}, False),
            ({"auth_method": "client_secret_basic"}, False),
            ({}, False),
        ],
    )
    def test_a_secret_is_asked_for_again_only_where_one_was_lost(
        self, admin: Client, change: dict[str, str], *, is_asked: bool
    ) -> None:
        response = admin.post(f"{LIST}add/", form("https://ehr.example/r4", name="") | change)

        page = response.content.decode()
        assert "Please correct what is marked below." in page
        assert ("Enter the client secret again." in page) is is_asked
        assert SECRET not in page

    def test_a_second_ehr_of_the_same_base_is_refused(self, admin: Client) -> None:
        """C7."""
        make_endpoint(fhir_base_url="https://ehr.example/r4/")
        response = admin.post(f"{LIST}add/", form("https://ehr.example/r4", name="Another"))

        assert "Another enabled endpoint" in errors(response)

    def test_a_taken_slug_is_refused_and_nothing_is_changed(self, admin: Client) -> None:
        """The command updates a registration of the same slug; the page adds."""
        make_registration("general-hospital")
        response = admin.post(f"{LIST}add/", form("https://ehr.example/r4"))

        assert "general-hospital is taken" in errors(response)
        assert Registration.objects.get().client_id == "client-of-general-hospital"

    def test_a_2_legged_registration_may_stand_at_the_same_ehr(
        self, admin: Client, live_ehr: EHR
    ) -> None:
        """C2."""
        make_endpoint(fhir_base_url=live_ehr.base, pinned_hosts=[live_ehr.host])
        two_legged = form(live_ehr.base, name="Backend", scope="system/Patient.rs")
        response = admin.post(f"{LIST}add/", two_legged)

        assert response.status_code == 302, errors(response)
        assert Registration.objects.get(slug="backend").standalone_scope == ""


class TestLook:
    """Before anything is stored, an administrator sees what the EHR is and lacks: C10, C12, C17."""

    @staticmethod
    def look(admin: Client, base: str, **typed: str) -> str:
        sent = {"fhir_base_url": base, "look": "yes"} | typed
        return html.unescape(admin.post(f"{LIST}add/", sent).content.decode())

    def test_first_there_is_only_the_base_url(self, admin: Client) -> None:
        page = admin.get(f"{LIST}add/").content.decode()

        assert 'name="fhir_base_url"' in page
        assert 'name="client_id"' not in page

    def test_what_is_found_is_shown_and_nothing_stored(self, admin: Client, live_ehr: EHR) -> None:
        page = self.look(admin, live_ehr.base)

        assert "publishes its SMART configuration" in page
        assert f"People and tokens are sent to these hosts only: {live_ehr.host}." in page
        assert "does not list permission-offline" in page
        assert "take offline_access out of the scopes" in page
        assert 'name="client_id"' in page
        assert not Registration.objects.exists()
        assert not DiscoverySnapshot.objects.exists()
        assert not KeySet.objects.exists()

    def test_the_vendor_is_guessed_and_may_be_changed(self, admin: Client, live_ehr: EHR) -> None:
        path = "/sandbox/fhir/r4"
        live_ehr.answers[f"{path}/.well-known/smart-configuration"] = live_ehr.answers[
            "/fhir/r4/.well-known/smart-configuration"
        ]
        page = self.look(admin, live_ehr.origin + path)
        assert "this looks like <strong>The sandbox EHR of this app</strong>" in page
        assert '<option value="sandbox" selected>' in page

        page = self.look(admin, live_ehr.origin + path, preset="epic")
        assert '<option value="epic" selected>' in page

    @pytest.mark.parametrize(
        "suffix", ["/.well-known/smart-configuration", "/metadata", "/metadata?_format=json", " "]
    )
    def test_more_than_the_base_may_be_pasted(
        self, admin: Client, live_ehr: EHR, suffix: str
    ) -> None:
        page = self.look(admin, live_ehr.base + suffix)

        assert "publishes its SMART configuration" in page
        assert f'value="{live_ehr.base}"' in page

    @pytest.mark.parametrize(
        ("base", "sentence"),
        [
            ("", "Paste the FHIR base URL"),
            ("hello", "Write the whole address, beginning with https://."),
            ("ehr.example/r4", "Write the whole address, beginning with https://."),
            ("http://ehr.example/r4", "The address has to begin with https://."),
            ("ftp://ehr.example/r4", "The address has to begin with https://."),
            ("https://10.0.0.1/r4", "not public"),
            ("https://ehr.example/r4?x=1", "no query"),
        ],
    )
    def test_an_address_that_is_none_is_refused_and_kept(
        self, admin: Client, base: str, sentence: str
    ) -> None:
        page = self.look(admin, base)

        assert sentence in page
        assert f'value="{base}"' in page or not base

    def test_an_ehr_that_is_registered_already_is_said(self, admin: Client) -> None:
        make_endpoint(name="Ward 7", fhir_base_url="https://ehr.example/r4")
        second = form("https://EHR.example:443/r4/", launched_by="both")

        assert "Ward 7" in errors(admin.post(f"{LIST}add/", second))

    def test_beside_another_it_is_proposed_for_patients_only(
        self, admin: Client, live_ehr: EHR
    ) -> None:
        admin.post(f"{LIST}add/", form(live_ehr.base))
        page = self.look(admin, live_ehr.base)
        assert re.search(r'value="patients" selected', page)

        admin.post(f"{LIST}add/", form(live_ehr.base, slug="p", launched_by="patients"))
        patients = Registration.objects.get(slug="p")
        assert patients.scope == ""
        assert patients.standalone_scope.startswith("launch/patient")
        assert not patients.endpoints.get().opens_from_ehr
        page = admin.get(f"{LIST}{patients.pk}/change/").content.decode()
        assert "<dt>Scopes</dt>" not in page
        assert "<dt>Scopes of patients</dt>" in page

    @pytest.mark.parametrize("path", ["add/", "{}/change/"])
    def test_pasted_addresses_are_never_cut(self, admin: Client, path: str) -> None:
        endpoint = make_endpoint()
        page = admin.get(LIST + path.format(endpoint.registration_id)).content.decode()

        assert "fhir_base_url" in page
        for box in re.findall(r"<input[^>]*(?:fhir_base_url|client_id|audience)[^>]*>", page):
            assert "maxlength" not in box

    AT_THE_EHR = (
        ({"code_challenge_methods_supported": ["plain"]}, "S256 is not in"),
        ({"authorization_endpoint": None}, "No authorization_endpoint"),
        ({"token_endpoint": None}, "No token_endpoint"),
        ({"token_endpoint": "http://ehr.example/token#x"}, "token_endpoint"),
        ({"issuer": None}, "No issuer of id_tokens is known"),
    )

    @pytest.mark.parametrize(("change", "sentence"), AT_THE_EHR)
    def test_what_no_launch_can_do_without_is_a_problem_with_a_remedy(
        self, admin: Client, live_ehr: EHR, change: dict[str, Any], sentence: str
    ) -> None:
        live_ehr.publish(**change)
        page = self.look(admin, live_ehr.base, name="Ward 7", client_id="abc")

        assert "Problem" in page
        assert sentence in page
        assert "What to do: " in page
        assert 'value="Ward 7"' in page
        assert 'value="abc"' in page

    @pytest.mark.parametrize(
        "answer",
        [
            (404, {}, {}),
            (200, b"<!doctype html><title>Sign in</title>", {"Content-Type": "text/html"}),
            (200, b'{"token_endpoint":', {}),
            (200, b"[" * 100_000, {}),
            (200, b"x" * 300_000, {}),
            (302, b"", {"Location": "/login"}),
        ],
        ids=["404", "html", "cut", "deep", "large", "redirect"],
    )
    def test_an_answer_that_is_no_discovery_is_a_message(
        self, admin: Client, live_ehr: EHR, answer: tuple[int, Any, dict[str, str]]
    ) -> None:
        live_ehr.answers["/fhir/r4/.well-known/smart-configuration"] = answer
        page = self.look(admin, live_ehr.base)

        assert "Problem" in page
        assert f"{live_ehr.base}/.well-known/smart-configuration" in page
        assert 'name="client_id"' in page  # it can be added all the same

    def test_a_host_that_does_not_answer_is_a_message(self, admin: Client) -> None:
        # A port that no other test asks: after several failures nobody asks it for a while.
        page = self.look(admin, "http://127.0.0.1:7/r4")

        assert "No connection could be made to 127.0.0.1:7" in page
        assert "What to do: Look for typing mistakes in the host" in page

    def test_what_was_found_stays_when_adding_is_refused(
        self, admin: Client, live_ehr: EHR
    ) -> None:
        """The EHR is not asked again, and another base URL has findings of its own."""
        page = self.look(admin, live_ehr.base)
        found = page.partition('name="found" value="')[2].partition('"')[0]
        live_ehr.answers.clear()
        typed = form(live_ehr.base, name="", client_id="abc", found=found)

        again = html.unescape(admin.post(f"{LIST}add/", typed).content.decode())
        assert "What was found" in again
        assert f"People and tokens are sent to these hosts only: {live_ehr.host}." in again
        assert 'value="abc"' in again
        assert f'name="found" value="{found.partition(":")[0]}' in again

        for changed in ({"fhir_base_url": "https://ehr.example/r4"}, {"found": f"x{found}"}):
            other = admin.post(f"{LIST}add/", typed | changed).content.decode()
            assert "What was found" not in other

    def test_a_refused_second_look_keeps_what_was_typed(self, admin: Client) -> None:
        page = self.look(admin, "hello", name="Ward 7", client_id="abc")
        assert 'value="Ward 7"' in page
        assert 'value="abc"' in page

    def test_a_secret_that_was_typed_is_not_sent_back(self, admin: Client, live_ehr: EHR) -> None:
        """C70."""
        assert SECRET not in self.look(admin, live_ehr.base, client_secret=SECRET)

    def test_who_may_not_add_does_not_look(self, client: Client, live_ehr: EHR) -> None:
        user = User.objects.create_user("vic", password="x", is_staff=True)
        user.user_permissions.add(Permission.objects.get(codename="view_registration"))
        client.force_login(user)

        assert client.get(f"{LIST}add/").status_code == 403
        assert client.post(f"{LIST}add/", {"fhir_base_url": live_ehr.base}).status_code == 403
        assert not live_ehr.asked


class TestLauncher:
    def test_its_other_addresses_are_connected_with_not_added(
        self, admin: Client, live_ehr: EHR
    ) -> None:
        base = f"{live_ehr.origin}/v/r4/fhir"
        live_ehr.answers["/v/r4/fhir/.well-known/smart-configuration"] = live_ehr.answers[
            "/fhir/r4/.well-known/smart-configuration"
        ]
        admin.post(f"{LIST}add/", form(base, preset="smart-health-it", client_id=""))
        assert Registration.objects.get().client_id == "smartapp"

        copied = f"{live_ehr.origin}/v/r4/sim/WzMsIiJd/fhir"
        page = admin.post(f"{LIST}add/", {"look": "yes", "fhir_base_url": copied})
        link = f"/connect/general-hospital/?base={quote(copied, safe='')}"
        assert link in page.content.decode()
        other = admin.post(f"{LIST}add/", {"look": "yes", "fhir_base_url": live_ehr.base})
        assert "/connect/" not in other.content.decode()


class TestWithoutClientId:
    """Vendors give a client id for addresses that they must be told first."""

    def test_the_addresses_are_there_before_the_client_id(
        self, admin: Client, live_ehr: EHR
    ) -> None:
        response = admin.post(f"{LIST}add/", form(live_ehr.base, client_id=""), follow=True)

        page = response.content.decode()
        assert "The client id is missing" in page
        assert "/callback/general-hospital/" in page
        assert not Registration.objects.get().enabled

    def test_nobody_launches_until_it_is_entered_and_then_at_once(
        self, admin: Client, live_ehr: EHR
    ) -> None:
        admin.post(f"{LIST}add/", form(live_ehr.base, client_id=""))
        registration = Registration.objects.get()
        with pytest.raises(UnknownEndpoint):
            http.run(registry.endpoint_for_slug("general-hospital"))

        entered = stored_form(registration, client_id="abc")
        del entered["enabled"]
        response = admin.post(f"{LIST}{registration.pk}/change/", entered)

        assert response.status_code == 302, errors(response)
        assert http.run(registry.endpoint_for_slug("general-hospital")).client_id == "abc"

    def test_until_then_there_is_nothing_to_untick(self, admin: Client) -> None:
        """A box that is unticked and not obeyed would be a lie."""
        waiting = make_endpoint(registration=make_registration(client_id="", enabled=False))
        other = make_endpoint("b", fhir_base_url="https://b.example/r4")

        def box(endpoint: Endpoint) -> str:
            page = admin.get(f"{LIST}{endpoint.registration_id}/change/").content.decode()
            [found] = re.findall(r'<input[^>]*name="enabled"[^>]*>', page)
            assert ("Switched on by itself" in page) is (endpoint == waiting)
            return str(found)

        assert "disabled" in box(waiting)
        assert "disabled" not in box(other)

    def test_taken_away_it_is_switched_off(self, admin: Client) -> None:
        registration = make_endpoint().registration
        changed = stored_form(registration, client_id="")
        admin.post(f"{LIST}{registration.pk}/change/", changed)

        assert not Registration.objects.get().enabled

    def test_what_is_switched_off_stays_so(self, admin: Client) -> None:
        registration = make_endpoint(registration=make_registration(enabled=False)).registration
        changed = stored_form(registration, client_id="another")
        del changed["enabled"]
        admin.post(f"{LIST}{registration.pk}/change/", changed)

        assert not Registration.objects.get().enabled

    def test_the_database_enables_none(self) -> None:
        with pytest.raises(IntegrityError):
            make_registration(client_id="")


class TestChange:
    def test_the_list_shows_what_is_needed(self, admin: Client) -> None:
        make_endpoint(name="Ward 7")

        page = admin.get(LIST).content.decode()
        assert "client-of-general" in page
        assert "Ward 7" in page

    def test_the_list_says_what_waits_for_whom(self, admin: Client) -> None:
        """C14: a changed host is seen before a clinician is refused."""
        make_endpoint("a")
        make_endpoint("b", fhir_base_url="https://b.example/r4", pinned_hosts=[])
        off = make_registration("c", enabled=False)
        make_endpoint("c", registration=off, fhir_base_url="https://c.example/r4")
        waiting = make_registration("d", client_id="", enabled=False)
        make_endpoint("d", registration=waiting, fhir_base_url="https://d.example/r4")
        make_registration("e")
        stopped = make_endpoint("f", fhir_base_url="https://f.example/r4")
        document = {"token_endpoint": "https://evil.example/t"}
        history.record(
            registry.describe(stopped), parse_discovery(
                json.dumps(document).encode(), fhir_base_url=stopped.fhir_base_url
            ), now=NOW,
        )  # fmt: skip

        page = admin.get(LIST).content.decode()
        rows = [re.sub(r"<[^>]+>", " ", row) for row in re.findall(r"<tr>.*?</tr>", page, re.S)]
        assert any("client-of-a" in row and "Ready" in row for row in rows)
        assert any("client-of-b" in row and "discovery was never read" in row for row in rows)
        assert any("client-of-c" in row and "Switched off" in row for row in rows)
        assert any("Waits for its client id" in row for row in rows)
        assert any("client-of-e" in row and "no endpoint yet" in row for row in rows)
        assert any("client-of-f" in row and "New launches are stopped" in row for row in rows)

    def test_the_list_asks_the_database_no_more_for_more_endpoints(self, admin: Client) -> None:
        def statements() -> int:
            with CaptureQueriesContext(connection) as queries:
                admin.get(LIST)
            return len(queries)

        registration = make_endpoint("a").registration
        few = statements()
        for number in range(5):
            base = f"https://{number}.example/r4"
            make_endpoint(f"a{number}", registration=registration, fhir_base_url=base)
        assert statements() == few

    def test_untouched_it_saves_without_asking_the_ehr(self, admin: Client) -> None:
        registration = make_endpoint().registration
        response = admin.post(f"{LIST}{registration.pk}/change/", stored_form(registration))

        assert response.status_code == 302, errors(response)
        endpoint = Endpoint.objects.get()
        assert endpoint.pinned_hosts == ["ehr.example", "login.example"]

    def test_the_sheet_has_every_address_to_the_letter(
        self, admin: Client, settings: Settings
    ) -> None:
        settings.PUBLIC_URL = "https://app.example"
        registration = make_endpoint().registration

        page = admin.get(f"{LIST}{registration.pk}/change/").content.decode()
        assert "<code>https://app.example/launch</code>" in page
        assert "<code>https://app.example/callback/general/</code>" in page
        assert "<code>https://app.example/.well-known/jwks/general.json</code>" in page

    def test_the_vendor_is_told_once_however_many_endpoints_there_are(self, admin: Client) -> None:
        """Epic: one registration, hundreds of organisations."""
        registration = make_endpoint("a").registration
        url = f"{LIST}{registration.pk}/change/"

        def statements() -> int:
            with CaptureQueriesContext(connection) as queries:
                page = admin.get(url).content.decode()
            assert page.count("<dt>Redirect URI</dt>") == 1
            return len(queries)

        statements()  # Django remembers what it looked up once
        few = statements()
        for number in range(5):
            base = f"https://{number}.example/r4"
            make_endpoint(f"a{number}", registration=registration, fhir_base_url=base)
        assert statements() == few

    def test_a_2_legged_registration_has_no_redirect_uri(self, admin: Client) -> None:
        """C145."""
        registration = make_registration(scope="system/Patient.rs", standalone_scope="")
        make_endpoint(registration=registration, launchable=False)

        page = admin.get(f"{LIST}{registration.pk}/change/").content.decode()
        assert "<dt>JWKS URL</dt>" in page
        assert "<dt>Redirect URI</dt>" not in page

    def test_what_is_unverified_is_marked(self, admin: Client) -> None:
        """Spec §4; the reported audience too (C65)."""
        registration = make_registration(preset="athenahealth-preview")
        make_endpoint(registration=registration)

        page = admin.get(f"{LIST}{registration.pk}/change/").content.decode()
        sheet = re.sub(r"\s+", " ", page)
        assert "<strong>Unverified:</strong> Changing a live app" in sheet
        assert (
            "<strong>Unverified:</strong> the assertion audience is reported to be "
            "<code>https://login.example/oauth2/aus1/v1/token</code>" in sheet
        )

    def test_the_slug_in_the_redirect_uri_cannot_be_changed(self, admin: Client) -> None:
        """C3."""
        registration = make_endpoint().registration
        changed = stored_form(registration, slug="other")
        admin.post(f"{LIST}{registration.pk}/change/", changed)

        assert Registration.objects.get().slug == "general"

    def test_a_wrong_address_of_an_endpoint_is_said_beside_it(self, admin: Client) -> None:
        registration = make_endpoint().registration
        wrong = stored_form(registration, **{"endpoints-0-fhir_base_url": "ehr.example/r4"})
        page = admin.post(f"{LIST}{registration.pk}/change/", wrong)

        assert page.status_code == 200
        assert "Write the whole address" in errors(page)
        assert 'value="ehr.example/r4"' in page.content.decode()

    def test_two_wrong_addresses_are_not_called_the_same(self, admin: Client) -> None:
        registration = make_endpoint().registration
        second = {"fhir_base_url": "ward.example/r4", "name": "Ward", "slug": "ward"}
        wrong = stored_form(registration, **{"endpoints-0-fhir_base_url": "ehr.example/r4"})
        wrong |= {f"endpoints-1-{name}": value for name, value in second.items()}
        page = admin.post(
            f"{LIST}{registration.pk}/change/", wrong | {"endpoints-TOTAL_FORMS": "2"}
        )

        assert "Two endpoints have the same" not in page.content.decode()

    def test_it_counts_for_the_next_launch(self, admin: Client) -> None:
        endpoint = make_endpoint()
        asyncio.run(registry.endpoint_for_slug("general"))
        changed = stored_form(endpoint.registration, client_id="new")
        admin.post(f"{LIST}{endpoint.registration_id}/change/", changed)

        assert asyncio.run(registry.endpoint_for_slug("general")).client_id == "new"

    def test_another_base_is_pinned_anew(self, admin: Client, live_ehr: EHR) -> None:
        """C14: what was accepted of one EHR is not accepted of another."""
        registration = make_endpoint().registration
        moved = stored_form(registration, **{"endpoints-0-fhir_base_url": live_ehr.base})
        admin.post(f"{LIST}{registration.pk}/change/", moved)

        endpoint = Endpoint.objects.get(enabled=True)
        assert (endpoint.iss, endpoint.slug) == (live_ehr.base, "general")
        assert endpoint.pinned_hosts == [live_ehr.host]
        assert endpoint.issuers == [live_ehr.issuer]

    def test_issuers_given_with_another_base_are_kept(self, admin: Client, live_ehr: EHR) -> None:
        registration = make_endpoint().registration
        moved = stored_form(
            registration,
            **{
                "endpoints-0-fhir_base_url": live_ehr.base,
                "endpoints-0-issuers": "https://a.example/o\r\n\r\n https://b.example/o ",
            },
        )
        admin.post(f"{LIST}{registration.pk}/change/", moved)

        moved_to = Endpoint.objects.get(enabled=True)
        assert moved_to.issuers == ["https://a.example/o", "https://b.example/o"]

    def test_deleting_is_audited(self, admin: Client) -> None:
        registration = make_endpoint().registration
        admin.post(f"{LIST}{registration.pk}/delete/", {"post": "yes"})

        assert not Registration.objects.exists()
        assert AuditEvent.objects.filter(action="registration.delete", actor="ann").exists()

    @pytest.mark.parametrize("by_list", [False, True])
    def test_one_that_launches_need_says_what_to_do_instead(
        self, admin: Client, by_list: bool
    ) -> None:
        endpoint = make_endpoint()
        for digest in ("a", "b"):
            Launch.objects.create(
                endpoint=endpoint, kind=LaunchKind.EHR, state_digest=digest, launched_at=NOW
            )
        Revocation.objects.create(
            endpoint=endpoint, launch=uuid4(), sealed_tokens="x", asked_at=NOW, not_before=NOW
        )
        if by_list:
            chosen = {"action": "delete_selected", "_selected_action": [endpoint.registration_id]}
            page = admin.post(LIST, {**chosen, "post": "yes"}).content.decode()
        else:
            page = admin.get(f"{LIST}{endpoint.registration_id}/delete/").content.decode()
            admin.post(f"{LIST}{endpoint.registration_id}/delete/", {"post": "yes"})
        assert "open or ended: 2. Revocations of which the EHR is still to be told: 1." in page
        assert "Untick Enabled" in page
        assert "permission" not in page
        assert Registration.objects.count() == 1


class TestClientSecret:
    """C70, C85: it goes in and never comes out."""

    @pytest.fixture
    def registration(self, admin: Client) -> Registration:
        registration = make_registration(auth_method=AuthMethod.CLIENT_SECRET_BASIC)
        make_endpoint(registration=registration)
        changed = stored_form(registration, client_secret=SECRET)
        response = admin.post(f"{LIST}{registration.pk}/change/", changed)
        assert response.status_code == 302, errors(response)
        return Registration.objects.get()

    def test_it_is_sealed(self, registration: Registration) -> None:
        assert SECRET not in registration.sealed_client_secret
        config = asyncio.run(registry.endpoint_for_slug("general"))
        assert config.client_secret == SECRET

    def test_no_page_shows_it(self, admin: Client, registration: Registration) -> None:
        for url in (LIST, f"{LIST}{registration.pk}/change/", f"{LIST}{registration.pk}/history/"):
            assert SECRET not in admin.get(url).content.decode()
        assert SECRET not in str(list(AuditEvent.objects.values_list("detail")))

    def test_neither_does_a_page_that_refused_it(
        self, admin: Client, registration: Registration
    ) -> None:
        changed = stored_form(registration, client_secret=SECRET, name="")
        response = admin.post(f"{LIST}{registration.pk}/change/", changed)

        assert "required" in errors(response)
        assert SECRET not in response.content.decode()

    def test_one_that_does_not_open_can_be_entered_again(
        self, admin: Client, registration: Registration
    ) -> None:
        Registration.objects.update(sealed_client_secret="v1.x.y")
        assert admin.get(f"{LIST}{registration.pk}/change/").status_code == 200
        changed = stored_form(registration, client_secret=SECRET)
        admin.post(f"{LIST}{registration.pk}/change/", changed)

        assert asyncio.run(registry.endpoint_for_slug("general")).client_secret == SECRET

    def test_left_empty_it_stays(self, admin: Client, registration: Registration) -> None:
        admin.post(f"{LIST}{registration.pk}/change/", stored_form(registration))

        assert asyncio.run(registry.endpoint_for_slug("general")).client_secret == SECRET


class TestDiscovery:
    """C14: an administrator looks at what an EHR names, and says yes."""

    @pytest.fixture
    def endpoint(self, live_ehr: EHR) -> Endpoint:
        return make_endpoint(
            fhir_base_url=live_ehr.base, issuers=[live_ehr.issuer], pinned_hosts=[live_ehr.host]
        )

    @staticmethod
    def url(endpoint: Endpoint) -> str:
        return f"{LIST}endpoint/{endpoint.pk}/discovery/"

    def test_looking_asks_nobody(self, admin: Client, live_ehr: EHR, endpoint: Endpoint) -> None:
        assert admin.get(self.url(endpoint)).status_code == 200
        assert not live_ehr.asked

    def test_a_changed_host_is_shown_and_launches_go_on_once_accepted(
        self, admin: Client, live_ehr: EHR, endpoint: Endpoint
    ) -> None:
        live_ehr.publish(token_endpoint="https://new.example/token")
        page = admin.post(self.url(endpoint)).content.decode()
        assert "nobody has accepted" in page
        with pytest.raises(EndpointHostChanged):
            launch_endpoints()

        admin.post(self.url(endpoint), accepting(page))

        assert launch_endpoints().token_endpoint == "https://new.example/token"
        event = AuditEvent.objects.get(action="discovery.accept")
        assert (event.actor, event.detail["after"]) == ("ann", [live_ehr.host, "new.example"])

    def test_what_is_accepted_is_what_was_shown(
        self, admin: Client, live_ehr: EHR, endpoint: Endpoint
    ) -> None:
        """The EHR names yet another host between the look and the yes, and `maintain` reads it."""
        live_ehr.publish(token_endpoint="https://new.example/token")
        page = admin.post(self.url(endpoint)).content.decode()
        live_ehr.publish(token_endpoint="https://evil.example/token")
        http.run(discovery.fetch_discovery(registry.describe(endpoint)))
        said = admin.post(self.url(endpoint), accepting(page), follow=True).content.decode()

        assert "Nothing was accepted: the EHR or what it names has changed" in said
        assert "evil.example" in said
        assert Endpoint.objects.get().pinned_hosts == [live_ehr.host]

    @pytest.mark.parametrize("change", ["another EHR", "another base", "another host", "issuers"])
    def test_what_another_page_showed_is_not_accepted(
        self, admin: Client, live_ehr: EHR, endpoint: Endpoint, change: str
    ) -> None:
        live_ehr.publish(token_endpoint="https://new.example/token")
        post = accepting(admin.post(self.url(endpoint)).content.decode())
        url = self.url(endpoint)
        if change == "another EHR":
            url = self.url(make_endpoint("other", fhir_base_url="https://other.example/fhir"))
        elif change == "another base":
            Endpoint.objects.update(fhir_base_url=f"{live_ehr.origin}/else")
        elif change == "another host":
            post = {"accept": "yes", "host": "evil.example", "shown": post["shown"][1:]}
        else:
            Endpoint.objects.update(issuers=["https://else.example"])
        admin.post(url, post)

        pinned = [host for row in Endpoint.objects.all() for host in row.pinned_hosts]
        assert not {"new.example", "evil.example"} & set(pinned)

    def test_an_issuer_of_another_server_is_accepted_by_no_click(
        self, admin: Client, live_ehr: EHR, endpoint: Endpoint
    ) -> None:
        """C5: what the first look refused is not pinned by a yes to its hosts either."""
        Endpoint.objects.update(pinned_hosts=[], issuers=[])
        make_endpoint(
            "other", name="The real one", fhir_base_url="https://other.example/fhir",
            issuers=[live_ehr.issuer], pinned_hosts=["login.example"],
        )  # fmt: skip
        admin.post(self.url(endpoint))
        page = admin.get(self.url(endpoint)).content.decode()

        assert "Accept these hosts" not in page
        assert "Read what the EHR publishes now" in page
        assert "is that of The real one already" in page
        assert "Ask both vendors whose issuer it is" in page
        basis = discovery_page._basis(endpoint) | {"hosts": [live_ehr.host]}
        shown = signing.dumps(basis, salt=discovery_page.SHOWN)
        admin.post(self.url(endpoint), {"accept": "yes", "shown": shown})
        assert Endpoint.objects.get(pk=endpoint.pk).pinned_hosts == []

    def test_hosts_that_make_it_another_issuers_server_are_refused_with_the_reason(
        self, admin: Client, live_ehr: EHR, endpoint: Endpoint
    ) -> None:
        """C5: it was pinned at the server that it shares, and now takes its codes elsewhere."""
        make_endpoint(
            "other", fhir_base_url="https://other.example/fhir",
            issuers=[live_ehr.issuer], pinned_hosts=[live_ehr.host],
        )  # fmt: skip
        live_ehr.publish(token_endpoint="https://evil.example/token")
        page = admin.post(self.url(endpoint)).content.decode()

        assert "New launches are stopped" in page
        assert "another server than evil.example" in page
        assert "Accept these hosts" not in page

    @pytest.mark.parametrize("other_server", [True, False])
    def test_a_token_endpoint_of_another_issuers_server_is_not_entered(
        self, admin: Client, live_ehr: EHR, endpoint: Endpoint, other_server: bool
    ) -> None:
        """C5."""
        hosts = [live_ehr.host] if other_server else [live_ehr.host, "evil.example"]
        make_endpoint(
            "other", fhir_base_url="https://other.example/fhir",
            issuers=[live_ehr.issuer], pinned_hosts=hosts,
        )  # fmt: skip
        address = {"member": "token_endpoint", "url": "https://evil.example/t", "reason": "x"}
        response = admin.post(self.url(endpoint), address | {"override": "yes"})

        assert endpoint.overrides.exists() is not other_server
        assert other_server is (b"Ask both vendors whose issuer it is" in response.content)

    @pytest.mark.parametrize("step", ["issuers", "enabled"])
    @pytest.mark.parametrize("other_server", [True, False])
    def test_issuers_of_another_server_are_not_entered(
        self, admin: Client, live_ehr: EHR, endpoint: Endpoint, step: str, other_server: bool
    ) -> None:
        """C5: nor does an endpoint that has them begin to be used."""
        admin.post(self.url(endpoint))
        make_endpoint(
            "other", fhir_base_url="https://other.example/fhir", issuers=["https://real.example"],
            pinned_hosts=["login.example" if other_server else live_ehr.host],
        )  # fmt: skip
        if step == "enabled":
            Endpoint.objects.filter(pk=endpoint.pk).update(
                enabled=False, issuers=["https://real.example"]
            )
        changed = stored_form(endpoint.registration)
        changed |= {"endpoints-0-issuers": "https://real.example", "endpoints-0-enabled": "on"}
        page = admin.post(f"{LIST}{endpoint.registration.pk}/change/", changed)

        endpoint.refresh_from_db()
        assert (endpoint.enabled and endpoint.issuers == ["https://real.example"]) is (
            not other_server
        )
        assert other_server is (b"Ask both vendors whose issuer it is" in page.content)

    def test_the_history_says_what_changed(
        self, admin: Client, live_ehr: EHR, endpoint: Endpoint
    ) -> None:
        admin.post(self.url(endpoint))
        live_ehr.publish(token_endpoint=f"{live_ehr.origin}/token2", x="<script>alert(1)</script>")
        page = admin.post(self.url(endpoint)).content.decode()

        cells = [cell.strip() for cell in re.findall(r"<td[^>]*>([^<]*)</td>", page)]
        assert f"{live_ehr.origin}/token" in cells
        assert f"{live_ehr.origin}/token2" in cells
        assert "<script>alert" not in page

    def test_who_named_a_second_issuer_has_accepted_its_host(
        self, admin: Client, live_ehr: EHR, endpoint: Endpoint
    ) -> None:
        """C93: launches go on, so the page must not say that they are stopped."""
        Endpoint.objects.update(issuers=[live_ehr.issuer, "http://127.0.0.1:1/oauth2"])
        page = admin.post(self.url(endpoint)).content.decode()

        assert "did not publish where its keys are" in page
        assert "New launches are stopped" not in page
        assert launch_endpoints().issuers[1] == "http://127.0.0.1:1/oauth2"

    def test_an_endpoint_that_moves_to_a_second_issuers_host_can_be_accepted(
        self, admin: Client, live_ehr: EHR, endpoint: Endpoint
    ) -> None:
        """C14: naming an issuer says nothing of where codes are sent."""
        Endpoint.objects.update(issuers=[live_ehr.issuer, "https://second.example"])
        live_ehr.publish(token_endpoint="https://second.example/token")
        page = admin.post(self.url(endpoint)).content.decode()
        with pytest.raises(EndpointHostChanged):
            launch_endpoints()

        admin.post(self.url(endpoint), accepting(page))
        assert launch_endpoints().token_endpoint == "https://second.example/token"

    def test_of_a_list_only_what_changed_is_shown(
        self, admin: Client, live_ehr: EHR, endpoint: Endpoint
    ) -> None:
        admin.post(self.url(endpoint))
        live_ehr.publish(capabilities=["launch-ehr", "sso-openid-connect"])
        page = admin.post(self.url(endpoint)).content.decode()

        assert "<del>launch-standalone</del>" in page
        assert "<ins>sso-openid-connect</ins>" in page
        assert "launch-ehr</ins>" not in page

    def test_an_address_is_overridden_with_a_reason_and_taken_back_by_one_click(
        self, admin: Client, live_ehr: EHR, endpoint: Endpoint
    ) -> None:
        """C10: the page shows published against used, who, when and why."""
        admin.post(self.url(endpoint))
        address = {"member": "token_endpoint", "url": "https://token.example/t", "override": "yes"}
        page = admin.post(self.url(endpoint), address | {"reason": "ticket 4711"}, follow=True)

        shown = page.content.decode()
        cells = [cell.strip() for cell in re.findall(r"<td[^>]*>([^<]*)</td>", shown)]
        assert f"{live_ehr.origin}/token" in cells
        assert "<strong>https://token.example/t</strong>" in shown
        assert "Overridden by ann on 20" in shown
        assert "ticket 4711" in shown
        assert "Press Check on the page of the registration to see whether it works." in shown
        assert launch_endpoints().token_endpoint == "https://token.example/t"

        page = admin.post(self.url(endpoint), {"unset": "token_endpoint"}, follow=True)
        assert "https://token.example/t" not in page.content.decode()
        assert launch_endpoints().token_endpoint == f"{live_ehr.origin}/token"

    def test_an_address_of_something_else_is_used_once_it_is_ticked(
        self, admin: Client, live_ehr: EHR, endpoint: Endpoint
    ) -> None:
        admin.post(self.url(endpoint))
        url = f"{live_ehr.origin}/authorize"
        typed = {"member": "token_endpoint", "url": url, "reason": "x", "override": "yes"}
        page = admin.post(self.url(endpoint), typed)

        assert "publishes as Authorization endpoint, not as Token endpoint" in errors(page)
        box = re.search(r'<input type="checkbox"[^>]*name="confirmed"[^>]*>', page.content.decode())
        assert box is not None
        assert f'value="{url}"' in box[0]
        assert not endpoint.overrides.exists()

        admin.post(self.url(endpoint), typed | {"confirmed": url})
        assert endpoint.overrides.get().url == url

    def test_discovery_that_is_elsewhere_is_read_at_once(
        self, admin: Client, live_ehr: EHR, endpoint: Endpoint
    ) -> None:
        Endpoint.objects.update(pinned_hosts=[])
        below_base = "/fhir/r4/.well-known/smart-configuration"
        live_ehr.answers["/elsewhere"] = live_ehr.answers.pop(below_base)
        elsewhere = {"member": "smart-configuration", "url": f"{live_ehr.origin}/elsewhere"}
        admin.post(self.url(endpoint), elsewhere | {"reason": "x", "override": "yes"})

        assert launch_endpoints().token_endpoint == f"{live_ehr.origin}/token"

        live_ehr.answers[below_base] = live_ehr.answers["/elsewhere"]
        admin.post(self.url(endpoint), {"unset": "smart-configuration"})
        assert Endpoint.objects.get().pinned_hosts == [live_ehr.host]
        assert launch_endpoints().token_endpoint == f"{live_ehr.origin}/token"

    @pytest.mark.parametrize(
        ("change", "sentence"),
        [
            ({"url": "http://token.example/t"}, "has to begin with https://"),
            ({"reason": ""}, "required"),
            ({"member": "x"}, "valid choice"),
        ],
    )
    def test_a_bad_override_is_refused_and_nothing_typed_is_lost(
        self, admin: Client, endpoint: Endpoint, change: dict[str, str], sentence: str
    ) -> None:
        good = {"member": "token_endpoint", "url": "https://token.example/t", "reason": "why not"}
        page = admin.post(self.url(endpoint), {"override": "yes"} | good | change)

        assert sentence in errors(page)
        for name, value in (good | change).items():
            assert value in page.content.decode() or name == "member"
        assert not endpoint.overrides.exists()

    def test_an_ehr_that_does_not_answer_is_a_message(
        self, admin: Client, live_ehr: EHR, endpoint: Endpoint
    ) -> None:
        live_ehr.break_down()

        assert "answered 503" in admin.post(self.url(endpoint)).content.decode()

    def test_the_first_look_pins(self, admin: Client, live_ehr: EHR, endpoint: Endpoint) -> None:
        Endpoint.objects.update(pinned_hosts=[])
        admin.post(self.url(endpoint))

        assert Endpoint.objects.get().pinned_hosts == [live_ehr.host]
        event = AuditEvent.objects.get(action="discovery.pin")
        assert (event.actor, event.origin) == ("ann", "127.0.0.1")

    def test_who_may_only_look_accepts_nothing(
        self, client: Client, live_ehr: EHR, endpoint: Endpoint
    ) -> None:
        user = User.objects.create_user("vic", password="x", is_staff=True)
        user.user_permissions.add(Permission.objects.get(codename="view_registration"))
        client.force_login(user)

        Endpoint.objects.update(pinned_hosts=[])
        page = client.get(self.url(endpoint)).content.decode()
        assert "<button" not in page.partition('id="content-main"')[2]
        Endpoint.objects.update(pinned_hosts=[live_ehr.host])
        assert client.post(self.url(endpoint), {"accept": "yes"}).status_code == 403
        overriding = {"override": "yes", "member": "token_endpoint", "url": "https://evil.example"}
        assert client.post(self.url(endpoint), overriding | {"reason": "x"}).status_code == 403
        assert not endpoint.overrides.exists()
        assert Endpoint.objects.get().pinned_hosts == [live_ehr.host]

    def test_a_host_is_trusted_no_longer_by_one_click(
        self, admin: Client, live_ehr: EHR, endpoint: Endpoint
    ) -> None:
        """C14: the last one stays, as the next look would pin whatever it finds."""
        live_ehr.publish(token_endpoint="https://new.example/token")
        admin.post(self.url(endpoint), accepting(admin.post(self.url(endpoint)).content.decode()))
        assert launch_endpoints().token_endpoint == "https://new.example/token"

        admin.post(self.url(endpoint), {"distrust": "new.example"})
        with pytest.raises(EndpointHostChanged):
            launch_endpoints()
        event = AuditEvent.objects.get(action="discovery.distrust")
        assert (event.actor, event.detail["after"]) == ("ann", [live_ehr.host])
        assert Endpoint.objects.get().refused_hosts == ["new.example"]

        page = admin.post(self.url(endpoint), {"distrust": live_ehr.host}, follow=True)
        assert "Nothing was changed" in page.content.decode()
        assert Endpoint.objects.get().pinned_hosts == [live_ehr.host]
        assert AuditEvent.objects.filter(action="discovery.distrust").count() == 1

    def test_a_refused_host_is_asked_about_no_more(
        self, admin: Client, live_ehr: EHR, endpoint: Endpoint
    ) -> None:
        """C14: until somebody accepts it, or the EHR names another one."""

        def needs() -> list[str]:
            found = overview.needs(User.objects.get(username="ann"), timezone.now()).shown
            return [need.text for need in found if "host" in need.text]

        live_ehr.publish(management_endpoint="https://portal.example/apps")
        page = admin.post(self.url(endpoint)).content.decode()
        assert len(needs()) == 1
        refusing = {"refuse": "yes", "shown": accepting(page)["shown"]}
        page = admin.post(self.url(endpoint), refusing, follow=True).content.decode()
        assert "administrator has refused the hosts" in page
        assert AuditEvent.objects.get(action="discovery.refuse").detail["hosts"] == [
            "portal.example"
        ]
        assert needs() == []
        assert "on a host that an administrator refused" in admin.get(LIST).content.decode()

        live_ehr.publish(management_endpoint="https://other.example/apps")
        admin.post(self.url(endpoint))
        assert len(needs()) == 1
        live_ehr.publish(management_endpoint="https://portal.example/apps")
        admin.post(self.url(endpoint), accepting(admin.post(self.url(endpoint)).content.decode()))
        assert Endpoint.objects.get().refused_hosts == []
        assert "portal.example" in Endpoint.objects.get().pinned_hosts

    def test_strangers_do_not_even_look(self, client: Client, endpoint: Endpoint) -> None:
        assert client.get(self.url(endpoint)).status_code == 302

    def test_accepting_needs_the_csrf_token(self, endpoint: Endpoint) -> None:
        strict = Client(enforce_csrf_checks=True)
        strict.force_login(User.objects.create_superuser("ann", password="x"))

        assert strict.post(self.url(endpoint), {"accept": "yes"}).status_code == 403


def accepting(page: str) -> dict[str, str]:
    """Return what the button of this page posts."""
    [shown] = re.findall(r'name="shown" value="([^"]+)"', page)
    return {"accept": "yes", "shown": shown}


def launch_endpoints() -> discovery.OAuthEndpoints:
    """What a launch sees now."""

    async def ask() -> discovery.OAuthEndpoints:
        return await discovery.launch_endpoints(await registry.endpoint_for_slug("general"))

    return http.run(ask())
