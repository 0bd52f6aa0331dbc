#!/usr/bin/env bash
# rt-utils 1.2.7 (PyPI) writes the outline of a tumour or an organ as a DICOM RT Structure Set, for planning
# radiotherapy. Its points are in millimetres (PS3.3 C.8.8.6). It takes the slices to be evenly spaced: where
# they are not, as where a CT is finer in the tumour, the outline is not where its slice is, though it refers
# to that slice. And the first of Pixel Spacing is between the rows, so that it goes with y (PS3.3 10.7.1.3);
# the package goes along x with it: an outline in oblong pixels is stretched the wrong way.
# Seen: slices at 0, 2, 4 and 10 mm: outline of the one at 4 at 6.67; pixels 2 mm high and 1 wide: columns
# 10 to 13, rows 4 to 7 at x 20 to 26 and y 4 to 7, right x 10 to 13 and y 8 to 14.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==1.26.4 pydicom==2.4.4 opencv-python-headless==4.10.0.84
"$folder/venv/bin/pip" install --quiet --no-deps rt-utils==1.2.7
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import os

import numpy
import pydicom
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid
from rt_utils import RTStructBuilder

SIZE = 16


def outlined(name, positions, pixel_spacing):
    os.mkdir(name)
    common = {
        "SOPClassUID": CTImageStorage, "StudyInstanceUID": generate_uid(), "PatientID": "1",
        "SeriesInstanceUID": generate_uid(), "FrameOfReferenceUID": generate_uid(), "Modality": "CT",
        "PatientName": "Doe^Ann", "PatientBirthDate": "", "PatientSex": "F", "StudyID": "1",
        "StudyDate": "20260131", "StudyTime": "101500", "StudyDescription": "",
        "SeriesDescription": "", "Rows": SIZE, "Columns": SIZE, "BitsAllocated": 16,
        "BitsStored": 16, "HighBit": 15, "PixelRepresentation": 0, "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2", "PixelSpacing": pixel_spacing,
        "SliceThickness": 2, "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
        "PixelData": bytes(2 * SIZE * SIZE),
    }
    slices = {}
    for number, position in enumerate(positions):
        image = pydicom.Dataset()
        image.update(common | {"SOPInstanceUID": generate_uid(), "InstanceNumber": number + 1,
                               "ImagePositionPatient": [0, 0, position]})
        image.file_meta = pydicom.dataset.FileMetaDataset()
        image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        image.is_little_endian, image.is_implicit_VR = True, False
        image.save_as(f"{name}/{number}.dcm", write_like_original=False)
        slices[image.SOPInstanceUID] = position
    mask = numpy.zeros((SIZE, SIZE, len(positions)), bool)
    mask[4:8, 10:14, 2] = True
    builder = RTStructBuilder.create_new(dicom_series_path=name)
    builder.add_roi(mask=mask, name="tumour")
    contour = builder.ds.ROIContourSequence[0].ContourSequence[0]
    points = numpy.array(contour.ContourData, float).reshape(-1, 3).round(2)
    return (slices[contour.ContourImageSequence[0].ReferencedSOPInstanceUID],
            *(tuple(map(float, (axis.min(), axis.max()))) for axis in points.T))


for name, positions, pixel_spacing, seen in (
    ("even", (0, 2, 4, 6), (1, 1), (4, (10, 13), (4, 7), (4, 4))),
    ("uneven", (0, 2, 4, 10), (1, 1), (4, (10, 13), (4, 7), (6.67, 6.67))),
    ("oblong", (0, 2, 4, 6), (2, 1), (4, (20, 26), (4, 7), (4, 4))),
):
    position, x, y, z = outlined(name, positions, list(pixel_spacing))
    print(f"{name}: slice at {position} mm, outline x {x}, y {y}, z {z}")
    assert (position, x, y, z) == seen
PYTHON
