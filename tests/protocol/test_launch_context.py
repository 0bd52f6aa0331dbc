"""The launch context (C86, C87, C100 to C111)."""

import re
from typing import Any

import pytest

from smartapp.protocol.errors import LaunchContextError
from smartapp.protocol.launch_context import (
    MAX_EXTRAS,
    FHIRContextEntry,
    LaunchContext,
    parse_launch_context,
)

EMPTY = LaunchContext(
    patient=None,
    encounter=None,
    need_patient_banner=True,
    smart_style_url=None,
    intent=None,
    tenant=None,
    fhirContext=(),
    extras={},
    notes=(),
)


def parse(**members: Any) -> LaunchContext:
    return parse_launch_context(members)


def entry(**members: Any) -> FHIRContextEntry:
    empty: dict[str, Any] = {
        "reference": None,
        "canonical": None,
        "identifier": None,
        "type": None,
        "role": "launch",
    }
    return FHIRContextEntry(**{**empty, **members})


def test_no_context_is_a_context_too() -> None:
    """C110: a clinician may open the app without a patient."""
    assert parse() == EMPTY


def test_a_clinicians_launch_is_read_whole() -> None:
    """C100; all members of SMART App Launch 2.2, scopes-and-launch-context."""
    context = parse(
        patient="a-123.E-4567890",
        encounter="a-123.encounter-1",
        need_patient_banner=False,
        smart_style_url="https://ehr.example/style.json",
        intent="reconcile-medications",
        tenant="practice-7",
        fhirContext=[{"reference": "ImagingStudy/1"}],
        ah_practice="a-1.Practice-123",
        location={"id": 5},
    )
    assert context == LaunchContext(
        patient="a-123.E-4567890",
        encounter="a-123.encounter-1",
        need_patient_banner=False,
        smart_style_url="https://ehr.example/style.json",
        intent="reconcile-medications",
        tenant="practice-7",
        fhirContext=(entry(reference="ImagingStudy/1"),),
        extras={"ah_practice": "a-1.Practice-123", "location": {"id": 5}},
        notes=(),
    )


@pytest.mark.parametrize("name", ["patient", "encounter"])
class TestIds:
    @pytest.mark.parametrize("value", ["1", "a-123.E-4567890", "x" * 64])
    def test_a_fhir_id_passes(self, name: str, value: str) -> None:
        """C101, C102."""
        assert getattr(parse(**{name: value}), name) == value

    @pytest.mark.parametrize("value", [None, ""])
    def test_null_and_empty_mean_that_none_was_chosen(self, name: str, value: object) -> None:
        """C110."""
        assert getattr(parse(**{name: value}), name) is None

    @pytest.mark.parametrize(
        "value",
        [
            5,
            True,
            ["1"],
            {"reference": "Patient/1"},
            "Patient/1",
            "https://ehr.example/fhir/r4/Patient/1",
            "1 ",
            "1\n",
            ".",
            "..",
            "../1",
            "1?_id=2",
            "ümlaut",
            "٣",
            "x" * 65,
        ],
    )
    def test_anything_else_stops_the_launch(self, name: str, value: object) -> None:
        """C101, C102, T17: a wrong id would show the wrong person."""
        with pytest.raises(LaunchContextError) as caught:
            parse(**{name: value})
        assert re.fullmatch(rf"{name} is an? [a-z ]+(65 characters)?, not a FHIR id|{name} is true "
                            "or false, not a FHIR id", caught.value.detail)  # fmt: skip

    @pytest.mark.parametrize(
        ("value", "form"),
        [
            (5, "a number"),
            (True, "true or false"),
            (["1"], "a list"),
            ({"id": "1"}, "an object"),
            ("Patient/1", "a reference or an address"),
            ("urn:oid:1.2.3", "a reference or an address"),
            ("x" * 65, "a text of 65 characters"),
            ("p_1", "a text with other characters"),
        ],
    )
    def test_what_came_in_its_place_is_said_and_not_quoted(
        self, name: str, value: object, form: str
    ) -> None:
        with pytest.raises(LaunchContextError, match=f"^{name} is {form}, not a FHIR id$"):
            parse(**{name: value})


class TestBanner:
    @pytest.mark.parametrize(("value", "needed"), [(True, True), (False, False), (None, True)])
    def test_only_false_lets_it_shrink(self, value: object, needed: bool) -> None:
        """C104."""
        assert parse(need_patient_banner=value).need_patient_banner is needed

    @pytest.mark.parametrize("value", ["false", "no", 0, [], {}])
    def test_what_is_not_boolean_counts_as_true(self, value: object) -> None:
        """C104."""
        context = parse(need_patient_banner=value)
        assert context.need_patient_banner is True
        assert len(context.notes) == 1


