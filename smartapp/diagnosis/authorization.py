"""Causes at the way back from the EHR: state, cookies, and what its authorization endpoint said."""

from smartapp.diagnosis.case import Case
from smartapp.diagnosis.client import SAME_RING
from smartapp.diagnosis.entry import (
    Entry,
    always,
    answered,
    broken,
    coded,
    every,
    naming,
    under,
    with_rest,
)
from smartapp.diagnosis.finding import LIKELY, POSSIBLE, SAID, SEEN
from smartapp.launches.models import Step
from smartapp.protocol.oauth_errors import TROUBLE


def _is_refused(case: Case) -> bool:
    return case.step == Step.CALLBACK and case.is_refused


def _scope_refused(case: Case) -> bool:
    """By its code, or by words that name nothing else."""
    is_said = "scope" in case.named and case.named <= {"scope", "invalid", "form", "approval"}
    return case.ehr_error == "invalid_scope" or is_said


_PROXY = "Look for a proxy or a link scanner that changes addresses."
_STATE = f"Ask the vendor: state must come back as it was sent (RFC 6749 §4.1.2). {_PROXY}"

_ISS_MISSING = ("Ask the vendor to send iss, or to take "
                "authorization_response_iss_parameter_supported out of its documents (RFC 9207). "
                f"{_PROXY}")  # fmt: skip

