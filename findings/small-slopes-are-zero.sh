#!/usr/bin/env bash
# dicom-csv 0.5.1 (PyPI) gives the values of a DICOM image, what is stored times Rescale Slope plus Rescale
# Intercept (PS3.3 C.11.1). The slope is a decimal of up to 16 letters (PS3.5 §6.2, DS). The package makes
# of it the smallest kind of number that is wide enough, and for a fraction that is one of 16 bits, which
# has three digits, and none below 0.00000003. A map of diffusion that is stored in millionths of a mm²/s is
# 1.3 % too high, one with a slope of a hundredth of that is zero everywhere. Nothing is said. pydicom 3.0.2
# (PyPI), which read the file for it, uses the slope as it is.
# Seen: 1000 with the slopes 1E-6, 1E-7 and 1E-8: 0.00101328, 0.000119209 and 0; pydicom 0.001, 0.0001 and
# 0.00001.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet dicom-csv==0.5.1 pydicom==3.0.2 numpy==1.26.4 pandas==2.2.3
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy
from dicom_csv import get_image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.pixels import apply_modality_lut
from pydicom.uid import ExplicitVRLittleEndian


def image(slope):
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.Rows = dataset.Columns = 1
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit, dataset.PixelRepresentation = 15, 0
    dataset.RescaleSlope, dataset.RescaleIntercept = slope, "0"
    dataset.PixelData = numpy.array([1000], numpy.uint16).tobytes()
    return dataset


seen = {}
for slope in ("2", "1E-6", "1E-7", "1E-8"):
    one = image(slope)
    values = get_image(one), apply_modality_lut(one.pixel_array, one)
    seen[slope] = [float(f"{float(value[0, 0]):.6g}") for value in values]
    print(slope, *seen[slope])
assert seen == {
    "2": [2000, 2000], "1E-6": [0.00101328, 0.001], "1E-7": [0.000119209, 0.0001], "1E-8": [0, 1e-05],
}
PYTHON
