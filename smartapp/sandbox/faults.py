"""Faults (S66): errors and vendor habits of an EHR, on which clients can be tested.

This registry serves the launcher's choice, `fault=…` in URLs, and `--quirk` of a client. Faults are
joined by commas, and an argument follows a colon: `token-slow:5,fhir-html:Condition`. A fault that
is chosen for a launch applies to its code, its tokens and its FHIR requests, and ends with the
launch. A 2-legged client has no launch: the fault is in the URL of its token request, never in the
form, and applies to the access token. A quirk of a client applies to every launch; so the habits of
another EHR can be combined.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

MAX_CHARACTERS = 500
SECONDS_UNTIL_RENEWAL = 30
"""The lifetime of access tokens if a fault shows only at their renewal."""
SECONDS = r"[1-9]|[12][0-9]|30"
TYPE = r"[A-Z][A-Za-z]{1,40}|"

Faults = dict[str, str]
"""Name to argument; the argument of a fault that takes none is empty."""


class FaultUnknown(Exception):
    """An unknown fault or argument; the message says which."""


class Where(StrEnum):
    AUTHORIZE = "Authorize endpoint"
    TOKEN = "Token endpoint"  # noqa: S105 - a heading
    REFRESH = "Refresh"
    ID_TOKEN = "id_token and keys"  # noqa: S105 - a heading
    FHIR = "FHIR API"
    FRAME = "EHR around the app"
    INTROSPECTION = "Introspection"


WITHOUT_A_PERSON = (Where.TOKEN, Where.FHIR)
"""The parts whose faults apply to a token request of a 2-legged client."""


PARTS: Mapping[str, tuple[Where, ...]] = {
    "authorize": (Where.AUTHORIZE,),
    "token": (Where.TOKEN, Where.ID_TOKEN),
    "refresh_token": (Where.REFRESH, Where.ID_TOKEN),
    "introspect": (Where.INTROSPECTION,),
}
"""The parts whose faults change the response of an endpoint or grant."""
REFUSES: Mapping[str, str] = {
    "authorize-not-assigned": "E11",
    "authorize-error-uri": "S66",
    "authorize-invalid-client": "S66",
    "authorize-invalid-request": "S66",
    "authorize-invalid-scope": "S66",
    "authorize-scope-letters": "S11",
    "token-raw-secret": "E2",
    "gateway-policy": "E9",
    "jwks-stale": "E5",
    "refresh-needs-scope": "S30",
    "introspect-by-bearer": "S66",
    "introspect-get-only": "S66",
    "fhir-expired-token": "E14",
    "fhir-unknown-token": "E14",
    "fhir-500": "S66",
    "fhir-429": "S66",
    "fhir-forbidden": "S61",
}
"""The rule behind the refusal of a fault; nearly all other faults change a good response."""
OF_REFUSALS = frozenset({"authorize-error-no-state", "authorize-error-page"})
"""Faults that change how a refusal is answered, whatever its rule, and nothing else."""


@dataclass(frozen=True, slots=True)
class Fault:
    name: str
    where: Where
    does: str
    client_must: str
    argument: str = ""
    """The usual argument."""
    pattern: str = ""
    """The pattern of an argument; empty if the fault takes none."""
    habit_of: str = ""
    """The vendors that are said to behave like this; empty if it is plainly wrong."""

    @property
    def usual(self) -> str:
        """The fault with its usual argument, as it is chosen."""
        return f"{self.name}:{self.argument}" if self.argument else self.name

    @property
    def when(self) -> str:
        """Text that says when the fault shows, if that is not at once; otherwise ""."""
        if self.where != Where.REFRESH:
            return ""
        return (
            "Happens when access is renewed: the tokens of this launch live for "
            f"{SECONDS_UNTIL_RENEWAL} seconds."
        )


def _endpoint_failures(name: str, where: Where, after: str, unknown: str) -> tuple[Fault, ...]:
    """`after`: what to do when the request had no effect. `unknown`: when it may have had one."""
    return (
        Fault(f"{name}-slow", where, "The answer comes late (seconds).",
              f"Wait for a limited time, say that the EHR does not answer, {unknown}.",
              "5", SECONDS),
        Fault(f"{name}-500", where, "500 with a JSON error.",
              f"Say that the EHR failed, {after}."),
        Fault(f"{name}-429", where, "429 without Retry-After (E13).",
              "Wait before any other try, longer each time, although nobody says how long."),
        Fault(f"{name}-html", where, "200 with a page of HTML, as from a proxy.",
              f"Refuse the answer and show nothing of it, {unknown}."),
        Fault(f"{name}-cut", where, "The tokens are made, and the connection breaks in mid-answer.",
              f"Take nothing from half an answer, {unknown}."),
    )  # fmt: skip


LAUNCHER = "the public SMART App Launcher"
_FORGED = "Refuse the whole launch, keep no token, and say which check failed."

FAULTS: Mapping[str, Fault] = {
    fault.name: fault
    for fault in (
        Fault("authorize-popup-only", Where.AUTHORIZE,
              "The pages refuse to be framed (X-Frame-Options: DENY).",
              "Open the authorization in a window of its own when the app runs in a frame.",
              habit_of="Oracle"),
        Fault("authorize-invalid-client", Where.AUTHORIZE,
              "At once: invalid_client, as for a client id that is not known.",
              "Say that the app is not set up at this EHR, and whom to tell.",
              habit_of=LAUNCHER),
        Fault("authorize-invalid-scope", Where.AUTHORIZE,
              "At once: invalid_scope, without saying which.",
              "Say that the EHR does not give what the app asks for, and whom to tell."),
        Fault("authorize-invalid-request", Where.AUTHORIZE,
              "At once: invalid_request.",
              "Say that the app is not set up the way the EHR asks, and whom to tell."),
        Fault("authorize-scope-letters", Where.AUTHORIZE,
              "A scope is refused unless it is registered letter by letter: .rs does not cover .r.",
              "Ask for exactly what is registered.", habit_of=LAUNCHER),
        Fault("authorize-error-no-state", Where.AUTHORIZE,
              "An error answer comes without state, even if one was sent.",
              "Believe nothing but the EHR's words, end nothing that is open, and say so to the "
              "administrator.",
              habit_of=f"{LAUNCHER}, where the request was posted"),
        Fault("authorize-error-page", Where.AUTHORIZE,
              "An error stays on a page of the EHR; the app hears nothing of it.",
              "Let the launch expire, and offer to start again.",
              habit_of="Epic, where aud is wrong"),
        Fault("authorize-answer-by-post", Where.AUTHORIZE,
              "The answer is posted to the redirect URI by a form of the browser, errors too.",
              "Take it where that is expected; else say that the answer came in a way that the app "
              "did not ask for.",
              habit_of=LAUNCHER),
        Fault("authorize-asks-consent", Where.AUTHORIZE,
              "Clinicians too are asked what they allow, and may untick scopes.",
              "Do with what was granted, and say what is missing."),
        Fault("authorize-not-assigned", Where.AUTHORIZE,
              "After consent: access_denied, the user is not assigned to the app (E11).",
              "Say that the EHR does not let this user in, and offer to start again."),
        Fault("authorize-error-uri", Where.AUTHORIZE,
              "After consent: access_denied with a URN as error_uri and no description.",
              "Live without a description; show the URN as text, never as a link.",
              habit_of="Oracle"),
        Fault("authorize-state-changed", Where.AUTHORIZE,
              "The answer carries another state than was sent.",
              "Refuse the answer and send its code nowhere."),
        Fault("authorize-iss-wrong", Where.AUTHORIZE,
              "The answer says that another issuer gave it (RFC 9207).",
              "Refuse the answer before the code is sent anywhere: a mix-up attack."),
        Fault("authorize-iss-missing", Where.AUTHORIZE,
              "The answer has no iss although the profile is bcp.",
              "Refuse it where the EHR has promised one, accept it where it has not."),
        *_endpoint_failures(
            "token", Where.TOKEN,
            "and let the person start again", "and let the person start again",
        ),
        Fault("token-invalid-client", Where.TOKEN,
              "401 invalid_client although the client proved itself.",
              "Say that the EHR does not accept the app's own credentials, and whom to tell."),
        Fault("token-invalid-grant", Where.TOKEN, "400 invalid_grant for a good code.",
              "Send the code nowhere else, and let the person start again."),
        Fault("token-raw-secret", Where.TOKEN,
              "id and secret of a Basic header are compared as sent: url-encoded ones are wrong.",
              "Be able to send them as they are, and say that this may be why.", habit_of=LAUNCHER),
        Fault("token-no-expires-in", Where.TOKEN, "expires_in is left out.",
              "Assume a short life and be ready for a 401."),
        Fault("token-expires-in-text", Where.TOKEN, 'expires_in is a string, as in "3600".',
              "Read it as a number.", habit_of="athenahealth"),
        Fault("token-type-lowercase", Where.TOKEN, "token_type is bearer.",
              "Compare it without regard to case, and still send Bearer."),
        Fault("token-scope-degenerate", Where.TOKEN,
              "Resource scopes come back cut off, as in patient/.",
              "Take no right from what is no scope, and say what is missing.",
              habit_of="athenahealth"),
        Fault("token-extra-members", Where.TOKEN,
              "Members nobody knows, of every JSON type, stand in the answer.",
              "Ignore them, or show them as text."),
        Fault("token-duplicate-keys", Where.TOKEN,
              "access_token stands twice in the JSON, with two values.",
              "Refuse the answer: parsers disagree about which one counts."),
        Fault("token-jwt", Where.TOKEN, "Access tokens are JWTs instead of opaque.",
              "Treat them as opaque all the same; only the EHR reads them."),
        Fault("jwks-stale", Where.TOKEN,
              "The copy of the client's key set is kept for ever: a new kid is not found.",
              "Publish a new key long before it signs, and let the old one sign meanwhile."),
        Fault("gateway-policy", Where.TOKEN,
              "2-legged: scopes outside the contract meet the gateway's own JSON (E9).",
              "Understand a 401 that has no error_description.", habit_of="athenahealth"),
        *_endpoint_failures(
            "refresh", Where.REFRESH,
            "keep what there is and try again later",
            "and send the same token again only where a refresh is known not to use it up",
        ),
        Fault("refresh-invalid-grant", Where.REFRESH, "400 invalid_grant: the connection is over.",
              "Forget the refresh token, say that the connection has ended, and offer a new one."),
        Fault("refresh-id-token-no-aud", Where.REFRESH,
              "The id_token of a refresh has no aud.",
              "End no launch for it where nothing is read from this token; never take another aud.",
              habit_of=LAUNCHER),
        Fault("refresh-returns-none", Where.REFRESH, "The answer names no refresh token.",
              "Keep using the old one.", habit_of="Epic and Oracle"),
        Fault("refresh-needs-scope", Where.REFRESH,
              "A refresh that does not name its scope is refused, whatever the profile.",
              "Name in every refresh which of the granted scopes are wanted.",
              habit_of="athenahealth"),
        Fault("refresh-rotates", Where.REFRESH,
              "Every refresh gives a new refresh token; a second use of the old one ends all.",
              "Store the new one before anything else, and never refresh twice at once."),
        Fault("refresh-context-changes", Where.REFRESH,
              "The answer to a refresh names another patient.",
              "Stop: never show one patient's data under the name of another."),
        Fault("id-token-missing", Where.ID_TOKEN, "No id_token although openid was granted.",
              _FORGED),
        Fault("id-token-needs-fhir-user", Where.ID_TOKEN,
              "No id_token for openid alone; only with fhirUser or profile.",
              "Ask for fhirUser too; refuse the launch where openid was granted in vain.",
              habit_of=LAUNCHER),
        Fault("id-token-alg-none", Where.ID_TOKEN, "Signed with the algorithm none.", _FORGED),
        Fault("id-token-hs256", Where.ID_TOKEN,
              "Signed by HMAC with the EHR's public key as the secret.", _FORGED),
        Fault("id-token-bad-signature", Where.ID_TOKEN, "The signature is not the key's.",
              _FORGED),
        Fault("id-token-unknown-key", Where.ID_TOKEN, "Signed by a key that is never published.",
              "Fetch the EHR's keys once more, not endlessly; then refuse the launch."),
        Fault("id-token-late-key", Where.ID_TOKEN,
              "Signed by a new key that is published only later (seconds).",
              "Fetch the keys again after a moment, a few times at most; else refuse.",
              "5", SECONDS, habit_of="Oracle"),
        Fault("id-token-wrong-issuer", Where.ID_TOKEN, "Another EHR's issuer.", _FORGED),
        Fault("id-token-issuer-slash", Where.ID_TOKEN, "The issuer ends with a slash.",
              "Refuse it, unless that very spelling is configured for this EHR."),
        Fault("id-token-second-issuer", Where.ID_TOKEN,
              "The issuer is the FHIR base URL instead of the one in discovery.",
              "Refuse it, unless that very issuer is configured for this EHR.",
              habit_of="Epic"),
        Fault("id-token-wrong-audience", Where.ID_TOKEN, "Made for another client.", _FORGED),
        Fault("id-token-wrong-nonce", Where.ID_TOKEN, "The nonce of another launch.", _FORGED),
        Fault("id-token-no-nonce", Where.ID_TOKEN, "No nonce although one was sent.", _FORGED),
        Fault("id-token-expired", Where.ID_TOKEN, "Expired an hour ago.", _FORGED),
        Fault("id-token-future", Where.ID_TOKEN, "Issued an hour from now.", _FORGED),
        Fault("id-token-wrong-at-hash", Where.ID_TOKEN,
              "at_hash belongs to another access token.", _FORGED),
        Fault("fhir-slow", Where.FHIR, "Every answer comes late (seconds).",
              "Show the page without waiting for ever, and say what is missing.", "5", SECONDS),
        Fault("fhir-500", Where.FHIR, "500 for a resource type, or for all.",
              "Show what else there is, and say what could not be read.", pattern=TYPE),
        Fault("fhir-429", Where.FHIR, "429 with Retry-After: 1 for a resource type, or for all.",
              "Wait as told, try again, and stop after a few times.", pattern=TYPE),
        Fault("fhir-html", Where.FHIR, "200 with a page of HTML for a resource type, or for all.",
              "Refuse it by its content type and show nothing of it.", pattern=TYPE),
        Fault("fhir-expired-token", Where.FHIR,
              "401 for the first access token of a launch, as if it had ended early.",
              "Renew it once, and ask again.", pattern=TYPE),
        Fault("fhir-unknown-token", Where.FHIR, "401 for every access token, renewed ones too.",
              "Renew it once; after a second 401 end the launch, and say so.", pattern=TYPE),
        Fault("fhir-forbidden", Where.FHIR,
              "403 insufficient_scope for a resource type, whatever was granted.",
              "Say that the EHR does not give this out; a 403 is not an empty list.",
              "MedicationRequest", TYPE),
        Fault("fhir-wrong-patient", Where.FHIR, "The records say they are another patient's.",
              "Show none of them, and raise an alarm: it is the worst mistake there is.",
              pattern=TYPE),
        Fault("fhir-foreign-reference", Where.FHIR,
              "The patient is referenced by an address on another host.",
              "Follow no reference to a foreign host: nobody knows whose record it is.",
              pattern=TYPE),
        Fault("fhir-foreign-next", Where.FHIR, "Every next link leads to another host.",
              "Never send the access token there; say that the list is incomplete."),
        Fault("frame-patient-changes", Where.FRAME,
              "The EHR posts patientContextChanged to the framed app (after seconds).",
              "Lock the page: the launch is about the first patient, and stays so.",
              "10", SECONDS, habit_of="athenahealth"),
        Fault("introspect-by-bearer", Where.INTROSPECTION,
              "The caller proves itself by an access token of its own, and by nothing else.",
              "Say that the EHR takes another way to authenticate; send no credentials twice.",
              habit_of=LAUNCHER),
        Fault("introspect-get-only", Where.INTROSPECTION, "POST to introspect gets a 405.",
              "Use GET where the EHR documents it.", habit_of="athenahealth"),
    )
}  # fmt: skip


def parse(*texts: str) -> Faults:
    """Return the chosen faults. Raises FaultUnknown for anything that is not in the registry.

    If several texts name the same fault, the last one counts. Each text may have MAX_CHARACTERS,
    because each is stored separately.
    """
    return dict(_parse_one(item) for text in texts for item in _items(text))


def _items(text: str) -> list[str]:
    if len(text) > MAX_CHARACTERS:
        raise FaultUnknown("These are too many faults at once.")
    return [item for item in text.split(",") if item]


def _parse_one(item: str) -> tuple[str, str]:
    name, colon, argument = item.partition(":")
    fault = FAULTS.get(name)
    if fault is None:
        raise FaultUnknown(f"There is no fault {name}; the launcher lists them all.")
    if not colon:
        return name, fault.argument
    if not fault.pattern or re.fullmatch(fault.pattern, argument) is None:
        raise FaultUnknown(f"The fault {name} cannot be had with {argument}.")
    return name, argument


def wait_for_renewal(chosen: Faults) -> bool:
    """Return whether one of these faults takes effect when an access token is renewed."""
    return any(FAULTS[name].where == Where.REFRESH for name in chosen)


def at_work(chosen: Faults, parts: Iterable[Where], rule: str = "") -> list[str]:
    """Return which faults caused a response: a good one, or a refusal by `rule`."""
    met = [name for name in chosen if FAULTS[name].where in parts]
    return [
        name
        for name in met
        if (bool(rule) if name in OF_REFUSALS else REFUSES.get(name, "") == rule)
    ]


def parts_of(endpoint: str, grant_type: str = "") -> tuple[Where, ...]:
    """Return the parts of the EHR whose faults change the response to this kind of request."""
    return PARTS.get(grant_type) or PARTS.get(endpoint, ())


def joined(*texts: str) -> str:
    """Return several choices as one text."""
    return ",".join(text for text in texts if text)


def by_part(parts: Iterable[Where] = Where) -> list[tuple[Where, list[Fault]]]:
    """Return the faults of these parts of the EHR, grouped, in the order of a launch."""
    return [
        (where, [fault for fault in FAULTS.values() if fault.where == where]) for where in parts
    ]
