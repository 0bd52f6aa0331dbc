#!/usr/bin/env bash
# apple-health 2.0.0 (PyPI) reads what Apple's Health app exports. What is no number there is a word: a
# pregnancy test is positive, negative or indeterminate, a symptom has a severity, and a watch tells core,
# deep and REM sleep apart since 2022 (Apple, HealthKit, HKCategoryValuePregnancyTestResult,
# HKCategoryValueSeverity and HKCategoryValueSleepAnalysis). The package makes a number of each word that it
# knows, and silently 0.0 of the others: a positive test and a negative one are equal, severe chest pain and
# none are, and 0.0 is its number for lying in bed, so that nobody with a newer watch has slept.
# Seen: 0.0 for both tests, for both pains and for deep sleep, as for lying in bed; 1 for sleep of no kind.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet apple-health==2.0.0
"$folder/venv/bin/python" - <<'PYTHON'
from health import HealthData

WORDS = {
    "PregnancyTestResultPositive": "PregnancyTestResult",
    "PregnancyTestResultNegative": "PregnancyTestResult",
    "SeveritySevere": "ChestTightnessOrPain", "SeverityNotPresent": "ChestTightnessOrPain",
    "SleepAnalysisAsleepDeep": "SleepAnalysis", "SleepAnalysisInBed": "SleepAnalysis",
    "SleepAnalysisAsleep": "SleepAnalysis",
}
records = "".join(
    f'<Record type="HKCategoryTypeIdentifier{kind}" sourceName="Watch" value="HKCategoryValue{word}"'
    ' creationDate="2026-01-31 08:00:00 +0100" startDate="2026-01-31 00:00:00 +0100"'
    ' endDate="2026-01-31 06:00:00 +0100"/>' for word, kind in WORDS.items())
with open("export.xml", "w") as file:
    file.write(f'<HealthData locale="en_US"><Me/>{records}</HealthData>')

export = HealthData.read("export.xml", include_me=False)
values = dict(zip(WORDS, (record.value for record in export.records)))
print(values)
assert values.pop("SleepAnalysisAsleep") == 1
assert set(values.values()) == {0.0} and len(values) == 6
PYTHON
