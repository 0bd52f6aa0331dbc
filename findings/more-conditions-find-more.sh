#!/usr/bin/env bash
# fhirsearchhelper 0.4.1 (PyPI): searches a FHIR server, and filters itself by the parameters that the
# server does not support. Search parameters are all to be met (search.html). Of two that the server
# does not support the result has what meets one or the other, and what meets both twice. A parameter
# that is given twice, as the two ends of a period are, is sent with its last value only.
# Seen: a final potassium: a final potassium twice, one entered in error and a final sodium; date=lt2026
# sent, ge2025 not.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet fhirsearchhelper==0.4.1
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import json
import logging
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

from fhirsearchhelper import run_fhir_query

logging.disable()
POTASSIUM, SODIUM = "2823-3", "2951-2"


def observation(name, code, status):
    return {"resourceType": "Observation", "id": name, "status": status,
            "subject": {"reference": "Patient/1"},
            "code": {"coding": [{"system": "http://loinc.org", "code": code}]}}


metadata = {
    "resourceType": "CapabilityStatement", "status": "active", "date": "2026-01-01",
    "kind": "instance", "fhirVersion": "4.0.1", "format": ["json"],
    "rest": [{"mode": "server", "resource": [{"type": "Observation", "searchParam": [
        {"name": "patient", "type": "reference"}, {"name": "date", "type": "date"}]}]}]}
everything = {"resourceType": "Bundle", "type": "searchset", "total": 4, "entry": [
    {"resource": observation("final-potassium", POTASSIUM, "final")},
    {"resource": observation("wrong-potassium", POTASSIUM, "entered-in-error")},
    {"resource": observation("final-sodium", SODIUM, "final")},
    {"resource": observation("wrong-sodium", SODIUM, "entered-in-error")}]}
asked = []


class Ehr(BaseHTTPRequestHandler):
    def do_GET(self):
        asked.append(self.path)
        self.send_response(200)
        self.send_header("content-type", "application/fhir+json")
        self.end_headers()
        self.wfile.write(json.dumps(metadata if "metadata" in self.path else everything).encode())

    def log_message(self, *args):
        pass


server = HTTPServer(("127.0.0.1", 0), Ehr)
Thread(target=server.serve_forever, daemon=True).start()
base = f"http://127.0.0.1:{server.server_port}"


def search(query):
    bundle = run_fhir_query(query=f"{base}/Observation?{query}", query_headers={"accept": "*/*"},
                            capability_statement_url=f"{base}/metadata")
    return [entry.resource.id for entry in bundle.entry]


found = search(f"patient=1&code=http://loinc.org%7C{POTASSIUM}&status=final")
print("final potassium:", *found)
assert found == ["final-potassium", "wrong-potassium", "final-potassium", "final-sodium"]
search("patient=1&date=ge2025&date=lt2026")
print("2025 asked for as", asked[-1])
assert asked[-1] == "/Observation?patient=1&date=lt2026"
server.shutdown()
PYTHON
