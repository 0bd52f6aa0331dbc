#!/usr/bin/env bash
# dicom2fhir 0.1.25 (PyPI): makes FHIR resources of DICOM images. The DICOM JSON Model writes a name as an
# object, whose "Alphabetic" is the name (PS3.18 F.2.2). The conversion writes the object as text and
# divides that at the "^": the patient's family name is what stands before it, with a brace and the word
# "Alphabetic". It reads files through the same JSON, so that every patient is called like that. Of a
# procedure's code it keeps the scheme and the words, and leaves out the code.
# Seen: family '{\n  "Alphabetic": "Doe', given 'Ann"\n}'; a coding LN "CT Knee" without 24566-9.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet dicom2fhir==0.1.25 fhir.resources==8.1.0 pydicom==3.0.2
"$folder/venv/bin/python" - <<'PYTHON'
import asyncio

from dicom2fhir.dicom2fhir import from_generator
from pydicom.dataset import Dataset

procedure = Dataset()
procedure.CodeValue = "24566-9"
procedure.CodingSchemeDesignator = "LN"
procedure.CodeMeaning = "CT Knee"
image = Dataset()
image.SOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
image.StudyInstanceUID = "2.25.1"
image.SeriesInstanceUID = "2.25.11"
image.SOPInstanceUID = "2.25.111"
image.Modality = "CT"
image.PatientID = "123"
image.PatientName = "Doe^Ann"
image.ProcedureCodeSequence = [procedure]


async def images():
    yield image.to_json_dict()


bundle = asyncio.run(from_generator(images(), {"dicom_timezone": "UTC"}))
resources = {entry.resource.__resource_type__: entry.resource for entry in bundle.entry}
[name] = resources["Patient"].name
print("family:", repr(name.family), "given:", name.given)
assert (name.family, name.given) == ('{\n  "Alphabetic": "Doe', ['Ann"\n}'])
[coding] = resources["ImagingStudy"].procedureCode[0].coding
print("procedure:", coding.system, coding.display, coding.code)
assert (coding.system, coding.display, coding.code) == ("LN", "CT Knee", None)
PYTHON