@pytest.mark.parametrize("name", ["intent", "tenant", "smart_style_url"])
@pytest.mark.parametrize("value", [5, ["x"], "x" * 2049, "line\nbreak", "\u202eevil"])
def test_odd_decoration_is_left_out_with_a_note(name: str, value: object) -> None:
    """C105, C107."""
    context = parse(**{name: value}, patient="1")
    assert getattr(context, name) is None
    assert context.patient == "1"
    assert context.notes == (f"{name} is not a short text; not used.",)


@pytest.mark.parametrize("name", ["intent", "tenant", "smart_style_url", "fhirContext"])
def test_null_decoration_is_no_decoration(name: str) -> None:
    assert parse(**{name: None}) == EMPTY


class TestFHIRContext:
    """C103; smart-app-launch_2.2.0@191."""

    @pytest.mark.parametrize(
        ("item", "expected"),
        [
            ({"reference": "ImagingStudy/1"}, entry(reference="ImagingStudy/1")),
            (
                {"canonical": "https://x.example/Q|1", "type": "Questionnaire", "role": "fill"},
                entry(canonical="https://x.example/Q|1", type="Questionnaire", role="fill"),
            ),
            ({"identifier": {"value": "7"}}, entry(identifier={"value": "7"})),
            (
                {"reference": "Patient/2", "role": "https://x.example/sibling"},
                entry(reference="Patient/2", role="https://x.example/sibling"),
            ),
            ({"reference": "List/1", "role": ""}, entry(reference="List/1")),
            ({"reference": "List/1", "type": 5}, entry(reference="List/1")),
            ("ImagingStudy/1", entry(reference="ImagingStudy/1")),
        ],
    )
    def test_an_entry_names_something(self, item: object, expected: FHIRContextEntry) -> None:
        """A reference alone is the form of SMART App Launch 2.0."""
        context = parse(fhirContext=[item])
        assert context.fhirContext == (expected,)
        assert context.notes == ()

    @pytest.mark.parametrize(
        "item",
        [
            "ImagingStudy 1",
            "Patient/2",
            None,
            5,
            {},
            {"type": "ImagingStudy"},
            {"reference": 5},
            {"reference": ""},
            {"reference": "x" * 2049},
            {"identifier": {}},
            {"identifier": "7"},
            {"reference": "Patient/2"},
            {"reference": "https://ehr.example/fhir/r4/Patient/2", "role": "launch"},
            {"reference": "Encounter/2"},
            {"reference": "Patient/2/_history/1"},
            {"identifier": {"value": "7"}, "type": "Patient"},
        ],
    )
    def test_an_entry_that_is_not_understood_is_skipped(self, item: object) -> None:
        """A second patient or encounter must have a role."""
        context = parse(fhirContext=[item, {"reference": "List/1"}])
        assert context.fhirContext == (entry(reference="List/1"),)
        assert context.notes == ("fhirContext: entries skipped: 1.",)

    @pytest.mark.parametrize("value", ["ImagingStudy/1", {"reference": "ImagingStudy/1"}, 5])
    def test_what_is_no_list_is_not_used(self, value: object) -> None:
        context = parse(fhirContext=value)
        assert context.fhirContext == ()
        assert len(context.notes) == 1

    def test_a_hundred_entries_are_enough(self) -> None:
        context = parse(fhirContext=[{"reference": "List/1"}] * 150)
        assert len(context.fhirContext) == 100
        assert len(context.notes) == 1


class TestExtras:
    """C86, C108, C109: shown to users, so limited in size and without secrets."""

    def test_vendor_members_are_kept_as_they_are(self) -> None:
        extras = {"__epic.dstu2.patient": "T1", "loginDepartment": "5", "x": [1, {"a": None}]}
        assert parse(**extras).extras == extras

    def test_the_state_in_the_body_is_not_used_for_anything(self) -> None:
        """C87: Epic repeats it."""
        assert parse(state="s" * 43) == EMPTY

    @pytest.mark.parametrize(
        "name", ["device_secret", "other_token", "Refresh-Token-2", "user_password"]
    )
    def test_what_may_be_a_secret_is_not_shown(self, name: str) -> None:
        """C111, T10."""
        context = parse(**{name: "canary"})
        assert context.extras == {}
        assert "canary" not in str(context.notes)
        assert context.notes == ("Further members that are not shown: 1.",)

    def test_they_are_bounded_in_size_and_number(self) -> None:
        many = {f"x{number}": number for number in range(MAX_EXTRAS + 20)}
        context = parse(**many, huge="x" * 5000, patient="1")
        assert len(context.extras) == MAX_EXTRAS
        assert "huge" not in context.extras
        assert context.patient == "1"
        assert context.notes == ("Further members that are not shown: 21.",)
