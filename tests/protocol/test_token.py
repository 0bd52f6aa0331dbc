"""Responses of the token endpoint (C60, C61, C80 to C87, C120, C121, C125, C142; RFC 6749 §5)."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from smartapp.protocol import token
from smartapp.protocol.errors import (
    InvalidClient,
    InvalidGrant,
    TokenEndpointFailed,
    TokenRefused,
    TokenResponseInvalid,
)
from smartapp.protocol.scopes import parse_scopes
from tests import vectors

STARTED = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
GOOD: dict[str, Any] = {
    "access_token": "N09411aa6CiXmdNnkp6l7V6lk5UH",
    "token_type": "Bearer",
    "expires_in": 3600,
    "scope": "openid launch/patient patient/Observation.rs",
}


def parse(status: int = 200, without: str = "", **changes: Any) -> token.TokenResponse:
    document = {name: value for name, value in {**GOOD, **changes}.items() if name != without}
    return token.parse_token_response(status, json.dumps(document).encode(), requested_at=STARTED)


def parse_body(status: int, body: bytes) -> token.TokenResponse:
    return token.parse_token_response(status, body, requested_at=STARTED)


def lifetime(response: token.TokenResponse) -> float:
    return (response.expires_at - STARTED).total_seconds()


class TestRequests:
    def test_the_code_goes_with_its_verifier_and_without_client_id(self) -> None:
        """C60, C61; smart-app-launch_2.2.0@62, @72: the client authenticates, so no client_id."""
        assert token.authorization_code_request(
            code="c", redirect_uri="https://app.example/callback/a/", code_verifier="v"
        ) == {
            "grant_type": "authorization_code",
            "code": "c",
            "redirect_uri": "https://app.example/callback/a/",
            "code_verifier": "v",
        }

    def test_a_refresh_sends_a_scope_only_where_one_is_wanted(self) -> None:
        """C120, C121: athenahealth requires it, elsewhere it is left out."""
        bare = {"grant_type": "refresh_token", "refresh_token": "r"}
        assert token.refresh_request(refresh_token="r", scope=None) == bare
        sent = token.refresh_request(refresh_token="r", scope="openid")
        assert sent == {**bare, "scope": "openid"}

    def test_a_backend_service_names_its_scope(self) -> None:
        """C145."""
        assert token.client_credentials_request(scope="system/Patient.rs") == {
            "grant_type": "client_credentials",
            "scope": "system/Patient.rs",
        }


class TestAthenahealthsSample:
    """The sample response of athenahealth's own documentation."""

    RESPONSE = parse_body(200, vectors.body("athena-token-response"))

    def test_its_tokens_and_lifetime_are_read(self) -> None:
        """C81: 300 seconds less a minute."""
        assert self.RESPONSE.access_token == "N09411aa6CiXmdNnkp6l7V6lk5UH"
        assert self.RESPONSE.refresh_token == "uw-4cwXncULPI5skwLhdIntJAVc8WeEvPpYcSZDj6PU"
        assert (self.RESPONSE.id_token or "").count(".") == 2
        assert lifetime(self.RESPONSE) == 240

    def test_its_degenerate_scope_is_kept_as_sent(self) -> None:
        """C82: the scopes have lost their second half; this must not fail the launch."""
        assert (self.RESPONSE.scope or "").split().count("patient/") == 19
        assert parse_scopes(self.RESPONSE.scope or "")[-1] == "patient/"

    def test_its_launch_context_is_beside_the_tokens(self) -> None:
        """C100."""
        assert self.RESPONSE.members == {"patient": "a-123.E-4567890"}

    def test_nothing_secret_is_in_its_repr(self) -> None:
        """C70, T10."""
        text = repr(self.RESPONSE)
        assert "N09411" not in text
        assert "uw-4cw" not in text
        assert "eyJ" not in text
        assert "E-4567890" not in text


