#!/usr/bin/env bash
# ekgtools 1.0.2.0 (PyPI) reads 12-lead ECGs, among them those of MIMIC-IV. Each signal of a WFDB record has
# its name in the header (WFDB header(5), description), and wfdb gives the names with the signals; the usual
# order has the six limb leads first, as MIMIC-IV-ECG has. The package does not look at the names and
# calls the third to eighth signal V1 to V6: the chest leads are III, aVR, aVF, aVL, V1 and V2, and V3 to V6
# are nowhere. An infarction that shows in V3 and V4 is not in them. Its reader for WFDB records that are
# not MIMIC's takes the names.
# Seen: V1 to V6 are III, aVR, aVF, aVL, V1 and V2; in WFDBParser, they are themselves.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet wfdb==4.3.0 pandas==2.2.3 scikit-learn==1.6.1 \
  xmltodict==0.14.2
"$folder/venv/bin/pip" install --quiet --no-deps ekgtools==1.0.2.0
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import importlib.util
import sys
import types

import numpy
import wfdb

package = types.ModuleType("ekgtools")  # its readers do not need the PyTorch that the package loads
package.__path__ = list(importlib.util.find_spec("ekgtools").submodule_search_locations)
sys.modules["ekgtools"] = package

from ekgtools.parser.mimic import MIMICParser
from ekgtools.parser.wfdb import WFDBParser

LEADS = ["I", "II", "III", "aVR", "aVF", "aVL", "V1", "V2", "V3", "V4", "V5", "V6"]
CHEST = LEADS[6:]
height = {lead: (number + 1) / 16 for number, lead in enumerate(LEADS)}
wfdb.wrsamp("ecg", fs=500, units=["mV"] * 12, sig_name=LEADS, fmt=["16"] * 12,
            p_signal=numpy.array([[height[lead] for lead in LEADS]] * 1000))
named = {value: lead for lead, value in height.items()}
assert wfdb.rdsamp("ecg")[1]["sig_name"] == LEADS


def really(parser):
    return [named[round(float(parser.lead[lead][50]) * 16) / 16] for lead in CHEST]


mimic = MIMICParser({}, "full", normalize=False)
mimic.vis_root, mimic.data = ".", {"path": "ecg"}
mimic.parse_waveforms()
by_name = WFDBParser({})
by_name.load_record("ecg")
by_name.parse_waveforms()
print(CHEST, "-> MIMICParser", really(mimic), "WFDBParser", really(by_name))
assert really(mimic) == ["III", "aVR", "aVF", "aVL", "V1", "V2"]
assert really(by_name) == CHEST
PYTHON
