"""Which data a token's scopes allow, and which they do not (S62)."""

import pytest

from tests.sandbox.fhir.conftest import EHR, GLUCOSE_DIARY, MOTHER, NEWBORN, RENEE, parsed

CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
LABS = f"patient/Observation.rs?category={CATEGORY}|laboratory"


def observation_of(ehr: EHR, patient: str, category: str) -> str:
    """Return the id of one observation, found with access to all of them."""
    before, ehr.access = ehr.access, None
    ehr.holds("system/*.rs")
    found = ehr.found("Observation", ("patient", patient), ("category", category), ("_count", "1"))
    ehr.access = before
    return str(found[0]["id"])


class TestPermissions:
    @pytest.mark.parametrize(
        "scope",
        [
            "patient/Patient.read",
            "patient/Patient.*",
            "patient/*.read",
            "patient/*.*",
            "patient/Patient.r",
            "patient/Patient.rs",
            "patient/Patient.cruds",
            "patient/*.rs",
            "user/Patient.read",
            "user/*.rs",
            "system/Patient.r",
        ],
    )
    def test_these_scopes_let_the_patient_be_read(self, ehr: EHR, scope: str) -> None:
        ehr.holds(scope)
        assert ehr.get(f"Patient/{RENEE}").status_code == 200

    @pytest.mark.parametrize(
        "scope",
        [
            "",
            "openid",
            "launch/patient",
            "patient/",
            "patient/Patient",
            "patient/Patient.",
            "patient/Patient.write",
            "patient/Patient.s",
            "patient/Patient.sr",
            "patient/Observation.read",
            "Patient/Patient.read",
            "patient/Patient.rs?",
            "patient/Patient.rs?unheard-of=1",
            "patient/Patient.rs?birthdate=nonsense",
            "xpatient/Patient.rs",
        ],
    )
    def test_these_scopes_do_not(self, ehr: EHR, scope: str) -> None:
        ehr.holds(scope)
        response = ehr.get(f"Patient/{RENEE}")
        assert response.status_code == 403
        assert response["WWW-Authenticate"] == 'Bearer error="insufficient_scope"'
        assert parsed(response)["resourceType"] == "OperationOutcome"

    def test_reading_does_not_let_search(self, ehr: EHR) -> None:
        ehr.holds("patient/Observation.r")
        assert ehr.search("Observation", ("patient", RENEE)).status_code == 403

    def test_searching_does_not_let_read(self, ehr: EHR) -> None:
        ehr.holds("patient/Observation.s")
        id = observation_of(ehr, RENEE, "laboratory")
        assert ehr.found("Observation", ("patient", RENEE))
        assert ehr.get(f"Observation/{id}").status_code == 403


