"""Causes at the way back from the EHR: state, cookies, and what its authorization endpoint said."""

from collections.abc import Callable

from smartapp.diagnosis.case import Case
from smartapp.diagnosis.cause import Certainty, Entry, coded
from smartapp.launches.models import Step


def _answered(*errors: str) -> Callable[[Case], bool]:
    """The authorization endpoint answered with one of these errors; with any, where none is."""
    return lambda case: (
        case.step == Step.CALLBACK
        and (case.ehr_error in errors if errors else bool(case.ehr_error))
    )


def _naming(subject: str, *but_not: str) -> Callable[[Case], bool]:
    """It answered with an error whose words name this, and none of those."""
    return lambda case: (
        _answered()(case) and subject in case.named and not case.named.intersection(but_not)
    )


_REQUEST = ("invalid_request", "invalid_client", "unauthorized_client")
_TROUBLE = ("server_error", "temporarily_unavailable")
_ANSWER = "{c.answer}"

TABLE = (
    Entry(
        "The browser keeps no cookies for the app inside the EHR's frame",
        lambda case: (
            case.code == "cookies-blocked"
            or (case.code == "state-of-another-browser" and case.is_framed)
        ),
        Certainty.SEEN,
        check="Shown in a frame, and no cookie of this app came. Origins that may frame the "
        "app: {c.frame_ancestors}.",
        todo="Serve the app by https, allow its cookies in the browsers' policy, or let the EHR "
        "open it in a window.",
        rule="C151",
    ),
    Entry(
        "The EHR changed the state, or the address was made up",
        coded("state-unknown"),
        Certainty.SEEN,
        check="The state that came back is none that this app makes.",
        todo="Ask the vendor: state must come back as it was sent (RFC 6749 §4.1.2). Look for a "
        "proxy or a link scanner that changes addresses.",
        rule="C50",
    ),
    Entry(
        "The answer came to a browser that did not start the launch",
        lambda case: case.code == "state-of-another-browser" and not case.is_framed,
        Certainty.LIKELY,
        check="No cookie of this launch came with it.",
        todo="Start and finish in one browser, under the address in PUBLIC_URL; let no proxy drop "
        "cookies.",
        rule="C57",
    ),
    Entry(
        "Signing in took longer than ten minutes",
        coded("state-expired"),
        Certainty.SEEN,
        todo="Start again.",
        rule="C43",
    ),
    Entry(
        "The answer was opened a second time, in another browser or session",
        coded("state-already-used"),
        Certainty.SEEN,
        todo="Nothing is wrong: each answer counts once. Start again.",
        rule="C50",
    ),
    Entry(
        "The EHR sent its answer to another registration's redirect URI",
        coded("state-other-registration"),
        Certainty.SEEN,
        todo="Correct the redirect URI at the vendor: each registration has its own.",
        rule="C4",
    ),
    Entry(
        "The answer came without what belongs into it",
        lambda case: case.step == Step.CALLBACK and case.code.startswith("parameter-"),
        Certainty.SEEN,
        todo="Ask the vendor: the answer must carry state, and code or error, each once, in the "
        "address. Look for a proxy or a link scanner that changes addresses.",
        rule="C53",
    ),
    Entry(
        "The answer came by POST, and the app takes it in the address",
        coded("answer-by-post"),
        Certainty.SEEN,
        todo="Ask the vendor to answer with response_mode=query, which is OAuth's default.",
        rule="C53",
    ),
    Entry(
        "The answer names another issuer than the expected ones",
        lambda case: case.code == "authorization-response-invalid" and case.broken_rule == "iss",
        Certainty.SEEN,
        check="{c.seen} Expected: {c.expected_issuers}. Discovery: {c.published_issuer}.",
        todo="If the vendor confirms it, add it to the expected issuers.",
        rule="C51",
    ),
    Entry(
        "The EHR's answer breaks the rules of OAuth",
        lambda case: case.code == "authorization-response-invalid" and case.broken_rule != "iss",
        Certainty.SEEN,
        todo="Ask the vendor; look for a proxy that changes addresses.",
        rule="C53",
    ),
    Entry(
        "The EHR does not know our client id",
        _naming("client_id", "redirect_uri"),
        Certainty.SAID,
        check=_ANSWER,
        todo="Compare {c.client_id} with the vendor's portal: production and sandbox have their "
        "own, and new ones may take hours to be known.",
        rule="C1",
    ),
    Entry(
        "The EHR does not know our redirect URI",
        _naming("redirect_uri"),
        Certainty.SAID,
        check=_ANSWER,
        todo="Enter {c.redirect_uri} there, to the last character.",
        rule="C3",
    ),
    Entry(
        "The EHR does not take our PKCE",
        _naming("pkce"),
        Certainty.SAID,
        check=_ANSWER,
        todo="Ask the vendor for S256.",
        rule="C33",
    ),
    Entry(
        "The EHR does not accept aud",
        _naming("aud"),
        Certainty.SAID,
        check=_ANSWER,
        todo="Compare the FHIR base URL with the vendor's, to the last character.",
        rule="C31",
    ),
    Entry(
        "The EHR does not give these scopes: {c.named_scopes}",
        lambda case: _answered()(case) and bool(case.named_scopes),
        Certainty.SAID,
        check=_ANSWER,
        todo="Tick them for this app in the vendor's portal, or take them out of the registration.",
        rule="C39",
    ),
    Entry(
        "The EHR no longer knows this launch",
        lambda case: _answered(*_REQUEST)(case)
        and "launch" in case.named
        and not case.is_standalone,
        Certainty.SAID,
        check=_ANSWER,
        todo="Open the app again from the chart: a launch value works once and for a short time.",
        rule="C24",
    ),
    Entry(
        "This FHIR base URL is for launches from inside the EHR",
        lambda case: _answered(*_REQUEST)(case) and "launch" in case.named and case.is_standalone,
        Certainty.SAID,
        check="{c.answer} No launch value was sent: the person came from the start page.",
        todo="Register the base URL that the vendor gives for standalone launches, or empty the "
        "scopes of patients, so that nobody is offered to connect here.",
        rule="C22",
    ),
    Entry(
        "The EHR knows only the older form of scopes",
        lambda case: _answered("invalid_scope")(case) and case.is_newer_form,
        Certainty.SEEN,
        check="{c.answer} It lists permission-v1 and not permission-v2.",
        todo="Write .read in place of .rs.",
        rule="C38",
    ),
    Entry(
        "Scopes are asked for that the EHR does not list",
        lambda case: _answered("invalid_scope")(case) and bool(case.unlisted_scopes),
        Certainty.LIKELY,
        check="{c.answer} Nothing in its list covers {c.unlisted_scopes}.",
        todo="Ask the vendor whether these are given; published lists are often incomplete.",
        rule="C39",
    ),
    Entry(
        "A scope is not allowed for this app at the vendor",
        _answered("invalid_scope"),
        Certainty.LIKELY,
        check=_ANSWER,
        todo="Compare the registration's scopes with those ticked in the vendor's portal.",
        rule="C39",
    ),
    Entry(
        "The person, or the EHR's policy, said no",
        _answered("access_denied"),
        Certainty.SEEN,
        check=_ANSWER,
        todo="Ask the person. If they allowed it, ask the EHR's administrator whether this user "
        "may use the app.",
        rule="C52",
    ),
    Entry(
        "The app is not approved for this kind of launch at the vendor",
        _answered("unauthorized_client"),
        Certainty.LIKELY,
        check=_ANSWER,
        todo="Check in the vendor's portal that the app is active, and of the right kind (provider "
        "or patient).",
        rule="C1",
    ),
    Entry(
        "The client id is not known, or is that of another environment",
        _answered("invalid_client", "unauthorized_client"),
        Certainty.LIKELY,
        check=_ANSWER,
        todo="Compare {c.client_id} with the vendor's portal: production and sandbox have their "
        "own, and new ones may take hours to be known.",
        rule="C1",
    ),
    Entry(
        "The EHR has a problem of its own",
        _answered(*_TROUBLE),
        Certainty.SEEN,
        check=_ANSWER,
        todo="Wait; then ask the vendor.",
        rule="C52",
    ),
    Entry(
        "The EHR finds our request incomplete",
        lambda case: _answered()(case)
        and case.ehr_error
        not in ("invalid_scope", "access_denied", "invalid_client", "unauthorized_client",
                *_TROUBLE),
        Certainty.POSSIBLE,
        check=_ANSWER,
        todo="Compare the members that were sent with the vendor's documentation.",
        rule="C30",
    ),
)  # fmt: skip
