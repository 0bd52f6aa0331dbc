"""A pool of RSA keys for all tests of this process, because making one takes longer than most
tests.

A test's first key is the first of the pool, its second the second, and so on; the pool grows if
needed. So a test never gets a key twice. Keys that outlive a test (of a module or a fixture with a
wider scope) do not come from the pool.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from joserfc.jwk import RSAKey

PUBLIC_EXPONENT = 65537
BITS = 2048

_make = rsa.generate_private_key
_lock = threading.Lock()
_pool: list[RSAPrivateKey] = []
_used: int | None = None
"""How many of the pool this test has had; None while nobody may have one of it."""


def install() -> None:
    """Make cryptography, and joserfc which calls it, take RSA keys from the pool."""
    rsa.generate_private_key = _key
    RSAKey.binding.generate_private_key = _key_of_size  # type: ignore[method-assign]


def start_test() -> None:
    global _used
    _used = 0


@contextmanager
def set_aside() -> Iterator[None]:
    """Make real keys while the block runs, for fixtures that outlive the test."""
    global _used
    before, _used = _used, None
    try:
        yield
    finally:
        _used = before


def _key_of_size(size: int) -> RSAPrivateKey:
    return _key(PUBLIC_EXPONENT, size)


def _key(public_exponent: int, key_size: int, backend: object = None) -> RSAPrivateKey:
    global _used
    with _lock:
        if _used is None or (public_exponent, key_size) != (PUBLIC_EXPONENT, BITS):
            return _make(public_exponent, key_size)
        _used += 1
        if _used > len(_pool):
            _pool.append(_make(public_exponent, key_size))
        return _pool[_used - 1]
