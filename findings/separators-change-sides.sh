#!/usr/bin/env bash
# hl7conv2 0.2.5 (PyPI) converts HL7 v2 to JSON and back. A "^" in a text is escaped as \S\ so that it
# does not separate (v2.5.1 §2.7.4). Here it is a "^" again before the text is divided: such a name is
# two components, and its second half stands where the system of the code was. Written back, the signs
# of MSH-2, which are never escaped, are, so that no receiver knows how to divide the message. MSH-9 is
# called 8, and MSH-10, the number that an acknowledgement needs, 9.
# Seen: 3.2 "a", 3.3 "b", 3.4 "LN" for a\S\b^LN; "MSH|^\R\\\\T\|" written; 9 is the control id.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet hl7conv2==0.2.5
"$folder/venv/bin/python" - <<'PYTHON'
from hl7conv2 import Hl7Json, JsonHl7

SENT = "\r".join((
    r"MSH|^~\&|LAB|HOSP|EHR|HOSP|20260101120000||ORU^R01^ORU_R01|MSG77|P|2.5.1",
    r"OBX|1|NM|1-8^a\S\b^LN||5|mg/L|||||F",
))
header, result = Hl7Json(SENT).hl7_json
code = {name: value for name, value in result.items() if name.startswith("3.")}
print(code, {name: header[name] for name in ("8.1", "9")})
assert code == {"3.1": "1-8", "3.2": "a", "3.3": "b", "3.4": "LN"}
assert (header["8.1"], header["9"]) == ("ORU", "MSG77")
written = JsonHl7([header, result]).hl7_string.splitlines()
print(*written, sep="\n")
assert written[0].startswith("MSH|^\\R\\\\\\\\T\\|LAB|")
assert written[1].startswith("OBX|1|NM|1-8^a^b^LN||5|")
PYTHON
