"""Causes from the launch's address up to the moment when the person is at the EHR."""

from smartapp.diagnosis.entry import (
    Entry,
    When,
    always,
    broken,
    coded,
    every,
    under,
    with_rest,
)
from smartapp.diagnosis.facts import is_launchable
from smartapp.diagnosis.finding import LIKELY, POSSIBLE, SEEN
from smartapp.launches.models import Step

_OPEN_IT = "Open the address from this machine: "
_DIRECTLY = ("This app connects to EHRs directly and uses no proxy of its environment "
             "(HTTPS_PROXY): this machine must reach them itself.")  # fmt: skip


def _at_ehr(rule: str, title: str, when: When, fix: str) -> Entry:
    """What the EHR's server, or something in its place, did; it can be asked again."""
    return Entry(rule, SEEN, title, when, fix, "discovery")


_COMPARE = ("Compare the FHIR base URL with the vendor's, its path included: /fhir/r4 is often "
            "forgotten.")  # fmt: skip
_DISCOVERY = under(coded("discovery-failed", "discovery-invalid"), *with_rest((
    Entry("C14", SEEN, "Discovery of this endpoint was never read", broken("never-read"),
          "Open the endpoint's discovery page and read it now."),
    _at_ehr("C10", "A web page answers in the place of the EHR's SMART configuration",
            broken("web-page"), f"{_OPEN_IT}a proxy, a sign-in page or a gateway answers "
            f"there, or the address is a website's. {_COMPARE}"),
    _at_ehr("C10", "The EHR's SMART configuration is broken", broken("malformed"),
            "The address is right, and the document there is broken: ask the vendor to mend it. "
            "Until then, publish a corrected copy, and enter its address on the endpoint's "
            "discovery page, as SMART configuration."),
    _at_ehr("C10", "Something refuses to show the EHR's SMART configuration",
            broken("refused"), f"{_OPEN_IT}it has to be public. Look for a proxy or a gateway "
            "in between that wants a sign-in, and compare the FHIR base URL with the vendor's."),
), _at_ehr("C10", "The FHIR base URL does not lead to a SMART configuration",
           always, _COMPARE)))  # fmt: skip
# Of a code, that it was kept back because of it.
_SUSPENDED = (("ehr-suspended", ""), ("busy-with-ehr", "ehr-suspended"))
_CONNECTION = (
    _at_ehr("C15", "The EHR answers with a redirect, which is never followed",
            coded("ehr-redirected"), f"{_OPEN_IT}where it leads is the vendor's new address, or a "
            "gateway's sign-in page."),
    _at_ehr("C15", "The EHR did not answer several times in a row",
            lambda c: (c.code, c.broken_rule) in _SUSPENDED,
            f"{_OPEN_IT}look at the firewall and DNS. {_DIRECTLY}"),
    _at_ehr("C15", "The EHR took too long", coded("ehr-timeout"),
            f"Try again; then look at the firewall, and ask the vendor. {_DIRECTLY}"),
    _at_ehr("C15", "The EHR's answer is too large", coded("ehr-response-too-large"),
            f"{_OPEN_IT}something else than an EHR may answer there."),
    *under(coded("ehr-unreachable", "ehr-suspended"), *with_rest((
        _at_ehr("C15", "The EHR's certificate cannot be trusted", broken("certificate"),
                f"{_OPEN_IT}ask the vendor for a certificate of that name, in date, with its whole "
                "chain. A gateway of your own network that opens TLS has to leave this host "
                "alone."),
        _at_ehr("C15", "No TLS connection can be made to the EHR", broken("tls"),
                "Ask the vendor for TLS 1.2 or newer on this port, and look for a proxy that "
                "answers without TLS."),
        _at_ehr("C15", "The EHR's host is not known in DNS", broken("dns"),
                f"Look for typing mistakes in the host; then at this machine's DNS. {_DIRECTLY}"),
        _at_ehr("C15", "The EHR's answer is not one of HTTP that can be read",
                broken("encoding", "not-http"), "Look for typing mistakes in the port, and "
                "ask the vendor what its server, or a proxy in front of it, sends. What is "
                "compressed has to be so by gzip, as the request says."),
        _at_ehr("C15", "The EHR broke its answer off", broken("cut"),
                "Try again. If it stays, look for a proxy or a firewall in between that cuts "
                "connections, and ask the vendor."),
    ), _at_ehr("C15", "The EHR could not be reached from here",
               lambda c: c.code != "ehr-suspended" or bool(c.broken_rule),
               "Look for typing mistakes in the host and its port; then at DNS and the firewall. "
               f"{_DIRECTLY}"))),
)  # fmt: skip
_NO_WAY_BACK = ("The EHR then shows an error page of its own, and sends nobody back (RFC 6749 "
                "§4.1.2.1). {c.others}")  # fmt: skip
