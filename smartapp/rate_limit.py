"""Rate limits per network address, so that a flood from one does not lock out others (T30).

Too many requests to the launch, connect or callback path from one network are answered from memory,
before Django. The limit is generous, because a whole hospital may share one address (NAT): 20
requests a second on average, that is 10 launches, and 1,000 at once, as at the start of a shift.
This is far more than people need, and a small part of what one process can do. Other pages have
their own limit, and so have sign-ins to the admin site.

Each process counts in memory. This needs no round trip per request, and with N processes the limit
is N times as high. Behind a proxy the address is what the server took from X-Forwarded-For, if it
trusts the proxy (docs/operating.md). Requests from this machine are not limited, nor those without
an address, as over a Unix socket: they come from the operator, or from a proxy that does not name
the client, where one limit would hit everybody.
"""

import ipaddress
import logging
import time
from collections.abc import Callable
from functools import cache

from django.template.loader import render_to_string

from smartapp.http import is_loopback
from smartapp.protocol.errors import TooManyVisits

WAYS_IN = ("/connect/", "/callback/")
LAUNCH = "/launch"
PER_SECOND = 20
AT_ONCE = 1_000
# All other pages: launches, the start page, the admin site.
PAGES_PER_SECOND = 50
PAGES_AT_ONCE = 2_000
# Passwords and codes: hashing one takes half a second of CPU time.
SIGN_INS_PER_SECOND = 0.5
SIGN_INS_AT_ONCE = 20
# How many refusals are logged one by one, before they are only counted.
LINES_PER_SECOND = 1
LINES_AT_ONCE = 200
REFUSALS_COUNTED = "refusals of %s are counted, not logged one by one; %d so far"
SIGN_IN_PATHS = ("/admin/login/", "/admin/second-factor/", "/admin/invitation/")
IPV6_SITE = 48  # the prefix of one customer; a single host is easily given many /64
MAX_ADDRESSES = 20_000
SECONDS_BETWEEN_LOG_LINES = 60
# An EHR may frame this page like any launch page; it contains nothing to click.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; font-src 'self'; "
    "base-uri 'none'; form-action 'none'"
)

logger = logging.getLogger(__name__)


class Visits:
    """Counts the recent requests of each network. For each it stores the time at which its requests
    are worked off (the generic cell rate algorithm: one number per network)."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        *,
        per_second: float | None = None,
        at_once: int | None = None,
        log_line: str = "too many visits from %s; %d refused so far",
    ) -> None:
        self._clock = clock
        self._per_second, self._at_once = per_second or PER_SECOND, at_once or AT_ONCE
        self._log_line = log_line
        self._worked_off: dict[str, float] = {}
        self._logged_at = -float(SECONDS_BETWEEN_LOG_LINES)
        self._refused = 0

    def admits(self, address: str) -> bool:
        """Return whether one more request from this address is allowed; count it if so."""
        if not address or is_loopback(address):
            return True
        now, network = self._clock(), network_of(address, IPV6_SITE)
        worked_off = max(self._worked_off.get(network, now), now)
        if worked_off - now > (self._at_once - 1) / self._per_second:
            self._refuse(network, now)
            return False
        if network not in self._worked_off and len(self._worked_off) >= MAX_ADDRESSES:
            self._make_room(now)
        self._worked_off[network] = worked_off + 1 / self._per_second
        return True

    def _refuse(self, network: str, now: float) -> None:
        """Count a refused request. A flood is not logged line by line."""
        self._refused += 1
        if now - self._logged_at >= SECONDS_BETWEEN_LOG_LINES:
            logger.warning(self._log_line, network, self._refused)
            self._logged_at = now

    def _make_room(self, now: float) -> None:
        """Forget networks that were quiet; if there are none, the older half."""
        busy = {network: at for network, at in self._worked_off.items() if at > now}
        if len(busy) >= MAX_ADDRESSES:
            busy = dict(list(busy.items())[MAX_ADDRESSES // 2 :])
        self._worked_off = busy


def network_of(address: str, ipv6_prefix: int = 64) -> str:
    """Return the network that an address counts for: an IPv4 address itself, in any notation, or
    the IPv6 network, because one host has 2^64 addresses. A text that is not an address is returned
    as it is."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(ip, ipaddress.IPv4Address):
        return address
    if ip.ipv4_mapped:
        return str(ip.ipv4_mapped)
    return str(ipaddress.ip_network((ip, ipv6_prefix), strict=False))


visits = Visits()
pages = Visits(per_second=PAGES_PER_SECOND, at_once=PAGES_AT_ONCE)
sign_ins = Visits(per_second=SIGN_INS_PER_SECOND, at_once=SIGN_INS_AT_ONCE)
# Each refusal is a line in the log, so without a limit a client could flood the log.
refusal_lines = Visits(
    per_second=LINES_PER_SECOND,
    at_once=LINES_AT_ONCE,
    log_line=REFUSALS_COUNTED,
)


def admits(method: str, path: str, address: str) -> bool:
    """Return whether one more request of this kind is allowed from this address; count it if so."""
    if is_limited(path):
        return visits.admits(address)
    if is_sign_in(method, path) and not sign_ins.admits(address):
        return False
    return pages.admits(address)


def is_limited(path: str) -> bool:
    """Return whether a path begins a launch; these have the lowest limit."""
    return path == LAUNCH or path.startswith(WAYS_IN)


def is_sign_in(method: str, path: str) -> bool:
    return method == "POST" and path.startswith(SIGN_IN_PATHS)


@cache
def page() -> bytes:
    """Return the page, rendered once, because it is always the same."""
    error = TooManyVisits()
    shown = {"error": error, "words": error.wording(is_from_ehr=None), "can_repeat": True}
    return render_to_string("error.html", shown).encode()


def headers() -> list[tuple[bytes, bytes]]:
    wait = str(round(TooManyVisits.retry_after or 1)).encode()
    return [
        (b"content-type", b"text/html; charset=utf-8"),
        (b"cache-control", b"no-store"),
        (b"retry-after", wait),
        (b"refresh", wait),  # the page counts down to it
        (b"referrer-policy", b"no-referrer"),
        (b"x-content-type-options", b"nosniff"),
        (b"content-security-policy", CONTENT_SECURITY_POLICY.encode()),
    ]
