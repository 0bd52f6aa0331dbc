#!/usr/bin/env bash
# garmin-fit-sdk 21.218.0 (PyPI) and @garmin/fitsdk 21.217.0 (npm), Garmin's own readers of FIT files,
# and fit-file-parser 6.1.2 (npm): FIT's profile has values that are no measurements. A scale that is
# not done sends the weight 0xFFFE, "calculating"; a watch sends the respiration rate -100 when it is
# off the wrist, and -200 when it moves too much. All three scale them like measurements, without a
# mark. fitparse (PyPI) gives "calculating".
# Seen: 655.34 kg, then 70.12 kg; -1 and -2 breaths a minute, then 16.5.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet garmin-fit-sdk==21.218.0 fitparse==1.2.0
cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder" @garmin/fitsdk@21.217.0 \
  fit-file-parser@6.1.2 >/dev/null
"$folder/venv/bin/python" - <<'PYTHON'
import struct

from fitparse import FitFile
from garmin_fit_sdk import CrcCalculator, Decoder, Stream

ENUM, SINT16, UINT16, UINT32 = (0x00, "B"), (0x83, "h"), (0x84, "H"), (0x86, "I")
FILE_ID, WEIGHT_SCALE, RESPIRATION_RATE, TIMESTAMP = 0, 30, 297, 253
NOW = (TIMESTAMP, UINT32, 1_100_000_000)


def message(number, *fields):
    definition = struct.pack("<BBBHB", 0x40, 0, 0, number, len(fields))
    for field, (code, letter), _ in fields:
        definition += struct.pack("<BBB", field, struct.calcsize(letter), code)
    values = b"".join(struct.pack("<" + letter, value) for _, (_, letter), value in fields)
    return definition + b"\0" + values


data = message(FILE_ID, (0, ENUM, 9), (1, UINT16, 1))
data += b"".join(message(WEIGHT_SCALE, NOW, (0, UINT16, weight)) for weight in (0xFFFE, 7012))
data += b"".join(message(RESPIRATION_RATE, NOW, (0, SINT16, rate)) for rate in (-100, -200, 1650))
header = struct.pack("<BBHI4s", 14, 0x20, 21218, len(data), b".FIT")
header += struct.pack("<H", CrcCalculator.calculate_crc(header, 0, len(header)))
data = header + data
with open("watch.fit", "wb") as file:
    file.write(data + struct.pack("<H", CrcCalculator.calculate_crc(data, 0, len(data))))

assert Decoder(Stream.from_file("watch.fit")).check_integrity()
messages, errors = Decoder(Stream.from_file("watch.fit")).read()
weights = [one["weight"] for one in messages["weight_scale_mesgs"]]
rates = [one["respiration_rate"] for one in messages["respiration_rate_mesgs"]]
known = [one.get_value("weight") for one in FitFile("watch.fit").get_messages("weight_scale")]
print("garmin-fit-sdk:", weights, "kg,", rates, "breaths/min")
print("fitparse:", known)
assert (errors, weights, rates) == ([], [655.34, 70.12], [-1, -2, 16.5])
assert known == ["calculating", 70.12]
PYTHON
node --input-type=module - <<'NODE'
import assert from "node:assert";
import fs from "node:fs";
import { Decoder, Stream } from "@garmin/fitsdk";
import parser from "fit-file-parser";

const bytes = fs.readFileSync("watch.fit");
const { messages } = new Decoder(Stream.fromBuffer(bytes)).read();
const { messages: others } = await new (parser.default ?? parser)().parseAsync(bytes);
const found = {
  "@garmin/fitsdk": [messages.weightScaleMesgs.map(({ weight }) => weight),
                     messages.respirationRateMesgs.map((one) => one.respirationRate)],
  "fit-file-parser": [others.weight_scale.map(({ weight }) => weight),
                      others.respiration_rate.map((one) => one.respiration_rate)],
};
for (const [name, [weights, rates]] of Object.entries(found)) {
  console.log(`${name}:`, weights, "kg,", rates, "breaths/min");
  assert.deepStrictEqual([weights, rates], [[655.34, 70.12], [-1, -2, 16.5]]);
}
NODE
