"""Scopes in words, for the people whose records they open (C82, C83).

Users should not have to read `patient/Observation.rs`. Every scope gives a sentence, also an EHR's
own and broken ones. Called through `scopes.describe`.
"""

import re
from collections.abc import Set as AbstractSet

from smartapp.protocol.text import plain_text

MAX_QUOTED_CHARACTERS = 60

_FIXED = {
    "launch": "Know which patient is open in your health record system",
    "openid": "Know that it is you who signed in",
    "profile": "Know your name and basic account details",
    "email": "Know your e-mail address",
    "phone": "Know your phone number",
    "address": "Know the address in your account",
    "fhirUser": "Know who you are in the health record: patient, relative or clinician",
    "offline_access": "Stay connected when you are not using this app, until you disconnect it",
    "online_access": "Stay connected for as long as you are signed in to your health record system",
    "smart/orchestrate_launch": "Open other apps for you",
}
_LAUNCH_TYPES = {
    "patient": "Know whose record you choose",
    "encounter": "Know which visit is open",
    "practitioner": "Know which clinician is meant",
    "location": "Know which place of care is open",
    "organization": "Know which health care organization is open",
    "imagingstudy": "Know which imaging study is open",
    "diagnosticreport": "Know which report is open",
    "questionnaire": "Know which questionnaire is open",
    "relatedperson": "Know which relative or caregiver is meant",
}
# Resources about a patient.
_RECORDS = {
    "AdverseEvent": "harmful events during care",
    "AllergyIntolerance": "allergies and intolerances",
    "Appointment": "appointments",
    "AppointmentResponse": "answers to appointment requests",
    "Basic": "other records",
    "Binary": "documents and images as files",
    "BodyStructure": "body sites noted in the record",
    "CarePlan": "care plans",
    "CareTeam": "care team",
    "ChargeItem": "charges for care",
    "Claim": "insurance claims",
    "ClaimResponse": "answers to insurance claims",
    "ClinicalImpression": "clinicians' assessments",
    "Communication": "messages about care",
    "CommunicationRequest": "requests for messages about care",
    "Composition": "clinical documents",
    "Condition": "health conditions and diagnoses",
    "Consent": "consents and privacy choices",
    "Contract": "agreements",
    "Coverage": "health insurance",
    "CoverageEligibilityRequest": "insurance eligibility questions",
    "CoverageEligibilityResponse": "insurance eligibility answers",
    "DetectedIssue": "warnings, such as drug interactions",
    "Device": "medical devices and implants",
    "DeviceRequest": "orders for medical devices",
    "DeviceUseStatement": "use of medical devices",
    "DiagnosticReport": "laboratory, imaging and other reports",
    "DocumentManifest": "collections of documents",
    "DocumentReference": "clinical notes and documents",
    "Encounter": "visits and hospital stays",
    "EpisodeOfCare": "periods of care",
    "ExplanationOfBenefit": "explanations of insurance benefits",
    "FamilyMemberHistory": "family health history",
    "Flag": "alerts in the record",
    "Goal": "health goals",
    "ImagingStudy": "imaging studies, such as X-rays and scans",
    "Immunization": "vaccinations",
    "ImmunizationEvaluation": "checks of vaccinations",
    "ImmunizationRecommendation": "recommended vaccinations",
    "Invoice": "invoices",
    "List": "lists in the record, such as the current medications",
    "Media": "photos and recordings in the record",
    "MedicationAdministration": "medications given during care",
    "MedicationDispense": "medications handed out by pharmacies",
    "MedicationRequest": "prescriptions and medication orders",
    "MedicationStatement": "medications as reported",
    "MolecularSequence": "genetic sequences",
    "NutritionOrder": "diet orders",
    "Observation": "test results, vital signs and other measurements",
    "Patient": "name, date of birth, contact details and other personal details",
    "Person": "personal details in the system",
    "Procedure": "procedures and operations",
    "Provenance": "history of who wrote what in the record",
    "QuestionnaireResponse": "answers to questionnaires",
    "RelatedPerson": "relatives and caregivers",
    "RequestGroup": "groups of orders",
    "RiskAssessment": "risk assessments",
    "ServiceRequest": "orders and referrals",
    "Specimen": "samples taken for tests",
    "Task": "tasks in care",
    "VisionPrescription": "prescriptions for glasses and contact lenses",
}
# Resources about no particular patient.
_DIRECTORY = {
    "ActivityDefinition": "care activities that the health system has defined",
    "CodeSystem": "the codes that the health system uses",
    "Endpoint": "the health system's technical addresses",
    "Group": "groups of patients",
    "HealthcareService": "services that the health system offers",
    "InsurancePlan": "insurance plans",
    "Library": "the health system's library of rules",
    "Location": "places of care, such as clinics and wards",
    "Measure": "quality measures",
    "Medication": "which medications there are",
    "MedicationKnowledge": "what is known about medications",
    "Organization": "clinics, hospitals and other organizations",
    "PlanDefinition": "care protocols that the health system has defined",
    "Practitioner": "doctors and other clinicians",
    "PractitionerRole": "where clinicians work and what they do",
    "Questionnaire": "questionnaires",
    "Schedule": "when appointments are offered",
    "Slot": "free times for appointments",
    "Substance": "substances",
    "Subscription": "requests to be told about changes",
    "ValueSet": "the lists of codes that the health system uses",
}
_CATEGORIES = {
    ("Observation", "vital-signs"): "vital signs, such as blood pressure and weight",
    ("Observation", "laboratory"): "laboratory results",
    ("Observation", "social-history"): "social history, such as smoking",
    ("Observation", "survey"): "survey and screening results",
    ("Observation", "imaging"): "imaging results",
    ("Observation", "sdoh"): "social circumstances that affect health",
    ("Observation", "exam"): "examination findings",
    ("Observation", "procedure"): "measurements made during procedures",
    ("Observation", "therapy"): "therapy results",
    ("Observation", "activity"): "physical activity",
    ("Observation", "functional-status"): "abilities in everyday life",
    ("Observation", "disability-status"): "disabilities",
    ("Observation", "cognitive-status"): "memory and thinking",
    ("Observation", "treatment-intervention-preference"): "wishes about treatment",
    ("Observation", "care-experience-preference"): "wishes about how care is given",
    ("Observation", "observation-adi-documentation"): "advance directives on file",
    ("Condition", "problem-list-item"): "ongoing health problems",
    ("Condition", "encounter-diagnosis"): "diagnoses made at visits",
    ("Condition", "health-concern"): "health concerns",
    ("DiagnosticReport", "LAB"): "laboratory reports",
    ("DocumentReference", "clinical-note"): "clinical notes",
}
_VERBS = (("rs", "see"), ("c", "add"), ("u", "change"), ("d", "delete"))
_CAMEL_CASE = re.compile(r"(?<=[a-z])(?=[A-Z])")


