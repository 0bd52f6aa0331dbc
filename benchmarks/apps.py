"""The apps under comparison, each one server process with a database of its own."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.earlier import EARLIER_COMMIT, checkout
from benchmarks.ehr import SCOPE, BenchmarkEHR
from tests.processes import (
    ROOT,
    answers,
    environment,
    manage,
    postgres_database,
    prepare,
    running,
)
from tests.scripted_ehr import CLIENT_ID
from tests.serving import free_port

THREADS = 64  # of the Django peers: each of them holds one person who waits for an EHR
# Longer than an app waits for its next round: an EHR that asks just as its kept connection is being
# closed would fail a launch that has nothing to do with what is measured.
KEEP_ALIVE_SECONDS = 120
SMARTAPP = "smartapp"
EARLIER = f"smartapp {EARLIER_COMMIT}"
AUTHLIB = "Django + Authlib"
FHIRCLIENT = "Django + fhirclient"
MOZILLA = "mozilla-django-oidc"
ALLAUTH = "django-allauth"
EXPRESS = "openid-client + express"
DATABASES = ("sqlite", "postgresql")
URLS = {
    AUTHLIB: "benchmarks.peers.authlib_client",
    FHIRCLIENT: "benchmarks.peers.fhirclient_client",
    MOZILLA: "benchmarks.peers.mozilla",
    ALLAUTH: "benchmarks.peers.allauth_client",
}
SETTINGS = {
    MOZILLA: "benchmarks.peers.mozilla_settings",
    ALLAUTH: "benchmarks.peers.allauth_settings",
}
WITHOUT_ASSERTION = (FHIRCLIENT, MOZILLA, ALLAUTH)
EXPRESS_FOLDER = Path(__file__).parent / "peers" / "express"


@dataclass(frozen=True)
class App:
    name: str
    url: str
    pid: int
    ehrs: Sequence[BenchmarkEHR]
    env: dict[str, str]


@dataclass(frozen=True)
class Server:
    """How one of the apps is started. `jwks` is the path of its key set for an EHR's number."""

    command: Sequence[str]
    jwks: str
    cwd: Path = ROOT


SetUp = Callable[[str, dict[str, str], Sequence[BenchmarkEHR], Path], Server]


@contextmanager
def apps(names: Sequence[str], folder: Path, database: str, ehrs: int = 1) -> Iterator[list[App]]:
    """Start each of the apps, registered at so many EHRs of its own."""
    with ExitStack() as stack:
        yield [
            stack.enter_context(_app(name, folder / str(number), database, ehrs))
            for number, name in enumerate(names)
        ]


@contextmanager
def _app(name: str, folder: Path, database: str, ehrs: int) -> Iterator[App]:
    folder.mkdir()
    with ExitStack() as stack:
        takes_none = name in WITHOUT_ASSERTION
        own = [
            stack.enter_context(BenchmarkEHR(takes_no_assertion=takes_none)) for _ in range(ehrs)
        ]
        database_url = f"sqlite:///{folder / 'app.sqlite3'}"
        if database == "postgresql":
            database_url = stack.enter_context(postgres_database())
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        env = environment(url, database_url, SANDBOX="off", PORT=str(port))
        root = stack.enter_context(checkout(folder)) if name == EARLIER else folder
        server = _SET_UPS.get(name, _peer)(name, env, own, root)
        for number, ehr in enumerate(own):
            ehr.client_jwks_url = url + server.jwks.format(number)
        pid = stack.enter_context(
            running(
                env, folder / "log", *server.command,
                ready=lambda: answers(f"{url}/healthz"), cwd=server.cwd,
            )
        )  # fmt: skip
        yield App(name, url, pid, own, env)


def _smartapp(_: str, env: dict[str, str], ehrs: Sequence[BenchmarkEHR], __: Path) -> Server:
    prepare(env)
    for command in _registrations(ehrs):
        manage(env, *command)
    return Server(_uvicorn(env["PORT"]), "/.well-known/jwks/ehr-{}.json")


def _earlier(_: str, env: dict[str, str], ehrs: Sequence[BenchmarkEHR], root: Path) -> Server:
    commands = [("migrate", "--verbosity", "0"), ("collectstatic", "--noinput", "--verbosity", "0")]
    for command in (*commands, *_registrations(ehrs)):
        subprocess.run(  # noqa: S603
            [sys.executable, "manage.py", *command],
            cwd=root, env=env, check=True, stdout=subprocess.DEVNULL,
        )  # fmt: skip
    return Server(_uvicorn(env["PORT"]), "/.well-known/jwks/ehr-{}.json", root)


def _registrations(ehrs: Sequence[BenchmarkEHR]) -> list[tuple[str, ...]]:
    return [
        (
            "register_ehr", ehr.fhir_base_url, "--name", f"EHR {number}",
            "--slug", f"ehr-{number}", "--client-id", CLIENT_ID, "--scope", SCOPE,
        )
        for number, ehr in enumerate(ehrs)
    ]  # fmt: skip


def _uvicorn(port: str) -> list[str]:
    return [
        "-m", "uvicorn", "smartapp.asgi:application", "--port", port, "--no-access-log",
        "--timeout-keep-alive", str(KEEP_ALIVE_SECONDS),
    ]  # fmt: skip


def _peer(name: str, env: dict[str, str], ehrs: Sequence[BenchmarkEHR], _: Path) -> Server:
    env |= {
        "DJANGO_SETTINGS_MODULE": SETTINGS.get(name, "benchmarks.peers.settings"),
        "PEER": URLS[name],
        "EHRS": " ".join(ehr.fhir_base_url for ehr in ehrs),
    }
    migrate = [sys.executable, "-m", "django", "migrate", "--verbosity", "0"]
    subprocess.run(migrate, cwd=ROOT, env=env, check=True)  # noqa: S603
    serve = [
        "-m", "gunicorn", "django.core.wsgi:get_wsgi_application()",
        "--bind", f"127.0.0.1:{env['PORT']}", "--worker-class", "gthread",
        "--threads", str(THREADS), "--keep-alive", str(KEEP_ALIVE_SECONDS),
    ]  # fmt: skip
    return Server(serve, "/jwks.json")


def _express(_: str, env: dict[str, str], ehrs: Sequence[BenchmarkEHR], __: Path) -> Server:
    env |= {
        "EHRS": " ".join(ehr.fhir_base_url for ehr in ehrs),
        "CLIENT_ID": CLIENT_ID,
        "SCOPE": SCOPE,
        "NODE_ENV": "production",
    }
    npm, node = shutil.which("npm"), shutil.which("node")
    assert npm and node, "openid-client + express needs node and npm"
    install = [npm, "ci", "--silent", "--no-audit", "--no-fund"]
    subprocess.run(install, cwd=EXPRESS_FOLDER, check=True)  # noqa: S603
    return Server(["bash", "-c", f"exec {node} app.js"], "/jwks.json", EXPRESS_FOLDER)


_SET_UPS: dict[str, SetUp] = {SMARTAPP: _smartapp, EARLIER: _earlier, EXPRESS: _express}
