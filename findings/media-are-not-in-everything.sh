#!/usr/bin/env bash
# fhir.smart.scopes 0.0.2 (PyPI) treats SMART's scopes as sets, of FHIR R4 by its documentation. What is in
# patient/*.rs is worked out from a list of resource types, which is that of R5: Media, DeviceUseStatement,
# DocumentManifest, RequestGroup and others of R4 are not in it. "patient/*.rs" does not contain
# patient/Media.rs, and the intersection with it has no images of the patient, while a scope that names
# Media is no scope.
# Seen: Media and three others False in *, Observation and R5's DeviceUsage True; ValueError for Media.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet fhir.smart.scopes==0.0.2
"$folder/venv/bin/python" - <<'PYTHON'
from fhir.smart.scopes import scopes

everything = scopes("launch patient/*.rs")
for resource, contained in {
    "Observation": True,
    "DeviceUsage": True,
    "Media": False,
    "DeviceUseStatement": False,
    "DocumentManifest": False,
    "RequestGroup": False,
}.items():
    scope = f"patient/{resource}.rs"
    print(scope, "in patient/*.rs:", scope in everything)
    assert (scope in everything) is contained
try:
    scopes("patient/Media.rs")
except ValueError:
    print("patient/Media.rs is no scope")
else:
    raise AssertionError("patient/Media.rs is a scope")
PYTHON