class TestLenient:
    """Deviations of real servers that the requirements allow."""

    @pytest.mark.parametrize("token_type", ["Bearer", "bearer", "BEARER"])
    def test_the_token_type_is_case_insensitive(self, token_type: str) -> None:
        """C80: Epic sends it in lower case."""
        assert parse(token_type=token_type).access_token == GOOD["access_token"]

    @pytest.mark.parametrize(
        ("expires_in", "seconds"),
        [
            (300, 240),
            ("300", 240),
            (299.5, 239.6),
            ("299.5", 239.6),
            (None, 240),
            (30, 24),  # a share of a short lifetime
            (5, 4),
            (0, 0),
            ("0", 0),
            (token.MAX_EXPIRES_IN_SECONDS, token.MAX_EXPIRES_IN_SECONDS - 60),
        ],
    )
    def test_the_lifetime_may_be_a_numeric_string_or_absent(
        self, expires_in: object, seconds: float
    ) -> None:
        """C81: athenahealth's documentation shows "300" in quotes; absent means five minutes."""
        assert lifetime(parse(expires_in=expires_in)) == pytest.approx(seconds)

    def test_an_absent_lifetime_is_five_minutes(self) -> None:
        """C81."""
        assert lifetime(parse(without="expires_in")) == 240

    @pytest.mark.parametrize("nothing", [None, ""])
    def test_a_lifetime_that_is_null_or_empty_is_as_good_as_absent(self, nothing: object) -> None:
        assert lifetime(parse(expires_in=nothing)) == 240

    def test_the_lifetime_starts_with_the_request(self) -> None:
        """C81: a slow response has already used up a part of it."""
        body = json.dumps(GOOD).encode()
        late = token.parse_token_response(200, body, requested_at=STARTED + timedelta(seconds=9))
        assert lifetime(late) == 3600 - 60 + 9

    def test_an_absent_scope_is_left_to_the_caller(self) -> None:
        """C82."""
        assert parse(without="scope").scope is None

    @pytest.mark.parametrize(
        ("scope", "read"),
        [
            (["launch", "openid", "patient/Patient.rs"], "launch openid patient/Patient.rs"),
            (["launch openid"], "launch openid"),
            ([], ""),
            ("launch,openid,patient/*.read", "launch openid patient/*.read"),
            ("launch/patient, openid, user/*.rs", "launch/patient openid user/*.rs"),
            ("openid,patient/Observation.rs?category=x,fhirUser",
             "openid patient/Observation.rs?category=x fhirUser"),
            ("openid patient/Observation.rs?code=a,b", "openid patient/Observation.rs?code=a,b"),
            ("openid,https://vendor.example/a,launch", "openid https://vendor.example/a launch"),
            ("vendor/a,b openid, launch", "vendor/a,b openid launch"),
            ("openid\nlaunch", "openid\nlaunch"),
        ],
    )  # fmt: skip
    def test_a_scope_in_another_form_is_read_where_it_can_mean_one_thing_only(
        self, scope: object, read: str
    ) -> None:
        """C82."""
        assert parse(scope=scope).scope == read

    @pytest.mark.parametrize("name", ["refresh_token", "id_token"])
    @pytest.mark.parametrize("empty", [None, ""])
    def test_null_and_empty_mean_absent(self, name: str, empty: object) -> None:
        change: dict[str, Any] = {name: empty}
        assert getattr(parse(**change), name) is None

    def test_unknown_members_are_kept_and_known_ones_are_not_repeated(self) -> None:
        """C86, C88."""
        details = [{"type": "smart_on_fhir"}]
        response = parse(ah_practice="a-1.Practice-1", authorization_details=details)
        assert response.members == {
            "ah_practice": "a-1.Practice-1",
            "authorization_details": details,
        }

    def test_a_token_of_16_kilobytes_passes(self) -> None:
        """C84: opaque, and no limit below 16 KB."""
        long = "t" * 16_384
        assert parse(access_token=long, refresh_token=long).refresh_token == long


