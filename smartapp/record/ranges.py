"""Reference ranges: which of them apply to this patient, and whether a value is inside.

A range decides only if no other can apply (FHIR R4 Observation.referenceRange), according to
`appliesTo`, `age` and `type`, its name, and its unit. All ranges that may apply are listed.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache

from smartapp.record.answers import NEGATIVE, is_positive, plain_answer
from smartapp.record.codes import codings, concept_text, concept_words
from smartapp.record.elements import Resource, mapping, mappings, remembered
from smartapp.record.interpretations import ABOVE, BELOW, NO_FLAG, OUTSIDE, Flag
from smartapp.record.moments import Moment
from smartapp.record.people import Person, Sex
from smartapp.record.quantities import (
    THOUSAND,
    compared_number,
    may_have_thousands,
    number_text,
    plain_digits,
    quantity_text,
    written_number,
)
from smartapp.record.texts import text, texts
from smartapp.record.units import NO_UNIT, Unit, in_power_of_ten, is_unit, read_unit

# "1:640", "> 1 : 640", and the range of titres "<1:80".
_TITRE = re.compile(r"(?P<sign>[<>]=?|[≤≥])?\s*1\s*[:/]\s*(?P<number>\d{1,6})")
_TITRES_BELOW = re.compile(
    r"(?:negative:?\s*)?(?:<|less than)\s*1\s*[:/]\s*(?P<number>\d{1,6})", re.IGNORECASE
)
_PARTS_OF_WORDS = re.compile(r"\s*[,;/()]\s*|\s+(?:or|to)\s+")
NOT_COMPARED = "not compared: in another unit"
WITHOUT_UNIT = "not compared: the result has no unit"
FRACTION = Unit("1", "as a fraction")
NORMAL_TYPES = frozenset({"normal", "recommended"})
# SNOMED CT and HL7's tables, and the words that laboratories use.
SEX_CODES: dict[str, Sex] = {
    "248153007": "male", "248152002": "female", "m": "male", "f": "female", "male": "male",
    "female": "female", "men": "male", "women": "female", "man": "male", "woman": "female",
    "males": "male", "females": "female", "boys": "male", "girls": "female", "w": "female",
    "mann": "male", "männer": "male", "männlich": "male", "frau": "female", "frauen": "female",
    "weiblich": "female", "homme": "male", "hommes": "male", "femme": "female",
    "femmes": "female", "hombre": "male", "hombres": "male", "mujer": "female",
    "mujeres": "female", "uomo": "male", "uomini": "male", "donna": "female", "donne": "female",
    "mænd": "male", "kvinder": "female", "män": "male", "kvinnor": "female",
}  # fmt: skip
# Words that only say that this is the usual range.
_USUAL_WORDS = frozenset(
    [
        "normal", "normals", "norm", "range", "ranges", "reference", "ref", "interval",
        "intervals", "value", "values", "standard", "usual", "limits", "limit", "expected",
        "healthy", "population", "all", "ages", "general", "default", "n", "rr", "ri",
        "biological", "lab", "laboratory", "the", "of", "for", "is", "up", "to", "from", "less",
        "more", "than", "below", "above", "under", "over", "and", "or", "between", "inclusive",
        "max", "min", "upper", "lower", "low", "high", "normbereich", "normalbereich",
        "referenzbereich", "referenz", "bereich", "normwert", "normwerte", "bis", "von", "unter",
        "über", "valeurs", "valeur", "normales", "normale", "usuelles", "référence",
        "intervalle", "de", "à", "rango", "intervalo", "referencia", "valores", "hasta",
        "valori", "riferimento", "intervallo", "da", "a", "fino", "referenceinterval",
        "referensintervall", "referansområde", "viitearvo", "viiteväli", "normaalwaarde",
        "normaalwaarden", "referentiewaarden", "tot", "both", "sexes", "genders",
    ]
)  # fmt: skip
# "Low: <3.5" is a class of values, and "low 3.5, high 5.1" a range.
_CLASS = re.compile(r"\W*(?:low|high)\b", re.IGNORECASE)
# Alone they name a class of values ("High: from 240"), not the usual range.
_SIDES = frozenset({"high", "low", "above", "below", "over", "under", "upper", "lower"})
_ADULT_WORDS = frozenset(
    ["adult", "adults", "erwachsene", "adulte", "adultes", "adultos", "adulti"]
)
_WORD = re.compile(r"[^\W\d_]+")
_NUMBER_IN_WORDS = re.compile(r"\d+(?:[.,]\d+)*")
_AMOUNT = r"[+-]?\d+(?:[.,]\d+)?"
_SPAN = re.compile(
    rf"(?P<low>{_AMOUNT})\s*(?:[-~\u2013\u2014\u2212]|to|bis|til|tot|à)\s*(?P<high>{_AMOUNT})\s*(?P<unit>\S+)?",
    re.IGNORECASE,
)
_FROM = frozenset({">", ">=", "≥", "above", "over", "more than", "greater than", "at least"})
# "< OR = 5.1", "=<5.1": how laboratories write <=.
_OR_EQUAL = re.compile(r"([<>])\s*or\s*=|=\s*([<>])", re.IGNORECASE)
# "<100 mg/dL (calc)": how a result was made is no name.
_CALCULATED = re.compile(r"\s*\((?:calc\.?|calculated)\)$", re.IGNORECASE)
# "Normal range: 3.5-5.1", "(3.5-5.1)". A label that says anything else is the range's name.
_LABEL = re.compile(r"^[^\d<>≤≥]*:\s*")
_BRACKETS = re.compile(r"^[(\[]([^()\[\]]*)[)\]]$")
_SIDE = re.compile(
    r"(?P<side>[<>]=?|[≤≥]|up to|less than|below|under|more than|greater than|above|over|at least)"
    rf"\s*(?P<bound>{_AMOUNT})\s*(?P<unit>\S+)?",
    re.IGNORECASE,
)
# "3.5-5.1 mmol/L", "35-49 %", "10*3/uL": a unit is not a name.
_UNIT_IN_WORDS = re.compile(r"(?<!\S)[^\s/%^*]*[/%^*]\S*")
# "Pregnant/lactating" are two names. Of a unit one part is short ("cells/uL") or a measure
# ("beats/minute"), or it follows a number.
_MEASURE = re.compile(
    "mol|gram|lit(?:er|re|ro)|met(?:er|re|ro)|minut|second|sekund|hour|stund|day|unit|field|volum",
    re.IGNORECASE,
)
SPACES_IN_A_RANGE = 8  # at most, between a number and its unit
_UNIT_WORDS = frozenset(
    ["mmhg", "kpa", "kg", "g", "cm", "mm", "mg", "mmol", "s", "sec", "fl", "pg", "ph"]
)
_DAYS = {
    "a": Decimal("365.25"), "y": Decimal("365.25"), "yr": Decimal("365.25"),
    "year": Decimal("365.25"), "years": Decimal("365.25"), "mo": Decimal("30.4375"),
    "month": Decimal("30.4375"), "months": Decimal("30.4375"), "wk": Decimal(7),
    "week": Decimal(7), "weeks": Decimal(7), "d": Decimal(1), "day": Decimal(1),
    "days": Decimal(1), "h": Decimal(1) / 24,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ReferenceRange:
    """A range in its own unit.

    `name` says for whom or what it is, if it says so. `words` is the laboratory's text if it did
    not send the bounds as numbers. `is_of_group`: it is for a group that the patient may belong to
    ("Pregnant").
    """

    low: Decimal | None
    high: Decimal | None
    unit: Unit
    words: str = ""
    name: str = ""
    is_of_group: bool = False

    @property
    def has_bounds(self) -> bool:
        return self.low is not None or self.high is not None

    @property
    def is_upside_down(self) -> bool:
        return self.low is not None and self.high is not None and self.low > self.high

    def text_beside(self, unit: Unit, *, is_number: bool) -> str:
        """Return for example "3.5 to 5.1", "2.5 to 6.5 (Critical range)"; the unit only if it
        differs from the value's. A range that a number cannot be compared with says why."""
        span = self.span_text if self.unit.key == unit.key else f"{self.span_text} {self.unit.text}"
        reason = ""
        if is_number and self.has_bounds and not self.is_beside(unit):
            reason = NOT_COMPARED if unit.key else WITHOUT_UNIT
        name = ", ".join(filter(None, (self.name, reason)))
        return f"{span} ({name})" if name else span

    def is_beside(self, unit: Unit) -> bool:
        """Return whether a value in this unit can be compared with the range."""
        return in_power_of_ten(Decimal(1), self.unit, unit) is not None

    def beside(self, unit: Unit) -> "ReferenceRange":
        """Return the range in another unit that it can be compared in."""
        low, high = (
            None if bound is None else in_power_of_ten(bound, self.unit, unit)
            for bound in (self.low, self.high)
        )
        return replace(self, low=low, high=high, unit=unit)

    @property
    def span_text(self) -> str:
        if self.words:
            return self.words
        low = "" if self.low is None else number_text(self.low)
        high = "" if self.high is None else number_text(self.high)
        return f"{low} to {high}" if low and high else f"up to {high}" if high else f"from {low}"


