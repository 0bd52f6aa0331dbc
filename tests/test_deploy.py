"""The files of deploy/: each is read by its own program, or compared with the Procfile."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import tomllib
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread, Timer
from uuid import uuid4

import pytest
import yaml
from django.test import Client
from prometheus_client import generate_latest

from smartapp import __version__, metrics, serve
from tests.processes import ROOT
from tests.reliability.services import folder_for_all, nginx
from tests.serving import free_port

DEPLOY = ROOT / "deploy"
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
CADDY = shutil.which("caddy") or ""
SYSTEMD = shutil.which("systemd-analyze") or ""
NGINX, OPENSSL = shutil.which("nginx") or "", shutil.which("openssl") or ""


def test_systemd_starts_what_the_procfile_starts() -> None:
    lines = dict(one.split(": ", 1) for one in (ROOT / "Procfile").read_text().splitlines())
    web = (DEPLOY / "smartapp-web@.service").read_text()
    clock = (DEPLOY / "smartapp-clock.service").read_text()
    for line, unit in (("web", web), ("clock", clock)):
        assert f"ExecStart=/srv/smartapp/.venv/bin/{lines[line]}\n" in unit
        assert "KillMode=control-group" in unit
        assert "Restart=always" in unit
    assert "TimeoutStopSec=35" in web
    assert f"WatchdogSec={serve.WATCHDOG_SECONDS * 10}\n" in web


@pytest.mark.skipif(not SYSTEMD, reason="no systemd-analyze")
@pytest.mark.parametrize("name", ["smartapp-web@.service", "smartapp-clock.service"])
def test_systemd_takes_the_units_and_calls_them_safe(tmp_path: Path, name: str) -> None:
    unit = (DEPLOY / name).read_text()
    programs = f"={Path(sys.executable).parent}/"
    unit = unit.replace("=/srv/smartapp/.venv/bin/", programs).replace("/srv/smartapp", "/")
    (tmp_path / name).write_text(unit)
    for asked in (["verify"], ["security", "--offline=true", "--threshold=20"]):
        done = subprocess.run(  # noqa: S603
            [SYSTEMD, "--no-pager", *asked, str(tmp_path / name)], capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, ""), done.stdout


@pytest.mark.skipif(not (NGINX and OPENSSL), reason="no nginx")
def test_nginx_takes_its_file(tmp_path: Path) -> None:
    pem, key = tmp_path / "a.pem", tmp_path / "a.key"
    subprocess.run(  # noqa: S603
        [OPENSSL, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-days", "1", "-subj", "/CN=app.example.org", "-out", pem, "-keyout", key],
        check=True, capture_output=True,
    )  # fmt: skip
    site = (DEPLOY / "nginx.conf").read_text()
    site = site.replace("/etc/ssl/certs/app.example.org.pem", str(pem))
    site = site.replace("/etc/ssl/private/app.example.org.key", str(key))
    site = site.replace("/var/log/nginx", str(tmp_path))
    whole = tmp_path / "nginx.conf"
    whole.write_text(f"pid {tmp_path}/pid;\nerror_log stderr;\nevents {{}}\nhttp {{\n{site}\n}}\n")
    done = subprocess.run(  # noqa: S603
        [NGINX, "-t", "-c", str(whole), "-p", str(tmp_path)], capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(not NGINX, reason="no nginx")
def test_nginx_asks_the_next_server_where_one_hangs() -> None:
    """The kernel still takes connections for it, and nobody accepts them. For keys it waits two
    seconds, for a page until systemd has killed the server that hangs."""

    class Keys(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: object) -> None: ...

    port = free_port()
    with (
        socket.create_server(("127.0.0.1", 0)) as hanging,
        ThreadingHTTPServer(("127.0.0.1", 0), Keys) as working,
        folder_for_all() as folder,
        nginx(folder, port, (hanging.getsockname()[1], working.server_port)),
    ):
        Thread(target=working.serve_forever, daemon=True).start()
        for _ in range(2):
            began = time.monotonic()
            address = f"http://127.0.0.1:{port}/.well-known/jwks/a.json"
            with urllib.request.urlopen(address, timeout=20) as answer:
                assert answer.read() == b"{}"
            assert time.monotonic() - began < 5
        Timer(0.2, hanging.close).start()
        for _ in range(2):
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=20) as answer:
                assert answer.read() == b"{}"
        working.shutdown()


@pytest.mark.skipif(not NGINX, reason="no nginx")
@pytest.mark.parametrize(
    ("path", "written"),
    [
        ("/callback/ehr/?code=CANARY&state=CANARY", "/callback/ehr/"),
        ("/launch?iss=https://ehr.example.org&launch=CANARY", "/launch"),
        ("/admin/invitation/Mg/CANARY/", "/admin/invitation/..."),
        ("/launches/97a3c2de/documents/CANARY", "/launches/97a3c2de/..."),
        ("/launches/97a3c2de/", "/launches/97a3c2de/"),
    ],
)
def test_nginx_writes_no_secret_while_the_servers_are_away(path: str, written: str) -> None:
    port = free_port()
    with folder_for_all() as folder:
        with nginx(folder, port, (free_port(), free_port())) as log:
            request = urllib.request.Request(f"http://127.0.0.1:{port}{path}")
            request.add_header("Referer", "https://ehr.example.org/?CANARY")
            with pytest.raises(urllib.error.HTTPError, match="502"):
                urllib.request.urlopen(request, timeout=20)  # noqa: S310
        assert f'"GET {written}" 502 ' in log.read_text()  # it has ended, so all is written
        assert not any("CANARY" in file.read_text() for file in folder.glob("*.log"))


def test_each_site_of_nginx_has_logs_of_its_own() -> None:
    """Debian's common ones have whole requests."""
    sites = (DEPLOY / "nginx.conf").read_text().split("\nserver {")[1:]
    assert len(sites) == 2
    for site in sites:
        assert "access_log /var/log/nginx/smartapp.log smartapp;" in site
        assert "error_log /var/log/nginx/error.log emerg;" in site


