"""The doctor, against an EHR on a real socket that is healthy but for one thing: C3, C12, C14,
C17, C63, C66, C91, contract (exit codes)."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import Error as DatabaseError
from django.db import InternalError, OperationalError
from django.utils import timezone
from pytest_django import Settings

from smartapp import vault
from smartapp.database import in_database
from smartapp.keys import key_creation, memory
from smartapp.keys.models import JWKSFetch, KeySet, MaintainedBy, SigningKey
from smartapp.launches import readiness
from smartapp.protocol.jwks import jwks_document
from smartapp.registrations.models import Endpoint, EndpointOverride, Registration
from smartapp.registrations.options import AuthMethod
from smartapp.registrations.presets import CLINICIAN_SCOPE
from tests.registrations.ehr import EHR
from tests.registrations.factories import make_endpoint, make_registration

pytestmark = pytest.mark.django_db(transaction=True)

JWKS = "/.well-known/jwks/general.json"
DISCOVERY = "/fhir/r4/.well-known/smart-configuration"
CAPABILITIES = [
    "launch-ehr", "launch-standalone", "client-confidential-asymmetric", "sso-openid-connect",
    "context-ehr-patient", "context-standalone-patient", "permission-offline",
    "permission-patient", "permission-user", "permission-v2",
]  # fmt: skip


@pytest.fixture
async def healthy(ehr: EHR, settings: Settings) -> EHR:
    """The good case; our own JWKS URL is on the same little server."""
    memory.forget()
    settings.PUBLIC_URL = ehr.origin

    def rows() -> bytes:
        key_set = key_creation.create_key_set("general", now=timezone.now())
        registration = make_registration(scope=CLINICIAN_SCOPE)
        make_endpoint(
            registration=registration,
            fhir_base_url=ehr.base,
            issuers=[ehr.issuer],
            pinned_hosts=[ehr.host],
        )
        return jwks_document(key.public_jwk for key in key_set.signing_keys.all())

    ehr.answers[JWKS] = 200, await in_database(rows), {}
    ehr.answers["/"] = 200, b"<!DOCTYPE html>", {}
    ehr.publish(capabilities=CAPABILITIES)
    ehr.answers["/token"] = 400, {"error": "invalid_grant"}, {}
    ehr.answers["/fhir/r4/metadata"] = 200, statement("4.0.1"), {}
    return ehr


def statement(version: str) -> dict[str, Any]:
    types = {scope.partition("/")[2].partition(".")[0] for scope in CLINICIAN_SCOPE.split()}
    rest = [{"mode": "server", "resource": [{"type": one} for one in types if one]}]
    return {"resourceType": "CapabilityStatement", "fhirVersion": version, "rest": rest}


def run(*arguments: str) -> tuple[int, str]:
    output = StringIO()
    try:
        call_command("doctor", *arguments, stdout=output)
    except CommandError:
        return 1, output.getvalue()
    return 0, output.getvalue()


async def problems() -> list[str]:
    """Run it and return which checks found a problem; the exit code agrees."""
    code, output = await in_database(run, "--json")
    result: dict[str, Any] = json.loads(output)["general"]
    found = [one["check"] for one in result["findings"] if one["level"] == "problem"]
    assert code == (1 if found else 0)
    assert result["healthy"] is not bool(found)
    assert all(one["fix"] for one in result["findings"] if one["level"] == "problem")
    return found


async def test_a_healthy_registration_has_no_problem_and_no_advice(healthy: EHR) -> None:
    code, output = await in_database(run)

    assert code == 0
    assert "PROBLEM" not in output
    assert "advice" not in output, output


def date(offset_seconds: float) -> dict[str, str]:
    moment = datetime.now(UTC) + timedelta(seconds=offset_seconds)
    return {"Date": format_datetime(moment, usegmt=True)}


def with_headers(ehr: EHR, path: str, headers: dict[str, str]) -> None:
    status, document, _ = ehr.answers[path]
    ehr.answers[path] = status, document, headers


NO_KEYS_ANYWHERE: dict[str, tuple[int, Any, dict[str, str]]] = {
    "/issuer/.well-known/openid-configuration": (404, {}, {}), "/issuer/keys": (404, {}, {}),
}  # fmt: skip
AT_THE_EHR: list[tuple[str, Callable[[EHR], object], str]] = [
    ("down", lambda ehr: ehr.answers.update({DISCOVERY: (503, {}, {})}), "discovery"),
    ("no-json", lambda ehr: ehr.answers.update({DISCOVERY: (200, b"<html>", {})}), "discovery"),
    ("new-host", lambda ehr: ehr.publish(token_endpoint="https://new.example/t"), "hosts"),
    (
        "keys-on-new-host",
        lambda ehr: ehr.publish_issuer(jwks_uri="https://new.example/keys"),
        "hosts",
    ),
    ("no-s256", lambda ehr: ehr.publish(code_challenge_methods_supported=[]), "pkce-unannounced"),
    ("no-token-endpoint", lambda ehr: ehr.publish(token_endpoint=None), "launch-needs"),
    (
        "issuer-gone",
        lambda ehr: ehr.answers.pop("/issuer/.well-known/openid-configuration"),
        "issuer-keys",
    ),
    (
        "issuer-without-configuration-and-keys-elsewhere",
        lambda ehr: ehr.answers.update(NO_KEYS_ANYWHERE),
        "issuer-keys",
    ),
    ("issuer-without-keys", lambda ehr: ehr.publish_keys(), "issuer-keys"),
    ("clock-ahead", lambda ehr: with_headers(ehr, DISCOVERY, date(-30)), "clock"),
    ("clock-behind", lambda ehr: with_headers(ehr, DISCOVERY, date(120)), "clock"),
]


async def test_keys_that_only_the_smart_configuration_names_are_found(healthy: EHR) -> None:
    """C91: before anybody has signed in."""
    healthy.publish(capabilities=CAPABILITIES, jwks_uri=f"{healthy.origin}/auth/keys")
    healthy.answers.pop("/issuer/.well-known/openid-configuration")
    healthy.answers["/auth/keys"] = healthy.answers.pop("/issuer/keys")
    code, output = await in_database(run)

    assert code == 0, output
    assert f"publishes its keys at {healthy.origin}/auth/keys; usable: 1" in output


async def test_keys_that_are_not_found_name_the_override(healthy: EHR) -> None:
    healthy.answers.pop("/issuer/.well-known/openid-configuration")
    code, output = await in_database(run)

    assert code == 1
    assert "on the endpoint's discovery page, as Keys of the issuer (JWKS)" in output


@pytest.mark.parametrize(
    ("status", "fix"),
    [(404, "Compare the expected issuer"), (503, "read them within a day, it goes on")],
)
async def test_keys_that_are_not_answered_are_named_by_their_address(
    healthy: EHR, status: int, fix: str
) -> None:
    """The SMART configuration, the OpenID configuration or an override may be where it is wrong."""
    healthy.answers["/issuer/keys"] = status, {}, {}
    _, output = await in_database(run)

    assert f"answered {status}. Its keys were asked for at {healthy.issuer}/keys" in output
    assert fix in output


async def test_another_host_of_what_launches_do_without_is_advice(healthy: EHR) -> None:
    """C14: it is not used, and nothing else changes."""
    portal = "https://portal.example/apps"
    healthy.publish(capabilities=CAPABILITIES, management_endpoint=portal)
    code, output = await in_database(run)

    assert code == 0
    assert "nobody has accepted the hosts that they are on: management_endpoint." in output
    await in_database(Endpoint.objects.update, refused_hosts=["portal.example"])
    _, output = await in_database(run)
    assert "Not used, as an administrator said: management_endpoint." in output


async def test_an_endpoint_on_the_host_of_a_second_issuer_is_found(healthy: EHR) -> None:
    """C14: launches are stopped, whoever else that host may speak for."""
    issuers = [healthy.issuer, "https://second.example"]
    await in_database(lambda: Endpoint.objects.update(issuers=issuers))
    healthy.publish(token_endpoint="https://second.example/t", capabilities=CAPABILITIES)

    assert "hosts" in await problems()


@pytest.mark.parametrize(
    ("change", "check"), [case[1:] for case in AT_THE_EHR], ids=[case[0] for case in AT_THE_EHR]
)
async def test_what_is_wrong_at_the_ehr_is_found(
    healthy: EHR, change: Callable[[EHR], object], check: str
) -> None:
    change(healthy)

    assert check in await problems()


OUR_JWKS: list[tuple[str, tuple[int, Any, dict[str, str]]]] = [
    ("not-reachable", (502, b"", {})),
    ("redirected", (302, b"", {"Location": "/login"})),
    ("a-sign-in-page", (200, b"<html>", {})),
    ("without-the-key", (200, b'{"keys":[]}', {})),
    ("too-large-for-a-jwks", (200, b'{"keys":[],"x":"' + b"x" * 20_000 + b'"}', {})),
]


@pytest.mark.parametrize("answer", [case[1] for case in OUR_JWKS], ids=[c[0] for c in OUR_JWKS])
async def test_a_signing_key_that_no_ehr_can_fetch_is_found(
    healthy: EHR, answer: tuple[int, Any, dict[str, str]]
) -> None:
    healthy.answers[JWKS] = answer

    assert await problems() == ["published-key"]


async def test_another_content_type_is_found(healthy: EHR) -> None:
    with_headers(healthy, JWKS, {"Content-Type": "text/html; charset=utf-8"})

    assert await problems() == ["published-key"]


async def test_jwks_has_a_content_type_of_its_own(healthy: EHR) -> None:
    with_headers(healthy, JWKS, {"Content-Type": "application/jwk-set+json"})

    assert await problems() == []


async def test_an_address_that_is_too_slow_for_an_ehr_is_found(
    healthy: EHR, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smartapp.keys.dry_run.MAX_JWKS_SECONDS", 0)

    assert await problems() == ["published-key"]


async def test_a_published_key_that_does_not_sign_yet_must_be_there_too(healthy: EHR) -> None:
    """Spec §3.12: the next signer, and that of the other algorithm."""

    def signer_only() -> bytes:
        return jwks_document([SigningKey.objects.get(alg="RS384").public_jwk])

    healthy.answers[JWKS] = 200, await in_database(signer_only), {}

    assert await problems() == ["published-key"]


async def test_a_key_that_waits_for_an_administrators_word_is_advice(healthy: EHR) -> None:
    """The vendor imported our keys, and the next one must be confirmed there."""

    def publish() -> bytes:
        KeySet.objects.update(imported_by_vendor=True)
        key_set = KeySet.objects.get(slug="general")
        key_creation.publish_next(key_set, "RS384", now=timezone.now(), actor="ann")
        return jwks_document(key.public_jwk for key in key_set.signing_keys.all())

    healthy.answers[JWKS] = 200, await in_database(publish), {}
    code, output = await in_database(run)

    assert code == 0, output
    assert "advice  rotation: Key set general, RS384: the next key waits." in output


async def test_an_algorithm_that_the_ehr_does_not_list_is_advice(healthy: EHR) -> None:
    """C13, C64."""
    healthy.publish(
        capabilities=CAPABILITIES, token_endpoint_auth_signing_alg_values_supported=["ES384"]
    )
    code, output = await in_database(run)

    assert code == 0
    assert "advice  algorithm: The EHR does not list our algorithm. We sign with RS384" in output


async def test_athenas_audience_is_asked_for_and_the_reported_one_marked(healthy: EHR) -> None:
    """C65: nobody has read it in the vendor's documents."""
    await in_database(lambda: Registration.objects.update(preset="athenahealth-preview"))
    code, output = await in_database(run)

    assert code == 0
    assert f"Reported, not verified: {healthy.issuer}/v1/token" in output


