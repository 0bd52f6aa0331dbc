"""What a user is asked before an app gets a code, step by step (S14, S15).

Each step takes the grant of a request that was just validated. It returns the next page or the
response to the app, or raises an error for the app.
"""

from http import HTTPStatus

from django.http import HttpRequest, HttpResponse, QueryDict

from smartapp.sandbox import faults, people, request_log, scopes, sign_in, unregistered_apps
from smartapp.sandbox.fhir.store import PatientSummary
from smartapp.sandbox.grants import AuthorizationCodeGrant
from smartapp.sandbox.models import Consent
from smartapp.sandbox.oauth_request import SandboxRequest
from smartapp.sandbox.refusals import Refusal, login_required
from smartapp.sandbox.server import server
from smartapp.sandbox.views import consent_pages

ERROR_URN = "urn:sandbox:error:smart:access-denied"


def next_page(request: HttpRequest, grant: AuthorizationCodeGrant) -> HttpResponse:
    """Return the next page: sign-in, then the patient picker if there is a choice, then consent if
    it is needed."""
    oauth = grant.request
    signed_in = sign_in.read(request)
    wishes = _wishes(oauth)
    if _has_to_sign_in(oauth, signed_in) or signed_in is None:
        if "none" in wishes:
            raise login_required()
        return consent_pages.sign_in_page(request, oauth)
    if "none" in wishes:
        return _silent(grant, signed_in)
    choice = _patients_to_choose(oauth, signed_in.person)
    if len(choice) > 1:
        return consent_pages.picker_page(request, oauth, signed_in)
    patient = choice[0].id if choice else ""
    if _asks_consent(oauth, signed_in.person):
        return consent_pages.consent_page(request, oauth, signed_in, patient)
    oauth.patient = patient
    return _answer(grant, signed_in, oauth.offered)


def _has_to_sign_in(oauth: SandboxRequest, signed_in: sign_in.SignIn | None) -> bool:
    """Return whether the sign-in page must be shown; an app that is tried is confirmed there."""
    if signed_in is None or oauth.unconfirmed or "login" in _wishes(oauth):
        return True
    return not _is_launcher(oauth, signed_in.person)


def _wishes(oauth: SandboxRequest) -> list[str]:
    return oauth.form.get("prompt", "").split()


def _asks_consent(oauth: SandboxRequest, person: people.Person) -> bool:
    """Return whether the consent page must be shown: to patients, but not to clinicians (S15).

    A practice decides once for its clinicians, so EHRs do not ask at each launch. An app that wants
    the page sends `prompt=consent`.
    """
    asked_for = "consent" in _wishes(oauth) or "authorize-asks-consent" in oauth.faults
    return asked_for or not person.is_clinician


def _is_launcher(oauth: SandboxRequest, person: people.Person) -> bool:
    """Return whether this user started the EHR launch, if there is one (S14)."""
    return oauth.launch is None or oauth.launch.username == person.username


def _patients_to_choose(oauth: SandboxRequest, person: people.Person) -> tuple[PatientSummary, ...]:
    """Return the patients to choose from; none if the launch already has one."""
    if oauth.launch:
        return () if oauth.launch.patient else person.patients
    return person.patients if scopes.need_patient(oauth.offered) else ()


def _silent(grant: AuthorizationCodeGrant, signed_in: sign_in.SignIn) -> HttpResponse:
    """Answer prompt=none without a page, which needs an earlier consent (S15)."""
    oauth = grant.request
    choice = _patients_to_choose(oauth, signed_in.person)
    earlier = Consent.objects.filter(
        client=oauth.client, username=signed_in.person.username
    ).first()
    if earlier is None or len(choice) > 1 or not set(oauth.offered) <= set(earlier.scope.split()):
        words = "The person would have to be asked, and no page may be shown."
        raise Refusal("S15", "consent_required", words)
    oauth.patient = choice[0].id if choice else ""
    return _answer(grant, signed_in, oauth.offered)