class TestStrict:
    """Each case changes one thing in a valid response."""

    @pytest.mark.parametrize(
        "change",
        [
            {"without": "access_token"},
            {"access_token": ""},
            {"access_token": None},
            {"access_token": 5},
            {"access_token": ["t"]},
            {"access_token": "with space"},
            {"access_token": "line\nbreak"},
            {"access_token": "tökén"},
            {"access_token": "t" * 16_385},
            {"refresh_token": 5},
            {"refresh_token": {"value": "r"}},
            {"refresh_token": "t" * 16_385},
            {"id_token": True},
            {"without": "token_type"},
            {"token_type": None},
            {"token_type": "mac"},
            {"token_type": "DPoP"},
            {"token_type": ["Bearer"]},
            {"expires_in": -1},
            {"expires_in": "-1"},
            {"expires_in": token.MAX_EXPIRES_IN_SECONDS + 1},
            {"expires_in": 10**19},
            {"expires_in": "9" * 12},
            {"expires_in": "9" * 13},
            {"expires_in": True},
            {"expires_in": "soon"},
            {"expires_in": "1e3"},
            {"expires_in": "٣٠٠"},
            {"expires_in": [300]},
            {"scope": 5},
            {"scope": ["openid", 5]},
            {"scope": {"granted": "openid"}},
            {"scope": "s" * 16_385},
            {f"x{number}": 1 for number in range(200)},
        ],
        ids=lambda change: next(iter(f"{name}={value!r}"[:40] for name, value in change.items())),
    )
    def test_one_thing_wrong_refuses_the_whole(self, change: dict[str, Any]) -> None:
        """C80, C81, C84, T25."""
        with pytest.raises(TokenResponseInvalid):
            parse(**change)

    @pytest.mark.parametrize(
        ("token_type", "words"),
        [
            (None, "token_type is missing, and must be Bearer"),
            ("BearerToken", "token_type is BearerToken, not Bearer"),
            ("DPoP", "token_type is DPoP, not Bearer"),
            (["Bearer"], "token_type is no name, not Bearer"),
            ("canary-1", "token_type is no name, not Bearer"),
        ],
    )
    def test_another_type_of_token_is_named(self, token_type: object, words: str) -> None:
        with pytest.raises(TokenResponseInvalid, match=f"^{words}$"):
            parse(token_type=token_type)

    @pytest.mark.parametrize("status", [100, 201, 204, 302, 307])
    def test_only_200_is_a_token_response(self, status: int) -> None:
        """C80."""
        with pytest.raises(TokenResponseInvalid):
            parse(status=status)

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"null",
            b"[]",
            b'"token"',
            b"<html>Welcome</html>",
            b"access_token=t&token_type=bearer",
            b'{"access_token":"a","access_token":"b","token_type":"Bearer"}',
            b'{"access_token":"a","token_type":"Bearer","expires_in":NaN}',
            b'{"access_token":"a","token_type":"Bearer","expires_in":1e999}',
        ],
    )
    def test_only_one_json_object_is_a_token_response(self, body: bytes) -> None:
        """C80, C87, T25."""
        with pytest.raises(TokenResponseInvalid):
            parse_body(200, body)

    def test_a_lifetime_that_is_a_moment_is_named(self) -> None:
        """Some libraries write when the token ends."""
        with pytest.raises(TokenResponseInvalid, match="expires_in is 1790000000, and must be how"):
            parse(expires_in=1_790_000_000)
        with pytest.raises(TokenResponseInvalid, match="expires_in is -1, and must be how"):
            parse(expires_in="-1")

    def test_no_value_is_in_the_error(self) -> None:
        """C70: the error names the rule that failed, but no value."""
        with pytest.raises(TokenResponseInvalid) as caught:
            parse(access_token="canary token")
        assert "canary" not in caught.value.detail


class TestHeldAllTheSame:
    """C133: the tokens of a refused response are valid at the EHR until they are revoked."""

    @pytest.mark.parametrize(
        ("status", "body", "access_token", "refresh_token"),
        [
            (200, b'{"access_token":"a","refresh_token":"r"}', "a", "r"),
            (201, b'{"access_token":"a","token_type":"Bearer"}', "a", None),
            (200, b'{"token_type":"Bearer","refresh_token":"r"}', None, "r"),
            (200, b'\xef\xbb\xbf{"access_token":"a"}', "a", None),
            (200, b'{"access_token":"a b","token_type":"Bearer"}', "a b", None),
            (200, b'{"access_token":"a","n":1,"n":2}', "a", None),
            (200, b'{"access_token":"a","n":NaN}', "a", None),
            (200, b'{"access_token":["a"],"refresh_token":{"r":1}}', None, None),
            (200, b'{"access_token":"","refresh_token":null}', None, None),
            (200, b'{"access_token":"a\\n","refresh_token":"\\ud800"}', None, None),
            (200, b'["access_token","a"]', None, None),
            (200, b"access_token=a&token_type=bearer", None, None),
            (200, b'{"access_token":"a"', None, None),
            (200, b"\xff", None, None),
            (200, b"[" * 200_000, None, None),
            (200, b'{"access_token":"a","n":' + b"9" * 10_000 + b"}", None, None),
        ],
    )
    def test_are_told_to_whoever_revokes_them(
        self, status: int, body: bytes, access_token: str | None, refresh_token: str | None
    ) -> None:
        with pytest.raises(TokenResponseInvalid):
            parse_body(status, body)
        issued = token.issued(body, "https://ehr.example/token")
        found = (issued.access_token, issued.refresh_token) if issued else (None, None)
        assert found == (access_token, refresh_token)

    def test_are_in_none_of_its_words(self) -> None:
        with pytest.raises(TokenResponseInvalid) as caught:
            parse(token_type="mac", refresh_token="CANARY-refresh", access_token="CANARY-access")
        assert "CANARY" not in f"{caught.value} {caught.value!r} {caught.value.detail}"


