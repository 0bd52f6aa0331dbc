import base64
import re

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django_otp.oath import totp

PASSWORD = "correct horse battery"


@pytest.fixture
def alice(db: None) -> User:
    return User.objects.create_superuser("alice", password=PASSWORD)


@pytest.fixture
def signed_in(client: Client, alice: User) -> Client:
    """Alice's browser after the password, before the second factor."""
    client.post(reverse("admin:login"), {"username": "alice", "password": PASSWORD})
    return client


def app_code(secret: str, *, steps: int = 0) -> str:
    """Return the code of an authenticator app with this secret, `steps` half minutes from now."""
    return f"{totp(base64.b32decode(secret), t0=-30 * steps):06d}"


def shown_secret(html: str) -> str:
    found = re.search(r'<code class="secret">([A-Z2-7]+)</code>', html)
    assert found is not None, html
    return found.group(1)


def shown_recovery_codes(html: str) -> list[str]:
    return re.findall(r"<code>((?:[a-z2-7]{4}-){3}[a-z2-7]{4})</code>", html)


def enrol(client: Client) -> tuple[str, list[str]]:
    """Set up the second factor in the browser; return the app's secret and the recovery codes.

    It is the previous code, so that the tests may still use the current one. If another half minute
    begins before it is checked, it is too old by then, and the next one is right.
    """
    url = reverse("administrators:enrol")
    secret = shown_secret(client.get(url).content.decode())
    for _ in range(2):
        done = client.post(url, {"code": app_code(secret, steps=-1)}).content.decode()
        if codes := shown_recovery_codes(done):
            return secret, codes
    pytest.fail("two codes in a row were refused")
