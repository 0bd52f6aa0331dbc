"""The code, the tokens and the context that came for it, and what they open."""

from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from smartapp.launches.models import Step
from smartapp.launches.why.case import Case, Cause, Causes, difference, simple


def _code(case: Case) -> Causes:
    if case.code != "invalid-grant" or case.step != Step.TOKEN:
        return
    uri, check = str(case.token.get("redirect_uri", "")), "The EHR's description names it."
    if "redirect_uri" in case.hints:
        yield Cause(
            90,
            "The EHR compares the redirect URI and finds it different",
            check,
            f"Compare, to the last character, what the vendor has with {uri}",
            "C60",
        )
    if "code_verifier" in case.hints:
        yield Cause(
            90,
            "The EHR's PKCE check failed",
            check,
            "Ask the vendor: we send S256, as it publishes.",
            "C33",
        )
    yield Cause(
        88 if "expired" in case.hints else 60,
        "The code was over before it was exchanged",
        check if "expired" in case.hints else "Codes live about a minute and work once.",
        "Start again; look for a proxy or a link scanner that opens the callback first.",
        "C69",
    )


def _refresh(case: Case) -> Causes:
    refused = next(
        (
            one
            for one in case.timeline
            if one.step == Step.REFRESH and one.detail.get("ehr_error") == "invalid_grant"
        ),
        None,
    )
    if case.code == "ended-by-ehr" and refused:
        yield Cause(
            90,
            "The EHR does not accept the refresh token any more",
            "It answered invalid_grant to a refresh.",
            "The person, their EHR session or a policy ended it; start a new launch.",
            "C125",
        )
    elif case.code == "ended-by-ehr":
        yield Cause(
            88,
            "The FHIR server refuses tokens that the EHR has just given",
            "401 for a renewed token too.",
            "Compare aud with the FHIR base URL, and ask the "
            "vendor whether this server takes this app's tokens.",
            "C141",
        )
    elif case.code == "refresh-uncertain":
        yield Cause(
            90,
            "The answer to a refresh was lost",
            f"{case.words}.",
            "The person opens the app again. If the vendor says that a refresh does not use its "
            "token up, say so in the registration: it is then sent once more.",
            "C124",
        )
    elif case.code == "refresh-unusable":
        yield Cause(
            90,
            "The EHR's answer to a refresh could not be used",
            f"{case.words}.",
            "Ask the vendor what its token endpoint answered; look for a gateway in between. The "
            "person opens the app again.",
            "C124",
        )
    elif case.code == "access-expired":
        yield Cause(
            90,
            "There is no refresh token, and the access token is over",
            "The EHR gave none.",
            "Ask for offline_access (or online_access), and see that it was granted.",
            "C40",
        )


def _limited(case: Case) -> Causes:
    if case.code in ("ehr-limited", "token-budget-spent"):
        yield Cause(
            96,
            "The EHR limits how often we may ask",
            f"{case.words}.",
            "Wait a minute; ask the vendor for its limit, and enter it in the registration.",
            "C128",
        )
    elif case.code == "codes-refused":
        yield Cause(
            96,
            "The EHR refused other sign-ins from this network, so this one had to wait",
            f"{case.words}.",
            "Look at the attempts before it. If a stranger invented codes, it is over when they "
            "stop. If codes grew too old while people waited, ask the vendor for a higher limit.",
            "C128",
        )


TOKEN_REFUSED = ("token-refused", "token-endpoint-failed", "refresh-refused", "refresh-failed")


def _token_answer(case: Case) -> Causes:
    if case.step not in (Step.TOKEN, Step.REFRESH):
        return
    status = case.http_status
    if status >= 500:
        yield Cause(
            92,
            "The EHR has a problem of its own",
            f"Its token endpoint answered {status}.",
            "Wait; then ask the vendor.",
            "C125",
        )
    elif case.code == "token-response-invalid":
        yield Cause(
            88,
            "What answered is not an OAuth token endpoint",
            f"{case.words}.",
            "Look for a gateway in between, and compare the token endpoint with the vendor's.",
            "C80",
        )
    elif case.ehr_error == "invalid_scope":
        yield Cause(
            85,
            "The EHR does not give these scopes",
            f"It answered {case.ehr_error}.",
            "A refresh may ask only for what was granted; athenahealth requires scope.",
            "C121",
        )
    elif case.ehr_error in ("unsupported_grant_type", "unauthorized_client"):
        yield Cause(
            89,
            "The app may not use this grant at the vendor",
            f"It answered {case.ehr_error}.",
            "Check the kind of app in the vendor's portal.",
            "C2",
        )
    elif case.code in TOKEN_REFUSED:
        yield Cause(
            60,
            "The EHR refused the token request",
            f"It answered {status} {case.ehr_error}.",
            "Compare the members that were sent with the vendor's documentation.",
            "C60",
        )


