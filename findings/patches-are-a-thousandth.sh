#!/usr/bin/env bash
# medcalc-bench 1.7.0 (PyPI) calculates how much morphine a patient's opioids amount to. Its factor for
# a fentanyl patch, 2.4, is for micrograms an hour, as CDC's is. It makes milligrams of every dose but
# those of fentanyl, and spells the patch otherwise there than in its table of factors. In the table's
# spelling, a patch of 25 µg/h, which is 60 mg of morphine a day, is 0.06 mg; in the other, it is unknown.
# Seen: 0.06 for a patch of 25 µg, 60 for one of "25 mg", KeyError; 3.25 for 25 µg of buccal fentanyl.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet medcalc-bench==1.7.0
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
from medcalc.mme import mme_explanation

for drug, dose, unit, expected in (
    ("Morphine", 60, "mg", 60),
    ("FentaNYL buccal", 25, "µg", 3.25),
    ("FentANYL patch", 25, "µg", 0.06),
    ("FentANYL patch", 25, "mg", 60),
):
    answer = mme_explanation({f"{drug} Dose": (dose, unit), f"{drug} Dose Per Day": (1, "day")})
    print(drug, dose, unit, "->", answer["Answer"])
    assert round(answer["Answer"], 6) == expected
try:
    mme_explanation({"FentaNYL patch Dose": (25, "µg"), "FentaNYL patch Dose Per Day": (1, "day")})
except KeyError as exc:
    print("KeyError", exc)
else:
    raise AssertionError("known")
PYTHON
