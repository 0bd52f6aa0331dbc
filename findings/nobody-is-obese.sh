#!/usr/bin/env bash
# healthinsight 0.0.1 (PyPI) says what a body mass index means. WHO calls 25 and more overweight, and 30 and
# more obese (WHO, Obesity: preventing and managing the global epidemic, 2000). The package asks first
# whether somebody is above 23, which is a limit for Asia, and then, of those who are not, whether they are
# above 30: nobody is obese. Of the water of the body it has a share for 18 to 59 years and one for 61 and
# more: who is 60 has that of neither, ten litres less than the year before, and more again the year after.
# Seen: "Overweight" from 23.5 to 45.0; 42 L of water at 59, 31.5 at 60, 35 at 61.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet healthinsight==0.0.1
"$folder/venv/bin/python" - <<'PYTHON'
from healthinsight import bmi, tbw

seen = {}
for kilograms in (50, 65, 68, 80, 100, 130):
    value, category = bmi(mass=kilograms, height=1.70)
    seen[round(value, 1)] = category
print(seen)
assert seen == {
    17.3: "Underweight", 22.5: "Normal", 23.5: "Overweight", 27.7: "Overweight",
    34.6: "Overweight", 45.0: "Overweight",
}
water = {age: tbw(weight=70, age=age) for age in (59, 60, 61)}
print("litres of water at 70 kg", water)
assert water == {59: 42, 60: 31.5, 61: 35}
PYTHON
