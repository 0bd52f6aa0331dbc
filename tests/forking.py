"""Runs commands in processes that are forked from one with Django and the app already loaded.

Most of the time of a command is loading: a second of CPU, a hundred times in this suite. A forked
child has its own arguments, output and exit code, like a command in a terminal.

`python -m tests.forking PATH` loads what others have made and serves a socket at that path. For
each environment it forks a parent, which loads the app with its settings and serves a socket of its
own; for each command that one forks a child. All end when the tests do, with their standard input.

Tests of another copy of the app are forked from there too, before any of the app is loaded.
"""

import atexit
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent
SECONDS = 120
BROKE_OFF = b"-1"
# What the app and Django load, as far as it needs no settings.
MADE_BY_OTHERS = (
    "aiohttp", "aiohttp.web", "authlib.oauth2", "authlib.oidc.core", "cryptography.x509",
    "django.contrib.admin.sites", "django.core.management.commands.migrate",
    "django.db.backends.sqlite3.base", "django.db.models", "environ", "joserfc.jwk", "joserfc.jwt",
    "msgspec", "prometheus_client", "psycopg", "pytest", "tqdm", "uvicorn", "whitenoise",
)  # fmt: skip
Done = subprocess.CompletedProcess[str]

_servers: dict[frozenset[tuple[str, str]], Path] = {}


def run(env: Mapping[str, str], arguments: Sequence[str]) -> Done:
    """Run `manage.py` with these arguments and this environment; return the result."""
    with (
        tempfile.TemporaryFile("w+") as output,
        tempfile.TemporaryFile("w+") as errors,
        socket.socket(socket.AF_UNIX) as connection,
    ):
        connection.settimeout(SECONDS)
        connection.connect(str(_server(env)))
        request = json.dumps({"env": dict(env), "arguments": list(arguments)}).encode()
        socket.send_fds(connection, [request], [output.fileno(), errors.fileno()])
        connection.shutdown(socket.SHUT_WR)
        code = int(connection.recv(16))
        output.seek(0)
        errors.seek(0)
        return Done(list(arguments), code, output.read(), errors.read())


def run_tests(folder: Path, env: Mapping[str, str], arguments: Sequence[str]) -> Done:
    """Run pytest with these arguments on the copy of the project in the folder. What broke off has
    the exit code -1, and says why in its output."""
    with tempfile.NamedTemporaryFile("r") as output, socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(_first()))
        request = {
            "env": dict(env), "folder": str(folder), "tests": arguments, "output": output.name,
        }  # fmt: skip
        connection.sendall(json.dumps(request).encode())
        connection.shutdown(socket.SHUT_WR)
        code = int(connection.recv(16) or BROKE_OFF)
        return Done(list(arguments), code, output.read(), "")


def _server(env: Mapping[str, str]) -> Path:
    """Return the socket of the parent that read its settings from this environment.

    Secrets that a command reads from the environment are not settings.
    """
    key = frozenset((name, value) for name, value in env.items() if not name.endswith("SECRET"))
    if key not in _servers:
        path = Path(tempfile.mkdtemp()) / "commands"
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(SECONDS)
            connection.connect(str(_first()))
            connection.sendall(json.dumps({"env": dict(env), "path": str(path)}).encode())
            connection.shutdown(socket.SHUT_WR)
            assert connection.recv(16) == b"ready"
        _servers[key] = path
    return _servers[key]


@cache
def _first() -> Path:
    """Return the socket of the process from which the parents are forked."""
    path = Path(tempfile.mkdtemp()) / "parents"
    process = subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", "tests.forking", str(path)],
        cwd=ROOT, env={"PATH": os.environ["PATH"]},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    atexit.register(_end, process)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return path


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.communicate()


def _serve_parents(path: str) -> None:
    for name in MADE_BY_OTHERS:
        importlib.import_module(name)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        print("ready", flush=True)  # noqa: T201
        _fork_for_each(listener, _be_parent)


def _be_parent(connection: socket.socket) -> NoReturn:
    """Load the app with the environment that is asked for, and serve its commands; or run tests,
    and end."""
    with connection, connection.makefile() as request:
        asked = json.load(request)
        if "tests" in asked:
            connection.sendall(str(_tested(**asked)).encode())
            os._exit(0)
        _take_on(asked["env"])
        import django
        from django.core.management import get_commands, load_command_class

        django.setup()
        for name, app in get_commands().items():
            if app.startswith("smartapp"):
                load_command_class(app, name)
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(asked["path"])
        listener.listen()
        connection.sendall(b"ready")
    _fork_for_each(listener, _answer)
    os._exit(0)


def _tested(env: Mapping[str, str], folder: str, tests: list[str], output: str) -> int:
    """Return pytest's exit code."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.environ.clear()
    os.environ.update(env)
    with Path(output).open("wb") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    os.chdir(folder)
    sys.path[0] = folder
    for name in [name for name in sys.modules if name.partition(".")[0] == "tests"]:
        del sys.modules[name]
    import pytest

    try:
        code = int(pytest.main(tests))
    except Exception:  # e.g. of what a failed test left open, when all is over
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    return code


def _fork_for_each(listener: socket.socket, handle: Callable[[socket.socket], NoReturn]) -> None:
    """Handle each connection in a child, until the standard input ends."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # no zombies of ended children
    while listener in select.select([listener, sys.stdin], [], [])[0]:
        connection, _ = listener.accept()
        if os.fork() == 0:
            try:
                handle(connection)
            except BaseException:
                traceback.print_exc()
                os._exit(1)
        connection.close()


def _take_on(env: Mapping[str, str]) -> None:
    os.environ.clear()
    os.environ.update(env, DJANGO_SETTINGS_MODULE="smartapp.settings")


def _answer(connection: socket.socket) -> NoReturn:
    """Run the command in the child, report its exit code, and end."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    request, descriptors, _, _ = socket.recv_fds(connection, 1_000_000, 2)
    for descriptor, standard in zip(descriptors, (1, 2), strict=True):
        os.dup2(descriptor, standard)
    asked = json.loads(request)
    _take_on(asked["env"])
    code = _exit_code(["manage.py", *asked["arguments"]])
    sys.stdout.flush()
    sys.stderr.flush()
    connection.sendall(str(code).encode())
    os._exit(0)


def _exit_code(line: list[str]) -> int:
    import manage

    sys.argv = line
    try:
        manage.run_command()
    except SystemExit as ended:
        if isinstance(ended.code, str):
            print(ended.code, file=sys.stderr)  # noqa: T201 - as Python does at its end
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    _serve_parents(sys.argv[1])
