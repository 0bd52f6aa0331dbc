"""The second factor of an administrator: an authenticator app and recovery codes (RFC 6238).

django-otp's own devices keep keys and codes in plain text, in the database and on their admin
pages. Here the key is sealed, and of a recovery code only the digest is stored. The TOTP
calculation, throttling and session come from django-otp.
"""

import base64
import hashlib
import secrets
from typing import ClassVar
from urllib.parse import quote, urlencode, urlsplit

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models
from django_otp.models import Device, ThrottlingMixin
from django_otp.oath import TOTP

from smartapp import vault

KEY_BYTES = 20  # RFC 4226 §4 R6
APP_CODE_DIGITS = 6
TOLERANCE_STEPS = 1  # 30 seconds early or late (RFC 6238 §5.2)
RECOVERY_CODES = 10
RECOVERY_CODE_BYTES = 10  # 80 bits: too many to guess from a digest, even without a salt


def key_context(user_id: int) -> str:
    return f"administrators.SecondFactor/user {user_id}/sealed_key"


def _normal(code: str) -> str:
    return "".join(code.split()).replace("-", "").lower()


def _digest(recovery_code: str) -> str:
    return hashlib.sha256(_normal(recovery_code).encode()).hexdigest()


class SecondFactor(ThrottlingMixin, Device):
    """The active second factor of a user. One that is being set up has no row yet."""

    sealed_key: "models.CharField[str, str]" = models.CharField(max_length=200)
    last_step: "models.BigIntegerField[int, int]" = models.BigIntegerField(
        default=-1, help_text="A code is accepted once."
    )

    class Meta:
        default_permissions = ()
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "confirmed"], name="one_second_factor_in_use")
        ]

    @classmethod
    def fresh(cls, user: User) -> "SecondFactor":
        """Return an unsaved second factor with a new key. It is saved once a code proves that the
        app has the key."""
        return cls.with_key(user, vault.seal(secrets.token_bytes(KEY_BYTES), key_context(user.pk)))

    @classmethod
    def with_key(cls, user: User, sealed_key: str) -> "SecondFactor":
        """Return an unsaved second factor with this key."""
        return cls(user=user, name="Authenticator app", sealed_key=sealed_key)

    @property
    def _key(self) -> bytes:
        return vault.unseal(self.sealed_key, key_context(self.user_id))

    @property
    def secret(self) -> str:
        """The key in base32, for typing it into an authenticator app."""
        return base64.b32encode(self._key).decode()

    @property
    def uri(self) -> str:
        """The content of the QR code (https://github.com/google/google-authenticator/wiki)."""
        issuer = f"smartapp {urlsplit(settings.PUBLIC_URL).hostname}"
        label = quote(f"{issuer}:{self.user.get_username()}")
        return f"otpauth://totp/{label}?" + urlencode(
            {"secret": self.secret, "issuer": issuer}, quote_via=quote
        )

    def get_throttle_factor(self) -> int:
        """Return the delay after the first wrong code, in seconds; each further one doubles it."""
        return 1

    def verify_token(self, token: str) -> bool:
        """Accept a code of the app or a recovery code, once. Call it through
        django_otp.verify_token, which locks the row: of two requests with one code, only one
        succeeds."""
        if not self.verify_is_allowed()[0]:
            return False
        accepted = self.accepts_app_code(token) or self._uses_recovery_code(token)
        if accepted:
            self.throttle_reset()
        else:
            self.throttle_increment()
        return accepted

    def accepts_app_code(self, token: str) -> bool:
        """Return whether the app shows this code now. A code is accepted once. Saves nothing."""
        code = _normal(token)
        if not (len(code) == APP_CODE_DIGITS and code.isascii() and code.isdecimal()):
            return False
        totp = TOTP(self._key)
        if not totp.verify(int(code), TOLERANCE_STEPS, self.last_step + 1):
            return False
        self.last_step = totp.t()  # the time step that matched: `verify` stored its drift
        return True

    def _uses_recovery_code(self, token: str) -> bool:
        deleted, _ = RecoveryCode.objects.filter(factor=self, digest=_digest(token)).delete()
        return deleted == 1

    def new_recovery_codes(self) -> list[str]:
        """Return new recovery codes and invalidate the earlier ones. They cannot be shown again."""
        size = RECOVERY_CODE_BYTES
        texts = [
            base64.b32encode(secrets.token_bytes(size)).decode().lower()
            for _ in range(RECOVERY_CODES)
        ]
        self.recovery_codes.all().delete()
        RecoveryCode.objects.bulk_create(
            RecoveryCode(factor=self, digest=_digest(text)) for text in texts
        )
        return ["-".join(text[at : at + 4] for at in range(0, 16, 4)) for text in texts]


vault.register_column(
    "administrators.SecondFactor", "sealed_key", lambda factor: key_context(factor.user_id)
)


class RecoveryCode(models.Model):
    factor = models.ForeignKey(
        SecondFactor, on_delete=models.CASCADE, related_name="recovery_codes"
    )
    digest = models.CharField(max_length=64)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"recovery code {self.pk}"


class SignInAttempt(models.Model):
    """A password check in progress. It is counted before the password is checked, so that parallel
    attempts are limited like successive ones. Deleted when the check is done."""

    network = models.GenericIPAddressField(db_column="place")
    at = models.DateTimeField()

    class Meta:
        default_permissions = ()
        indexes: ClassVar = [models.Index(fields=["network"]), models.Index(fields=["at"])]

    def __str__(self) -> str:
        return f"attempt {self.pk}"
