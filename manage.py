#!/usr/bin/env python3
"""The project's commands. They run in `.venv/` if this Python has no Django.

A newcomer has only Python and this folder. `demo` and `test` first install the hash-locked
requirements into `.venv/`, and every command then runs there. A Python that has Django, as in a
deployment or in an active virtual environment, is used as it is, and nothing is installed.
"""

import errno
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parent
ENVIRONMENT = ROOT / ".venv"
INTERRUPTED, PIPE_BROKEN = 130, 141  # as shells have them
REQUIREMENTS = {"demo": "requirements.txt", "test": "requirements-dev.txt"}


def environment_python() -> Path:
    return ENVIRONMENT / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def create_environment() -> None:
    print("Creating .venv ...", flush=True)
    result = subprocess.run([sys.executable, "-m", "venv", str(ENVIRONMENT)], check=False)  # noqa: S603
    if result.returncode:
        sys.exit(
            "This Python cannot create a virtual environment with pip in it.\n"
            "On Debian and Ubuntu that part is a package of its own: "
            "sudo apt install python3-venv\nThen run the same command again."
        )


def install(requirements: str) -> None:
    """Install a lock file into .venv unless the same content is already installed."""
    lock = (ROOT / requirements).read_bytes()
    stamp = ENVIRONMENT / f"installed-{requirements}"
    if stamp.exists() and stamp.read_bytes() == lock:
        return
    print(f"Installing {requirements} into .venv ...", flush=True)
    result = subprocess.run(  # noqa: S603
        [
            str(environment_python()), "-m", "pip", "install", "--quiet",
            "--disable-pip-version-check", "--require-hashes", "-r", str(ROOT / requirements),
        ],
        check=False,
    )  # fmt: skip
    if result.returncode:
        sys.exit(f"Installing {requirements} failed; pip says why above.")
    stamp.write_bytes(lock)


def go_on_in_environment() -> None:
    """Replace this process by the same command inside .venv."""
    python = environment_python()
    if not python.exists() or Path(sys.prefix).resolve() == ENVIRONMENT.resolve():
        sys.exit(
            "Django is not installed for this Python.\n"
            "On your desk run `python3 manage.py demo` once: it installs what is needed into "
            ".venv, and every command goes on there.\n"
            "In a deployment install requirements.txt."
        )
    os.execv(python, [str(python), str(ROOT / "manage.py"), *sys.argv[1:]])  # noqa: S606


def main() -> None:
    if sys.version_info < (3, 11):  # noqa: UP036 - said plainly, before a SyntaxError says it badly
        sys.exit("smartapp needs Python 3.11 or newer; this is " + sys.version.split()[0])
    command = sys.argv[1] if len(sys.argv) > 1 else ""
    if command in REQUIREMENTS and sys.prefix == sys.base_prefix:
        if not environment_python().exists():
            create_environment()
        install(REQUIREMENTS[command])
        go_on_in_environment()
    if find_spec("django") is None:
        go_on_in_environment()
    if command == "test":
        # The suite runs with pytest; `manage.py test` only starts it. Without compiled files each
        # of its processes would compile everything again.
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        os.execv(sys.executable, [sys.executable, "-m", "pytest", *sys.argv[2:]])  # noqa: S606
    if command == "demo":
        from smartapp.first_run import complete_dotenv, port_of

        complete_dotenv(ROOT / ".env", port_of(sys.argv[2:]))
    prepare_output()
    run_command()


def prepare_output() -> None:
    """Let nothing end a command half way because of where it prints: a terminal or a pipe whose
    encoding lacks a letter of a name, or an output that is closed."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115
        else:
            stream.reconfigure(errors="backslashreplace")


def finish_output() -> None:
    """Write what Python still keeps. At its own end it may lose that without a word: an export on a
    full disk would seem to have succeeded."""
    try:
        sys.stdout.flush()
    except OSError as error:
        # What cannot be written is not tried again at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(why_not_written(error))


def why_not_written(error: OSError) -> int | str:
    """Return the exit code after `| head`, and a sentence else."""
    is_broken = isinstance(error, BrokenPipeError)
    return PIPE_BROKEN if is_broken else f"Something cannot be written: {error.strerror}."


def run_command() -> None:
    """Run the command. What the operator has to put right is said in a sentence."""
    try:
        run_named_command()
    finally:
        finish_output()


def run_named_command() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "smartapp.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line
    from django.db import Error as DatabaseError

    try:
        execute_from_command_line(sys.argv)
    except KeyboardInterrupt:
        sys.stderr.write("Interrupted.\n")
        sys.exit(INTERRUPTED)
    except ImproperlyConfigured as error:
        sys.exit(str(error))
    except OSError as error:
        if error.errno in {errno.EPIPE, errno.ENOSPC, errno.EDQUOT}:  # which name no file
            sys.exit(why_not_written(error))
        if "--traceback" in sys.argv or not error.filename:
            raise
        whose = " Run this as the user whom the app runs as."
        is_denied = isinstance(error, PermissionError)
        sys.exit(f"{error.filename}: {error.strerror}.{whose if is_denied else ''}")
    except DatabaseError as error:
        from smartapp.exception_reports import of_the_database

        if "--traceback" in sys.argv or not (words := of_the_database(error)):
            raise
        sys.exit(words)


if __name__ == "__main__":
    main()
