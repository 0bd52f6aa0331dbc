"""What is known of each vendor keeps the rules that every registration keeps: C6, C36 to C40."""

import pytest

from smartapp.keys.models import Algorithm
from smartapp.registrations.presets import PRESETS, Preset, metadata_headers
from smartapp.registrations.validation import validate_scope, validate_standalone_scope

EACH = pytest.mark.parametrize("preset", PRESETS.values(), ids=lambda preset: preset.slug or "any")


@EACH
def test_its_scopes_can_be_asked_for(preset: Preset) -> None:
    validate_scope(preset.scope)
    validate_standalone_scope(preset.standalone_scope)


@EACH
def test_it_asks_for_no_wildcard(preset: Preset) -> None:
    """C39."""
    assert "*" not in preset.scope + preset.standalone_scope


@EACH
def test_it_signs_with_an_algorithm_that_we_have(preset: Preset) -> None:
    assert preset.alg in Algorithm.values


@EACH
def test_it_has_something_to_tell(preset: Preset) -> None:
    assert preset.title
    assert all(note.endswith(".") for note in preset.notes)


def test_athena_wants_the_scope_on_refresh_and_nobody_else() -> None:
    """C121."""
    wanting = {slug for slug, preset in PRESETS.items() if preset.send_scope_on_refresh}
    assert wanting == {"athenahealth-preview", "athenahealth-production"}


def test_only_epic_is_told_the_client_id_on_discovery() -> None:
    """C16."""
    told = {slug for slug in PRESETS if metadata_headers(slug, "abc")}
    assert told == {"epic"}
    assert metadata_headers("gone", "abc") == {}