async def test_meditech_is_looked_for_at_the_root(healthy: EHR) -> None:
    """C10."""
    await in_database(lambda: Registration.objects.update(preset="meditech"))
    healthy.answers.pop(DISCOVERY)
    code, output = await in_database(run)

    assert code == 1
    assert f"{healthy.origin}/.well-known/smart-configuration" in output


REMEDIES: list[tuple[tuple[int, Any, dict[str, str]], str]] = [
    ((404, {}, {}), "The base is right: a FHIR server answers there"),
    ((200, b"<html>", {}), "/fhir/r4 is often forgotten"),
    ((302, b"", {"Location": "/x"}), "which is never followed"),
    ((200, b"x" * 300_000, {}), "something else than an EHR may answer"),
]


@pytest.mark.parametrize(("answer", "remedy"), REMEDIES)
async def test_each_bad_answer_has_its_own_remedy(
    healthy: EHR, answer: tuple[int, Any, dict[str, str]], remedy: str
) -> None:
    healthy.answers[DISCOVERY] = answer
    _, output = await in_database(run)

    assert remedy in output
    assert f"Read was {healthy.origin}{DISCOVERY}" in output
    assert "advice  clock" not in output


@pytest.mark.parametrize("metadata", [(404, {}, {}), (200, b"<html>", {}), (200, {}, {})])
async def test_a_base_where_nothing_of_fhir_answers_is_not_called_right(
    healthy: EHR, metadata: tuple[int, Any, dict[str, str]]
) -> None:
    healthy.answers[DISCOVERY] = 404, {}, {}
    healthy.answers["/fhir/r4/metadata"] = metadata
    _, output = await in_database(run)
    assert "/fhir/r4 is often forgotten" in output
    assert "The base is right" not in output


