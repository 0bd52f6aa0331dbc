"""The command that registers an EHR, against one on a real socket: C1 to C6, C14, C17, contract."""

import json
from base64 import urlsafe_b64decode
from io import StringIO
from typing import Any
from urllib.parse import SplitResult, parse_qs, urlsplit

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from smartapp.audit.models import AuditEvent
from smartapp.database import in_database
from smartapp.keys.models import KeySet, SigningKey
from smartapp.protocol.errors import PKCEUnannounced, UnknownEndpoint
from smartapp.registrations import discovery, registry
from smartapp.registrations.models import Endpoint, Registration
from tests.registrations.ehr import EHR

pytestmark = pytest.mark.django_db(transaction=True)

SECRET = "canary s3cr%t:+"


def run(*arguments: str) -> str:
    output = StringIO()
    call_command("register_ehr", *arguments, stdout=output)
    return output.getvalue()


async def register(base: str, *options: str) -> dict[str, Any]:
    """The good case, and what it prints as JSON."""
    good = ("--name", "General Hospital", "--client-id", "abc")
    sheet: dict[str, Any] = json.loads(await in_database(run, base, *good, *options, "--json"))
    return sheet


class TestNewRegistration:
    async def test_base_name_and_client_id_are_enough(self, ehr: EHR) -> None:
        sheet = await register(ehr.base)

        assert sheet["slug"] == "general-hospital"
        assert sheet["launch_url"] == "http://127.0.0.1:8000/launch"
        assert sheet["redirect_uri"] == "http://127.0.0.1:8000/callback/general-hospital/"
        assert sheet["jwks_url"] == "http://127.0.0.1:8000/.well-known/jwks/general-hospital.json"
        assert sheet["client_id"] == "abc"
        assert (sheet["auth_method"], sheet["alg"]) == ("private_key_jwt", "RS384")
        assert sheet["scope"].split()[0] == "launch"

    async def test_its_keys_sign_at_once(self, ehr: EHR) -> None:
        """C64: nobody can hold an older copy of a new key set."""
        sheet = await register(ehr.base)

        assert {key["alg"] for key in sheet["keys"]} == {"RS384", "ES384"}
        keys = await in_database(lambda: list(SigningKey.objects.all()))
        assert all(key.signs_from for key in keys)
        assert {key.kid for key in keys} == {key["kid"] for key in sheet["keys"]}

    async def test_the_first_look_pins_hosts_and_issuer(self, ehr: EHR) -> None:
        """C14, C93."""
        ehr.publish(token_endpoint="https://login.example/token")
        sheet = await register(ehr.base)

        assert sheet["pinned_hosts"] == sorted([ehr.host, "login.example"])
        assert sheet["issuers"] == [ehr.issuer]

    async def test_it_launches_right_away(self, ehr: EHR) -> None:
        await register(ehr.base)

        config = await registry.endpoint_for_iss(ehr.base)
        endpoints = await discovery.launch_endpoints(config)
        assert endpoints.authorization_endpoint == f"{ehr.origin}/authorize"

    async def test_the_host_of_the_issuers_keys_is_pinned_too(self, ehr: EHR) -> None:
        ehr.publish_issuer(jwks_uri="https://keys.example/jwks")

        assert "keys.example" in (await register(ehr.base))["pinned_hosts"]

    async def test_given_issuers_are_the_expected_ones(self, ehr: EHR) -> None:
        """C93: a list, and what discovery says is not added to it."""
        issuers = ["https://one.example/o", "https://two.example/o"]
        sheet = await register(ehr.base, "--issuer", issuers[0], "--issuer", issuers[1])

        assert sheet["issuers"] == issuers

    async def test_the_client_id_may_come_later(self, ehr: EHR) -> None:
        """The vendor gives it for the addresses on the sheet; what is stored stays without it."""
        text = await in_database(run, ehr.base, "--name", "General")
        assert "Client id:         not given yet, so nobody can launch" in text
        with pytest.raises(UnknownEndpoint):
            await registry.endpoint_for_iss(ehr.base)

        await in_database(run, ehr.base, "--name", "General", "--client-id", "abc")
        assert (await registry.endpoint_for_iss(ehr.base)).client_id == "abc"
        await in_database(run, ehr.base, "--name", "General", "--alg", "ES384")
        assert (await registry.endpoint_for_iss(ehr.base)).client_id == "abc"

    async def test_a_preset_sets_what_is_known_of_the_vendor(self, ehr: EHR) -> None:
        sheet = await register(ehr.base, "--preset", "athenahealth-preview")

        registration = await in_database(Registration.objects.get)
        assert registration.send_scope_on_refresh is True
        assert sheet["alg"] == "RS256"
        assert {key["alg"] for key in sheet["keys"]} == {"RS256", "ES384"}
        assert sheet["unverified"]

    async def test_options_win_over_the_preset(self, ehr: EHR) -> None:
        sheet = await register(
            ehr.base, "--preset", "athenahealth-preview", "--alg", "ES384",
            "--scope", "launch openid", "--standalone-scope", "", "--slug", "athena",
            "--audience", "https://login.example/token", "--key-set", "shared",
            "--frame-ancestor", "https://ehr.example",
        )  # fmt: skip

        config = await registry.endpoint_for_slug("athena")
        assert (config.alg, config.scope, config.standalone_scope) == ("ES384", "launch openid", "")
        assert config.assertion_audience == "https://login.example/token"
        assert config.frame_ancestors == ("https://ehr.example",)
        assert sheet["jwks_url"].endswith("/jwks/shared.json")

    async def test_a_key_set_that_is_made_by_a_typo_is_told(self, ehr: EHR) -> None:
        """It cannot be deleted, and its JWKS URL is one that the vendor does not know."""
        first = await register(ehr.base, "--key-set", "shared")
        again = await register(ehr.base, "--key-set", "shared")
        typo = await register(ehr.base, "--key-set", "shraed")

        assert [
            warning
            for sheet in (first, again, typo)
            for warning in sheet["warnings"]
            if "did not exist" in warning
        ] == [
            "The key set shraed did not exist and was made, with keys of its own. There are also: "
            "shared. If you meant one of these, run the command again with it: shraed cannot be "
            "deleted, and signs for nobody then."
        ]

    async def test_what_the_ehr_does_not_list_is_a_warning(self, ehr: EHR) -> None:
        """C17, C13."""
        warnings = (await register(ehr.base))["warnings"]

        assert any("sso-openid-connect" in warning for warning in warnings)
        assert not any("launch-ehr" in warning for warning in warnings)

    async def test_it_is_audited(self, ehr: EHR) -> None:
        await register(ehr.base)

        events = await in_database(lambda: list(AuditEvent.objects.all()))
        actions = {event.action for event in events}
        assert {"registration.create", "endpoint.create", "discovery.pin"} <= actions
        assert {event.actor for event in events} == {"register_ehr"}

    async def test_a_person_reads_one_fact_a_line(self, ehr: EHR) -> None:
        text = await in_database(run, ehr.base, "--name", "General", "--client-id", "abc")

        assert "Redirect URI:      http://127.0.0.1:8000/callback/general/\n" in text
        assert "Scopes of clinicians: " in text
        assert "JWKS URL:          http://127.0.0.1:8000/.well-known/jwks/general.json\n" in text


