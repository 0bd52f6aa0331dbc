"""From the launch link to the code (C20 to C24, C30 to C37, C50 to C55; RFC 6749, 7636, 9207)."""

import ast
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from smartapp.protocol import authorization
from smartapp.protocol.authorization import AuthorizationErrorResponse, AuthorizationResponse
from smartapp.protocol.errors import (
    AccessDenied,
    AnswerIncomplete,
    AuthorizationErrorWithoutState,
    AuthorizationRefused,
    AuthorizationRequestInvalid,
    AuthorizationRequestRefused,
    AuthorizationResponseInvalid,
    AuthorizationServerUnavailable,
    ParameterMalformed,
    ParameterMissing,
    ParameterRepeated,
    ParameterTooLong,
    RequestError,
)
from tests import vectors

ISS = "https://ehr.example/fhir/r4"
STATE = "s" * 43


class TestLaunchRequest:
    GOOD = urlencode({"iss": ISS, "launch": "xyz 123"})

    def test_iss_and_launch_are_taken_as_they_are(self) -> None:
        """C20; smart-app-launch_2.2.0@161: `launch` is opaque."""
        request = authorization.parse_launch_request(self.GOOD)
        assert (request.iss, request.launch) == (ISS, "xyz 123")
        assert "xyz" not in repr(request)

    @pytest.mark.parametrize("launch", ['{"patient":"p-1"}', "[1,0]", "%41", "<a><b>", "a%b%"])
    def test_a_launch_that_is_no_placeholder_is_taken(self, launch: str) -> None:
        query = urlencode({"iss": ISS, "launch": launch})
        assert authorization.parse_launch_request(query).launch == launch

    def test_parameters_that_an_ehr_adds_are_ignored(self) -> None:
        query = f"{self.GOOD}&theme=dark&theme=light&user=M%FCller"
        assert authorization.parse_launch_request(query).iss == ISS

    @pytest.mark.parametrize(
        ("query", "error"),
        [
            ("", ParameterMissing),
            (urlencode({"iss": ISS}), ParameterMissing),
            (urlencode({"launch": "x"}), ParameterMissing),
            (urlencode({"iss": "", "launch": "x"}), ParameterMissing),
            (f"{GOOD}&iss={ISS}", ParameterRepeated),
            (f"{GOOD}&launch=other", ParameterRepeated),
            (f"{GOOD}&%6caunch=other", ParameterRepeated),
            (urlencode({"iss": ISS, "launch": "x" * 4097}), ParameterTooLong),
            (urlencode({"iss": f"{ISS}/{'x' * 4097}", "launch": "x"}), ParameterTooLong),
            (f"{GOOD}&x={'x' * 40_000}", ParameterTooLong),
            (urlencode({"iss": ISS, "launch": "x\x00"}), ParameterMalformed),
            (urlencode({"iss": f"{ISS}\r\nX: y", "launch": "x"}), ParameterMalformed),
            (urlencode({"iss": ISS, "launch": "%LAUNCHTOKEN%"}), ParameterMalformed),
            (urlencode({"iss": ISS, "launch": "${launch}"}), ParameterMalformed),
            (urlencode({"iss": ISS, "launch": "{{launch}}"}), ParameterMalformed),
            (urlencode({"iss": ISS, "launch": "<launch_id>"}), ParameterMalformed),
            (urlencode({"iss": f"{ISS} ", "launch": "x"}), ParameterMalformed),
            (urlencode({"iss": "https://еhr.example", "launch": "x"}), ParameterMalformed),
            (urlencode({"iss": ISS}) + "&launch=%ff", ParameterMalformed),
            ("iss=https://%ff.example&launch=x", ParameterMalformed),
            ("&".join(f"p{n}=1" for n in range(100)), ParameterMalformed),
        ],
    )
    def test_anything_else_is_refused(self, query: str, error: type[RequestError]) -> None:
        """C20, T1, T25: missing, repeated, too long, or with characters that the standard does not
        allow."""
        with pytest.raises(error):
            authorization.parse_launch_request(query)

    def test_a_refusal_names_the_members_that_came(self) -> None:
        with pytest.raises(ParameterMissing) as refused:
            authorization.parse_launch_request(
                f"ISS={ISS}&LAUNCH=secret&amp;theme=x&secret&c2VjcmV0=="
            )
        assert refused.value.came == "ISS, LAUNCH, amp;theme, […]"


