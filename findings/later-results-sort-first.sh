#!/usr/bin/env bash
# fhirdatetime 1.1.0 (PyPI): dates and times of FHIR, which compare as moments, whatever their offsets. The
# package's own key for sorting, sort_key(), looks at what the clock showed and not at the offset: of two
# results, the one that is earlier by "<" is sorted behind the other. The last of a sorted list is then
# not the latest. Where all have one offset, nothing is seen.
# Seen: 05:00+01:00 < 23:30-05:00 (the evening before) is true; sorted, 23:30-05:00 is first.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet fhirdatetime==1.1.0
"$folder/venv/bin/python" - <<'PYTHON'
from fhirdatetime import FhirDateTime

berlin = FhirDateTime("2026-02-01T05:00:00+01:00")
boston = FhirDateTime("2026-01-31T23:30:00-05:00")
by_key = sorted([berlin, boston], key=FhirDateTime.sort_key())
print("Berlin before Boston:", berlin < boston, "max:", max(berlin, boston))
print("sorted by key:", [str(moment) for moment in by_key])
print("sorted by <:", [str(moment) for moment in sorted([berlin, boston])])
assert berlin < boston
assert by_key == [boston, berlin]
assert sorted([berlin, boston]) == [berlin, boston]
PYTHON
