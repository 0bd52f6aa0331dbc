"""The files of deploy/: each is read by its own program, or compared with the Procfile."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.processes import ROOT

DEPLOY = ROOT / "deploy"
NGINX, OPENSSL = shutil.which("nginx") or "", shutil.which("openssl") or ""


def test_systemd_starts_what_the_procfile_starts() -> None:
    lines = dict(one.split(": ", 1) for one in (ROOT / "Procfile").read_text().splitlines())
    web = (DEPLOY / "smartapp-web@.service").read_text()
    clock = (DEPLOY / "smartapp-clock.service").read_text()
    flags = [part for part in lines["web"].split() if part.startswith("--")]
    assert flags
    for flag in flags:
        assert flag in web
    assert lines["clock"].removeprefix("python ") in clock
    for unit in (web, clock):
        assert "KillMode=control-group" in unit
        assert "Restart=always" in unit
    assert "TimeoutStopSec=35" in web


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
    site = site.replace("/var/log/nginx/smartapp.log", str(tmp_path / "log"))
    whole = tmp_path / "nginx.conf"
    whole.write_text(f"pid {tmp_path}/pid;\nerror_log stderr;\nevents {{}}\nhttp {{\n{site}\n}}\n")
    done = subprocess.run(  # noqa: S603
        [NGINX, "-t", "-c", str(whole), "-p", str(tmp_path)], capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_nginx_writes_no_query() -> None:
    site = (DEPLOY / "nginx.conf").read_text()
    log_format = site[site.index("log_format") : site.index(";", site.index("log_format"))]
    for variable in ("$request ", '$request"', "$request_uri", "$args", "$query_string", "referer"):
        assert variable not in log_format
