"""The test data: the people are coherent, valid and varied (S63, S64, S67)."""

import unicodedata
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class

from smartapp.sandbox.fhir.dates import FOREVER, interval
from smartapp.sandbox.fhir.store import (
    COMPARTMENT,
    PEOPLE,
    TYPES,
    Record,
    may_act_for,
    name_text,
    patients,
    practitioners,
    references,
    store,
)
from tests.sandbox.fhir.conftest import GLUCOSE_DIARY, JUST_ARRIVED, MOTHER, NEWBORN
from tools.sandbox_people.people import REFERENCE_DATE

END = datetime(REFERENCE_DATE.year, REFERENCE_DATE.month, REFERENCE_DATE.day, tzinfo=UTC)


def everything() -> list[Record]:
    return list(store().by_reference.values())


def observations(patient: str) -> list[dict[str, Any]]:
    return [record.resource for record in store().of_patient("Observation", patient)]


def value(resource: dict[str, Any]) -> float:
    return float(resource["valueQuantity"]["value"])


def values_by_visit(patient: str, *loincs: str) -> list[tuple[float, ...]]:
    """For each encounter in which all of these were measured, their values."""
    visits: dict[str, dict[str, float]] = {}
    for observation in observations(patient):
        loinc = observation["code"]["coding"][0]["code"]
        if loinc in loincs and "encounter" in observation:
            visits.setdefault(observation["encounter"]["reference"], {})[loinc] = value(observation)
    return [tuple(v[loinc] for loinc in loincs) for v in visits.values() if len(v) == len(loincs)]


class TestPeople:
    def test_there_are_at_least_twelve(self) -> None:
        assert len(patients()) >= 12
        assert len({person.id for person in patients()}) == len(patients())
        assert all(person.note for person in patients())

    def test_there_are_at_least_three_practitioners(self) -> None:
        assert len(practitioners()) >= 3

    def test_every_type_that_is_offered_is_filled(self) -> None:
        assert all(store().by_type[name] for name in TYPES)

    def test_names_are_written_in_many_scripts(self) -> None:
        letters = "".join(person.name for person in patients())
        scripts = Counter(unicodedata.name(c).split()[0] for c in letters if c.isalpha())
        expected = {"LATIN", "CYRILLIC", "GREEK", "ARABIC", "HEBREW", "CJK", "DEVANAGARI", "HANGUL"}
        assert expected <= scripts.keys()

    def test_every_recorded_sex_occurs_and_one_is_not_recorded(self) -> None:
        assert {person.sex for person in patients()} == {"male", "female", "other", "unknown", ""}

    def test_ages_reach_from_newborn_to_very_old(self) -> None:
        births = sorted(person.birth_date for person in patients())
        assert births[0] < "1936-01-01"
        assert births[-1] > "2026-10-01"

    def test_one_chart_is_very_long(self) -> None:
        assert len(observations(GLUCOSE_DIARY)) > 1000

    def test_one_person_has_a_name_and_a_birth_date_only(self) -> None:
        records = [record for record in everything() if record.patient == JUST_ARRIVED]
        assert [record.type for record in records] == ["Patient"]
        assert records[0].resource.keys() == {
            "resourceType", "id", "meta", "extension", "name", "birthDate",
        }  # fmt: skip

    def test_a_mother_may_act_for_her_newborn(self) -> None:
        assert [child.id for child in may_act_for(MOTHER)] == [NEWBORN]
        assert may_act_for(NEWBORN) == ()

    def test_encounters_are_listed_newest_first(self) -> None:
        for person in patients():
            starts = [datetime.fromisoformat(e.start) for e in person.encounters]
            assert starts == sorted(starts, reverse=True)