_RULES = {
    "aud-missing": (
        "The id_token does not say which client it is for",
        "Tell the vendor: an id_token needs aud (OpenID Connect Core §2).",
        "C90",
    ),
    "aud": (
        "The id_token is for another client",
        "Compare the client id with the vendor's: it may be that of another environment.",
        "C90",
    ),
    "azp": ("The id_token was issued to another client", "Compare the client id.", "C90"),
    "nonce": (
        "The id_token answers another sign-in",
        "Start again; if it stays, the EHR does not return the nonce: tell the vendor.",
        "C90",
    ),
    "exp": ("The id_token is over already", "Compare both clocks (NTP).", "C90"),
    "iat": ("The id_token's times are wrong", "Compare both clocks (NTP).", "C90"),
    "signature": (
        "The id_token's signature does not verify with the issuer's keys",
        "Tell the vendor: it signs with a key that it does not publish under this kid.",
        "C92",
    ),
    "alg": ("The id_token's algorithm is not accepted", "Tell the vendor: RS256 or better.", "C90"),
    "at_hash": ("The id_token belongs to another access token", "Tell the vendor.", "C90"),
    "missing": (
        "openid was granted, and no id_token came",
        "Tick OpenID at the vendor, or take openid and fhirUser out of the scopes.",
        "C97",
    ),
}


def _id_token(case: Case) -> Causes:
    if case.code == "id-token-key-unknown":
        yield Cause(
            92,
            "The issuer does not publish the key that signed the id_token",
            f"{case.words}.",
            "Tell the vendor; see that the expected issuer is the right one.",
            "C92",
        )
    elif case.code == "id-token-invalid" and case.failure.get("rule") == "iss":
        named = str(case.facts.published.get("issuer", "none"))
        expected = case.facts.config.issuers if case.facts.config else ()
        parts = difference(named, expected[0]) if expected else ""
        yield Cause(
            93,
            "The id_token names another issuer than the expected ones",
            f"Expected: {', '.join(expected)}. Discovery names {named}. {parts}",
            "Ask the vendor, and add its issuer, to the letter, to the expected issuers.",
            "C93",
        )
    elif case.code in ("id-token-invalid", "refresh-not-trusted"):
        rule = str(case.failure.get("rule", ""))
        title, todo, number = _RULES.get(
            rule, ("The id_token did not pass every check", "Tell the vendor.", "C90")
        )
        yield Cause(92, title, f"{case.words}.", todo, number)


def _context(case: Case) -> Causes:
    yield from simple(
        case,
        {
            "launch-context-invalid": (
                90,
                "The EHR's launch context cannot be used",
                "Tell the vendor which member it is.",
                "C101",
            ),
            "patient-changed": (
                95,
                "A refresh answered for another patient",
                "Open the app again from the right chart, and tell the vendor.",
                "C126",
            ),
            "scope-invalid": (
                90,
                "The registration's scopes cannot be sent",
                "Correct them in the registration.",
                "C37",
            ),
            "busy": (90, "Too many launches waited for their EHR", "Add processes.", "C15"),
            "busy-with-ehr": (90, "The EHR is slow, and too many waited", "Ask the vendor.", "C15"),
            "ehr-crowded": (90, "The EHR is slow, and too many waited", "Ask the vendor.", "C15"),
        },
    )
    if case.verdict_failed("C110"):
        yield Cause(
            70,
            "The EHR gave no patient",
            "None came with the tokens.",
            "Open the app from a chart; ask for launch (EHR) or launch/patient (standalone).",
            "C110",
        )
    if case.verdict_failed("C82"):
        missing = case.missing_scopes
        yield Cause(
            65,
            "The EHR granted less than was asked",
            f"Missing: {' '.join(missing)}.",
            "Tick these scopes at the vendor, or ask the person to allow them.",
            "C82",
        )


def _wrong_patient(case: Case) -> Causes:
    if case.code == "wrong-patient":
        asked = case.failure.get("resource_type", "resource")
        yield Cause(
            95,
            "The FHIR server answered with another patient",
            f"The launch's {asked} was asked for by its id, and one with another id came.",
            "Stop using this endpoint and tell the vendor.",
            "C101",
        )


def _fhir(case: Case) -> Causes:
    if case.step != Step.FHIR:
        return
    wires = [wire for one in case.timeline for wire in one.detail.get("exchanges", ())]
    bad = [wire for wire in wires if (wire.get("status") or 0) >= 400]
    seen = "; ".join(f"{wire['where']}: {wire['status']}" for wire in bad[:3])
    if case.code == "fhir-forbidden" or {wire["status"] for wire in bad} == {HTTPStatus.FORBIDDEN}:
        yield Cause(
            85,
            "The EHR does not let this app, or this user, read it",
            f"{seen}.",
            "Compare the granted scopes, and the user's rights in the EHR.",
            "C141",
        )
    elif case.code == "fhir-failed":
        yield Cause(
            80,
            "The FHIR server refused or broke off a read",
            f"{seen or _without_status(wires)}.",
            "Look up the reference number in the log; ask the vendor.",
            "C142",
        )


def _without_status(wires: Sequence[Mapping[str, Any]]) -> str:
    """Return what is known of reads that failed, and none with a status that says so."""
    silent = any(wire["status"] is None and not wire.get("abandoned") for wire in wires)
    return "A read had no usable answer" if silent else "An answer could not be used"


FINDERS: tuple[Callable[[Case], Causes], ...] = (
    _code,
    _refresh,
    _limited,
    _token_answer,
    _id_token,
    _context,
    _wrong_patient,
    _fhir,
)
