"""From the launch's address to the EHR and back to the callback."""

from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from smartapp.launches.facts import Known
from smartapp.launches.models import Step
from smartapp.launches.pending import PENDING_LIFETIME
from smartapp.launches.why.case import Case, Cause, Causes, client_id, difference, simple
from smartapp.protocol.scopes import ResourceScope, parse_scope


def _unknown_iss(case: Case) -> Causes:
    if case.code != "unknown-endpoint":
        return
    iss = str(case.failure.get("iss", ""))
    nearest = _nearest(iss, case.facts.known)
    todo = "Register the EHR with this FHIR base URL, if it is one of yours."
    if nearest and nearest.fhir_base_url.removesuffix("/") == iss.removesuffix("/"):
        yield Cause(
            96,
            f"{nearest.name} is switched off, or launches nobody",
            "Its FHIR base URL equals the iss that came.",
            "Switch on the endpoint and its registration.",
            "C7",
        )
    elif nearest:
        check = f"iss was {iss}; {nearest.name} has {nearest.fhir_base_url}. " + difference(
            iss, nearest.fhir_base_url
        )
        todo = "Correct the FHIR base URL of the endpoint, or the launch in the EHR."
        yield Cause(94, f"iss is nearly that of {nearest.name}, and not equal", check, todo, "C7")
    yield Cause(
        80, "This EHR is not registered here", f"No endpoint has {iss or 'it'}.", todo, "C7"
    )


def _nearest(iss: str, known: Sequence[Known]) -> Known | None:
    """Return the endpoint of the same host whose base looks most like this one."""
    host = urlsplit(iss.lower()).hostname
    alike = [one for one in known if host and urlsplit(one.fhir_base_url).hostname == host]
    exact = [one for one in alike if one.fhir_base_url.removesuffix("/") == iss.removesuffix("/")]
    ordered = sorted(alike, key=lambda one: abs(len(one.fhir_base_url) - len(iss)))
    return next(iter(exact or ordered), None)


def _launch_url(case: Case) -> Causes:
    if case.step == Step.LAUNCH and case.code.startswith("parameter-"):
        yield Cause(
            85,
            "The launch address was opened without what an EHR sends with it",
            f"{case.words or case.code}.",
            "Let the EHR open the launch URL itself; it must send "
            "iss and launch, each once. A bookmark cannot work.",
            "C20",
        )


def _discovery(case: Case) -> Causes:
    seen = f"{case.words}."
    if case.code == "endpoint-host-changed":
        yield Cause(
            95,
            "The EHR names a server that nobody has accepted",
            seen,
            "Ask the vendor; then accept the hosts on the endpoint's discovery page.",
            "C14",
        )
    elif case.code == "discovery-incomplete":
        yield Cause(
            95,
            "The EHR does not publish what a safe launch needs",
            seen,
            "Check that the FHIR base URL is the one for SMART apps, and ask the vendor. If only "
            "PKCE is not announced and the vendor says that it is taken, say so in the "
            "registration: Takes PKCE unannounced.",
            "C12",
        )
    elif case.code.startswith("discovery") and "never read" in case.words:
        yield Cause(
            95,
            "Discovery of this endpoint was never read",
            seen,
            "Open the endpoint's discovery page and read it now.",
            "C14",
        )
    elif case.code.startswith("discovery"):
        yield Cause(
            90,
            "The FHIR base URL does not lead to a SMART configuration",
            seen,
            "Compare the base URL with the vendor's, its path included (/fhir/r4 is often "
            "forgotten).",
            "C10",
        )


def _reach(case: Case) -> Causes:
    """The EHR was not reached, whatever the step."""
    what = {
        "address-refused": (95, "The address is private, or not https", "C15"),
        "ehr-redirected": (90, "The EHR answers with a redirect, which is never followed", "C15"),
        "ehr-suspended": (88, "The EHR did not answer several times in a row", "C15"),
        "ehr-timeout": (85, "The EHR took too long", "C15"),
        "ehr-unreachable": (85, "The EHR could not be reached from here", "C15"),
        "ehr-response-too-large": (85, "The EHR's answer is too large", "C15"),
    }.get(case.code)
    if what is None:
        return
    weight, title, rule = what
    yield Cause(
        weight,
        title,
        f"{case.words}.",
        "Open the address from this machine; check firewall, proxy and DNS.",
        rule,
    )
    if case.code == "ehr-timeout" and case.step == Step.TOKEN:
        finding = case.facts.problem("published-key")
        if finding:
            yield Cause(
                92, "The EHR may have waited for our keys in vain", finding.seen, finding.fix, "C63"
            )


