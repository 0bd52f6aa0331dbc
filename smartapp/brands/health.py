"""Checks, a few at a time, whether launches are possible at the EHRs of brands.

Lists contain many dead addresses: a third of one vendor's. A round is limited in number and time
and takes new addresses first, so thousands of dead addresses hold nothing up.
"""

import asyncio
import logging
from collections import defaultdict
from datetime import datetime, timedelta

from django.db.models import F, Q

from smartapp import rounds
from smartapp.brands import offers
from smartapp.brands.models import BrandAddress
from smartapp.database import in_database
from smartapp.protocol.errors import SmartError
from smartapp.protocol.urls import host_of
from smartapp.registrations import discovery, registry
from smartapp.registrations.models import Endpoint
from smartapp.registrations.registry import EndpointConfig

ROUND = 64
AT_ONCE = 8
# Some vendors have a thousand addresses on one host.
AT_ONE_HOST = 2
ROUND_SECONDS = 30.0
AGAIN_AFTER = timedelta(hours=12)
AGAIN_AFTER_PROBLEM = timedelta(hours=1)

logger = logging.getLogger(__name__)


async def check_round(now: datetime) -> int:
    """Check the EHRs that are due; return how many answered or failed within the round's time."""
    due = await in_database(_due, now)
    gate = asyncio.Semaphore(AT_ONCE)
    hosts: defaultdict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(AT_ONE_HOST))
    checks = (
        _check(pk, config, gate, hosts[host_of(config.fhir_base_url)], now) for pk, config in due
    )
    done, _ = await rounds.run(checks, ROUND_SECONDS)
    return done


def _due(now: datetime) -> list[tuple[int, EndpointConfig]]:
    is_due = (
        Q(checked_at=None)
        | Q(problem="", checked_at__lt=now - AGAIN_AFTER)
        | ~Q(problem="") & Q(checked_at__lt=now - AGAIN_AFTER_PROBLEM)
    )
    lookups = offers.connectable().values("iss")
    rows = (
        BrandAddress.objects.filter(is_due, lookup__in=lookups)
        .order_by(F("checked_at").asc(nulls_first=True), "pk")
        .values_list("lookup", "pk")[:ROUND]
    )
    by_lookup = dict(rows)
    endpoints = offers.connectable().filter(iss__in=by_lookup).select_related(
        "registration__key_set"
    )  # fmt: skip
    return [(by_lookup[one.iss], registry.describe(one)) for one in endpoints]


async def _check(
    pk: int,
    config: EndpointConfig,
    gate: asyncio.Semaphore,
    host: asyncio.Semaphore,
    now: datetime,
) -> None:
    async with host, gate:
        problem = await _problem(config)
    await in_database(_keep, pk, problem, now)


async def _problem(config: EndpointConfig) -> str:
    """Return the code of the error that prevents a launch; "" if there is none."""
    try:
        if not config.pinned_hosts:
            await discovery.pin_first(config, actor="maintain")
            config = await in_database(_reloaded, config.endpoint_id)
        await discovery.launch_endpoints(config)
    except SmartError as error:
        logger.info("brand address of %s: %s %s", config.slug, error.code, error.detail)
        return error.code[:63]
    return ""


def _reloaded(endpoint_id: int) -> EndpointConfig:
    row = Endpoint.objects.select_related("registration__key_set").get(pk=endpoint_id)
    return registry.describe(row)


def _keep(pk: int, problem: str, now: datetime) -> None:
    BrandAddress.objects.filter(pk=pk).update(checked_at=now, problem=problem)