@dataclass(frozen=True, slots=True)
class Ranges:
    """The ranges of a value.

    `deciding` is the range that the value is compared with, in its unit, if there is exactly one.
    `listed` are all that are shown, the deciding one first. Ranges of groups have to agree with it.
    """

    deciding: ReferenceRange | None = None
    listed: tuple[ReferenceRange, ...] = ()

    @property
    def of_groups(self) -> tuple[ReferenceRange, ...]:
        return tuple(one for one in self.listed if one.is_of_group and one.has_bounds)

    def text_beside(self, unit: Unit, *, is_number: bool = True) -> str:
        said = (one.text_beside(unit, is_number=is_number) for one in self.listed)
        return "; ".join(dict.fromkeys(said))


NO_RANGES = Ranges()


def read_ranges(value: object, unit: Unit, person: Person, when: Moment | None) -> Ranges:
    """Return the ranges that may apply to this patient. `unit` is the value's; a range without a
    unit is in that unit."""
    if not value:
        return NO_RANGES
    if (found := _of_everybody(unit, value)) is not None:
        return found
    meant = [(one, _meant_for(one, person, when)) for one in _written(value)]
    return _ranges([(one, name) for one, (name, is_possible) in meant if is_possible], unit)


@remembered
def _of_everybody(unit: Unit, value: object) -> Ranges | None:
    """Return ranges that do not say for whom they are, the most common case; None for others."""
    found = _written(value)
    if not all(map(_is_for_everybody, found)):
        return None
    return _ranges([(one, "") for one in found], unit)


