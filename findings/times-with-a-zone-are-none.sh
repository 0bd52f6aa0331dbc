#!/usr/bin/env bash
# hl7lib 1.0.0 (PyPI) reads HL7 v2 and writes it. A time may end with its offset from UTC, and is as exact
# as it is long (v2.5.1 chapter 2A, DTM). The package knows three forms of a time. One with an offset it
# does not know, and of a message that is only read and written again the time is gone: when the specimen
# was taken, nobody sent. Seconds are cut off. A date of birth of which the year or the month is known is
# gone as well, but for the months of two digits that look like a day: November 1980 is the first of
# January. Of a name, all behind the second given name is left out, so that a son has his father's name.
# Seen: "" for 20260131101530-0500, 1980 and 198005; 202601311015 for 20260131101530; 19800101 for 198011;
# "Doe^Tom^M" for "Doe^Tom^M^Jr".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet hl7lib==1.0.0
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
from hl7lib.parser import MultiMessage

HEADER = "MSH|^~\\&|LAB|HOSP|EHR|CLINIC|20260131101530||ORU^R01|77|P|2.5.1"


def written(field, *segments):
    """What a message that is read, and not changed, is written as."""
    message = MultiMessage("\r".join((HEADER, *segments))).messages[0]

    def lines(segment):
        own = [segment.node.hl7] if segment.node else []
        return own + [line for child in segment.child_segments for line in lines(child)]

    name, number = field.split("-")
    segment = next(line for line in lines(message._base) if line.startswith(name))
    return segment.split("|")[int(number)]


PATIENT = "PID|1||123^^^A^MR||{}||{}|F"
ORDER = "OBR|1|A1|B2|2160-0^Creatinine^LN|||{}"
seen = {
    time: written("OBR-7", PATIENT.format("Doe^Ann", "19800503"), ORDER.format(time))
    for time in ("202601311015", "20260131101530", "202601311015-0500", "20260131101530-0500")
}
seen |= {
    born: written("PID-7", PATIENT.format("Doe^Ann", born))
    for born in ("19800503", "1980", "198005", "198011")
}
seen["Doe^Tom^M^Jr"] = written("PID-5", PATIENT.format("Doe^Tom^M^Jr", "19800503"))
for read, again in seen.items():
    print(f"{read} -> {again!r}")
assert seen == {
    "202601311015": "202601311015", "20260131101530": "202601311015",
    "202601311015-0500": "", "20260131101530-0500": "",
    "19800503": "19800503", "1980": "", "198005": "", "198011": "19800101",
    "Doe^Tom^M^Jr": "Doe^Tom^M",
}
PYTHON