class TestLauncher:
    """The public simulator: its ready link opens it with the registration entered."""

    async def entered(self, ehr: EHR, *options: str) -> tuple[SplitResult, list[Any]]:
        sheet = await register(ehr.base, "--preset", "smart-health-it", *options)
        link = urlsplit(sheet["ready_link"])
        (code,) = parse_qs(link.query)["launch"]
        return link, json.loads(urlsafe_b64decode(code + "=="))

    async def test_it_is_opened_with_all_that_a_strict_launch_needs(self, ehr: EHR) -> None:
        link, entered = await self.entered(ehr)

        assert f"{link.scheme}://{link.netloc}" == ehr.origin
        assert parse_qs(link.query)["launch_url"] == ["http://127.0.0.1:8000/launch"]
        config = await registry.endpoint_for_iss(ehr.base)
        assert entered[7:10] == [config.scope, config.redirect_uri, "abc"]
        assert entered[14] == 2, "confidential-asymmetric"

    async def test_keys_are_in_it_where_the_launcher_cannot_fetch_them(self, ehr: EHR) -> None:
        _, entered = await self.entered(ehr)

        assert entered[12] == ""
        assert {"kid", "kty"} <= json.loads(entered[13])["keys"][0].keys()
        assert '"d"' not in entered[13]

    async def test_elsewhere_the_address_of_the_keys_is(self, ehr: EHR, settings: Settings) -> None:
        settings.PUBLIC_URL = "https://app.example"
        settings.PUBLIC_URL_IS_HTTPS = True
        _, entered = await self.entered(ehr)

        assert entered[12] == "https://app.example/.well-known/jwks/general-hospital.json"
        assert entered[13] == ""

    async def test_a_client_secret_is_never_in_it(
        self, ehr: EHR, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("EHR_SECRET", SECRET)
        _, entered = await self.entered(ehr, *TestClientSecret.BASIC)

        assert SECRET not in str(entered)
        assert entered[14] == 1, "confidential-symmetric"

    async def test_others_have_none(self, ehr: EHR) -> None:
        assert (await register(ehr.base))["ready_link"] == ""


class TestEHRWithoutPKCE:
    """It lists no challenge method, as one of five of Oracle Health's production endpoints."""

    REASON = ("--pkce-unannounced", "Vendor's ticket 4711")

    @pytest.fixture(autouse=True)
    def silent(self, ehr: EHR) -> None:
        ehr.publish(code_challenge_methods_supported=None)

    async def test_what_stops_every_launch_is_said_first(self, ehr: EHR) -> None:
        sheet = await register(ehr.base)

        assert sheet["warnings"][0].startswith("Nobody can launch: the EHR does not say")
        with pytest.raises(PKCEUnannounced):
            await discovery.launch_endpoints(await registry.endpoint_for_iss(ehr.base))

    async def test_a_reason_lets_launches_go_on(self, ehr: EHR) -> None:
        sheet = await register(ehr.base, *self.REASON)

        assert not any("PKCE" in warning for warning in sheet["warnings"])
        assert sheet["pkce_unannounced"] == self.REASON[1]
        launch = await discovery.launch_endpoints(await registry.endpoint_for_iss(ehr.base))
        assert launch.token_endpoint == f"{ehr.origin}/token"

    async def test_the_reason_is_in_the_audit_trail(self, ehr: EHR) -> None:
        await register(ehr.base, *self.REASON)

        event = await in_database(AuditEvent.objects.get, action="registration.create")
        assert event.detail["pkce_unannounced"] == self.REASON[1]

    async def test_it_can_be_taken_back(self, ehr: EHR) -> None:
        await register(ehr.base, *self.REASON)
        await register(ehr.base, "--pkce-unannounced", "")

        with pytest.raises(PKCEUnannounced):
            await discovery.launch_endpoints(await registry.endpoint_for_iss(ehr.base))

    async def test_a_public_client_is_refused_it(self, ehr: EHR) -> None:
        with pytest.raises(CommandError, match="PKCE has to be announced here"):
            await register(ehr.base, *self.REASON, "--auth-method", "none")


STOPPED = "Nobody can launch: the EHR does not publish what a safe launch needs."


@pytest.mark.parametrize(
    ("missing", "sentence"),
    [
        ("token_endpoint", f"{STOPPED} No token_endpoint"),
        ("authorization_endpoint", f"{STOPPED} No authorization_endpoint"),
        ("issuer", "No issuer of id_tokens is known"),
    ],
)
async def test_whatever_stops_a_launch_is_said_first(ehr: EHR, missing: str, sentence: str) -> None:
    ehr.publish(**{missing: None})
    sheet = await register(ehr.base)

    assert sheet["warnings"][0].startswith(sentence)


class TestEHRThatDoesNotAnswer:
    """It is registered, nobody can launch, and the first discovery that is read pins it."""

    async def test_it_is_registered_with_a_warning(self, ehr: EHR) -> None:
        ehr.break_down()
        sheet = await register(ehr.base)

        assert sheet["pinned_hosts"] == []
        assert "nobody can launch yet" in sheet["warnings"][0]

    async def test_the_periodic_work_pins_it_later(self, ehr: EHR) -> None:
        ehr.break_down()
        await register(ehr.base)
        ehr.publish()
        await discovery.refresh_ahead()

        config = await registry.endpoint_for_iss(ehr.base)
        assert config.pinned_hosts == {ehr.host}
        assert (await discovery.launch_endpoints(config)).issuers == (ehr.issuer,)

    async def test_an_issuer_that_does_not_answer_is_only_a_warning(self, ehr: EHR) -> None:
        ehr.answers["/issuer/.well-known/openid-configuration"] = 500, {}, {}
        sheet = await register(ehr.base)

        assert sheet["issuers"] == [ehr.issuer]
        assert any(ehr.issuer in warning for warning in sheet["warnings"])


class TestUpdate:
    async def test_the_same_slug_is_the_same_registration(self, ehr: EHR) -> None:
        first = await register(ehr.base)
        second = await register(ehr.base, "--client-id", "new", "--alg", "ES384")

        assert (second["client_id"], second["alg"]) == ("new", "ES384")
        assert second["keys"] == first["keys"]
        assert await in_database(Endpoint.objects.count) == 1

    async def test_what_is_not_given_stays(self, ehr: EHR) -> None:
        await register(ehr.base, "--scope", "launch openid", "--preset", "epic")
        sheet = await register(ehr.base)

        assert (sheet["scope"], sheet["preset"]) == ("launch openid", "epic")

    async def test_the_same_again_is_no_change_in_the_audit_trail(self, ehr: EHR) -> None:
        await register(ehr.base, "--scope", "launch openid")
        before = await in_database(AuditEvent.objects.count)

        await register(ehr.base, "--scope", "launch openid")
        assert await in_database(AuditEvent.objects.count) == before

        await register(ehr.base, "--scope", "launch")
        assert await in_database(AuditEvent.objects.count) == before + 1

    async def test_another_preset_brings_its_quirk(self, ehr: EHR) -> None:
        """C6; C121: it has no option of its own."""
        await register(ehr.base)
        await register(ehr.base, "--preset", "athenahealth-preview")

        assert (await in_database(Registration.objects.get)).send_scope_on_refresh is True

    async def test_it_brings_how_long_the_vendor_keeps_our_keys(self, ehr: EHR) -> None:
        """§3.3: None is not known."""
        kept = []
        for preset in ("epic", "athenahealth-preview", "sandbox"):
            await register(ehr.base, "--preset", preset)
            kept.append((await in_database(Registration.objects.get)).jwks_cache_seconds)
        assert kept == [29 * 3600, None, 0]

    async def test_it_does_not_accept_a_changed_host(self, ehr: EHR) -> None:
        """C14: accepting is an act of its own, in the admin."""
        await register(ehr.base)
        ehr.publish(token_endpoint="https://evil.example/token")
        sheet = await register(ehr.base)

        assert sheet["pinned_hosts"] == [ehr.host]
        assert "evil.example" in sheet["warnings"][0]

    async def test_another_base_is_pinned_anew(self, ehr: EHR) -> None:
        await register("https://old.example/r4", "--issuer", "https://old.example/issuer")
        sheet = await register(ehr.base)

        assert sheet["pinned_hosts"] == [ehr.host]
        assert sheet["issuers"] == [ehr.issuer]

    async def test_it_counts_for_the_next_launch(self, ehr: EHR) -> None:
        await register(ehr.base)
        await registry.endpoint_for_iss(ehr.base)
        await register(ehr.base, "--client-id", "new")

        assert (await registry.endpoint_for_iss(ehr.base)).client_id == "new"


class TestClientSecret:
    BASIC = ("--auth-method", "client_secret_basic", "--client-secret-env", "EHR_SECRET")

    async def test_it_is_sealed_and_never_printed(
        self, ehr: EHR, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("EHR_SECRET", SECRET)
        sheet = await register(ehr.base, *self.BASIC)

        registration = await in_database(Registration.objects.get)
        assert SECRET not in registration.sealed_client_secret
        assert SECRET not in json.dumps(sheet)
        events = await in_database(lambda: list(AuditEvent.objects.values_list("detail")))
        assert SECRET not in str(events)
        assert (await registry.endpoint_for_iss(ehr.base)).client_secret == SECRET

    @pytest.mark.parametrize(
        ("secret", "options", "is_said"),
        [("a+b/c=d", (), True), ("a+b", ("--send-secret-as-it-is",), False), ("a-b_c", (), False)],
    )
    async def test_one_that_oauth_encodes_is_said_with_the_switch(
        self,
        ehr: EHR,
        monkeypatch: pytest.MonkeyPatch,
        secret: str,
        options: tuple[str, ...],
        is_said: bool,
    ) -> None:
        monkeypatch.setenv("EHR_SECRET", secret)
        warnings = (await register(ehr.base, *self.BASIC, *options))["warnings"]

        assert any("--send-secret-as-it-is" in warning for warning in warnings) is is_said
        assert secret not in str(warnings)

    async def test_it_stays_when_none_is_given(
        self, ehr: EHR, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("EHR_SECRET", SECRET)
        await register(ehr.base, *self.BASIC)
        await register(ehr.base)

        assert (await registry.endpoint_for_iss(ehr.base)).client_secret == SECRET

    async def test_it_goes_with_the_method_that_needed_it(
        self, ehr: EHR, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("EHR_SECRET", SECRET)
        await register(ehr.base, *self.BASIC)
        await register(ehr.base, "--auth-method", "private_key_jwt")

        assert (await in_database(Registration.objects.get)).sealed_client_secret == ""


GOOD = "https://ehr.example/fhir/r4"
BAD_INPUT = [
    (["http://ehr.example/r4"], "has to begin with https://"),
    (["https://10.0.0.1/r4"], "not public"),
    (["https://ehr.example/r4#x"], "fragment"),
    (["https://*.example/r4"], "wildcard"),
    (["https://ehr.example/r4?x=1"], "query"),
    (["https://ehr.example/r4/metadata"], "/metadata is below the FHIR base URL"),
    (["https://ehr.example/r4/metadata/?_format=json"], "/metadata is below the FHIR base URL"),
    (["https://ehr.example/r4/.well-known/openid-configuration"], "is below the FHIR base URL"),
    (["https://ehr.example/{tenant}/r4"], "has a placeholder in brackets"),
    (["https://user:pw@ehr.example/r4"], "user information"),
    (["ehr.example/r4"], "Write the whole address"),
    (["https://[::1/r4"], "not a URL"),
    (["https://ehr.example/" + "a" * 4080], "4,100 characters; 4,096 are possible"),
    (["https://https://live01.example:443/v1/uscore/R4"], "begins with https:// twice"),
    (["https://ehr.example:/r4"], "no port number"),
    (["https://ehr.example//r4"], "two slashes"),
    ([GOOD, "--preset", "vax"], "There is no preset vax; there are athenahealth-preview,"),
    ([GOOD, "--scope", "openid"], "must contain launch"),
    ([GOOD, "--scope", "launch patient/Observation.sr"], "not a SMART resource scope"),
    ([GOOD, "--scope", "launch patient/Observation."], "not a SMART resource scope"),
    ([GOOD, "--scope", "", "--standalone-scope", ""], "of clinicians, of patients, or both"),
    ([GOOD, "--standalone-scope", "launch openid"], "EHR launches only"),
    ([GOOD, "--scope", "launch offline_access online_access"], "exclude each other"),
    ([GOOD, "--audience", "http://ehr.example/token"], "has to begin with https://"),
    ([GOOD, "--issuer", "http://ehr.example"], "has to begin with https://"),
    ([GOOD, "--frame-ancestor", "https://ehr.example/app"], "more than an origin"),
    ([GOOD, "--slug", "General Hospital"], "slug"),
    ([GOOD, "--name", "病院"], "gives no slug"),
    ([GOOD, "--client-id", " abc"], "visible ASCII"),
    ([GOOD, "--client-id", "\u00e4bc"], "visible ASCII"),
    ([GOOD, "--client-id", "<client id>"], "without brackets or quotes"),
    ([GOOD, "--client-id", "'abc'"], "without brackets or quotes"),
    (
        [GOOD, "--issuer", "https://as.example/.well-known/openid-configuration"],
        "/.well-known/openid-configuration is below the issuer",
    ),
    ([GOOD, "--scope", "launch openid fhiruser"], "Write fhirUser, not fhiruser"),
    ([GOOD, "--client-id", "a" * 2049], "2,049 characters; 2,048 are possible"),
    ([GOOD, "--auth-method", "client_secret_basic"], "needs a client secret"),
    ([GOOD, "--auth-method", "none", "--scope", "system/*.rs"], "2-legged registration needs keys"),
    ([GOOD, "--client-secret-env", "NO_SUCH_VARIABLE"], "NO_SUCH_VARIABLE is not set"),
    ([GOOD, "--auth-method", "client_secret_post"], "invalid choice"),
    ([GOOD, "--alg", "HS256"], "invalid choice"),
    ([GOOD, "--key-set", "Bad Slug"], "slug"),
]


class TestBadInput:
    @pytest.mark.parametrize("secret", ["s3cret\n", " s3cret", "s3\tcret"])
    def test_secret_that_was_not_copied_cleanly(
        self, secret: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SECRET_FOR_TEST", secret)
        by_secret = ("--auth-method", "client_secret_basic")
        with pytest.raises(CommandError, match="has a line break or tab in it") as caught:
            run(GOOD, "--name", "x", *by_secret, "--client-secret-env", "SECRET_FOR_TEST")
        assert "s3" not in str(caught.value)

    @pytest.mark.parametrize(("arguments", "sentence"), BAD_INPUT)
    def test_it_is_refused_with_one_sentence_and_nothing_is_stored(
        self, arguments: list[str], sentence: str
    ) -> None:
        base, *options = arguments
        good = ["--name", "General Hospital", "--client-id", "abc"]

        with pytest.raises(CommandError) as caught:
            run(base, *good, *options)
        assert sentence in str(caught.value)
        assert "\n" not in str(caught.value)
        assert not Registration.objects.exists()
        assert not Endpoint.objects.exists()

    @pytest.mark.parametrize(
        "base", ["http://127.0.0.1:1/r4", "https://localhost/r4", "https://[::1]/r4"]
    )
    def test_loopback_is_for_development_only(self, base: str, settings: Settings) -> None:
        settings.ALLOW_LOOPBACK_EHRS = False

        with pytest.raises(CommandError, match="ALLOW_LOOPBACK_EHRS=on"):
            run(base, "--name", "x", "--client-id", "abc")

    def test_our_own_address_has_to_be_https(self, settings: Settings) -> None:
        """C3: no vendor may send people back over http."""
        settings.PUBLIC_URL = "http://app.example"

        with pytest.raises(CommandError, match="PUBLIC_URL"):
            run(GOOD, "--name", "x", "--client-id", "abc")

    async def test_a_second_ehr_of_the_same_base_is_refused(self, ehr: EHR) -> None:
        """C7: an `iss` leads to exactly one place."""
        await register(ehr.base)

        with pytest.raises(CommandError, match="already: General Hospital"):
            await register(f"{ehr.base}/", "--slug", "second")
        assert await in_database(Registration.objects.count) == 1
        assert await in_database(KeySet.objects.count) == 1

    async def test_a_second_one_for_patients_only_is_not(self, ehr: EHR) -> None:
        """Some vendors give client ids of their own for patients and for clinicians."""
        await register(ehr.base)
        sheet = await register(ehr.base, "--slug", "patients", "--client-id", "p", "--scope", "")

        assert sheet["pinned_hosts"] == [ehr.host]
        assert (await registry.endpoint_for_iss(ehr.base)).client_id == "abc"
        assert (await registry.endpoint_for_slug("patients")).client_id == "p"


class TestAddresses:
    @pytest.mark.parametrize("length", [501, 1550, 4096])
    async def test_a_long_base_is_stored_whole(self, ehr: EHR, length: int) -> None:
        base = f"{ehr.origin}/sim/".ljust(length - 5, "a") + "/fhir"
        sheet = await register(base, "--client-id", "j" * 2048)

        assert (sheet["fhir_base_url"], sheet["client_id"]) == (base, "j" * 2048)

    async def test_another_spelling_of_the_base_is_the_same_ehr(self, ehr: EHR) -> None:
        await register(ehr.base)
        sheet = await register(f"{ehr.base}/")

        assert sheet["fhir_base_url"] == f"{ehr.base}/"
        assert await in_database(Endpoint.objects.count) == 1

    async def test_nothing_is_said_of_a_base_that_was_left_with_nothing_open(
        self, ehr: EHR
    ) -> None:
        await register(ehr.base)
        await in_database(run, f"{ehr.origin}/other", "--name", "General Hospital")
        warnings = (await register(ehr.base))["warnings"]

        assert not any("still open" in warning for warning in warnings)