async def test_what_is_overridden_is_said(healthy: EHR) -> None:
    def override() -> None:
        EndpointOverride.objects.create(
            endpoint=Endpoint.objects.get(), member="jwks_uri", url=f"{healthy.origin}/k",
            reason="x", set_by="ann", set_at=timezone.now(),
        )  # fmt: skip

    await in_database(override)
    healthy.answers["/k"] = healthy.answers.pop("/issuer/keys")
    code, output = await in_database(run)

    assert code == 0, output
    assert f"Keys of the issuer (JWKS): {healthy.origin}/k is used" in output


async def test_a_2_legged_registration_needs_no_sign_in(healthy: EHR) -> None:
    """C145: neither an authorization endpoint nor an issuer. The probe is the launches' own."""
    values = {"scope": "system/Patient.rs", "standalone_scope": "", "enabled": False}
    await in_database(lambda: Registration.objects.update(**values))
    healthy.publish(authorization_endpoint=None, issuer=None, capabilities=CAPABILITIES)
    healthy.answers.pop("/issuer/.well-known/openid-configuration")

    _, output = await in_database(run, "general")
    assert [line for line in output.splitlines() if "PROBLEM" in line] == [
        "  PROBLEM enabled: Nobody can launch: it is disabled."
    ], output


async def test_each_finding_is_printed_as_it_comes(healthy: EHR) -> None:
    """A check may wait for seconds; who watches sees which one."""
    asked_before: list[int] = []

    class Watched(StringIO):
        def write(self, text: str) -> int:
            asked_before.append(healthy.asked.total())
            return super().write(text)

    await in_database(lambda: call_command("doctor", stdout=Watched()))

    assert asked_before[0] == 0
    assert len(set(asked_before)) > 3


