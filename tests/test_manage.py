"""`manage.py` itself: which Python runs a command. Here a script stands for that of `.venv`."""

import errno
import io
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

import manage
from tests import forking, processes
from tests.processes import ROOT

# Outside of a virtual environment and without packages: a newcomer's Python, which has no Django.
BARE_PYTHON = (str(Path(sys.base_prefix) / "bin" / "python3"), "-S")
NEXT = '#!/bin/sh\necho "went on: $@"\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(ROOT / "manage.py", tmp_path)
    return tmp_path


@pytest.fixture
def environment(folder: Path) -> Path:
    python = folder / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(NEXT)
    python.chmod(0o755)
    return python


def run(folder: Path, *arguments: str, python: tuple[str, ...] = BARE_PYTHON) -> tuple[int, str]:
    """Return the exit code and all output."""
    done = subprocess.run(  # noqa: S603
        [*python, "manage.py", *arguments],
        cwd=folder, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("command", ["sandbox_client", "check", "rotate_keys", "help"])
def test_every_command_goes_on_in_venv(folder: Path, environment: Path, command: str) -> None:
    code, printed = run(folder, command, "my-app", "--kind", "web")
    assert (code, printed) == (0, f"went on: {folder}/manage.py {command} my-app --kind web\n")


def test_a_python_that_has_django_is_used_as_it_is(folder: Path, environment: Path) -> None:
    """As in a deployment. The folder has no app, so Django reports that."""
    code, printed = run(folder, "check", python=(sys.executable,))
    assert code != 0
    assert "went on" not in printed
    assert "smartapp" in printed


def test_without_django_and_venv_a_sentence_says_what_to_do(folder: Path) -> None:
    code, printed = run(folder, "sandbox_client", "my-app")
    assert code == 1
    assert "python3 manage.py demo" in printed
    assert "Traceback" not in printed


@pytest.mark.parametrize("command", ["tests.reliability", "benchmarks"])
def test_the_commands_that_measure_need_no_settings(command: str) -> None:
    """They start servers with settings of their own."""
    what_they_import = "\n".join(
        line
        for file in sorted((ROOT / command.replace(".", "/")).glob("*.py"))
        for line in file.read_text().splitlines()
        if line.startswith(("from tests.", "from benchmarks.")) and "(" not in line
    )
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", what_they_import], cwd=ROOT, env={"PATH": os.environ["PATH"]},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_a_benchmark_has_no_migrated_database_to_begin_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(processes.MIGRATED, raising=False)
    file = tmp_path / "app.sqlite3"
    env = processes.environment("http://127.0.0.1:1", f"sqlite:///{file}")
    processes.prepare(env)
    assert file.stat().st_size


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("IDLE_MINUTES", "half an hour", "IDLE_MINUTES is a number from 1 to 720."),
        ("DISCOVERY_CACHE_SECONDS", "1h", "DISCOVERY_CACHE_SECONDS is a number from 0 to "),
        ("PORT", "http", "PORT is a number from 0 to 65535."),
        ("PUBLIC_URL", "", "PUBLIC_URL is scheme, host and perhaps port, without a path"),
        ("PUBLIC_URL", "app.example.org", "PUBLIC_URL is scheme, host and perhaps port"),
        ("PUBLIC_URL", "https://app.example.org/smart", "PUBLIC_URL is scheme, host and perhaps"),
        ("PUBLIC_URL", "https://app.example.org:99999", "PUBLIC_URL is scheme, host and perhaps"),
        ("PUBLIC_URL", "https://*.example.org", "PUBLIC_URL is scheme, host and perhaps port"),
        ("PUBLIC_URL", "https://exämple.org", "PUBLIC_URL is scheme, host and perhaps port"),
        ("PUBLIC_URL", r"https://app.example.org\smart", "PUBLIC_URL is scheme, host and perhaps"),
        ("SECRET_KEY", " ", "SECRET_KEY is not set"),
        ("ALLOWED_HOSTS", "https://app.example.org", "ALLOWED_HOSTS has hosts"),
        ("ALLOWED_HOSTS", "app.example.org:443", "ALLOWED_HOSTS has hosts"),
        ("DATABASE_URL", "mysql://app:CANARY@host/app", "DATABASE_URL begins with postgres:// or "),
        ("DATABASE_URL", "", "DATABASE_URL is no address"),
        ("DATABASE_URL", "postgress://app:CANARY@host/app", "DATABASE_URL is no address"),
        ("DATABASE_URL", "app:CANARY@host", "DATABASE_URL is no address"),
        ("CACHE_URL", "rediss//:CANARY@host", "CACHE_URL is no address"),
        ("DATABASE_URL", "postgres://a:CANARY@h/a?CONN_MAX_AGE=abc", "CONN_MAX_AGE in "),
        ("CACHE_URL", "memcache://CANARY", "CACHE_URL begins with redis://"),
        ("CACHE_URL", "valkey://:CANARY@host/0", "CACHE_URL begins with redis://"),
        ("CACHE_URL", "redis://:CANARY@host/x", "CACHE_URL has a port, a database"),
        ("CACHE_URL", "redis://:CANARY@host:99999/0", "CACHE_URL has a port, a"),
        ("CACHE_URL", "redis://:CANARY@host/0?db=x", "CACHE_URL has a port, a"),
        ("CACHE_URL", "redis://:CANARY@host/0?foo=1", "CACHE_URL has a port, a"),
        ("CACHE_URL", "redis://:CANARY@host/0?socket_timeout=x", "CACHE_URL has a port, a"),
        ("CACHE_URL", "rediss://:CANARY@host/0?ssl_cert_reqs=x", "CACHE_URL has a port, a"),
        ("EMAIL_URL", "app:CANARY@host", "EMAIL_URL is no address"),
    ],
)  # fmt: skip
def test_a_setting_of_another_form_is_named_and_not_quoted(
    tmp_path: Path, name: str, value: str, words: str
) -> None:
    env = processes.environment("http://127.0.0.1:1", f"sqlite:///{tmp_path / 'app.sqlite3'}")
    done = subprocess.run(
        [sys.executable, "manage.py", "check"], cwd=ROOT, env={**env, name: value},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr.startswith(words)) == (1, True), done
    assert "CANARY" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("name", "value", "asked", "found"),
    [
        ("PUBLIC_URL", "HTTPS://app.example.org", "SESSION_COOKIE_SECURE", "True"),
        (
            "ALLOWED_HOSTS",
            "a.example, b.example",
            "ALLOWED_HOSTS[:2]",
            "['a.example', 'b.example']",
        ),
        ("ALLOWED_HOSTS", "", "ALLOWED_HOSTS[:1]", "['app.example.org']"),
        ("MAX_LAUNCHES_IN_FLIGHT", "100", "MAX_OF_ONE_ENDPOINT", "100"),
        ("METRICS_TOKEN", "$CANARY ", "METRICS_TOKEN", "$CANARY"),
        ("HELP_DESK", "$1 a minute", "HELP_DESK", "$1 a minute"),
    ],
)
def test_a_setting_that_is_written_otherwise_means_the_same(
    tmp_path: Path, name: str, value: str, asked: str, found: str
) -> None:
    env = processes.environment("https://app.example.org", f"sqlite:///{tmp_path / 'a.sqlite3'}")
    python = f"from django.conf import settings; print(settings.{asked})"
    done = forking.run({**env, name: value}, ("shell", "--no-imports", "-c", python))
    assert (done.returncode, done.stdout.strip()) == (0, found)


