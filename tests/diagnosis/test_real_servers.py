"""What authorization servers that nobody here wrote do with a launch, answered exactly as they did.

Each was run as an EHR of this app, and *Why?* was read as an administrator would.
"""

import pytest

from tests.diagnosis.answers import Answer, raw
from tests.diagnosis.test_causes import (
    Exchange,
    Start,
    asked_why,
    exchanged,
    first_is,
    refusing,
    registration,
    written_by_hand,
)
from tests.launches.conftest import Browser
from tests.launches.test_callback import changed
from tests.scripted_ehr import ScriptedEHR

__all__ = ["exchanged", "written_by_hand"]


async def titles() -> list[str]:
    return [one.title for one in await asked_why()]


class TestClientAuthentication:
    async def test_keys_are_a_cause_where_nothing_is_said(
        self, exchanged: Exchange, ehr: ScriptedEHR
    ) -> None:
        """oidc-provider 9.13.3 says so of an unknown client, of a JWKS URL that answers 404, and of
        one with other keys."""
        ehr.token_answer = refusing(401, "invalid_client", "client authentication failed")
        await exchanged()
        assert await titles() == [
            "The client id is not known, or is that of another environment",
            "The EHR may have other keys than ours, or look for ours elsewhere",
        ]

    async def test_keys_are_none_where_something_else_is_said(
        self, exchanged: Exchange, ehr: ScriptedEHR
    ) -> None:
        ehr.token_answer = refusing(401, "invalid_client", "Unknown client_id")
        await exchanged()
        assert not [title for title in await titles() if "other keys" in title]


class TestAnswerWithoutAWord:
    """Glewlwyd 2.7.5 answers so to a request without client_id in its body (400), and to an
    assertion that does not verify (403)."""

    TITLE = "The EHR may refuse this client without a word"

    async def test_with_400(self, exchanged: Exchange, ehr: ScriptedEHR) -> None:
        ehr.token_answer = raw(400, "")
        await exchanged()
        cause = await first_is(self.TITLE, "C61")
        assert "Send the client id in the body" in cause.fix
        assert await titles() == [self.TITLE]

    async def test_with_403_a_gateway_comes_first(
        self, exchanged: Exchange, ehr: ScriptedEHR
    ) -> None:
        ehr.token_answer = raw(403, "")
        await exchanged()
        assert await titles() == ["What answered is not an OAuth token endpoint", self.TITLE]

    @pytest.mark.parametrize("answer", [raw(404, ""), raw(400), raw(403)])
    async def test_another_answer_is_none(
        self, exchanged: Exchange, ehr: ScriptedEHR, answer: Answer
    ) -> None:
        ehr.token_answer = answer
        await exchanged()
        assert await titles() == ["What answered is not an OAuth token endpoint"]


class TestCode:
    async def test_what_invalid_grant_may_mean_beside_the_code(
        self, exchanged: Exchange, ehr: ScriptedEHR
    ) -> None:
        """oidc-provider 9.13.3 says so of a code that is over or unknown, of another redirect URI
        or PKCE verifier, and of a missing DPoP proof."""
        ehr.token_answer = refusing(400, "invalid_grant", "grant request is invalid")
        await exchanged()
        assert await titles() == [
            "The code was over before it was exchanged",
            "Something else of the request may not be that of the sign-in",
        ]

    @pytest.mark.parametrize("said", ["The code has expired", "Code was already used"])
    async def test_nothing_beside_a_code_that_is_said_to_be_over(
        self, exchanged: Exchange, ehr: ScriptedEHR, said: str
    ) -> None:
        ehr.token_answer = refusing(400, "invalid_grant", said)
        await exchanged()
        assert await titles() == ["The code was over before it was exchanged"]


class TestErrorWithoutIssuer:
    SAID = "The client is not authorized to use 'response_type=code'"

    async def test_what_it_says_is_the_first_cause(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        """Canaille 0.3.6 sends iss with its codes, and not with every error (RFC 9207 §2)."""
        ehr.discovery = {"authorization_response_iss_parameter_supported": True}
        callback = await browser.to_callback(ehr_launch())
        error = {"error": "unauthorized_client", "error_description": self.SAID}
        page = await browser.get(changed(callback, code=None, iss=None, **error))
        assert page.status == 400
        first, *others = await asked_why()
        assert "people in by a code" in first.title
        assert self.SAID in first.seen
        assert "announces iss" in " ".join(one.title for one in others)

    async def test_what_another_issuer_says_is_not_read(
        self, browser: Browser, ehr_launch: Start
    ) -> None:
        callback = await browser.to_callback(ehr_launch())
        error = {"error": "unauthorized_client", "error_description": self.SAID}
        elsewhere = "https://elsewhere.example"
        await browser.get(changed(callback, code=None, iss=elsewhere, **error))
        assert await titles() == ["The answer names another issuer than the expected ones"]


class TestLastingAccess:
    @pytest.fixture(autouse=True)
    def gives_none(self, ehr: ScriptedEHR) -> None:
        ehr.scope, ehr.refresh_token = "launch openid fhirUser patient/Patient.rs", None

    async def test_it_was_not_given(self, browser: Browser, ehr_launch: Start) -> None:
        """oidc-provider 9.13.3 and LemonLDAP::NG 2.16.1 ignore offline_access without
        prompt=consent."""
        await browser.launch(ehr_launch())
        cause = await first_is("gave no lasting access", "C40")
        assert "prompt=consent" in cause.fix

    async def test_it_was_given_under_no_scope(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        """LemonLDAP::NG 2.16.1 gives a refresh token so, where it is set to."""
        ehr.refresh_token = "refresh"
        await browser.launch(ehr_launch())
        await first_is("granted less", "C82")

    async def test_it_was_not_asked_for(self, browser: Browser, ehr_launch: Start) -> None:
        await registration(scope="launch openid fhirUser patient/Patient.rs patient/Condition.rs")
        await browser.launch(ehr_launch())
        await first_is("granted less", "C82")


class TestRefresh:
    @pytest.mark.parametrize(
        ("error", "said", "words"),
        [
            # LemonLDAP::NG 2.16.1, whose session of the refresh token is gone.
            ("invalid_request", "", "does not accept the refresh token any more"),
            ("invalid_request", "scope is not valid", "refused the token request"),
            ("invalid_target", "", "refused the token request"),
        ],
    )
    async def test_what_was_granted_is_not_why_it_was_refused(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start,
        error: str, said: str, words: str,
    ) -> None:  # fmt: skip
        ehr.expires_in = 0
        ehr.scope = "launch openid fhirUser offline_access patient/Patient.rs"
        uuid = await browser.launch(ehr_launch())
        ehr.token_answer = refusing(400, error, said)
        await browser.get(f"/launches/{uuid}/")
        first, *others = await titles()
        assert words in first
        assert "The EHR granted less than was asked" in others