Filters = AbstractSet[tuple[str, str]]


def resource_scope_words(
    level: str, resource: str, permissions: str, filters: Filters, *, whose: str
) -> str:
    """Return what a resource scope allows, e.g. "See your laboratory results".

    `whose` is the possessive for the patient: "your", or "this patient's".
    """
    owner = whose if level == "patient" else ""
    sentence = f"{_verbs(permissions)} {_object(level, resource, filters, owner)}"
    return sentence[0].upper() + sentence[1:]


def other_scope_words(scope: str) -> str:
    """Return what any other scope allows, as far as it is known."""
    if scope in _FIXED:
        return _FIXED[scope]
    prefix, _, rest = scope.partition("/")
    if prefix == "launch":
        kind = rest.partition("?")[0]
        return _LAUNCH_TYPES.get(kind, "Know what is open in your health record system")
    if prefix in ("patient", "user", "system"):
        return "A permission over health records that the EHR did not describe completely"
    quoted = plain_text(scope, MAX_QUOTED_CHARACTERS)
    return f"A permission that this EHR defines itself, called “{quoted}”"


def _verbs(permissions: str) -> str:
    return _join([verb for letters, verb in _VERBS if set(letters) & set(permissions)])


def _join(words: list[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else words[0]


def _object(level: str, resource: str, filters: Filters, owner: str) -> str:
    part = " (only some of it)" if filters else ""
    if resource in _DIRECTORY:
        return f"information about {_DIRECTORY[resource]}{part}"
    if resource == "*":
        return _whose(level, "health record" if owner else "health records", owner) + part
    categories = _categories(resource, filters)
    if categories:
        return _whose(level, _join(categories), owner)
    return _whose(level, _noun(resource), owner) + part


def _whose(level: str, noun: str, owner: str) -> str:
    if owner:
        return f"{owner} {noun}"
    return f"{noun}, for {'all patients' if level == 'system' else 'patients in your care'}"


def _noun(resource: str) -> str:
    return _RECORDS.get(resource) or f"“{_CAMEL_CASE.sub(' ', resource).lower()}” records"


def _categories(resource: str, filters: Filters) -> list[str]:
    """Return the words for known categories if a list of categories is the only filter.

    A comma means "or"; a second `category` would mean "and" (FHIR R4, Search).
    """
    if len(filters) != 1:
        return []
    [(name, value)] = filters
    codes = [token.rpartition("|")[2] for token in value.split(",")]
    words = [_CATEGORIES.get((resource, code), "") for code in codes]
    return words if name == "category" and all(words) else []