def _written(value: object) -> list[Resource]:
    """Return the ranges; some servers send a text in place of one."""
    return [*mappings(value), *({"text": words} for words in texts(value))]


def _is_for_everybody(members: Resource) -> bool:
    """Return whether a range has only numbers, and perhaps a text that repeats them."""
    if not _NAMING.isdisjoint(members):
        return False
    words = text(members.get("text"))
    return not words or not (_leftover(words, False) or _contradicts(members, words))


def _ranges(possible: Iterable[tuple[Resource, str]], unit: Unit) -> Ranges:
    """Return the ranges with their names, the deciding one first."""
    read = [_range(one, unit, name) for one, name in possible]
    shown = [found for found in read if found.has_bounds or found.words]
    usual = [found for found in shown if found.has_bounds and not found.name]
    # Some laboratories send one range twice: as numbers, and as a text.
    is_one = len({(found.low, found.high, found.unit.key) for found in usual}) == 1
    deciding = usual[0] if is_one and _can_decide(usual[0], unit) else None
    in_order = sorted(shown, key=lambda found: found is not deciding)
    return Ranges(deciding and deciding.beside(unit), tuple(in_order))


def beside(value: Decimal | None, ranges: Ranges) -> Ranges:
    """Return the ranges of a value; none decides if points may separate thousands, in the value or
    in a range in words, and the value is elsewhere then."""
    limits = ranges.deciding
    if value is None or limits is None or not _are_spelled_apart(value, limits):
        return ranges
    return replace(ranges, deciding=None)


def compare(value: Decimal, comparator: str, ranges: Ranges) -> Flag:
    """Return whether a value is above or below, if that is certain: "< 5" may or may not be above
    3."""
    limits = ranges.deciding
    if limits is None:
        return NO_FLAG
    flag = _beside(value, comparator, limits)
    if not flag.is_ours:
        return flag
    agreed = all(
        _can_decide(one, limits.unit)
        and _beside(value, comparator, one.beside(limits.unit)) == flag
        for one in ranges.of_groups
    )
    return flag if agreed else NO_FLAG


def is_decided(value: Decimal, comparator: str, ranges: Ranges) -> bool:
    """Return whether the ranges tell where a value is: "> 60" may be below or above 90. Nothing is
    below 0 if that is where a range begins."""
    limits = ranges.deciding
    if limits is None:
        return False
    if not comparator or compare(value, comparator, ranges).is_ours:
        return True
    if comparator in ("<", "<="):
        return not limits.low and limits.high is not None and value <= limits.high
    is_at_least = comparator in (">", ">=")
    return is_at_least and limits.high is None and limits.low is not None and value >= limits.low


