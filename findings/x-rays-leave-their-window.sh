#!/usr/bin/env bash
# daikon 1.2.46 (npm) gives the values of a DICOM image, getInterpretedData(), and the window that is to be
# shown of them. In an X-ray of the kind MONOCHROME1 the lowest value is white, "after any VOI gray scale
# transformations have been performed" (PS3.3 C.7.6.3.1.2): the values stay, and the window is for them. The
# package turns the values round, before the rescaling and the window, and leaves the window: what was in
# its middle is far outside, and the picture is all of one shade. What is measured in the values is another
# number. pydicom 3.0.2 (PyPI) has the same values for both kinds.
# Seen: 900, 1000 and 1100 with a window of 1000 and 500: 3195, 3095 and 2995 in MONOCHROME1, themselves in
# MONOCHROME2 and in pydicom.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pydicom==3.0.2 numpy==1.26.4
cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder" daikon@1.2.46 >/dev/null
"$folder/venv/bin/python" - <<'PYTHON'
import json

import numpy
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.pixels import apply_modality_lut
from pydicom.uid import ExplicitVRLittleEndian

DIGITAL_X_RAY = "1.2.840.10008.5.1.4.1.1.1.1"
seen = {}
for kind in ("MONOCHROME1", "MONOCHROME2"):
    image = Dataset()
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    image.file_meta.MediaStorageSOPClassUID = image.SOPClassUID = DIGITAL_X_RAY
    image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID = "1.2.3"
    image.Rows, image.Columns, image.SamplesPerPixel = 1, 3, 1
    image.PhotometricInterpretation = kind
    image.BitsAllocated, image.BitsStored, image.HighBit, image.PixelRepresentation = 16, 12, 11, 0
    image.RescaleIntercept, image.RescaleSlope = "0", "1"
    image.WindowCenter, image.WindowWidth = "1000", "500"
    image.PixelData = numpy.array([900, 1000, 1100], "<u2").tobytes()
    image.save_as(f"{kind}.dcm", enforce_file_format=True)
    read = pydicom.dcmread(f"{kind}.dcm")
    seen[kind] = [int(value) for value in apply_modality_lut(read.pixel_array, read).ravel()]
print("pydicom", json.dumps(seen))
assert seen == {"MONOCHROME1": [900, 1000, 1100], "MONOCHROME2": [900, 1000, 1100]}
PYTHON
node - <<'NODE'
const assert = require("node:assert");
const fs = require("node:fs");
const daikon = require("daikon");

const seen = {};
for (const kind of ["MONOCHROME1", "MONOCHROME2"]) {
  const image = daikon.Series.parseImage(new DataView(new Uint8Array(fs.readFileSync(`${kind}.dcm`)).buffer));
  seen[kind] = [image.getInterpretedData(true), image.getWindowCenter(), image.getWindowWidth()];
}
console.log("daikon", JSON.stringify(seen));
assert.deepStrictEqual(seen, { MONOCHROME1: [[3195, 3095, 2995], 1000, 500],
                               MONOCHROME2: [[900, 1000, 1100], 1000, 500] });
NODE
