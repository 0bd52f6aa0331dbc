#!/usr/bin/env bash
# dicom2fhir 0.1.25 (PyPI): makes FHIR resources of a folder of DICOM files and the folders in it. Each file
# says whose it is and of which study (PatientID, StudyInstanceUID: PS3.3 C.7.1.1 and C.7.2.1). Both are
# read from the first file only, and all the others become series of that study: where a folder has the
# images of two patients, the second's are the first's, and the second patient does not exist.
# Seen: of two patients with a study each: one Patient, 123, and one ImagingStudy with both series.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet dicom2fhir==0.1.25 fhir.resources==8.1.0 pydicom==3.0.2
"$folder/venv/bin/python" - <<'PYTHON'
import asyncio

from dicom2fhir.dicom2fhir import from_generator
from pydicom.dataset import Dataset


def image(patient, study):
    made = Dataset()
    made.SOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    made.StudyInstanceUID = study
    made.SeriesInstanceUID = f"{study}.1"
    made.SOPInstanceUID = f"{study}.1.1"
    made.Modality = "CT"
    made.PatientID = patient
    return made.to_json_dict()


async def images():
    yield image("123", "2.25.1")
    yield image("456", "2.25.2")


bundle = asyncio.run(from_generator(images(), {"dicom_timezone": "UTC"}))
resources = [entry.resource for entry in bundle.entry]
patients = [one.identifier[0].value for one in resources if one.__resource_type__ == "Patient"]
[study] = [one for one in resources if one.__resource_type__ == "ImagingStudy"]
series = [one.uid for one in study.series]
print("patients:", patients, "series of the study", study.identifier[0].value, series)
assert patients == ["123"]
assert series == ["2.25.1.1", "2.25.2.1"]
PYTHON
