"""The second factor of an administrator: an authenticator app, and codes for when it is lost.

The devices that come with django-otp keep their keys and codes readable, in the database and on
their admin pages. Here the key is sealed and of a code only its digest is kept; django-otp brings
the arithmetic, the throttling and the session (RFC 6238).
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
TOLERANCE_STEPS = 1  # 30 seconds early or late, RFC 6238 §5.2
RECOVERY_CODES = 10
RECOVERY_CODE_BYTES = 10  # 80 bits: a digest without a salt gives nothing away


def key_context(user_id: int) -> str:
    return f"administrators.SecondFactor/user {user_id}/sealed_key"


def _normal(code: str) -> str:
    return "".join(code.split()).replace("-", "").lower()


def _digest(recovery_code: str) -> str:
    return hashlib.sha256(_normal(recovery_code).encode()).hexdigest()


class SecondFactor(ThrottlingMixin, Device):
    """The one of a person that is in use; one that is being set up is no row yet."""

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
        """Return one with a new key, not stored: it is, once a code proves that the app has it."""
        return cls.with_key(user, vault.seal(secrets.token_bytes(KEY_BYTES), key_context(user.pk)))

    @classmethod
    def with_key(cls, user: User, sealed_key: str) -> "SecondFactor":
        """Return one with this key, not stored."""
        return cls(user=user, name="Authenticator app", sealed_key=sealed_key)

    @property
    def _key(self) -> bytes:
        return vault.unseal(self.sealed_key, key_context(self.user_id))

    @property
    def secret(self) -> str:
        """The key as authenticator apps take it when it is typed in."""
        return base64.b32encode(self._key).decode()

    @property
    def uri(self) -> str:
        """What the QR code says (https://github.com/google/google-authenticator/wiki)."""
        issuer = f"smartapp {urlsplit(settings.PUBLIC_URL).hostname}"
        label = quote(f"{issuer}:{self.user.get_username()}")
        return f"otpauth://totp/{label}?" + urlencode(
            {"secret": self.secret, "issuer": issuer}, quote_via=quote
        )

    def get_throttle_factor(self) -> int:
        """Return the seconds to wait after a first wrong code; each further one doubles them."""
        return 1

    def verify_token(self, token: str) -> bool:
        """Use up a code of the app or a recovery code. Call it through django_otp.verify_token,
        which locks the row: of two people with one code, one comes in."""
        if not self.verify_is_allowed()[0]:
            return False
        accepted = self.accepts_app_code(token) or self._uses_recovery_code(token)
        if accepted:
            self.throttle_reset()
        else:
            self.throttle_increment()
        return accepted

    def accepts_app_code(self, token: str) -> bool:
        """Whether the app shows this code now; a code is accepted once. Stores nothing."""
        code = _normal(token)
        if not (len(code) == APP_CODE_DIGITS and code.isascii() and code.isdecimal()):
            return False
        totp = TOTP(self._key)
        if not totp.verify(int(code), TOLERANCE_STEPS, self.last_step + 1):
            return False
        self.last_step = totp.t()  # the step that matched: `verify` keeps its drift
        return True

    def _uses_recovery_code(self, token: str) -> bool:
        deleted, _ = RecoveryCode.objects.filter(factor=self, digest=_digest(token)).delete()
        return deleted == 1

    def new_recovery_codes(self) -> list[str]:
        """Return fresh codes, shown now and never again; the earlier ones are worth nothing."""
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
    """A password that is being judged, and counts from before it is: of many that come at once,
    no more are judged than of as many one after the other. Gone once it has been."""

    place = models.GenericIPAddressField()
    at = models.DateTimeField()

    class Meta:
        default_permissions = ()
        indexes: ClassVar = [models.Index(fields=["place"]), models.Index(fields=["at"])]

    def __str__(self) -> str:
        return f"attempt {self.pk}"
