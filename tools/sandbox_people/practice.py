"""The clinic: one practice, its locations and its staff."""

from typing import Any

Resource = dict[str, Any]

PRACTICE_EXTENSION = "https://fhir.athena.io/StructureDefinition/ah-practice"
PRACTICE = "a-1.Practice-195900"
CLINIC = "a-1.Location-1"
HOSPITAL = "a-1.Location-2"
PRACTICE_REFERENCE = f"Organization/{PRACTICE}"
OPENED = "2020-01-02T09:00:00-05:00"

FAMILY_DOCTOR = "a-1.Provider-1"
PEDIATRICIAN = "a-1.Provider-2"
SPECIALIST = "a-1.Provider-3"
NURSE = "a-1.Provider-4"

STAFF = (
    (FAMILY_DOCTOR, "Okafor", "Adaeze", "Dr.", "female", "1000000013"),
    (PEDIATRICIAN, "Sørensen", "Mikkel", "Dr.", "male", "1000000021"),
    (SPECIALIST, "Castellanos", "Inés", "Dr.", "female", "1000000039"),
    (NURSE, "Whitfield", "Joan", "", "female", "1000000047"),
)
NAMES = {id: " ".join(filter(None, (p, given, family))) for id, family, given, p, _, _ in STAFF}


def practice_extension() -> list[Resource]:
    return [{"url": PRACTICE_EXTENSION, "valueReference": {"reference": PRACTICE_REFERENCE}}]


def practice_resources() -> list[Resource]:
    return [_organization(), *_locations(), *(_practitioner(*person) for person in STAFF)]


def _shared(resource_type: str, id: str) -> Resource:
    return {
        "resourceType": resource_type,
        "id": id,
        "meta": {"versionId": "1", "lastUpdated": OPENED},
        "extension": practice_extension(),
    }


def _organization() -> Resource:
    return {
        **_shared("Organization", PRACTICE),
        "identifier": [
            {"system": "https://fhir.athena.io/sid/ah-practice", "value": "195900"},
        ],
        "active": True,
        "name": "Sandbox Family Practice (all people synthetic)",
        "telecom": [{"system": "phone", "value": "+1 555 0100", "use": "work"}],
        "address": [address("1 Sandbox Square")],
    }


def _locations() -> list[Resource]:
    locations = (
        (CLINIC, "Sandbox Clinic", "1 Sandbox Square"),
        (HOSPITAL, "Sandbox Hospital", "7 Example Avenue"),
    )
    return [
        {
            **_shared("Location", id),
            "status": "active",
            "name": name,
            "mode": "instance",
            "address": address(line),
            "managingOrganization": {"reference": PRACTICE_REFERENCE},
        }
        for id, name, line in locations
    ]


def address(line: str) -> Resource:
    return {
        "line": [line],
        "city": "Watertown",
        "state": "MA",
        "postalCode": "02472",
        "country": "US",
    }


def _practitioner(id: str, family: str, given: str, prefix: str, gender: str, npi: str) -> Resource:
    name = {"use": "official", "text": NAMES[id], "family": family, "given": [given]}
    return {
        **_shared("Practitioner", id),
        "identifier": [{"system": "http://hl7.org/fhir/sid/us-npi", "value": npi}],
        "active": True,
        "name": [{**name, **({"prefix": [prefix]} if prefix else {})}],
        "gender": gender,
    }
