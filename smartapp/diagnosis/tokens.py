"""Causes at the code, the tokens and what came with them."""

from collections.abc import Callable

from smartapp.diagnosis.case import Case
from smartapp.diagnosis.cause import Certainty, Entry, coded
from smartapp.launches.models import Step

_ANSWER = "{c.answer}"


def _code(*subjects: str) -> Callable[[Case], bool]:
    """The code was refused, with words that name all of these."""
    return lambda case: (
        case.code == "invalid-grant" and case.step == Step.TOKEN and case.named.issuperset(subjects)
    )


def _answered(*errors: str) -> Callable[[Case], bool]:
    return lambda case: case.is_at_token_endpoint and case.ehr_error in errors


def _id_token(rule: str) -> Callable[[Case], bool]:
    return lambda case: case.code in _PROOF_REFUSED and case.broken_rule == rule


def _is_other_refusal(case: Case) -> bool:
    return (
        case.code in ("token-refused", "token-endpoint-failed", "refresh-refused", "refresh-failed")
        and case.http_status < 500
        and not case.is_client_refused
        and case.ehr_error not in ("invalid_scope", "unsupported_grant_type", "unauthorized_client")
    )


_PROOF_REFUSED = ("id-token-invalid", "refresh-not-trusted")
_ID_TOKEN = (
    ("aud-missing", "The id_token does not say which client it is for",
     "Tell the vendor: an id_token needs aud (OpenID Connect Core §2).", "C90"),
    ("aud", "The id_token is for another client",
     "Compare the client id with the vendor's: it may be that of another environment.", "C90"),
    ("azp", "The id_token was issued to another client", "Compare the client id.", "C90"),
    ("nonce", "The id_token answers another sign-in",
     "Start again; if it stays, the EHR does not return the nonce: tell the vendor.", "C90"),
    ("exp", "The id_token is over already", "Compare both clocks (NTP).", "C90"),
    ("iat", "The id_token's times are wrong", "Compare both clocks (NTP).", "C90"),
    ("signature", "The id_token's signature does not verify with the issuer's keys",
     "Tell the vendor: it signs with a key that it does not publish under this kid.", "C92"),
    ("alg", "The id_token's algorithm is not accepted", "Tell the vendor: RS256 or better.",
     "C90"),
    ("at_hash", "The id_token belongs to another access token", "Tell the vendor.", "C90"),
    ("missing", "openid was granted, and no id_token came",
     "Tick OpenID at the vendor, or take openid and fhirUser out of the scopes.", "C97"),
)  # fmt: skip
_KNOWN_RULES = frozenset({"iss", *(rule for rule, *_ in _ID_TOKEN)})

