"""A circuit breaker per host: an EHR that does not answer must not delay anything else.

The circuit opens after a few requests in a row without an answer. For a moment, requests to that
host then fail at once instead of waiting. After that one request is let through as a probe, and an
answer of any kind closes the circuit.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from smartapp.protocol.errors import (
    EHRRedirected,
    EHRResponseTooLarge,
    EHRSuspended,
    EHRTimeout,
    EHRUnreachable,
)

FAILURES_THAT_OPEN = 5
OPEN_SECONDS = 15
REMEMBERED = 1_000


class Circuit:
    """The recent failures of one host in this process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures = 0
        self._last, self._last_rule = "", ""
        self._open_until = 0.0
        self._probing = False

    def refuse_while_open(self) -> None:
        """Raise EHRSuspended at once if a request would not be let through."""
        if self.is_open:
            raise self._suspended()

    def _suspended(self) -> EHRSuspended:
        last = f"; the last one: {self._last}" if self._last else ""
        return EHRSuspended(
            f"{self._failures} requests in a row had no answer{last}",
            rule=self._last_rule,
            retry_after=max(1.0, self._open_until - self._clock()),
        )

    @contextmanager
    def request(self) -> Iterator[None]:
        """Let one request through and record its outcome. Raises EHRSuspended while the circuit is
        open."""
        probe = self._admit()
        try:
            yield
        except (EHRTimeout, EHRUnreachable) as error:
            self._failures += 1
            self._last, self._last_rule = error.detail, error.rule
            self._open_until = self._clock() + OPEN_SECONDS
            raise
        except (EHRRedirected, EHRResponseTooLarge):  # refused by us, but the host answered
            self._failures = 0
            raise
        else:
            self._failures = 0
        finally:
            if probe:
                self._probing = False

    @property
    def is_open(self) -> bool:
        return self._failures >= FAILURES_THAT_OPEN and self._clock() < self._open_until

    @property
    def is_well(self) -> bool:
        return not self._failures

    def _admit(self) -> bool:
        """Return whether this request is the probe of a host that has failed."""
        if self._failures < FAILURES_THAT_OPEN:
            return False
        if self._probing or self._clock() < self._open_until:
            raise self._suspended()
        self._probing = True
        return True


# By method, host and port, of registered EHRs and of addresses that administrators try.
_circuits: dict[str, Circuit] = {}


def open_circuits() -> int:
    """Return the number of open circuits."""
    return sum(one.is_open for one in _circuits.values())


def circuit(target: str) -> Circuit:
    """Return the circuit of a method and host. If there are too many, one without failures is
    dropped, or else the oldest."""
    if target not in _circuits:
        if len(_circuits) >= REMEMBERED:
            well = (name for name, one in _circuits.items() if one.is_well)
            del _circuits[next(well, next(iter(_circuits)))]
        _circuits[target] = Circuit()
    return _circuits[target]
