"""The name of a medication: from its author, from the Medication it refers to, from its
ingredients.

"Could not be read" and "does not name" differ: the first is a failure of this app or the network,
the second is the EHR's.
"""

import re
from decimal import Decimal
from itertools import combinations
from typing import Any, NamedTuple

from smartapp.record.absence import absent_code, named_or
from smartapp.record.amounts import has_unit, is_one, ratio_text
from smartapp.record.codes import codings, concept_text, concept_words
from smartapp.record.elements import Resource, is_false, mapping, mappings
from smartapp.record.marks import Marks, read_labels
from smartapp.record.modifiers import not_understood, reason_to_leave_out, status_text
from smartapp.record.quantities import quantity_text, without_trailing_zeros
from smartapp.record.references import Related, as_reference, display, resolve, target
from smartapp.record.texts import text

_WORDS = re.compile(r"[^\W\d_]+")
# A shorter word may be anything: the B of a vitamin.
LEAST_LETTERS = 3
# A code of ATC for one substance; shorter ones are classes.
ATC_LENGTH = 7
# Whose codes beside a drug are mostly those of its classes.
_OF_CLASSES = re.compile(r"ndf-?rt|med-?rt|ahfs", re.IGNORECASE)
_IN_BRACKETS = re.compile(r"\([^()]*\)|\[[^\[\]]*\]")
_MIXTURE = re.compile(r" [+/] |\bin\b", re.IGNORECASE)
# Words that do not name the drug: its form, how and how fast it is taken up, how often it is taken,
# units, and two salts that have several spellings.
_FORM_WORDS = frozenset(
    [
        "tab", "tabs", "tablet", "tablets", "tbl", "cap", "caps", "capsule", "capsules", "oral",
        "solution", "sol", "soln", "suspension", "susp", "liquid", "syrup", "elixir", "powder",
        "granules", "drops", "drop", "spray", "cream", "ointment", "gel", "lotion", "foam", "patch",
        "patches", "film", "coated", "enteric", "chewable", "disintegrating", "dispersible",
        "effervescent", "odt", "injection", "injectable", "inj", "infusion", "inhaler",
        "inhalation", "inhalant", "aerosol", "nebulizer", "actuat", "actuation", "metered", "dose",
        "hfa", "extended", "delayed", "immediate", "sustained", "modified", "prolonged",
        "controlled", "release", "hour", "hours", "topical", "ophthalmic", "otic", "nasal",
        "rectal", "vaginal", "transdermal", "sublingual", "buccal", "intravenous",
        "intramuscular", "subcutaneous", "pen", "pens", "vial", "vials", "syringe", "prefilled",
        "cartridge", "pack", "human", "recombinant", "product", "containing", "precisely", "only",
        "conventional", "each", "and", "with", "for", "per", "mcg", "unit", "units", "unt", "meq",
        "mmol", "gram", "grams", "milligram", "milligrams", "microgram", "micrograms",
        "milliliter", "millilitre", "hcl", "hydrochloride", "hbr", "hydrobromide", "strength",
        "usp", "generic", "acid", "system", "medicated", "daily", "weekly", "ivpb", "bolus", "push",
        "drip", "premix", "premixed", "continuous", "bag", "bottle", "ampule", "ampoule", "tube",
        "device", "kit", "injector", "autoinjector", "auto", "packet", "packets", "sachet",
        "sachets", "reconstitution", "reconstituted", "nebulization", "nebules", "suppository",
        "suppositories", "enema", "lozenge", "lozenges", "troche", "gum", "chewing", "implant",
        "swab", "shampoo", "mouthwash", "paste", "pad", "pads", "applicator", "eye", "ear",
        "emulsion", "softgel", "softgels", "preparation", "lock", "flush", "porcine",
        "take", "mouth", "once", "twice", "three", "times", "every", "day", "days", "nightly",
        "bedtime", "morning", "evening", "needed", "pharmacy", "protocol", "home", "supply",
        "patient", "own", "sliding", "scale",
    ]
)  # fmt: skip
# Salts, esters and what carries a drug: people leave them out, so only another one contradicts.
_SALTS = (
    "sodium", "potassium", "calcium", "magnesium", "zinc", "chloride", "bromide", "iodide", "oxide",
    "hydroxide", "carbonate", "bicarbonate", "sulfate", "phosphate", "nitrate", "mononitrate",
    "dinitrate", "acetate", "citrate", "gluconate", "lactate", "tartrate", "bitartrate",
    "succinate", "maleate", "fumarate", "malate", "besylate", "mesylate", "tosylate", "pamoate",
    "stearate", "estolate", "benzathine", "procaine", "tromethamine", "arginine", "erbumine",
    "decanoate", "enanthate", "cypionate", "undecanoate", "valerate", "propionate", "dipropionate",
    "furoate", "palmitate", "palmitoate", "axetil", "medoxomil", "etexilate", "mofetil",
    "disoproxil", "alafenamide", "liposomal", "liposome",
)  # fmt: skip
# Two words for one insulin.
_SAME = {"nph": "isophane"}
_DIGITS = re.compile(r"\d+(?:[.,]\d+)*")
# "400 mg/5 mL", "1%", "0.05 MG". RxNorm has all strengths in milligrams, and per millilitre. What
# a patch gives is per day in one name and per hour in another.
_AMOUNT = re.compile(
    r"(?<![\d.,])(?P<number>\d{1,9}(?:[.,]\d{1,9}){0,3}) ?-?"
    r"(?:(?P<unit>mcg|[µμu]g|mg|gm?|units?|unt|iu|meq)\b|(?P<percent>%))"
    r"(?! ?/ ?\d{0,3} ?h)"
    r"(?: ?/ ?(?:(?P<per>\d{1,9}(?:\.\d{1,9})?)? ?(?P<volume>ml\b)|(?P<of_itself>mg\b)))?",
    re.IGNORECASE,
)
_THOUSANDS = re.compile(r"[1-9]\d{0,2}(?:,\d{3})+(?:\.\d+)?")
_ROUNDED = Decimal("0.05")
# "" is a percent; all others are micrograms.
_IN_MILLIGRAMS = {"mg": Decimal(1), "g": Decimal(1000), "gm": Decimal(1000), "": Decimal(10)}
NOT_READ = "Medication that could not be read"
# HL7 v3 SubstanceAdminSubstitution, for servers that send only the code.
SUBSTITUTIONS = {
    "E": "equivalent",
    "EC": "equivalent composition",
    "BC": "brand composition",
    "G": "generic",
    "TE": "therapeutic alternative",
    "TB": "therapeutic brand",
    "TG": "therapeutic generic",
    "F": "as in the formulary",
    "N": "none",
}
# HL7's codes of why an order is not active (medicationrequest-status-reason), likewise.
STATUS_REASONS = {
    "altchoice": "another treatment is to be tried first",
    "clarif": "the prescription must be clarified",
    "drughigh": "drug level too high",
    "hospadm": "admission to hospital",
    "labint": "interference with a laboratory test",
    "non-avail": "the patient is not available",
    "preg": "pregnancy or breastfeeding",
    "salg": "allergy",
    "sddi": "interaction with another drug",
    "sdupther": "duplicate therapy",
    "sintol": "suspected intolerance",
    "surg": "planned surgery",
    "washout": "waiting for an old drug to wash out",
}
NOT_NAMED = "Medication that the EHR does not name"
TWO_NAMES = "The EHR gives this two names, which may be of two medicines: check it in the EHR."


