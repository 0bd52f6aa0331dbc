"""The words for the codes that answer a test or a question, for servers that send no display.

They are few and closed: the qualitative results of SNOMED CT that laboratories use, the answers of
LOINC's lists (pregnancy, PHQ-9, GAD-7), and the smoking statuses of US Core. Any other bare code
is shown as a code.
"""

import re

from smartapp.record.codes import LOINC, SNOMED, codings

POSITIVE = frozenset(
    {"positive", "pos", "reactive", "detected", "present", "abnormal", "repeatedly reactive",
     "weakly reactive", "weakly positive", "weak positive", "low positive", "strongly positive",
     "presumptive positive", "small", "moderate", "large", "many", "numerous",
     "1+", "2+", "3+", "4+",
     "positiv", "positif", "positivo", "positiva", "positief", "pozitif", "pozitív", "dodatni",
     "nachgewiesen", "nachweisbar", "détecté", "détectée", "detectado", "detectada", "rilevato",
     "reagente", "reactivo", "reattivo", "påvist", "påvisad", "陽性", "阳性", "양성"}
)  # fmt: skip
NEGATIVE = frozenset(
    {"negative", "neg", "nonreactive", "non reactive", "not reactive", "not detected", "undetected",
     "none detected", "absent", "not present", "normal", "none seen", "not seen", "none observed",
     "none found", "not found", "none present", "not isolated", "no growth",
     "negativ", "négatif", "négative", "negativo", "negativa", "negatief", "negatif", "negatív",
     "ujemny", "nicht nachgewiesen", "nicht nachweisbar", "non détecté", "non détectée",
     "no detectado", "no detectada", "não detectado", "não detectada", "non rilevato",
     "não reagente", "no reactivo", "non reattivo", "ikke påvist", "ej påvisad", "陰性", "阴性",
     "음성"}
)  # fmt: skip
# As Japan writes them, often in brackets.
_SIGNS = {
    **dict.fromkeys("-\u2212\uff0d", "negative"),
    **dict.fromkeys(("+", "++", "+++", "\uff0b"), "positive"),
}

_BEHIND = re.compile(r"(?<=.)(?:[,;:(\[]|\s(?=\d))")

_SNOMED = {
    "10828004": "Positive",
    "260385009": "Negative",
    "260373001": "Detected",
    "260415000": "Not detected",
    "52101004": "Present",
    "2667000": "Absent",
    "11214006": "Reactive",
    "131194007": "Non-reactive",
    "419984006": "Inconclusive",
    "82334004": "Indeterminate",
    "42425007": "Equivocal",
    "720735008": "Presumptive positive",
    "125154007": "Specimen unsatisfactory for evaluation",
    "455371000124106": "Invalid result",
    "17621005": "Normal",
    "263654008": "Abnormal",
    "373066001": "Yes",
    "373067005": "No",
    # How somebody sat or lay.
    "33586001": "Sitting",
    "10904000": "Standing",
    "102538003": "Lying",
    "40199007": "Lying on the back",
    "77386006": "Pregnant",
    "60001007": "Not pregnant",
    "146799005": "Possible pregnancy",
    "152231000119106": "Pregnancy not yet confirmed",
    "449868002": "Current every day smoker",
    "428041000124106": "Current some day smoker",
    "428071000124103": "Heavy tobacco smoker",
    "428061000124105": "Light tobacco smoker",
    "8517006": "Former smoker",
    "266919005": "Never smoker",
    "77176002": "Smoker, current status unknown",
    "266927001": "Unknown if ever smoked",
}
_LOINC = {
    "LA6576-8": "Positive",
    "LA6577-6": "Negative",
    "LA11882-0": "Detected",
    "LA11883-8": "Not detected",
    "LA33-6": "Yes",
    "LA32-8": "No",
    "LA18976-3": "Current every day smoker",
    "LA18977-1": "Current some day smoker",
    "LA15920-4": "Former smoker",
    "LA18978-9": "Never smoker",
    "LA18979-7": "Smoker, current status unknown",
    "LA18980-5": "Unknown if ever smoked",
    "LA18981-3": "Heavy tobacco smoker",
    "LA18982-1": "Light tobacco smoker",
    "LA15173-0": "Pregnant",
    "LA26683-5": "Not pregnant",
    "LA4489-6": "Unknown",
    # PHQ-9 and GAD-7.
    "LA6568-5": "Not at all",
    "LA6569-3": "Several days",
    "LA6570-1": "More than half the days",
    "LA6571-9": "Nearly every day",
}
_WORDS = {SNOMED: _SNOMED, LOINC: _LOINC}


def plain_answer(words: str) -> str:
    """Return an answer as POSITIVE and NEGATIVE have it: without case, qualifier, brackets and
    hyphens; a sign in words."""
    plain = words.casefold().removesuffix("(qualifier value)").strip(" .()\uff08\uff09")
    return _SIGNS.get(plain, plain.replace("-", ""))


def is_positive(words: str) -> bool:
    """Return whether an answer is one of POSITIVE, also with more behind it: "DETECTED (A)",
    "Positive; confirmed", "Large 3+"."""
    parts = [plain_answer(part) for part in _BEHIND.split(words.strip(" *!"))]
    return parts[0] in POSITIVE and NEGATIVE.isdisjoint(parts)


def answer_words(concept: object) -> str:
    """Return the words for the first known answer code of a concept, or ""."""
    found = (_WORDS.get(system, {}).get(code, "") for system, code in codings(concept))
    return next(filter(None, found), "")