class TestRandomValues:
    @pytest.mark.parametrize(
        "new",
        [authorization.new_state, authorization.new_nonce, authorization.new_code_verifier],
    )
    def test_each_is_256_fresh_bits_in_unreserved_characters(self, new: Any) -> None:
        """C32, C33, C34; smart-app-launch_2.2.0@2, @13; RFC 7636 §4.1: 43 to 128 characters."""
        values = {new() for _ in range(50)}
        assert len(values) == 50
        assert all(re.fullmatch(r"[A-Za-z0-9_-]{43}", value) for value in values)

    def test_the_challenge_is_rfc_7636s(self) -> None:
        """RFC 7636 appendix B."""
        vector = vectors.load("rfc7636")
        assert authorization.code_challenge(vector["code_verifier"]) == vector["code_challenge"]


class TestAuthorizationRequest:
    FIELDS: dict[str, Any] = {
        "client_id": "client 1",
        "redirect_uri": "https://app.example/callback/ehr/",
        "scope": "launch openid fhirUser patient/Observation.rs?category=a|b",
        "aud": ISS,
        "state": STATE,
        "nonce": "n" * 43,
        "code_verifier": vectors.load("rfc7636")["code_verifier"],
        "launch": "opaque/+ =&",
    }

    def sent(self, endpoint: str = "https://as.example/authorize", **changes: Any) -> Any:
        fields = authorization.authorization_request(**{**self.FIELDS, **changes})
        url = authorization.authorization_request_url(endpoint, fields)
        return parse_qs(urlsplit(url).query, strict_parsing=True)

    def test_an_ehr_launch_sends_every_parameter_once(self) -> None:
        """C30, C31, C33, C34; smart-app-launch_2.2.0@32 to @45."""
        fields = {name: [value] for name, value in self.FIELDS.items() if name != "code_verifier"}
        assert self.sent() == {
            **fields,
            "response_type": ["code"],
            "code_challenge": [vectors.load("rfc7636")["code_challenge"]],
            "code_challenge_method": ["S256"],
        }

    def test_a_standalone_launch_sends_no_launch(self) -> None:
        """C22; smart-app-launch_2.2.0@36."""
        assert "launch" not in self.sent(launch=None)

    def test_no_nonce_is_sent_where_no_id_token_is_asked_for(self) -> None:
        assert "nonce" not in self.sent(nonce=None)

    def test_the_endpoints_own_query_is_kept(self) -> None:
        """RFC 6749 §3.1."""
        sent = self.sent("https://as.example/authorize?tenant=7")
        assert sent["tenant"] == ["7"]
        assert sent["state"] == [STATE]

    def test_the_verifier_stays_here_and_spaces_are_percent_encoded(self) -> None:
        fields = authorization.authorization_request(**self.FIELDS)
        url = authorization.authorization_request_url("https://as.example/a", fields)
        assert self.FIELDS["code_verifier"] not in url
        assert "scope=launch%20openid%20fhirUser" in url
        assert "+" not in url

    @pytest.mark.parametrize(
        ("length", "capabilities", "posted"),
        [
            (2000, {"authorize-post"}, False),
            (2001, {"authorize-post"}, True),
            (2001, {"launch-ehr"}, False),
        ],
    )
    def test_what_is_too_long_for_an_address_is_posted(
        self, length: int, capabilities: set[str], posted: bool
    ) -> None:
        """C41, C44: only if the EHR accepts a form."""
        assert authorization.is_better_posted("x" * length, capabilities) is posted


