"""What the EHR says comes first, and nothing that is guessed here outweighs it.

The sentences are those of real servers and of the public launcher.
"""

import json
import re
from dataclasses import replace
from datetime import timedelta

import pytest
from aiohttp import web
from django.utils import timezone

from smartapp.database import in_database
from smartapp.diagnosis import outcome, report
from smartapp.diagnosis.case import Case
from smartapp.diagnosis.causes import causes as causes_of
from smartapp.diagnosis.facts import Facts
from smartapp.diagnosis.finding import Certainty, Finding
from smartapp.keys.models import SigningKey
from smartapp.launches import steps
from smartapp.launches.models import LaunchEvent
from smartapp.launches.pending import PENDING_LIFETIME
from smartapp.protocol.errors import TokenRefused
from smartapp.protocol.token import parse_token_response
from smartapp.registrations.models import Endpoint, Registration
from smartapp.registrations.options import AuthMethod
from tests.diagnosis.test_attempts import administrator, page_of
from tests.diagnosis.test_causes import (
    Exchange,
    Start,
    asked_why,
    first_is,
    refusing,
    registration,
    timeline,
    written_by_hand,
)
from tests.launches.conftest import Browser
from tests.launches.test_callback import changed
from tests.scripted_ehr import CLIENT_ID, ScriptedEHR, fhir_json

__all__ = ["written_by_hand"]


