#!/usr/bin/env bash
# Authlib 1.9.9 (PyPI): a `PrivateKeyJWT` that is given `claims=` signs every assertion with the same
# `jti`: it writes the first one into that dictionary and finds it there at the next request. SMART App
# Launch 2.2 (client-confidential-asymmetric) and RFC 7523 §3 let a server accept a jti once, so that
# the second token request of the object, as a refresh is, is refused. Without `claims=` it is new.
# Seen: without claims: another jti; with claims: the same jti.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet authlib==1.9.9 requests
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import base64
import json

from authlib.oauth2.rfc7523 import PrivateKeyJWT
from joserfc.jwk import RSAKey

TOKEN_ENDPOINT = "https://ehr.example/token"


class Client:
    client_id = "my-app"
    client_secret = RSAKey.generate_key(2048).as_pem(private=True)


def two_ids(**options):
    """What one object sends in two token requests."""
    method = PrivateKeyJWT(TOKEN_ENDPOINT, **options)
    signed = [method.sign(Client, TOKEN_ENDPOINT).split(".")[1] for _ in range(2)]
    return {json.loads(base64.urlsafe_b64decode(part + "==="))["jti"] for part in signed}


without, with_claims = two_ids(), two_ids(claims={"tenant": "195900"})
print("without claims:", "another jti;" if len(without) == 2 else "the same jti;",
      "with claims:", "another jti" if len(with_claims) == 2 else "the same jti")
assert len(without) == 2
assert len(with_claims) == 1
PYTHON
