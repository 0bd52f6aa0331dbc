"""Causes from the launch's address up to the moment when the person is at the EHR."""

from smartapp.diagnosis.cause import Certainty, Entry, coded
from smartapp.launches.models import Step

TABLE = (
    Entry(
        "{c.nearest.name} is switched off, or launches nobody",
        lambda case: (
            case.code == "unknown-endpoint"
            and case.is_switched_off
            and case.nearest is not None
            and not case.nearest.launchable
        ),
        Certainty.SEEN,
        check="Its FHIR base URL is that of the iss that came.",
        todo="Switch on the endpoint and its registration.",
        rule="C7",
    ),
    Entry(
        "iss is that of {c.nearest.name} in another spelling",
        lambda case: (
            case.code == "unknown-endpoint"
            and case.is_switched_off
            and case.nearest is not None
            and case.nearest.launchable
        ),
        Certainty.SEEN,
        check="iss was {c.iss}; it has {c.nearest.fhir_base_url}. {c.nearest_difference}",
        todo="Open the EHR under the address that is registered, or register this spelling too.",
        rule="C7",
    ),
    Entry(
        "iss is nearly that of {c.nearest.name}, and not equal",
        lambda case: (
            case.code == "unknown-endpoint"
            and case.nearest is not None
            and not case.is_switched_off
        ),
        Certainty.LIKELY,
        check="iss was {c.iss}; {c.nearest.name} has {c.nearest.fhir_base_url}. "
        "{c.nearest_difference}",
        todo="Correct the FHIR base URL of the endpoint, or the launch in the EHR.",
        rule="C7",
    ),
    Entry(
        "This EHR is not registered here",
        lambda case: case.code == "unknown-endpoint" and case.nearest is None,
        Certainty.SEEN,
        check="No endpoint has {c.iss}.",
        todo="Register the EHR with this FHIR base URL, if it is one of yours.",
        rule="C7",
    ),
    Entry(
        "The launch address was opened without what an EHR sends with it",
        lambda case: case.step == Step.LAUNCH and case.code.startswith("parameter-"),
        Certainty.SEEN,
        todo="Let the EHR open the launch URL itself; it must send iss and launch, each once. A "
        "bookmark cannot work.",
        rule="C20",
    ),
    Entry(
        "The EHR shows the app in a frame, and nobody has allowed it to",
        coded("frame-not-allowed"),
        Certainty.SEEN,
        check="The app was opened {c.failure[failure]}. Origins that may frame the app: "
        "{c.frame_ancestors}.",
        todo="Enter the EHR's origin in the registration under May show this app in a frame, or "
        "have the EHR open the app in a window of its own.",
        rule="C150",
    ),
    Entry(
        "The EHR names a server that nobody has accepted",
        coded("endpoint-host-changed"),
        Certainty.SEEN,
        todo="Ask the vendor; then accept the hosts on the endpoint's discovery page.",
        rule="C14",
    ),
    Entry(
        "The EHR does not say that it takes PKCE",
        lambda case: case.code == "discovery-incomplete" and case.broken_rule == "pkce",
        Certainty.SEEN,
        todo="Ask the vendor to list S256. If its servers take PKCE all the same, say so in the "
        "registration, with who says it and when: Takes PKCE unannounced.",
        rule="C12",
    ),
    Entry(
        "The EHR does not publish what a safe launch needs",
        lambda case: case.code == "discovery-incomplete" and case.broken_rule != "pkce",
        Certainty.SEEN,
        todo="Check that the FHIR base URL is the one for SMART apps, and ask the vendor.",
        rule="C12",
    ),
    Entry(
        "Discovery of this endpoint was never read",
        lambda case: case.code.startswith("discovery") and case.broken_rule == "never-read",
        Certainty.SEEN,
        todo="Open the endpoint's discovery page and read it now.",
        rule="C14",
    ),
    Entry(
        "The EHR has a problem of its own",
        coded("discovery-unavailable"),
        Certainty.SEEN,
        todo="Wait; then ask the vendor.",
        rule="C10",
    ),
    Entry(
        "The FHIR base URL does not lead to a SMART configuration",
        lambda case: (
            case.code in ("discovery-failed", "discovery-invalid")
            and case.broken_rule != "never-read"
        ),
        Certainty.SEEN,
        todo="Compare the base URL with the vendor's, its path included (/fhir/r4 is often "
        "forgotten). Where a web page came, a proxy, a sign-in page or a gateway answers in the "
        "EHR's place.",
        rule="C10",
    ),
    Entry(
        "The address is private, or not https",
        coded("address-refused"),
        Certainty.SEEN,
        todo="Enter an address that is public and begins with https.",
        rule="C15",
    ),
    Entry(
        "The EHR answers with a redirect, which is never followed",
        coded("ehr-redirected"),
        Certainty.SEEN,
        todo="Open the address from this machine: the vendor's new address, or a gateway's sign-in "
        "page, is where it leads.",
        rule="C15",
    ),
    Entry(
        "The EHR may have waited for our keys in vain",
        lambda case: (
            case.code == "ehr-timeout" and case.step == Step.TOKEN and case.key_finding is not None
        ),
        Certainty.SEEN,
        check="{c.key_finding.seen}",
        todo="{c.key_finding.fix}",
        rule="C63",
    ),
    Entry(
        "The EHR did not answer several times in a row",
        coded("ehr-suspended"),
        Certainty.SEEN,
        todo="Open the address from this machine; check firewall, proxy and DNS.",
        rule="C15",
    ),
    Entry(
        "The EHR took too long",
        coded("ehr-timeout"),
        Certainty.SEEN,
        todo="Try again; then look at the firewall, and ask the vendor.",
        rule="C15",
    ),
    Entry(
        "The EHR could not be reached from here",
        coded("ehr-unreachable"),
        Certainty.SEEN,
        todo="Open the address from this machine; check firewall, proxy, DNS, and whether browsers "
        "accept the certificate.",
        rule="C15",
    ),
    Entry(
        "The EHR's answer is too large",
        coded("ehr-response-too-large"),
        Certainty.SEEN,
        todo="Open the address from this machine: something else than an EHR may answer there.",
        rule="C15",
    ),
    Entry(
        "Too many launches waited for their EHR",
        coded("busy"),
        Certainty.SEEN,
        todo="Add processes.",
        rule="C15",
    ),
    Entry(
        "The EHR is slow, and too many waited",
        coded("busy-with-ehr", "ehr-crowded"),
        Certainty.SEEN,
        todo="Ask the vendor why it is slow.",
        rule="C15",
    ),
    Entry(
        "The registration's scopes cannot be sent",
        coded("scope-invalid"),
        Certainty.SEEN,
        todo="Correct them in the registration.",
        rule="C37",
    ),
    Entry(
        "Our redirect URI changed while the person was at the EHR",
        lambda case: bool(case.uri_moved) and not case.uri_moved.startswith("They are equal"),
        Certainty.SEEN,
        check="Asked for: {c.asked_uri}. Now: {c.current_uri}. {c.uri_moved}",
        todo="Keep PUBLIC_URL the same on every machine. Enter {c.current_uri} at the vendor, or "
        "set PUBLIC_URL back.",
        rule="C3",
    ),
    Entry(
        "The person may still be signing in",
        lambda case: case.may_still_come,
        Certainty.LIKELY,
        check="Ten minutes are not over yet.",
        todo="Wait, and load this page again.",
        rule="C43",
    ),
    Entry(
        "The EHR's sign-in may refuse to be shown in a frame",
        lambda case: case.is_away and case.began_framed,
        Certainty.LIKELY,
        check="The launch began in a frame. A sign-in that refuses frames leaves a grey area, and "
        "no answer comes.",
        todo="Open the app in that frame yourself. If it stays grey, tick Signs in in a window of "
        "its own in the registration.",
        rule="C153",
    ),
    Entry(
        "The person did not finish at the EHR",
        lambda case: case.is_away and case.facts.came_back > 0,
        Certainty.LIKELY,
        check="{c.others}",
        todo="Ask them to try again.",
        rule="C56",
    ),
    Entry(
        "The EHR does not know our redirect URI",
        lambda case: case.is_away and case.facts.came_back == 0,
        Certainty.POSSIBLE,
        check="{c.others}",
        todo="Compare, to the last character, what the vendor has with {c.redirect_uri}",
        rule="C3",
    ),
    Entry(
        "The EHR does not know our client id",
        lambda case: case.is_away and case.facts.came_back == 0,
        Certainty.POSSIBLE,
        check="{c.others}",
        todo="Check that {c.client_id} is the one of this environment: production and sandbox have "
        "their own. New ones may take hours to be known.",
        rule="C1",
    ),
)
