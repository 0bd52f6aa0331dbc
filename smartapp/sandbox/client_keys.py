"""The public keys of clients: imported, or fetched from a JWKS URL and cached as long as allowed.

They are fetched outside of transactions: the client's server may be waiting for our response.
"""

import json
import re
from datetime import UTC, timedelta
from typing import Any

from django.utils import timezone
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey
from joserfc.util import urlsafe_b64decode

from smartapp.sandbox import http
from smartapp.sandbox.models import Client, JWKSFetch, is_past
from smartapp.sandbox.refusals import invalid_client

FRESH_SECONDS_UNTOLD = 300
FRESH_SECONDS_AT_MOST = 29 * 3600
"""The longest time that a known EHR caches a key set (S51)."""
REFETCHES_PER_MINUTE = 10
MOST_KEYS_ADVISED = 5
KEPT_FETCHES_PER_CLIENT = 50
MIN_RSA_BITS = 2048
MAX_PROBLEM_CHARACTERS = 300

PublicKey = RSAKey | ECKey
RSA_ALGORITHMS = ("RS256", "RS384", "RS512")
EC_ALGORITHMS = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}
ALGORITHMS = (*RSA_ALGORITHMS, *EC_ALGORITHMS.values())
PUBLIC_MEMBERS = ("kty", "kid", "alg", "n", "e", "crv", "x", "y")

Jwk = dict[str, Any]


class JWKSInvalid(Exception):
    """A key set is unusable; the message says why."""


def find_key(client: Client, kid: str | None, *, stale: bool = False) -> Jwk:
    """Return the client's only key with this kid (S24, S53).

    A kid that is not in the cached copy may be new, so the set is fetched once more, unless that
    happens too often (S52). With `stale` nothing is fetched (S66).
    """
    keys = _keys(client) if stale and client.jwks is not None else current_keys(client)
    found = _matching(keys, kid)
    if not stale and not found and client.jwks_url and may_refetch(client):
        refetch(client)
        found = _matching(_keys(client), kid)
    if len(found) == 1:
        return found[0]
    if found:
        raise invalid_client("E5", "More than one key of this client could be meant; send a kid.")
    if kid is None:
        raise invalid_client("E5", "The client has no key that this assertion could be signed by.")
    raise invalid_client("E5", f"The client has no key with the kid {kid}.")


def current_keys(client: Client) -> list[Jwk]:
    """Return the client's keys; an expired copy is fetched again (S51, S55)."""
    if client.jwks_url and (client.jwks_fresh_until is None or is_past(client.jwks_fresh_until)):
        problem = refetch(client)
        if problem:
            raise invalid_client("S55", f"The key set of this client is not usable: {problem}.")
    return _keys(client)


def _keys(client: Client) -> list[Jwk]:
    keys: list[Jwk] = (client.jwks or {}).get("keys", [])
    return keys


def _matching(keys: list[Jwk], kid: str | None) -> list[Jwk]:
    if kid is None:
        return keys
    return [key for key in keys if key.get("kid") == kid]


def may_refetch(client: Client) -> bool:
    """Return whether the client's server was not asked too often in the last minute (S52)."""
    minute_ago = timezone.now() - timedelta(minutes=1)
    return client.jwks_fetches.filter(at__gt=minute_ago).count() < REFETCHES_PER_MINUTE


def refetch(client: Client) -> str:
    """Fetch the key set and record the fetch; return the problem, "" if there is none."""
    status, keys, fresh, problem = None, None, 0, ""
    try:
        answer = http.fetch(client.jwks_url)
        status = answer.status
        if status != 200:
            raise JWKSInvalid(f"the URL answers with status {status}")
        keys = parse_jwks(answer.body)
        fresh = max_age(answer.cache_control)
    except (http.FetchFailed, JWKSInvalid) as exc:
        problem = str(exc)
    _remember(client, status, keys, fresh, problem)
    return problem


