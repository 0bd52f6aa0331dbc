"""Prometheus metrics of this process. `metrics_page` adds those from the database.

No label identifies a person, and each has few values: hosts are those of registered EHRs, counted
together beyond MAX_HOSTS; codes, steps and outcomes are closed lists.
"""

import asyncio
import time
from urllib.parse import urlsplit

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

from smartapp import __version__

MAX_HOSTS = 200
OTHERS = "others"
SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
LAG_LOOK_SECONDS = 0.5

PARTS = {"launch", "connect", "callback", "launches", "connections", "admin", "static", "sandbox"}
NAMED = {"": "home", ".well-known": "keys", "healthz": "health", "readyz": "health"}

registry = CollectorRegistry()
ProcessCollector(registry=registry)
Gauge("smartapp_build_info", "Which version it is.", ("version",), registry=registry).labels(
    __version__
).set(1)

requests = Counter(
    "smartapp_http_requests", "Requests answered.", ("where", "status"), registry=registry
)
request_seconds = Histogram(
    "smartapp_http_request_seconds",
    "Time until an answer was complete.",
    ("where",),
    buckets=SECONDS,
    registry=registry,
)
launches = Counter(
    "smartapp_launches",
    "Launches: begun, completed, or failed with the code of the page that said so.",
    ("kind", "outcome", "cause"),
    registry=registry,
)
refusals = Counter(
    "smartapp_refusals", "Pages that said why something did not work.", ("code",), registry=registry
)
ehr_requests = Counter(
    "smartapp_ehr_requests",
    "Requests to EHRs; status `none` where no usable answer came.",
    ("kind", "host", "status"),
    registry=registry,
)
ehr_seconds = Histogram(
    "smartapp_ehr_request_seconds",
    "Time until an EHR's answer was complete, or given up.",
    ("kind", "host"),
    buckets=SECONDS,
    registry=registry,
)
refreshes = Counter(
    "smartapp_refreshes", "Refreshes of access tokens.", ("outcome",), registry=registry
)
token_budget = Counter(
    "smartapp_token_budget",
    "Token requests that a registration's budget let through, held back, or that met a 429.",
    ("registration", "outcome"),
    registry=registry,
)
jwks_fetches = Counter(
    "smartapp_jwks_fetches", "Fetches of public keys.", ("status",), registry=registry
)
alarms = Counter("smartapp_alarms", "Alarms that were raised.", ("kind",), registry=registry)
loop_lag = Gauge(
    "smartapp_event_loop_lag_seconds",
    "Longest time in the last seconds in which the event loop served nobody.",
    registry=registry,
)
in_flight = Gauge(
    "smartapp_launches_in_flight",
    "Launches that wait for a token response.",
    registry=registry,
)
database_waiting = Gauge(
    "smartapp_database_waiting",
    "Pieces of work that wait for a database thread.",
    registry=registry,
)
circuits_open = Gauge(
    "smartapp_circuits_open", "Hosts that are left alone at the moment.", registry=registry
)

# What deploy/prometheus-alerts.yml waits for is there at 0 from the start: Prometheus sees no
# increase in a counter that appears with its first event, and of some things one is too many.
for kind in ("unexpected-error", "wrong-patient", "emergency-failed"):
    alarms.labels(kind)
for code in ("unexpected-error", "database-away", "tokens-unopened"):
    refusals.labels(code)
refreshes.labels("uncertain")

_hosts: set[str] = set()


def where(path: str) -> str:
    """Return the part of the app that a path belongs to."""
    first = path.split("/", 2)[1] if path.startswith("/") else "other"
    return first if first in PARTS else NAMED.get(first, "other")


def answered(part: str, status: int, seconds: float) -> None:
    """Count an answer by the part of the app that it came from."""
    requests.labels(part, str(status)).inc()
    request_seconds.labels(part).observe(seconds)


def exchanged(method: str, url: str, status: int | None, seconds: float) -> None:
    """Count a request to an EHR: a token request, discovery, or a read. An invalid URL was never
    requested."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return
    kind = "read"
    if method == "POST":
        kind = "token"
    elif "/.well-known/" in parts.path:
        kind = "discovery"
    host = _bounded(parts.netloc)
    ehr_requests.labels(kind, host, "none" if status is None else str(status)).inc()
    ehr_seconds.labels(kind, host).observe(seconds)


def _bounded(host: str) -> str:
    if host not in _hosts:
        if len(_hosts) >= MAX_HOSTS:
            return OTHERS
        _hosts.add(host)
    return host


async def keep_measuring_lag() -> None:
    """Measure for ever how late the event loop resumes a sleeping task."""
    worst: list[float] = []
    while True:
        began = time.monotonic()
        await asyncio.sleep(LAG_LOOK_SECONDS)
        worst = [*worst[-9:], time.monotonic() - began - LAG_LOOK_SECONDS]
        loop_lag.set(max(0.0, *worst))
