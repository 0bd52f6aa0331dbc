"""The vital signs that the page knows by name: their codes, and the usual values of adults."""

import re
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from smartapp.record.codes import LOINC, SNOMED
from smartapp.record.loinc_names import VITAL_SIGNS
from smartapp.record.observations import Reading
from smartapp.record.units import Unit, convert, dimension

Range = tuple[Decimal | None, Decimal | None]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of vital sign. `codes` are from LOINC and SNOMED CT. `adult_range` is for adults at
    rest, in `unit`."""

    name: str
    codes: frozenset[str]
    unit: str = ""
    adult_range: Range | None = None


def _kind(name: str, codes: str, unit: str = "", low: str = "", high: str = "") -> Kind:
    usual = (Decimal(low), Decimal(high)) if low else None
    return Kind(name, frozenset(codes.split()), unit, usual)


# In the order of the page. The ranges are usual values of adults at rest; the record's own ranges
# take precedence.
KINDS = (
    _kind(
        "Heart rate",
        "8867-4 8893-0 68999-7 69000-8 69001-6 8889-8 76282-3 364075005 78564009",
        *("/min", "60", "100"),
    ),
    _kind("Respiratory rate", "9279-1 86290005", "/min", "12", "20"),
    _kind(
        "Oxygen saturation",
        "59408-5 2708-6 20564-1 28642-7 59407-7 431314004 103228002 442476006",
        *("%", "95", "100"),
    ),
    _kind(
        "Body temperature",
        "8310-5 8331-1 8328-7 8329-5 8330-3 8332-9 8333-7 76011-6 386725007 276885007",
        *("Cel", "36.1", "37.2"),
    ),
    _kind("Body weight", "29463-7 3141-9 3142-7 8335-2 75292-3 8350-1 8351-9 27113001", "kg"),
    _kind("Body height", "8302-2 8301-4 8306-3 8308-9 3137-7 3138-5 50373000 1153637007", "cm"),
    _kind("Body mass index", "39156-5 60621009", "kg/m2", "18.5", "25"),
    _kind("Head circumference", "9843-4 8287-5 363812007", "cm"),
    _kind("Pain", "72514-3 38208-5 225908003"),
)
# What no living person is outside of, in the unit of the kind: 98.6 °C is a number in another unit.
_POSSIBLE = {
    name: (Decimal(low), Decimal(high))
    for name, low, high in (
        ("Heart rate", "0", "400"),
        ("Respiratory rate", "0", "200"),
        ("Oxygen saturation", "5", "100"),
        ("Body temperature", "10", "47"),
        ("Body weight", "0.2", "700"),
        ("Body height", "15", "280"),
        ("Body mass index", "4", "250"),
        ("Head circumference", "10", "100"),
    )
}
# How a value was measured, according to its code. A general code beside a specific one takes
# nothing away.
HOW = {
    "68999-7": "lying", "69000-8": "sitting", "69001-6": "standing", "8893-0": "by palpation",
    "8889-8": "by pulse oximetry", "76282-3": "by ECG", "20564-1": "in blood",
    "442476006": "in arterial blood", "8331-1": "oral", "8328-7": "axillary", "8329-5": "core",
    "8330-3": "ear", "8332-9": "rectal", "8333-7": "tympanic", "76011-6": "ear",
    "276885007": "core", "3141-9": "measured", "3142-7": "stated", "8335-2": "estimated",
    "75292-3": "as reported", "8350-1": "with clothes", "8351-9": "without clothes",
    "8301-4": "estimated", "8306-3": "lying", "8308-9": "standing", "3137-7": "measured",
    "3138-5": "stated", "8287-5": "by tape",
    # Sides of a blood pressure.
    "8459-0": "sitting", "8453-3": "sitting", "8460-8": "standing", "8454-1": "standing",
    "8461-6": "lying", "8455-8": "lying", "76215-3": "invasive", "76213-8": "invasive",
    "96608-5": "average", "96609-3": "average",
}  # fmt: skip
# For these kinds the code's words are a method: an oral temperature is not an axillary one.
METHODS = frozenset({"Body temperature", "Oxygen saturation"})

# The two sides of a blood pressure.
SYSTOLIC = frozenset({
    "8480-6", "8459-0", "8460-8", "8461-6", "76534-7", "76215-3", "75997-7", "96608-5",
    "271649006", "72313002", "163030003",
})  # fmt: skip
DIASTOLIC = frozenset({
    "8462-4", "8453-3", "8454-1", "8455-8", "76535-4", "76213-8", "75995-1", "96609-3",
    "271650006", "1091811000000102", "163031004",
})  # fmt: skip
PRESSURE_PANELS = frozenset({"85354-9", "55284-4", "75367002", "96607-7"})
VITAL_SIGN_CODES = frozenset().union(
    SYSTOLIC, DIASTOLIC, PRESSURE_PANELS, VITAL_SIGNS, *(kind.codes for kind in KINDS)
)
ADULT_PRESSURES: tuple[Range, Range] = (  # mmHg, systolic and diastolic
    (Decimal(90), Decimal(120)),
    (Decimal(60), Decimal(80)),
)
# How the names of the sides begin in many languages, for panels without codes.
_SIDES = {
    "systolic": ("syst", "sist", "sbp", "収縮期", "最高血圧", "收缩", "收縮", "수축기"),
    "diastolic": ("diast", "dbp", "拡張期", "最低血圧", "舒张", "舒張", "이완기"),
}
# A local code may be that of another pressure ("Systolic pulmonary artery pressure"), so the whole
# name has to say that it is a side of the blood pressure.
_SIDE_IN_FULL = re.compile(
    r"(?:[sd]bp|(?:syst|sist|diast)(?:[oó]l\w*)?)"
    r"(?: (?:bp|rr|blood pressure|arterial pressure|arterial blood pressure|pressure|blutdruck"
    r"|blodtryk|blodtrykk|blodtryck|bloeddruk|artérielle?|arterial|arteriosa))?"
    r"|(?:収縮期|拡張期)(?:血圧)?|最[高低]血圧|(?:收缩|收縮|舒张|舒張)[压壓]"
    r"|(?:수축기|이완기) ?혈압"
)

# Words for somebody else, and for machines whose own values are not the patient's.
_OTHERS = (
    r"f(?:o)?et(?:us|al)|unborn|maternal|paternal|mother|father|donor|placental?|parental"
    r"|(?<!in )(?<!under )(?:incubator|warmer)|(?<!on )ventilator|pacemaker|f(?:o|ø)?etale\w*"
)
_OF_ANOTHER = re.compile(rf"\b(?:{_OTHERS})\b", re.IGNORECASE)
_SOMETHING_ELSE = re.compile(
    rf"\b(?:{_OTHERS}|birth|ideal|target|goal|adjusted|predicted|percentiles?|z.?score|change"
    r"|dry|pre-?pregnan\w*|gain|loss|lost|difference|delta|ambient temp\w*"
    r"|max(?:imum|imal)?|minimum|minimal|lowest|highest"
    r"|geburts\w*|ideal\w*|ziel\w*|soll\w*|trocken\w*|naissance|nacimiento"
    r"|nascita|geboorte\w*|fødsels\w*|födelse\w*)\b",
    re.IGNORECASE,
)
_INSTRUMENT = re.compile(
    r"monitor|meter\b|gauge|cuff|scales?\b|sensor|probe|device|watch|[®™]", re.IGNORECASE
)
_ONE_OF_SEVERAL = re.compile(r"\b(?:maxim(?:um|al)|minim(?:um|al)|lowest|highest)\b", re.IGNORECASE)
# Words that names of a kind usually have. Each tells less than the kind's own name.
_PLAIN_WORDS = {
    "": "an and at by for in of on or the to with measured measurement observed reported finding"
    " reading value vital sign signs panel all children optional method",
    "Blood pressure": "blood pressure bp nibp systolic diastolic sys dia sbp dbp arterial cuff",
    "Heart rate": "heart rate hr pulse beats min bpm",
    "Respiratory rate": "respiratory respiration respirations respiration resp breathing breaths"
    " rate rr min",
    "Oxygen saturation": "oxygen saturation sat sats spo sao pulse oximetry ox oximeter arterial"
    " blood peripheral",
    "Body temperature": "body temperature temp",
    "Body weight": "body weight wt mass kg lb lbs",
    "Body height": "body height ht length stature cm",
    "Body mass index": "body mass index bmi ratio calculated kg",
    "Head circumference": "head occipital frontal occipito occipitofrontal circumference hc ofc"
    " tape measure",
    "Pain": "pain severity score scale rating numeric verbal intensity level nrs reported vas",
}
_PLAIN = {name: frozenset(words.split()) for name, words in _PLAIN_WORDS.items()}
_WORD = re.compile(r"[^\W\d_]+")
_KIND_OF_CODE = {code: kind for kind in KINDS for code in kind.codes}
_SYSTEMS = frozenset({LOINC, SNOMED, ""})


def known_codes(reading: Reading) -> list[str]:
    """Return the reading's codes of the known systems."""
    return [code for system, code in reading.codes if system in _SYSTEMS]