def names_words(words: str, ranges: Ranges) -> bool:
    """Return whether a range in words names a result: "Yellow" of "Straw, yellow", "Not detected"
    of "Negative", and not "Reactive" of "Nonreactive (adults)"."""
    if (is_above := _is_high_titre(words, ranges)) is not None:
        return not is_above
    said = plain_answer(words)
    parts = (part for one in ranges.listed for part in _PARTS_OF_WORDS.split(one.words))
    named = {plain_answer(part) for part in parts}
    are_negative = said in NEGATIVE and not named.isdisjoint(NEGATIVE)
    return are_negative or any(f"{part} ".startswith(f"{said} ") for part in named)


def compare_words(words: str, ranges: Ranges) -> Flag:
    """Return whether a result in words is another than its range names: "Reactive" beside
    "Nonreactive". What is present may be normal."""
    if _is_high_titre(words, ranges):
        return ABOVE
    usual = {"" if one.name else plain_answer(one.words) for one in ranges.listed}
    is_negative = bool(usual) and usual <= NEGATIVE - {"normal"}
    return OUTSIDE if is_negative and is_positive(words) else NO_FLAG


def _is_high_titre(words: str, ranges: Ranges) -> bool | None:
    """Return whether a titre is outside its range: "1:640" beside "<1:80"; None for anything else,
    and where that is not certain ("<1:160")."""
    titre = _TITRE.fullmatch(words)
    below = [_TITRES_BELOW.fullmatch(one.words) for one in ranges.listed]
    if titre is None or len(below) != 1 or below[0] is None or ranges.listed[0].name:
        return None
    number, bound, sign = int(titre["number"]), int(below[0]["number"]), titre["sign"] or "="
    if sign in ("<", "<=", "≤"):
        return False if number < bound or (sign == "<" and number == bound) else None
    return number >= bound or (False if sign == "=" else None)


def _are_spelled_apart(value: Decimal, limits: ReferenceRange) -> bool:
    """Return whether it is so for "150.000 - 400.000" beside 250000, for example."""
    bounds = [bound for bound in (limits.low, limits.high) if bound is not None]
    if may_have_thousands(value):
        return any(abs(bound) >= THOUSAND for bound in bounds)
    if not limits.words or value % 1 or not all(map(may_have_thousands, bounds)):
        return False
    low, high = (bound and bound * THOUSAND for bound in (limits.low, limits.high))
    return _beside(value, "", limits) != _beside(value, "", replace(limits, low=low, high=high))


def _beside(value: Decimal, comparator: str, limits: ReferenceRange) -> Flag:
    if limits.high is not None and _is_above(value, comparator, limits.high):
        return ABOVE
    if limits.low is not None and _is_below(value, comparator, limits.low):
        return BELOW
    return NO_FLAG


def _is_above(value: Decimal, comparator: str, high: Decimal) -> bool:
    if comparator == ">":
        return value >= high
    return comparator in ("", ">=") and value > high


def _is_below(value: Decimal, comparator: str, low: Decimal) -> bool:
    if comparator == "<":
        return value <= low
    return comparator in ("", "<=") and value < low


def _can_decide(found: ReferenceRange, unit: Unit) -> bool:
    return found.is_beside(unit) and not found.is_upside_down


def _range(members: Resource, unit: Unit, name: str) -> ReferenceRange:
    low, high = mapping(members.get("low")), mapping(members.get("high"))
    own = read_unit(high) if high else NO_UNIT
    if own == NO_UNIT:
        own = read_unit(low)
    if own == NO_UNIT and unit.key == "%" and any(map(_is_a_fraction, (low, high))):
        own = FRACTION
    bounds = (_bound(low, ">≥"), _bound(high, "<≤"))
    # R5 has the normal value of a result in words in an element of its own.
    written = text(members.get("text")) or concept_text(members.get("normalValue"))
    words = "" if bounds != (None, None) else written
    sent = [text(one.get("value")) for one in (low, high)]
    units = {read_unit(one).key for one in (low, high) if read_unit(one) != NO_UNIT}
    are_odd = any(said and bound is None for said, bound in zip(sent, bounds, strict=True))
    if are_odd or len(units) > 1:
        # A bound that is no number ("5,1") is shown as it was sent, and the other one with it; so
        # are two bounds in different units.
        bounds, own = (None, None), NO_UNIT
        words = words or " to ".join(filter(None, map(quantity_text, (low, high))))
    words = "" if words.casefold() in _NO_RANGE else words
    if words and name != words and not any(sent):
        bounds = _bounds_in_words(words, unit)
    in_unit = unit if own == NO_UNIT else own
    shown = "" if name == words else name
    return ReferenceRange(*bounds, in_unit, words, shown, bool(name and members.get("appliesTo")))


