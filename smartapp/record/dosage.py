"""FHIR Dosage in words, in the order in which it is to be taken (FHIR R4, Dosage)."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from smartapp.record.absence import absent_code, extension_code
from smartapp.record.amounts import NO_UNIT, amount_text, digits, range_text, ratio_text
from smartapp.record.codes import concept_text, concept_texts, texts_or_known
from smartapp.record.elements import is_false, is_true, mapping, mappings
from smartapp.record.quantities import without_trailing_zeros, written_number
from smartapp.record.sites import INJECTION_SITES, ROUTES
from smartapp.record.texts import prose, text, texts
from smartapp.record.timing import counted_in, plain_words, timing_words
from smartapp.record.wording import Parts, Say, Words, say_parts

RATE = "at "
_AS_NEEDED = re.compile(r"^(?:as needed|p\.?r\.?n)\b\.?(?:\s+for\b)?\W*", re.IGNORECASE)
# "1,000" is a thousand if the coded number is one.
_THOUSANDS = re.compile(r"(?<![\d.,])[1-9]\d{0,2}(?:[,\u2019\u202f\u00a0]\d{3})+(?![\d.,])")
_CODED_AS = re.compile(r"coded as “(.*)”")
_OF_DOSAGE = re.compile(r"http://hl7\.org/fhir/.*/(?:extension-)?dosage", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Dosage:
    """One instruction.

    `words` is the prescriber's own text, or else the words of the coded members. `coded` is what
    the coded members say beyond that text. `for_patient` is shown beside the dose and never
    replaces it. `is_next` marks an instruction that follows when the one before it is over.
    `is_whole` is False if the EHR has more than all of these say.
    """

    words: str
    coded: str = ""
    for_patient: str = ""
    is_next: bool = False
    is_whole: bool = True


def as_compared(dosages: Iterable[Dosage]) -> tuple[Dosage, ...]:
    """Return instructions for comparisons: 5.0 mg is no other dose than 5 mg."""
    return tuple(
        replace(
            one,
            words=without_trailing_zeros(one.words),
            coded=without_trailing_zeros(one.coded),
        )
        for one in dosages
    )


def read_dosages(dosages: object) -> tuple[Dosage, ...]:
    """Return the instructions in their sequence; those with the same number apply at the same
    time."""
    # Some servers send a sentence instead of FHIR's structure.
    written = ({"text": one} for one in texts(dosages))
    ordered = sorted([*mappings(dosages), *written], key=_sequence)
    steps = [_sequence(dosage) for dosage in ordered]
    return tuple(
        _read(
            dosage,
            is_next=place > 0
            and steps[place - 1] < steps[place]
            and _follows(ordered[place - 1], dosage),
        )
        for place, dosage in enumerate(ordered)
    )


def _follows(before: Mapping[str, Any], dosage: Mapping[str, Any]) -> bool:
    """Return whether an instruction with a later place is a later step. In Switzerland the doses of
    one day have places: 1 tablet in the morning, which has no end or that of the next, and half a
    one in the evening."""
    first, second = _repeat(before), _repeat(dosage)
    period = mapping(first.get("boundsPeriod"))
    if period and period == second.get("boundsPeriod"):
        return False
    times, others = first.get("when"), second.get("when")
    if not times or not others or times == others or before.get("text"):
        return True
    return bool(period.get("end") or {"count", "boundsDuration", "boundsRange"} & first.keys())


def _repeat(dosage: Mapping[str, Any]) -> Mapping[str, Any]:
    return mapping(mapping(dosage.get("timing")).get("repeat"))


def _sequence(dosage: Mapping[str, Any]) -> float:
    """Return the place in the order. An instruction without one comes first, as it was sent."""
    place = written_number(dosage.get("sequence"))
    return 0 if place is None else float(place)


def _read(dosage: Mapping[str, Any], *, is_next: bool) -> Dosage:
    coded = say_parts(dosage, DOSAGE_PARTS)
    written = prose(dosage.get("text"))
    beyond = _beyond(written, coded.words)
    return Dosage(
        words=written or coded.join(),
        coded=", ".join(beyond) if written else "",
        for_patient=_for_patient(dosage),
        is_next=is_next,
        is_whole=coded.is_whole,
    )


def _for_patient(dosage: Mapping[str, Any]) -> str:
    """Return the words for the patient; some EHRs fill the place with a dash."""
    words = prose(dosage.get("patientInstruction"))
    return words if any(map(str.isalnum, words)) else ""


def _beyond(written: str, coded: tuple[str, ...]) -> list[str]:
    """Return the coded words that are not in the author's text. An amount without a unit counts
    tablets, drops or the like."""
    whole = _THOUSANDS.sub(lambda found: re.sub(r"\D", "", found[0]), written)
    plain = f" {plain_words(written)}  {plain_words(whole)} "
    bare = ((words, plain_words(_CODED_AS.sub(r"\1", words))) for words in coded)
    beyond = [words for words, said in bare if f" {said} " not in plain]
    if not any(words.endswith(NO_UNIT) for words in beyond):
        return beyond
    counted = counted_in(written)
    return [words for words in beyond if words.removesuffix(NO_UNIT).strip() not in counted]


def _doses(dosage: Mapping[str, Any]) -> Words:
    """Return "500 mg", or each kind with its name: "500 mg (ordered), 480 mg (calculated)"."""
    said = [say_parts(one, DOSE_PARTS) for one in mappings(dosage.get("doseAndRate"))]
    kinds = [concept_text(one.get("type")) for one in mappings(dosage.get("doseAndRate"))]
    amounts = dict.fromkeys(one.words for one in said)
    if len(amounts) <= 1:
        words = next(iter(amounts), ())
    else:
        words = tuple(
            f"{one.join()} ({kind})" if kind else one.join()
            for one, kind in zip(said, kinds, strict=True)
        )
    return Words(words, is_whole=bool(said) and all(one.is_whole for one in said))


def _dose(dose: Mapping[str, Any]) -> Words:
    return _one_of([amount_text(dose.get("doseQuantity")), range_text(dose.get("doseRange"))])


def _one_of(said: list[str]) -> Words:
    """Return the words of an element of which FHIR allows one form. Of two that differ nobody knows
    which is meant."""
    found = dict.fromkeys(filter(None, said))
    return Words((" or ".join(found),) if found else (), is_whole=len(found) == 1)


def _older_dose(dosage: Mapping[str, Any]) -> Words | str | None:
    """Return the dose and rate of STU3, which are in the instruction itself. Beside R4's dose they
    add nothing, or contradict it."""
    each = [
        say_parts({name: dosage[old]}, DOSE_PARTS)
        for old, name in OLDER_DOSES.items()
        if dosage.get(old) is not None
    ]
    words = [words for one in each for words in one.words]
    doses = [one for one in words if not one.startswith(RATE)]
    rates = [one for one in words if one.startswith(RATE)]
    both = [_one_of(one) for one in (doses, rates) if one]
    said = tuple(words for one in both for words in one.words)
    if dosage.get("doseAndRate"):
        return "" if said == _doses(dosage).words else None
    return Words(said, is_whole=all(one.is_whole for one in (*each, *both)))


def _extension(dosage: Mapping[str, Any]) -> str | None:
    """Return Oracle Health's instruction for clinicians. None if HL7 defines an extension as a part
    of the dose (the conditions for it, the gap between two), or says why there is no dose."""
    extensions = mappings(dosage.get("extension"))
    if extension_code(dosage) or any(_OF_DOSAGE.match(text(one.get("url"))) for one in extensions):
        return None
    said = (
        prose(one.get("valueString"))
        for one in extensions
        if text(one.get("url")).endswith("/clinical-instruction")
    )
    return ", ".join(filter(None, said))


def _unknown_extension(_: Mapping[str, Any]) -> None:
    """Return None: it may say what the number means ("per kg")."""


def _kind_of_dose(_: Mapping[str, Any]) -> str:
    """Return nothing: a kind only matters if there are several, and `_doses` then shows it."""
    return ""


def _rate(dose: Mapping[str, Any]) -> Words:
    rates = (
        ratio_text(dose.get("rateRatio")),
        range_text(dose.get("rateRange")),
        amount_text(dose.get("rateQuantity")),
    )
    return _one_of([f"{RATE}{rate}" for rate in rates if rate])


def _as_needed(dosage: Mapping[str, Any]) -> str | None:
    # R4 has either a reason or a boolean; R5 has a boolean and reasons.
    reasons = [
        *concept_texts(dosage.get("asNeededCodeableConcept")),
        *concept_texts(dosage.get("asNeededFor")),
    ]
    if reasons:
        # Many EHRs repeat the words in the reason: "as needed for pain", "PRN nausea".
        plain = dict.fromkeys(filter(None, (_AS_NEEDED.sub("", one) for one in reasons)))
        return f"as needed for {' or '.join(plain)}" if plain else "as needed"
    answer = dosage.get("asNeededBoolean", dosage.get("asNeeded"))
    if is_true(answer):
        return "as needed"
    return "" if is_false(answer) else None


def _concept(name: str, form: str = "{}", known: Mapping[str, str] | None = None) -> Say:
    def say(dosage: Mapping[str, Any]) -> str | None:
        words = ", ".join(texts_or_known(dosage.get(name), known or {}))
        if words and absent_code(dosage.get(name)):
            words = f"{name} {words}"
        return form.format(words) if words else None

    return say


def _most_per_period(dosage: Mapping[str, Any]) -> str | None:
    ratios = [ratio_text(ratio) for ratio in mappings(dosage.get("maxDosePerPeriod"))]
    return f"at most {' and '.join(ratios)}" if all(ratios) and ratios else None


def _most(name: str, occasion: str) -> Say:
    def say(dosage: Mapping[str, Any]) -> str | None:
        words = amount_text(dosage.get(name))
        return f"at most {words} {occasion}" if words else None

    return say


def _text(name: str) -> Say:
    def say(dosage: Mapping[str, Any]) -> str | None:
        return "" if prose(dosage.get(name)) else None

    return say


def _order(dosage: Mapping[str, Any]) -> str | None:
    return "" if digits(dosage.get("sequence")) else None


def _timing(dosage: Mapping[str, Any]) -> Words:
    return timing_words(dosage.get("timing"))


DOSE_PARTS: Parts = (
    (("doseQuantity", "doseRange"), _dose),
    (("rateRatio", "rateRange", "rateQuantity"), _rate),
    (("type",), _kind_of_dose),
    (("extension",), _unknown_extension),
)
OLDER_DOSES = {
    "doseQuantity": "doseQuantity",
    "doseSimpleQuantity": "doseQuantity",
    "doseRange": "doseRange",
    "quantityQuantity": "doseQuantity",
    "quantityRange": "doseRange",
    "rateRatio": "rateRatio",
    "rateRange": "rateRange",
    "rateQuantity": "rateQuantity",
}
DOSAGE_PARTS: Parts = (
    (("doseAndRate",), _doses),
    (tuple(OLDER_DOSES), _older_dose),
    (("extension",), _extension),
    (("route",), _concept("route", known=ROUTES)),
    (("site",), _concept("site", "site: {}", INJECTION_SITES)),
    (("method",), _concept("method")),
    (("timing",), _timing),
    (("asNeededBoolean", "asNeededCodeableConcept", "asNeeded", "asNeededFor"), _as_needed),
    (("maxDosePerPeriod",), _most_per_period),
    (("maxDosePerAdministration",), _most("maxDosePerAdministration", "at a time")),
    (("maxDosePerLifetime",), _most("maxDosePerLifetime", "in a lifetime")),
    (("additionalInstruction",), _concept("additionalInstruction")),
    # These are shown beside the coded words: the author's text, the patient's text, and the order.
    (("text",), _text("text")),
    (("patientInstruction",), _text("patientInstruction")),
    (("sequence",), _order),
)