@pytest.mark.parametrize(
    ("database", "words"),
    [
        ("postgres://app:CANARY@127.0.0.1:1/app", "The database cannot be used: connection failed"),
        ("sqlite:////no/such/folder/app.sqlite3", "The database cannot be used: unable to open"),
        ("sqlite:///{folder}/empty.sqlite3", "Run `python manage.py migrate`"),
    ],
)
@pytest.mark.parametrize("command", ["doctor", "rotate_keys", "reseal"])
def test_a_database_that_cannot_be_used_is_told_in_a_sentence(
    tmp_path: Path, database: str, words: str, command: str
) -> None:
    env = processes.environment("http://127.0.0.1:1", database.format(folder=tmp_path))
    done = forking.run(env, (command,))
    assert (done.returncode, words in done.stderr) == (1, True), done
    assert "Traceback" not in done.stderr
    assert "CANARY" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    "command",
    [
        ("rotate_keys", ""),
        ("rotate_keys", "--alg", ""),
        ("doctor", " "),
        ("audit", "--csv", ""),
        ("audit", "--fhir", ""),
        ("after_restore", "--withdrawn="),
        ("import_brands", "list.json", "--registration", ""),
        ("register_ehr", "https://ehr.example/fhir", "--name", "N", "--slug", ""),
        ("register_ehr", "https://ehr.example/fhir", "--name", "N", "--key-set="),
    ],
)
def test_an_empty_variable_of_a_script_is_not_an_option_left_out(
    db: None, command: tuple[str, ...]
) -> None:
    with pytest.raises(CommandError, match="it is empty"):
        call_command(*command)


def test_who_interrupts_a_command_sees_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(_: list[str]) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("django.core.management.execute_from_command_line", interrupted)
    with pytest.raises(SystemExit) as ended:
        manage.run_command()
    assert ended.value.code == 130
    assert capsys.readouterr().err == "Interrupted.\n"


def test_a_file_that_may_not_be_written_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refused(_: list[str]) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), "/srv/smartapp/var/static/a")

    monkeypatch.setattr("django.core.management.execute_from_command_line", refused)
    monkeypatch.setattr(sys, "argv", ["manage.py", "collectstatic"])
    with pytest.raises(
        SystemExit, match=r"^/srv/smartapp/var/static/a: Permission denied\. Run this"
    ):
        manage.run_command()


@pytest.fixture
def shell_environment() -> dict[str, str]:
    return processes.environment("http://127.0.0.1:1", "sqlite://:memory:")


@pytest.mark.parametrize(
    ("output", "code", "words"),
    [
        ("> /dev/full", 1, "Something cannot be written: No space left on device."),
        (">&-", 0, ""),
        # Who reads has gone before the first word, as `| head -1` before the second.
        ("> >(exec <&-; touch gone; sleep 9)", 141, ""),
    ],
)
def test_where_the_output_goes_is_no_traceback_and_full_is_no_success(
    tmp_path: Path, shell_environment: dict[str, str], output: str, code: int, words: str
) -> None:
    waits = "while [ ! -e gone ]; do sleep 0.05; done;" if "gone" in output else ""
    command = f"{waits} {sys.executable} {ROOT}/manage.py check"
    done = subprocess.run(  # noqa: S603
        ["bash", "-c", f"{{ {command}; }} {output}"],  # noqa: S607
        cwd=tmp_path, env=shell_environment, stderr=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr.strip()) == (code, words)


def test_a_letter_that_a_terminal_lacks_is_written_as_its_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written = io.BytesIO()
    terminal = io.TextIOWrapper(written, encoding="latin-1")
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(io.BytesIO(), encoding="latin-1"))
    manage.prepare_output()
    sys.stdout.write("Zürich 東\n")
    terminal.flush()
    assert written.getvalue() == b"Z\xfcrich \\u6771\n"