def _is_a_fraction(quantity: Resource) -> bool:
    """Return whether a bound has the unit 1, and not only no unit: 0.4 of a hematocrit is 40 %."""
    return "1" in (text(quantity.get("code")), text(quantity.get("unit")))


def _meant_for(members: Resource, person: Person, when: Moment | None) -> tuple[str, bool]:
    """Return for whom or what a range is ("" for this patient's usual one), and whether it can
    apply to this patient at all."""
    if _is_for_everybody(members):
        return "", True
    is_adult = person.was_adult(when)
    groups = _each(members.get("appliesTo"))
    written = [text(members.get("text")), *map(_group_words, groups)]
    sexes = {sex for sex in map(_sex_of_words, written) if sex}
    sexes |= {sex for concept in groups if (sex := sex_of(concept))}
    names = [words for words in written if _leftover(words, is_adult)]
    names += [words for words in written[:1] if _contradicts(members, words)]
    if person.sex and sexes == {person.sex}:
        names = [words for words in names if not _sex_of_words(words)]
    days = person.days_at(when)
    age = mapping(members.get("age"))
    # Of an age in hours the day of birth tells too little.
    is_vague = bool(age) and (days is None or _is_in_hours(age))
    names += [
        _kind(members.get("type") or members.get("meaning")),
        _age_text(age) if is_vague else "",
    ]
    is_possible = not (person.sex and sexes and person.sex not in sexes)
    return ", ".join(dict.fromkeys(filter(None, names))), is_possible and _is_in_age(days, age)


def _bounds_in_words(words: str, unit: Unit) -> tuple[Decimal | None, Decimal | None]:
    """Return the bounds of a range that is sent as text, if it is nothing else: "3.5 - 5.1 mmol/L",
    "<5.7". A unit in it must be the value's."""
    plain = _BRACKETS.sub(r"\1", _LABEL.sub("", _plain(words)))
    match = _SPAN.fullmatch(plain) or _SIDE.fullmatch(plain)
    if match is None or (match["unit"] and read_unit({"unit": match["unit"]}).key != unit.key):
        return None, None
    if match.re is _SPAN:
        bounds = compared_number(match["low"]), compared_number(match["high"])
        return bounds if None not in bounds else (None, None)
    number = compared_number(match["bound"])
    return (number, None) if match["side"].casefold() in _FROM else (None, number)


def _plain(words: str) -> str:
    """Return a range without what changes nothing: "< OR = 100 mg/dL (calc)" is "<=100 mg/dL"."""
    return _OR_EQUAL.sub(r"\1\2=", _CALCULATED.sub("", plain_digits(words).rstrip(" ;,")))


def _bound(quantity: Resource, comparators: str) -> Decimal | None:
    """Return the number of a bound, which may be sent as "<5". An upper bound in the place of the
    lower one ("≤5") is none."""
    sent = quantity.get("value")
    return written_number(sent.strip(" =" + comparators) if isinstance(sent, str) else sent)


def _group_words(concept: object) -> str:
    """Return for whom a range is: in the record's words, or else the sex that its code means."""
    return concept_words(concept) or sex_of(concept) or concept_text(concept)


# What programs send if a laboratory gives no range.
_NO_RANGE = frozenset({"na", "n/a", "none", "-", "--", "not available", "not applicable", "null"})
# DSTU2 calls the type "meaning".
_NAMING = frozenset({"appliesTo", "age", "type", "meaning"})


def _kind(kind: object) -> str:
    """Return the name of a range's type; "" for a normal one and without a type."""
    if NORMAL_TYPES & {code.casefold() for _, code in codings(kind)}:
        return ""
    name = concept_text(kind)
    return name if _leftover(name, True) else ""


def _is_in_age(days: int | None, age: Resource) -> bool:
    if days is None:
        return True
    low, high = _days(age.get("low")), _days(age.get("high"))
    if low is not None and days < low:
        return False
    # "up to 12 years" includes the year that begins with the twelfth birthday; a range in days ends
    # with that day.
    return high is None or days < high + _last_step(age.get("high"))


def _is_in_hours(age: Resource) -> bool:
    bounds = (mapping(age.get(side)) for side in ("low", "high"))
    return any(_per_unit(one) < 1 for one in bounds if one)


