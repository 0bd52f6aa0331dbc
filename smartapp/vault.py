"""Encryption of stored secrets: authenticated encryption with a key ring.

`seal` encrypts with the first key of the ring; `unseal` decrypts with any of its keys. The ring
comes from `ENCRYPTION_KEYS` and never from `SECRET_KEY`: changing Django's key must not make tokens
unreadable, and a leak of one must not open the other.

A sealed value is text: `v1.<key id>.<base64url of nonce + ciphertext + tag>`. The `context` (table,
row and column, or the name of a cookie) is authenticated too, so a ciphertext that was moved to
another row cannot be unsealed. No function here returns ciphertext as plaintext.
"""

import base64
import binascii
import hashlib
import json
import os
import zlib
from collections.abc import Callable, Sequence
from dataclasses import MISSING, dataclass, fields
from functools import lru_cache, reduce
from operator import or_
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db.models import Q

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

KEY_BYTES = 32
NONCE_BYTES = 12


T = TypeVar("T", bound="DataclassInstance")


class VaultError(Exception):
    """A value that cannot be unsealed: wrong ring, wrong context, or modified. Contains no
    value."""


class KeyMissing(VaultError):
    """Sealed with a key that this ring lacks, and that of another process may have."""


class OtherRelease(VaultError):
    """Sealed in a form that this release does not know, and that of another process may."""


def _b64decode(text: str) -> bytes:
    """Decode base64url without padding, strictly: each value has only one encoding."""
    decoded = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if base64.urlsafe_b64encode(decoded).rstrip(b"=").decode() != text:
        raise ValueError
    return decoded


@dataclass(frozen=True, slots=True)
class SealedColumn:
    """A database column of sealed values. `context` returns the context of a row's value.

    `is_passing`: its rows end by themselves, and may be very many. `newest`: the order that begins
    with the newest row.
    """

    model: str
    field: str
    context: Callable[[Any], str]
    is_passing: bool = False
    newest: str = "-pk"


SEALED_COLUMNS: list[SealedColumn] = []


def register_column(
    model: str,
    field: str,
    context: Callable[[Any], str],
    *,
    is_passing: bool = False,
    newest: str = "-pk",
) -> None:
    """Declare a sealed column ("app.Model", field name). Call it in the model's module.

    `reseal` and the start-up check use only declared columns.
    """
    SEALED_COLUMNS.append(SealedColumn(model, field, context, is_passing, newest))


class KeyRing:
    """The keys of `ENCRYPTION_KEYS` by key id; the first one seals."""

    def __init__(self, encoded: Sequence[str]) -> None:
        self._ciphers: dict[str, AESGCM] = {}
        self.sealing_key_id = ""
        for position, text in enumerate(encoded, start=1):
            try:
                key = _b64decode(text.strip().rstrip("="))
            except (ValueError, binascii.Error):
                key = b""
            if len(key) != KEY_BYTES:
                raise ImproperlyConfigured(
                    f"ENCRYPTION_KEYS: entry {position} is not {KEY_BYTES} bytes in base64url."
                )
            key_id = hashlib.sha256(b"smartapp key id" + key).hexdigest()[:8]
            self.sealing_key_id = self.sealing_key_id or key_id
            self._ciphers[key_id] = AESGCM(key)
        if not self._ciphers:
            raise ImproperlyConfigured("ENCRYPTION_KEYS holds no key.")

    @property
    def prefix(self) -> str:
        """The prefix of the values that `seal` returns, and of no other key's values."""
        return f"v1.{self.sealing_key_id}."

    @property
    def prefixes(self) -> list[str]:
        """The prefixes of the values that `unseal` may be able to open."""
        return [f"v1.{key_id}." for key_id in self._ciphers]

    def has_key_of(self, field: str) -> Q:
        """Return the condition for rows whose value in `field` a key of this ring has sealed."""
        return reduce(or_, (Q(**{f"{field}__startswith": prefix}) for prefix in self.prefixes))

    def seal(self, plaintext: bytes, context: str) -> str:
        nonce = os.urandom(NONCE_BYTES)
        sealed = self._ciphers[self.sealing_key_id].encrypt(nonce, plaintext, context.encode())
        body = base64.urlsafe_b64encode(nonce + sealed).rstrip(b"=").decode()
        return self.prefix + body

    def unseal(self, sealed: str, context: str) -> bytes:
        try:
            version, key_id, body = sealed.split(".")
            raw = _b64decode(body)
        except (ValueError, binascii.Error):
            raise VaultError("not a sealed value") from None
        cipher = self._ciphers.get(key_id)
        if version != "v1" or cipher is None:
            raise KeyMissing("sealed under a key that is not in ENCRYPTION_KEYS")
        try:
            return cipher.decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], context.encode())
        except (InvalidTag, ValueError):
            raise VaultError("sealed for another place, or changed") from None


@lru_cache(maxsize=4)
def _ring(encoded: str) -> KeyRing:
    return KeyRing([entry for entry in encoded.split(",") if entry.strip()])


def ring() -> KeyRing:
    """Return the configured key ring. Raises ImproperlyConfigured if `ENCRYPTION_KEYS` is
    unusable."""
    return _ring(settings.ENCRYPTION_KEYS)


def seal(plaintext: bytes, context: str) -> str:
    """Return `plaintext` sealed with `context`, as URL-safe text."""
    return ring().seal(plaintext, context)


def unseal(sealed: str, context: str) -> bytes:
    """Return what was sealed with this context. Raises VaultError for anything else."""
    return ring().unseal(sealed, context)


@dataclass(frozen=True, slots=True)
class Form(Generic[T]):
    """How values of a dataclass are stored when sealed: as JSON with a version.

    While two releases run side by side, or after a roll-back, each reads what the other has sealed.
    A new member with a default needs no new version: where it is missing, the default applies, and
    a release that does not know it ignores it. Raise `version` when existing members change their
    meaning or when a member becomes required; other releases then cannot open the value. A value
    without a version has version 1.
    """

    kind: type[T]
    version: int = 1
    is_compressed: bool = False

    def seal(self, value: T, context: str) -> str:
        """Return the value sealed with `context`. Types that JSON lacks, such as a time, become
        text."""
        members = {one.name: getattr(value, one.name) for one in fields(self.kind)}
        plaintext = json.dumps({"version": self.version, **members}, default=str).encode()
        return seal(zlib.compress(plaintext) if self.is_compressed else plaintext, context)

    def unseal(self, sealed: str, context: str) -> T:
        """Return the value that was sealed in this form with this context.

        Values keep their JSON types: a time stays text. Raises VaultError for anything else.
        """
        plaintext = unseal(sealed, context)
        members = json.loads(zlib.decompress(plaintext) if self.is_compressed else plaintext)
        if not isinstance(members, dict) or members.get("version", 1) != self.version:
            raise OtherRelease("sealed by another release")
        known = fields(self.kind)
        needed = {one.name for one in known if one.default is one.default_factory is MISSING}
        if not needed <= members.keys():
            raise OtherRelease("sealed by another release")
        return self.kind(**{one.name: members[one.name] for one in known if one.name in members})


def new_key() -> str:
    """Return a new entry for `ENCRYPTION_KEYS`."""
    return base64.urlsafe_b64encode(os.urandom(KEY_BYTES)).rstrip(b"=").decode()
