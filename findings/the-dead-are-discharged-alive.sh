#!/usr/bin/env bash
# drg 1.0.0 (PyPI) groups hospital stays by the MS-DRGs of the CMS, whose numbers decide what is paid. A heart
# attack is grouped by how it ended: "discharged alive" with MCC, CC or neither is 280 to 282, "expired" 283 to
# 285 (CMS, MS-DRG Definitions Manual v43, MDC 5). The package takes `discharge_status`, 20 for expired as in
# UB-04's form locator 17, and has the diseases of MDC 5 among those it knows; whoever died was discharged
# alive. A healthy newborn, Z38.00 without another diagnosis, is 795, "normal newborn" (MDC 15). It is 789,
# "neonates, died or transferred", wherever it went. Outside MDC 4 and 5, says its description, it looks for
# words in the names of the groups; its answer does not say so.
# Seen: 280 for discharge status 01 and 20; 789 for the newborn who went home.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet drg==1.0.0
"$folder/venv/bin/python" - <<'PYTHON'
from drg import MSDRGEngine

engine = MSDRGEngine()
for discharge_status in ("01", "20"):
    stay = engine.group(principal_dx="I2109", secondary_dxs=["J9601"], age=67, sex="M",
                        discharge_status=discharge_status)
    print("heart attack, discharge status", discharge_status, "-", stay.drg_code, stay.description)
    assert stay.drg_code == "280" and "DISCHARGED ALIVE" in stay.description

birth = engine.group(principal_dx="Z3800", age=0, sex="F", discharge_status="01")
print("healthy newborn, home -", birth.drg_code, birth.description)
assert birth.drg_code == "789" and birth.description.startswith("NEONATES, DIED OR TRANSFERRED")
PYTHON
