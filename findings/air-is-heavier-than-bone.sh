#!/usr/bin/env bash
# dcmjs 0.52.2 (npm): in a DICOM file with implicit VR, whose header does not say the types, the smallest
# pixel and the padding are signed numbers where PixelRepresentation is 1 (PS3.3 C.7.6.3). dcmjs takes
# them for unsigned ones, with a word about "xs": the smallest pixel of a CT, air with -1000, is 64536,
# beyond all bone, and the padding of -2000 is 63536. The same file with explicit VR is read rightly, and
# pydicom 3.0.2 (PyPI), which wrote both, reads both.
# Seen: implicit 63536 and 64536, explicit -2000 and -1000; pydicom -2000 and -1000 twice.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder" dcmjs@0.52.2 >/dev/null
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pydicom==3.0.2
"$folder/venv/bin/python" - <<'PYTHON'
import pydicom
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, ImplicitVRLittleEndian

for name, syntax in (("implicit", ImplicitVRLittleEndian), ("explicit", ExplicitVRLittleEndian)):
    written = pydicom.Dataset()
    written.file_meta = pydicom.dataset.FileMetaDataset()
    written.file_meta.TransferSyntaxUID = syntax
    written.SOPClassUID = CTImageStorage
    written.SOPInstanceUID = "1.2.3"
    written.BitsAllocated = 16
    written.PixelRepresentation = 1
    written.add_new("PixelPaddingValue", "SS", -2000)
    written.add_new("SmallestImagePixelValue", "SS", -1000)
    written.save_as(f"{name}.dcm", enforce_file_format=True)
    read = pydicom.dcmread(f"{name}.dcm")
    print("pydicom", name, read.PixelPaddingValue, read.SmallestImagePixelValue)
    assert (read.PixelPaddingValue, read.SmallestImagePixelValue) == (-2000, -1000)
PYTHON
node - <<'NODE'
const assert = require("node:assert");
const { readFileSync } = require("node:fs");
const { data } = require("dcmjs");

for (const [name, expected] of [["implicit", [63536, 64536]], ["explicit", [-2000, -1000]]]) {
  const { dict } = data.DicomMessage.readFile(new Uint8Array(readFileSync(`${name}.dcm`)).buffer);
  const read = data.DicomMetaDictionary.naturalizeDataset(dict);
  console.log("dcmjs", name, read.PixelPaddingValue, read.SmallestImagePixelValue);
  assert.strictEqual(read.PixelRepresentation, 1);
  assert.deepStrictEqual([read.PixelPaddingValue, read.SmallestImagePixelValue], expected);
}
NODE
