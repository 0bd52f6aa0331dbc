"""Causes that the EHR's words name, whichever of its two endpoints says them."""

from smartapp.diagnosis.case import Case
from smartapp.diagnosis.entry import Entry, naming, under
from smartapp.diagnosis.finding import SAID, SEEN
from smartapp.launches.models import Step
from smartapp.protocol.oauth_errors import NO_SIGN_IN

# Errors under which EHRs speak of the launch value.
_OF_LAUNCHES = ("invalid_request", "invalid_client", "unauthorized_client", "invalid_grant")
# What may be switched off or forbidden beside the app itself.
_NOT_THE_APP = ("user", "person", "sign_in", "cookies", "grant", "refreshing", "scope", "form",
                "tenant", "launch", "code", "pkce", "gateway", "keys")  # fmt: skip


def _names_client_id(case: Case) -> bool:
    if case.step == Step.CALLBACK:
        return naming("client_id", but_not=("redirect_uri",))(case)
    others = ("secret", "claimed", "keys")
    return case.is_client_refused and naming("client_id", but_not=others)(case)


def _names_approval(case: Case) -> bool:
    is_of_token = case.step == Step.REFRESH and not case.is_client_refused
    return naming("approval", but_not=_NOT_THE_APP)(case) and not is_of_token


def _names_launch(case: Case) -> bool:
    """The launch value, and not the scope of that name."""
    is_of_launches = case.ehr_error in _OF_LAUNCHES or "launch" in case.ehr_error
    return is_of_launches and naming("launch", but_not=("scope", "aud"))(case)


# A part of a request that did not arrive: nothing else in it was looked at.
LOST = under(
    lambda c: bool(c.missed),
    Entry("C30", SAID, "The EHR misses what was sent to it: {c.missed}",
          lambda c: c.step == Step.CALLBACK, "Look for a sign-in page or a gateway that loses a "
          "part of the address, and ask the vendor what its server got."),
    Entry("C60", SAID, "The EHR misses what was sent to it: {c.missed}",
          lambda c: c.is_at_token_endpoint, "Look for a gateway or a proxy in between that loses a "
          "form or a header, and ask the vendor what its server got.", "client"),
)  # fmt: skip
TABLE = under(
    lambda c: c.is_refused,
    Entry("C1", SAID, "The EHR does not know our client id", _names_client_id,
          "{c.compare_client_id}"),
    Entry("C1", SAID, "What the EHR has about this app is not right in itself", naming("metadata"),
          "Ask the vendor to correct this client's settings there. Signed id_tokens, without "
          "encryption, and one way to authenticate are all that this app needs."),
    Entry("C7", SAID, "The EHR does not know the organization that was asked", naming("tenant"),
          "A tenant, realm or practice is a part of the FHIR base URL, or of the endpoints that "
          "are published there. Compare both with what the vendor gave for this organization, and "
          "ask whether this app is switched on there.", "discovery"),
    Entry("C24", SAID, "The EHR no longer knows this launch",
          lambda c: _names_launch(c) and not c.is_standalone,
          "Open the app again from the chart: a launch value works once and for a short time."),
    Entry("C22", SAID, "This FHIR base URL is for launches from inside the EHR",
          lambda c: c.is_standalone and (_names_launch(c) or "standalone" in c.named),
          "Register the base URL that the vendor gives for standalone launches, or empty the "
          "scopes of patients, so that nobody is offered to connect here.",
          seen="{c.seen} No launch value was sent: the person came from the start page."),
    Entry("C110", SAID, "The EHR has no patient for this launch", naming("patient"),
          "Open the app from a patient's chart. Where patients connect, the person has to choose a "
          "record, and their account needs one."),
    Entry("C1", SAID, "The app is not active at the vendor", _names_approval,
          "Activate it in the vendor's portal, or have the EHR's organization approve it."),
    Entry("C52", SAID, "The EHR refuses this person, or its policy does",
          naming("person", but_not=("keys", "pkce")), "The EHR's administrator has to look after "
          "this person's account there, or after the policy that it names."),
    Entry("C52", SEEN, "The EHR did not let the person sign in, or did not ask them",
          lambda c: c.ehr_error in NO_SIGN_IN or c.is_person_to_sign_in,
          "The person signs in to the EHR and opens the app again; where somebody else is signed "
          "in there, they sign out first. If it stays, the EHR's administrator has to allow this "
          "app there, once for all users; else ask the vendor."),
)  # fmt: skip
