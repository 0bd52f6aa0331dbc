"""Who signed in decides how long a page stays open, whatever door they took (T18, C127)."""

from datetime import timedelta

import pytest

from smartapp.launches.models import LaunchKind
from smartapp.launches.session_length import SessionLength, session_length
from smartapp.launches.tokens import LaunchTokens

BASE = "https://ehr.example/fhir/r4"
GRANTED = "launch/patient openid fhirUser offline_access patient/*.rs"
TWELVE_HOURS = SessionLength(timedelta(hours=12))
ONE_HOUR = SessionLength(timedelta(hours=1))
LASTING = SessionLength(timedelta(days=90), is_lasting=True)


def tokens(
    fhirUser: str | None = None,
    *,
    granted: str | None = GRANTED,
    refresh_token: str | None = "refresh",
    patient: str | None = "p-1",
) -> LaunchTokens:
    return LaunchTokens(
        access_token="access",
        refresh_token=refresh_token,
        requested_scope=GRANTED,
        granted_scope=granted,
        members={"patient": patient} if patient else {},
        id_token_iss=None,
        id_token_sub=None,
        fhirUser=fhirUser,
        token_endpoint="https://ehr.example/token",
    )


@pytest.mark.parametrize("kind", LaunchKind)
@pytest.mark.parametrize("form", ["{}/d-1", BASE + "/{}/d-1", "https://other.example/r4/{}/d-1"])
class TestByUser:
    @pytest.mark.parametrize("user", ["Practitioner", "PractitionerRole"])
    def test_clinician_has_a_shift(self, kind: LaunchKind, form: str, user: str) -> None:
        assert session_length(kind, tokens(form.format(user))) == TWELVE_HOURS

    @pytest.mark.parametrize("user", ["Patient", "RelatedPerson"])
    def test_patient_who_allowed_it_stays_connected(
        self, kind: LaunchKind, form: str, user: str
    ) -> None:
        assert session_length(kind, tokens(form.format(user))) == LASTING

    @pytest.mark.parametrize("user", ["Patient", "RelatedPerson"])
    def test_patient_who_did_not_has_an_hour(self, kind: LaunchKind, form: str, user: str) -> None:
        without_token = tokens(form.format(user), refresh_token=None)
        without_scope = tokens(form.format(user), granted="openid fhirUser patient/*.rs")
        assert session_length(kind, without_token) == ONE_HOUR
        assert session_length(kind, without_scope) == ONE_HOUR


class TestNobodyNamed:
    def test_patient_at_our_own_door_stays_connected(self) -> None:
        assert session_length(LaunchKind.STANDALONE, tokens()) == LASTING

    def test_from_the_ehr_it_is_a_clinician(self) -> None:
        assert session_length(LaunchKind.EHR, tokens()) == TWELVE_HOURS

    @pytest.mark.parametrize("more", ["user/Patient.rs", "user/*.read", "system/*.rs"])
    def test_who_may_read_others_does_not_stay_connected(self, more: str) -> None:
        one = tokens(granted=f"{GRANTED} {more}")
        assert session_length(LaunchKind.STANDALONE, one) == ONE_HOUR

    def test_without_a_record_nobody_stays_connected(self) -> None:
        assert session_length(LaunchKind.STANDALONE, tokens(patient=None)) == ONE_HOUR


@pytest.mark.parametrize("user", ["Person/x-1", "Device/x-1", "https://ehr.example/", "d-1", "é/1"])
def test_who_cannot_be_placed_does_not_stay_connected(user: str) -> None:
    assert session_length(LaunchKind.STANDALONE, tokens(user)) == ONE_HOUR
    assert session_length(LaunchKind.EHR, tokens(user)) == TWELVE_HOURS
