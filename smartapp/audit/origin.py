"""Where an action came from: a browser's address, or a command on a machine."""

import getpass
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from django.http import HttpRequest

_request: ContextVar[HttpRequest | None] = ContextVar("administrator's request", default=None)


@contextmanager
def of(request: HttpRequest) -> Iterator[None]:
    """Events recorded while the block runs came with this request."""
    token = _request.set(request)
    try:
        yield
    finally:
        _request.reset(token)


def _command() -> str:
    program = Path(sys.argv[0]).name
    return sys.argv[1] if program == "manage.py" and len(sys.argv) > 1 else program


def _person() -> str:
    """Return the user who runs a command; under `sudo` the user who called it, if known."""
    try:
        return os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):  # the uid has no user name here, as in a container
        return f"uid {os.getuid()}"


def here() -> str:
    """Return the address of the browser, or the command, its user and its machine.

    Behind a proxy this is the address that the server trusts (uvicorn --proxy-headers).
    """
    request = _request.get()
    if request is not None:
        return str(request.META.get("REMOTE_ADDR", ""))[:200]
    return f"{_command()} by {_person()} on {socket.gethostname()}"[:200]


def actor() -> str:
    """Return the actor: the user who is signed in, or else the command."""
    request = _request.get()
    user = getattr(request, "user", None)
    if user is not None and user.is_authenticated:
        return str(user.get_username())
    return "nobody signed in" if request is not None else _command()
