"""The CapabilityStatement: what the FHIR API supports, and where to get a token.

It includes the old `oauth-uris` extension, which SMART App Launch 1.0 clients read (SMART App
Launch 2.2, "Conformance", keeps it for compatibility).
"""

from typing import Any

from smartapp import __version__
from smartapp.sandbox import addresses
from smartapp.sandbox.fhir.search import parameters_of
from smartapp.sandbox.fhir.store import TYPES

OAUTH_URIS = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"
OAUTH_ENDPOINTS = ("authorize", "token", "introspect", "revoke")
SEARCH_TYPES = {
    "_id": "token",
    "ah-practice": "reference",
    "patient": "reference",
    "subject": "reference",
    "encounter": "reference",
    "name": "string",
    "family": "string",
    "given": "string",
    "_lastUpdated": "date",
    "authoredon": "date",
    "birthdate": "date",
    "authored": "date",
    "date": "date",
    "effective": "date",
    "effective-time": "date",
    "start-date": "date",
    "whenhandedover": "date",
    "onset-date": "date",
}


US_CORE = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-"
PROFILES = {
    "AllergyIntolerance": ("allergyintolerance",),
    "CarePlan": ("careplan",),
    "CareTeam": ("careteam",),
    "Condition": ("condition-problems-health-concerns", "condition-encounter-diagnosis"),
    "Coverage": ("coverage",),
    "Device": ("implantable-device",),
    "DiagnosticReport": ("diagnosticreport-note",),
    "DocumentReference": ("documentreference",),
    "Encounter": ("encounter",),
    "Goal": ("goal",),
    "Immunization": ("immunization",),
    "Location": ("location",),
    "MedicationDispense": ("medicationdispense",),
    "MedicationRequest": ("medicationrequest",),
    "Observation": ("observation-lab", "vital-signs"),
    "Organization": ("organization",),
    "Patient": ("patient",),
    "Practitioner": ("practitioner",),
    "Procedure": ("procedure",),
    "QuestionnaireResponse": ("questionnaireresponse",),
    "RelatedPerson": ("relatedperson",),
    "ServiceRequest": ("servicerequest",),
}
"""The US Core profiles that the records follow; a few records lack required elements. Types that US
Core does not have are not named."""


def capability_statement() -> dict[str, Any]:
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": "2026-11-01",
        "kind": "instance",
        "description": "A sandbox with synthetic people only. No record is of a real person.",
        "software": {"name": "smartapp sandbox", "version": __version__},
        "implementation": {
            "description": "smartapp sandbox, FHIR R4",
            "url": addresses.fhir_base_url(),
        },
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json"],
        "rest": [
            {
                "mode": "server",
                "security": _security(),
                "resource": [_resource(name) for name in sorted(TYPES)],
            }
        ],
    }


def _security() -> dict[str, Any]:
    uris = {name: addresses.endpoint(name) for name in OAUTH_ENDPOINTS}
    service = {
        "system": "http://terminology.hl7.org/CodeSystem/restful-security-service",
        "code": "SMART-on-FHIR",
        "display": "SMART-on-FHIR",
    }
    return {
        "extension": [
            {
                "url": OAUTH_URIS,
                "extension": [{"url": name, "valueUri": uri} for name, uri in uris.items()],
            }
        ],
        "cors": True,
        "service": [{"coding": [service], "text": "OAuth2 using SMART App Launch"}],
    }


def _resource(resource_type: str) -> dict[str, Any]:
    names = sorted(parameters_of(resource_type))
    profiles = [f"{US_CORE}{name}" for name in PROFILES.get(resource_type, ())]
    return {
        "type": resource_type,
        **({"supportedProfile": profiles} if profiles else {}),
        "versioning": "no-version",
        "interaction": [{"code": "read"}, {"code": "search-type"}],
        "searchParam": [{"name": name, "type": SEARCH_TYPES.get(name, "token")} for name in names],
    }
