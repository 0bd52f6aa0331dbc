#!/usr/bin/env bash
# dzero-python 1.0.2 (PyPI) reads and writes claims of pharmacies, NCPDP Telecommunication D.0. Fields there
# repeat: EC says how many ingredients a compounded medicine has, and each has its product (TE) and quantity
# (ED), up to 25 times (D.0 Implementation Guide, Compound Segment). The package keeps one value for each
# field, the last: a compound of two is its base alone, its count still says two, and the claim that is
# written again goes out without the active ingredient. Of the reasons for a rejection (FB), the last is left.
# Seen: EC 02, TE 00000000002 and ED 0000058000 only; FA 02 and FB 88 only.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet dzero-python==1.0.2
"$folder/venv/bin/python" - <<'PYTHON'
from dzero_python import Request, Response

FIELD, SEGMENT, GROUP = "\x1c", "\x1e", "\x1d"


def message(header, *segments):
    return header + GROUP + "".join(
        SEGMENT + "".join(FIELD + field for field in segment) for segment in segments
    )


claim = message(
    "999999D0B1          1011111111111     20260131          ",
    ("AM07", "EM1", "D2123456789012", "E100", "D70", "E70000060000", "D62"),
    ("AM10", "EF10", "EG1", "EC02", "RE03", "TE00000000001", "ED0000002000",
     "RE03", "TE00000000002", "ED0000058000"),
)
request = Request.parse(claim)
compound = request.transaction_groups[0].compound_segment.to_json()
print(compound)
assert (compound["EC"], compound["TE"], compound["ED"]) == ("02", "00000000002", "0000058000")
assert "TE00000000001" in claim and "TE00000000001" not in request.to_s()

rejected = message("D0B11R011111111111     20260131", ("AM21", "ANR", "FA02", "FB75", "FB88"))
status = Response.parse(rejected).transaction_groups[0].response_status_segment.to_json()
print(status)
assert (status["AN"], status["FA"], status["FB"]) == ("R", "02", "88")
PYTHON