def kind_of(reading: Reading) -> Kind | None:
    """Return the kind of a reading; None for another one, and where the name says that it is
    something else than the code does."""
    kind = next(filter(None, map(_KIND_OF_CODE.get, known_codes(reading))), None)
    return None if kind is None or is_something_else(reading.name) else kind


@lru_cache(maxsize=1_000)
def is_something_else(name: str) -> bool:
    """Return whether a name is that of the fetus's, a birth's or an ideal value: some EHRs send
    them with the code of the patient's own measurement."""
    return _SOMETHING_ELSE.search(name) is not None


@lru_cache(maxsize=1_000)
def is_instrument(name: str) -> bool:
    """Return whether a name is that of an instrument, which a maker may call "Max" or "Target", and
    not how it was read: "Maximum by Holter monitor"."""
    return _INSTRUMENT.search(name) is not None and _ONE_OF_SEVERAL.search(name) is None


@lru_cache(maxsize=1_000)
def is_of_another(name: str) -> bool:
    """Return whether a name says that a value is not the patient's: of the fetus, a ventilator."""
    return _OF_ANOTHER.search(name) is not None


@lru_cache(maxsize=1_000)
def own_name(name: str, kind: str, beside: tuple[str, ...]) -> str:
    """Return the record's own name for a reading of a kind if it says more than the kind and what
    is said beside it: "Weight (stated)", "Apical heart rate", or if it is that of another kind; ""
    for a usual name, and for one in an unknown language."""
    said, usual = _words(name) - _PLAIN[""], _PLAIN[kind]
    more = said - usual - _words(" ".join(beside))
    is_another = said.isdisjoint(usual) and any(said <= plain for plain in _PLAIN.values())
    return f"named “{name}”" if more and (said & usual or is_another) else ""


