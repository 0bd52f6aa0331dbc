#!/usr/bin/env bash
# joserfc 1.8.0 (PyPI): RS384 and ES384 are the two algorithms that SMART App Launch 2.2
# (client-confidential-asymmetric) obliges a server to support, and the two that joserfc refuses
# unless they are named: "not recommended", when signing and when reading. RS256 works unnamed, so
# that a first trial passes, and the registration at an EHR fails. An `algorithms=` list mends it.
# Seen: RS256 signed; RS384 and ES384 refused unnamed, signed where they are named.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet joserfc==1.8.0
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
from joserfc import jwt
from joserfc.errors import UnsupportedAlgorithmError
from joserfc.jwk import ECKey, RSAKey

CLAIMS = {"iss": "my-app", "sub": "my-app", "aud": "https://ehr.example/token"}
RSA, EC = RSAKey.generate_key(2048), ECKey.generate_key("P-384")

jwt.decode(jwt.encode({"alg": "RS256"}, CLAIMS, RSA), RSA)
print("RS256: signed and read without being named")
for algorithm, key in {"RS384": RSA, "ES384": EC}.items():
    named = jwt.encode({"alg": algorithm}, CLAIMS, key, algorithms=[algorithm])
    for step in (
        lambda: jwt.encode({"alg": algorithm}, CLAIMS, key),
        lambda: jwt.decode(named, key),
    ):
        try:
            step()
        except UnsupportedAlgorithmError as error:
            refusal = str(error)
        else:
            raise SystemExit(f"{algorithm} works without being named now")
        assert "not recommended" in refusal, refusal
    assert jwt.decode(named, key, algorithms=[algorithm]).claims == CLAIMS
    print(f"{algorithm}: {refusal}; signed and read where it is named")
PYTHON
