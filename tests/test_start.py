"""A server that cannot work does not start, and says why in one sentence.

It is started as in the Procfile, so that the tests cover the real command.
"""

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.staticfiles.storage import ManifestStaticFilesStorage, staticfiles_storage
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db import OperationalError, ProgrammingError
from django.utils import timezone
from pytest_django import Settings

from smartapp import asgi, checks, serve, vault
from smartapp.database import close_thread_connections, in_database
from smartapp.keys import key_creation, memory
from tests.processes import (
    ROOT,
    answers,
    as_the_procfile,
    environment,
    is_alive,
    manage,
    prepare,
    procfile,
    running,
)
from tests.serving import free_port

STARTUP_FAILURE = 3  # uvicorn's, which supervisors take as final


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    env = environment("http://127.0.0.1:8000", f"sqlite:///{tmp_path / 'app.sqlite3'}")
    return as_the_procfile(env, free_port())


def ends(env: dict[str, str], **changed: str) -> tuple[int, str]:
    """Return the exit code and log of the Procfile's `web`, which must end by itself."""
    done = subprocess.run(  # noqa: S603
        procfile("web"), cwd=ROOT, env={**env, **changed}, capture_output=True, text=True,
        check=False, timeout=60,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def reasons(log: str) -> set[str]:
    return {line for line in log.splitlines() if "does not start" in line}


def test_without_a_database_no_server_starts(env: dict[str, str]) -> None:
    """Otherwise it would run without the task that keeps its keys fresh, and sign with dropped
    ones."""
    away = f"postgres://nobody@127.0.0.1:{free_port()}/none"
    code, log = ends(env, DATABASE_URL=away)
    assert code == STARTUP_FAILURE
    assert "Application startup complete" not in log
    assert "Traceback" not in log
    [reason] = {line.partition("does not start: ")[2] for line in reasons(log)}
    assert "Connection refused" in reason


def test_a_schema_that_is_behind_is_refused(env: dict[str, str]) -> None:
    manage(env, "migrate", "--verbosity", "0")
    manage(env, "migrate", "launches", "0001", "--verbosity", "0")
    code, log = ends(env)
    assert code == STARTUP_FAILURE
    assert "migrations behind this version; run `python manage.py migrate` first." in log


def test_a_wrong_key_ring_is_refused(env: dict[str, str]) -> None:
    prepare(env)
    manage(env, "register_ehr", "http://127.0.0.1:9/fhir", "--name", "A", "--client-id", "a",
           "--scope", "launch")  # fmt: skip
    code, log = ends(env, ENCRYPTION_KEYS=vault.new_key())
    assert code == STARTUP_FAILURE
    assert "ENCRYPTION_KEYS does not open what the database holds" in log


def test_a_missing_variable_is_one_sentence(env: dict[str, str]) -> None:
    code, log = ends(env, SECRET_KEY="")
    assert code == STARTUP_FAILURE
    assert "Traceback" not in log
    assert "SECRET_KEY is not set" in log


@pytest.mark.parametrize(
    ("bind", "why"), [("", "already in use"), ("no.such.host.invalid", "not known")]
)
def test_where_it_cannot_listen_is_told(env: dict[str, str], bind: str, why: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", int(env["PORT"])))
        taken.listen()
        code, log = ends(env, BIND=bind)
    assert code == STARTUP_FAILURE
    assert why in log
    [reason] = reasons(log)
    assert f"BIND={bind or '127.0.0.1'} and PORT={env['PORT']}" in reason


def test_ctrl_c_ends_it_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    """uvicorn ends in order, and then raises it."""

    def interrupted(_: serve.Server, sockets: list[socket.socket]) -> None:
        for one in sockets:
            one.close()
        raise KeyboardInterrupt

    monkeypatch.setattr(serve.Server, "run", interrupted)
    settings.PORT = 0
    serve.main()


def test_with_everything_there_it_serves_and_ends_well(env: dict[str, str], tmp_path: Path) -> None:
    prepare(env)
    log = tmp_path / "log"
    url = f"http://127.0.0.1:{env['PORT']}"
    with running(env, log, *procfile("web"), ready=lambda: answers(f"{url}/healthz")):
        # Whoever reaches it could say that it was asked by https: it listens to this machine only.
        assert not answers(f"http://127.0.0.2:{env['PORT']}/healthz")
    assert "Application startup complete" in log.read_text()
    assert "Application shutdown complete" in log.read_text()
    # A log for which there is no room ends nothing.
    with running(env, Path("/dev/full"), *procfile("web"), ready=lambda: answers(f"{url}/readyz")):
        assert not answers(f"{url}/")  # of another host: 400, and a line for the log
        assert answers(f"{url}/healthz")


def test_half_a_form_does_not_keep_it_from_ending(env: dict[str, str], tmp_path: Path) -> None:
    """The rest of a form is waited for longer than an ending server may take."""
    prepare(env)
    form = "POST /launches/{}/end/ HTTP/1.1\r\nHost: {}\r\nContent-Length: 100\r\n\r\na="
    here = ("127.0.0.1", int(env["PORT"]))
    url = f"http://{here[0]}:{here[1]}"
    env["PUBLIC_URL"] = url
    with (
        running(
            env, tmp_path / "log", *procfile("web"), ready=lambda: answers(f"{url}/healthz")
        ) as pid,
        socket.create_connection(here) as visitor,
    ):
        visitor.sendall(form.format(uuid4(), url.removeprefix("http://")).encode())
        assert answers(f"{url}/")  # the form was read before
        os.kill(pid, signal.SIGTERM)
        began = time.monotonic()
        while is_alive(pid):
            assert time.monotonic() - began < 25
            time.sleep(0.1)


class TestLifespan:
    async def started(self) -> Mapping[str, Any]:
        sent: list[Mapping[str, Any]] = []
        messages = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])

        async def receive() -> dict[str, Any]:
            return next(messages)

        async def send(message: Mapping[str, Any]) -> None:
            sent.append(message)

        await asgi.application({"type": "lifespan"}, receive, send)
        return sent[0]

    @pytest.mark.parametrize(
        "error", [OperationalError("it is away"), ProgrammingError("secret"), KeyError("secret")]
    )
    @pytest.mark.parametrize(
        "where", ["smartapp.checks.verify_ring", "smartapp.keys.memory.refresh"]
    )
    async def test_whatever_goes_wrong_ends_the_start(
        self, transactional_db: None, monkeypatch: pytest.MonkeyPatch, where: str, error: Exception
    ) -> None:
        async def fails() -> None:
            raise error

        monkeypatch.setattr(where, fails)
        message = await self.started()
        assert message["type"] == "lifespan.startup.failed"
        assert message["message"].startswith("smartapp does not start: ")
        assert "secret" not in message["message"]