class MedicationName(NamedTuple):
    """A name. `are_two`: the record names two medicines of one kind, insulin lispro and glargine.
    Other names that differ are mostly those of a brand and its substance."""

    words: str
    are_two: bool = False


def medication_name(resource: Resource, related: Related) -> MedicationName:
    """Return the name of the medication of a request, statement, dispense or administration."""
    concept, reference = medication_concept(resource), medication_reference(resource)
    medication = resolve(reference, resource, related)
    if not absent_code(concept):
        names, ingredients = _names(resource, related), ingredients_text(medication, related)
        candidates = (
            _all_that_is_said(names),
            ingredients,
            concept_text(concept),
            concept_text(medication.get("code")),
        )
        if named := next(filter(None, candidates), ""):
            pairs = combinations([*names, ingredients], 2)
            are_two = any(_are_two_of_a_kind(one, other) for one, other in pairs)
            return MedicationName(_with_strength(named, medication, related), are_two)
    unnamed = NOT_READ if _is_elsewhere(reference, medication) else NOT_NAMED
    return MedicationName(named_or(concept or reference, unnamed))


def _names(resource: Resource, related: Related) -> list[str]:
    """Return the names that the resource and the Medication give, the author's first."""
    reference = medication_reference(resource)
    medication = resolve(reference, resource, related)
    concept, code = medication_concept(resource), medication.get("code")
    names = [*_names_of(concept), display(reference), *_names_of(code)]
    return [name for name in names if name]


def _names_of(concept: object) -> list[str]:
    """Return the words of a concept, and the first display if no display is of the same drug in the
    same strength. Displays of one drug have many forms, and are no names of their own."""
    words = concept_words(concept)
    displays = [
        shown
        for coding in mappings(mapping(concept).get("coding"))
        if (shown := text(coding.get("display"))) and any(map(is_of_a_drug, codings(coding)))
    ]
    differ = all(_is_another(words, one) or _is_stronger_or_weaker(words, one) for one in displays)
    return [words, *displays[:1]] if displays and differ else [words]


