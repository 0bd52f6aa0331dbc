"""Completes `.env` for the demo, before Django can start.

Standard library only, because it runs before the settings are read.
"""

import base64
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

HEADER = (
    "# Written by `python manage.py demo`. Keep it secret and out of version control.\n"
    "# .env.example says what each variable is.\n"
)
PORTS = range(1, 65_536)
LOOPBACK = "http://127.0.0.1"


def public_url(port: int) -> str:
    return f"{LOOPBACK}:{port}"


def _fresh(port: int) -> dict[str, str]:
    return {
        "SECRET_KEY": secrets.token_urlsafe(50),
        "ENCRYPTION_KEYS": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode().rstrip("="),
        "PUBLIC_URL": public_url(port),
        "SANDBOX": "on",
        "ALLOW_LOOPBACK_EHRS": "on",
    }


def _name(line: str) -> str:
    return line.partition("=")[0].removeprefix("export ").strip()


def _is_deployment(lines: list[str], environment: Mapping[str, str]) -> bool:
    """Return whether this configuration is for a deployment with its own address."""
    configured = [line.partition("=")[2] for line in lines if _name(line) == "PUBLIC_URL"]
    url = environment.get("PUBLIC_URL") or "".join(configured[-1:])
    return bool(url) and not url.strip(" '\"").startswith(LOOPBACK)


def completed(text: str, environment: Mapping[str, str], port: int) -> str:
    """Return the content of `.env` with missing variables added. Existing ones stay, but a loopback
    PUBLIC_URL follows the port of the demo.

    A deployment's `.env` is not changed: it would serve the sandbox after its next start (T32).
    """
    if _is_deployment(text.splitlines(), environment):
        return text
    lines = text.splitlines() or HEADER.splitlines()
    lines = [
        f"PUBLIC_URL={public_url(port)}" if line.startswith(f"PUBLIC_URL={LOOPBACK}") else line
        for line in lines
    ]
    present = {_name(line) for line in lines} | set(environment)
    lines += [f"{name}={value}" for name, value in _fresh(port).items() if name not in present]
    return "\n".join(lines) + "\n"


def complete_dotenv(path: Path, port: int) -> None:
    """Add missing variables to `.env`, readable by its owner only."""
    before = path.read_text() if path.exists() else ""
    after = completed(before, os.environ, port)
    if after == before:
        if path.exists():
            path.chmod(0o600)
        return
    new = path.with_name(".env.new")
    new.unlink(missing_ok=True)
    new.touch(mode=0o600, exist_ok=False)
    new.write_text(after)
    new.replace(path)


def port_of(arguments: list[str], default: int = 8000) -> int:
    """Return the port in the arguments of `demo`. A bad one is left for the command to refuse."""
    for position, argument in enumerate(arguments):
        name, _, value = argument.partition("=")
        if name == "--port":
            value = value or "".join(arguments[position + 1 : position + 2])
            return int(value) if value.isdecimal() and int(value) in PORTS else default
    return default
