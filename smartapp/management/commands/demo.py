"""Serve the app and the sandbox EHR, connected to each other, with default settings."""

import asyncio
import io
import socket
import threading
from argparse import ArgumentParser
from typing import Any

import uvicorn
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from smartapp.first_run import PORTS, public_url
from smartapp.keys import memory
from smartapp.registrations.presets import PRESETS, defaults

CLIENT_ID = "smartapp-demo"
MAINTAIN_EVERY_SECONDS = 60
SLUG = "sandbox"
ADMIN = "admin"
ADMIN_PASSWORD = "sandbox"  # noqa: S105 - the demo listens on the loopback address only
DOORS = """
  smartapp is running. Three doors:

  Clinician   {url}/sandbox/   choose a patient and launch; sign in as clinician / sandbox
  Patient     {url}/           connect to "Sandbox EHR"; sign in as patient / sandbox
  Admin       {url}/admin/     {admin} / {password}

  The people and their records are synthetic; the passwords are for this demo only.
  Ctrl-C stops.
"""


class Command(BaseCommand):
    help = "Serve the app together with the sandbox EHR, with everything set up."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=8000)

    def handle(self, *args: Any, **options: Any) -> None:
        port: int = options["port"]
        if port not in PORTS:
            raise CommandError(f"--port is a number from {PORTS[0]} to {PORTS[-1]}, not {port}.")
        if not settings.SANDBOX or public_url(port) != settings.PUBLIC_URL:
            raise CommandError(
                f"The demo needs SANDBOX=on and PUBLIC_URL={public_url(port)}; "
                "the environment or .env says otherwise."
            )
        listener = _listen(port)
        call_command("migrate", verbosity=0)
        call_command("collectstatic", verbosity=0, interactive=False)
        _make_admin()
        asyncio.run(self._serve(listener))

    async def _serve(self, listener: socket.socket) -> None:
        # No access log: it would contain codes and states.
        config = uvicorn.Config(
            "smartapp.asgi:application", log_level="warning", access_log=False, lifespan="on"
        )
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started and not serving.done():  # noqa: ASYNC110 - uvicorn has no event
            await asyncio.sleep(0.02)
        if not serving.done():
            # This reads the EHR's discovery document over HTTP, so the server must be running.
            await asyncio.to_thread(_connect_sandbox)
            # This process learns of the new keys now, so that /readyz is ready when the doors are
            # printed.
            await memory.refresh()
            threading.Thread(target=_maintain, daemon=True).start()
            self.stdout.write(
                DOORS.format(url=settings.PUBLIC_URL, admin=ADMIN, password=ADMIN_PASSWORD)
            )
            self.stdout.flush()
        await serving


def _maintain() -> None:
    """Run `maintain`, which elsewhere is a process of its own, so that announced steps happen here
    too."""
    call_command("maintain", "--every", str(MAINTAIN_EVERY_SECONDS), stdout=io.StringIO())


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError as error:
        raise CommandError(
            f"Port {port} cannot be served on ({error.strerror}); choose another with --port."
        ) from error
    listener.listen(1024)
    return listener


def _make_admin() -> None:
    users = get_user_model()
    if not users.objects.filter(username=ADMIN).exists():
        users.objects.create_superuser(ADMIN, password=ADMIN_PASSWORD)


def _connect_sandbox() -> None:
    """Register the sandbox EHR in the app and the app at the sandbox EHR."""
    url, preset = settings.PUBLIC_URL, PRESETS[SLUG]
    usual = defaults(preset)
    unseen = io.StringIO()
    call_command(
        "sandbox_client", CLIENT_ID, "--kind", "web", "--name", "smartapp",
        "--auth-method", "private_key_jwt", "--jwks-url", f"{url}/.well-known/jwks/{SLUG}.json",
        "--redirect-uri", f"{url}/callback/{SLUG}/", "--launch-url", f"{url}/launch",
        "--standalone-url", f"{url}/connect/{SLUG}/",
        "--post-logout-redirect-uri", f"{url}/signed-out/",
        "--scope", f"{usual['scope']} {usual['standalone_scope']}",
        "--profile", "strict", "--world", "production",
        stdout=unseen,
    )  # fmt: skip
    call_command(
        "register_ehr", f"{url}/sandbox/fhir/r4", "--name", "Sandbox EHR",
        "--client-id", CLIENT_ID, "--slug", SLUG, "--preset", preset.slug,
        "--frame-ancestor", url, "--frame-ancestor", url.replace("127.0.0.1", "localhost"),
        stdout=unseen,
    )  # fmt: skip