def _words(text: str) -> set[str]:
    return {word.casefold() for word in _WORD.findall(text) if len(word) > 1}


def how_by_code(reading: Reading) -> str:
    """Return how the value was measured according to the reading's codes, or ""."""
    return next(filter(None, map(HOW.get, known_codes(reading))), "")


def side_of(reading: Reading) -> str:
    """Return "systolic" or "diastolic" for one side of a blood pressure, else ""."""
    codes = set(known_codes(reading))
    if codes & SYSTOLIC:
        return "systolic"
    if codes & DIASTOLIC:
        return "diastolic"
    if codes or dimension(reading.value.unit) != "pressure":
        return ""
    name = reading.name.casefold()
    if reading.codes and not _SIDE_IN_FULL.fullmatch(name):
        return ""
    return side_in(name)


def side_in(name: str) -> str:
    """Return the side of a blood pressure that a name begins with, or ""."""
    plain = name.casefold()
    return next((side for side, starts in _SIDES.items() if plain.startswith(starts)), "")


def is_possible(kind: Kind, value: Decimal, unit: Unit) -> bool:
    """Return whether a person can have a value; also for one in a unit that is not known here."""
    if (limits := _POSSIBLE.get(kind.name)) is None:
        return True
    amount = convert(value, unit, Unit(kind.unit, ""))
    return amount is None or limits[0] <= amount <= limits[1]


def usual_range(kind: Kind) -> tuple[Range, Unit] | None:
    """Return the usual range of adults at rest and its unit."""
    return (kind.adult_range, Unit(kind.unit, "")) if kind.adult_range else None