@pytest.mark.skipif(not CADDY, reason="no caddy")
def test_caddy_takes_its_file() -> None:
    done = subprocess.run(  # noqa: S603
        [CADDY, "validate", "--adapter", "caddyfile", "--config", DEPLOY / "Caddyfile"],
        env={**os.environ, "SITE": "app.example.org"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Caddyfile input is not formatted" not in done.stderr


class TestContainer:
    def test_starts_what_the_procfile_starts(self) -> None:
        lines = dict(one.split(": ", 1) for one in (ROOT / "Procfile").read_text().splitlines())
        assert f"CMD {json.dumps(lines['web'].split())}\n" in (ROOT / "Dockerfile").read_text()
        services = COMPOSE["services"]
        assert services["clock"]["command"] == lines["clock"]
        for part in (
            services["migrate"]["command"].removeprefix("bash -c ").strip('"').split(" && ")
        ):
            assert part in lines["release"]

    def test_is_a_users_of_its_own_and_holds_no_secret(self) -> None:
        lines = (ROOT / "Dockerfile").read_text().splitlines()
        last_stage = lines[max(n for n, line in enumerate(lines) if line.startswith("FROM")) :]
        assert "USER 10001" in last_stage
        ignored = (ROOT / ".dockerignore").read_text().splitlines()
        assert "*" in ignored
        assert not {"!.env", "!var", "!.git"} & set(ignored)

    def test_publishes_the_proxy_alone_and_believes_nobody_else(self) -> None:
        services = COMPOSE["services"]
        assert {name for name, service in services.items() if "ports" in service} == {"proxy"}
        inside = COMPOSE["networks"]["inside"]
        assert inside["internal"] is True
        [subnet] = inside["ipam"]["config"]
        for name in ("web1", "web2"):
            assert services[name]["environment"]["FORWARDED_ALLOW_IPS"] == subnet["subnet"]
            shared = set(services[name]["networks"]) & set(services["proxy"]["networks"])
            assert shared == {"inside"}

    def test_waits_for_the_database_by_the_way_that_the_app_takes(self) -> None:
        """At the first start the image's server answers at its socket alone for a while, and
        `migrate` has one attempt: without it no server starts."""
        assert "127.0.0.1" in COMPOSE["services"]["postgres"]["healthcheck"]["test"]
        assert COMPOSE["services"]["migrate"]["restart"] == "no"

    def test_has_the_time_to_stop_that_a_process_takes(self) -> None:
        for name, seconds in (("web1", "35s"), ("web2", "35s"), ("clock", "75s")):
            assert COMPOSE["services"][name]["stop_grace_period"] == seconds


class TestVersion:
    def test_is_the_same_everywhere(self) -> None:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
        assert project["version"] == __version__
        assert f'smartapp_build_info{{version="{__version__}"}} 1.0' in (
            generate_latest(metrics.registry).decode()
        )

    def test_stands_on_error_pages(self, db: None, client: Client) -> None:
        page = client.get(f"/launches/{uuid4()}/").content.decode()
        assert re.search(rf"Version</dt>\s*<dd>\s*<span[^>]*>{re.escape(__version__)}<", page)

    def test_stands_in_the_administration(self, db: None, client: Client) -> None:
        assert f"smartapp {__version__}" in client.get("/admin/login/").content.decode()


def test_the_list_of_components_is_written_by_the_command_that_is_named(tmp_path: Path) -> None:
    """SECURITY.md's, as it stands there."""
    [command] = re.findall(r"`\.venv/bin/(cyclonedx-py [^`]*)`", (ROOT / "SECURITY.md").read_text())
    words = command.replace("sbom.json", str(tmp_path / "sbom.json")).split()
    program = Path(sys.executable).parent / words[0]
    subprocess.run([program, *words[1:]], cwd=ROOT, check=True, capture_output=True)  # noqa: S603
    found = json.loads((tmp_path / "sbom.json").read_text())
    assert found["metadata"]["component"]["version"] == __version__
    locked = re.findall(
        r"^([\w.-]+)(?:\[[^\]]*\])?==(\S+)", (ROOT / "requirements.txt").read_text(), re.M
    )
    assert len(locked) > 30
    assert {(one["name"], one["version"]) for one in found["components"]} == set(locked)