class TestAuthorizationResponse:
    def test_a_code_comes_with_its_state(self) -> None:
        response = authorization.parse_authorization_response(
            urlencode({"code": "c" * 4000, "state": STATE, "iss": ISS, "session_state": "x"})
        )
        assert response == AuthorizationResponse("c" * 4000, STATE, ISS)
        assert "cccc" not in repr(response)
        assert STATE not in repr(response)

    def test_an_error_comes_with_its_state(self) -> None:
        """C52."""
        response = authorization.parse_authorization_response(
            urlencode({"error": "access_denied", "error_description": "No.\n", "state": STATE})
        )
        assert response == AuthorizationErrorResponse("access_denied", "No.", None, STATE, None)
        assert STATE not in repr(response)

    @pytest.mark.parametrize(
        ("query", "rule", "came"),
        [
            ("", "parameter-missing", ""),
            (urlencode({"code": "c"}), "parameter-missing", "code"),
            (urlencode({"state": STATE}), "parameter-missing", "state"),
            (urlencode({"code": "", "state": STATE}), "parameter-missing", "code, state"),
            (urlencode({"code": "c", "state": ""}), "parameter-missing", "code, state"),
            (f"code=c&amp;state={STATE}", "parameter-missing", "code, amp;state"),
            (f"access_token=secret&state={STATE}", "parameter-missing", "access_token, state"),
            ("code%3Dc%26state%3Ds", "parameter-missing", "[…]"),
            ("error[]=access_denied", "parameter-missing", "error[]"),
            ("n3TrFS&x y=1&state=", "parameter-missing", "[…], state"),
            ("code=c&bjNUckZT=&bjNUckZTIQ==", "parameter-missing", "code, […]"),
            (f"code=c&code=d&state={STATE}", "parameter-repeated", "code, state"),
            (f"code=c&state={STATE}&state={STATE}", "parameter-repeated", "code, state"),
            (f"code=c&state={STATE}&x=1&x=1", "parameter-repeated", "code, state, x"),
            (urlencode({"code": "c" * 8193, "state": STATE}), "parameter-too-long", "code, state"),
            (urlencode({"code": "c\x00", "state": STATE}), "parameter-malformed", "code, state"),
            (f"code=%ff&state={STATE}", "parameter-malformed", "code, state"),
            (f"error=%ff&state={STATE}", "parameter-malformed", "error, state"),
        ],
    )
    def test_an_incomplete_answer_is_refused_and_its_members_named(
        self, query: str, rule: str, came: str
    ) -> None:
        """C53, T25."""
        with pytest.raises(AnswerIncomplete) as refused:
            authorization.parse_authorization_response(query)
        assert (refused.value.rule, refused.value.came) == (rule, came)

    @pytest.mark.parametrize(
        ("query", "error"),
        [
            (urlencode({"error": "access_denied"}), AuthorizationErrorWithoutState),
            (urlencode({"error": "access_denied", "state": ""}), AuthorizationErrorWithoutState),
            (
                urlencode({"code": "c", "error": "access_denied", "state": STATE}),
                AuthorizationResponseInvalid,
            ),
        ],
    )
    def test_anything_else_is_refused(self, query: str, error: type[Exception]) -> None:
        """C53, T25."""
        with pytest.raises(error):
            authorization.parse_authorization_response(query)

    @pytest.mark.parametrize(
        ("query", "description"),
        [
            ("&code=", None),
            ("&error_description=Zugriff+f%FCr+diese+App+verweigert",
             "Zugriff f\ufffdr diese App verweigert"),
            ("&error_description=The%2520client%2520is%2520unknown", "The client is unknown"),
            ("&error_description=The%2Bclient%2Bis%2Bunknown", "The client is unknown"),
            ("&error_description=Client+%26quot%3Bx%26quot%3B+isn%26%2339%3Bt+known",
             "Client \"x\" isn't known"),
            ("&error_description=50%25+of+1%2B1", "50% of 1+1"),
        ],
    )  # fmt: skip
    def test_an_error_is_one_whatever_is_beside_it(
        self, query: str, description: str | None
    ) -> None:
        """RFC 6749 §3.1: an empty parameter is none. Words need not be UTF-8."""
        response = authorization.parse_authorization_response(
            f"error=access_denied&state={STATE}{query}"
        )
        assert response == AuthorizationErrorResponse(
            "access_denied", description, None, STATE, None
        )


class TestResponseIssuer:
    """RFC 9207 §2.4; C51; T3."""

    @pytest.mark.parametrize(("iss", "required"), [(ISS, True), (ISS, False), (None, False)])
    def test_the_expected_issuer_passes(self, iss: str | None, required: bool) -> None:
        authorization.validate_response_issuer(
            iss, expected_issuers=["https://old.example", ISS], required=required
        )

    @pytest.mark.parametrize(
        ("iss", "required"),
        [
            (None, True),
            ("https://evil.example", False),
            (f"{ISS}/", False),
            (ISS.upper(), True),
        ],
    )
    def test_a_missing_or_other_issuer_is_fatal(self, iss: str | None, required: bool) -> None:
        with pytest.raises(AuthorizationResponseInvalid):
            authorization.validate_response_issuer(iss, expected_issuers=[ISS], required=required)

    @pytest.mark.parametrize(
        ("iss", "shown"),
        [
            (f"{ISS}/", f"{ISS}/"),
            ("a code that somebody put here", ""),
            (f"{ISS}?code=secret", ""),
            ("https://user:secret@ehr.example", ""),
        ],
    )
    def test_only_an_address_is_named(self, iss: str, shown: str) -> None:
        with pytest.raises(AuthorizationResponseInvalid) as refused:
            authorization.validate_response_issuer(iss, expected_issuers=[ISS], required=True)
        assert refused.value.came == shown

    def test_a_single_string_of_issuers_is_not_searched_for_parts(self) -> None:
        """A mistake of the caller must not let "https" pass."""
        with pytest.raises(AuthorizationResponseInvalid):
            authorization.validate_response_issuer("https", expected_issuers=ISS, required=True)


