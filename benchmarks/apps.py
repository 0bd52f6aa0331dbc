"""The apps under comparison: each is one server process with its own database."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.ehr import SCOPE, BenchmarkEHR
from tests.processes import (
    answers,
    environment,
    manage,
    postgres_database,
    prepare,
    running,
)
from tests.scripted_ehr import CLIENT_ID
from tests.serving import free_port

THREADS = 64  # of the peers; each thread holds one user who waits for an EHR
# Longer than an app waits for its next round. An EHR request that meets a closing connection would
# fail a launch for a reason that is not measured here.
KEEP_ALIVE_SECONDS = 120
SMARTAPP = "smartapp"
AUTHLIB = "Django + Authlib"
FHIRCLIENT = "Django + fhirclient"
DATABASES = ("sqlite", "postgresql")
PEERS = {
    AUTHLIB: "benchmarks.peers.authlib_client",
    FHIRCLIENT: "benchmarks.peers.fhirclient_client",
}


@dataclass(frozen=True)
class App:
    name: str
    url: str
    pid: int
    ehrs: Sequence[BenchmarkEHR]


@contextmanager
def apps(names: Sequence[str], folder: Path, database: str, ehrs: int = 1) -> Iterator[list[App]]:
    """Start each app, registered at its own EHRs."""
    with ExitStack() as stack:
        yield [
            stack.enter_context(_app(name, folder / str(number), database, ehrs))
            for number, name in enumerate(names)
        ]


@contextmanager
def _app(name: str, folder: Path, database: str, ehrs: int) -> Iterator[App]:
    folder.mkdir()
    with ExitStack() as stack:
        public = name == FHIRCLIENT
        own = [stack.enter_context(BenchmarkEHR(public_client=public)) for _ in range(ehrs)]
        database_url = f"sqlite:///{folder / 'app.sqlite3'}"
        if database == "postgresql":
            database_url = stack.enter_context(postgres_database())
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        env = environment(url, database_url, SANDBOX="off")
        set_up = _smartapp if name == SMARTAPP else _peer
        command, jwks_path = set_up(name, env, own, port)
        for number, ehr in enumerate(own):
            ehr.client_jwks_url = url + jwks_path.format(number)
        log = folder / "log"
        pid = stack.enter_context(
            running(env, log, *command, ready=lambda: answers(f"{url}/healthz"))
        )
        yield App(name, url, pid, own)


def _smartapp(
    _: str, env: dict[str, str], ehrs: Sequence[BenchmarkEHR], port: int
) -> tuple[list[str], str]:
    prepare(env)
    for number, ehr in enumerate(ehrs):
        manage(
            env, "register_ehr", ehr.fhir_base_url, "--name", f"EHR {number}",
            "--slug", f"ehr-{number}", "--client-id", CLIENT_ID, "--scope", SCOPE,
        )  # fmt: skip
    serve = [
        "-m", "uvicorn", "smartapp.asgi:application", "--port", str(port), "--no-access-log",
        "--timeout-keep-alive", str(KEEP_ALIVE_SECONDS),
    ]  # fmt: skip
    return serve, "/.well-known/jwks/ehr-{}.json"


def _peer(
    name: str, env: dict[str, str], ehrs: Sequence[BenchmarkEHR], port: int
) -> tuple[list[str], str]:
    env |= {
        "DJANGO_SETTINGS_MODULE": "benchmarks.peers.settings",
        "PEER": PEERS[name],
        "EHRS": " ".join(ehr.fhir_base_url for ehr in ehrs),
    }
    manage(env, "migrate", "--verbosity", "0")
    serve = [
        "-m", "gunicorn", "django.core.wsgi:get_wsgi_application()", "--bind", f"127.0.0.1:{port}",
        "--worker-class", "gthread", "--threads", str(THREADS), "--keep-alive",
        str(KEEP_ALIVE_SECONDS),
    ]  # fmt: skip
    return serve, "/jwks.json"
