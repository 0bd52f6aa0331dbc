"""Which sections a page has, and what it says that it does not ask for."""

from smartapp.chart.permissions import asked_sections, not_asked
from smartapp.chart.sections import SECTIONS


def names(*granted: str) -> list[str]:
    return [section.name for section in asked_sections(granted)]


def test_what_would_mislead_if_it_were_missing_is_always_there() -> None:
    """A page without the heading "Allergies" says more than it knows."""
    assert names() == [
        "allergies",
        "problems",
        "medications",
        "vitals",
        "labs",
        "immunizations",
        "encounters",
        "personal",
    ]


def test_a_section_is_there_as_soon_as_one_of_its_searches_is_permitted() -> None:
    assert "devices" in names("patient/DeviceUseStatement.rs")
    assert "procedures" in names("user/Procedure.s")
    assert "procedures" not in names("patient/Procedure.r")


def test_a_wildcard_permits_all() -> None:
    assert names("patient/*.rs") == [section.name for section in SECTIONS]
    assert not_asked(["patient/*.rs"]) == ()


def test_what_is_not_asked_for_is_named_once() -> None:
    named = not_asked(["patient/Procedure.rs", "patient/RelatedPerson.rs"])
    assert "Procedures" not in named
    assert "Care team" in named
    assert "reported medications" in named
    assert "related persons" not in named
    assert len(named) == len(set(named))
