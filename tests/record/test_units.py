"""The table of conversions against NLM's UCUM library, and the spellings of people."""

import json
import subprocess
from decimal import Decimal
from itertools import product

import pytest

from smartapp.record.units import CONVERTED_UNITS, UCUM, Unit, convert, dimension, read_unit
from tests.record.published import HERE, node

PAIRS = [
    (one, other)
    for one, other in product(CONVERTED_UNITS, repeat=2)
    if one != other and dimension(Unit(one, "")) == dimension(Unit(other, ""))
]
SCRIPT = """
const ucum = require("@lhncbc/ucum-lhc").UcumLhcUtils.getInstance();
const pairs = JSON.parse(process.argv[1]);
const found = pairs.map(([from, to]) => ucum.convertUnitTo(from, 37, to).toVal);
console.log(JSON.stringify(found));
"""


def test_every_conversion_is_ucums() -> None:
    command = [node("@lhncbc/ucum-lhc"), "-e", SCRIPT, json.dumps(PAIRS)]
    told = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=True)  # noqa: S603
    for (one, other), published in zip(PAIRS, json.loads(told.stdout), strict=True):
        ours = convert(Decimal(37), Unit(one, ""), Unit(other, ""))
        assert ours is not None
        assert float(ours) == pytest.approx(published, rel=1e-5), (one, other)


@pytest.mark.parametrize(
    ("unit", "key"),
    [
        ("Kg", "kg"), ("LB", "[lb_av]"), ("Beats / minute", "/min"), ("bpm", "/min"), ("C", "Cel"),
        ("slag/minut", "/min"), ("millimeter of mercury", "mm[Hg]"), ("meter", "m"),
        ("percent", "%"), ("mm Hg", "mm[Hg]"), ("K/uL", "10*9/L"), ("MMOL/L", "mmol/L"),
    ],
)  # fmt: skip
def test_words_for_a_unit_are_one_unit(unit: str, key: str) -> None:
    assert read_unit({"unit": unit}).key == key


def test_ucums_code_decides_and_not_the_words_beside_it() -> None:
    found = read_unit({"system": UCUM, "code": "g", "unit": "kilogram"})
    assert found.key == "g"
    assert read_unit({"system": UCUM, "code": "C", "unit": "C"}).key == "Cel"


@pytest.mark.parametrize(
    ("unit", "code", "text"),
    [
        ("degF", "Cel", "°C (written as degF)"),
        ("mg", "ug", "ug (written as mg)"),
        ("IU/L", "IU/L", "IU/L"),
        ("mmol/L", "mg/dL", "mg/dL (written as mmol/L)"),
        ("mcg", "ug", "mcg"),
        ("IU/L", "U/L", "IU/L"),
        ("K/uL", "10*3/uL", "K/uL"),
        ("ng/mL", "ug/L", "ng/mL"),
        ("in", "[in_us]", "in"),
        ("tablet", "{tbl}", "tablet"),
        ("G/L", "10*9/L", "G/L"),
        ("mg/24h", "mg/(24.h)", "mg/24h"),
        ("cells/uL", "1/mm3", "cells/uL"),
        ("mg/g creat", "ug/mg", "mg/g creat"),
        ("/hpf", "/{HPF}", "/hpf"),
    ],
)
def test_words_for_another_unit_than_the_code_are_shown(unit: str, code: str, text: str) -> None:
    assert read_unit({"system": UCUM, "code": code, "unit": unit}).text == text


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("{copies}/mL", "copies/mL"),
        ("ng/mL{FEU}", "ng/mL FEU"),
        ("10*3{cells}/uL", "10³ cells/uL"),
        ("{#}/uL", "/uL"),
        ("{Pack_years}", "Pack years"),
        ("{beats}/min", "/min"),
        ("mL/min/{1.73_m2}", "mL/min/1.73 m²"),
    ],
)
def test_an_annotation_is_shown_in_words(code: str, text: str) -> None:
    assert read_unit({"system": UCUM, "code": code}).text == text


def test_a_d_dimer_in_equivalent_units_is_not_one_in_d_dimer_units() -> None:
    codes = ("ng/mL{FEU}", "ng/mL{DDU}", "ng/mL")
    assert len({read_unit({"system": UCUM, "code": code}).key for code in codes}) == 3
    assert read_unit({"unit": "ng/mL FEU"}) == read_unit({"system": UCUM, "code": "ng/mL{FEU}"})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("IU/L", "U/L"),
        ("mL/min/1.73 m2", "mL/min/{1.73_m2}"),
        ("ml/min/1.73m^2", "mL/min/1.73m²"),
        ("mL/min/1.73 sq m", "mL/min/1.73m2"),
        ("10x3/uL", "10*3/µL"),
        ("x10(3)/mcL", "K/μL"),
        ("mcg/dL", "µg/dL"),
        ("cells/mcL", "/cumm"),
        ("/nl", "K/uL"),
        ("mIU/mL", "IU/L"),
        ("IU/mL", "kU/L"),
        ("per HPF", "/[HPF]"),
        ("mg/24 hr", "mg/d"),
        ("mg/g creat", "mg/g{creat}"),
        ("Copies/mL", "{copies}/mL"),
    ],
)
def test_one_unit_in_two_spellings(one: str, other: str) -> None:
    assert read_unit({"unit": one}).key == read_unit({"unit": other}).key


def test_capital_letters_that_may_be_giga_or_grams_are_neither() -> None:
    assert read_unit({"unit": "G/L"}).key not in (
        read_unit({"unit": "g/L"}).key,
        read_unit({"unit": "10*9/L"}).key,
    )


def test_a_logarithm_is_another_unit() -> None:
    plain, log = (
        read_unit({"system": UCUM, "code": code}) for code in ("{copies}/mL", "{Log_copies}/mL")
    )
    assert plain.key != log.key
    assert read_unit({"unit": "mL/min"}).key != read_unit({"unit": "mL/min/1.73 m2"}).key


@pytest.mark.parametrize("code", ["m[IU]/L", "m[iU]/L", "u[IU]/mL", "u[iU]/mL"])
def test_the_two_codes_of_the_international_unit_are_one_unit(code: str) -> None:
    found = read_unit({"system": UCUM, "code": code})
    assert found.key == "mU/L"
    assert found.text in {"mIU/L", "uIU/mL"}


def test_what_measures_different_things_is_never_converted() -> None:
    assert convert(Decimal(1), Unit("kg", ""), Unit("cm", "")) is None
    assert convert(Decimal(1), Unit("mg/dL", ""), Unit("mmol/L", "")) is None
