"""The cost of single steps of a launch."""

import os
import time
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from benchmarks.ehr import SCOPE, BenchmarkEHR
from benchmarks.measuring import print_table, ratio, spread
from tests.scripted_ehr import CLIENT_ID

ROUNDS = 7
SECONDS_A_STEP = 0.3
AUDIENCE = "https://ehr.example/token"


def steps() -> dict[str, Callable[[], Any]]:
    """Return each step, with everything that it needs prepared."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    import django

    django.setup()
    from joserfc.jwk import ECKey, RSAKey

    from smartapp.launches import tokens
    from smartapp.protocol import jwks
    from smartapp.protocol.client_assertion import sign_client_assertion
    from smartapp.protocol.id_token import parse_id_token, validate_id_token

    ehr, now, uuid = BenchmarkEHR(), datetime.now(UTC), uuid4()
    access_token, nonce = "a" * 1500, "n" * 22
    id_token = ehr.id_token(access_token, nonce)
    published = jwks.jwks_document([ehr.key.as_dict(private=False)])
    kept_keys = jwks.parse_jwks(published)
    rsa, ec = RSAKey.generate_key(2048), ECKey.generate_key("P-384")
    pem = rsa.as_pem(private=True)
    held = tokens.LaunchTokens(
        access_token=access_token, refresh_token="r" * 500, requested_scope=SCOPE,
        granted_scope=SCOPE, members={"patient": "p-1"}, id_token_iss=ehr.issuer,
        id_token_sub="s" * 20, fhirUser="Practitioner/d-1", token_endpoint=AUDIENCE,
    )  # fmt: skip
    sealed = tokens.seal(held, uuid)

    def sign(key: RSAKey | ECKey, alg: str) -> str:
        return sign_client_assertion(
            client_id=CLIENT_ID, audience=AUDIENCE, private_key=key, alg=alg, kid="k", now=now
        )

    def verify(keys: jwks.JWKS) -> object:
        return validate_id_token(
            parse_id_token(id_token), jwks=keys, expected_issuers=[ehr.issuer], client_id=CLIENT_ID,
            nonce=nonce, access_token=access_token, now=now,
        )  # fmt: skip

    return {
        "sign an assertion, RS384": lambda: sign(rsa, "RS384"),
        "sign an assertion, ES384": lambda: sign(ec, "ES384"),
        "the same, RS384, the key parsed each time": lambda: sign(RSAKey.import_key(pem), "RS384"),
        "verify an id_token, the issuer's keys at hand": lambda: verify(kept_keys),
        "the same, the keys parsed each time": lambda: verify(jwks.parse_jwks(published)),
        "seal a launch's tokens": lambda: tokens.seal(held, uuid),
        "open them": lambda: tokens.unseal(sealed, uuid),
    }


def microseconds(step: Callable[[], Any]) -> float:
    """Return the CPU time of one step, averaged over as many as fit into SECONDS_A_STEP."""
    count, started = 0, time.process_time()
    while (spent := time.process_time() - started) < SECONDS_A_STEP:
        step()
        count += 1
    return spent / count * 1_000_000


def run(_: Path, __: str) -> None:
    ready = steps()
    rounds: dict[str, list[float]] = defaultdict(list)
    for _round in range(ROUNDS):
        for name, step in ready.items():
            rounds[name].append(microseconds(step))
    first = next(iter(rounds.values()))
    print_table(
        f"CPU of single steps, {ROUNDS} rounds",
        ("step", "microseconds", "to the first"),
        [(name, spread(its), ratio(its, first)) for name, its in rounds.items()],
    )
