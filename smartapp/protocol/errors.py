"""Everything that can go wrong in a launch, as one tree; docs/errors.md lists it as people meet it.

Each class carries a stable `code`, what `happened` and the `next_step` for the person, and the
HTTP `status` of the page. A person who came from an EHR should not use the start page: where their
next step differs, the class gives it as `in_ehr`. `detail` is only for the log and the operator.
It never holds a token, a code, an assertion, a state or clinical content: name the rule that
failed, not the value.
"""

import math
import re
from dataclasses import dataclass
from typing import ClassVar

ASK_FOR_HELP = "Ask your health system for help, and give the reference below."
REOPEN = "Close the app and open it again from the patient's chart or the patient portal."
WAIT_AND_START = "Wait a little, then start again from your EHR or from the start page."
START = "Start again from your EHR or from the start page."
START_AGAIN = "Start again."
OPEN_AGAIN = "Open the app again from your EHR, or choose your health system on the start page."
FROM_AN_EHR = (
    " If you came from an EHR, tell your administrator that it is not connected to this app yet."
)
# For what may be a chance, and may be there to stay.
IF_TWICE = "If it happens twice, ask your health system for help, and give the reference below."
# For what ends a launch after months, or a moment after it began.
IF_AT_ONCE = (
    "If it ends again at once, ask your health system for help, and give the reference below."
)
# What a person does in place of these who came from an EHR. It may be a clinician, or a patient who
# came from a portal: the EHR says who only with the tokens.
_IN_EHR = {
    "Ask your health system for help": "Tell your administrator or the portal's support",
    "ask your health system for help": "tell your administrator or the portal's support",
    "then start again from your EHR or from the start page": "then close the app and open it again "
    "from the patient's chart or the patient portal",
    START: REOPEN,
    START_AGAIN: REOPEN,
    OPEN_AGAIN: REOPEN,
}


# What a patient does, who connected on the start page and has a button for it on the error's page.
_BY_A_PATIENT = {
    START: START_AGAIN,
    OPEN_AGAIN: "Connect again.",
    " from your EHR or from the start page": "",
    "Open the app again from your EHR.": "Connect again.",
    "Sign in to your EHR or portal": "Sign in to your patient portal",
    FROM_AN_EHR: "",
}
_EHR = re.compile(
    r"\b(?:(?P<theirs>[Tt]he|[Yy]our)|(?P<an>an)|(?P<other>[Tt]his|[Aa]ny|another)) EHR\b"
)


@dataclass(frozen=True, slots=True)
class Wording:
    """What the page of an error says to its reader."""

    title: str
    happened: str
    next_step: str


def in_patients_words(words: str) -> str:
    """Return the app's own words with "your health system" for "the EHR", which patients may never
    have heard of. What is quoted stays; "the EHR" in it gets a space that does not break, as in the
    record's texts (`record/texts.py`)."""
    own, quote, quoted = words.partition("“")
    quoted = quoted.replace("he EHR", "he\N{NO-BREAK SPACE}EHR")
    for to_anybody, to_a_patient in _BY_A_PATIENT.items():
        own = own.replace(to_anybody, to_a_patient)
    own = _EHR.sub(_health_system, own).replace("EHRs", "health systems")
    return f"{own}{quote}{quoted}"


def _health_system(found: re.Match[str]) -> str:
    if found["theirs"]:
        return f"{'Y' if found['theirs'][0].isupper() else 'y'}our health system"
    return f"{'a' if found['an'] else found['other']} health system"