async def test_another_key_under_the_same_kid_is_found(healthy: EHR) -> None:
    """A cache or a second installation that answers for us."""

    def forged() -> bytes:
        other = key_creation.create_key_set("other", now=timezone.now())
        ours = SigningKey.objects.get(key_set__slug="general", alg="RS384")
        theirs = other.signing_keys.get(alg="RS384").public_jwk | {"kid": ours.kid}
        kept = SigningKey.objects.get(key_set__slug="general", alg="ES384")
        return jwks_document([theirs, kept.public_jwk])

    healthy.answers[JWKS] = 200, await in_database(forged), {}

    assert await problems() == ["published-key"]


@pytest.mark.parametrize(
    ("status", "location", "words"),
    [
        (301, "/", ["which leads to itself", "X-Forwarded-Proto"]),
        (301, "{url}", ["which leads to itself", "X-Forwarded-Proto"]),
        (400, "", ["answered 400", "pass the Host header on", "ALLOWED_HOSTS"]),
        (500, "", ["answered 500"]),
    ],
)
async def test_pages_that_the_proxy_keeps_from_people_are_found(
    healthy: EHR, settings: Settings, status: int, location: str, words: list[str]
) -> None:
    """Our keys are shown all the same."""
    location = location.format(url=settings.PUBLIC_URL)
    healthy.answers["/"] = status, b"", {"Location": location} if location else {}
    assert await problems() == ["own-pages"]
    _, output = await in_database(run)
    assert all(one in output for one in words)


@pytest.mark.parametrize(
    ("status", "location"), [(403, ""), (404, ""), (302, "https://hospital.example/")]
)
async def test_a_start_page_that_a_proxy_keeps_to_itself_is_advice(
    healthy: EHR, status: int, location: str
) -> None:
    healthy.answers["/"] = status, b"", {"Location": location} if location else {}
    assert await advised() == ["own-pages"]


async def test_an_algorithm_without_a_key_is_found(healthy: EHR) -> None:
    await in_database(lambda: Registration.objects.update(alg="RS256"))

    assert await problems() == ["signing-key"]


async def test_a_key_that_does_not_open_is_not_called_missing(
    healthy: EHR, settings: Settings
) -> None:
    """Another one, sealed with the wrong ring, would only be one more that does not open."""
    settings.ENCRYPTION_KEYS = vault.new_key()
    memory.forget()
    code, output = await in_database(run)
    assert code == 1
    assert "The RS384 key of key set general does not open." in output
    assert "adds one" not in output


async def test_no_expected_issuer_is_found(healthy: EHR) -> None:
    healthy.publish(issuer=None)
    await in_database(lambda: Endpoint.objects.update(issuers=[]))

    assert "issuer" in await problems()


async def test_a_base_that_was_left_is_no_problem(healthy: EHR) -> None:
    def leave() -> None:
        registration = Registration.objects.get()
        make_endpoint(
            "left", registration=registration, fhir_base_url="https://left.example/r4",
            enabled=False, left_at=timezone.now(),
        )  # fmt: skip

    await in_database(leave)
    code, output = await in_database(run, "general")

    assert code == 0, output
    assert "left" not in output


async def test_a_disabled_endpoint_is_found_when_asked_for(healthy: EHR) -> None:
    await in_database(lambda: Endpoint.objects.update(enabled=False))
    code, output = await in_database(run, "general")

    assert code == 1
    assert "disabled" in output


async def test_a_missing_client_id_is_found_when_asked_for(healthy: EHR) -> None:
    await in_database(lambda: Registration.objects.update(enabled=False, client_id=""))
    code, output = await in_database(run, "general")

    assert code == 1
    assert "register_ehr --client-id" in output
    assert "disabled" not in output


async def test_an_http_address_of_our_own_is_found(healthy: EHR, settings: Settings) -> None:
    settings.PUBLIC_URL = "http://app.example"

    assert "own-address" in await problems()


