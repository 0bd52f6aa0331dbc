"""Faults that tests put into the FHIR API, one client at a time (S66).

A test calls `inject("client-id", ["slow:Observation:3", "error:Immunization:429"])`; an empty list
ends it. Nothing that a client sends can cause a fault. The faults live in Django's cache under
`sandbox-fhir-fault:<client_id>`, so that a server in another process sees them when both share
a cache.

| Fault | What the client meets |
|---|---|
| `forbid:<Type>` | 403 insufficient_scope, whatever was granted |
| `error:<Type>:<status>` | that status with an OperationOutcome; 429 carries `Retry-After: 1` |
| `html:<Type>` | 200 with an HTML page, as from a proxy that wants a sign-in |
| `slow:<Type>:<seconds>` | the right answer, late |
| `wrong-patient:<Type>` | records that say they are another patient's; for Patient, another id |
| `foreign-reference:<Type>` | the patient is referenced by a URL on another host |
| `foreign-next` | every `next` link points to another host |
"""

import json
import time
from collections.abc import Iterable
from dataclasses import dataclass

from django.core.cache import cache

from smartapp.sandbox.fhir.outcomes import Injected, InsufficientScope
from smartapp.sandbox.fhir.store import COMPARTMENT, Resource

FAULT_LIFETIME_SECONDS = 3600
FOREIGN_BASE_URL = "https://fhir.foreign.example/r4"
ANOTHER_PATIENT = "a-1.E-9999"


def cache_key(client_id: str) -> str:
    return f"sandbox-fhir-fault:{client_id}"


def inject(client_id: str, faults: Iterable[str]) -> None:
    """From now on this client meets exactly these faults."""
    cache.set(cache_key(client_id), json.dumps(list(faults)), FAULT_LIFETIME_SECONDS)


@dataclass(frozen=True, slots=True)
class Faults:
    """The faults of one request, for the resource type that it asks for."""

    html: bool = False
    foreign_next: bool = False
    wrong_patient: bool = False
    foreign_reference: bool = False

    @property
    def alters_resources(self) -> bool:
        return self.wrong_patient or self.foreign_reference

    def altered(self, resource: Resource) -> Resource:
        """A copy of the resource that is about somebody else, or says so from another host."""
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


def meet(client_id: str, resource_type: str) -> Faults:
    """Wait or raise as told; return the faults that change the answer itself."""
    found = [item.split(":") for item in json.loads(cache.get(cache_key(client_id), "[]"))]
    mine = {name: values for name, *values in found if values[:1] in ([], [resource_type])}
    if "slow" in mine:
        time.sleep(float(mine["slow"][1]))
    if "forbid" in mine:
        raise InsufficientScope(f"The sandbox was asked to forbid {resource_type}.")
    if "error" in mine:
        raise Injected(int(mine["error"][1]))
    return Faults(
        html="html" in mine,
        foreign_next="foreign-next" in mine,
        wrong_patient="wrong-patient" in mine,
        foreign_reference="foreign-reference" in mine,
    )