def _never_came_back(case: Case) -> Causes:
    last = case.timeline[-1]
    if case.failed or last.step != Step.AUTHORIZE:
        return
    if case.facts.now - last.at < PENDING_LIFETIME:
        yield Cause(
            80,
            "The person may still be signing in",
            "Ten minutes are not over yet.",
            "Wait, and load this page again.",
            "C43",
        )
    others = case.facts.came_back
    if others:
        check = f"{others} other launches of this endpoint came back."
        yield Cause(
            70, "The person did not finish at the EHR", check, "Ask them to try again.", "C56"
        )
    check = "No launch of this endpoint has come back yet." if not others else "Others came back."
    uri = case.first(Step.AUTHORIZE, "redirect_uri")
    yield Cause(
        40 if others else 75,
        "The EHR does not know our redirect URI",
        check,
        f"Compare, to the last character, what the vendor has with {uri}",
        "C3",
    )
    yield Cause(
        35 if others else 65,
        "The EHR does not know our client id",
        check,
        f"Check that {case.first(Step.AUTHORIZE, 'client_id')} is the one of this environment: "
        "production and sandbox have their own. New ones may take hours to be known.",
        "C1",
    )


def _moved(case: Case) -> Causes:
    """Our own redirect URI is not what it was when the launch began."""
    config = case.facts.config
    asked = case.first(Step.AUTHORIZE, "redirect_uri")
    sent = str(case.token.get("redirect_uri", ""))
    if case.failed is None and case.timeline[-1].step != Step.AUTHORIZE:
        return
    if asked and sent and asked != sent:
        yield Cause(
            97,
            "The redirect URI changed between request and exchange",
            difference(asked, sent),
            "Keep PUBLIC_URL the same on every machine.",
            "C60",
        )
    if config and asked and asked != config.redirect_uri:
        yield Cause(
            95,
            "The launch asked for another redirect URI than the registration has now",
            f"{asked}: {difference(asked, config.redirect_uri)}",
            f"Enter {config.redirect_uri} at the vendor, or set PUBLIC_URL back.",
            "C3",
        )


def _state(case: Case) -> Causes:
    framed = "framed" in case.words
    ancestors = case.facts.config.frame_ancestors if case.facts.config else ()
    if case.code == "state-of-another-browser" and framed:
        check = f"Shown in a frame; origins that may: {', '.join(ancestors) or 'none'}."
        yield Cause(
            92,
            "The browser keeps no cookies for the app inside the EHR's frame",
            check,
            "Enter the EHR's origin under frame ancestors, serve the app by https, or let the EHR "
            "open it in a window.",
            "C151",
        )
    elif case.code == "state-of-another-browser":
        yield Cause(
            85,
            "The answer came to a browser that did not start the launch",
            "No cookie of this launch came with it.",
            "Start and finish in one browser, under the "
            "address in PUBLIC_URL; let no proxy drop cookies.",
            "C57",
        )
    yield from simple(
        case,
        {
            "state-expired": (90, "Signing in took longer than ten minutes", "Start again.", "C43"),
            "state-already-used": (
                90,
                "The answer was opened a second time, in another browser or session",
                "Nothing is wrong: each answer counts once. Start again.",
                "C50",
            ),
            "state-unknown": (
                85,
                "The address was made up or cut short",
                "Look for a proxy or a link scanner that changes addresses.",
                "C50",
            ),
            "state-other-registration": (
                92,
                "The EHR sent its answer to another registration's redirect URI",
                "Correct the redirect URI at the vendor: each registration has its own.",
                "C4",
            ),
        },
    )