def _remember(
    client: Client, status: int | None, keys: list[Jwk] | None, fresh: int, problem: str
) -> None:
    JWKSFetch.objects.create(
        client=client,
        status=status,
        kids=[key.get("kid", "") for key in keys or []],
        fresh_seconds=fresh,
        problem=(problem or advice(keys or []))[:MAX_PROBLEM_CHARACTERS],
    )
    stale = client.jwks_fetches.order_by("-pk").values_list("pk")[KEPT_FETCHES_PER_CLIENT:]
    JWKSFetch.objects.filter(pk__in=list(stale.values_list("pk", flat=True))).delete()
    if keys is not None:
        client.jwks = {"keys": keys}
        client.jwks_fresh_until = timezone.now() + timedelta(seconds=fresh)
        client.save(update_fields=["jwks", "jwks_fresh_until"])


def origin_in_words(client: Client) -> str:
    """Return which copy of the key set was used, because an old kid may have a new key."""
    if not client.jwks_url:
        return "It was checked against the key set that was imported for this app."
    last = client.jwks_fetches.filter(status=200).first()
    if last is None:
        return "It was checked against a copy of the app's key set."
    fetched = last.at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return (
        f"It was checked against the copy of the app's key set that was fetched at {fetched} and "
        f"is kept for {last.fresh_seconds} s. A new key needs a new kid, or keys fetched anew."
    )


def advice(keys: list[Jwk]) -> str:
    """Return a warning if there are more than five keys, which is inadvisable but allowed (S6)."""
    if len(keys) <= MOST_KEYS_ADVISED:
        return ""
    return f"warning: {len(keys)} keys; one to {MOST_KEYS_ADVISED} are recommended"


def parse_jwks(body: bytes) -> list[Jwk]:
    """Return the usable public keys of a JWKS. Raises JWKSInvalid if it contains a private key."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as exc:
        raise JWKSInvalid("it is not JSON") from exc
    members = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(members, list):
        raise JWKSInvalid("it has no list of keys")
    return [_public(member) for member in members if _is_usable(member)]


def _is_usable(jwk: object) -> bool:
    if not isinstance(jwk, dict) or jwk.get("use", "sig") != "sig":
        return False
    if "d" in jwk:
        raise JWKSInvalid("it publishes a private key; replace that key")
    members = _public(jwk)
    if not all(isinstance(value, str) and value.isprintable() for value in members.values()):
        return False
    try:
        _validate_strength(members)
        import_key(members)
    except (JoseError, ValueError, TypeError):
        return False
    return True


def _validate_strength(jwk: Jwk) -> None:
    """Raise ValueError for an RSA key below 2048 bits, and for curves without an algorithm."""
    if jwk.get("kty") == "RSA":
        modulus = urlsafe_b64decode(jwk.get("n", "").encode())
        if int.from_bytes(modulus, "big").bit_length() < MIN_RSA_BITS:
            raise ValueError("weak key")
    elif jwk.get("crv") not in EC_ALGORITHMS:
        raise ValueError("unknown curve")


def _public(jwk: Jwk) -> Jwk:
    return {name: jwk[name] for name in PUBLIC_MEMBERS if name in jwk}


def import_key(jwk: Jwk) -> PublicKey:
    """Return the key object. Raises ValueError if the members are not a key."""
    return RSAKey.import_key(jwk) if jwk.get("kty") == "RSA" else ECKey.import_key(jwk)


def algorithms(jwk: Jwk) -> tuple[str, ...]:
    """Return the algorithms that this key may sign with: its own `alg`, or those of its type."""
    kind = RSA_ALGORITHMS if jwk["kty"] == "RSA" else (EC_ALGORITHMS[jwk["crv"]],)
    if "alg" in jwk:
        return tuple(name for name in kind if name == jwk["alg"])
    return kind


def max_age(cache_control: str | None) -> int:
    """Return how long a response may be cached, in seconds; never longer than it says (S51)."""
    if cache_control is None:
        return FRESH_SECONDS_UNTOLD
    directives = cache_control.lower().replace(" ", "")
    if "no-store" in directives or "no-cache" in directives:
        return 0
    found = re.search(r"(?:^|,)max-age=(\d{1,9})", directives)
    return min(int(found[1]), FRESH_SECONDS_AT_MOST) if found else FRESH_SECONDS_UNTOLD