@pytest.mark.parametrize("error", [InternalError("read-only"), OperationalError("full"), None])
async def test_a_database_that_takes_no_launch_is_found(
    healthy: EHR, monkeypatch: pytest.MonkeyPatch, error: DatabaseError | None
) -> None:
    """It reads as ever: after a failover, or on a full disk."""
    assert "ok      database: The database takes a launch." in (await in_database(run))[1]

    def refused() -> bool:
        if error:
            raise error
        return False

    monkeypatch.setattr(readiness, "takes_a_launch", refused)
    assert await problems() == ["database"]


async def test_a_client_secret_that_does_not_open_is_found(healthy: EHR) -> None:
    values = {"auth_method": AuthMethod.CLIENT_SECRET_BASIC, "sealed_client_secret": "v1.x.y"}
    await in_database(lambda: Registration.objects.update(**values))

    assert await problems() == ["key-ring", "client-secret"]


async def test_a_client_with_a_secret_needs_no_key(healthy: EHR) -> None:
    await in_database(lambda: Registration.objects.update(auth_method=AuthMethod.NONE))
    healthy.answers[JWKS] = 404, b"", {}

    assert await problems() == []


async def test_what_is_only_not_listed_is_advice(healthy: EHR) -> None:
    """C13, C17."""
    healthy.publish(capabilities=["launch-standalone"])
    code, output = await in_database(run)

    assert code == 0
    assert "advice  capabilities: The EHR does not list launch-ehr" in output


async def test_what_is_not_used_of_the_document_is_said(healthy: EHR) -> None:
    healthy.publish(capabilities=CAPABILITIES, revocation_endpoint="ftp://ehr.example/revoke")
    code, output = await in_database(run)

    assert code == 0
    assert "advice  discovery: Not used: revocation_endpoint: not https." in output


PKCE_MEMBER = "code_challenge_methods_supported"


@pytest.mark.parametrize("listed", [["plain"], "plain"])
async def test_plain_alone_is_a_problem_whatever_an_administrator_says(
    healthy: EHR, listed: Any
) -> None:
    """C12, T5."""
    await in_database(lambda: Registration.objects.update(pkce_unannounced="The vendor, by mail"))
    healthy.publish(capabilities=CAPABILITIES, **{PKCE_MEMBER: listed})

    assert await problems() == ["launch-needs"]


async def test_pkce_that_is_not_announced_is_a_problem_with_the_way_out(healthy: EHR) -> None:
    await in_database(lambda: Registration.objects.update(preset="oracle"))
    healthy.publish(capabilities=CAPABILITIES, **{PKCE_MEMBER: None})
    code, output = await in_database(run)

    assert code == 1
    assert "Nobody can launch: the EHR does not say that it takes PKCE" in output
    assert '--pkce-unannounced "REASON"' in output
    assert "Known of this vendor: of 2,905 Oracle Health production endpoints" in output


@pytest.mark.parametrize("level", [Registration, Endpoint])
async def test_pkce_that_an_administrator_answers_for_is_none(
    healthy: EHR, level: type[Registration | Endpoint]
) -> None:
    await in_database(lambda: level._default_manager.update(pkce_unannounced="Ticket 4711"))
    healthy.publish(capabilities=CAPABILITIES, **{PKCE_MEMBER: None})
    code, output = await in_database(run)

    assert code == 0, output
    assert "It is sent all the same, because: Ticket 4711" in output


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"auth_method": "none"}, "A public client is not safe without it"),
        ({"scope": "launch patient/*.rs"}, "with openid among the scopes only"),
        ({"standalone_scope": "launch/patient patient/*.rs"}, "with openid among the scopes only"),
    ],
)
async def test_nobody_can_answer_for_it_without_a_second_defence(
    healthy: EHR, change: dict[str, str], sentence: str
) -> None:
    """RFC 9700 §2.1.1: a client that proves itself, and a nonce that is compared."""
    change["pkce_unannounced"] = "Ticket 4711"
    await in_database(lambda: Registration.objects.update(**change))
    healthy.publish(capabilities=CAPABILITIES, **{PKCE_MEMBER: None})
    code, output = await in_database(run)

    assert code == 1
    assert sentence in output


async def test_payers_without_an_issuer_are_told_what_to_take_out(healthy: EHR) -> None:
    listed = [one for one in CAPABILITIES if one != "sso-openid-connect"]
    healthy.publish(issuer=None, capabilities=listed)
    await in_database(lambda: Endpoint.objects.update(issuers=[]))
    code, output = await in_database(run)

    assert code == 1
    assert "take openid and fhirUser out of the scopes" in output


async def test_another_issuer_in_discovery_is_advice(healthy: EHR) -> None:
    healthy.publish(issuer="https://other.example/o", capabilities=CAPABILITIES)
    code, output = await in_database(run)

    assert code == 0
    assert "advice  issuer: " in output