_UNKNOWN = under(
    coded("unknown-endpoint", "endpoint-disabled"),
    Entry("C7", SEEN, "{c.nearest.name} is switched off, or launches nobody",
          lambda c: c.is_nearest_the_same and not is_launchable(c.nearest),
          "Switch on the endpoint and its registration.",
          seen="Its FHIR base URL is that of the iss that came."),
    Entry("C20", SEEN, "iss is that of {c.nearest.name}, with more than a FHIR base URL has",
          lambda c: c.is_nearest_the_same and not c.is_iss_a_base,
          "Let the EHR send the FHIR base URL alone as iss, without user name, ? and #.",
          seen="iss was {c.iss}; it has {c.nearest.fhir_base_url}."),
    Entry("C7", SEEN, "iss is that of {c.nearest.name} in another spelling",
          lambda c: c.is_nearest_the_same and c.is_iss_a_base and is_launchable(c.nearest),
          "Open the EHR under the address that is registered, or register this spelling too.",
          seen="iss was {c.iss}; it has {c.nearest.fhir_base_url}. {c.nearest_difference}"),
    Entry("C7", LIKELY, "iss is nearly that of {c.nearest.name}, and not equal",
          lambda c: bool(c.nearest) and not c.is_nearest_the_same,
          "Correct the FHIR base URL of the endpoint, or the launch in the EHR.",
          seen="iss was {c.iss}; {c.nearest.name} has {c.nearest.fhir_base_url}. "
               "{c.nearest_difference}"),
    Entry("C1", SEEN, "The EHR was switched off in this app meanwhile", coded("endpoint-disabled"),
          "Switch the endpoint and its registration on, and start again."),
    Entry("C22", SEEN, "What was opened belongs to no EHR that is switched on",
          lambda c: not c.iss and c.code != "endpoint-disabled", "Open the start page and choose "
          "there. An old link ends when an endpoint is switched off, removed or renamed."),
    Entry("C20", SEEN, "What came as iss is not the address of an EHR",
          lambda c: bool(c.iss) and not c.is_iss_an_address, "Let the EHR send the FHIR base URL "
          "as iss: with https://, encoded once, and no placeholder in its place.",
          seen="iss was {c.iss}."),
    Entry("C7", SEEN, "This EHR is not registered here",
          lambda c: c.is_iss_an_address and c.nearest is None,
          "Register the EHR with this FHIR base URL, if it is one of yours.",
          seen="No endpoint has {c.iss}."),
)  # fmt: skip
_AWAY = under(
    lambda c: c.is_away,
    Entry("C43", LIKELY, "The person may still be signing in", lambda c: c.may_still_come,
          "Wait, and load this page again.",
          seen="Ten minutes are not over yet. What another process of this app sees shows here "
               "some seconds later."),
    Entry("C153", LIKELY, "The EHR's sign-in may refuse to be shown in a frame",
          lambda c: bool(c.asked["framed"]), "Open the app in that frame yourself. If it stays "
          "grey, tick Signs in in a window of its own in the registration.",
          seen="The launch began in a frame. A sign-in that refuses frames leaves a grey area, and "
               "no answer comes."),
    Entry("C56", LIKELY, "The person did not finish at the EHR",
          lambda c: not c.may_still_come and c.facts.came_back > 0, "Ask them to try again.",
          seen="{c.others}"),
    Entry("C3", POSSIBLE, "The EHR does not know our redirect URI", always,
          "Compare, to the last character, what the vendor has with {c.redirect_uri}",
          seen=_NO_WAY_BACK),
    Entry("C1", POSSIBLE, "The EHR does not know our client id", always, "{c.compare_client_id}",
          seen=_NO_WAY_BACK),
    Entry("C31", POSSIBLE, "The EHR does not accept aud", always,
          "Compare the FHIR base URL with the vendor's, to the last character.",
          seen="aud was {c.asked[aud]}. Some EHRs, as Epic, show an error page of their own then, "
               "too."),
)  # fmt: skip
TABLE = (
    *_UNKNOWN,
    *with_rest((
        Entry("C3", SEEN, "The EHR sent its answer to the launch URL",
              lambda c: c.step == Step.LAUNCH and c.code == "parameter-missing"
              and not {"code", "error"}.isdisjoint(c.came.split(", ")), "Enter the registration's "
              "redirect URI at the vendor, to the last character: its page shows it.",
              seen="{c.seen} {c.address_has}"),
    ), Entry("C20", SEEN, "The launch address was opened without what an EHR sends, or with more",
             lambda c: c.step == Step.LAUNCH and c.code.startswith("parameter-"),
             "Let the EHR open the launch URL itself; it must send iss and launch, each once, and "
             "encoded once. A bookmark cannot work.", seen="{c.seen} {c.address_has}")),
    Entry("C20", SEEN, "The EHR opened the launch URL by POST, and the app takes it in the address",
          coded("launch-by-post"),
          "Let the EHR open the launch URL with GET, with iss and launch in its query."),
    Entry("C150", SEEN, "The EHR shows the app in a frame, and nobody has allowed it to",
          coded("frame-not-allowed"), "Enter the EHR's origin in the registration under May show "
          "this app in a frame, or have the EHR open the app in a window of its own.",
          seen="The app was opened {c.failure[failure]}. Origins that may frame the app: "
               "{c.frame_ancestors}."),
    Entry("C150", LIKELY, "The frame of another origin may have stayed blank",
          lambda c: bool(c.asked["framed_from"]), "If the EHR shows the app there, enter this "
          "origin in the registration under May show this app in a frame.",
          seen="The app was opened in a frame of {c.asked[framed_from]}, perhaps by a page on the "
               "way. Origins that may frame the app: {c.frame_ancestors}."),
    Entry("C14", SEEN, "The EHR names a server that nobody has accepted",
          coded("endpoint-host-changed"),
          "Ask the vendor; then accept the hosts on the endpoint's discovery page.", "discovery"),
    *with_rest((
        _at_ehr("C12", "The EHR does not say that it takes PKCE",
                every(coded("discovery-incomplete"), broken("pkce")),
                "Ask the vendor to list S256. {c.pkce_way_out}"),
    ), _at_ehr("C12", "The EHR does not publish what a safe launch needs",
               coded("discovery-incomplete"), "Ask the vendor to publish it, and whether this FHIR "
               "base URL is the one for SMART apps.")),
    Entry("C15", SEEN, "The address is private, or not https", coded("address-refused"),
          "Enter an address that is public and begins with https."),
    _at_ehr("C10", "The EHR has a problem of its own",
            coded("discovery-unavailable", "jwks-unavailable"), "Wait; then ask the vendor."),
    *_DISCOVERY,
    Entry("C63", SEEN, "The EHR may have waited for our keys in vain",
          lambda c: (c.code, c.step) == ("ehr-timeout", Step.TOKEN) and bool(c.key_problem),
          "{c.key_problem.fix}", "published-key", seen="{c.key_problem.seen}"),
    *_CONNECTION,
    Entry("C15", SEEN, "Too many launches waited for their EHR", coded("busy"), "Add processes."),
    Entry("C15", SEEN, "This app could make no more connections",
          lambda c: "own-limit" in (c.code, c.broken_rule),
          "Raise the limit of open files (ulimit -Hn) of its process, or add processes."),
    Entry("C15", SEEN, "The EHR is slow, and too many waited",
          lambda c: c.code == "ehr-crowded"
          or (c.code == "busy-with-ehr"
              and c.broken_rule not in {"ehr-suspended", "own-limit"}),
          "Ask the vendor why it is slow."),
    Entry("C15", SEEN, "This app or its database failed, and not the EHR",
          coded("database-away", "sign-in-lost", "unexpected-error"),
          "Look up the reference number in the log. `doctor` says whether the database takes a "
          "launch now."),
    Entry("C37", SEEN, "The registration's scopes cannot be sent", coded("scope-invalid"),
          "Correct them in the registration."),
    Entry("C3", SEEN, "Our redirect URI changed while the person was at the EHR",
          lambda c: bool(c.uri_moved), "Keep PUBLIC_URL the same on every machine. Enter "
          "{c.current_uri} at the vendor, or set PUBLIC_URL back.",
          seen="Asked for: {c.asked[redirect_uri]}. Now: {c.current_uri}. {c.uri_moved}"),
    *_AWAY,
)  # fmt: skip