class TestAuthorizationEndpoint:
    @pytest.mark.parametrize(
        ("error", "description", "words", "rule"),
        [
            ("invalid_client", 'Invalid client_id "a". Expected "b".', "client id", "C1"),
            ("invalid_request", "", "no cause that is known here", "C30"),
            ("invalid_scope", "", "not allowed for this app", "C39"),
        ],
    )  # fmt: skip
    async def test_first_cause(
        self, browser: Browser, ehr_launch: Start,
        error: str, description: str, words: str, rule: str,
    ) -> None:  # fmt: skip
        callback = await browser.to_callback(ehr_launch())
        await browser.get(
            changed(callback, code=None, error=error, error_description=description or None)
        )
        cause = await first_is(words, rule)
        assert error in cause.seen
        if description:
            assert description.split()[0] in cause.seen

    async def test_wildcards_cover_what_they_mean(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        """A list of `patient/*.*` knows every scope that was asked for: none is to be taken out."""
        ehr.discovery = {
            "scopes_supported": ["launch", "openid", "fhirUser", "offline_access", "patient/*.*"]
        }
        callback = await browser.to_callback(ehr_launch())
        await browser.get(changed(callback, code=None, error="invalid_scope"))
        causes = await asked_why()
        assert "not allowed for this app" in causes[0].title
        assert all("does not list" not in one.title for one in causes)

    async def test_a_base_for_ehr_launches_is_told_from_a_used_up_launch(
        self, browser: Browser
    ) -> None:
        """No launch value was sent: nothing is to be opened from a chart."""
        callback = await browser.to_callback("/connect/scripted/")
        said = "Invalid launch options: Unexpected end of JSON input"
        await browser.get(
            changed(callback, code=None, error="invalid_request", error_description=said)
        )
        await first_is("is for launches from inside the EHR", "C22")


class TestTokenEndpoint:
    """Each with a registration that shares its client id, as everybody has at a simulator, and with
    keys that nobody has fetched: neither may outweigh what the EHR says."""

    @pytest.fixture(autouse=True)
    async def distractions(self, registered: Endpoint) -> None:
        now = timezone.now()
        await in_database(
            lambda: Registration.objects.create(
                slug="twin", name="Twin", client_id=CLIENT_ID, scope="launch",
                key_set=registered.registration.key_set, created_at=now, updated_at=now,
            )
        )  # fmt: skip

    @pytest.mark.parametrize(
        ("status", "error", "description", "words", "rule"),
        [
            (401, "invalid_client", "Failed to fetch JWKS from https://x.example: 404 Not Found",
             "could not fetch our keys", "C63"),
            (401, "invalid_client", "kid not found", "does not have the key", "C63"),
            (401, "invalid_client", "Invalid 'jti' value", "repeated one", "C67"),
        ],
    )  # fmt: skip
    async def test_first_cause(
        self, exchanged: Exchange, ehr: ScriptedEHR,
        status: int, error: str, description: str, words: str, rule: str,
    ) -> None:  # fmt: skip
        ehr.token_answer = refusing(status, error, description)
        await exchanged()
        await first_is(words, rule)

    @pytest.mark.parametrize(
        ("description", "as_it_is", "words"),
        [
            ("Invalid client_secret in the basic auth header", False, "changes on its way"),
            ("Invalid client_secret in the basic auth header", True, "not the vendor's"),
        ],
    )
    async def test_secret_with_characters_that_are_encoded(
        self, exchanged: Exchange, ehr: ScriptedEHR, description: str, words: str, *, as_it_is: bool
    ) -> None:
        ehr.token_answer = refusing(401, "invalid_client", description)
        await exchanged()
        events = await timeline()
        for event in events:
            if "auth_method" in event.detail:
                event.detail["auth_method"] = AuthMethod.CLIENT_SECRET_BASIC.value
        case = Case(events, Facts(timezone.now(), is_secret_encoded=not as_it_is))
        assert words in _first(case)

    async def test_bare_refusal_where_nobody_fetched_our_keys_names_the_way_of_epic(
        self, exchanged: Exchange, ehr: ScriptedEHR
    ) -> None:
        ehr.token_answer = refusing(401, "invalid_client")
        ehr.asks_for_keys = False
        await exchanged()
        cause = await first_is("never asked for our keys", "C63")
        assert cause.certainty == Certainty.LIKELY
        assert "export_jwks" in cause.fix

    async def test_a_shared_client_id_is_no_more_than_possible(
        self, exchanged: Exchange, ehr: ScriptedEHR
    ) -> None:
        ehr.token_answer = refusing(401, "invalid_client", "Invalid 'jti' value")
        await exchanged()
        shared = next(one for one in await asked_why() if "another environment" in one.title)
        assert shared.certainty == Certainty.POSSIBLE


def _first(case: Case) -> str:
    from smartapp.diagnosis.causes import causes

    return causes(case.timeline, case.facts)[0].title


FAILED = (
    "Client authentication failed (e.g., unknown client, no client authentication included, or "
    "unsupported authentication method)."
)
# As Okta, Keycloak, Hydra, Entra, Spring Authorization Server and athenahealth's gateway put it.
SIGNED, SECRET, PUBLIC = AuthMethod.PRIVATE_KEY_JWT, AuthMethod.CLIENT_SECRET_BASIC, AuthMethod.NONE
OF_PRODUCTS = [
    (SIGNED, "invalid_client", "The client_assertion token has an invalid signature.",
     "does not have the key"),
    (SIGNED, "invalid_client", "The audience claim for client_assertion must be the endpoint "
     "invoked for the request.", "wants another audience"),
    (SIGNED, "invalid_client", "The issuer and subject claims for client_assertion must be the "
     "client_id.", "compares iss and sub"),
    (SIGNED, "invalid_client", "The client_assertion token has expired.", "times wrong"),
    (SIGNED, "invalid_client", "AADSTS700024: Client assertion is not within its valid time range.",
     "times wrong"),
    (SIGNED, "invalid_client", "Client authentication with signed JWT failed: Unable to load public"
     " key", "could not fetch our keys"),
    (SIGNED, "invalid_client", "Client authentication with signed JWT failed: Token is not active",
     "times wrong"),
    (SIGNED, "invalid_client", "PKIX path building failed: unable to find valid certification path",
     "could not fetch our keys"),
    (SIGNED, "invalid_client", "self-signed certificate in certificate chain",
     "could not fetch our keys"),
    (SIGNED, "invalid_client", "jwks_uri is not registered for this client",
     "does not have the key"),
    (SIGNED, "invalid_client", "Client authentication failed: client_assertion",
     "refuses our client assertion"),
    (SIGNED, "invalid_client", "Parameter client_assertion_type is missing",
     "refuses our client assertion"),
    (SIGNED, "invalid_client", "Invalid client or Invalid client credentials",
     "client id is not known"),
    (SIGNED, "invalid_client", "OAuth 2.0 Parameter: client_id", "does not know our client id"),
    (SIGNED, "unauthorized_client", "AADSTS700016: Application with identifier 'a' was not found in"
     " the directory", "does not know our client id"),
    (SIGNED, "invalid_client", "Unexpected Authorization header", "client id is not known"),
    (SECRET, "invalid_client", "AADSTS7000215: Invalid client secret provided.",
     "not the vendor's"),
    (SECRET, "invalid_client", "AADSTS7000222: The provided client secret keys are expired.",
     "not the vendor's"),
    (SECRET, "invalid_client", "Client credentials must be sent in the body, not in the header",
     "another part of the request"),
    (PUBLIC, "invalid_client", "Client authentication required", "client that authenticates"),
    (SIGNED, "invalid_grant", "Code was issued to a different client", "to another client id"),
    (SIGNED, "invalid_grant", "AADSTS54005: OAuth2 Authorization code was already redeemed",
     "over before it was exchanged"),
    (SIGNED, "invalid_request", "Missing parameter: client_id", "wants the client id in the body"),
    (PUBLIC, "invalid_request", "Missing parameter: client_id", "misses what was sent to it"),
    # What is named beside another thing, or in its place.
    (SIGNED, "invalid_client", "AADSTS700027: The certificate used to sign the client assertion is "
     "not registered on application. [Reason - The key was not found.]", "does not have the key"),
    (SIGNED, "invalid_client", "Unable to find a suitable verification key for JWS w/ header "
     "{kid=k, alg=RS384}", "does not have the key"),
    (SIGNED, "invalid_client", "You need to register a public key to use this authentication "
     "method", "does not have the key"),
    (SIGNED, "invalid_client", "invalid signature algorithm", "does not take our algorithm"),
    (SIGNED, "invalid_client", "RSA key size must be at least 3072 bits", "our algorithm"),
    (SIGNED, "invalid_client", "Client credentials have expired", "at the EHR have expired"),
    (SIGNED, "invalid_client", "Client credentials are invalid or expired",
     "client id is not known"),
    (SIGNED, "invalid_client", "The remote certificate is invalid", "could not fetch our keys"),
    (SIGNED, "invalid_client", "Name or service not known", "could not fetch our keys"),
    (SIGNED, "invalid_client", "https://a.example/errors/urn:vendor:oauth2:jwks-retrieval-failed",
     "could not fetch our keys"),
    (SIGNED, "invalid_client", "https://a.example/errors/urn:vendor:invalid-client-credentials",
     "client id is not known"),
    (SIGNED, "invalid_request", "Missing or non-matching iss/sub claims in client_assertion JWT",
     "compares iss and sub"),
    (SIGNED, "invalid_request", "aud parameter does not match", "another audience"),
    (SIGNED, "invalid_request", "Invalid client", "does not know our client id"),
    (SECRET, "invalid_request", "Invalid secret", "not the vendor's"),
    (SIGNED, "invalid_request", "Tenant 'contoso' not found.", "does not know the organization"),
    (SIGNED, "invalid_request", "urn:vendor:token:unknown-tenant", "know the organization"),
    (SIGNED, "not_found", "Realm does not exist", "does not know the organization"),
    (SIGNED, "invalid_request", "Invalid code", "code was over"),
    (SIGNED, "invalid_request", "Code verifier required.", "sent to it: code_verifier"),
    (SIGNED, "invalid_grant", "User account is locked", "refuses this person"),
    (SIGNED, "invalid_grant", "AADSTS53003: Access has been blocked by Conditional Access "
     "policies.", "refuses this person"),
    (SIGNED, "access_denied", "Policy evaluation failed for this request", "refuses this person"),
    (SIGNED, "invalid_grant", "User session has ended", "code was over"),
    (SIGNED, "forbidden", "Access denied due to missing subscription key", "not an OAuth token"),
    (SIGNED, "invalid_client", "License expired", "app is not active"),
    (SIGNED, "unauthorized_client", "The app is not licensed for this site", "app is not active"),
    (SIGNED, "access_denied", "Trial period has ended", "app is not active"),
    (SIGNED, "unauthorized_client", "Missing subscription key", "not use this grant"),
    (SIGNED, "unauthorized_client", "This client may only be used from sandbox", "our client id"),
    (SIGNED, "invalid_client", "Client belongs to a different environment", "our client id"),
    (SIGNED, "invalid_client", "Token was issued in future", "times wrong"),
    (SIGNED, "invalid_client", "assertion used before iat", "times wrong"),
    (SIGNED, "invalid_client", "Token expiration is too far in the future and jti claim not "
     "present in token", "misses a part of our client assertion: jti"),
    (SIGNED, "jti_known", "The jti was already used", "repeated one"),
    (SIGNED, "invalid_grant", "The code was already used", "code was over"),
    (SIGNED, "invalid_grant", "AADSTS50105: Your administrator has configured the application to "
     "block users unless they are specifically granted access", "refuses this person"),
    (SIGNED, "account_locked", "Client account locked after too many failed attempts",
     "app is not active"),
    (SIGNED, "invalid_client", "Too many failed attempts", "client id is not known"),
    (SIGNED, "invalid_client", "Too many requests", "limits how often"),
    (PUBLIC, "invalid_request", "Origin header required for SPA", "runs in a browser"),
    (SIGNED, "invalid_request", "AADSTS9002327: Tokens issued for the 'Single-Page Application' "
     "client-type may only be redeemed via cross-origin requests.", "runs in a browser"),
    (SIGNED, "invalid_client", "Your application is awaiting approval", "not active"),
    (SIGNED, "unauthorized_client", "Client not allowed for this organization", "not active"),
    (SIGNED, "invalid_grant", "Authorization code not issued to this client", "another client id"),
    # A sentence of the standard, and what the server adds to it.
    (SIGNED, "invalid_client", f"{FAILED} The requested OAuth 2.0 Client does not exist.",
     "does not know our client id"),
    (SIGNED, "invalid_client", f"{FAILED} Claim 'aud' from 'client_assertion' must match",
     "wants another audience"),
    (SECRET, "invalid_client", f"{FAILED} The client must use the authentication method "
     "'client_secret_post'.", "another way to authenticate"),
    # Under the code of another error.
    (SIGNED, "invalid_request", "Unsupported authentication method", "another way to auth"),
    (SIGNED, "invalid_request", "TLS client certificate required", "wants a client certificate"),
    (PUBLIC, "invalid_request", "client_secret is required", "client that authenticates"),
    (SIGNED, "invalid_request", "Client not found", "does not know our client id"),
    (SIGNED, "invalid_client", "redirect_uri mismatch", "compares the redirect URI"),
    (PUBLIC, "invalid_client", "Client authentication failed: code_verifier", "PKCE check failed"),
    # What is not about the code, although the grant is called invalid.
    (SIGNED, "invalid_grant", "Account is not fully set up", "refuses this person"),
    (SIGNED, "invalid_grant", "Patient not selected", "no patient for this launch"),
    (SIGNED, "invalid_grant", "launch context expired", "no longer knows this launch"),
    (SIGNED, "invalid_grant", "The user may not see this patient", "refused the token request"),
    (SIGNED, "invalid_grant", "AADSTS700005: Provided authorization code is intended to use "
     "against other tenant, thus rejected.", "does not know the organization"),
    (SIGNED, "mfa_required", "Multifactor authentication required", "let the person sign in"),
    (SIGNED, "invalid_request", "missing form parameter code", "misses what was sent to it: code"),
    (SECRET, "invalid_client", "No client credentials found.", "to it: our authentication"),
    (SECRET, "invalid_client", "client_secret_basic is not allowed for this client",
     "another way to authenticate"),
    (SECRET, "invalid_client", "AADSTS7000218: The request body must contain the following "
     "parameter: 'client_assertion' or 'client_secret'.", "another part of the request"),
    (SIGNED, "invalid_client", "No suitable key found to verify JWS", "does not have the key"),
    (SIGNED, "invalid_client", "x5t thumbprint mismatch", "does not have the key"),
    (SIGNED, "invalid_client", "Error while getting JWKS: HTTP 403", "could not fetch our keys"),
    (SIGNED, "invalid_client", "connect ETIMEDOUT 10.0.0.1:443", "could not fetch our keys"),
    (SIGNED, "invalid_client", "jwks request blocked by policy", "could not fetch our keys"),
    (SIGNED, "invalid_client", "The JWT has been used previously", "repeated one"),
    (SIGNED, "invalid_client", "Application is in development status", "not active"),
    (SIGNED, "invalid_client", "Backend fetch failed", "refused the token request"),
    (SIGNED, "over_rate", "Developer Over Rate", "limits how often"),
    (SIGNED, "slow_down", "", "limits how often"),
    (SECRET, "unauthorized_client", "client_credentials flow is not enabled", "use this grant"),
    (SIGNED, "invalid_client", "Assertion was issued more than 5 minutes ago", "times wrong"),
    (SIGNED, "invalid_client", "Token id already seen", "repeated one"),
    (SIGNED, "invalid_client", "Host app.example resolves to a private address",
     "could not fetch our keys"),
    (SIGNED, "invalid_client", "EC keys are not supported", "does not take our algorithm"),
    (SIGNED, "invalid_client", "Key not yet active", "does not have the key"),
    (SIGNED, "invalid_client", "JWKS unavailable", "could not fetch our keys"),
    (SIGNED, "invalid_grant", "The code has expired due to the token lifetime policy",
     "code was over"),
    (SIGNED, "invalid_request", "Unknown client_assertion_type", "refuses our client assertion"),
    # The account of the app's owner, and no person's.
    (SIGNED, "invalid_client", "Client account is inactive", "not active at the vendor"),
    (SIGNED, "invalid_client", "Your developer account is suspended", "not active at the vendor"),
    (SIGNED, "invalid_client", "Client not enabled to retrieve service account",
     "refused the token request"),
    # Our own certificate, as Node.js and Go put it.
    (SIGNED, "invalid_client", "certificate has expired", "could not fetch our keys"),
    (SIGNED, "invalid_client", "unable to get local issuer certificate", "could not fetch our"),
    (SIGNED, "invalid_client", "unable to verify the first certificate", "could not fetch our"),
    (SIGNED, "invalid_client", "certificate signed by unknown authority", "could not fetch our"),
    (SIGNED, "invalid_client", "Client certificate has expired", "wants a client certificate"),
    # Verbs that are shortened, and times that look like a repetition.
    (SIGNED, "invalid_client", "Couldn\u2019t retrieve remote JWK set", "could not fetch our keys"),
    (SIGNED, "invalid_client", "Can't load the public key", "could not fetch our keys"),
    (SIGNED, "invalid_client", "Jwt used before 2026-11-30T10:00:00Z", "times wrong"),
    (SIGNED, "invalid_client", "client_assertion must include an exp no more than one hour in the "
     "future", "valid for too long"),
    # What a person has to do, and their password, which is no secret of ours.
    (SIGNED, "invalid_grant", "AADSTS50076: Due to a configuration change made by your "
     "administrator, you must use multi-factor authentication", "let the person sign in"),
    (SIGNED, "invalid_grant", "AADSTS65001: The user or administrator has not consented to use the "
     "application", "let the person sign in"),
    (SIGNED, "invalid_grant", "The user might have changed or reset their password", "refused the"),
    (SIGNED, "invalid_client", "Signed JWT with client secret failed: Wrong client secret jwt",
     "another way to authenticate"),
    (SECRET, "invalid_client", "Basic authentication is not allowed", "another way to authent"),
    (SIGNED, "invalid_grant", "Incorrect client", "to another client id"),
    (SIGNED, "invalid_client", "API key not found", "client id is not known"),
    (SIGNED, "invalid_grant", "User must change password at next logon", "the person sign in"),
    (SIGNED, "invalid_request", "Electronic signature required", "refused the token request"),
    (SIGNED, "invalid_request", "Identity verification failed", "refused the token request"),
    (SECRET, "invalid_client", "Account locked", "not the vendor's"),
    (SECRET, "invalid_client", "no public key registered", "expects a signed assertion"),
    (SECRET, "invalid_request", "client_secret missing", "another part of the request"),
    (PUBLIC, "invalid_client", "no public key registered", "client that authenticates"),
    (PUBLIC, "invalid_request", "client_id is not valid", "does not know our client id"),
    (SIGNED, "invalid_client", "JWKS URL certificate error", "could not fetch our keys"),
    (SIGNED, "invalid_client", "JWKS redirect not followed", "could not fetch our keys"),
    (SIGNED, "invalid_client", "Client is disabled for private_key_jwt", "another way to auth"),
    (SIGNED, "invalid_client", "jti must be a UUID", "refuses our client assertion"),
    (SIGNED, "invalid_client", "sub claim missing", "misses a part of our client assertion: sub"),
    (SIGNED, "server_error", "Unable to sign token: signing key not available", "of its own"),
    (SIGNED, "server_error", "Error retrieving jwks: timed out", "could not fetch our keys"),
    (SIGNED, "invalid_client", "Client not in whitelist", "not active at the vendor"),
    (SIGNED, "invalid_request", "scope not in allow list", "refused the token request"),
    (SIGNED, "invalid_request", "email address not verified", "refused the token request"),
    (SIGNED, "access_denied", "IP restricted", "refuses the network address"),
    (SIGNED, "invalid_grant", "Database key not found", "code was over"),
    # As libraries for Node.js, .NET, Python and Java have it.
    (SIGNED, "invalid_client", "ERR_JWKS_NO_MATCHING_KEY", "does not have the key"),
    (SIGNED, "invalid_client", "ERR_JWKS_TIMEOUT", "could not fetch our keys"),
    (SIGNED, "invalid_client", "Host does not match certificate's altnames", "fetch our keys"),
    (SIGNED, "invalid_client", "The client cannot authenticate with methods: ['private_key_jwt']",
     "another way to authenticate"),
    # Authlib 1.9.10, as Canaille 0.3.6 uses it: of a wrong secret, and of another way.
    (SECRET, "invalid_client", "The client cannot authenticate with methods: "
     "['client_secret_basic', 'client_secret_post', 'client_assertion_jwt', 'none']",
     "secret is not the vendor's"),
    (SECRET, "invalid_client", "The client cannot authenticate with methods: "
     "['client_secret_post']", "another way to authenticate"),
    (SIGNED, "invalid_client", "Missing or invalid client JWT", "refuses our client assertion"),
    (SIGNED, "invalid_client", "Unsupported JWS algorithm", "does not take our algorithm"),
    (SIGNED, "invalid_request", "no client authentication mechanism provided", "to it: our auth"),
    # As Medplum, eClinicalWorks, Entra ID, Hydra, Keycloak and Spring have it.
    (SIGNED, "invalid_request", "Invalid client assertion audience", "wants another audience"),
    (SIGNED, "invalid_request", "Invalid client assertion issuer", "compares iss and sub"),
    (SIGNED, "invalid_client", "Multiple audiences not allowed", "wants another audience"),
    (SIGNED, "invalid_client", 'Claim "jti" from "client_assertion" must be set but is not.',
     "misses a part of our client assertion: jti"),
    (SIGNED, "invalid_client", 'Claim "jti" from "client_assertion" MUST only be used once.',
     "repeated one"),
    (SIGNED, "invalid_client", "Unable to verify the request object because its claims could not "
     "be validated, check if the expiry time is set correctly.", "times wrong"),
    (SIGNED, "invalid_client", "Client is not configured for asymmetric authentication",
     "another way to authenticate"),
    (SIGNED, "invalid_client", "JWT expiration exceeds 5 minutes", "valid for too long"),
    (SIGNED, "invalid_client", "HTTP 403 received from JWKS endpoint", "could not fetch our keys"),
    (SIGNED, "invalid_client", "DNS lookup of app.example failed", "could not fetch our keys"),
    (SIGNED, "invalid_client", "Elliptic curve keys not supported, use RSA", "our algorithm"),
    (SIGNED, "jwks_not_whitelisted", "JWKS URL is not in the allowed list", "could not fetch our"),
    (SIGNED, "jwks_url_inaccessible", "Cannot reach JWKS URL", "could not fetch our keys"),
    (SIGNED, "jwks_kid_mismatch", "JWT key ID does not match any key in JWKS", "not have the key"),
    (SIGNED, "invalid_client", "IDX20803: Unable to obtain configuration from: "
     "'https://app.example/jwks'.", "could not fetch our keys"),
    (SIGNED, "app_not_activated", "FHIR app authentication is not enabled", "not active"),
    (SIGNED, "invalid_client", "AADSTS700030: Invalid certificate - subject name in certificate is "
     "not authorized.", "client id is not known"),
    (SIGNED, "invalid_request", "AADSTS900023: Specified tenant identifier 'x' is neither a valid "
     "DNS name, nor a valid external domain.", "know the organization"),
    # @node-oauth/oauth2-server 5.3.0 begins each sentence with the code. Of a wrong secret, of an
    # unknown client, and of a client without this grant:
    (SECRET, "invalid_client", "Invalid client: client is invalid", "secret is not the vendor's"),
    (SIGNED, "invalid_client", "Invalid client: client is invalid", "client id is not known"),
    (SECRET, "unauthorized_client", "Unauthorized client: `grant_type` is invalid",
     "may not use this grant"),
    (SECRET, "invalid_client", "Invalid client: cannot retrieve client credentials",
     "secret is not the vendor's"),
    # What a code does not say is still read.
    (SECRET, "invalid_client", "Invalid client: unknown client", "does not know our client id"),
    (SECRET, "invalid_client", "Invalid client - client secret has expired", "secret is not the"),
    (SIGNED, "unauthorized_client", "unauthorized_client: the client is disabled", "not active"),
    (SIGNED, "invalid_grant", "invalid_grant: The redirect URI differs", "redirect URI"),
    # oidc-provider 9.13.3, of a secret that it does not get from the header, and of what it has
    # about a client.
    (SECRET, "invalid_request", "client_id and client_secret in the authorization header are not "
     "properly encoded", "secret is not the vendor's"),
    (SIGNED, "invalid_request", "client_id is not properly encoded", "does not know our client id"),
    (SIGNED, "invalid_request", "the body is not properly encoded", "refused the token request"),
    (SIGNED, "invalid_client_metadata", "no suitable encryption key found (RSA-OAEP)",
     "is not right in itself"),
    (SIGNED, "invalid_client_metadata", "jwks_uri must be a non-empty string if provided",
     "is not right in itself"),
    # Said by what stands before an authorization server, as soon as it finds nothing that it knows.
    (SIGNED, "Unauthorized", "Full authentication is required to access this resource",
     "refused the token request"),
    # Oracle Health's, whose address says after its ? who asked.
    *(
        (SIGNED, "invalid_client", f"https://e.example/errors/urn:e:error:{urn}/instances/14c9",
         words)
        for urn, words in (
            ("client-assertion:jwt-bearer:invalid-signature", "does not have the key"),
            ("client-assertion:jwt-bearer:unknown-key", "does not have the key"),
            ("client-assertion:jwt-bearer:invalid-audience", "wants another audience"),
            ("oauth2:token:invalid-tenant", "does not know the organization"),
        )
    ),
    *(
        (SIGNED, "invalid_grant", f"https://e.example/errors/urn:e:error:oauth2:token:{urn}/"
         "instances/[…]?persona=provider&[…]", words)
        for urn, words in (
            ("code:client:mismatch", "to another client id"),
            ("code:tenant:mismatch", "does not know the organization"),
            ("code:tenant-terminated", "does not know the organization"),
            ("patient-scope-requires-one-patient-id", "has no patient for this launch"),
        )
    ),
    (SIGNED, "invalid_request", "code_verifier is missing", "sent to it: code_ver"),
    (SIGNED, "invalid_client", "No client authentication included", "our authentica"),
    (SIGNED, "invalid_grant", "Invalid JWT signature.", "does not have the key"),
    (SIGNED, "invalid_grant", "JWT expired", "times wrong"),
    (SIGNED, "invalid_request", "kid not found in JWKS", "does not have the key"),
    (SIGNED, "invalid_assertion", "aud claim mismatch", "another audience"),
    (SIGNED, "invalid_request", "Unsupported client_assertion_type", "another way"),
    (SIGNED, "invalid_client", "May not use: not allowed: private_key_jwt",
     "another way to authenticate"),
    (SIGNED, "invalid_client", "Authentication failed due to unknown client",
     "does not know our client id"),
    (SIGNED, "invalid_client", "Tenant mismatch", "does not know the organization"),
    (SIGNED, "invalid_client", "RS384 is not supported. Use RS256.", "our algorithm"),
    (SIGNED, "invalid_client", "Basic authentication required", "expects a client s"),
    (SIGNED, "invalid_client", "sub must equal client_id", "compares iss and sub"),
    (SIGNED, "invalid_client", "exp must be within 5 minutes", "times wrong"),
    (SIGNED, "invalid_client", "Client has been deleted", "not active"),
    (SIGNED, "invalid_client", "Registration pending activation", "not active"),
    (SIGNED, "invalid_client", "SSLHandshakeException while retrieving JWK set",
     "could not fetch our keys"),
    (SIGNED, "use_dpop_nonce", "Server requires nonce in DPoP proof", "wants DPoP"),
    (SIGNED, "invalid_grant", "Code not found", "code was over"),
    (SIGNED, "invalid_grant", "JWT of the authorization code expired", "code was ov"),
    (SIGNED, "invalid_grant", "PKCE is not enabled for this client", "PKCE check"),
    (SIGNED, "invalid_client", "Unable to load the public key set", "could not fetch our keys"),
    (SIGNED, "invalid_client", "No usable keys found in the JWKS", "does not have the key"),
    (SIGNED, "invalid_client", "Invalid token: signature verification failed",
     "does not have the key"),
    (SIGNED, "invalid_client", "Expired registration token", "at the EHR have expired"),
    (SIGNED, "invalid_client", "Invalid token 'aud' claim", "another audience"),
    (SIGNED, "invalid_client", "assertion exp is in the past", "times wrong"),
    (SIGNED, "invalid_client", "Unknown client_id", "client id"),
    (SIGNED, "invalid_client", "Application is not approved", "not active"),
    (SIGNED, "invalid_grant", "Invalid redirect_uri", "finds it different"),
    (SIGNED, "invalid_grant", "code_verifier does not match", "PKCE check failed"),
    (SIGNED, "invalid_grant", "Authorization code expired", "over before"),
    (SIGNED, "invalid_scope", "Scope too broad", "does not give these scopes"),
    (SIGNED, "unauthorized_client", "", "may not use this grant"),
    (SIGNED, "something_new", "Ask support", "refused the token request"),
    (SIGNED, "invalid_request", "Token Request Quota Exceeded", "limits how often"),
    (SIGNED, "access_denied", "Source IP not in allow list", "refuses the network address"),
    (SIGNED, "access_denied", "Your IP address is not permitted", "refuses the network address"),
]  # fmt: skip


URL = "https://ehr.example/token"


class TestWordsOfProducts:
    @pytest.mark.parametrize(("method", "error", "said", "words"), OF_PRODUCTS)
    def test_first_cause(self, method: AuthMethod, error: str, said: str, words: str) -> None:
        assert words in _first(refused_token(method, error, said))

    def test_a_member_that_was_lost_is_the_only_cause(self) -> None:
        case = refused_token(SIGNED, "invalid_grant", "Missing code_verifier")
        titles = [one.title for one in causes_of(case.timeline, case.facts)]
        assert titles == ["The EHR misses what was sent to it: code_verifier"]

    def test_an_assertion_without_its_jti_is_not_called_a_repeated_one(self) -> None:
        case = refused_token(SIGNED, "invalid_client", "Missing claim: jti")
        titles = [one.title for one in causes_of(case.timeline, case.facts)]
        assert titles == ["The EHR misses a part of our client assertion: jti"]

    def test_our_certificate_that_the_ehr_cannot_check_is_not_one_that_it_wants(self) -> None:
        said = "SSL certificate problem: unable to get local issuer certificate"
        case = refused_token(SIGNED, "invalid_client", said)
        titles = [one.title for one in causes_of(case.timeline, case.facts)]
        assert titles == ["The EHR could not fetch our keys"]

    def test_client_id_that_was_sent_in_the_body_and_is_not_wanted_there(self) -> None:
        said = "client_id must not be sent together with client_assertion"
        case = refused_token(SIGNED, "invalid_request", said, "client_id")
        assert "does not want the client id in the body" in _first(case)


SENT = ["response_type", "client_id", "redirect_uri", "scope", "state", "aud", "code_challenge"]
SCOPES = ["launch", "offline_access", "patient/Patient.rs", "patient/Observation.rs"]
AT_SIGN_IN = [
    ("invalid_request", "v2 scopes are not supported, use v1 format", "scopes in another form"),
    ("invalid_scope", "Invalid scope format: patient/Patient.rs. Expected patient/Patient.read",
     "scopes in another form"),
    ("invalid_request", "invalid_scope", "not allowed for this app"),
    ("invalid_scope", "See https://e.example/oauth2/v1/errors", "not allowed for this app"),
    ("invalid_scope", "offline_access is not permitted for this client", "no lasting access"),
    ("invalid_scope", "Refresh tokens are not enabled for this application", "no lasting access"),
    ("invalid_scope", "Not given: offline_access patient/Patient.rs", "does not give these scopes"),
    ("invalid_request", "AADSTS90002: Tenant 'abc' not found.", "does not know the organization"),
    ("invalid_request", "Project not found", "does not know the organization"),
    ("invalid_request", "Invalid client", "does not know our client id"),
    # oidc-provider 9.13.3 and LemonLDAP::NG 2.16.1.
    ("invalid_request", "Pushed Authorization Request must be used", "wants the request to be pu"),
    ("invalid_request", "requested response_type is not allowed for this client", "by a code"),
    ("server_error", "Authorization code flow not allowed", "people in by a code"),
    # Authlib 1.9.10, and RFC 6749 §4.1.2.1.
    ("unauthorized_client", "The client is not authorized to use 'response_type=code'", "a code"),
    ("unauthorized_client", "The client is not authorized to request an authorization code using "
     "this method.", "not approved for this kind of launch"),
    ("server_error", "An error occurred in the login flow", "problem of its own"),
    ("redirect_mismatch", "", "does not know our redirect URI"),
    ("unauthorized_client", "Callback URL mismatch. https://app.example/callback is not in the "
     "list of allowed callback URLs", "does not know our redirect URI"),
    ("unauthorized_client", "Standard flow is disabled for the client.", "people in by a code"),
    ("unauthorized_client", "App has not been downloaded to this organization", "not active"),
    ("access_denied", "Patient portal access is disabled for this practice", "this person"),
    ("access_denied", "User is not assigned to the client application.", "this person"),
    ("invalid_request", "Cookies are disabled in your browser", "no cookies of its own"),
    ("cookie_not_found", "", "no cookies of its own"),
    ("invalid_request", "code challenge required", "sent to it: code_challenge"),
    ("invalid_request", "transform algorithm not supported", "does not take our PKCE"),
    ("invalid_request", "MFA required", "did not let the person sign in"),
    ("invalid_request", "Session expired. Please log in again.", "did not let the person sign in"),
    ("invalid_request", "urn:vendor:oauth2:grant:unknown-redirect-uri", "our redirect URI"),
    ("invalid_request", "urn:vendor:unsupported-code-challenge-method", "our PKCE"),
    ("invalid_request", "urn:vendor:client-not-authorized-for-tenant", "not active"),
    ("unauthorized_client", "Client is not authorized for EHR launch", "not active"),
    ("unauthorized_client", "App type patient cannot launch from EHR", "kind of launch"),
    ("unauthorized_client", "Redirect URI missing from registration", "our redirect URI"),
    ("access_denied", "Not authorized", "said no"),
    ("access_denied", "User has no access to patient", "said no"),
    ("user_cancelled", "", "said no"),
    ("invalid_request", "No active patient in context", "no patient for this launch"),
    ("invalid_request", "launch token expired", "no longer knows this launch"),
    ("invalid_scope", "SMART 1.0 scopes only", "scopes in another form"),
    ("invalid_request", "state must be at least 8 characters", "no cause that is known here"),
    ("invalid_request", "Duplicate parameter: scope", "no cause that is known here"),
    ("unauthorized_client", "Client is not allowed to use authorization code grant", "by a code"),
    ("access_denied", "Account pending activation", "refuses this person"),
    ("invalid_request", "state is required", "misses what was sent to it: state"),
    ("invalid_request", "Request URL exceeds 2048 characters", "request is too long"),
    ("invalid_scope", "online_access is not supported", "no lasting access"),
    ("invalid_request", "The request is missing a required parameter, includes an invalid "
     "parameter value, or is otherwise malformed. The 'redirect_uri' parameter does not match.",
     "does not know our redirect URI"),
    ("invalid_scope", "The OAuth 2.0 Client may not request scope 'patient/Observation.rs'.",
     "does not give these scopes: patient/Observation.rs"),
    ("invalid_client", "AADSTS70011: The provided request must include a 'scope' input parameter. "
     "The scope patient/Patient.rs is not valid.", "does not give these scopes: patient/Patient"),
    ("invalid_request", "Proof Key for Code Exchange is required", "to it: code_challenge"),
    ("access_denied", "Service not found: https://e.example/fhir", "does not accept aud"),
    ("unauthorized_client", "client-not-authorized-for-scopes", "scope is not allowed"),
    ("unauthorized_client", "Provider app is not active", "not active at the vendor"),
    ("invalid_request", "Client a is not subscribed to this API product", "not active"),
    ("access_denied", "App requires approval by your administrator", "not active"),
    ("access_denied", "Proxy access is not enabled for this patient", "said no"),
    ("access_denied", "Minor patients may not use third-party apps", "said no"),
    ("access_denied", "MyChart account not activated", "refuses this person"),
    ("unauthorized_client", "User account from identity provider live.com does not exist in "
     "tenant and cannot access the application", "refuses this person"),
    ("access_denied", "Your portal account is not linked to a record", "refuses this person"),
    ("unauthorized", "Please verify your email before logging in.", "let the person sign in"),
    ("password_expired", "", "let the person sign in"),
    ("invalid_request", "Authentication session not found", "let the person sign in"),
    ("invalid_request", "Unknown site id", "does not know the organization"),
    ("invalid_request", "Patient could not be resolved", "no patient for this launch"),
    ("different_user_authenticated", "You are already authenticated as different user in this "
     "session. Please sign out first.", "let the person sign in"),
    ("temporarily_unavailable", "authentication_expired", "let the person sign in"),
    ("access_denied", "The user has forgotten their password.", "let the person sign in"),
    ("access_denied", "AADSTS53000: Device is not in required device state: compliant.",
     "refuses this person"),
    ("access_denied", "Client a is not authorized to access resource server e", "not active"),
    ("invalid_request", "missing required parameters: state, nonce", "sent to it: state"),
    ("invalid_request", "scope cannot be empty", "sent to it: scope"),
    ("invalid_scope", "At least one patient scope is required", "no patient for this launch"),
    ("invalid_scope", "offline_access scope is required", "no lasting access"),
    ("invalid_scope", "Scope exceeds maximum length", "too long for the EHR"),
    ("access_denied", "No appointments found for the person", "said no"),
    ("access_denied", "You have been logged off due to inactivity", "let the person sign in"),
    ("access_denied", "Your session has been terminated because you logged in elsewhere",
     "let the person sign in"),
    ("access_denied", "AADSTS65004: User declined to consent to access the app.", "said no"),
    ("invalid_request", "launch parameter was incorrectly formatted or did not originate from this "
     "server", "no longer knows this launch"),
    # What is switched off, locked or missing is not always the app, nor what it sent.
    ("access_denied", "Patient record is locked", "said no"),
    ("access_denied", "Two-factor authentication is not enabled", "said no"),
    ("access_denied", "Self-registration disabled", "said no"),
    ("invalid_request", "JavaScript is disabled in your browser", "no cause that is known here"),
    ("server_error", "Database locked", "problem of its own"),
    ("access_denied", "User must change password at next logon", "let the person sign in"),
    ("access_denied", "Printer offline", "said no"),
    ("invalid_request", "The client identifier provided is invalid", "our client id"),
    ("invalid_request", "S256 not supported", "our PKCE"),
    ("invalid_request", "A patient must be selected", "no patient for this launch"),
    ("access_denied", "No fhirUser mapping", "said no"),
    ("server_error", "client_id is null", "problem of its own"),
    ("server_error", "policy server unreachable", "problem of its own"),
    ("invalid_request", "redirect_uri exceeds 256 characters", "our redirect URI"),
    ("access_denied", "Consent is required", "let the person sign in"),
    ("server_error", "Error while redirecting to the identity provider", "problem of its own"),
    ("server_error", "Resource server is unavailable", "problem of its own"),
    ("access_denied", "Patient chart is locked by another user", "said no"),
    ("invalid_launch_token", "", "no longer knows this launch"),
    ("access_denied", "Invalid username or password", "let the person sign in"),
    ("invalid_request", "CSRF token mismatch", "let the person sign in"),
    ("invalid_request", "Too many requests. Try later.", "problem of its own"),
    ("unauthorized_client", "App is not registered for EHR launch", "kind of launch"),
    ("invalid_scope", f"Invalid scopes: {' '.join(SCOPES)}", "scope is not allowed for this app"),
    *(
        (error, f"https://e.example/errors/urn:e:error:{urn}/instances/[…]?persona=provider&[…]",
         words)
        for error, urn, words in (
            ("invalid_request", "smart-v1:grant:launch:audience-required", "sent to it: aud"),
            ("invalid_request", "smart-v1:grant:launch:unknown-resource-server", "not accept aud"),
            ("invalid_request", "smart-v1:grant:launch:unsupported-version", "no cause that is kn"),
            ("access_denied", "smart-v1:grant:launch:mismatched-identity", "the person sign in"),
            ("access_denied", "oauth2:grant:invalid-patient-id", "no patient for this launch"),
            ("invalid_request", "oauth2:grant:tenant-not-configured", "know the organization"),
            ("unauthorized_client", "oauth2:grant:unauthorized-client-for-tenant", "not active"),
        )
    ),
    ("unauthorized_client", "Unknown client", "client id"),
    ("invalid_client", "", "client id is not known"),
    ("invalid_request", "Invalid redirect_uri", "our redirect URI"),
    ("invalid_request", "The redirect URI is not registered for this client_id",
     "our redirect URI"),
    ("invalid_request", "Bad audience value", "does not accept aud"),
    ("invalid_request", "Request URI too long", "request is too long"),
    ("invalid_scope", "The query has too many scopes; scopes are too long", "request is too long"),
    ("invalid_request", "Practice 12 is not valid", "know the organization"),
    ("invalid_request", "The practice's redirect URI is not valid", "redirect URI"),
    ("invalid_request", "The organization's client_id is not valid", "client id"),
    ("invalid_request", "code_challenge is invalid", "PKCE"),
    ("invalid_request", "Invalid launch options: SyntaxError", "no longer knows"),
    ("invalid_scope", "Scope patient/Patient.rs is not allowed",
     "does not give these scopes: patient/Patient.rs"),
    ("access_denied", "The user denied the request", "said no"),
    ("temporarily_unavailable", "", "problem of its own"),
    ("interaction_required", "", "did not let the person sign in"),
    ("invalid_target", "", "no cause that is known here"),
    ("unsupported_response_type", "", "may not sign people in by a code"),
    ("unauthorized_client", "The client may not request a code", "kind of launch"),
    ("invalid_request", "PKCE code challenge method plain is not allowed", "our PKCE"),
    ("access_denied", "App not approved by organization", "not active at the vendor"),
    ("access_denied", "User is not authorized to use this application", "said no"),
    ("access_denied", "No patient was selected", "no patient for this launch"),
    ("invalid_scope", "user/*.read is not valid", "not allowed for this app"),
    ("invalid_request", "redirect_uri must use https", "takes https addresses only"),
    ("invalid_request", "client_id is required", "misses what was sent to it: client_id"),
    ("invalid_request", "Parameter aud is missing", "misses what was sent to it: aud"),
    ("invalid_request", "The aud parameter is not this FHIR server", "accept aud"),
    ("invalid_request", "Launch context has expired", "no longer knows this launch"),
    ("invalid_request", "Request object is required (PAR)", "no cause that is known here"),
    ("invalid_scope", "Too many scopes", "request is too long"),
    ("temporarily_unavailable", "The request took too long", "problem of its own"),
    ("temporarily_unavailable", "Request failed: too many tries", "problem of its own"),
    ("invalid_grant", "Session timed out", "did not let the person sign in"),
    ("unmet_authentication_requirements", "", "did not let the person sign in"),
    ("account_selection_required", "", "did not let the person sign in"),
    ("invalid_client", "Client is disabled", "not active at the vendor"),
    ("access_denied", "The application is blocked", "not active at the vendor"),
    ("access_denied", "client_disabled", "not active at the vendor"),
    ("access_denied", "Consent: grant not found", "said no"),
    ("unauthorized_client", "Client ID is for production only", "our client id"),
    ("server_error", "AADSTS90093: admin consent required", "did not let the person sign"),
    ("invalid_resource", "AADSTS500011: The resource principal was not found", "aud"),
    ("invalid_request", "Unsupported code_challenge_method", "our PKCE"),
    ("invalid_request", "No client found with id a", "our client id"),
    ("invalid_scope", "Requested scopes exceed those registered", "not allowed for this"),
    ("access_denied", "Your account has no patient record linked", "no patient for"),
]  # fmt: skip


@pytest.mark.parametrize(("error", "said", "words"), AT_SIGN_IN)
def test_first_cause_at_sign_in(error: str, said: str, words: str) -> None:
    """Keycloak, Okta, Auth0, Entra ID, Cognito, IdentityServer, Medplum, Oracle Health, Epic."""
    first, *_ = refused_at_sign_in(error, said)
    assert words in first.title
    assert said in first.seen


def test_what_was_lost_on_the_way_is_not_called_unknown_too() -> None:
    titles = [one.title for one in refused_at_sign_in("invalid_request", "client_id is required")]
    assert titles == ["The EHR misses what was sent to it: client_id"]


def refused_at_sign_in(error: str, said: str) -> tuple[Finding, ...]:
    now = timezone.now()
    asked = {"sent": SENT, "scope": SCOPES, "redirect_uri": "http://127.0.0.1/callback/a/"}
    timeline = [
        LaunchEvent(attempt="a", step="authorize", at=now, detail=asked),
        LaunchEvent(
            attempt="a", step="callback", code="authorization-refused", at=now,
            detail={"ehr_error": error, "said": said},
        ),
    ]  # fmt: skip
    return causes_of(timeline, Facts(now))


def refused_token(
    method: AuthMethod, error: str, said: str, *sent: str, step: str = "token", status: int = 0
) -> Case:
    """A token request of this kind that was refused, where nothing else is wrong."""
    now = timezone.now()
    signed = {"assertion_header": {"alg": "RS384", "kid": "k"}, "assertion_claims": {"aud": URL}}
    detail = {
        "auth_method": method.value, "ehr_error": error, "said": said,
        "http_status": status or (401 if error == "invalid_client" else 400),
        "token_endpoint": URL,
        "sent": ["code", "code_verifier", *(["client_id"] if method == PUBLIC else sent)],
        **(signed if method == SIGNED else {}),
    }  # fmt: skip
    codes = {"invalid_client": "invalid-client", "invalid_grant": "invalid-grant"}
    code = codes.get(error, "token-refused" if step == "token" else "refresh-refused")
    event = LaunchEvent(attempt="a", step=step, code=code, detail=detail, at=now)
    key = SigningKey(kid="k", published_at=now)
    return Case((event,), Facts(now, published={"token_endpoint": URL}, key=key, is_key_seen=True))


class TestWhatIsKept:
    async def test_words_about_a_refresh_that_ended_the_launch_are_kept(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        ehr.expires_in = 0
        uuid = await browser.launch(ehr_launch())
        ehr.token_answer = refusing(400, "invalid_grant", "Token reuse detected")
        await browser.get(f"/launches/{uuid}/")
        cause = await first_is("does not accept the refresh token any more", "C125")
        assert "It said: “Token reuse detected”" in cause.seen

    async def test_what_was_sent_in_confidence_is_not_quoted(
        self, exchanged: Exchange, ehr: ScriptedEHR
    ) -> None:
        async def repeat(request: web.Request) -> web.StreamResponse:
            form = await request.post()
            code, verifier = (str(form[name]) for name in ("code", "code_verifier"))
            said = f"Code <{code}> or {verifier} is not known"
            return web.json_response(
                {"error": "invalid_grant", "error_description": said}, status=400
            )

        ehr.token_answer = repeat
        await exchanged()
        assert "Code <[…]> or […] is not known" in (await asked_why())[0].seen

    async def test_the_report_quotes_the_ehr_and_nobody_by_name(
        self, exchanged: Exchange, ehr: ScriptedEHR
    ) -> None:
        said = "Token abc123abc123abc123abc1 of Jane Roe, born 1980-02-03, MRN 4711234, is bad"
        ehr.token_answer = refusing(400, "invalid_grant", said)
        await exchanged()
        page = await in_database(report.AttemptPage, await timeline())
        assert "The EHR said: Token […] of […], born […], MRN […], is bad" in page.text
        for secret in ("abc123", "Jane", "Roe", "1980", "4711234"):
            assert secret not in page.text

    async def test_they_are_not_in_the_log(
        self, exchanged: Exchange, ehr: ScriptedEHR, caplog: pytest.LogCaptureFixture
    ) -> None:
        ehr.token_answer = refusing(400, "invalid_grant", "the clinic on Elm Street")
        await exchanged()
        assert "invalid_grant" in caplog.text
        assert "the clinic on Elm Street" not in caplog.text


class TestDiscovery:
    @pytest.mark.parametrize(
        ("known", "iss", "words"),
        [
            ("http://127.0.0.1:8181/fhir", "http://localhost:8181/fhir", "in another spelling"),
            ("https://ehr.example/fhir", "http://ehr.example/fhir", "in another spelling"),
            ("https://ehr.example:443/fhir", "https://EHR.example/fhir/", "in another spelling"),
            ("https://ehr.example/fhir/r4", "https://ehr.example/fhir/r3", "nearly that of"),
            ("https://ehr.example/fhir", "https://other.example/fhir", "not registered here"),
        ],
    )
    async def test_the_twin_of_an_unknown_iss_is_named(
        self, browser: Browser, known: str, iss: str, words: str
    ) -> None:
        twin = Endpoint(name="Twin Hospital", fhir_base_url=known, registration=Registration())
        await browser.get(f"/launch?iss={iss}&launch=x")
        await first_is(words, "C7", change=lambda facts: replace(facts, known=(twin,)))


class TestOutcome:
    async def test_went_well_is_said_of_a_page_that_was_shown(
        self, browser: Browser, ehr_launch: Start
    ) -> None:
        uuid = await browser.launch(ehr_launch())
        assert outcome.of(await timeline()) == "Signed in; no page was shown yet"
        await browser.get(f"/launches/{uuid}/")
        assert outcome.of(await timeline()).startswith((outcome.WENT_WELL, "A page was shown"))

    async def test_a_part_that_could_not_be_read_is_said(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        async def forbid(_: web.Request) -> web.StreamResponse:
            return web.json_response({}, status=403)

        uuid = await browser.launch(ehr_launch())
        ehr.fhir_answer = forbid
        await browser.get(f"/launches/{uuid}/")
        said = outcome.of(await timeline())
        not_allowed = r"; allergies, [a-z, ]+ not allowed by the EHR; personal incomplete$"
        assert re.search(not_allowed, said), said

    async def test_entries_of_another_patient_are_what_administrators_see_first(
        self, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
    ) -> None:
        async def another(request: web.Request) -> web.StreamResponse:
            path = request.match_info["path"]
            if "/" in path or not path.startswith("Condition"):
                return fhir_json(ehr.resource(path))
            condition = {
                "resourceType": "Condition", "id": "c", "code": {"text": "Asthma"},
                "subject": {"reference": "Patient/p-2"},
            }  # fmt: skip
            return fhir_json({"resourceType": "Bundle", "entry": [{"resource": condition}]})

        uuid = await browser.launch(ehr_launch())
        ehr.fhir_answer = another
        await browser.get(f"/launches/{uuid}/")
        seen = await timeline()
        assert "wrong-patient-entry" in outcome.of(seen)
        reference = next(one.reference for one in seen if one.code == "wrong-patient-entry")

        def look() -> tuple[str, str]:
            client = administrator()
            found = page_of(client, f"/admin/launches/launchevent/?q={reference}")
            return page_of(client, "/admin/"), found

        home, found = await in_database(look)
        assert "An EHR sent another patient" in home
        assert reference in home
        assert "Entries of another patient" in found

    async def test_who_never_came_back_did_not_go_well(
        self, browser: Browser, ehr_launch: Start
    ) -> None:
        await browser.get(ehr_launch())
        seen = await timeline()
        assert outcome.of(seen).startswith("Still under way")
        seen[-1].at -= PENDING_LIFETIME
        assert outcome.of(seen) == "The person did not come back from the EHR"


@pytest.fixture
async def exchanged(browser: Browser, ehr_launch: Start) -> Exchange:
    async def exchange() -> None:
        await browser.get(await browser.to_callback(ehr_launch()))

    return exchange


@pytest.mark.parametrize("minutes", [1, 9])
async def test_a_person_who_may_still_be_signing_in_is_no_failure(
    browser: Browser, ehr_launch: Start, minutes: int
) -> None:
    await browser.get(ehr_launch())
    later = timezone.now() + timedelta(minutes=minutes)
    await first_is("may still be", "C43", change=lambda facts: replace(facts, now=later))


OLDER, NEWER = "launch patient/Patient.read", "launch patient/Patient.rs"
MIXED = "launch patient/Patient.rs user/Observation.read"


@pytest.mark.parametrize(
    ("scope", "published", "words", "fix"),
    [
        (NEWER, {"capabilities": ["permission-v1"]}, "only the older form", ".read in place"),
        (OLDER, {"capabilities": ["permission-v2"]}, "only the newer form", ".rs in place"),
        (NEWER, {"scopes_supported": ["launch", "patient/*.read"]}, "only the older form", ".read"),
        (MIXED, {"capabilities": ["permission-v2"]}, "only the newer form", ".rs in place"),
        (MIXED, {"capabilities": ["permission-v1", "permission-v2"]}, "both forms", "portal"),
        (MIXED, {}, "both forms", "portal"),
        (OLDER, {"capabilities": ["permission-v1"]}, "not allowed for this app", ""),
    ],
)
async def test_forms_of_scopes(
    browser: Browser, ehr: ScriptedEHR, ehr_launch: Start,
    scope: str, published: dict[str, list[str]], words: str, fix: str,
) -> None:  # fmt: skip
    await registration(scope=scope)
    ehr.discovery = published
    callback = await browser.to_callback(ehr_launch())
    await browser.get(changed(callback, code=None, error="invalid_scope"))
    assert fix in (await first_is(words, "C38" if fix else "C39")).fix


async def test_both_forms_that_the_ehr_speaks_of_are_the_cause(
    browser: Browser, ehr_launch: Start
) -> None:
    await registration(scope=MIXED)
    callback = await browser.to_callback(ehr_launch())
    said = "V1 and V2 scopes cannot be combined"
    refused = changed(callback, code=None, error="invalid_request", error_description=said)
    await browser.get(refused)
    cause = await first_is("both forms", "C38")
    assert cause.certainty.words == "The EHR says so"


SENTENCES = [
    # Keycloak, Okta, Entra ID, Spring, oauthlib and others, as they send them.
    ("invalid_client", "Client assertion contains an invalid signature", "does not have the key"),
    ("invalid_client", "Client assertion audience is invalid", "another audience"),
    ("invalid_client", "The client_assertion token has an expiration too far into the future.",
     "valid for too long"),
    ("invalid_client", "Missing claim in client_assertion: jti", "our client assertion: jti"),
    ("invalid_client", "The exp claim is required to be in the future", "times wrong"),
    ("invalid_client", "Assertion expired, exp must be present and later", "times wrong"),
    ("invalid_client", "jku header is required", "our client assertion: jku"),
    ("invalid_request", "client_assertion is missing", "refuses our client assertion"),
    ("invalid_client", "Assertion lifetime exceeds the maximum of 60 seconds",
     "valid for too long"),
    ("invalid_client", "exp must be no more than five minutes in the future",
     "valid for too long"),
    ("invalid_client", "IDX10223: Lifetime validation failed. The token is expired. Assertion",
     "times wrong"),
    ("invalid_client", "The client_assertion expired too long ago", "times wrong"),
    ("invalid_client", "Invalid client_assertion: sub is too long", "iss and sub"),
    ("invalid_client", "JWT has expired", "times wrong"),
    ("invalid_client", "Unable to load public key", "could not fetch our keys"),
    ("invalid_client", "JWKS endpoint returned 404", "could not fetch our keys"),
    ("invalid_client", "Could not retrieve the JSON Web Key Set", "could not fetch our keys"),
    ("invalid_client", "jku could not be dereferenced", "could not fetch our keys"),
    ("invalid_client", "Key id not recognised", "does not have the key"),
    ("invalid_client", "Multiple keys match; kid required", "does not have the key"),
    ("invalid_client", "Unsupported signing algorithm RS384", "does not take our algorithm"),
    ("invalid_client", "JWT alg not allowed", "does not take our algorithm"),
    ("invalid_client", "Issuer and subject must be equal", "iss and sub"),
    ("invalid_client", "JWT replay detected", "repeated one"),
    ("invalid_client", "client_secret is required", "expects a client secret"),
    ("invalid_client", "Client authentication method not supported", "another way to auth"),
    ("invalid_client", "Client not found", "does not know our client id"),
    ("invalid_client", "No client with requested id: my-app", "does not know our client id"),
    ("invalid_grant", "PKCE verification failed: Code mismatch", "PKCE check failed"),
    ("invalid_grant", "The code was issued to another client", "to another client id"),
    ("invalid_request", "code_verifier required", "PKCE check failed"),
]  # fmt: skip


@pytest.mark.parametrize(("error", "said", "words"), SENTENCES)
def test_sentence_of_a_real_server(error: str, said: str, words: str) -> None:
    """What it names is the first cause; what names nothing leaves the causes to what was seen."""
    status = 401 if error == "invalid_client" else 400
    body = json.dumps({"error": error, "error_description": said}).encode()
    with pytest.raises(TokenRefused) as refused:
        parse_token_response(status, body, requested_at=timezone.now())
    sent = {
        "token_endpoint": "https://e.example/token", "auth_method": "private_key_jwt",
        "form": "JSON", "assertion_header": {"alg": "RS384", "kid": "k"},
    }  # fmt: skip
    timeline = [
        LaunchEvent(attempt="a", step="token", at=timezone.now(), detail=sent),
        LaunchEvent(
            attempt="a", step="token", at=timezone.now(), code=refused.value.code,
            detail=dict(steps.failure(refused.value)),
        ),
    ]  # fmt: skip
    (first, *_) = causes_of(timeline, Facts(timezone.now()))
    if words:
        assert (words in first.title, first.certainty) == (True, Certainty.SAID), first.title
    else:
        assert first.certainty < Certainty.SAID, first.title