class TestCoherence:
    def test_every_resource_is_valid_r4(self) -> None:
        for record in everything():
            get_fhir_model_class(record.type).model_validate(record.resource)

    def test_every_reference_resolves(self) -> None:
        for record in everything():
            for reference in references(record):
                assert reference in store().by_reference, f"{record.reference} → {reference}"

    def test_nothing_refers_to_another_patient(self) -> None:
        """Except Patient.link, which is how a proxy is found."""
        for record in everything():
            if record.type in COMPARTMENT:
                found = (store().by_reference[r] for r in references(record))
                assert {r.patient for r in found} <= {record.patient, None}

    @pytest.mark.parametrize("person", patients(), ids=lambda person: person.id)
    def test_nothing_happens_before_birth_or_after_the_end(self, person: Any) -> None:
        born = interval(person.birth_date).start
        patient = store().by_reference[f"Patient/{person.id}"].resource
        died = patient.get("deceasedDateTime")
        end = interval(died).end if died else END
        for record in everything():
            if record.patient == person.id and record.date and record.type != "Patient":
                assert born <= record.date.start <= end, record.reference
                assert record.date.end <= end or record.date.end == FOREVER, record.reference
                assert interval(record.resource["meta"]["lastUpdated"]).start <= END

    def test_conditions_end_after_they_begin(self) -> None:
        for record in store().by_type["Condition"]:
            if "abatementDateTime" in record.resource:
                ended = interval(record.resource["abatementDateTime"])
                assert record.date is not None
                assert record.date.start <= ended.start <= END

    def test_resolved_conditions_say_when_and_active_ones_do_not(self) -> None:
        for record in store().by_type["Condition"]:
            status = record.resource["clinicalStatus"]["coding"][0]["code"]
            has_end = "abatementDateTime" in record.resource
            assert has_end == (status in ("resolved", "remission")) or status == "inactive"

    @pytest.mark.parametrize("person", patients(), ids=lambda person: person.id)
    def test_bmi_is_weight_over_height_squared(self, person: Any) -> None:
        for bmi, weight, height in values_by_visit(person.id, "39156-5", "29463-7", "8302-2"):
            assert bmi == pytest.approx(weight / (height / 100) ** 2, abs=0.051)

    @pytest.mark.parametrize("person", patients(), ids=lambda person: person.id)
    def test_total_cholesterol_agrees_with_its_parts(self, person: Any) -> None:
        for total, ldl, hdl, fat in values_by_visit(
            person.id, "2093-3", "13457-7", "2085-9", "2571-8"
        ):
            assert total == pytest.approx(ldl + hdl + fat / 5, abs=1)

    def test_systolic_pressure_is_above_diastolic(self) -> None:
        panels = [r.resource for r in store().by_type["Observation"] if "component" in r.resource]
        assert panels
        for panel in panels:
            systolic, diastolic = (part["valueQuantity"]["value"] for part in panel["component"])
            assert systolic > diastolic + 15

    def test_a_flag_agrees_with_the_reference_range(self) -> None:
        for record in store().by_type["Observation"]:
            if "referenceRange" in record.resource:
                bounds = record.resource["referenceRange"][0]
                low = bounds.get("low", {}).get("value", float("-inf"))
                high = bounds.get("high", {}).get("value", float("inf"))
                measured = value(record.resource)
                flag = "L" if measured < low else "H" if measured > high else "N"
                assert record.resource["interpretation"][0]["coding"][0]["code"] == flag

    def test_nobody_is_prescribed_what_they_are_allergic_to(self) -> None:
        for record in store().by_type["AllergyIntolerance"]:
            if "penicillin" in record.resource["code"]["text"].lower():
                drugs = store().of_patient("MedicationRequest", str(record.patient))
                names = [d.resource["medicationCodeableConcept"]["text"].lower() for d in drugs]
                assert not [n for n in names if "penicillin" in n or "amoxicillin" in n]

    def test_a_child_does_not_shrink(self) -> None:
        child = next(p for p in patients() if "growth" in p.note)
        heights = [
            (r["effectiveDateTime"], value(r))
            for r in observations(child.id)
            if r["code"]["coding"][0]["code"] == "8302-2"
        ]
        measured = [height for _, height in sorted(heights)]
        assert measured == sorted(measured)
        assert measured[-1] - measured[0] > 60

    def test_everybody_is_labelled_as_test_data(self) -> None:
        for record in store().by_type["Patient"]:
            assert record.resource["meta"]["security"][0]["code"] == "HTEST"
            assert name_text(record.resource)


class TestSize:
    def test_the_shipped_people_are_small(self) -> None:
        assert sum(path.stat().st_size for path in PEOPLE.iterdir()) < 3_000_000