def is_of_a_drug(coding: tuple[str, str]) -> bool:
    """Return whether a code is of one drug, and neither why there is none nor of a whole class
    (a short one of ATC, or one of the systems of classes)."""
    system, code = coding
    is_short = system.endswith("/atc") and len(code) < ATC_LENGTH
    is_a_class = is_short or _OF_CLASSES.search(system) is not None
    return not absent_code({"coding": [{"system": system, "code": code}]}) and not is_a_class


def _all_that_is_said(names: list[str]) -> str:
    """Return the first name, and each other that is of another drug, or that has a strength which
    the first lacks: "Lisinopril 10 MG Oral Tablet" for "Lisinopril", "Warfarin (Lisinopril)"."""
    said: list[str] = []
    for name in names:
        if any(name.casefold().startswith(one.casefold()) for one in said):
            said = [name if name.casefold().startswith(one.casefold()) else one for one in said]
        elif not any(_says_as_much(one, name) for one in said):
            said.append(name)
    return f"{said[0]} ({'; '.join(said[1:])})" if said[1:] else "".join(said)


def _says_as_much(name: str, other: str) -> bool:
    mine, others = ({*_DIGITS.findall(without_trailing_zeros(one))} for one in (name, other))
    return others <= mine and not _is_another(name, other)


def _is_another(name: str, other: str) -> bool:
    """Return whether the other name is of another drug, or may be: neither begins with a word of
    the other, or both begin alike and go on differently."""
    words, others = _drug_words(name), _drug_words(other)
    if not (words and others):
        return False
    are_related = _has(others[0], words) or _has(words[0], others)
    return not are_related or _are_two_of_a_kind(name, other)


def _is_stronger_or_weaker(name: str, other: str) -> bool:
    """Return whether both have a strength of one kind, and none in common."""
    mine, others = _strengths(name), _strengths(other)
    alike = [(one, it) for kind, one in mine for its, it in others if kind == its]
    return bool(alike) and not any(_are_one_strength(one, it) for one, it in alike)


def _are_one_strength(one: Decimal, other: Decimal) -> bool:
    """Return whether two strengths differ only in how they were rounded: 2.5 mg/3 mL is 0.83 mg/mL
    in RxNorm."""
    return abs(one - other) <= _ROUNDED * max(one, other)


def _strengths(name: str) -> set[tuple[str, Decimal]]:
    """Return the strengths in a name: ("g", 400) and ("g/ml", 80) for "400 mg/5 mL", in milligrams.
    "40 mg" of a syringe cannot be compared with what a millilitre has. One percent is 10 mg per
    millilitre; beside an amount it is what that is dissolved in, or says the same."""
    found, matches = set(), list(_AMOUNT.finditer(name))
    for match in [one for one in matches if one["unit"]] or matches:
        number, unit = _number(match["number"]), (match["unit"] or "").casefold()
        kind = "meq" if unit == "meq" else "units" if unit[:2] in ("un", "iu") else "g"
        if kind == "g":
            number *= _IN_MILLIGRAMS.get(unit, Decimal("0.001"))
        if match["of_itself"]:
            number *= 1000
        volume = Decimal(match["per"] or 1) if match["volume"] else Decimal(0)
        if match["per"] or not (match["volume"] or match["of_itself"] or match["percent"]):
            found.add((kind, number))
        if volume or match["of_itself"] or match["percent"]:
            found.add((f"{kind}/ml", number / (volume or 1)))
    return found


def _number(written: str) -> Decimal:
    """Return a number whose commas may separate thousands, or else decimals."""
    if _THOUSANDS.fullmatch(written):
        return Decimal(written.replace(",", ""))
    whole, _, decimals = written.replace(",", ".").rpartition(".")
    return Decimal(f"{whole.replace('.', '')}.{decimals}" if whole else decimals)


def _are_two_of_a_kind(name: str, other: str) -> bool:
    """Return whether two names begin alike and each has a word that the other lacks, both of them
    salts ("Warfarin sodium" is "Warfarin per pharmacy") or neither. A mixture is named in too many
    ways."""
    words, others = _drug_words(name), _drug_words(other)
    if any(_MIXTURE.search(one) for one in (name, other)) or not (
        words and others and _has(words[0], others[:1])
    ):
        return False
    # The other may have a brand in brackets.
    lacks = _lacking(words, _words_of(other)), _lacking(others, _words_of(name))
    return not lacks[0].isdisjoint(lacks[1])


def _lacking(words: list[str], others: list[str]) -> set[bool]:
    """Return whether there are salts among the words that others lack, and whether other words."""
    return {word in _SALT_WORDS for word in words if not _has(word, others)}


