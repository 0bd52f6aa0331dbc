"""A real dump, restored: single-use values cannot be used again (RFC 9700 §4.14.2)."""

import asyncio
import subprocess
from pathlib import Path

import pytest

from tests.launches.conftest import new_browser
from tests.processes import (
    answers,
    as_the_procfile,
    environment,
    manage,
    migrated_postgres_database,
    postgres_database,
    prepare,
    procfile,
    running,
)
from tests.scripted_ehr import CLIENT_ID, ScriptedEHR
from tests.serving import free_port

pytestmark = [pytest.mark.postgres, pytest.mark.endurance]


def run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 0, done.stderr


async def test_nothing_that_was_used_since_is_used_again(ehr: ScriptedEHR, tmp_path: Path) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    jwks = f"{url}/.well-known/jwks/scripted.json"
    ehr.client_jwks_url = jwks
    ehr.expires_in = 1
    dump = str(tmp_path / "backup.dump")
    with migrated_postgres_database() as before, postgres_database() as after:
        env = environment(url, before, SANDBOX="off")
        prepare(env)
        manage(
            env, "register_ehr", ehr.fhir_base_url, "--name", "Scripted", "--client-id", CLIENT_ID,
            "--slug", "scripted", "--scope", "launch openid fhirUser offline_access patient/*.rs",
        )  # fmt: skip
        serve = procfile("web")
        served = as_the_procfile(env, port)
        healthz = f"{url}/healthz"
        async with new_browser(url) as browser:
            launch = f"/launch?iss={ehr.fhir_base_url}&launch=x"
            with running(served, tmp_path / "log", *serve, ready=lambda: answers(healthz)):
                uuid = await browser.launch(launch)
                run("pg_dump", "-Fc", "-d", before, "-f", dump)
                await asyncio.sleep(1.5)
                assert (await browser.get(f"/launches/{uuid}/")).status == 200
                backed_up = {key["kid"] for key in (await (await browser.get(jwks)).json())["keys"]}
                manage(env, "rotate_keys", "scripted", "--emergency", "--reason", "stolen",
                       "--at-risk", "Scripted")  # fmt: skip
            run("pg_restore", "-d", after, "--no-owner", dump)
            said = manage({**env, "DATABASE_URL": after}, "after_restore")
            assert "Ended 1 launches" in said
            assert "signs from now on, and all others are dropped" in said
            sent = len(ehr.token_requests)
            again = {**served, "DATABASE_URL": after}
            with running(again, tmp_path / "log", *serve, ready=lambda: answers(healthz)):
                assert (await browser.get(f"/launches/{uuid}/")).status == 410
                assert len(ehr.token_requests) == sent
                published = {key["kid"] for key in (await (await browser.get(jwks)).json())["keys"]}
                assert not published & backed_up
                await browser.launch(launch)
    tokens = [request.get("refresh_token") for request in ehr.token_requests]
    used = [token for token in tokens if token]
    assert used
    assert len(used) == len(set(used))
