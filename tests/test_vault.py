import base64
import re
from dataclasses import dataclass

import pytest
from django.core.exceptions import ImproperlyConfigured
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from smartapp import vault
from smartapp.vault import Form, KeyRing, VaultError

OLD, NEW = (base64.urlsafe_b64encode(bytes([n]) * 32).decode() for n in (1, 2))
PLACE = "keys.signingkey:kid:private_key"


def flipped(sealed: str, position: int) -> str:
    """Return the sealed value with one bit of its body changed."""
    head, _, body = sealed.rpartition(".")
    raw = bytearray(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    raw[position] ^= 1
    return f"{head}.{base64.urlsafe_b64encode(raw).rstrip(b'=').decode()}"


class TestSealAndUnseal:
    @given(st.binary(max_size=2000), st.text(max_size=100))
    def test_what_was_sealed_for_a_place_opens_there(self, plaintext: bytes, place: str) -> None:
        ring = KeyRing([OLD])
        assert ring.unseal(ring.seal(plaintext, place), place) == plaintext

    @given(st.binary(max_size=200), st.text(max_size=50), st.text(max_size=50))
    def test_moved_to_another_place_it_stays_shut(self, secret: bytes, a: str, b: str) -> None:
        """T21: the context is authenticated, so values cannot be swapped between rows and
        columns."""
        ring = KeyRing([OLD])
        if a != b:
            with pytest.raises(VaultError, match="sealed for another place, or changed"):
                ring.unseal(ring.seal(secret, a), b)

    def test_is_text_that_fits_into_a_cookie_and_a_url(self) -> None:
        sealed = KeyRing([OLD]).seal(b"\x00\xff secret", PLACE)
        assert re.fullmatch(r"v1\.[0-9a-f]{8}\.[A-Za-z0-9_-]+", sealed)

    def test_never_the_same_twice(self) -> None:
        """A repeated nonce under one AES-GCM key would reveal both values."""
        ring = KeyRing([OLD])
        assert len({ring.seal(b"secret", PLACE) for _ in range(1000)}) == 1000

    def test_holds_nothing_of_the_plaintext(self) -> None:
        sealed = KeyRing([OLD]).seal(b"canary-secret", PLACE)
        assert b"canary" not in base64.urlsafe_b64decode(sealed.rpartition(".")[2] + "===")


class TestWhatDoesNotOpen:
    def test_any_bit_changed(self) -> None:
        ring = KeyRing([OLD])
        sealed = ring.seal(b"secret", PLACE)
        for position in range(12 + len(b"secret") + 16):
            with pytest.raises(VaultError):
                ring.unseal(flipped(sealed, position), PLACE)

    def test_cut_short_or_made_longer(self) -> None:
        ring = KeyRing([OLD])
        sealed = ring.seal(b"secret", PLACE)
        for end in range(len(sealed)):
            with pytest.raises(VaultError):
                ring.unseal(sealed[:end], PLACE)
        for more in ("A", "AAAA", "=", ".", "\n", " "):
            with pytest.raises(VaultError):
                ring.unseal(sealed + more, PLACE)

    def test_another_spelling_of_the_same_bytes(self) -> None:
        """Strict base64url: a value with two encodings could be replayed."""
        ring = KeyRing([OLD])
        sealed = ring.seal(b"0123456789", PLACE)  # 38 bytes: two spare bits in the last character
        alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        respelled = sealed[:-1] + alphabet[alphabet.index(sealed[-1]) ^ 1]
        standard = sealed.replace("-", "+").replace("_", "/")
        for other in {respelled, standard, sealed + "="} - {sealed}:
            with pytest.raises(VaultError, match="not a sealed value"):
                ring.unseal(other, PLACE)

    def test_another_version(self) -> None:
        ring = KeyRing([OLD])
        with pytest.raises(VaultError):
            ring.unseal(ring.seal(b"secret", PLACE).replace("v1.", "v2.", 1), PLACE)

    @given(st.text(max_size=200))
    def test_anything_else_is_a_vault_error_and_never_plaintext(self, text: str) -> None:
        with pytest.raises(VaultError):
            KeyRing([OLD]).unseal(text, PLACE)

    def test_the_error_holds_no_value(self) -> None:
        """T10: it goes to the log."""
        ring = KeyRing([OLD])
        sealed = ring.seal(b"secret", PLACE)
        with pytest.raises(VaultError) as caught:
            ring.unseal(sealed, "elsewhere")
        assert sealed not in str(caught.value)
        assert PLACE not in str(caught.value)


class TestKeyRing:
    def test_the_first_key_seals_and_all_open(self) -> None:
        """The ring can be changed while every value stays readable."""
        old, turned = KeyRing([OLD]), KeyRing([NEW, OLD])
        assert turned.unseal(old.seal(b"secret", PLACE), PLACE) == b"secret"
        sealed = turned.seal(b"secret", PLACE)
        assert sealed.startswith(KeyRing([NEW]).prefix)
        assert KeyRing([NEW]).unseal(sealed, PLACE) == b"secret"
        with pytest.raises(VaultError, match="under a key that is not in ENCRYPTION_KEYS"):
            old.unseal(sealed, PLACE)

    @pytest.mark.parametrize(
        ("entries", "sentence"),
        [
            ([], "ENCRYPTION_KEYS holds no key."),
            ([OLD, ""], "ENCRYPTION_KEYS: entry 2 is not 32 bytes in base64url."),
            ([OLD[:-2]], "ENCRYPTION_KEYS: entry 1 is not 32 bytes in base64url."),
            (["not base64 at all!"], "ENCRYPTION_KEYS: entry 1 is not 32 bytes in base64url."),
            (["é" * 43], "ENCRYPTION_KEYS: entry 1 is not 32 bytes in base64url."),
            (["+" * 43], "ENCRYPTION_KEYS: entry 1 is not 32 bytes in base64url."),
        ],
    )
    def test_an_unusable_ring_is_one_sentence_without_the_key(
        self, entries: list[str], sentence: str
    ) -> None:
        with pytest.raises(ImproperlyConfigured) as caught:
            KeyRing(entries)
        assert str(caught.value) == sentence

    def test_a_fresh_key_is_usable_with_and_without_padding(self) -> None:
        key = vault.new_key()
        assert len(key) == 43
        sealed = KeyRing([key]).seal(b"secret", PLACE)
        assert KeyRing([f" {key}= "]).unseal(sealed, PLACE) == b"secret"

    def test_the_ring_is_of_encryption_keys_only(self, settings: Settings) -> None:
        """Changing Django's key must not make tokens unreadable."""
        sealed = vault.seal(b"secret", PLACE)
        settings.SECRET_KEY = "another-secret-key-of-more-than-fifty-characters-0123456789"
        assert vault.unseal(sealed, PLACE) == b"secret"
        settings.ENCRYPTION_KEYS = f"{NEW},{settings.ENCRYPTION_KEYS}"
        assert vault.unseal(sealed, PLACE) == b"secret"
        settings.ENCRYPTION_KEYS = NEW
        with pytest.raises(VaultError):
            vault.unseal(sealed, PLACE)


@dataclass(frozen=True)
class Before:
    name: str


@dataclass(frozen=True)
class After:
    name: str
    size: int = 7


@dataclass(frozen=True)
class Needed:
    name: str
    size: int


class TestForm:
    """Two releases side by side, or one after the other in either direction."""

    def test_a_member_with_a_default_is_read_in_both_directions(self) -> None:
        old, new = Form(Before), Form(After)
        assert new.unseal(old.seal(Before("a"), PLACE), PLACE) == After("a", 7)
        assert old.unseal(new.seal(After("a", 8), PLACE), PLACE) == Before("a")

    def test_what_was_sealed_before_there_were_versions_is_the_first(self) -> None:
        assert Form(Before).unseal(vault.seal(b'{"name": "a"}', PLACE), PLACE) == Before("a")

    @pytest.mark.parametrize(
        "plaintext", [b'["a"]', b'{"name": "a"}', b'{"version": 1, "size": 2}']
    )
    def test_what_lacks_what_is_needed_does_not_open(self, plaintext: bytes) -> None:
        with pytest.raises(VaultError, match="another release"):
            Form(Needed).unseal(vault.seal(plaintext, PLACE), PLACE)

    @pytest.mark.parametrize(("sealing", "opening"), [(1, 2), (2, 1)])
    def test_another_version_does_not_open(self, sealing: int, opening: int) -> None:
        sealed = Form(Before, sealing).seal(Before("a"), PLACE)
        with pytest.raises(VaultError, match="another release"):
            Form(Before, opening).unseal(sealed, PLACE)