def _days(quantity: object) -> Decimal | None:
    members = mapping(quantity)
    value = written_number(members.get("value"))
    return None if value is None else value * _per_unit(members)


def _last_step(quantity: object) -> Decimal:
    return _per_unit(mapping(quantity))


def _per_unit(members: Resource) -> Decimal:
    unit = text(members.get("code")) or text(members.get("unit"))
    return _DAYS.get(unit.casefold(), _DAYS["a"])


def _age_text(age: Resource) -> str:
    low, high = (mapping(age.get(side)) for side in ("low", "high"))
    words = [f"{one.get('value')}" if one.get("value") is not None else "" for one in (low, high)]
    unit = text((high or low).get("unit")) or text((high or low).get("code"))
    unit = {"a": "years", "mo": "months", "wk": "weeks", "d": "days", "h": "hours"}.get(unit, unit)
    if all(words):
        return f"age {words[0]} to {words[1]} {unit}"
    return f"age up to {words[1]} {unit}" if words[1] else f"age from {words[0]} {unit}"


def sex_of(concept: object) -> Sex | None:
    """Return the sex that a concept's codes or words name; None if they name something else."""
    found = [SEX_CODES.get(code.casefold()) for _, code in codings(concept)]
    return next(filter(None, found), None) or _sex_of_words(concept_text(concept))


@lru_cache(maxsize=1_000)
def _sex_of_words(words: str) -> Sex | None:
    """Return the one sex that a text is about ("Men: 13.5-17.5"); None for any other text."""
    sexes = {SEX_CODES.get(word) for word in _said(words) - _USUAL_WORDS - _ADULT_WORDS}
    return sexes.pop() if len(sexes) == 1 else None


@lru_cache(maxsize=1_000)
def _leftover(words: str, is_adult: bool) -> bool:
    """Return whether a text says more than numbers, their unit, and that they are normal."""
    words = _plain(words)
    said = _said(words) - _unit_of_a_span(words)
    if len(said & {"low", "high"}) == 1 and _CLASS.match(words):
        return True
    if {SEX_CODES.get(word) for word in said} >= {"male", "female"}:
        said -= SEX_CODES.keys()
    if said - _USUAL_WORDS - (_ADULT_WORDS if is_adult else frozenset()):
        return True
    return bool(said & _SIDES) and not _NUMBER_IN_WORDS.search(words)


def _unit_of_a_span(words: str) -> frozenset[str]:
    """Return the unit of a text that is nothing but a range: "60-100 bpm". A letter may be a name
    ("M")."""
    match = _SPAN.fullmatch(words) or _SIDE.fullmatch(words)
    unit = match["unit"] if match else None
    return frozenset({unit.casefold()}) if unit and unit[1:] and is_unit(unit) else frozenset()


def _contradicts(members: Resource, words: str) -> bool:
    """Return whether a text has numbers, but not those of the range's bounds."""
    said = _numbers(words)
    bounds = (written_number(mapping(members.get(side)).get("value")) for side in ("low", "high"))
    return bool(said) and any(bound is not None and bound not in said for bound in bounds)


@lru_cache(maxsize=1_000)
def _numbers(words: str) -> frozenset[Decimal]:
    """Return the numbers of a text; a comma may separate decimals or thousands."""
    found = _NUMBER_IN_WORDS.findall(words)
    spelled = [one.replace(",", by) for one in found for by in (".", "")]
    return frozenset(Decimal(one) for one in spelled if one.count(".") <= 1)


@lru_cache(maxsize=1_000)
def _said(words: str) -> frozenset[str]:
    plain = _UNIT_IN_WORDS.sub(lambda found: " " if _is_a_unit(found) else found[0], words)
    return frozenset(word.casefold() for word in _WORD.findall(plain)) - _UNIT_WORDS


def _is_a_unit(found: re.Match[str]) -> bool:
    """Return whether a word with a sign of units in it is one, and not two names with a slash."""
    parts = found[0].split("/")
    if len(parts) == 1 or not all(map(_is_a_name, parts)) or any(map(_MEASURE.search, parts)):
        return True
    before = found.string[max(0, found.start() - SPACES_IN_A_RANGE) : found.start()]
    return before.rstrip()[-1:].isdigit()


def _is_a_name(part: str) -> bool:
    """Return whether a word of at least four letters is in it: "african-american", "(pregnant"."""
    words = part.strip("()[],;.:").split("-")
    return all(map(str.isalpha, words)) and any(len(word) >= 4 for word in words)


def _each(value: object) -> list[object]:
    return value if isinstance(value, list) else [value] if value else []