def take_sign_in(request: HttpRequest, grant: AuthorizationCodeGrant) -> HttpResponse:
    oauth = grant.request
    if request.POST.get("decision") == "deny":
        raise _denied()
    person = sign_in.check(request.POST.get("username", ""), request.POST.get("password", ""))
    if person is None:
        return consent_pages.sign_in_page(
            request, oauth, problem="This user name and password do not match."
        )
    if not _is_launcher(oauth, person):
        return consent_pages.sign_in_page(
            request, oauth, problem="Somebody else started this launch."
        )
    client = oauth.client
    if client and client.is_tried:
        unregistered_apps.confirm(
            client, oauth.payload.redirect_uri, strict="strict" in request.POST
        )
    wishes = " ".join(wish for wish in _wishes(oauth) if wish != "login")
    response = _see_other(consent_pages.authorize_again(oauth, prompt=wishes))
    sign_in.write(request, response, person)
    return response


def _see_other(address: str) -> HttpResponse:
    """Redirect after a form, so that the browser's Back button never sends a form again."""
    response = HttpResponse(status=HTTPStatus.SEE_OTHER)
    response.headers["Location"] = address
    return response


def show_consent(request: HttpRequest, grant: AuthorizationCodeGrant) -> HttpResponse:
    """Show the consent page for the chosen patient; opening its address allows nothing."""
    oauth, signed_in = grant.request, sign_in.read(request)
    if signed_in is None or oauth.unconfirmed or not _is_launcher(oauth, signed_in.person):
        return consent_pages.sign_in_page(request, oauth)
    patient = _chosen_patient(request.GET, oauth, signed_in.person)
    return consent_pages.consent_page(request, oauth, signed_in, patient)


def take_consent(request: HttpRequest, grant: AuthorizationCodeGrant) -> HttpResponse:
    oauth, decision = grant.request, request.POST.get("decision")
    signed_in = sign_in.read(request)
    if signed_in is None or oauth.unconfirmed or not _is_launcher(oauth, signed_in.person):
        return consent_pages.sign_in_page(request, oauth)
    if not signed_in.allows(request.POST.get("check", "")):
        raise Refusal("S15", "access_denied", "The form does not belong to this sign-in.")
    if decision == "deny":
        raise _denied()
    oauth.patient = _chosen_patient(request.POST, oauth, signed_in.person)
    if decision == "continue" and not _asks_consent(oauth, signed_in.person):
        return _answer(grant, signed_in, oauth.offered)
    if decision != "allow":
        return _see_other(consent_pages.consent_address(oauth, oauth.patient))
    ticked = set(request.POST.getlist("scope"))
    return _answer(grant, signed_in, tuple(s for s in oauth.offered if s in ticked))


def _chosen_patient(values: QueryDict, oauth: SandboxRequest, person: people.Person) -> str:
    choice = [patient.id for patient in _patients_to_choose(oauth, person)]
    chosen = values.get("patient", "")
    if choice and chosen not in choice:
        raise Refusal("S15", "access_denied", "No patient was chosen that this person may open.")
    return chosen if choice else ""


def _answer(
    grant: AuthorizationCodeGrant, signed_in: sign_in.SignIn, allowed: tuple[str, ...]
) -> HttpResponse:
    """Return the code for what was allowed, and store the consent."""
    oauth = grant.request
    if not allowed:
        raise _denied()
    _meet_refusals(oauth.faults)
    oauth.granted, oauth.signed_in_at = allowed, signed_in.at
    answer = grant.create_authorization_response(oauth.payload.redirect_uri, signed_in.person)
    Consent.objects.update_or_create(
        client=oauth.client,
        username=signed_in.person.username,
        defaults={"scope": " ".join(oauth.granted)},
    )
    request_log.record("authorize", oauth, None)
    return server.handle_response(*answer)


def _meet_refusals(met: faults.Faults) -> None:
    """Refuse what the user allowed, if a fault says so (E11, S66)."""
    if "authorize-not-assigned" in met:
        raise Refusal("E11", "access_denied", "User is not assigned to the client application.")
    if "authorize-error-uri" in met:
        refusal = Refusal("S66", "access_denied", "")
        refusal.uri = ERROR_URN
        raise refusal


def _denied() -> Refusal:
    return Refusal("S11", "access_denied", "The person did not allow it.")
