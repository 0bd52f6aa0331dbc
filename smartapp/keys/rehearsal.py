"""A dry run: sign with the key that would sign next, and verify as an EHR would.

The JWKS is fetched from its public URL, over HTTP: what a proxy or a cache in front of us holds
back is found here, and not by the first launch.
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

# Nobody accepts it, should it ever leave this process (RFC 2606 §2).
AUDIENCE = "https://dry-run.invalid/token"


def public_url(key_set: KeySet) -> str:
    return f"{settings.PUBLIC_URL}/.well-known/jwks/{key_set}.json"


def rehearse(key_set: KeySet, line: Line) -> Outcome:
    """Return whether an EHR that fetches our JWKS now can verify the key that signs next, or the
    present signer where no next one is published."""
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
    """Ask each EHR that gives tokens to the app itself (2-legged) whether it takes the key that
    signs next, or the present signer where no next one is published. Empty: there is no such EHR.

    Who gives a token knows the key. That is shown and makes no wait shorter: another of the EHR's
    servers, or its other applications of ours, may hold another copy.
    """
    key = line.waiting or line.signer
    if key is None:
        return []
    row = SigningKey.objects.select_related("key_set").get(pk=key.pk)
    return affected_launches.launches().ask(row, actor=actor, now=now)


def sign(signer: Signer) -> str:
    """Return an assertion that proves the key and is good nowhere."""
    return sign_client_assertion(
        client_id="dry-run",
        audience=AUDIENCE,
        private_key=signer.private_key,
        alg=signer.alg,
        kid=signer.kid,
        now=timezone.now(),
    )


async def _verify(assertion: str, key: SigningKey, url: str) -> str:
    """Return what an EHR would stumble over; nothing if it would not."""
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
