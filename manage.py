#!/usr/bin/env python3
"""The project's commands. `demo` and `test` also install what they need into `.venv/` first.

A newcomer has Python and this folder, nothing else; so for those two commands, and only when
this interpreter is not already a virtual environment, the hash-locked requirements are installed
into `.venv/` and the command goes on there. Nothing is installed in a deployment.
"""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
ENVIRONMENT = ROOT / ".venv"
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
    """Install a lock file into .venv, once per content of that file."""
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


def go_on_in_environment(command: str) -> None:
    """Replace this process by the same command inside .venv, creating .venv where needed."""
    if not environment_python().exists():
        create_environment()
    install(REQUIREMENTS[command])
    python = str(environment_python())
    os.execv(python, [python, str(ROOT / "manage.py"), *sys.argv[1:]])  # noqa: S606


def main() -> None:
    if sys.version_info < (3, 11):  # noqa: UP036 - said plainly, before a SyntaxError says it badly
        sys.exit("smartapp needs Python 3.11 or newer; this is " + sys.version.split()[0])
    command = sys.argv[1] if len(sys.argv) > 1 else ""
    in_environment = sys.prefix != sys.base_prefix
    if command in REQUIREMENTS and not in_environment:
        go_on_in_environment(command)
    if command == "test":
        # The suite is pytest's; `manage.py test` is only the one way to call it.
        os.execv(sys.executable, [sys.executable, "-X", "dev", "-m", "pytest", *sys.argv[2:]])  # noqa: S606
    if command == "demo":
        from smartapp.first_run import complete_dotenv, port_of

        complete_dotenv(ROOT / ".env", port_of(sys.argv[2:]))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "smartapp.settings")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
