#!/usr/bin/env bash
# clinical-ddi-check 0.1.0 (PyPI) tells agents whether a patient's drugs interact. It has a list of its own,
# by ingredient, and asks the RxNorm service of the National Library of Medicine which ingredient "Warfarin
# 5 mg" is. When the service cannot be reached, normalize_medication_names says so, with an error
# "rxnorm_unavailable". The check itself passes over that error and looks up the names as they are, which
# are not in the list: warfarin with aspirin has no interactions, nothing major, and no error. Whoever
# looked a minute before was warned. Here the answers of the service are made up, so that both can be seen.
# Seen: reached: 1 interaction, major; not reached: 0, not major, no error_code.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet clinical-ddi-check==0.1.0 pydantic==2.11.7
"$folder/venv/bin/python" - <<'PYTHON'
import json
import urllib.error
from unittest import mock

from clinical_ddi_check import drug_interaction_check
from clinical_ddi_check.normalize_medication_names import _clear_cache

MEDICATIONS = ["Warfarin 5 mg", "Aspirin 81 mg"]


class Answer:
    def __init__(self, body):
        self.body = body

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return False

    def read(self):
        return json.dumps(self.body).encode()


def rxnorm(request, timeout):
    address = request.full_url.lower()
    if "rxcui.json" in address:
        return Answer({"idGroup": {"rxnormId": ["11289" if "warfarin" in address else "1191"]}})
    name = "warfarin" if "/11289/" in address else "aspirin"
    ingredient = {"tty": "IN", "conceptProperties": [{"name": name}]}
    return Answer({"relatedGroup": {"conceptGroup": [ingredient]}})


def check(answer):
    _clear_cache()
    with mock.patch("urllib.request.urlopen", side_effect=answer):
        result = drug_interaction_check(MEDICATIONS)
    return result.get("error_code"), result["count"], result["has_major_or_contraindicated"]


reached, unreached = check(rxnorm), check(urllib.error.URLError("no network"))
print("RxNorm reached", *reached)
print("RxNorm not reached", *unreached)
assert reached == (None, 1, True)
assert unreached == (None, 0, False)
PYTHON