@pytest.fixture
def collected(settings: Settings, tmp_path: Path) -> Iterator[ManifestStaticFilesStorage]:
    settings.STATIC_ROOT = tmp_path
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
    }
    storage: object = staticfiles_storage
    assert isinstance(storage, ManifestStaticFilesStorage)
    yield storage


def test_missing_static_files_are_refused(collected: ManifestStaticFilesStorage) -> None:
    """Without them each page would be a 500, and so would the error page."""
    with pytest.raises(ImproperlyConfigured, match="static files of this version are not in"):
        checks.verify_static_files()


def test_static_files_of_an_earlier_version_are_refused(
    collected: ManifestStaticFilesStorage, tmp_path: Path
) -> None:
    call_command("collectstatic", verbosity=0, interactive=False)
    manifest = json.loads((tmp_path / "staticfiles.json").read_text())
    collected.hashed_files = manifest["paths"]
    checks.verify_static_files()
    del collected.hashed_files["administrators/second_factor.css"]
    with pytest.raises(ImproperlyConfigured, match=r"^1 static files .*second_factor\.css"):
        checks.verify_static_files()


@pytest.mark.django_db(transaction=True)
async def test_keys_that_were_seen_long_ago_do_not_sign(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that was dropped as compromised, in a process whose database has been unavailable
    since."""
    asked: list[int] = []

    async def refresh() -> None:
        asked.append(1)

    await in_database(key_creation.create_key_set, "one", algs=["ES384"], now=timezone.now())
    await memory.refresh()
    monkeypatch.setattr(memory, "refresh_after_miss", refresh)
    await memory.signer("one", "ES384")
    assert not asked
    monkeypatch.setattr(memory, "_seen_at", memory._seen_at - 61)
    await memory.signer("one", "ES384")
    assert asked
    memory.forget()
    close_thread_connections()
