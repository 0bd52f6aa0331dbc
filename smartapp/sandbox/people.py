"""Who may sign in to the sandbox: its own users, never Django's.

`clinician` and `patient` always exist. Every synthetic practitioner and patient can also sign in
with their FHIR id. All share one password, which the sign-in page shows.
"""

from dataclasses import dataclass
from hashlib import sha256

from smartapp.sandbox import addresses
from smartapp.sandbox.fhir import store
from smartapp.sandbox.fhir.store import PatientSummary, PractitionerSummary

PASSWORD = "sandbox"  # noqa: S105 - printed on the page; it protects nothing
CLINICIAN = "clinician"
PATIENT = "patient"


@dataclass(frozen=True, slots=True)
class Person:
    username: str
    name: str
    reference: str
    patients: tuple[PatientSummary, ...]
    """The patients whose records they may open: all for a clinician, for a patient their own and
    their children's."""

    @property
    def is_clinician(self) -> bool:
        return self.reference.startswith("Practitioner/")

    @property
    def fhir_user(self) -> str:
        return f"{addresses.fhir_base_url()}/{self.reference}"

    @property
    def subject(self) -> str:
        """The `sub` of id_tokens: stable, and without meaning (S35)."""
        return "00u" + sha256(f"sandbox:{self.reference}".encode()).hexdigest()[:17]

    def may_open(self, patient: str) -> bool:
        return any(summary.id == patient for summary in self.patients)


def find_person(username: str) -> Person | None:
    for practitioner in store.practitioners():
        if practitioner.id == username:
            return _clinician(practitioner.id, practitioner)
    if username == CLINICIAN:
        return _clinician(CLINICIAN, store.practitioners()[0])
    if username == PATIENT:
        return _patient(PATIENT, _patient_with_proxy())
    patient = find_patient(username)
    return _patient(patient.id, patient) if patient else None


def clinicians() -> tuple[Person, ...]:
    """Return all who may start a launch; the first is `clinician`."""
    first, *others = store.practitioners()
    return (_clinician(CLINICIAN, first), *(_clinician(other.id, other) for other in others))


def find_patient(id: str) -> PatientSummary | None:
    return next((summary for summary in store.patients() if summary.id == id), None)


def _clinician(username: str, practitioner: PractitionerSummary) -> Person:
    reference = f"Practitioner/{practitioner.id}"
    return Person(username, practitioner.name, reference, store.patients())


def _patient(username: str, own: PatientSummary) -> Person:
    records = (own, *store.may_act_for(own.id))
    return Person(username, own.name, f"Patient/{own.id}", records)


def _patient_with_proxy() -> PatientSummary:
    """Return the first patient who also acts for a child, so that proxies are easy to find."""
    everybody = store.patients()
    return next((summary for summary in everybody if store.may_act_for(summary.id)), everybody[0])