TABLE = (
    Entry(
        "The EHR compares the redirect URI and finds it different",
        _code("redirect_uri"),
        Certainty.SAID,
        check=_ANSWER,
        todo="Compare, to the last character, what the vendor has with {c.redirect_uri}",
        rule="C60",
    ),
    Entry(
        "The EHR's PKCE check failed",
        _code("pkce"),
        Certainty.SAID,
        check=_ANSWER,
        todo="Ask the vendor: we send S256, as it publishes.",
        rule="C33",
    ),
    Entry(
        "The code was over before it was exchanged",
        _code("expired"),
        Certainty.SAID,
        check=_ANSWER,
        todo="Start again; look for a proxy or a link scanner that opens the callback first.",
        rule="C69",
    ),
    Entry(
        "The code was over before it was exchanged",
        lambda case: (
            _code()(case) and not case.named.intersection({"redirect_uri", "pkce", "expired"})
        ),
        Certainty.LIKELY,
        check="{c.answer} Codes live about a minute and work once.",
        todo="Start again; look for a proxy or a link scanner that opens the callback first.",
        rule="C69",
    ),
    Entry(
        "The EHR limits how often we may ask",
        coded("ehr-limited", "token-budget-spent"),
        Certainty.SEEN,
        todo="Wait a minute; ask the vendor for its limit, and enter it in the registration.",
        rule="C128",
    ),
    Entry(
        "The EHR refused other sign-ins from this network, so this one had to wait",
        coded("codes-refused"),
        Certainty.SEEN,
        todo="Look at the attempts before it. If a stranger invented codes, it is over when they "
        "stop. If codes grew too old while people waited, ask the vendor for a higher limit.",
        rule="C128",
    ),
    Entry(
        "The EHR has a problem of its own",
        lambda case: case.is_at_token_endpoint and case.http_status >= 500,
        Certainty.SEEN,
        check="{c.answer} That was its token endpoint.",
        todo="Wait; then ask the vendor.",
        rule="C125",
    ),
    Entry(
        "What answered is not an OAuth token endpoint",
        lambda case: case.code == "token-response-invalid" and case.broken_rule == "not-json",
        Certainty.SEEN,
        todo="Look for a gateway, a proxy or a sign-in page in between, and compare the token "
        "endpoint with the vendor's.",
        rule="C80",
    ),
    Entry(
        "The EHR's token answer breaks a rule",
        lambda case: case.code == "token-response-invalid" and case.broken_rule != "not-json",
        Certainty.SEEN,
        todo="Tell the vendor which rule it is.",
        rule="C80",
    ),
    Entry(
        "The EHR does not give these scopes",
        _answered("invalid_scope"),
        Certainty.SEEN,
        check=_ANSWER,
        todo="A refresh may ask only for what was granted; athenahealth requires scope. Compare "
        "the registration's scopes with those ticked at the vendor.",
        rule="C121",
    ),
    Entry(
        "The app may not use this grant at the vendor",
        _answered("unsupported_grant_type", "unauthorized_client"),
        Certainty.SEEN,
        check=_ANSWER,
        todo="Check the kind of app in the vendor's portal.",
        rule="C2",
    ),
    Entry(
        "The EHR refused the token request",
        _is_other_refusal,
        Certainty.POSSIBLE,
        check=_ANSWER,
        todo="Compare the members that were sent with the vendor's documentation.",
        rule="C60",
    ),
    Entry(
        "The id_token names another issuer than the expected ones",
        _id_token("iss"),
        Certainty.SEEN,
        check="Expected: {c.expected_issuers}. Discovery names {c.published_issuer}. "
        "{c.issuer_difference}",
        todo="Ask the vendor, and add its issuer, to the letter, to the expected issuers.",
        rule="C93",
    ),
    *(
        Entry(title, _id_token(rule), Certainty.SEEN, todo=todo, rule=number)
        for rule, title, todo, number in _ID_TOKEN
    ),
    Entry(
        "The id_token did not pass every check",
        lambda case: case.code in _PROOF_REFUSED and case.broken_rule not in _KNOWN_RULES,
        Certainty.SEEN,
        todo="Tell the vendor.",
        rule="C90",
    ),
    Entry(
        "The issuer does not publish the key that signed the id_token",
        coded("id-token-key-unknown"),
        Certainty.SEEN,
        todo="Tell the vendor; see that the expected issuer is the right one, and that its keys "
        "are found (the doctor's check issuer-keys).",
        rule="C92",
    ),
    Entry(
        "The issuer's keys could not be used",
        coded("jwks-invalid"),
        Certainty.SEEN,
        todo="Run the doctor: its check issuer-keys says where they were looked for. The address "
        "of the keys can be entered on the endpoint's discovery page.",
        rule="C91",
    ),
    Entry(
        "The EHR's launch context cannot be used",
        coded("launch-context-invalid"),
        Certainty.SEEN,
        todo="Tell the vendor which member it is.",
        rule="C101",
    ),
    Entry(
        "A refresh answered for another patient",
        coded("patient-changed"),
        Certainty.SEEN,
        todo="Open the app again from the right chart, and tell the vendor.",
        rule="C126",
    ),
    Entry(
        "The EHR does not accept the refresh token any more",
        lambda case: case.code == "ended-by-ehr" and case.is_refresh_refused,
        Certainty.SEEN,
        check="It answered invalid_grant to a refresh.",
        todo="The person, their EHR session or a policy ended it; start a new launch.",
        rule="C125",
    ),
    Entry(
        "The FHIR server refuses tokens that the EHR has just given",
        lambda case: case.code == "ended-by-ehr" and not case.is_refresh_refused,
        Certainty.SEEN,
        check="401 for a renewed token too.",
        todo="Compare aud with the FHIR base URL, and ask the vendor whether this server takes "
        "this app's tokens.",
        rule="C141",
    ),
    Entry(
        "The answer to a refresh was lost",
        coded("refresh-uncertain"),
        Certainty.SEEN,
        todo="The person opens the app again. Only if the vendor says that a refresh does not use "
        "its token up, say so in the registration: it is then sent once more.",
        rule="C124",
    ),
    Entry(
        "A process of this app was ended during a refresh",
        coded("refresh-interrupted"),
        Certainty.SEEN,
        todo="The person opens the app again. Look in the system's log for why it was ended: "
        "memory, a restart without SIGTERM, the machine.",
        rule="C124",
    ),
    Entry(
        "The EHR's answer to a refresh could not be used",
        coded("refresh-unusable"),
        Certainty.SEEN,
        todo="Ask the vendor what its token endpoint answered; look for a gateway in between. The "
        "person opens the app again.",
        rule="C124",
    ),
    Entry(
        "There is no refresh token, and the access token is over",
        coded("access-expired"),
        Certainty.SEEN,
        check="The EHR gave none.",
        todo="Ask for offline_access (or online_access), and see that it was granted.",
        rule="C40",
    ),
    Entry(
        "The EHR gave no patient",
        lambda case: case.verdict_failed("C110"),
        Certainty.LIKELY,
        check="None came with the tokens.",
        todo="Open the app from a chart; ask for launch (EHR) or launch/patient (standalone).",
        rule="C110",
    ),
    Entry(
        "The EHR granted less than was asked",
        lambda case: case.verdict_failed("C82"),
        Certainty.LIKELY,
        check="Missing: {c.missing_scopes}.",
        todo="Tick these scopes at the vendor, or ask the person to allow them.",
        rule="C82",
    ),
)
