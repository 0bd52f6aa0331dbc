#!/usr/bin/env bash
# oehrpy 0.17.0 (PyPI): openEHR's DV_INTERVAL, the type of a normal range, has a lower and an upper limit
# (RM, Data Types, DV_INTERVAL and Interval). The package's class has neither, and reading leaves them
# out: the range of a potassium of 2.9, from 3.5 to 5.1, says that it has limits ("lower_unbounded":
# false) and does not have them. An interval that is made in Python loses them too. A DV_PROPORTION, the
# type of a titre, is refused, since its "type" is a number.
# Seen: four true or false members and no limit; "Input should be a valid string" for a 1:128.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet oehrpy==0.17.0
"$folder/venv/bin/python" - <<'PYTHON'
from oehrpy import from_canonical, to_canonical
from oehrpy.rm import DV_INTERVAL, DV_QUANTITY

BOUNDS = {
    "lower_unbounded": False, "upper_unbounded": False,
    "lower_included": True, "upper_included": True,
}
potassium = from_canonical({
    "_type": "DV_QUANTITY", "magnitude": 2.9, "units": "mmol/L",
    "normal_range": {
        "_type": "DV_INTERVAL",
        "lower": {"_type": "DV_QUANTITY", "magnitude": 3.5, "units": "mmol/L"},
        "upper": {"_type": "DV_QUANTITY", "magnitude": 5.1, "units": "mmol/L"},
        **BOUNDS,
    },
})
made = DV_INTERVAL(
    lower=DV_QUANTITY(magnitude=3.5, units="mmol/L"),
    upper=DV_QUANTITY(magnitude=5.1, units="mmol/L"),
    **BOUNDS,
)
for interval in (to_canonical(potassium)["normal_range"], to_canonical(made)):
    print(interval)
    assert {name: interval[name] for name in BOUNDS} == BOUNDS
    assert set(interval) == {*BOUNDS, "_type", "type"}
try:
    from_canonical({"_type": "DV_PROPORTION", "numerator": 1.0, "denominator": 128.0, "type": 0})
except ValueError as exc:
    print(exc)
    assert "Input should be a valid string" in str(exc)
else:
    raise AssertionError("read")
PYTHON
