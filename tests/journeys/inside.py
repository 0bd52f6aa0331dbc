"""Helpers for tests in the app's own process: its commands, database and memory."""

import io
from datetime import timedelta
from uuid import UUID

from django.core.cache import cache
from django.core.management import call_command
from django.utils import timezone

from smartapp.database import close_thread_connections, in_database
from smartapp.keys import memory
from smartapp.launches import events
from smartapp.launches.models import Launch
from smartapp.launches.tokens import LaunchTokens, unseal
from smartapp.registrations import discovery, registry
from tests.journeys.outside import Page


def printed(*command: str) -> str:
    """Run a command of the project; return its output."""
    output = io.StringIO()
    call_command(*command, stdout=output, stderr=io.StringIO())
    return output.getvalue()


def forget() -> None:
    """Clear what the process keeps in memory, since each test has its own database."""
    for kept in (registry, discovery, memory, events):
        kept.forget()
    cache.clear()
    close_thread_connections()


def uuid_of(page: Page) -> UUID:
    return UUID(page.path.split("/")[2])


async def tokens_of(page: Page) -> LaunchTokens:
    """Return the tokens of the launch that this page shows."""
    launch = await in_database(Launch.objects.get, uuid=uuid_of(page))
    return unseal(launch.sealed_tokens, launch.uuid)


async def expire(page: Page) -> None:
    """Let the access token of this page's launch expire."""
    at = timezone.now() - timedelta(seconds=1)
    launch = Launch.objects.filter(uuid=uuid_of(page))
    await in_database(launch.update, access_token_expires_at=at)
