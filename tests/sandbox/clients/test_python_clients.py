"""PyPI `open-epic` and `jupyter-smart-on-fhir`, unchanged, with their own scopes.

Each runs in a separate Python, as its users have it. Neither sends a nonce or `launch/patient`, and
one sends an empty `launch=` when it starts by itself.
"""

import json
import os
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.processes import answers, running
from tests.sandbox.clients.conftest import PYTHON, Sandbox
from tests.serving import free_port


@pytest.mark.parametrize("username", ["patient", "clinician"])
@pytest.mark.parametrize("world", ["production", "strict"])
def test_open_epic(sandbox: Sandbox, python: Path, world: str, username: str) -> None:
    """Launch, read and refresh; in strict its refresh token rotates (S12, S31)."""
    redirect_uri = f"http://127.0.0.1:{free_port()}/callback"
    client_id = f"open-epic-{world}-{username}"
    record = sandbox.register(
        client_id, "--kind=public", f"--world={world}", f"--redirect-uri={redirect_uri}"
    )
    settings = {
        "fhir_base_url": record["fhir_base_url"], "client_id": client_id,
        "redirect_uri": redirect_uri,
    }  # fmt: skip
    command = [str(python), "-u", str(PYTHON / "epic_app.py"), json.dumps(settings)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as app:  # noqa: S603
        assert app.stdout is not None
        assert "Open this URL" in app.stdout.readline()
        sandbox.allow(app.stdout.readline().strip(), username=username)
        told = json.loads(app.stdout.read())
    assert told["scope"] == "openid fhirUser offline_access patient/*.read"
    assert told["read"] == told["patient"]
    assert told["conditions"] > 0
    assert told["user"].startswith(f"{record['fhir_base_url']}/")
    assert told["refreshed"] is True


@contextmanager
def notebooks(python: Path, folder: Path, port: int, record: dict[str, Any]) -> Iterator[str]:
    """Run a Jupyter server with the extension while the block runs; yields its origin."""
    origin = f"http://127.0.0.1:{port}"
    home = {"HOME": str(folder), "JUPYTER_RUNTIME_DIR": str(folder)}
    env = {"PATH": os.environ["PATH"], **home}
    serve = (
        str(python), "-m", "jupyter_server", "--no-browser", "--allow-root", f"--port={port}",
        "--IdentityProvider.token=", f"--SMARTExtensionApp.client_id={record['client_id']}",
        f"--SMARTExtensionApp.default_issuer={record['fhir_base_url']}",
        f"--SMARTExtensionApp.token_file={folder / 'token.json'}",
    )  # fmt: skip
    ready = f"{origin}/api"
    program = ("bash", "-c", f"exec {shlex.join(serve)}")
    with running(env, folder / "log", *program, ready=lambda: answers(ready)):
        yield origin


@pytest.mark.parametrize("world", ["production", "bcp"])
def test_jupyter(sandbox: Sandbox, python: Path, tmp_path: Path, world: str) -> None:
    """`patient/*.*` is narrowed to reading; the client cannot send bcp's nonce (S12, S14)."""
    port = free_port()
    origin = f"http://127.0.0.1:{port}"
    record = sandbox.register(
        f"jupyter-{world}", "--kind=public", f"--world={world}",
        f"--redirect-uri={origin}/smart-on-fhir/callback",
        f"--launch-url={origin}/smart-on-fhir/launch",
    )  # fmt: skip
    written = tmp_path / "token.json"
    ways = {
        f"/sandbox/launch?client_id={record['client_id']}": " launch",
        f"{origin}/smart-on-fhir/launch": "",
    }
    with notebooks(python, tmp_path, port, record):
        for start, launch in ways.items():
            ended = sandbox.allow(start)
            if world == "bcp":
                assert (ended.status, written.exists()) == (400, False), start
                continue
            token = json.loads(written.read_text())["token"]
            assert token["scope"] == f"openid profile fhirUser{launch} patient/*.read"
            assert token["patient"]
            written.unlink()