async def test_discovery_that_was_never_read_is_pinned(healthy: EHR) -> None:
    await in_database(lambda: Endpoint.objects.update(pinned_hosts=[]))

    assert await problems() == []
    assert (await in_database(Endpoint.objects.get)).pinned_hosts == [healthy.host]


async def test_one_is_examined_by_the_slug_of_its_registration_or_its_own(healthy: EHR) -> None:
    await in_database(lambda: Endpoint.objects.update(slug="ward"))

    assert (await in_database(run, "general"))[0] == 0
    assert (await in_database(run, "ward"))[0] == 0


@pytest.mark.parametrize("arguments", [[], ["nowhere"]])
def test_nothing_to_examine_is_an_error(arguments: list[str]) -> None:
    KeySet.objects.all().delete()

    with pytest.raises(CommandError):
        call_command("doctor", *arguments)


async def advised() -> list[str]:
    """Run it and return what is only advice; nothing is a problem."""
    code, output = await in_database(run)
    assert code == 0, output
    return [line.split()[1].rstrip(":") for line in output.splitlines() if "advice" in line]


REFUSALS: list[tuple[tuple[int, Any, dict[str, str]], str]] = [
    ((401, {"error": "invalid_client"}, {}), "client"),
    ((401, {"error": "invalid_client", "error_description": "Unknown client_id"}, {}), "client id"),
    ((400, {"error": "invalid_client", "error_description": "Failed to fetch JWKS"}, {}),
     "could not fetch our keys"),
    ((400, {"error": "invalid_grant", "error_description": "Invalid client assertion signature"},
      {}), "does not have the key"),
    ((400, {"error": "invalid_request", "error_description": "Missing code_verifier"}, {}),
     "sent to it: code_verifier"),
    ((400, {"error": "invalid_request", "error_description": "PKCE is required"}, {}),
     "sent to it: code_verifier"),
    ((200, b"<html>", {}), "not an OAuth token endpoint"),
    ((404, b"<html>", {}), "not an OAuth token endpoint"),
    ((404, b"", {}), "not an OAuth token endpoint"),
    ((302, b"", {"Location": "https://portal.example"}), "answers with a redirect"),
    ((200, {"access_token": "a", "token_type": "Bearer"}, {}), "tokens for a made-up code"),
]  # fmt: skip


@pytest.mark.parametrize(("answer", "words"), REFUSALS)
async def test_what_would_end_every_launch_at_the_token_endpoint_is_found_before_one(
    healthy: EHR, answer: tuple[int, Any, dict[str, str]], words: str
) -> None:
    healthy.answers["/token"] = answer
    code, output = await in_database(run)
    (line,) = [one for one in output.splitlines() if "PROBLEM" in one]

    assert code == 1
    assert line.startswith("  PROBLEM client: ")
    assert words in output


def _fetched_by_the_ehr() -> None:
    now, kids = timezone.now(), list(SigningKey.objects.values_list("kid", flat=True))
    JWKSFetch.objects.create(
        key_set=KeySet.objects.get(), kids=kids, address="192.0.2.1", first_at=now, last_at=now,
        count=1,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("said", "names_keys"), [("client authentication failed", True), ("Unknown client", False)]
)
async def test_causes_that_nothing_speaks_for_are_named_together(
    healthy: EHR, said: str, *, names_keys: bool
) -> None:
    """oidc-provider 9.13.3 says the first of every client that it does not accept."""
    await in_database(_fetched_by_the_ehr)
    refusal = {"error": "invalid_client", "error_description": said}
    healthy.answers["/token"] = 401, refusal, {}
    _, output = await in_database(run)
    assert "with the vendor's portal" in output
    assert ("If that is right: Compare the JWKS URL" in output) is names_keys


@pytest.mark.parametrize("error", ["invalid_request", "unauthorized_client", "something_else"])
async def test_an_answer_that_says_nothing_of_the_client_stops_nobody(
    healthy: EHR, error: str
) -> None:
    healthy.answers["/token"] = 400, {"error": error}, {}
    _, output = await in_database(run)

    assert "client: " in output


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, {"error": "server_error", "error_description": "Padding is invalid"}),
        (500, b"<html>"),
        (503, b""),
        (429, {"error": "too_many_requests"}),
    ],
)
async def test_a_token_endpoint_that_fails_at_a_made_up_code_stops_nobody(
    healthy: EHR, status: int, body: object
) -> None:
    """Servers that open a code, or look it up as another type, fail at one that they did not make.
    A limit is over in a minute."""
    healthy.answers["/token"] = status, body, {}
    code, output = await in_database(run)
    assert code == 0
    assert "advice  client: " in output
    assert "Some servers answer so to a code that they did not make" in output


