"""What is known of each vendor keeps the rules that every registration keeps: C6, C36 to C40."""

from typing import Any

import pytest

from smartapp.keys.models import Algorithm
from smartapp.registrations.options import OPTIONS, Fills
from smartapp.registrations.presets import (
    MORE_TYPES,
    PATIENT_SCOPE,
    PRESETS,
    Preset,
    defaults,
    guess,
    metadata_headers,
    quirks,
    with_listed,
)
from smartapp.registrations.validation import validate_scope, validate_standalone_scope


def of(preset: Preset, option: str) -> Any:
    """The value that a new registration at this vendor starts with."""
    return {**quirks(preset), **defaults(preset)}.get(option, OPTIONS[option].usual)


EACH = pytest.mark.parametrize("preset", PRESETS.values(), ids=lambda preset: preset.slug or "any")


@EACH
def test_its_scopes_can_be_asked_for(preset: Preset) -> None:
    validate_scope(of(preset, "scope"))
    if scope := of(preset, "standalone_scope"):
        validate_standalone_scope(scope)


@EACH
def test_it_asks_for_no_wildcard(preset: Preset) -> None:
    """C39."""
    assert "*" not in of(preset, "scope") + of(preset, "standalone_scope")


@EACH
def test_it_signs_with_an_algorithm_that_we_have(preset: Preset) -> None:
    assert of(preset, "alg") in Algorithm.values


@EACH
def test_it_has_something_to_tell(preset: Preset) -> None:
    told = (*preset.steps, *preset.notes, *preset.unverified)
    assert preset.title
    assert told
    assert all(sentence.endswith(".") for sentence in told)


@EACH
def test_it_sets_what_presets_may_set(preset: Preset) -> None:
    for name in defaults(preset):
        assert OPTIONS[name].declared.fills is not Fills.NEVER


@pytest.mark.parametrize(
    ("fhir_base_url", "slug"),
    [
        ("https://api.preview.platform.athenahealth.com/fhir/r4", "athenahealth-preview"),
        ("https://API.platform.athenahealth.com/fhir/r4/", "athenahealth-production"),
        ("https://fhir.epic.com/interconnect-fhir-oauth/api/FHIR/R4", "epic"),
        ("https://fhir.hospital.example/FHIRPROXY/api/FHIR/R4/", "epic"),
        ("https://fhir-ehr-code.cerner.com/r4/ec2458f2", "oracle"),
        ("https://greenfield-prod-apis.meditech.com/v2/uscore/STU6", "meditech"),
        ("https://h.example:443/v1/uscore/R4", "meditech"),
        ("https://fhir4.eclinicalworks.com/fhir/r4/FEIGCD", "eclinicalworks"),
        ("https://staging-fhir.ecwcloud.com/fhir/r4/FFBJCD", "eclinicalworks"),
        ("https://fhir4.healow.com/fhir/r4/FEIGCD", "healow"),
        ("https://fhir.nextgen.com/nge/prod/fhir-api-r4/fhir/r4", "nextgen"),
        ("https://fhir.meditouchehr.com/api/fhir/r4", "nextgen"),
        ("https://fhir.fhirpoint.open.allscripts.com/fhirroute/fhir/CP00101", "veradigm"),
        ("https://fumage-apex.canvasmedical.com", "canvas"),
        ("https://api.practicefusion.com/fhir/r4/v1/118b460b", "practice-fusion"),
        ("https://launch.smarthealthit.org/v/r4/sim/x/fhir", "smart-health-it"),
        ("http://127.0.0.1:8000/sandbox/fhir/r4", "sandbox"),
        ("https://ehr.example/fhir/r4", ""),
        ("https://notcerner.com/r4", ""),
        ("https://cerner.com.evil.example/r4", ""),
        ("https://ehr.example/api/FHIR/R4B", ""),
    ],
)
def test_the_vendor_is_guessed_from_the_base_url(fhir_base_url: str, slug: str) -> None:
    assert guess(fhir_base_url).slug == slug


