#!/usr/bin/env bash
# eyeTestUtils 0.1.1 (PyPI) writes the prescription of a lens with a minus cylinder. The same lens, written
# the other way, has the sum of both powers, the cylinder with the other sign, and the axis turned by 90
# degrees: its power along each meridian is the sphere and the cylinder times the square of the sine of the
# angle to the axis. The package adds 90 below 90 and takes 90 away above it. At 90 itself, one of the most
# frequent axes, it does neither: both powers change and the axis stays, a quarter turn off.
# Seen: -1.00 +2.00 at 89, 90 and 91: +1.00 -2.00 at 179, 90 and 1; right for 90: 180.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet eyetestutils==0.1.1
"$folder/venv/bin/python" - <<'PYTHON'
import math

from eyetools import EyeTestValidator


def power(sphere, cylinder, axis, meridian):
    return sphere + cylinder * math.sin(math.radians(meridian - axis)) ** 2


for axis, seen in ((89, "179"), (90, "90"), (91, "1"), (180, "90")):
    lens = EyeTestValidator().power_format({"SPH": "-1.00", "CY": "+2.00", "AX": str(axis)})
    assert (float(lens["SPH"]), float(lens["CY"]), lens["AX"]) == (1, -2, seen)
    same = all(
        math.isclose(power(-1, 2, axis, at), power(1, -2, int(seen), at), abs_tol=1e-9)
        for at in range(180)
    )
    print(f"-1.00 +2.00 x {axis} -> {lens['SPH']} {lens['CY']} x {lens['AX']}, same lens: {same}")
    assert same == (axis != 90)
PYTHON
