"""A dry run: sign with the key that would sign next, and verify as an EHR would.

The JWKS is fetched from its public URL over HTTP, so a proxy or cache that serves an older copy is
found here, before a launch fails.
"""

import time
from datetime import datetime

from django.utils import timezone
from joserfc import jwt
from joserfc.errors import JoseError

from smartapp import http
from smartapp.keys import affected_launches, fetches
from smartapp.keys.affected_launches import Outcome
from smartapp.keys.material import open_private_key
from smartapp.keys.memory import Signer
from smartapp.keys.models import KeySet, SigningKey
from smartapp.keys.public import jwks_url
from smartapp.keys.rotation import Line
from smartapp.protocol import jwks
from smartapp.protocol.client_assertion import sign_client_assertion
from smartapp.protocol.errors import EHRUnavailable, IDTokenKeyUnknown, JWKSError
from smartapp.vault import VaultError

# If such an assertion ever leaked, no server would accept this audience (RFC 2606 §2).
AUDIENCE = "https://dry-run.invalid/token"
JSON_TYPES = ("application/json", "application/jwk-set+json")
# EHRs give up soon; five keys have about 3 kB.
MAX_JWKS_SECONDS = 3
MAX_JWKS_BYTES = 20_000


def rehearse(key_set: KeySet, line: Line) -> Outcome:
    """Return whether an EHR that fetches our JWKS now can verify the next key, or the present
    signer if no next key is published."""
    key = line.waiting or line.signer
    if key is None:
        return Outcome(False, f"Key set {key_set} has no {line.alg} key.")
    try:
        row = SigningKey.objects.get(pk=key.pk)
        signer = Signer(row.kid, row.alg, open_private_key(row))
    except VaultError as error:
        return Outcome(False, f"The private half of {key} does not open: {error}.")
    url = jwks_url(key_set.slug)
    try:
        wrong = http.run(problem(url, signer, published(key_set.slug)))
    except EHRUnavailable as error:
        wrong = f"{url} was not reached from here ({error})."
    if wrong:
        return Outcome(False, f"{key}: {wrong}")
    return Outcome(True, f"{key} signed, and what {url} shows verifies it.")


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


def _sign(signer: Signer) -> str:
    """Return an assertion that proves the key and that no server accepts."""
    return sign_client_assertion(
        client_id="dry-run",
        audience=AUDIENCE,
        private_key=signer.private_key,
        alg=signer.alg,
        kid=signer.kid,
        now=timezone.now(),
    )


async def problem(url: str, signer: Signer, kids: set[str]) -> str:
    """Return what an EHR would meet that fetches our JWKS now and is shown what `signer` signs; ""
    if it would accept that. `kids`: those that have to be there. Raises
    EHRUnavailable where nothing answers."""
    started = time.monotonic()
    response = await http.get(url, headers={"User-Agent": fetches.OURSELVES})
    seconds = time.monotonic() - started
    content_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if response.status != 200:
        return f"{url} answered {response.status}."
    if content_type not in JSON_TYPES:
        return f"{url} has the content type {content_type[:60] or 'none'}, not application/json."
    if len(response.body) > MAX_JWKS_BYTES:
        return f"{url} has {len(response.body)} bytes, so something else answers."
    if seconds > MAX_JWKS_SECONDS:
        return f"{url} took {seconds:.1f} s, and EHRs do not wait that long."
    try:
        shown = jwks.parse_jwks(response.body)
        hidden = kids - {one.kid for one in shown.keys}
        if hidden:
            return (
                f"{url} does not show {', '.join(sorted(hidden))}. Something in front of this app "
                "holds an older copy, or the key was published less than half a minute ago."
            )
        found = shown.find(signer.kid, signer.alg).key
        jwt.decode(_sign(signer), found, algorithms=[signer.alg])
    except JWKSError as error:
        return f"what {url} answered is no JWKS ({error})."
    except (IDTokenKeyUnknown, JoseError) as error:
        return f"what {signer.alg} key {signer.kid} signs does not verify with {url} ({error})."
    return ""


def published(key_set: str) -> set[str]:
    """Return the kid of every key of a key set that its JWKS has to show."""
    keys = SigningKey.objects.filter(key_set__slug=key_set, withdrawn_at=None)
    return set(keys.values_list("kid", flat=True))
