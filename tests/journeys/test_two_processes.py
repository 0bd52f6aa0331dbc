"""Two server processes on one PostgreSQL database: what may happen only once happens only once."""

import asyncio
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql

from tests.launches.conftest import new_browser
from tests.processes import (
    answers,
    as_the_procfile,
    environment,
    manage,
    migrated_postgres_database,
    prepare,
    procfile,
    running,
)
from tests.scripted_ehr import CANARY, CLIENT_ID, ScriptedEHR
from tests.serving import free_port

pytestmark = pytest.mark.postgres


async def test_twenty_loads_over_two_processes_send_one_refresh(
    ehr: ScriptedEHR, tmp_path: Path
) -> None:
    """The lease is in the database, so it holds across processes (C123, T20).

    The logs and a dump of the database contain no secret (T10, T21).
    """
    ports = free_port(), free_port()
    first, second = (f"http://127.0.0.1:{port}" for port in ports)
    ehr.client_jwks_url = f"{first}/.well-known/jwks/scripted.json"
    ehr.expires_in = 2
    log = tmp_path / "app.log"
    with migrated_postgres_database() as database_url:
        env = environment(first, database_url)
        prepare(env)
        manage(
            env, "register_ehr", ehr.fhir_base_url, "--name", "Scripted", "--client-id", CLIENT_ID,
            "--slug", "scripted", "--scope", "launch openid fhirUser offline_access patient/*.rs",
        )  # fmt: skip
        # The default, with the access log that only a flag turns off.
        serve = ("-m", "uvicorn", "smartapp.asgi:application", "--port")
        with (
            running(env, log, *serve, str(ports[0]), ready=lambda: answers(f"{first}/healthz")),
            running(env, log, *serve, str(ports[1]), ready=lambda: answers(f"{second}/healthz")),
        ):
            async with new_browser(first) as browser:
                uuid = await browser.launch(f"/launch?iss={ehr.fhir_base_url}&launch=x")
                await asyncio.sleep(2)
                ehr.expires_in = 3600
                ehr.token_delay = 0.5
                loads = [
                    browser.get(f"{origin}/launches/{uuid}/context.json")
                    for origin in (first, second) * 10
                ]
                responses = await asyncio.gather(*loads)
        assert [response.status for response in responses] == [200] * 20
        grants = [request["grant_type"] for request in ehr.token_requests]
        assert grants == ["authorization_code", "refresh_token"]
        dump = _dump(database_url)
    assert "launches_launch" in dump
    for text in (dump, log.read_text()):
        assert CANARY not in text
        assert not any(request["client_assertion"] in text for request in ehr.token_requests)
        assert ehr.token_requests[0]["code_verifier"] not in text


async def test_an_ehr_that_is_switched_off_stops_within_a_second_in_every_process(
    ehr: ScriptedEHR, tmp_path: Path
) -> None:
    """Each process checks twice a second whether the data it caches has changed.

    It does not matter whether the command, the admin or SQL by hand made the change.
    """
    ports = free_port(), free_port()
    origins = [f"http://127.0.0.1:{port}" for port in ports]
    ehr.client_jwks_url = f"{origins[0]}/.well-known/jwks/scripted.json"
    log, start = tmp_path / "app.log", f"/launch?iss={ehr.fhir_base_url}&launch=x"

    async def answers_of() -> list[int]:
        # As if behind one address: a request to another one is redirected to it.
        async with new_browser(origins[0], Host=urlsplit(origins[0]).netloc) as browser:
            return [(await browser.get(origin + start)).status for origin in origins]

    with migrated_postgres_database() as database_url:
        env = environment(origins[0], database_url)
        prepare(env)
        manage(
            env, "register_ehr", ehr.fhir_base_url, "--name", "Scripted", "--client-id", CLIENT_ID,
            "--slug", "scripted", "--scope", "launch openid fhirUser patient/*.rs",
        )  # fmt: skip
        serve = procfile("web")
        one, other = (as_the_procfile(env, port) for port in ports)
        with (
            running(one, log, *serve, ready=lambda: answers(f"{origins[0]}/healthz")),
            running(other, log, *serve, ready=lambda: answers(f"{origins[1]}/healthz")),
            psycopg.connect(database_url, autocommit=True) as by_hand,
        ):
            assert await answers_of() == [302, 302]
            for is_enabled, expected in ((False, 404), (True, 302)):
                by_hand.execute("UPDATE registrations_registration SET enabled = %s", [is_enabled])
                await asyncio.sleep(1)
                assert await answers_of() == [expected, expected]


def _dump(database_url: str) -> str:
    with psycopg.connect(database_url) as connection:
        tables = connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        ).fetchall()
        return "\n".join(
            f"{table} {row!r}"
            for (table,) in tables
            for row in connection.execute(
                sql.SQL("SELECT * FROM {}").format(sql.Identifier(table))
            ).fetchall()
        )
