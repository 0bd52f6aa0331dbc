#!/usr/bin/env bash
# dcmjs 0.52.2 (npm): in DICOM, a backslash separates the values of an element, but not in its texts: one
# of UT, such as the TextValue of a structured report, has a single value, and a backslash in it is a
# letter (PS3.5 §6.2 and §6.4). dcmjs cuts the text there, into a list that code which expects a text
# shows with a comma, or of which it takes the first part. In LT, a text of the same kind, it does not.
# pydicom 3.0.2 (PyPI) reads both.
# Seen: ["Blood pressure 120","80, no change"] in UT; whole in LT, and in pydicom.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder" dcmjs@0.52.2 >/dev/null
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pydicom==3.0.2
"$folder/venv/bin/python" - <<'PYTHON'
import pydicom
from pydicom.uid import BasicTextSRStorage, ExplicitVRLittleEndian

TEXT = r"Blood pressure 120\80, no change"
written = pydicom.Dataset()
written.file_meta = pydicom.dataset.FileMetaDataset()
written.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
written.SOPClassUID = BasicTextSRStorage
written.SOPInstanceUID = "1.2.3"
written.PatientComments = TEXT
written.TextValue = TEXT
written.save_as("report.dcm", enforce_file_format=True)
read = pydicom.dcmread("report.dcm")
print("pydicom", read["TextValue"].VR, repr(read.TextValue))
assert (read.TextValue, read.PatientComments) == (TEXT, TEXT)
PYTHON
node - <<'NODE'
const assert = require("node:assert");
const { readFileSync } = require("node:fs");
const { data } = require("dcmjs");

const { dict } = data.DicomMessage.readFile(new Uint8Array(readFileSync("report.dcm")).buffer);
const { TextValue, PatientComments } = data.DicomMetaDictionary.naturalizeDataset(dict);
console.log("dcmjs UT", TextValue, "LT", PatientComments);
assert.deepStrictEqual([...TextValue], ["Blood pressure 120", "80, no change"]);
assert.strictEqual(PatientComments, "Blood pressure 120\\80, no change");
NODE