def test_what_nobody_read_in_the_vendors_documents_is_kept_apart() -> None:
    """Spec §4: (T) and (U) are shown as unverified, and none of it is a default."""
    meditech = PRESETS["meditech"]
    assert any("root of the host" in sentence for sentence in meditech.unverified)
    assert defaults(meditech) == defaults(PRESETS[""])
    assert all(preset.steps or preset.notes for preset in PRESETS.values())


def test_athena_wants_the_scope_on_refresh_and_nobody_else() -> None:
    """C121."""
    wanting = {slug for slug, preset in PRESETS.items() if of(preset, "send_scope_on_refresh")}
    assert wanting == {"athenahealth-preview", "athenahealth-production"}


def test_only_athena_is_shown_a_token_in_an_address() -> None:
    """C131, T26: and its sheet says that this was only partly read."""
    shown = {
        slug for slug, preset in PRESETS.items() if of(preset, "introspection_method") != "POST"
    }
    assert shown == {"athenahealth-preview", "athenahealth-production"}
    assert all("partly read" in " ".join(PRESETS[slug].unverified) for slug in shown)


def test_athena_is_asked_no_oftener_than_it_is_said_to_allow() -> None:
    """C128."""
    limits = {
        slug: of(preset, "token_requests_per_minute")
        for slug, preset in PRESETS.items()
        if of(preset, "token_requests_per_minute")
    }
    assert limits == {"athenahealth-preview": 5, "athenahealth-production": 50}


def test_only_where_the_vendor_says_so_may_a_refresh_token_be_used_twice() -> None:
    """C124: unknown is treated as rotating."""
    assert {slug for slug, preset in PRESETS.items() if of(preset, "refresh_tokens_persist")} == {
        "oracle"
    }


def test_only_epic_is_told_the_client_id_on_discovery() -> None:
    """C16."""
    told = {slug for slug in PRESETS if metadata_headers(slug, "abc")}
    assert told == {"epic"}
    assert metadata_headers("gone", "abc") == {}


class TestScopesThatTheEHRLists:
    """Asked for only where the EHR lists them: many refuse a launch with one that they do not."""

    SCOPE = "launch openid patient/Patient.rs"

    @pytest.mark.parametrize(
        "listed",
        ["patient/Procedure.rs", "patient/Procedure.s", "patient/Procedure.read"],
    )
    def test_one_that_is_listed_is_asked_for(self, listed: str) -> None:
        assert with_listed(self.SCOPE, [listed]) == f"{self.SCOPE} patient/Procedure.rs"

    def test_a_wildcard_lists_all(self) -> None:
        grown = with_listed(self.SCOPE, ["patient/*.rs"]).split()
        assert grown[3:] == [f"patient/{resource_type}.rs" for resource_type in MORE_TYPES]

    @pytest.mark.parametrize(
        "listed",
        ["user/Procedure.rs", "patient/Procedure.c", "patient/Procedure.rs?category=x", "launch"],
    )
    def test_nothing_else_does(self, listed: str) -> None:
        assert with_listed(self.SCOPE, [listed]) == self.SCOPE

    def test_none_is_asked_for_twice(self) -> None:
        asked = f"{self.SCOPE} patient/Procedure.rs"
        assert with_listed(asked, ["patient/Procedure.rs"]) == asked

    def test_a_registration_without_reads_of_a_patient_stays(self) -> None:
        assert with_listed("system/Patient.rs", ["patient/*.rs"]) == "system/Patient.rs"


@pytest.mark.parametrize("slug", sorted(set(PRESETS) - {"", "sandbox"}))
def test_each_vendor_has_a_source_with_its_date(slug: str) -> None:
    assert "2026" in PRESETS[slug].source


def test_the_launcher_is_ready_for_clinicians_and_patients() -> None:
    launcher = PRESETS["smart-health-it"]

    assert defaults(launcher)["standalone_scope"] == PATIENT_SCOPE
    assert defaults(launcher)["client_id"] != ""
    assert "user/Practitioner.rs" in defaults(launcher)["scope"].split()
    assert (of(launcher, "send_secret_as_it_is"), of(launcher, "jwks_cache_seconds")) == (True, 0)
