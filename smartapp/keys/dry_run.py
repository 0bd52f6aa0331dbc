"""A dry run: sign with the key that would sign next, and verify as an EHR would.

The JWKS is fetched from its public URL over HTTP, so a proxy or cache that serves an older copy is
found here, before a launch fails.
"""

from datetime import datetime

from django.conf import settings
from django.utils import timezone
from joserfc import jwt
from joserfc.errors import JoseError

from smartapp import http
from smartapp.keys import affected_launches, fetches
from smartapp.keys.affected_launches import Outcome
from smartapp.keys.material import open_private_key
from smartapp.keys.memory import Signer
from smartapp.keys.models import KeySet, SigningKey
from smartapp.keys.rotation import Line
from smartapp.protocol import jwks
from smartapp.protocol.client_assertion import sign_client_assertion
from smartapp.protocol.errors import EHRUnavailable, IDTokenKeyUnknown, JWKSError
from smartapp.vault import VaultError

# If such an assertion ever leaked, no server would accept this audience (RFC 2606 §2).
AUDIENCE = "https://dry-run.invalid/token"


def public_url(key_set: KeySet) -> str:
    return f"{settings.PUBLIC_URL}/.well-known/jwks/{key_set}.json"


def rehearse(key_set: KeySet, line: Line) -> Outcome:
    """Return whether an EHR that fetches our JWKS now can verify the next key, or the present
    signer if no next key is published."""
    key = line.waiting or line.signer
    if key is None:
        return Outcome(False, f"Key set {key_set} has no {line.alg} key.")
    try:
        row = SigningKey.objects.get(pk=key.pk)
        assertion = sign(Signer(row.kid, row.alg, open_private_key(row)))
    except VaultError as error:
        return Outcome(False, f"The private half of {key} does not open: {error}.")
    problem = http.run(_verify(assertion, key, public_url(key_set)))
    if problem:
        return Outcome(False, f"{key}: {problem}")
    return Outcome(True, f"{key} signed, and what {public_url(key_set)} shows verifies it.")


def ask_ehrs(line: Line, *, actor: str, now: datetime) -> list[Outcome]:
    """Ask each EHR that issues tokens to the app itself (2-legged) whether it accepts the next key,
    or the present signer if no next key is published. Returns an empty list if there is no such
    EHR.

    An EHR that issues a token knows the key. This is shown but shortens no wait: another server of
    the EHR, or another of our registrations there, may have another copy.
    """
    key = line.waiting or line.signer
    if key is None:
        return []
    row = SigningKey.objects.select_related("key_set").get(pk=key.pk)
    return affected_launches.launches().ask(row, actor=actor, now=now)


def sign(signer: Signer) -> str:
    """Return an assertion that proves the key and that no server accepts."""
    return sign_client_assertion(
        client_id="dry-run",
        audience=AUDIENCE,
        private_key=signer.private_key,
        alg=signer.alg,
        kid=signer.kid,
        now=timezone.now(),
    )


async def _verify(assertion: str, key: SigningKey, url: str) -> str:
    """Return the problem that an EHR would meet; "" if it would accept the assertion."""
    try:
        response = await http.get(url, headers={"User-Agent": fetches.OURSELVES})
    except EHRUnavailable as error:
        return f"{url} was not reached from here ({error})."
    if response.status != 200:
        return f"{url} answered {response.status}."
    try:
        found = jwks.parse_jwks(response.body).find(key.kid, key.alg)
    except JWKSError as error:
        return f"what {url} answered is no JWKS ({error})."
    except IDTokenKeyUnknown:
        return (
            f"{url} does not show this key. Something in front of this app holds an older copy, "
            "or the key was published less than half a minute ago."
        )
    try:
        jwt.decode(assertion, found.key, algorithms=[key.alg])
    except JoseError as error:
        return f"the key that {url} shows does not verify its signature ({error.error})."
    return ""
