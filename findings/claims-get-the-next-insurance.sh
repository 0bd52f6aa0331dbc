#!/usr/bin/env bash
# openx12 0.2.1 (PyPI): an X12 837 has one subscriber after the other, each with the claims below. A
# claim of the parser gets the subscriber's insurance from the SBR that follows it, which belongs to the
# next subscriber, and its payer likewise; the last claim has none. The file says who pays only by its
# order, so that nothing in a claim shows it.
# Seen: claim A1, whose subscriber has group G1 of payer ONE, has G2 and TWO; claim A2 has none.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet openx12==0.2.1
cd "$folder"
cat >claims.txt <<'X12'
ISA*00*          *00*          *ZZ*CLINIC         *ZZ*CLEARING       *240105*1200*^*00501*000000001*0*P*:~
GS*HC*CLINIC*CLEARING*20240105*1200*1*X*005010X222A1~
ST*837*0001*005010X222A1~
BHT*0019*00*1*20240105*1200*CH~
NM1*41*2*CLINIC*****46*1~
PER*IC*X*TE*5550100~
NM1*40*2*CLEARING*****46*2~
HL*1**20*1~
NM1*85*2*CLINIC*****XX*1234567893~
N3*1 MAIN ST~
N4*BOSTON*MA*021010001~
REF*EI*123456789~
HL*2*1*22*0~
SBR*P*18*G1******CI~
NM1*IL*1*DOE*ANN****MI*M1~
N3*1 MAIN ST~
N4*BOSTON*MA*021010001~
DMG*D8*19800503*F~
NM1*PR*2*ONE*****PI*1~
CLM*A1*200***11:B:1*Y*A*Y*Y~
HI*ABK:J4520~
LX*1~
SV1*HC:99213*200*UN*1***1~
DTP*472*D8*20240101~
HL*3*1*22*0~
SBR*P*18*G2******CI~
NM1*IL*1*ROE*EVE****MI*M2~
N3*2 MAIN ST~
N4*BOSTON*MA*021010001~
DMG*D8*19700503*F~
NM1*PR*2*TWO*****PI*2~
CLM*A2*100***11:B:1*Y*A*Y*Y~
HI*ABK:I10~
LX*1~
SV1*HC:99212*100*UN*1***1~
DTP*472*D8*20240102~
SE*35*0001~
GE*1*1~
IEA*1*000000001~
X12
"$folder/venv/bin/python" - <<'PYTHON'
from openx12.x837p import Claim837P

with open("claims.txt") as file:
    claims = Claim837P(file.read()).claims
found = {
    claim["claim_number"]: (claim.get("subscriber_info", {}).get("group_number"),
                            claim.get("payer", {}).get("last_name"))
    for claim in claims
}
print(found)
assert found == {"A1": ("G2", "TWO"), "A2": (None, None)}
PYTHON