class TestRefusals:
    """RFC 6749 §5.2 and the unusual formats of C142."""

    @pytest.mark.parametrize("written", ["Invalid_Grant", "INVALID_GRANT", "invalid grant"])
    def test_a_code_in_another_spelling_is_the_same(self, written: str) -> None:
        with pytest.raises(InvalidGrant) as caught:
            parse_body(400, json.dumps({"error": written}).encode())
        assert caught.value.error == "invalid_grant"

    @pytest.mark.parametrize("status", [400, 401, 403])
    @pytest.mark.parametrize(
        ("error", "kind"),
        [
            ("invalid_grant", InvalidGrant),
            ("invalid_client", InvalidClient),
            ("invalid_scope", TokenRefused),
            ("access_denied", TokenRefused),
            ("temporarily_unavailable", TokenEndpointFailed),
        ],
    )
    def test_the_code_decides(self, status: int, error: str, kind: type[TokenRefused]) -> None:
        """C125: invalid_grant ends a launch; invalid_client is a problem of our registration."""
        body = json.dumps({"error": error, "error_description": "Why."}).encode()
        with pytest.raises(TokenRefused) as caught:
            parse_body(status, body)
        assert type(caught.value) is kind
        assert (caught.value.error, caught.value.http_status) == (error, status)
        assert caught.value.detail == f"status {status} {error}"
        assert caught.value.said == f"{error} Why."

    @pytest.mark.parametrize("status", [429, 500, 502, 503])
    def test_a_server_in_trouble_ends_nothing(self, status: int) -> None:
        """C125: after 5xx and 429 the tokens are kept, whatever the body says."""
        with pytest.raises(TokenRefused) as caught:
            parse_body(status, b'{"error": "invalid_grant"}')
        kind = TokenRefused if status == 429 else TokenEndpointFailed
        assert type(caught.value) is kind
        assert caught.value.http_status == status

    def test_an_error_with_status_200_is_an_error(self) -> None:
        with pytest.raises(InvalidGrant):
            parse_body(200, b'{"error": "invalid_grant"}')

    @pytest.mark.parametrize(
        ("body", "error", "words"),
        [
            (b'{"detailedmessage":"By policy","error":"access_denied"}', "access_denied", "policy"),
            (b'{"errorCode":"E0000011","errorSummary":"Bad client"}', "", "Bad client"),
            (b'{"details":"No practice"}', "", "No practice"),
            (b'"invalid_client"', "invalid_client", "invalid_client"),
            (b'{"error":{"code":5}}', "", "status 400"),
            (b'{"error":"not a code"}', "", "not a code"),
            (b"[1]", "", "status 400"),
            (b"Invalid Client", "", "Invalid Client"),
            (b"<html><body>Sign in</body></html>", "", "status 400"),
            (b"", "", "status 400"),
            (b"\xff\xfe", "", "status 400"),
        ],
    )
    def test_any_shape_becomes_one_safe_line(self, body: bytes, error: str, words: str) -> None:
        """C142."""
        with pytest.raises(TokenRefused) as caught:
            parse_body(400, body)
        assert caught.value.error == error
        assert words in caught.value.quoted

    def test_a_token_that_the_server_quotes_does_not_reach_the_log(self) -> None:
        """C70, T10."""
        canary = "uw-4cwXncULPI5skwLhdIntJAVc8WeEvPpYcSZDj6PU"
        body = json.dumps({"error": "invalid_grant", "error_description": f"Token {canary} is old"})
        with pytest.raises(InvalidGrant) as caught:
            parse_body(400, body.encode())
        assert canary not in caught.value.quoted
        assert "is old" not in caught.value.detail
        assert "is old" in caught.value.said