_REFUSED = under(
    _is_refused,
    Entry("C3", SAID, "The EHR takes https addresses only",
          every(naming("redirect_uri", "https"), lambda c: not c.redirect_uri.startswith("https:")),
          "Serve the app by https, and set PUBLIC_URL to that address.",
          seen="{c.seen} Sent was {c.redirect_uri}"),
    Entry("C44", SAID, "The request is too long for the EHR",
          naming("length", but_not=("redirect_uri",)), "Take scopes out of the registration that "
          "are not used, or ask the vendor to take it as a form and to list authorize-post.",
          "scopes", seen="{c.seen} Asked for: {c.asked_for}."),
    Entry("C57", SAID, "The EHR's sign-in finds no cookies of its own in this browser",
          naming("cookies"), "Allow the EHR's cookies in the browsers' policy. If the app was "
          "opened in a frame, tick Signs in in a window of its own in the registration."),
    Entry("C3", SAID, "The EHR does not know our redirect URI", naming("redirect_uri"),
          "Enter {c.redirect_uri} there, to the last character."),
    Entry("C30", SAID, "The EHR wants the request to be pushed to it before", naming("pushed"),
          "This app sends it with the browser (SMART App Launch 2.2). Ask the vendor to require no "
          "pushed authorization requests (PAR, RFC 9126) of this client."),
    Entry("C33", SAID, "The EHR does not take our PKCE", naming("pkce"), "Ask the vendor for S256.",
          "discovery"),
    Entry("C31", SAID, "The EHR does not accept aud",
          naming("aud", but_not=("redirect_uri", "approval")),
          "Compare the FHIR base URL with the vendor's, to the last character.",
          seen="{c.seen} aud was {c.asked[aud]}."),
    Entry("C38", LIKELY, "Scopes of both forms, .read and .rs, are asked for at once",
          lambda c: c.scopes.is_mixed and not c.scopes.is_other_form and (
              _scope_refused(c) or "form" in c.named),
          "Some EHRs refuse both in one request. Write all in one form: {c.scopes.form_to_write}.",
          "scope-forms", seen="Asked for: {c.asked_for}.", before=lambda c: c.scopes.is_mixed,
          said=naming("form")),
    Entry("C38", SAID, "The EHR wants scopes in another form",
          lambda c: "form" in c.named and ("scope" in c.named or c.ehr_error == "invalid_scope"),
          "Write them in the form that it names: .read in place of .rs is version 1, .rs in place "
          "of .read is version 2.", "scopes", seen="{c.seen} Asked for: {c.asked_for}."),
    Entry("C40", SAID, "The EHR gives this app no lasting access",
          lambda c: "refreshing" in c.named and " " not in c.scopes.named
          and not c.scopes.is_each_named, "Allow refresh tokens for this app in the vendor's "
          "portal, or take offline_access and online_access out of the registration.", "scopes"),
    Entry("C39", SAID, "The EHR does not give these scopes: {c.scopes.named}",
          lambda c: bool(c.scopes.named) and (c.ehr_error != "access_denied" or "scope" in c.named),
          "Tick them for this app in the vendor's portal, or take them out of the registration.",
          "scopes"),
    Entry("C38", SEEN, "The EHR lists only the {c.scopes.only_form} form of scopes",
          every(answered("invalid_scope"), lambda c: c.scopes.is_other_form),
          "Write {c.scopes.form_to_write}.", "scope-forms", seen="Asked for: {c.asked_for}.",
          before=lambda c: c.scopes.is_other_form and not (
              c.scopes.is_mixed or c.scopes.permissions)),
    Entry("C39", LIKELY, "Scopes are asked for that the EHR does not list",
          lambda c: _scope_refused(c) and bool(c.scopes.unlisted),
          "Ask the vendor whether these are given: published lists are often incomplete. If not, "
          "take them out of the registration.", "scopes",
          seen="Nothing in its list covers {c.scopes.unlisted}.",
          before=lambda c: bool(c.scopes.unlisted)),
    Entry("C39", LIKELY, "A scope is not allowed for this app at the vendor",
          lambda c: _scope_refused(c) and not c.scopes.named,
          "Compare the registration's scopes with those ticked in the vendor's portal.", "scopes",
          seen="{c.seen} Asked for: {c.asked_for}."),
    Entry("C52", SEEN, "The person, or the EHR's policy, said no",
          lambda c: (c.ehr_error == "access_denied" or "refusal" in c.named)
          and not c.is_person_to_sign_in, "Ask the person. If they allowed it, ask the EHR's "
          "administrator whether this user may use the app."),
    Entry("C1", SEEN, "The app may not sign people in by a code at the vendor",
          lambda c: c.ehr_error == "unsupported_response_type" or "grant" in c.named, "Allow the "
          "authorization code grant (response_type=code) for this app in the vendor's portal."),
    Entry("C1", LIKELY, "The app is not approved for this kind of launch at the vendor",
          answered("unauthorized_client"), "Check in the vendor's portal that the app is active, "
          "of the right kind (provider or patient), and may use the authorization code grant."),
    Entry("C1", LIKELY, "The client id is not known, or is that of another environment",
          answered("invalid_client", "unauthorized_client"), "{c.compare_client_id}"),
    Entry("C52", SEEN, "The EHR has a problem of its own",
          lambda c: (c.ehr_error in TROUBLE or naming("limit", but_not=("length", "person"))(c))
          and not c.is_person_to_sign_in, "Wait; then ask the vendor."),
)  # fmt: skip
_STATES = with_rest((
    Entry("C50", SEEN, "The EHR changed the state", coded("state-changed"), _STATE,
          seen="The launch that this browser had begun {c.waited} before came back with a state "
               "that is not the one that was sent."),
    Entry("C50", LIKELY, "The EHR changed the state",
          every(coded("state-of-another-browser", "state-unknown"), lambda c: c.is_found_by_time),
          _STATE,
          seen="A launch of this EHR, begun {c.waited} before and waiting for its answer, never "
               "got one; this answer came with a state that nobody has."),
    Entry("C151", SEEN, "The browser keeps no cookies for the app inside the EHR's frame",
          lambda c: c.code == "cookies-blocked"
          or (c.code == "state-of-another-browser" and bool(c.failure["framed"])),
          "Serve the app by https, allow its cookies in the browsers' policy, or let the EHR open "
          "it in a window.",
          seen="Shown in a frame, and no cookie of this app came. Origins that may frame the app: "
               "{c.frame_ancestors}."),
    Entry("C50", SEEN, "The EHR changed the state, or the address was made up",
          lambda c: c.code == "state-unknown" and not c.is_found_by_time, _STATE,
          seen="The state that came back is none that this app makes, and no launch of this EHR "
               "waited for an answer."),
    Entry("C57", SEEN, "The launch's cookie came, and this process could not open it",
          coded("state-unopened"), SAME_RING),
), Entry("C57", LIKELY, "The answer came to a browser that did not start the launch",
         coded("state-of-another-browser"), "Start and finish in one browser, under the address in "
         "PUBLIC_URL; let no proxy drop cookies.", seen="No cookie of this launch came with it."),
)  # fmt: skip
_RULES = under(
    coded("authorization-response-invalid"),
    *with_rest((
        Entry("C51", SEEN, "The EHR announces iss in its answers, and this one has none",
              every(broken("iss-missing"), answered("")), _ISS_MISSING, "discovery"),
        Entry("C51", POSSIBLE, "The EHR announces iss in its answers, and sends errors without it",
              every(broken("iss-missing"), lambda c: bool(c.ehr_error)), _ISS_MISSING, "discovery"),
        Entry("C51", SEEN, "The answer names another issuer than the expected ones", broken("iss"),
              "If the vendor confirms it, add it to the expected issuers.", "discovery",
              seen="{c.seen} {c.compared} Discovery names {c.published_issuer}."),
    ), Entry("C53", SEEN, "The EHR's answer breaks the rules of OAuth", always,
             f"Ask the vendor. {_PROXY}")),
)  # fmt: skip
TABLE = (
    *_STATES,
    Entry("C43", SEEN, "Signing in took longer than ten minutes", coded("state-expired"),
          "Start again."),
    Entry("C50", SEEN, "The answer was opened a second time, in another browser or session",
          coded("state-already-used"), "Nothing is wrong: each answer counts once. Start again.",
          seen="Its state was used up before."),
    Entry("C4", SEEN, "The EHR sent its answer to another registration's redirect URI",
          coded("state-other-registration"),
          "Correct the redirect URI at the vendor: each registration has its own."),
    Entry("C53", SEEN, "The answer came without what belongs into it, or with more",
          coded("answer-incomplete"), "Ask the vendor: the answer must carry state, and code or "
          f"error, each once, in the address. {_PROXY}", seen="{c.seen} {c.address_has}"),
    Entry("C53", SEEN, "The answer came by POST, and the app takes it in the address",
          coded("answer-by-post"),
          "Ask the vendor to answer with response_mode=query, which is OAuth's default."),
    *_REFUSED,
    *_RULES,
)  # fmt: skip

OTHERWISE = Entry(
    "C30", POSSIBLE, "The EHR refuses our request; its words name no cause that is known here",
    _is_refused, "Compare the members that were sent with the vendor's documentation.",
    seen="{c.seen} Sent were {c.sent}.",
)  # fmt: skip
