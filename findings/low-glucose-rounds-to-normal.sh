#!/usr/bin/env bash
# apple-health-parser 2.0.5 (PyPI): the mean of a day is rounded to a whole number, whatever is
# measured: below 3.9 mmol/L a glucose is too low, and the mean of 3.5 and 3.7 is 4. Each record of an
# Apple Health export has its unit, and an app may write another one than the meter: the mean is taken
# of the bare numbers.
# Seen: 4.0 of 3.5 and 3.7 mmol/L; 37.0 of 37.4 and 37.5 degC; 58.0 with 99.5 degF of another app.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet apple-health-parser==2.0.5
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import zipfile

from apple_health_parser.utils.parser import Parser
from apple_health_parser.utils.preprocessor import Preprocessor

GLUCOSE = "HKQuantityTypeIdentifierBloodGlucose"
TEMPERATURE = "HKQuantityTypeIdentifierBodyTemperature"
MMOL = "mmol&lt;180.1558800000541&gt;/L"


def record(kind, value, unit, hour, source):
    times = " ".join(f'{name}="2026-01-01 {hour}:00:00 +0100"'
                     for name in ("creationDate", "startDate", "endDate"))
    return (f'<Record type="{kind}" sourceName="{source}" unit="{unit}" {times} '
            f'value="{value}"/>')


records = "".join((
    record(GLUCOSE, 3.5, MMOL, "08", "Meter"),
    record(GLUCOSE, 3.7, MMOL, "09", "Meter"),
    record(TEMPERATURE, 37.4, "degC", "08", "Thermometer"),
    record(TEMPERATURE, 37.5, "degC", "09", "Thermometer"),
    record(TEMPERATURE, 99.5, "degF", "10", "App"),
))
with zipfile.ZipFile("export.zip", "w") as export:
    export.writestr("apple_health_export/export.xml",
                    '<?xml version="1.0" encoding="UTF-8"?><HealthData locale="en_US">'
                    f'<ExportDate value="2026-01-02 00:00:00 +0100"/><Me/>{records}</HealthData>')

parser = Parser("export.zip", output_dir="out", overwrite=True)
for kind, source, seen in ((GLUCOSE, "Meter", 4), (TEMPERATURE, "Thermometer", 37),
                           (TEMPERATURE, None, 58)):
    data = parser.get_flag_records(kind)
    days = Preprocessor(data, year=2026, source=source, operation="mean").get_dataframe()
    print(kind, source, days["value"].tolist())
    assert days["value"].tolist() == [seen]
PYTHON
