"""Every documented command on the demo's data, while the demo serves.

Tests what each does, how it refuses, and its exit codes.
"""

import json
import re
from datetime import UTC, datetime

import pytest

from tests.demo_server import Demo
from tests.journeys.outside import Browser, command, commands, ehr_launch, patients, refusal

THUMBPRINT = re.compile(r"[A-Za-z0-9_-]{43}")
REGISTER = "register_ehr --name Bad --client-id bad --slug bad"
EHR = "https://bad.invalid/fhir"
SERVICE = "sandbox_client bad --kind service"
WEB = "sandbox_client bad --kind web --jwks-url http://127.0.0.1:9/jwks"
KEYS = "--jwks-url http://127.0.0.1:9/jwks"
# What is typed, and a word that the refusal must contain.
REFUSED = {
    f"{REGISTER} 'http://['": "fhir_base_url",
    f"{REGISTER} {EHR} --name ''": "name",
    f"{REGISTER} {EHR} --scope 'patient/\"'": "scope",
    f"{REGISTER} {EHR} --client-secret-env NOT_THERE": "NOT_THERE",
    "rotate_keys nobody --publish": "nobody",
    "doctor nobody": "nobody",
    "maintain --every 0": "--every",
    "backend_token nobody --scope system/Patient.rs": "2-legged registration",
    "backend_token sandbox --scope patient/Patient.rs": "patient/Patient.rs",
    SERVICE: "JWKS URL",
    f"{SERVICE} --jwks-url 'http://['": "http://[",
    f"{SERVICE} {KEYS} --scope patient/Patient.rs": "patient/Patient.rs",
    f"sandbox_client '' --kind service {KEYS}": "client_id",
    f"{WEB} --redirect-uri 'http://['": "http://[",
    "sandbox_client bad --kind web --auth-method none --redirect-uri http://127.0.0.1/": "PKCE",
}


async def test_a_registration_prints_its_sheet_and_its_keys_are_served_at_once(
    demo: Demo, browser: Browser
) -> None:
    printed = await command(
        demo.env,
        "register_ehr https://ehr.invalid/fhir/r4 --name 'Elsewhere Hospital' --client-id elsewhere"
        " --preset epic --auth-method private_key_jwt --alg ES384 --scope 'launch patient/*.rs'"
        " --standalone-scope launch/patient --audience https://ehr.invalid/token"
        " --issuer https://ehr.invalid/one --issuer https://ehr.invalid/two --json",
    )
    sheet = json.loads(printed)
    assert (sheet["name"], sheet["slug"]) == ("Elsewhere Hospital", "elsewhere-hospital")
    assert sheet["launch_url"] == f"{demo.url}/launch"
    assert sheet["redirect_uri"] == f"{demo.url}/callback/elsewhere-hospital/"
    assert sheet["jwks_url"] == f"{demo.url}/.well-known/jwks/elsewhere-hospital.json"
    assert sheet["scope"] == "launch patient/*.rs"
    assert sheet["standalone_scope"] == "launch/patient"
    assert sheet["issuers"] == ["https://ehr.invalid/one", "https://ehr.invalid/two"]
    assert sheet["assertion_audience"] == "https://ehr.invalid/token"
    assert (sheet["alg"], sheet["auth_method"]) == ("ES384", "private_key_jwt")
    published = (await browser.json(sheet["jwks_url"]))["keys"]
    assert {key["kid"] for key in published} == {key["kid"] for key in sheet["keys"]}
    assert all(THUMBPRINT.fullmatch(key["kid"]) for key in published)
    (warning,) = sheet["warnings"]
    assert warning.startswith("The EHR's host is not known in DNS.")


async def test_the_same_slug_updates_and_keeps_the_rest(demo: Demo) -> None:
    line = "register_ehr https://update.invalid/fhir --name Updated --slug updated --json"
    made = await command(demo.env, f"{line} --client-id one --scope 'launch openid'")
    updated = await command(demo.env, f"{line} --client-id two")
    first, second = json.loads(made), json.loads(updated)
    assert (second["client_id"], second["scope"]) == ("two", "launch openid")
    assert second["keys"] == first["keys"]


async def test_people_get_a_sheet_too_and_a_key_set_can_be_shared(demo: Demo) -> None:
    sheet = await command(
        demo.env,
        "register_ehr https://shared.invalid/fhir --name Shared --client-id shared --slug shared"
        " --key-set sandbox",
    )
    assert f"{demo.url}/launch" in sheet
    assert f"{demo.url}/callback/shared/" in sheet
    assert f"{demo.url}/.well-known/jwks/sandbox.json" in sheet


async def test_a_secret_comes_from_the_environment_and_is_not_shown(demo: Demo) -> None:
    printed = await command(
        demo.env | {"EHR_SECRET": "not-to-be-printed"},
        "register_ehr https://secret.invalid/fhir --name Secret --client-id s --json"
        " --auth-method client_secret_basic --client-secret-env EHR_SECRET",
    )
    assert json.loads(printed)["auth_method"] == "client_secret_basic"
    assert "not-to-be-printed" not in printed