class TestRefusal:
    """C52: a fixed message for each code; the EHR's text goes to the log."""

    @pytest.mark.parametrize(
        ("code", "kind"),
        [
            ("access_denied", AccessDenied),
            ("invalid_request", AuthorizationRequestInvalid),
            ("invalid_scope", AuthorizationRequestRefused),
            ("unauthorized_client", AuthorizationRequestRefused),
            ("temporarily_unavailable", AuthorizationServerUnavailable),
            ("vendor_specific", AuthorizationRefused),
        ],
    )
    def test_each_code_has_its_message(self, code: str, kind: type[AuthorizationRefused]) -> None:
        response = AuthorizationErrorResponse(code, "<b>Because</b>", None, STATE, None)
        error = authorization.refusal(response)
        assert type(error) is kind
        assert error.error == code
        assert "Because" not in error.happened + error.next_step
        assert "Because" not in error.detail
        assert "Because" in error.said
        assert STATE not in error.detail

    def test_a_urn_in_error_uri_stands_in_for_a_missing_description(self) -> None:
        """Oracle Health sends an `error_uri` and no description."""
        response = AuthorizationErrorResponse("invalid_request", None, "urn:x:y", STATE, None)
        assert "urn:x:y" in authorization.refusal(response).said
        bare = AuthorizationErrorResponse("invalid_request", None, None, STATE, None)
        assert authorization.refusal(bare).said == ""

    def test_a_urn_that_is_encoded_once_more_is_read_before_tokens_are_hidden_in_it(self) -> None:
        where = "https%3A%2F%2Fe.example%2Ferrors%2Furn%253Avendor%253Aauthorization-server"
        query = f"state={STATE}&error=invalid_request&error_uri={where}%253Aunknown-redirect-uri"
        response = authorization.parse_authorization_response(query)
        assert isinstance(response, AuthorizationErrorResponse)
        said = "https://e.example/errors/urn:vendor:authorization-server:unknown-redirect-uri"
        assert response.error_uri == said


class TestAcceptedCode:
    """C51: no code is used without the check of its issuer."""

    def test_of_the_issuer_that_was_asked(self) -> None:
        response = AuthorizationResponse("c" * 40, STATE, ISS)
        code = authorization.accepted_code(response, expected_issuers=[ISS], iss_required=True)
        assert code.value == "c" * 40

    @pytest.mark.parametrize("iss", ["https://other.example", None])
    def test_of_another_one_is_refused(self, iss: str | None) -> None:
        response = AuthorizationResponse("c" * 40, STATE, iss)
        with pytest.raises(AuthorizationResponseInvalid):
            authorization.accepted_code(response, expected_issuers=[ISS], iss_required=True)

    def test_error_of_another_one_is_not_believed(self) -> None:
        response = AuthorizationErrorResponse("access_denied", None, None, STATE, "https://other")
        with pytest.raises(AuthorizationResponseInvalid):
            authorization.accepted_code(response, expected_issuers=[ISS], iss_required=False)

    @pytest.mark.parametrize(
        ("iss", "told"), [(None, ("access_denied", "No.")), ("https://other", ("", ""))]
    )
    def test_error_without_its_issuer_is_told_and_not_believed(
        self, iss: str | None, told: tuple[str, str]
    ) -> None:
        response = AuthorizationErrorResponse("access_denied", "No.", None, STATE, iss)
        with pytest.raises(AuthorizationResponseInvalid) as caught:
            authorization.accepted_code(response, expected_issuers=[ISS], iss_required=True)
        assert (caught.value.error, caught.value.said) == told

    def test_nothing_else_makes_one(self) -> None:
        made = [
            path.name
            for path in Path("smartapp").rglob("*.py")
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("AuthorizationCode")
        ]
        assert made == ["authorization.py"]