async def test_the_made_up_code_is_named_as_what_it_is(healthy: EHR) -> None:
    _, output = await in_database(run)

    assert "The EHR refused a made-up code and not this client" in output
    assert healthy.asked["/token"] == 1


@pytest.mark.parametrize(
    ("error", "said"),
    [
        ("invalid_grant", "PKCE verification failed"),
        ("invalid_grant", "redirect_uri mismatch"),
        ("invalid_grant", "The code is unknown or belongs to another client."),
        ("invalid_request", "Invalid code"),
        # oauth2-mock-server 8.2.3, which keeps no challenge of a code that it did not make
        ("invalid_request", "code_challenge required"),
        ("invalid_request", "PKCE verification failed"),
        ("INVALID_GRANT", ""),
    ],
)
async def test_what_is_said_of_a_made_up_code_is_no_fault_of_the_client(
    healthy: EHR, error: str, said: str
) -> None:
    healthy.answers["/token"] = 400, {"error": error, "error_description": said}, {}
    code, output = await in_database(run)
    assert code == 0
    assert "ok      client: The EHR refused a made-up code" in output


async def test_scopes_that_nothing_in_the_list_covers_are_advice(healthy: EHR) -> None:
    healthy.publish(capabilities=CAPABILITIES, scopes_supported=["launch", "openid", "fhirUser"])
    assert "scopes" in await advised()


@pytest.mark.parametrize(
    ("scopes", "published", "is_advised"),
    [
        ({"scope": "launch openid patient/*.rs user/*.read"}, {}, True),
        ({"scope": "launch openid patient/*.rs"}, {"scopes_supported": ["patient/*.read"]}, True),
        ({"scope": "launch openid patient/*.rs", "standalone_scope": "openid patient/*.read"}, {},
         False),
        ({"scope": "launch openid patient/*.rs"}, {"scopes_supported": ["launch"]}, False),
    ],
)  # fmt: skip
async def test_scopes_of_both_forms_in_one_request_are_advice(
    healthy: EHR, scopes: dict[str, str], published: dict[str, Any], *, is_advised: bool
) -> None:
    """Each kind of launch is a request of its own."""
    await in_database(lambda: Registration.objects.update(**{"standalone_scope": ""} | scopes))
    listed = [one for one in CAPABILITIES if not one.startswith("permission-v")]
    healthy.publish(capabilities=listed, **published)
    assert ("scope-forms" in await advised()) is is_advised


async def test_an_empty_list_of_scopes_is_none(healthy: EHR) -> None:
    healthy.publish(capabilities=CAPABILITIES, scopes_supported=[])
    assert "The EHR publishes no list of scopes." in (await in_database(run))[1]
    assert "scopes" not in await advised()


@pytest.mark.parametrize(
    ("version", "words"),
    [
        ("R4", "A server of FHIR R4 answers"),
        (4.0, "A server of FHIR 4.0 answers"),
        (None, "does not say which version of FHIR it speaks"),
        (["4.0.1"], "does not say which version of FHIR it speaks"),
        ("R5", "speaks FHIR R5, and this app reads 4.0"),
        ("3\x1b[2J\n", "speaks FHIR 3 [2J , and this app"),
    ],
)
async def test_versions_of_a_capability_statement(
    healthy: EHR, version: object, words: str
) -> None:
    """And one object in the place of a list is read, as converters from XML write it."""
    said = {**statement("4.0.1"), "fhirVersion": version}
    healthy.answers["/fhir/r4/metadata"] = 200, {**said, "rest": said["rest"][0]}, {}
    assert words in (await in_database(run))[1]


async def test_scopes_that_a_wildcard_covers_are_well(healthy: EHR) -> None:
    listed = ["launch", "openid", "fhirUser", "offline_access", "online_access", "launch/patient",
              "patient/*.*", "user/*.*"]  # fmt: skip
    healthy.publish(capabilities=CAPABILITIES, scopes_supported=listed)
    assert "scopes" not in await advised()


@pytest.mark.parametrize(
    "answer",
    [
        (404, b"", {}),
        (200, b"<html>", {}),
        (200, statement("3.0.2"), {}),
        (200, {"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1", "rest": 7}, {}),
        (
            200,
            {
                "resourceType": "CapabilityStatement",
                "fhirVersion": "4.0.1",
                "rest": [{"resource": 7}],
            },
            {},
        ),
    ],
)
async def test_a_base_of_another_fhir_server_is_advice(
    healthy: EHR, answer: tuple[int, Any, dict[str, str]]
) -> None:
    healthy.answers["/fhir/r4/metadata"] = answer
    assert "capability-statement" in await advised()


TOKEN = {
    "access_token": "a",
    "token_type": "Bearer",
    "expires_in": 60,
    "scope": "system/Patient.rs",
}
BUNDLE = {"resourceType": "Bundle", "type": "searchset"}
OUTCOME = {"resourceType": "OperationOutcome", "issue": [{"diagnostics": "No tenant was named"}]}


