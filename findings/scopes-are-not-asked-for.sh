#!/usr/bin/env bash
# jupyter_smart_on_fhir 0.2.1 (PyPI), its service for JupyterHub: OAuth asks for access with the parameter
# "scope" (RFC 6749 §4.1.1), which SMART App Launch 2.2 requires of every authorization request
# (app-launch, Obtain authorization code). The service sends its scopes as "scopes". Servers ignore
# parameters that they do not know (RFC 6749 §3.1), so that it asks for nothing: a server refuses, or gives a
# token with which no Condition may be read.
# Seen: "scopes" with the three that are configured; no "scope".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet jupyter_smart_on_fhir==0.2.1 flask==3.1.2 \
  cryptography==46.0.3
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import json
import os
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa


class Ehr(BaseHTTPRequestHandler):
    def do_GET(self):
        base = f"http://{self.headers['Host']}"
        configuration = {
            "authorization_endpoint": f"{base}/authorize",
            "token_endpoint": f"{base}/token",
            "capabilities": ["launch-ehr", "client-confidential-asymmetric"],
            "code_challenge_methods_supported": ["S256"],
        }
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(configuration).encode())

    def log_message(self, *_):
        pass


ehr = HTTPServer(("127.0.0.1", 0), Ehr)
threading.Thread(target=ehr.serve_forever, daemon=True).start()
key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
Path("key.pem").write_bytes(
    key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
)
os.environ |= {
    "CLIENT_ID": "notebook",
    "SCOPES": "launch openid patient/Condition.rs",
    "SSH_KEY_PATH": "key.pem",
}
from jupyter_smart_on_fhir.hub_service import create_app  # noqa: E402 - reads the environment

launch = {"iss": f"http://127.0.0.1:{ehr.server_port}/fhir", "launch": "1"}
response = create_app().test_client().get("/", query_string=launch)
asked = parse_qs(urlsplit(response.location).query)
print(response.status_code, "parameters:", " ".join(sorted(asked)))
print("scopes:", asked["scopes"], "scope:", asked.get("scope"))
assert asked["scopes"] == ["launch openid patient/Condition.rs"]
assert "scope" not in asked
ehr.shutdown()
PYTHON
