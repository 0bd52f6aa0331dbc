"""EHR launches: the situation in the EHR when an app is opened, and the context that the app
gets."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import Q
from django.utils import timezone

from smartapp.sandbox import addresses, people
from smartapp.sandbox.fhir import store
from smartapp.sandbox.fhir.store import EncounterSummary, PatientSummary
from smartapp.sandbox.models import Client, Launch, digest, is_past, new_secret
from smartapp.sandbox.refusals import Refusal, invalid_request

LAUNCH_LIFETIME = timedelta(minutes=5)
TENANT = "a-195900"
PRACTICE = "Organization/a-1.Practice-195900"
DEPARTMENT = "a-195900.Department-1"


class LaunchImpossible(Exception):
    """The requested launch cannot be created; the message tells the developer why."""


@dataclass(frozen=True, slots=True)
class Scene:
    """The situation in the EHR when the app is launched: user, patient and visit."""

    person: people.Person
    patient: PatientSummary
    encounter: str

    @property
    def visit(self) -> EncounterSummary | None:
        visits = self.patient.encounters
        return next((visit for visit in visits if visit.id == self.encounter), None)


def set_scene(user: str, patient: str, encounter: str) -> Scene:
    """Return the scene. Empty arguments become `clinician`, the first patient and the latest
    visit."""
    person = people.find_person(user or people.CLINICIAN)
    if person is None:
        raise LaunchImpossible(f"Nobody here is called {user}.")
    record = people.find_patient(patient or person.patients[0].id)
    if record is None or not person.may_open(record.id):
        raise LaunchImpossible(f"There is no patient {patient} that {person.name} may open.")
    visits = [visit.id for visit in record.encounters]
    if encounter and encounter not in visits:
        raise LaunchImpossible(f"{record.name} has no encounter {encounter}.")
    return Scene(person, record, encounter or next(iter(visits), ""))


def start(
    client: Client | None,
    scene: Scene,
    *,
    intent: str,
    need_patient_banner: bool,
    faults: str,
    ask_patient: bool = False,
) -> str:
    """Return the one-time `launch` value, which the app must send back within five minutes (S14).

    `ask_patient`: no chart is open, so the user chooses the patient during the launch.
    """
    Launch.objects.filter(expires_at__lt=timezone.now()).delete()
    value = new_secret()
    Launch.objects.create(
        digest=digest(value),
        client=client,
        username=scene.person.username,
        patient="" if ask_patient else scene.patient.id,
        encounter="" if ask_patient else scene.encounter,
        intent=intent,
        need_patient_banner=need_patient_banner,
        faults=faults,
        expires_at=timezone.now() + LAUNCH_LIFETIME,
    )
    return value


def find(client: Client, value: str) -> Launch:
    """Return a launch that this client may still use; raises `invalid_request` otherwise."""
    whose = Q(client=None) if client.is_tried else Q(client=client)
    launch = Launch.objects.filter(whose, digest=digest(value)).first()
    if launch is None:
        raise invalid_request("S14", "The launch value is not one that was given to this client.")
    if launch.used_at:
        raise _already_used()
    if is_past(launch.expires_at):
        raise invalid_request("S14", "The launch value is older than five minutes.")
    return launch


def use(launch: Launch) -> None:
    """Consume the launch. Of two requests at the same moment, one is refused."""
    unused = Launch.objects.filter(pk=launch.pk, used_at=None)
    if not unused.update(used_at=timezone.now()):
        raise _already_used()


def _already_used() -> Refusal:
    return invalid_request("S14", "The launch value was used before.")


def context(launch: Launch, patient: str) -> dict[str, Any]:
    """Return the launch context of an EHR launch, for the token response (S36)."""
    members = {
        "patient": patient,
        "encounter": launch.encounter,
        "need_patient_banner": launch.need_patient_banner,
        "smart_style_url": addresses.own("smart-style.json"),
        "intent": launch.intent,
        "tenant": TENANT,
        "ah_practice": PRACTICE,
        "ah_department": DEPARTMENT,
        "fhirContext": [
            {"reference": location, "type": "Location"} for location in _locations(launch)
        ],
    }
    return {name: value for name, value in members.items() if value not in ("", [])}


def _locations(launch: Launch) -> list[str]:
    """Return the locations of the visit, for `fhirContext` (S36)."""
    visit = store.store().find("Encounter", launch.encounter)
    stays = visit.resource.get("location", []) if visit else []
    return [stay["location"]["reference"] for stay in stays]
