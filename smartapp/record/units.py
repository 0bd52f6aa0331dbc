"""Units: equal if they have the same UCUM code; shown as people write them.

If a quantity names UCUM as its system, the code is the unit. The words beside it are for people,
and only decide if there is no code. Two values are only compared in the same unit.
"""

import re
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from smartapp.record.codes import SNOMED, bare_code, code_system
from smartapp.record.elements import mapping
from smartapp.record.markup import is_html, plain_lines
from smartapp.record.texts import text

UCUM = "http://unitsofmeasure.org"
MAX_UNIT = 40
# What SNOMED CT has after a name, such as "(qualifier value)".
_KIND = re.compile(r" \([a-z ]+\)$")


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit. Two units are the same if they have the same `key`; `text` is shown beside the
    number."""

    key: str
    text: str


NO_UNIT = Unit("", "")

# How people write the units of vital signs and common results, without case and spaces, for each
# UCUM code. In the languages seen in real records.
_SPELLINGS = {
    "kg": "kg kgs kilo kilos kilogram kilograms kilogramm kilogramme kilogrammes kilogramo",
    "g": "g gm gms gr gram grams gramm gramme grammes gramo",
    "[lb_av]": "lb lbs lb. lbs. lb_av [lb_av] pound pounds libra libras",
    "[oz_av]": "oz oz. oz_av [oz_av] ounce ounces",
    "[stone_av]": "stone stones st",
    "mg": "mg mgs milligram milligrams milligramm",
    "ug": "ug µg μg mcg mcgs microgram micrograms mikrogramm",
    "ng": "ng nanogram nanograms",
    "L": "l liter liters litre litres",
    "mL": "ml mls cc milliliter milliliters millilitre millilitres",
    "m": "m meter meters metre metres mètre metro",
    "cm": "cm cms centimeter centimeters centimetre centimetres zentimeter centimetro centímetro",
    "mm": "mm millimeter millimeters millimetre millimetres",
    "[in_i]": 'in in. inch inches in_i in_us [in_us] [in_i] "',
    "[ft_i]": "ft ft. foot feet ft_i ft_us [ft_us] [ft_i] '",
    "Cel": "c °c ºc ℃ cel degc degreec degreesc celsius degreecelsius degreescelsius gradcelsius"
    " deg.c",
    "[degF]": "f °f ºf ℉ degf degreef degreesf fahrenheit degreefahrenheit degreesfahrenheit deg.f",
    "K": "k kelvin",
    "mm[Hg]": "mmhg mm[hg] mm_hg torr millimeterofmercury millimetersofmercury"
    " millimetreofmercury millimetresofmercury",
    "kPa": "kpa kilopascal kilopascals",
    "cm[H2O]": "cmh2o cm[h2o] cmh₂o",
    "/min": "/min 1/min min-1 min^-1 bpm beats/min beats/minute beat/min beats/m beatsperminute"
    " beatsperminute(bpm) breath/min breaths/min breaths/minute br/min breathsperminute permin"
    " perminute /minute resp/min rpm slag/minut slag/min slagen/min schläge/min atemzüge/min"
    " latidos/min latidosporminuto battiti/min batt/min pulsaciones/min {beats}/min"
    " vejrtrækninger/min respirationer/minut",
    "%": "% %oftotalhgb %oftotalhb percent procent prozent pourcent porcentaje pct %sat %sato2 %o2",
    "[pH]": "ph [ph] phunits ph-units",
    "kg/m2": "kg/m2 kg/m² kg/m^2 kg/(m^2) kg/sqm kilogram/meter2 kilogrampersquaremeter kgm2"
    " kgpersqmeter kgpersquaremeter",
    "L/min": "l/min liter/min liters/min lpm l/m litres/min",
    "mmol/L": "mmol/l",
    "umol/L": "umol/l µmol/l μmol/l mcmol/l micromol/l",
    "nmol/L": "nmol/l",
    "pmol/L": "pmol/l",
    "meq/L": "meq/l",
    "mg/dL": "mg/dl mg/100ml mg%",
    "g/dL": "g/dl gm/dl g/100ml",
    "g/L": "g/l gm/l",
    "mg/L": "mg/l",
    "ug/L": "ug/l µg/l μg/l mcg/l",
    "ug/dL": "ug/dl µg/dl μg/dl mcg/dl",
    "ng/mL": "ng/ml",
    "ug/mL": "ug/ml mcg/ml",
    "ng/dL": "ng/dl",
    "ng/L": "ng/l",
    "pg/mL": "pg/ml",
    "pg": "pg picogram picograms",
    "fL": "fl",
    "U/L": "u/l unit/l units/l",
    "[IU]/L": "iu/l [iu]/l ie/l",
    "[IU]/mL": "iu/ml [iu]/ml ie/ml",
    "m[IU]/mL": "miu/ml m[iu]/ml mie/ml",
    "m[IU]/L": "miu/l m[iu]/l mie/l",
    "mU/L": "mu/l",
    "u[IU]/mL": "uiu/ml µiu/ml μiu/ml u[iu]/ml mciu/ml",
    "10*9/L": "10*9/l 10^9/l 10e9/l 10⁹/l 10*3/ul 10^3/ul 10e3/ul"
    " k/ul k/µl k/μl k/mcl k/mm3 k/cumm thousand/ul thou/ul 10³/ul"
    " 10*3/mm3 10*3/mm^3 k/mm^3 1000/ul bil/l giga/l gpt/l",
    "10*12/L": "10*12/l 10^12/l 10e12/l 10¹²/l 10*6/ul 10^6/ul"
    " 10e6/ul m/ul m/µl m/μl m/mcl m/mm3 m/cumm million/ul"
    " mill/ul 10⁶/ul"
    " 10*6/mm3 tera/l tpt/l",
    "/uL": "/ul /mcl /mm3 /cumm cells/ul cell/ul cells/mcl cells/mm3 cells/cumm",
    "/mL": "/ml copies/ml copy/ml cp/ml",
    "/[HPF]": "/hpf /[hpf] perhpf",
    "/[LPF]": "/lpf /[lpf] perlpf",
    "mosm/kg": "mosm/kg mosmol/kg mosm/kgh2o",
    "mg/g": "mg/g mg/gcreat mg/gcrea mg/gcr mg/gcreatinine",
    "mg/mmol": "mg/mmol mg/mmolcreat mg/mmolcrea mg/mmolcr mg/mmolcreatinine",
    "mmol/mol": "mmol/mol mmol/molhb",
    "mL/min": "ml/min",
    "mm/h": "mm/h mm/hr mm/hour",
    "s": "s sec secs second seconds",
}
# Signs that people write in several ways: the micro sign, powers of ten.
_MICRO = re.compile(r"[µμ]|(?<=/)mc(?=l)")
_TIMES_TEN = re.compile(r"10(?:[x^e]|\((?=\d\)))(\d{1,2})\)?")
# A filtration rate is of a body surface of 1.73 m².
_BODY_SURFACE = re.compile(
    r"/\{?\(?1[.,]73[_ .*]?(?:m(?:2|²|\^2|\*2)|sq\.?m)?\)?\}?", re.IGNORECASE
)


_PER_24_HOURS = re.compile(r"/\(?24[._]?(?:h|hr|hrs|hours?)\b\)?", re.IGNORECASE)


def _plain(spelling: str) -> str:
    """Return a spelling without case and with one form of the signs that have several."""
    folded = _MICRO.sub("u", spelling.casefold())
    return _TIMES_TEN.sub(r"10*\1", folded)


_BY_SPELLING = {_plain(word): key for key, words in _SPELLINGS.items() for word in words.split()}
# In capitals it is 10⁹ per litre in Austria or France, and grams where all units are in capitals.
_GIGA_OR_GRAMS = "G/L"
# UCUM codes that mean the same as another code.
_EQUAL = {
    "min-1": "/min",
    "[in_us]": "[in_i]",
    "[in_br]": "[in_i]",
    "[ft_us]": "[ft_i]",
    "/mm3": "/uL",
    "/mcL": "/uL",
    "10*3/uL": "10*9/L",
    "10*3/mm3": "10*9/L",
    "/nL": "10*9/L",
    "10*6/uL": "10*12/L",
    "/pL": "10*12/L",
    "10*6/mm3": "10*12/L",
    "uU/mL": "mU/L",
    "mU/mL": "U/L",
    "U/mL": "kU/L",
    "/HPF": "/[HPF]",
    "/hpf": "/[HPF]",
    "/LPF": "/[LPF]",
    "/lpf": "/[LPF]",
    "ug/mL": "mg/L",
    "ug/mg": "mg/g",
    "um3": "fL",
    "ng/mL": "ug/L",
    "pg/mL": "ng/L",
    "mg/mL": "g/L",
    "10*-1.g/L": "g/dL",
}
# Not UCUM, but sent with UCUM as the system. Coulomb and farad measure no patient.
_NOT_UCUM = frozenset({"C", "F", "mmHg", "lb", "lbs", "in", "ft", "oz", "degC", "degF", "bpm"})
_TEXTS = {
    "mm[Hg]": "mmHg", "cm[H2O]": "cmH₂O", "[degF]": "°F", "Cel": "°C", "[lb_av]": "lb",
    "[oz_av]": "oz", "[stone_av]": "stone", "[in_i]": "in", "[ft_i]": "ft", "kg": "kg", "g": "g",
    "m": "m", "cm": "cm", "mm": "mm", "kPa": "kPa", "/min": "/min", "%": "%", "kg/m2": "kg/m²",
    "L/min": "L/min", "[pH]": "pH",
}  # fmt: skip
_MARKED = re.compile(r"[{*^\[(]|m2")
_ANNOTATION = re.compile(r"\{([^{}]*)\}")
# Annotations change nothing (UCUM §6), with two exceptions: a D-dimer in fibrinogen equivalent
# units is about twice the one in D-dimer units, and a logarithm of copies is no number of copies.
_TELLING = frozenset({"FEU", "DDU"})
_SAYING_NOTHING = frozenset({"score", "ratio", "number", "count", "index", "unit", "units", "inr"})
# What programs send if a result has no unit.
_NO_UNITS = frozenset({"null", "none", "n/a", "no unit", "no units", "unitless", "undefined"})
# Numbers without a dimension, whatever they are called.
_PURE = frozenset({"inr", "ratio", "score", "index"})
# After a slash an annotation is part of the unit: mL/min/{1.73_m2}.
_PER_ANNOTATION = re.compile(r"(?<=/)\{([^{}]*)\}")
_POWER_OF_TEN = re.compile(r"(?<![\d.])10(?:\*|\^)(\d{1,2})(?!\d)")
_SQUARE_METRES = re.compile(r"\bm2\b")
_UNITS_IN_BRACKETS = re.compile(r"\[(IU|pH|arb'U)\]")
_SMALL_LITRE = re.compile(r"(?<![A-Za-z\[])([munpfdc]?)l(?![A-Za-z])")
_SUPERSCRIPT = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
_PER_LETTER = re.compile(r"/[^\W\d_]")
_SPACES = re.compile(r"\s+")
# How a result was made is no part of its unit.
_CALCULATED = re.compile(r"\((?:calc|calc\.|calculated|est|est\.|estimated)\)$", re.IGNORECASE)
_BRACKETED = re.compile(r"^\(([^()]+)\)$")


def read_unit(quantity: object) -> Unit:
    """Return the unit of a Quantity: from its code if UCUM is its system, else from its words."""
    members = mapping(quantity)
    written, code = _written(members.get("unit")), text(members.get("code"))
    if code_system(members.get("system")) == SNOMED:
        # "Tablet (unit of presentation)".
        written = _KIND.sub("", written)
    if code.isdigit() and not written and text(members.get("system")) != UCUM:
        # A number from another code system beside the value would look like a part of it.
        named = bare_code(text(members.get("system")), code)
        return Unit(named, f"(unit: {named})")
    return _unit(_shortened(written), _shortened(code), text(members.get("system")) == UCUM)


def _shortened(unit: str) -> str:
    return unit if len(unit) <= MAX_UNIT else f"{unit[: MAX_UNIT - 1]}…"


def _written(unit: object) -> str:
    """Return the words of a unit; "" if they only say that there is none."""
    words = text(unit)
    if "<" in words and is_html(words):
        words = text(plain_lines(words))
    return "" if words.casefold() in _NO_UNITS else words


def is_unit(written: str) -> bool:
    """Return whether a word is a unit, and no remark such as "High" or rest of a ratio ("/10")."""
    return bool(_PER_LETTER.search(written)) or _spelled_key(written) in _SPELLINGS


@lru_cache(maxsize=2_000)
def _unit(written: str, code: str, is_ucum: bool) -> Unit:
    key = _ucum_key(code) if code and is_ucum else _spelled_key(written or code)
    if code and is_ucum and written != code and _is_another(written, key):
        # The code decides, but the words beside it may be what was meant.
        return Unit(key, f"{_TEXTS.get(key) or unit_for_people(code)} (written as {written})")
    if key in _TEXTS:
        return Unit(key, _TEXTS[key])
    if (written or code) == "1":
        return NO_UNIT
    return Unit(key, unit_for_people(written or code))


def _is_another(written: str, key: str) -> bool:
    """Return whether the words beside a UCUM code are the usual ones for another unit."""
    squeezed = _SPACES.sub("", written)
    said = None if squeezed == _GIGA_OR_GRAMS else _BY_SPELLING.get(_plain(squeezed))
    return said is not None and bool(key) and _ucum_key(said) != key


def _ucum_key(code: str) -> str:
    if code in _NOT_UCUM:
        return _spelled_key(code)
    code = _BODY_SURFACE.sub("/1.73m2", code)
    plain = _ANNOTATION.sub(_if_telling, _PER_ANNOTATION.sub(lambda per: per[1], code))
    # UCUM allows both l and L for the litre, and [iU] and [IU] for the international unit, which is
    # what laboratories mean by units of an enzyme.
    plain = _SMALL_LITRE.sub(r"\1L", plain).replace("[iU]", "[IU]")
    plain = plain.replace("{", "").replace("}", "")
    if not plain or plain == "1":
        return ""
    plain = _PER_24_HOURS.sub("/d", plain.replace("[IU]", "U"))
    plain = plain[1:] if plain.startswith("1/") else plain
    return _EQUAL.get(plain, plain)


def _if_telling(annotation: re.Match[str]) -> str:
    is_telling = annotation[1] in _TELLING or "log" in annotation[1].casefold()
    return annotation[0] if is_telling else ""


def _spelled_key(written: str) -> str:
    squeezed = _BRACKETED.sub(r"\1", _SPACES.sub("", _CALCULATED.sub("", written)))
    if squeezed == _GIGA_OR_GRAMS:
        return squeezed
    known = _BY_SPELLING.get(_plain(squeezed).removeprefix("x").removeprefix("×"))  # noqa: RUF001 - that is how people write 10⁹
    if known is not None:
        return _ucum_key(known)
    if squeezed.casefold() in _PURE:
        return ""
    return _ucum_key(squeezed) if squeezed not in _NOT_UCUM else squeezed


def unit_for_people(unit: str) -> str:
    """Return UCUM codes and annotations as they are written on paper."""
    if not _MARKED.search(unit):
        return _shortened(unit)
    plain = _PER_ANNOTATION.sub(lambda per: per[1].replace("_", " "), unit)
    plain = _ANNOTATION.sub(_in_words, plain).strip()
    plain = plain.replace("(24.h)", "24 h")
    plain = _SQUARE_METRES.sub("m²", plain).replace("[iU]", "[IU]")
    plain = _UNITS_IN_BRACKETS.sub(r"\1", plain)
    return _POWER_OF_TEN.sub(lambda match: f"10{match[1].translate(_SUPERSCRIPT)}", plain)


def _in_words(annotation: re.Match[str]) -> str:
    """Return the words of an annotation, set apart from the unit before them: "ng/mL FEU"."""
    words = annotation[1].replace("_", " ")
    if words.casefold() in _SAYING_NOTHING or not any(map(str.isalpha, words)):
        return ""
    return f" {words}" if annotation.start() else words


# All conversions but those by a power of ten (`in_power_of_ten`): the factor to the first unit of
# the dimension, and for temperatures the zero point. From UCUM's definitions; a test compares every
# entry with NLM's UCUM library.
_FACTORS: dict[str, tuple[str, Decimal, Decimal]] = {
    "kg": ("mass", Decimal(1), Decimal(0)),
    "g": ("mass", Decimal("0.001"), Decimal(0)),
    "[lb_av]": ("mass", Decimal("0.45359237"), Decimal(0)),
    "[oz_av]": ("mass", Decimal("0.028349523125"), Decimal(0)),
    "[stone_av]": ("mass", Decimal("6.35029318"), Decimal(0)),
    "cm": ("length", Decimal(1), Decimal(0)),
    "mm": ("length", Decimal("0.1"), Decimal(0)),
    "m": ("length", Decimal(100), Decimal(0)),
    "[in_i]": ("length", Decimal("2.54"), Decimal(0)),
    "[ft_i]": ("length", Decimal("30.48"), Decimal(0)),
    "mm[Hg]": ("pressure", Decimal("133.322"), Decimal(0)),
    "kPa": ("pressure", Decimal(1000), Decimal(0)),
    "cm[H2O]": ("pressure", Decimal("98.0665"), Decimal(0)),
    "Cel": ("temperature", Decimal(1), Decimal(0)),
    "[degF]": ("temperature", Decimal(5) / 9, Decimal(-160) / 9),
    "K": ("temperature", Decimal(1), Decimal("-273.15")),
}
CONVERTED_UNITS = tuple(_FACTORS)


# Units of results that differ by a power of ten only: a mass or an amount, perhaps per volume
# ("g/dL"), and a count per volume.
_PREFIXES = {
    "k": 3, "": 0, "d": -1, "c": -2, "m": -3, "u": -6, "n": -9, "p": -12, "f": -15,
}  # fmt: skip
_DECIMAL = re.compile(r"([kdcmunpf]?)(g|mol|eq|U)(?:/([dcmunpf]?)L)?")
_COUNTED = re.compile(r"(?:10\*(\d{1,2})|cells?)?/([dcmunpf]?)L")


def dimension(unit: Unit) -> str:
    """Return the dimension of a convertible unit, else the unit itself."""
    known = _FACTORS.get(unit.key)
    return known[0] if known else unit.key


def convert(value: Decimal, unit: Unit, to: Unit) -> Decimal | None:
    """Return the value in another unit; None if the two measure different things."""
    if unit.key == to.key:
        return value
    source, target = _FACTORS.get(unit.key), _FACTORS.get(to.key)
    if source is None or target is None or source[0] != target[0]:
        return None
    return (value * source[1] + source[2] - target[2]) / target[1]


def convert_span(
    span: tuple[Decimal | None, Decimal | None], unit: Unit, to: Unit
) -> tuple[Decimal, Decimal] | None:
    """Return two bounds in another unit; None if one is missing, or if the units measure different
    things."""
    low, high = (None if one is None else convert(one, unit, to) for one in span)
    return None if low is None or high is None else (low, high)


def in_power_of_ten(value: Decimal, unit: Unit, to: Unit) -> Decimal | None:
    """Return the value in a unit that differs from its own by a power of ten only, so that no digit
    changes (12.5 g/dL are 125 g/L); None for any other unit."""
    if unit.key == to.key:
        return value
    (kind, power), (wanted, other_power) = _power_of_ten(unit.key), _power_of_ten(to.key)
    return value.scaleb(power - other_power) if kind and kind == wanted else None


def _power_of_ten(key: str) -> tuple[str, int]:
    """Return what a unit measures and its power of ten: ("g/L", 1) for g/dL; ("", 0) for others."""
    if match := _DECIMAL.fullmatch(key):
        prefix, kind, per = match.groups()
        kind = kind if per is None else f"{kind}/L"
        return kind, _PREFIXES[prefix] - _PREFIXES[per or ""]
    if match := _COUNTED.fullmatch(key):
        return "/L", int(match[1] or 0) - _PREFIXES[match[2]]
    return "", 0