class SmartError(Exception):
    """Base of the app's own errors. `detail` is for the operator, never for the page.

    `rule` is which of several checks of the requirement failed; "" where there is only one. `error`
    and `http_status` are what the EHR answered (RFC 6749 §4.1.2.1, §5.2), `said` its own words, on
    one line and shortened, for administrators. They may quote anything, so they are never logged.
    `came` is what it sent where something else was expected, such as another issuer, also never
    logged.
    """

    code: ClassVar[str] = "smart-error"
    # The requirement that failed (docs/conformance.md), and the step of a launch to which it
    # belongs; "" for the step that the launch had reached.
    requirement: ClassVar[str] = ""
    step: ClassVar[str] = ""
    rule: str = ""
    status: ClassVar[int] = 502
    title: ClassVar[str] = "The launch could not be completed"
    happened: ClassVar[str] = "Something went wrong between this app and the EHR."
    next_step: ClassVar[str] = f"{START} {IF_TWICE}"
    in_ehr: ClassVar[str] = ""

    # Whether the same address works a moment later: nothing was sent, and nothing is used up.
    is_repeatable: ClassVar[bool] = False
    # Seconds until a new attempt makes sense, where that is known.
    retry_after: float | None = None

    def __init__(
        self,
        detail: str = "",
        *,
        rule: str = "",
        error: str = "",
        http_status: int = 0,
        said: str = "",
        came: str = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(detail or self.happened)
        self.detail, self.error, self.http_status, self.said = detail, error, http_status, said
        self.came = came
        self.rule = rule or self.rule
        self.retry_after = self.retry_after if retry_after is None else retry_after

    @classmethod
    def next_step_in_ehr(cls) -> str:
        """Return what to do next for a person who opened the app from an EHR.

        A class that sets a new `next_step` but no `in_ehr` means the same for both, but for what
        only the start page or a health system can do.
        """
        wording = (vars(kind) for kind in cls.__mro__)
        nearest = next(one for one in wording if "in_ehr" in one or "next_step" in one)
        step = str(nearest.get("in_ehr") or nearest["next_step"])
        for elsewhere, in_ehr in _IN_EHR.items():
            step = step.replace(elsewhere, in_ehr)
        return step

    def wording(self, *, is_from_ehr: bool | None) -> Wording:
        """Return what the page says. `is_from_ehr` is False for a person who connected by
        themselves, as patients do, and None if that is not known."""
        if is_from_ehr:
            return Wording(self.title, self.happened, self.next_step_in_ehr())
        said = (self.title, self.happened, self.next_step)
        return Wording(*(said if is_from_ehr is None else map(in_patients_words, said)))

    @property
    def context(self) -> dict[str, str]:
        """Return what the error's page shows besides the sentences of its class."""
        return {}

    @property
    def quoted(self) -> str:
        """`detail` with the EHR's own words, for a terminal or an administrator's page."""
        return f"{self.detail}: “{self.said}”" if self.said else self.detail

    @property
    def retry_in(self) -> str:
        """`retry_after` in words; empty where it is not known."""
        return wait_words(self.retry_after)


def wait_words(seconds: float | None) -> str:
    """Return a time to wait in words: "1 second", "60 minutes"; "" for None."""
    if seconds is None:
        return ""
    whole = max(1, math.ceil(seconds))
    if whole <= 90:
        return "1 second" if whole == 1 else f"{whole} seconds"
    return f"{math.ceil(whole / 60)} minutes"


# --- the browser's request ---------------------------------------------------------------------


class RequestError(SmartError):
    code = "request-invalid"
    status = 400
    title = "This link is not complete"
    happened = "The request is not one that this app can act on."


class ParameterMissing(RequestError):
    code = "parameter-missing"
    requirement = "C20"
    happened = "A part of the address that this app needs is missing."
    next_step = (
        "Start the app from your EHR's menu, or from this app's start page; "
        f"do not open a bookmarked launch address. {IF_TWICE}"
    )
    in_ehr = (
        "Open the app from the patient's chart or the patient portal; a bookmarked launch address "
        f"opens nothing. {IF_TWICE}"
    )


class LaunchByPost(RequestError):
    """The launch URL was opened by a form. An EHR opens it with GET, with `iss` and `launch` in the
    query (SMART App Launch 2.2, "Launch app: EHR Launch")."""

    code = "launch-by-post"
    requirement = "C20"
    title = "The EHR opened this app in a way it does not take"
    happened = (
        "The EHR opened this app by POST, as a form; this app takes what an EHR sends in the "
        "address. Nothing was read, and nobody was signed in."
    )
    next_step = f"Opening it again will not help. {ASK_FOR_HELP}"


class ParameterRepeated(RequestError):
    code = "parameter-repeated"
    requirement = "C20"
    happened = "A part of the address is there twice, so this app cannot know which one is meant."


class ParameterTooLong(RequestError):
    code = "parameter-too-long"
    requirement = "C20"
    happened = "A part of the address is longer than any EHR sends."


class ParameterMalformed(RequestError):
    code = "parameter-malformed"
    requirement = "C20"
    happened = "A part of the address is not written the way the standard says."


class UnknownEndpoint(RequestError):
    code = "unknown-endpoint"
    requirement = "C7"
    status = 404
    title = "This EHR is not connected to this app"
    happened = (
        "The app was opened from an EHR that nobody has registered here, so nothing was sent to it."
    )
    next_step = f"Choose your health system on the start page.{FROM_AN_EHR}"
    in_ehr = f"This EHR has to be connected to this app first. {ASK_FOR_HELP}"


class EndpointDisabled(UnknownEndpoint):
    """An administrator disabled the endpoint or its registration while a person signed in or had a
    page open."""

    code = "endpoint-disabled"
    title = "This EHR was switched off in this app"
    happened = (
        "Somebody who looks after this app has switched it off meanwhile, so it is no longer asked."
    )
    next_step = f"Try again later. {ASK_FOR_HELP}"


NO_WINDOW = (
    "If no window opens, your EHR lets this app open none: tell your administrator, who can have "
    "the EHR open the app in a window of its own."
)


class FrameNotAllowed(RequestError):
    """A browser would leave the frame blank, and the attempt would look successful."""

    code = "frame-not-allowed"
    requirement = "C150"
    status = 403
    title = "This app may not show inside this page"
    happened = (
        "The page that you are on opened this app inside itself, and nobody has allowed it to. So "
        "the EHR was asked for nothing, and nothing of a record is shown here."
    )
    next_step = (
        "Press Continue in a new window. Your administrator can let the EHR show the app in its "
        f"own page. {NO_WINDOW}"
    )


class CookiesBlocked(RequestError):
    """A cookie that was set in the EHR's frame was not sent back."""

    code = "cookies-blocked"
    requirement = "C57"
    status = 403
    title = "Your browser keeps no cookies for this app inside your EHR"
    happened = (
        "Without one the app cannot tell your sign-in from somebody else's, so it has asked the "
        "EHR for nothing."
    )
    next_step = (
        f"Press Continue in a new window: there your browser keeps the app's cookies. {NO_WINDOW}"
    )


class TooManyVisits(RequestError):
    """Too many requests from one network address (T30)."""

    code = "too-many-visits"
    status = 429
    title = "Too many visits from your network"
    happened = (
        "From your network address so many people, or programs, have opened this app just now that "
        "it lets no more in for a moment. Nothing is wrong with your sign-in."
    )
    next_step = "Try again in a moment. If it stays, ask for help."
    in_ehr = "Try again in a moment. If it stays, tell your administrator."
    retry_after = 10.0
    is_repeatable = True


class LaunchNotFound(RequestError):
    code = "launch-not-found"
    status = 404
    title = "This page is not open in this browser"
    happened = "It has ended, has expired, or was opened in another browser."
    next_step = OPEN_AGAIN


class LaunchEnded(RequestError):
    """The launch is this browser's, but it is over."""

    code = "launch-ended"
    step = "end"
    status = 410
    title = "This connection has ended"
    happened = "The app no longer has access to this record through this page."
    next_step = OPEN_AGAIN


class TokensUnopened(RequestError):
    """The launch goes on, and this process lacks the key that sealed its tokens. Another one may
    have it, or this one after its next start."""

    code = "tokens-unopened"
    status = 503
    title = "This app cannot open what it keeps for this page"
    happened = (
        "It is encrypted with a key that the app lacks at this moment. Nothing was shown, and your "
        "access has not ended."
    )
    next_step = f"Wait a few seconds and try again. If it stays: {OPEN_AGAIN}"
    in_ehr = f"Wait a few seconds and press Try again. If it stays: {REOPEN}"
    is_repeatable = True


class Disconnected(LaunchEnded):
    code = "disconnected"
    title = "Disconnected"
    happened = "You disconnected this app from the record. Its access was removed."


class EndedByEHR(LaunchEnded):
    code = "ended-by-ehr"
    requirement = "C125"
    happened = "The EHR ended this app's access, or the time it was given for is over."
    next_step = f"{OPEN_AGAIN} {IF_AT_ONCE}"


class EndedByAdministrator(LaunchEnded):
    code = "ended-by-administrator"
    happened = "An administrator of this app ended its access to this record."


class ContextChanged(LaunchEnded):
    """The EHR told the page in its frame that another patient was opened there."""

    code = "context-changed"
    status = 409
    title = "The patient was changed in the EHR"
    happened = "This page was about the patient who was open there before, so it was closed."
    next_step = "Open the app again from there, in the chart of the patient you mean."


class AccessExpired(LaunchEnded):
    code = "access-expired"
    requirement = "C81"
    title = "Access has run out"
    happened = "The EHR gave access for a limited time, and that time is over."


class AccessRefused(LaunchEnded):
    """The EHR answered 401 to an access token that is not over, and there is no refresh token."""

    code = "access-refused"
    requirement = "C141"
    happened = "The EHR does not accept the access that it gave this app, or has ended it."
    next_step = f"{OPEN_AGAIN} {IF_AT_ONCE}"


class RefreshUncertain(LaunchEnded):
    """A refresh had no usable answer, and its refresh token may be used up (C124)."""

    code = "refresh-uncertain"
    requirement = "C124"
    title = "Access could not be renewed"
    happened = (
        "While this app's access was being renewed, the EHR's answer was lost or could not be "
        "used. Asking a second time could make the EHR end all access that was given, so this app "
        "does not."
    )


class RefreshInterrupted(RefreshUncertain):
    """The process that was refreshing was killed meanwhile."""

    code = "refresh-interrupted"
    happened = (
        "This app was interrupted while it renewed its access, so it does not know what the EHR "
        "answered. Asking a second time could make the EHR end all access that was given, so this "
        "app does not."
    )


class RefreshAnswerUnusable(RefreshUncertain):
    code = "refresh-unusable"
    happened = (
        "When this app's access was renewed, the EHR's answer could not be used. Asking a second "
        "time could make the EHR end all access that was given, so this app does not."
    )


class RefreshProofRefused(RefreshUncertain):
    """`rule` names the check of the id_token that failed."""

    code = "refresh-not-trusted"
    requirement = "C98"
    happened = (
        "When this app's access was renewed, the EHR's proof of who is signed in did not pass "
        "every check, so nothing of that answer was used."
    )


# --- the way back from the EHR -----------------------------------------------------------------


class StateError(SmartError):
    code = "state-invalid"
    requirement = "C50"
    step = "callback"
    status = 400
    title = "This sign-in cannot be continued"


class StateUnknown(StateError):
    code = "state-unknown"
    happened = "The answer carries a sign-in number that this app never gives out."
    next_step = "Start again here."
    in_ehr = REOPEN


class StateChanged(StateError):
    """This browser waits for an answer of this EHR, and the one that came has another state."""

    code = "state-changed"
    title = "The EHR's answer does not fit this sign-in"
    happened = (
        "The EHR sent you back with another sign-in number than the one that this app gave it, so "
        "its answer was not used."
    )
    next_step = f"{START_AGAIN} {IF_TWICE}"


class StateOfAnotherBrowser(StateError):
    """`is_framed`: the answer came inside a frame, where browsers may refuse cookies."""

    code = "state-of-another-browser"
    title = "This browser did not start this sign-in"
    happened = (
        "The sign-in was started in another browser or window, more than an hour ago, "
        "or this browser keeps no cookies for this app."
    )
    next_step = "Start again here. If the app is shown inside your EHR, open it in a new window."
    in_ehr = (
        f"{REOPEN} If that does not help, tell your administrator: your browser keeps no cookies "
        "for this app inside the EHR, or the sign-in was another window's."
    )

    def __init__(self, detail: str = "", *, is_framed: bool = False) -> None:
        super().__init__(detail)
        self.is_framed = is_framed


class StateUnopened(StateError):
    """This browser started the sign-in, and this process cannot open its cookie. Another one may,
    which has the key or is of the release that sealed it. Nothing is used up."""

    code = "state-unopened"
    requirement = "C57"
    status = 503
    title = "This app cannot open what it keeps for this sign-in"
    happened = (
        "It is encrypted with a key, or written in a form, that the app lacks at this moment. "
        "Nothing was sent to the EHR."
    )
    next_step = "Wait a few seconds and try again. If it stays: start again."
    in_ehr = f"Wait a few seconds and press Try again. If it stays: {REOPEN}"
    is_repeatable = True


class StateExpired(StateError):
    code = "state-expired"
    requirement = "C43"
    happened = "Signing in took longer than ten minutes, so it was closed for safety."
    next_step = START_AGAIN


class StateAlreadyUsed(StateError):
    code = "state-already-used"
    happened = "This sign-in was already used once; each one counts only once."
    next_step = "If the app did not open, start again."
    in_ehr = f"If the app did not open: {REOPEN[0].lower()}{REOPEN[1:]}"


class StateOfAnotherRegistration(StateError):
    code = "state-other-registration"
    requirement = "C4"
    happened = "The answer came back on the address of another EHR, so it was not used."
    next_step = f"{START_AGAIN} {IF_TWICE}"


class AuthorizationRefused(SmartError):
    """The EHR answered the authorization request with `error` (RFC 6749 §4.1.2.1)."""

    code = "authorization-refused"
    requirement = "C52"
    step = "callback"
    status = 403
    title = "The EHR refused the sign-in"
    happened = "The EHR sent you back with an error, and nothing was read."
    next_step = f"{START_AGAIN} {IF_TWICE}"


class AccessDenied(AuthorizationRefused):
    code = "access-denied"
    title = "Access was not given"
    happened = "The EHR says that access was not allowed, so nothing was read."
    next_step = (
        "If you chose not to allow it, nothing else is needed. If you did not, start again, or "
        "ask your health system whether you may use this app."
    )
    in_ehr = (
        "If you chose not to allow it, nothing else is needed. If you did not, close the app and "
        "open it again from the patient's chart or the patient portal, or ask your administrator "
        "whether you may use it."
    )


class NotSignedIn(AuthorizationRefused):
    """`login_required` and its like (OpenID Connect Core §3.1.2.6)."""

    code = "not-signed-in"
    title = "The EHR did not sign you in"
    happened = "The EHR needs you to sign in there, or to answer a question, and did not ask you."
    next_step = f"Sign in to your EHR or portal, then start again. {IF_TWICE}"
    in_ehr = f"Sign in to the EHR. {REOPEN} {IF_TWICE}"


class AuthorizationRequestRefused(AuthorizationRefused):
    code = "authorization-request-refused"
    status = 502
    title = "The EHR did not accept this app's request"
    happened = "This app is not set up in the EHR the way it asks to be used."
    next_step = f"Signing in again will not help. {ASK_FOR_HELP}"


class AuthorizationRequestInvalid(AuthorizationRequestRefused):
    """`invalid_request`: EHRs answer it for a launch value that is over or used up, too (C24)."""

    code = "authorization-request-invalid"
    happened = "The EHR did not accept a part of what this app asked it."
    in_ehr = (
        "Close the app and open it again from the patient's chart or the patient portal: an EHR "
        f"lets a launch be used only once, and for a short time. {IF_TWICE}"
    )


class AuthorizationServerUnavailable(AuthorizationRefused):
    code = "authorization-server-unavailable"
    status = 503
    title = "The EHR cannot sign you in right now"
    happened = "The EHR says that it is busy or has a problem of its own."
    next_step = WAIT_AND_START


class AuthorizationResponseInvalid(SmartError):
    code = "authorization-response-invalid"
    requirement = "C51"
    step = "callback"
    status = 400
    title = "The EHR's answer could not be trusted"
    happened = "What came back from signing in does not follow the rules that keep you safe."


class AnswerIncomplete(AuthorizationResponseInvalid):
    """A part of the answer is missing, repeated, too long or malformed. `rule` is the code of the
    RequestError that says which; `came` names the members that came."""

    code = "answer-incomplete"
    requirement = "C53"
    title = "The EHR's answer cannot be read"
    happened = (
        "The EHR sent you back, and a part of its answer is missing, is there twice, or is not "
        "written the way the standard says. Nothing was read, and nobody was signed in."
    )
    next_step = f"{START_AGAIN} {IF_TWICE}"


class AuthorizationErrorWithoutState(AuthorizationResponseInvalid):
    """An `error` without a `state`, so that it cannot be matched to a sign-in.

    RFC 6749 §4.1.2.1 requires the `state` here too, and some EHRs drop it. Anyone can construct
    such an address, so the page quotes nothing from it.
    """

    code = "error-without-state"
    requirement = "C52"
    title = "The EHR refused the sign-in"
    happened = (
        "The EHR sent you back with an error, and did not say which sign-in it belongs to. Nothing "
        "was read."
    )
    next_step = f"{START_AGAIN} {IF_TWICE} This app's administrators can see what the EHR said."


class AnswerByPost(AuthorizationResponseInvalid):
    """The answer came as a form. The app does not ask for that: OAuth's default for a code is the
    query (RFC 6749 §4.1.2; OAuth 2.0 Form Post Response Mode)."""

    code = "answer-by-post"
    requirement = "C53"
    title = "The EHR answered in a way this app does not take"
    happened = (
        "The EHR sent its answer by POST, as a form; this app takes it in the address. Nothing was "
        "read, and nobody was signed in."
    )
    next_step = f"Signing in again will not help. {ASK_FOR_HELP}"


# --- discovery ---------------------------------------------------------------------------------


class DiscoveryError(SmartError):
    """`rule`: what came instead, as "web-page"."""

    code = "discovery-failed"
    requirement = "C10"
    step = "discovery"
    title = "The EHR's settings could not be used"
    happened = (
        "What the EHR says about signing in to it could not be used, so you were not sent there."
    )
    next_step = ASK_FOR_HELP


class DiscoveryInvalid(DiscoveryError):
    code = "discovery-invalid"


class DiscoveryFailed(DiscoveryInvalid):
    """A 5xx, or 429: the EHR has a problem, which says nothing about its document."""

    code = "discovery-unavailable"
    status = 503
    title = "The EHR is not answering"
    happened = "The EHR could not say how to sign in to it. It has a problem of its own."
    next_step = "Try again in a few minutes. If it stays, ask your health system for help."


class DiscoveryIncomplete(DiscoveryError):
    code = "discovery-incomplete"
    requirement = "C12"
    happened = (
        "The EHR does not offer everything that a safe sign-in needs, so you were not sent there."
    )
    next_step = f"Trying again will not help. {ASK_FOR_HELP}"


class PKCEUnannounced(DiscoveryIncomplete):
    """The document lists no challenge method: the only gap that an administrator may allow
    (C12)."""

    rule = "pkce"


class DiscoveryUnread(DiscoveryError):
    """Discovery was never read, so no host is pinned and people are not redirected (C14)."""

    rule = "never-read"


class EndpointHostChanged(DiscoveryError):
    code = "endpoint-host-changed"
    requirement = "C14"
    status = 503
    happened = (
        "The EHR now names another server for signing in than the one that was registered. "
        "Until an administrator has looked at it, nobody is sent there."
    )
    next_step = ASK_FOR_HELP


# --- tokens ------------------------------------------------------------------------------------


class ClientKeyError(SmartError):
    code = "client-key-missing"
    requirement = "C64"
    status = 503
    happened = "This app has nothing yet to prove to the EHR who it is."
    next_step = ASK_FOR_HELP


class TokenError(SmartError):
    code = "token-failed"
    title = "The EHR did not complete the sign-in"


class TokenRefused(TokenError):
    """An OAuth error response of the token endpoint (RFC 6749 §5.2)."""

    code = "token-refused"
    requirement = "C60"
    happened = "The EHR refused the last step of the sign-in."


class TokenEndpointFailed(TokenRefused):
    """A 5xx, or an error that says the same: the EHR failed before it decided anything (C125)."""

    code = "token-endpoint-failed"
    happened = "The EHR had a problem of its own at the last step."
    next_step = WAIT_AND_START


class RefreshRefused(TokenRefused):
    """The EHR refused to renew the access of an open page, and did not end it (C125)."""

    code = "refresh-refused"
    requirement = "C125"
    title = "The EHR did not renew this app's access"
    happened = (
        "The access that the EHR gave this app was for a limited time. When the app asked to renew "
        "it, the EHR refused."
    )
    next_step = "Connect again. If the EHR refuses again, ask your health system for help."
    in_ehr = f"{REOPEN} If the EHR refuses again, tell your administrator what it said."

    @property
    def context(self) -> dict[str, str]:
        """Return the EHR's own words for the page, since only they give the reason."""
        return {"ehr_message": self.said, "start_again_words": "Connect again"}


class RefreshFailed(TokenEndpointFailed):
    """The EHR failed while it should have renewed the access of an open page (C125)."""

    code = "refresh-failed"
    requirement = "C125"
    title = "The EHR could not renew this app's access"
    happened = (
        "The EHR had a problem of its own when this app asked it to renew its access. Nothing is "
        "lost."
    )
    next_step = "Wait a moment and load this page again."
    is_repeatable = True


class InvalidGrant(TokenRefused):
    code = "invalid-grant"
    happened = "The EHR says that this sign-in is no longer valid."


class InvalidClient(TokenRefused):
    code = "invalid-client"
    requirement = "C61"
    title = "The EHR does not accept this app"
    happened = "The EHR did not accept this app's own credentials."
    next_step = f"Signing in again will not help. {ASK_FOR_HELP}"


class KeysReplaced(InvalidClient):
    """An administrator replaced our keys at once, and the EHR has not fetched the new ones."""

    code = "keys-replaced"
    status = 503
    title = "The EHR does not know this app's new keys yet"
    happened = (
        "For safety, an administrator has just replaced the keys that this app proves itself with. "
        "The EHR refuses it until it has fetched the new ones. Nothing is lost."
    )
    next_step = (
        "Wait a few minutes and open the app again from your EHR or from the start page; a page "
        "that was open goes on by itself when you reload it. At some EHRs it takes until tomorrow."
    )
    in_ehr = (
        "Wait a few minutes, then close the app and open it again from the patient's chart or the "
        "patient portal; a page that was open goes on by itself when you reload it. At some EHRs "
        "it takes until tomorrow: your administrator knows which."
    )


class TokenResponseInvalid(TokenError):
    """`rule` is "not-json" if the answer did not come from a token endpoint, "duplicate" if a
    member is there twice."""

    code = "token-response-invalid"
    requirement = "C80"
    happened = "The EHR's answer could not be understood, so it was not used."


class IntrospectionError(TokenError):
    code = "introspection-failed"
    title = "The EHR did not say"
    happened = "The EHR gave no usable answer about a token of this launch."
    next_step = "Nothing was changed. Check the introspection setting of the registration."


class IDTokenError(TokenError):
    """`rule` names the check that failed, such as "iss", "aud", "nonce" or "signature"."""

    code = "id-token-invalid"
    requirement = "C90"
    step = "id_token"
    title = "The EHR's answer could not be trusted"
    happened = "The proof of who signed in did not pass every check, so it was not used."


class IDTokenKeyUnknown(IDTokenError):
    """The EHR may just have changed its keys: they are asked for again once a minute."""

    code = "id-token-key-unknown"
    requirement = "C92"
    happened = (
        "The proof of who signed in could not be matched with one of the EHR's keys, so it was not "
        "used. The EHR may just have changed its keys."
    )
    next_step = f"Wait a minute, then start again from your EHR or from the start page. {IF_TWICE}"


class JWKSError(TokenError):
    code = "jwks-invalid"
    requirement = "C91"
    step = "id_token"
    happened = "What the EHR proves its answers with could not be read, so nothing was used."


class JWKSUnavailable(JWKSError):
    """A 5xx, or 429, of the issuer: it says nothing about its keys."""

    code = "jwks-unavailable"
    status = 503
    happened = (
        "The EHR had a problem of its own at the last step: what it proves its answers with could "
        "not be read, so nothing was used."
    )
    next_step = WAIT_AND_START


class LaunchContextError(TokenError):
    code = "launch-context-invalid"
    requirement = "C101"
    step = "context"
    title = "The EHR's answer could not be trusted"
    happened = (
        "The EHR did not say clearly which patient or visit this is about, so nothing is shown."
    )


class PatientChanged(LaunchContextError):
    code = "patient-changed"
    requirement = "C126"
    status = 409
    title = "The patient has changed, or the visit"
    happened = (
        "The EHR now answers for another patient or visit than the one this page was opened for. "
        "This page was closed for safety."
    )
    next_step = "Connect again, and choose whose record you mean."
    in_ehr = "Open the app again from the right patient's chart."


class ScopeError(SmartError):
    code = "scope-invalid"
    requirement = "C37"
    status = 500
    happened = "This app is set up to ask for something that it must not ask for."
    next_step = ASK_FOR_HELP


# --- FHIR --------------------------------------------------------------------------------------


class FHIRError(SmartError):
    code = "fhir-failed"
    step = "fhir"
    title = "The EHR could not be read"
    happened = "The EHR did not give this part of the record."
    next_step = "Try again in a moment."


class FHIRUnauthorized(FHIRError):
    code = "fhir-unauthorized"
    requirement = "C141"
    status = 403
    happened = "The EHR says that this app's access is over."
    next_step = "Open the app again from your EHR."
    in_ehr = REOPEN


class FHIRForbidden(FHIRError):
    code = "fhir-forbidden"
    status = 403
    happened = "The EHR does not let this app read this part of the record."
    next_step = "Ask your health system if you need it."
    in_ehr = "Ask your administrator if you need it."


class FHIRResponseInvalid(FHIRError):
    code = "fhir-response-invalid"
    happened = "The EHR's answer could not be understood, so it is not shown."


class WrongPatient(FHIRError):
    code = "wrong-patient"
    requirement = "C101"
    status = 409
    title = "The EHR sent another person's record"
    happened = "Nothing of it is shown here. Do not use what you saw on this page before."
    next_step = (
        "Do not use this app for now. Tell your health system, and give the reference below."
    )
    in_ehr = "Report it to your administrator before you open this app again."

    def __init__(self, detail: str = "", *, resource_type: str = "") -> None:
        """`resource_type`: the type that was read by id."""
        super().__init__(detail)
        self.resource_type = resource_type


# --- the EHR as a server -----------------------------------------------------------------------


class EHRUnavailable(SmartError):
    code = "ehr-unavailable"
    requirement = "C15"
    title = "The EHR is not answering"
    happened = "The EHR could not be reached or did not answer usefully."
    next_step = "Wait a little and try again."

    def __init__(
        self,
        detail: str = "",
        *,
        sent: bool = False,
        retry_after: float | None = None,
        rule: str = "",
    ) -> None:
        """`sent`: the request may have reached the EHR, so its effect is unknown. `rule`: where the
        connection failed, such as "dns" or "certificate"."""
        super().__init__(detail, rule=rule, retry_after=retry_after)
        self.sent = sent


class EHRUnreachable(EHRUnavailable):
    code = "ehr-unreachable"
    happened = "No connection to the EHR could be made, or it broke off."


class EHRTimeout(EHRUnavailable):
    code = "ehr-timeout"
    rule = "timeout"
    status = 504
    happened = "The EHR took too long to answer."


class EHRSuspended(EHRUnavailable):
    """Several requests in a row had no answer, so this one was not sent. `rule` is that of the
    last one."""

    code = "ehr-suspended"
    status = 503
    happened = (
        "The EHR did not answer several times in a row, so this app leaves it alone for a moment "
        "instead of letting everybody wait."
    )


class EHRCrowded(EHRUnavailable):
    """So many requests to this EHR are waiting already that one more found no slot."""

    code = "ehr-crowded"
    status = 503
    happened = "The EHR is slow, and many requests to it are waiting for an answer already."
    next_step = "Wait a few seconds and try again."


class OwnLimit(EHRCrowded):
    """This machine can make no more connections, so the EHR was not asked."""

    code = "own-limit"
    title = "Too many people use this app at this moment"
    happened = "This app has as many connections as it may have, so it could not ask the EHR."


class EHRLimited(EHRUnavailable):
    """The EHR answered 429: this app asks too often (C144)."""

    code = "ehr-limited"
    requirement = "C144"
    status = 503
    title = "The EHR limits sign-ins at this moment"
    happened = "The EHR lets this app ask only so often, and has asked it to wait."
    next_step = (
        "Wait as long as it says below. If this page does not go on by itself then, start again."
    )
    in_ehr = (
        "Wait as long as it says below. If this page does not go on by itself then, close the app "
        "and open it again from the patient's chart or the patient portal."
    )


class EHRRedirected(EHRUnavailable):
    code = "ehr-redirected"
    happened = "The EHR sent this app on to another address, and it does not go there by itself."
    next_step = ASK_FOR_HELP


class EHRResponseTooLarge(EHRUnavailable):
    code = "ehr-response-too-large"
    rule = "too-large"
    happened = "The EHR's answer was far larger than it should be, so it was not read."
    next_step = ASK_FOR_HELP


class AddressRefused(EHRUnavailable):
    code = "address-refused"
    happened = "The EHR's address leads to a place where this app must not go."
    next_step = ASK_FOR_HELP


class Busy(SmartError):
    """Nothing was sent and nothing is used up: the same address works in a moment."""

    code = "busy"
    requirement = "C15"
    status = 503
    title = "Too many sign-ins at this moment"
    happened = "This app is handling as many sign-ins as it can."
    next_step = "Wait a few seconds and try again here."
    retry_after: float | None = 2
    is_repeatable = True


class ClientKeyUnopened(Busy, ClientKeyError):
    """This process lacks the key that sealed our signing key, or the client secret. Another one may
    have it, or this one after its next start."""

    code = "client-key-unopened"
    requirement = "C64"
    title = "This app cannot open what it keeps for this EHR"
    happened = (
        "It is encrypted with a key that the app lacks at this moment. Nothing was sent to the EHR."
    )
    next_step = f"Wait here. If it stays: {ASK_FOR_HELP[0].lower()}{ASK_FOR_HELP[1:]}"
    in_ehr = ""
    retry_after = 5.0


class BusyWithEHR(Busy):
    """`rule` is the code of what kept the request back."""

    code = "busy-with-ehr"
    title = "The EHR is slow at this moment"
    happened = (
        "Signing in to this EHR is slow or does not work just now, and many people wait for it "
        "already. Nothing of yours is lost."
    )
    retry_after = 5.0


class TokenBudgetSpent(Busy):
    """The registration's token requests of this minute are spent (C128)."""

    code = "token-budget-spent"
    requirement = "C128"
    title = "The EHR limits sign-ins at this moment"
    happened = (
        "The EHR lets this app ask only so many times a minute, and others have used that up just "
        "now. Nothing of yours is lost."
    )
    next_step = "Wait here. If the EHR then says that this sign-in is over, start again."
    in_ehr = (
        "Wait here. If the EHR then says that this sign-in is over, close the app and open it "
        "again from the patient's chart or the patient portal."
    )


class CodesRefused(TokenBudgetSpent):
    """The EHR has just refused codes that came from this network (T30)."""

    code = "codes-refused"
    happened = (
        "The EHR lets this app ask only so many times a minute, and has just refused sign-ins that "
        "came from your network. So that others get in, the next one from there has to wait. "
        "Nothing of yours is lost."
    )
