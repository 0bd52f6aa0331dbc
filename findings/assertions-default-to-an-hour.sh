#!/usr/bin/env bash
# Authlib 1.9.9 (PyPI): `private_key_jwt_sign` signs with RS256 and lets the assertion live 3600
# seconds unless told otherwise. SMART App Launch 2.2 (client-confidential-asymmetric) wants RS384 or
# ES384 and at most five minutes, so that the default is refused by every EHR that checks either.
# There is no `kid` in the header either, which SMART requires: the caller must give all three.
# Seen: header {"typ": "JWT", "alg": "RS256"}, lifetime 3600.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet authlib==1.9.9
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import base64
import json

from authlib.oauth2.rfc7523 import private_key_jwt_sign
from joserfc.jwk import RSAKey

signed = private_key_jwt_sign(RSAKey.generate_key(2048), "client", "https://ehr.example/token")
header, claims = (
    json.loads(base64.urlsafe_b64decode(part + "===")) for part in signed.split(".")[:2]
)
print("header", header, "lifetime", claims["exp"] - claims["iat"])
assert header == {"typ": "JWT", "alg": "RS256"}
assert claims["exp"] - claims["iat"] == 3600
PYTHON