async def of_2_legged(ehr: EHR, token: Any, patients: Any) -> list[str]:
    """Return what is found of a 2-legged registration, with these answers."""
    values = {"scope": "system/Patient.rs", "standalone_scope": ""}
    await in_database(lambda: Registration.objects.update(**values))
    await in_database(lambda: Endpoint.objects.update(launchable=False, opens_from_ehr=False))
    ehr.answers["/token"], ehr.answers["/fhir/r4/Patient"] = token, patients
    _, output = await in_database(run, "general")
    return [one for one in output.splitlines() if " token: " in one or " read: " in one]


async def test_of_a_2_legged_registration_whose_discovery_fails_no_token_is_spoken_of(
    healthy: EHR,
) -> None:
    """Its fix would be to read what cannot be read."""
    healthy.publish(token_endpoint=None)
    assert await of_2_legged(healthy, (200, TOKEN, {}), (200, BUNDLE, {})) == []


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((401, {"error": "invalid_client", "error_description": "kid not found"}, {}),
         "The EHR does not have the key that we sign with. The EHR answered 401 invalid_client. "
         "It said: “kid not found”"),
        ((401, {"error": "invalid_client", "error_description": "Unknown client_id"}, {}),
         "The EHR does not know our client id"),
        ((400, {"error": "invalid_scope"}, {}), "The EHR does not give these scopes"),
        ((400, {"error": "unauthorized_client"}, {}), "The app may not use this grant"),
        ((200, b"<html>", {}), "What answered is not an OAuth token endpoint"),
        ((500, {"error": "server_error"}, {}), "The EHR has a problem of its own"),
        ((429, {}, {}), "The EHR limits how often we may ask"),
    ],
)  # fmt: skip
async def test_what_keeps_a_2_legged_client_from_a_token_has_its_own_cause(
    healthy: EHR, answer: tuple[int, Any, dict[str, str]], words: str
) -> None:
    (line,) = await of_2_legged(healthy, answer, (200, BUNDLE, {}))

    assert line.startswith(f"  PROBLEM token: {words}")


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        ((200, BUNDLE, {}), "  ok      read: The token reads Patient."),
        ((403, OUTCOME, {}), "  PROBLEM read: The FHIR server answered 403 to a search of Patient "
         "with the token. It said: “No tenant was named”"),
        ((404, OUTCOME, {}), "  advice  read: The FHIR server answered 404 to a search of Patient "
         "with the token. It said: “No tenant was named”"),
        ((200, b"<html>", {}), "  PROBLEM read: Reading Patient with the token failed: the body is "
         "not JSON (at character 0)."),
    ],
)  # fmt: skip
async def test_whether_a_2_legged_token_reads_is_tried(
    healthy: EHR, answer: tuple[int, Any, dict[str, str]], line: str
) -> None:
    token, read = await of_2_legged(healthy, (200, TOKEN, {}), answer)

    assert token.startswith("  ok      token: A token came")
    assert read == line


async def test_that_no_scope_reads_a_record_is_advice(healthy: EHR) -> None:
    values = {"scope": "launch openid fhirUser", "standalone_scope": ""}
    await in_database(lambda: Registration.objects.update(**values))
    assert "scopes" in await advised()
    output = (await in_database(run))[1]
    assert "No scope lets the app read the patient" in output


async def test_what_was_sent_and_is_missed_is_named(healthy: EHR) -> None:
    said = {"error": "invalid_request", "error_description": "grant_type is missing"}
    healthy.answers["/token"] = 400, said, {}
    _, output = await in_database(run)
    assert "The EHR misses what was sent to it: grant_type" in output


async def test_keys_of_a_second_issuer_stop_nobody(healthy: EHR) -> None:
    """The EHR names the other one, and signs in its name."""
    other = f"{healthy.origin}/other"
    await in_database(
        lambda: Endpoint.objects.update(issuers=[*Endpoint.objects.get().issuers, other])
    )
    code, output = await in_database(run)
    assert f"advice  issuer-keys: {other}: " in output
    assert code == 0, output


async def test_keys_that_the_vendor_imported_need_not_be_fetched(healthy: EHR) -> None:
    healthy.answers[JWKS] = 404, b"", {}
    assert (await in_database(run))[0] == 1
    await in_database(lambda: KeySet.objects.update(imported_by_vendor=True))
    assert "published-key" in await advised()


async def test_that_maintain_stands_still_is_advice(healthy: EHR) -> None:
    long_ago = timezone.now() - timedelta(days=3)
    await in_database(lambda: MaintainedBy.objects.all().delete())
    await in_database(lambda: MaintainedBy.objects.create(machine="a", last_at=long_ago))
    await in_database(lambda: KeySet.objects.update(created_at=long_ago))
    assert "maintain" in await advised()
