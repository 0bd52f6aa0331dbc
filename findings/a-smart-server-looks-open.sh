#!/usr/bin/env bash
# fhirclient 4.4.0 (PyPI): the SMART client for Python reads the OAuth endpoints from an extension of
# the CapabilityStatement only. SMART App Launch 2 has them in .well-known/smart-configuration, which
# every server must publish, and the extension is deprecated. A server without it is taken to be open,
# though its CapabilityStatement says SMART-on-FHIR: the client is "ready", and has no address to
# authorize at, so that a launch ends before it began.
# Seen: requests: /fhir/metadata only; prepare() True, authorize_url None.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet fhirclient==4.4.0
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

from fhirclient.client import FHIRClient

SECURITY = {"service": [{"coding": [{
    "system": "http://terminology.hl7.org/CodeSystem/restful-security-service",
    "code": "SMART-on-FHIR",
}]}]}
ANSWERS = {
    "/fhir/metadata": {
        "resourceType": "CapabilityStatement", "status": "active", "date": "2026-01-01",
        "kind": "instance", "fhirVersion": "4.0.1", "format": ["json"],
        "rest": [{"mode": "server", "security": SECURITY}],
    },
    "/fhir/.well-known/smart-configuration": {
        "authorization_endpoint": "https://ehr.example/authorize",
        "token_endpoint": "https://ehr.example/token",
        "grant_types_supported": ["authorization_code"],
        "code_challenge_methods_supported": ["S256"],
        "capabilities": ["launch-ehr", "client-public", "context-ehr-patient", "permission-v2"],
    },
}
asked = []


class Ehr(BaseHTTPRequestHandler):
    def do_GET(self):
        asked.append(self.path)
        self.send_response(200 if self.path in ANSWERS else 404)
        self.end_headers()
        self.wfile.write(json.dumps(ANSWERS.get(self.path)).encode())

    def log_message(self, *_):
        pass


ehr = HTTPServer(("127.0.0.1", 0), Ehr)
threading.Thread(target=ehr.serve_forever, daemon=True).start()
client = FHIRClient({
    "app_id": "my-app", "redirect_uri": "https://app.example/cb",
    "api_base": f"http://127.0.0.1:{ehr.server_port}/fhir",
})
ready = client.prepare()
print("requests:", *asked, "ready:", ready, "authorize_url:", client.authorize_url)
assert asked == ["/fhir/metadata"]
assert ready is True
assert client.authorize_url is None
PYTHON