class TestPatientCompartment:
    def test_another_patient_looks_as_if_there_were_none(self, ehr: EHR) -> None:
        ehr.holds("patient/*.rs")
        foreign = ehr.get(f"Patient/{GLUCOSE_DIARY}")
        absent = ehr.get("Patient/a-1.E-1")
        assert (foreign.status_code, foreign.content) == (404, absent.content)

    def test_another_patients_results_look_as_if_there_were_none(self, ehr: EHR) -> None:
        ehr.holds("patient/*.rs")
        id = observation_of(ehr, GLUCOSE_DIARY, "laboratory")
        assert ehr.get(f"Observation/{id}").status_code == 404
        assert ehr.found("Observation", ("patient", GLUCOSE_DIARY)) == []
        assert ehr.found("Observation", ("_id", id)) == []

    def test_without_a_patient_in_context_patient_scopes_open_nothing(self, ehr: EHR) -> None:
        ehr.holds("patient/*.rs", patient=None)
        assert ehr.get(f"Patient/{RENEE}").status_code == 404

    def test_a_clinician_may_see_everybody(self, ehr: EHR) -> None:
        ehr.holds("user/Patient.rs", patient=None)
        assert ehr.get(f"Patient/{GLUCOSE_DIARY}").status_code == 200

    def test_a_patient_as_user_sees_only_themself(self, ehr: EHR) -> None:
        ehr.holds("user/*.rs", patient=None, user=f"Patient/{RENEE}")
        assert ehr.get(f"Patient/{RENEE}").status_code == 200
        assert ehr.get(f"Patient/{NEWBORN}").status_code == 404

    def test_a_mother_as_user_sees_her_child_too(self, ehr: EHR) -> None:
        ehr.holds("user/*.rs", patient=None, user=f"Patient/{MOTHER}")
        assert ehr.get(f"Patient/{MOTHER}").status_code == 200
        assert ehr.get(f"Patient/{NEWBORN}").status_code == 200
        assert ehr.get(f"Patient/{RENEE}").status_code == 404

    def test_an_organization_as_user_sees_nobody(self, ehr: EHR) -> None:
        ehr.holds("user/*.rs", patient=None, user="Organization/a-1.Practice-195900")
        assert ehr.get(f"Patient/{RENEE}").status_code == 404

    def test_a_proxy_as_user_sees_the_child(self, ehr: EHR) -> None:
        url = "http://127.0.0.1:8000/sandbox/fhir/r4/RelatedPerson/a-1.RelatedPerson-100500001"
        ehr.holds("user/*.rs", patient=None, user=url)
        assert ehr.get(f"Patient/{NEWBORN}").status_code == 200
        assert ehr.get(f"Patient/{MOTHER}").status_code == 404

    def test_an_unknown_user_sees_nobody(self, ehr: EHR) -> None:
        ehr.holds("user/*.rs", patient=None, user=None)
        assert ehr.get(f"Patient/{RENEE}").status_code == 404


class TestSharedResources:
    def test_who_is_mentioned_in_the_chart_may_be_read(self, ehr: EHR) -> None:
        ehr.holds("patient/*.rs")
        assert ehr.get("Practitioner/a-1.Provider-1").status_code == 200
        assert ehr.get("Organization/a-1.Practice-195900").status_code == 200
        assert ehr.get("Location/a-1.Location-1").status_code == 200

    def test_who_is_not_mentioned_may_not(self, ehr: EHR) -> None:
        ehr.holds("patient/*.rs")
        assert ehr.get("Practitioner/a-1.Provider-2").status_code == 404

    def test_the_scope_fhir_user_opens_the_signed_in_user_only(self, ehr: EHR) -> None:
        ehr.holds("openid", "fhirUser")
        assert ehr.get("Practitioner/a-1.Provider-1").status_code == 200
        assert ehr.get("Practitioner/a-1.Provider-3").status_code == 403


class TestFilters:
    def test_a_category_restricts_searches(self, ehr: EHR) -> None:
        ehr.holds(LABS)
        found = ehr.found("Observation", ("patient", RENEE), ("_count", "200"))
        categories = {o["category"][0]["coding"][0]["code"] for o in found}
        assert categories == {"laboratory"}

    def test_a_category_restricts_the_total_too(self, ehr: EHR) -> None:
        ehr.holds(LABS)
        response = ehr.search("Observation", ("patient", RENEE), ("category", "vital-signs"))
        assert parsed(response)["total"] == 0

    def test_a_category_restricts_reads(self, ehr: EHR) -> None:
        ehr.holds(LABS)
        laboratory = observation_of(ehr, RENEE, "laboratory")
        vital_sign = observation_of(ehr, RENEE, "vital-signs")
        assert ehr.get(f"Observation/{laboratory}").status_code == 200
        assert ehr.get(f"Observation/{vital_sign}").status_code == 404

    def test_two_filtered_scopes_add_up(self, ehr: EHR) -> None:
        ehr.holds(LABS, LABS.replace("laboratory", "vital-signs"))
        found = ehr.found("Observation", ("patient", RENEE), ("_count", "200"), ("_sort", "-date"))
        categories = {o["category"][0]["coding"][0]["code"] for o in found}
        assert categories == {"laboratory", "vital-signs"}