async def test_bad_input_is_refused_in_one_sentence(demo: Demo) -> None:
    results = await commands(demo.env, *REFUSED)
    for (line, word), done in zip(REFUSED.items(), results, strict=True):
        assert word in refusal(done), (line, done.stderr)


@pytest.mark.parametrize(
    "line", ["register_ehr", "rotate_keys sandbox --auto --sign", "sandbox_client x --kind other"]
)
async def test_a_line_that_is_no_call_shows_the_usage(demo: Demo, line: str) -> None:
    (done,) = await commands(demo.env, line)
    assert done.returncode == 2
    assert done.stderr.startswith("usage:")
    assert "Traceback" not in done.stderr


async def test_keys_move_step_by_step_and_a_step_too_early_says_when(
    demo: Demo, browser: Browser
) -> None:
    """The command runs in its own process; the demo publishes the keys without a restart."""
    await command(
        demo.env,
        "register_ehr https://rotation.invalid/fhir --name Rotation --client-id rotation",
    )
    address = "/.well-known/jwks/rotation.json"
    before = {key["kid"] for key in (await browser.json(address))["keys"]}
    for done in await commands(
        demo.env, "rotate_keys rotation --sign", "rotate_keys rotation --withdraw"
    ):
        assert done.returncode == 1, done.stdout
    said = await command(demo.env, "rotate_keys rotation --publish")
    exported = json.loads(await command(demo.env, "export_jwks rotation"))["keys"]
    after = {key["kid"] for key in exported}
    assert before < after
    assert all(kid in said for kid in after - before)
    early, shown = await commands(demo.env, "rotate_keys rotation --sign", "rotate_keys rotation")
    assert early.returncode == 1
    assert re.search(r"possible from \d{4}-\d\d-\d\d \d\d:\d\d", early.stderr), early.stderr
    assert all(kid in shown.stdout for kid in after)


async def test_what_runs_every_minute_may_run_several_times_at_once(demo: Demo) -> None:
    lines = ("rotate_keys --auto", "rotate_keys sandbox --auto", "maintain") * 2
    for done in await commands(demo.env, *lines):
        assert done.returncode == 0, done.stderr


async def test_doctor_finds_the_sandbox_healthy_and_an_ehr_that_is_down(demo: Demo) -> None:
    await command(
        demo.env, "register_ehr http://127.0.0.1:9/fhir --name Down --client-id d --slug down"
    )
    for_people, well, ill = await commands(
        demo.env, "doctor sandbox", "doctor sandbox --json", "doctor down --json"
    )
    assert (for_people.returncode, well.returncode, ill.returncode) == (0, 0, 1)
    assert json.loads(well.stdout)["sandbox"]["healthy"] is True
    found = json.loads(ill.stdout)["down"]
    assert found["healthy"] is False
    problems = [finding for finding in found["findings"] if finding["level"] == "problem"]
    assert problems
    assert all(finding["fix"] for finding in problems)


async def test_reseal_while_the_demo_serves_loses_nothing(demo: Demo, browser: Browser) -> None:
    page = await browser.allow(ehr_launch())
    await command(demo.env, "reseal")
    assert (await browser.get(page.url)).status == 200


async def test_an_updated_sandbox_client_is_the_same_client(demo: Demo) -> None:
    line = f"sandbox_client twice --kind web {KEYS} --redirect-uri http://127.0.0.1:9/cb --json"
    first = json.loads(await command(demo.env, line))
    updated = await command(
        demo.env,
        f"{line} --redirect-uri http://127.0.0.1:9/other --launch-url http://127.0.0.1:9/go"
        " --name Twice --profile athena --scope 'launch openid'",
    )
    second = json.loads(updated)
    assert (first["client_id"], first["profile"]) == ("twice", "strict")
    assert (second["name"], second["profile"]) == ("Twice", "athena")
    assert second["redirect_uris"] == ["http://127.0.0.1:9/cb", "http://127.0.0.1:9/other"]
    assert (second["launch_url"], second["scope"]) == ("http://127.0.0.1:9/go", "launch openid")


async def test_a_token_without_a_person_is_obtained_and_shown_on_request_only(
    demo: Demo, browser: Browser
) -> None:
    registered = await command(
        demo.env,
        f"register_ehr {demo.url}/sandbox/fhir/r4 --name Nightly --client-id nightly"
        " --scope system/Patient.rs --json",
    )
    await command(
        demo.env,
        f"sandbox_client nightly --kind service --jwks-url {json.loads(registered)['jwks_url']}",
    )
    line = "backend_token nightly --scope system/Patient.rs"
    without, shown = await command(demo.env, line), await command(demo.env, f"{line} --show-token")
    facts = dict(line.split(": ", 1) for line in shown.splitlines())
    assert (facts["token_type"], facts["scope"]) == ("Bearer", "system/Patient.rs")
    assert datetime.fromisoformat(facts["expires_at"]) > datetime.now(UTC)
    assert "access_token" not in without
    bearer = {"Authorization": f"Bearer {facts['access_token']}"}
    patient = (await patients(browser))[0]
    record = await browser.json(f"/sandbox/fhir/r4/Patient/{patient}", headers=bearer)
    assert record["id"] == patient
    assert (await browser.allow(ehr_launch())).status == 200  # launches there continue
