#!/usr/bin/env bash
# dicom2fhir 0.1.25 (PyPI): makes FHIR resources of DICOM images. A time of DICOM may end at the minute or
# the hour, "1430" (PS3.5 §6.2, TM). The conversion knows those with seconds. Of the others it leaves out
# the time and writes the date as a moment all the same: the study began at midnight, to the second. Where
# the file says the offset of its times (Timezone Offset From UTC, PS3.3 C.12.1.1), the time zone that is
# configured is taken instead.
# Seen: 143000 as 14:30:00+00:00, 1430 as 00:00:00+00:00; 143000 with -0500 as 14:30:00+00:00.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet dicom2fhir==0.1.25 fhir.resources==8.1.0 pydicom==3.0.2
"$folder/venv/bin/python" - <<'PYTHON'
import asyncio

from dicom2fhir.dicom2fhir import from_generator
from pydicom.dataset import Dataset


def started(time, offset=None):
    image = Dataset()
    image.SOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    image.StudyInstanceUID = "2.25.1"
    image.SeriesInstanceUID = "2.25.11"
    image.SOPInstanceUID = "2.25.111"
    image.Modality = "CT"
    image.PatientID = "123"
    image.StudyDate = "20260131"
    image.StudyTime = time
    if offset:
        image.TimezoneOffsetFromUTC = offset

    async def images():
        yield image.to_json_dict()

    bundle = asyncio.run(from_generator(images(), {"dicom_timezone": "UTC"}))
    return bundle.entry[0].resource.started.isoformat()


for time, offset, seen in (
    ("143000", None, "2026-01-31T14:30:00+00:00"),
    ("1430", None, "2026-01-31T00:00:00+00:00"),
    ("14", None, "2026-01-31T00:00:00+00:00"),
    ("143000", "-0500", "2026-01-31T14:30:00+00:00"),
):
    moment = started(time, offset)
    print(time, offset, "->", moment)
    assert moment == seen
PYTHON
