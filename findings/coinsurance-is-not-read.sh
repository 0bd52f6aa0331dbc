#!/usr/bin/env bash
# edi-835-parser 1.8.0 (PyPI): a CAS segment of an X12 835 remittance has up to six adjustments of a
# service line, each of a reason, an amount and a quantity. The parser reads the first and drops the
# others: what was charged less what was paid is no longer what was adjusted. Of a procedure's modifiers
# it reads the first too.
# Seen: CAS*PR*1*50**2*30 is a deductible of 50; the coinsurance of 30 and modifier 59 are nowhere.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet edi-835-parser==1.8.0
cd "$folder"
cat >remittance.txt <<'X12'
ISA*00*          *00*          *ZZ*PAYER          *ZZ*CLINIC         *240105*1200*^*00501*000000001*0*P*:~
GS*HP*PAYER*CLINIC*20240105*1200*1*X*005010X221A1~
ST*835*0001~
BPR*I*120*C*ACH*CCP*01*111000025*DA*1*1512345678**01*111000025*DA*2*20240105~
TRN*1*12345*1512345678~
N1*PR*PAYER~
N1*PE*CLINIC*XX*1234567893~
LX*1~
CLP*A1*1*200*120*80*12*ICN1*11*1~
NM1*QC*1*DOE*ANN****MI*M1~
SVC*HC:99213:25:59*200*120**1~
DTM*472*20240101~
CAS*PR*1*50**2*30~
SE*12*0001~
GE*1*1~
IEA*1*000000001~
X12
"$folder/venv/bin/python" - <<'PYTHON'
from edi_835_parser import parse

(line,) = parse("remittance.txt").to_dataframe().to_dict("records")
adjusted = {name: line[name] for name in line if name.startswith("adj_")}
print("charged", line["charge_amount"], "paid", line["paid_amount"], adjusted, line["modifier"])
assert (line["charge_amount"], line["paid_amount"]) == (200, 120)
assert adjusted == {"adj_0_group": "PR", "adj_0_code": "1", "adj_0_amount": 50}
assert line["modifier"] == "25"
PYTHON
