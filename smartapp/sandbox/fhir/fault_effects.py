"""How the faults of a launch change the FHIR API (S66); the registry of faults has their names."""

from dataclasses import dataclass

from smartapp.sandbox.access import Access
from smartapp.sandbox.faults import Faults
from smartapp.sandbox.fhir.outcomes import Injected, InsufficientScope, TokenRefused
from smartapp.sandbox.fhir.store import COMPARTMENT, Resource

FOREIGN_BASE_URL = "https://fhir.foreign.example/r4"
ANOTHER_PATIENT = "a-1.E-9999"
STATUSES = {"fhir-500": 500, "fhir-429": 429}


@dataclass(frozen=True, slots=True)
class Alterations:
    """The changes that the faults make to one response."""

    html: bool = False
    foreign_next: bool = False
    wrong_patient: bool = False
    foreign_reference: bool = False

    @property
    def alters_resources(self) -> bool:
        return self.wrong_patient or self.foreign_reference

    def altered(self, resource: Resource) -> Resource:
        """Return a copy of the resource that is about another patient, or refers to one on another
        host."""
        if resource["resourceType"] == "Patient":
            return {**resource, "id": ANOTHER_PATIENT} if self.wrong_patient else resource
        element = COMPARTMENT.get(resource["resourceType"])
        if element is None:
            return resource
        reference = resource[element]["reference"]
        if self.wrong_patient:
            reference = f"Patient/{ANOTHER_PATIENT}"
        if self.foreign_reference:
            reference = f"{FOREIGN_BASE_URL}/{reference}"
        return {**resource, element: {"reference": reference}}


def meet(access: Access, resource_type: str) -> Alterations:
    """Raise according to the faults, or return the changes to make to the response."""
    faults = access.faults
    if not faults:
        return Alterations()
    met = set(meant_for(faults, resource_type))
    if "fhir-unknown-token" in met or ("fhir-expired-token" in met and not access.is_renewed):
        raise TokenRefused("The access token is not valid here.", "A fault that was asked for.")
    if "fhir-forbidden" in met:
        raise InsufficientScope(f"The sandbox was asked to forbid {resource_type}.")
    for name in met & STATUSES.keys():
        raise Injected(STATUSES[name])
    return Alterations(
        html="fhir-html" in met,
        foreign_next="fhir-foreign-next" in met,
        wrong_patient="fhir-wrong-patient" in met,
        foreign_reference="fhir-foreign-reference" in met,
    )


def delay(access: Access | None) -> int:
    """Return by how many seconds the faults put off a response, whatever its type."""
    return int(access.faults.get("fhir-slow", 0)) if access else 0


def meant_for(faults: Faults, resource_type: str) -> Faults:
    """Return the faults that apply to this type: an empty argument means every type."""
    return {
        name: argument
        for name, argument in faults.items()
        if argument in ("", resource_type) or name == "fhir-slow"
    }