def _response_issuer(case: Case) -> Causes:
    if case.code != "authorization-response-invalid":
        return
    expected = ", ".join(case.facts.config.issuers) if case.facts.config else ""
    if "iss" in case.words.split():
        check = (
            f"{case.words}. Expected: {expected}. Discovery: {case.facts.published.get('issuer')}."
        )
        yield Cause(
            92,
            "The answer names another issuer than the expected ones",
            check,
            "If the vendor confirms it, add it to the expected issuers.",
            "C51",
        )
    else:
        yield Cause(
            80,
            "The EHR's answer breaks the rules of OAuth",
            f"{case.words}.",
            "Ask the vendor; look for a proxy that changes addresses.",
            "C53",
        )


def _authorization_refused(case: Case) -> Causes:
    if case.step != Step.CALLBACK or not case.ehr_error:
        return
    check = f"The EHR answered {case.ehr_error}."
    yield from {
        "access_denied": _access_denied,
        "invalid_scope": _invalid_scope,
        "unauthorized_client": _not_approved,
        "invalid_client": _not_approved,
        "invalid_request": _invalid_request,
    }.get(case.ehr_error, _ehr_trouble)(case, check)


def _access_denied(_: Case, check: str) -> Causes:
    yield Cause(
        80,
        "The person, or the EHR's policy, said no",
        check,
        "Ask the person. If they allowed it, ask the EHR's administrator whether this user may "
        "use the app.",
        "C52",
    )


def _invalid_scope(case: Case, check: str) -> Causes:
    asked = (case.first(Step.AUTHORIZE, "scope")).split()
    capabilities = case.facts.published.get("capabilities", ())
    if _has_v2(asked) and "permission-v1" in capabilities and "permission-v2" not in capabilities:
        yield Cause(
            96,
            "The EHR knows only the older form of scopes",
            f"{check} It lists permission-v1 and not permission-v2.",
            "Write .read in place of .rs.",
            "C38",
        )
    supported = case.facts.published.get("scopes_supported")
    if isinstance(supported, list) and (strange := [s for s in asked if s not in supported]):
        yield Cause(
            92,
            "Scopes are asked for that the EHR does not list",
            f"{check} Not in its list: {' '.join(strange)}.",
            "Take them out of the registration, or let the vendor add them.",
            "C39",
        )
    yield Cause(
        75,
        "A scope is not allowed for this app at the vendor",
        check,
        "Compare the registration's scopes with those ticked in the vendor's portal.",
        "C39",
    )


def _has_v2(scopes: Sequence[str]) -> bool:
    return any(
        isinstance(parse_scope(one), ResourceScope) and not one.endswith((".read", ".write", ".*"))
        for one in scopes
    )


def _not_approved(case: Case, check: str) -> Causes:
    yield Cause(
        85,
        "The app is not approved for this kind of launch at the vendor",
        check,
        "Check in the vendor's portal that the app is active, and of the right kind (provider or "
        "patient).",
        "C1",
    )
    yield client_id(case, 80, check)


def _invalid_request(case: Case, check: str) -> Causes:
    uri = case.first(Step.AUTHORIZE, "redirect_uri")
    named = {
        "redirect_uri": ("The EHR does not know our redirect URI", f"Enter {uri} there.", "C3"),
        "code_verifier": ("The EHR does not take our PKCE", "Ask the vendor for S256.", "C33"),
        "aud": (
            "The EHR does not accept aud",
            "Compare the FHIR base URL with the vendor's, to the last character.",
            "C31",
        ),
        "launch": (
            "The EHR no longer knows this launch",
            "Open the app again from the chart: a launch value works once and for a short time.",
            "C24",
        ),
        "client_id": ("The EHR does not know our client id", "Compare it with the vendor's.", "C1"),
    }
    for hint in named.keys() & case.hints:
        title, todo, rule = named[hint]
        yield Cause(90, title, f"{check} Its description names it.", todo, rule)
    yield Cause(
        60,
        "The EHR finds our request incomplete",
        check,
        "Compare the members that were sent with the vendor's documentation.",
        "C30",
    )


def _ehr_trouble(_: Case, check: str) -> Causes:
    yield Cause(85, "The EHR has a problem of its own", check, "Wait; then ask the vendor.", "C52")


FINDERS: tuple[Callable[[Case], Causes], ...] = (
    _unknown_iss,
    _launch_url,
    _discovery,
    _reach,
    _never_came_back,
    _moved,
    _state,
    _response_issuer,
    _authorization_refused,
)
