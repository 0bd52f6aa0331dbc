"""What people type finds what lists write."""

import pytest

from smartapp.brands.folding import (
    asked_words,
    doing_business_as,
    indexed_words,
    readable,
    state_code,
    without_state,
)


def finds(query: str, name: str) -> bool:
    indexed = indexed_words(name)
    return all(any(word.startswith(one) for word in indexed) for one in asked_words(query))


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("kaiser permanente georgia", "Kaiser Permanente \N{EN DASH} Georgia"),
        ("georgia kaiser", "Kaiser Permanente-Georgia"),
        ("st luke's", "St. Luke\N{RIGHT SINGLE QUOTATION MARK}s Hospital"),
        ("saint lukes", "St. Luke\N{RIGHT SINGLE QUOTATION MARK}s Hospital"),
        ("sain", "St. Luke's Hospital"),
        ("st mary", "Saint Mary Medical Center"),
        ("women & children", "Women and Children Clinic"),
        ("women and children", "Women & Children Clinic"),
        ("women children", "Women & Children Clinic"),
        ("administracion", "Administraci\N{LATIN SMALL LETTER O WITH ACUTE}n de Salud"),
        ("ADMINISTRACI\N{LATIN CAPITAL LETTER O WITH ACUTE}N", "Administracion de Salud"),
        ("gum pediatrics llc", "Gum Pediatrics"),
        ("gum pediatrics", "Gum Pediatrics, P.A."),
        ("gum pediatrics pa", "Gum Pediatrics, P. A."),
        ("ft worth", "Fort Worth Clinic"),
        ("eye ctr", "Lake Eye Center"),
        ("mt sinai", "Mount Sinai"),
        ("llc", "Tulip Place, LLC"),
    ],
)
def test_it_is_found(query: str, name: str) -> None:
    assert finds(query, name)


@pytest.mark.parametrize(
    ("query", "name"), [("luke", "Lukas Clinic"[:3]), ("maple north", "Maple South"), ("x", "")]
)
def test_it_is_not_found(query: str, name: str) -> None:
    assert not finds(query, name)


@pytest.mark.parametrize("query", ["", " ", "'", "--", "(", '"', "&", "*:!|"])
def test_nothing_typed_asks_for_nothing_that_could_break_a_query(query: str) -> None:
    assert all(word.isalnum() for word in asked_words(query))


def test_states() -> None:
    assert [state_code(one) for one in ("ny", "New York", "Fl", "te", "A", "")] == [
        "NY", "NY", "FL", "", "", "",
    ]  # fmt: skip
    assert without_state("TX - Gum Pediatrics") == ("Gum Pediatrics", "TX")
    assert without_state("ER - Gum") == ("ER - Gum", "")


def test_names_are_made_readable() -> None:
    assert readable("GUM PEDIATRICS OF WACO TX, LLC") == "Gum Pediatrics of Waco TX, LLC"
    assert readable("UCSF") == "UCSF"
    assert readable("Gum iCare") == "Gum iCare"


@pytest.mark.parametrize("written", ["d/b/a", "D/B/A", "d.b.a."])
def test_doing_business_as(written: str) -> None:
    assert doing_business_as(f"Maple Corp {written} Lake Clinic") == "Lake Clinic"
