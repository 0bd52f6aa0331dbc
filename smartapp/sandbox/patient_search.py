"""The EHR's patient search: by name, number, date of birth or condition, ignoring accents."""

import re
import unicodedata
from functools import cache

from smartapp.sandbox.fhir import store
from smartapp.sandbox.fhir.store import PatientSummary, Resource

PLAIN_LETTERS = str.maketrans({"ø": "o", "đ": "d", "ł": "l", "æ": "ae", "œ": "oe", "ß": "ss"})
"""Letters that Unicode normalization does not decompose."""
NOT_A_WORD = re.compile(r"[\W_]+")


def find(search: str) -> list[PatientSummary]:
    """Return the patients who match every word of the search, in any order."""
    words = [NOT_A_WORD.sub("", word) for word in folded(search).split()]
    return [one for one in store.patients() if all(word in searchable(one.id) for word in words)]


def folded(text: str) -> str:
    """Return text in lower case and without accents."""
    parts = unicodedata.normalize("NFKD", text.casefold().translate(PLAIN_LETTERS))
    return "".join(c for c in parts if unicodedata.category(c) != "Mn")


@cache
def searchable(patient: str) -> str:
    """Return all text that a patient is found by.

    Words with a hyphen or an apostrophe are included joined and split: Min-jun is found as "minjun"
    and as "min jun".
    """
    text = folded(" ".join(_words(patient)))
    return " ".join(
        (*(NOT_A_WORD.sub("", word) for word in text.split()), NOT_A_WORD.sub(" ", text))
    )


def _words(patient: str) -> list[str]:
    record = store.store().by_reference[f"Patient/{patient}"].resource
    conditions = store.store().of_patient("Condition", patient)
    return [
        patient,
        record["birthDate"],
        store.store().notes[patient],
        *_names(record),
        *(str(item["value"]) for item in record.get("identifier", ())),
        *(condition.resource["code"]["text"] for condition in conditions),
    ]


def _names(record: Resource) -> list[str]:
    """Return every name in every script: many records also have a Latin one."""
    return [
        part
        for name in record["name"]
        for part in (name.get("text", ""), name.get("family", ""), *name.get("given", ()))
    ]