def _has(word: str, words: list[str]) -> bool:
    """Return whether a word is among others, also shortened ("succ") or longer."""
    return any(one.startswith(word) or word.startswith(one) for one in words)


def _drug_words(name: str) -> list[str]:
    """Return the words that name the drug; those in brackets are brands."""
    return _words_of(_IN_BRACKETS.sub(" ", name))


def _words_of(name: str) -> list[str]:
    """Return the words for drugs and brands, in lower case and one spelling ("sulphate")."""
    return [
        _SAME.get(word, word).replace("ph", "f")
        for word in _WORDS.findall(name.casefold())
        if len(word) >= LEAST_LETTERS and word not in _FORM_WORDS
    ]


_SALT_WORDS = frozenset(_words_of(" ".join(_SALTS)))


def _with_strength(name: str, medication: Resource, related: Related) -> str:
    """Return the name with the form and the strengths of its ingredients that it does not have."""
    # R5 calls it the dose form.
    form = concept_words(medication.get("form") or medication.get("doseForm"))
    strengths = ingredients_text(medication, related) or _strength(medication, "amount")
    is_said = _says_as_much(name, strengths)
    if " + " not in strengths:
        strengths = strengths.removeprefix(f"{name} ")
    added = ["" if form.casefold() in name.casefold() else form, "" if is_said else strengths]
    words = ", ".join(filter(None, added))
    return f"{name} ({words})" if words else name


def _strength(holder: dict[str, Any], member: str) -> str:
    """Return "500 mg per tablet", or "500 mg" where it is per one of nothing in particular."""
    ratio = mapping(holder.get(member))
    per = mapping(ratio.get("denominator"))
    if is_one(per.get("value", 1)) and not has_unit(per):
        return quantity_text(ratio.get("numerator"))
    return ratio_text(ratio)


def _is_elsewhere(reference: dict[str, Any], medication: Resource) -> bool:
    """Return whether the name is in a resource that was not read: the Medication, or an
    ingredient."""
    if medication:
        return any(
            target(one.get("itemReference") or one.get("item"))
            for one in mappings(medication.get("ingredient"))
        )
    return bool(target(reference) or mapping(reference.get("identifier")).get("value"))


def medication_marks(marks: Marks, resource: Resource, related: Related) -> Marks:
    """Return the marks together with those of the Medication that the resource refers to: that one
    may be withdrawn, or have a modifier that this app does not understand."""
    medication = resolve(medication_reference(resource), resource, related)
    if not medication:
        return marks
    status = reason_to_leave_out(medication) or status_text(medication).lower()
    remark = f"The EHR marks the medication's own entry as {status}." if status else ""
    return marks._replace(
        labels=tuple(dict.fromkeys((*marks.labels, *read_labels(medication)))),
        not_understood=marks.not_understood or not_understood(medication),
        notes=(*filter(None, [remark]), *marks.notes),
    )


def medication_codings(resource: Resource, related: Related) -> tuple[tuple[str, str], ...]:
    """Return (system, code) of the medication, from the resource itself or from the Medication."""
    medication = resolve(medication_reference(resource), resource, related)
    return (*codings(medication_concept(resource)), *codings(medication.get("code")))


def medication_reference(resource: Resource) -> dict[str, Any]:
    # R5 has both forms in one CodeableReference.
    return as_reference(resource.get("medicationReference")) or as_reference(
        mapping(resource.get("medication")).get("reference")
    )


def medication_concept(resource: Resource) -> object:
    # R5 has it one level deeper; some servers send the concept itself, or words.
    sent = resource.get("medication")
    r5 = mapping(sent).get("concept") if {"concept", "reference"} & mapping(sent).keys() else sent
    return resource.get("medicationCodeableConcept") or r5


def ingredients_text(medication: Resource, related: Related) -> str:
    """Return "Metformin 500 mg per tablet + Sitagliptin 50 mg per tablet"."""
    named = (
        _ingredient(one, medication, related) for one in mappings(medication.get("ingredient"))
    )
    return " + ".join(filter(None, named))


def _ingredient(ingredient: dict[str, Any], medication: Resource, related: Related) -> str:
    # R5 has one member for both; STU3 calls the strength an amount.
    reference = ingredient.get("itemReference") or ingredient.get("item")
    other = resolve(reference, medication, related)
    name = (
        concept_text(ingredient.get("itemCodeableConcept"))
        or display(reference)
        or concept_text(other.get("code"))
    )
    ratios = (_strength(ingredient, name) for name in ("strength", "strengthRatio", "amount"))
    strength = next(filter(None, ratios), "") or quantity_text(ingredient.get("strengthQuantity"))
    inactive = " (inactive)" if is_false(ingredient.get("isActive")) else ""
    return f"{name} {strength}".rstrip() + inactive if name else ""
