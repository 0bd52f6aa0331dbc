"""What the consent page says of a scope."""

import pytest

from smartapp.registrations.presets import PRESETS, defaults
from smartapp.sandbox.scopes import in_plain_words


@pytest.mark.parametrize("scope", defaults(PRESETS["sandbox"])["standalone_scope"].split())
def test_a_patient_reads_words_for_all_that_this_app_asks_for(scope: str) -> None:
    words = in_plain_words(scope)
    assert words != scope
    assert "records of type" not in words


@pytest.mark.parametrize(
    ("scope", "words"),
    [
        ("patient/*.rs", "See everything in this patient's record"),
        ("user/Condition.read", "See health problems in every record you may see"),
        ("system/Binary.rs", "See attached files in every record"),
        ("patient/Basic.rs", "See records of type Basic in this patient's record"),
    ],
)
def test_whose_records_are_meant_is_said(scope: str, words: str) -> None:
    assert in_plain_words(scope) == words
