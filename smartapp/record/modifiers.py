"""Elements that can reverse the meaning of a resource (FHIR R4 §2.1.0.2, isModifier).

FHIR forbids showing a resource without checking its modifier elements. Each of them is in the table
of its resource type: as codes with words, as codes that leave the resource out, or with the module
that reads it. A test compares the table with the published StructureDefinitions.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from smartapp.record.codes import codes, status_codes
from smartapp.record.elements import (
    Resource,
    is_true,
    is_unclear,
    mapping,
    mappings,
    remembered,
)
from smartapp.record.icd_marks import EXCLUDED, certainty
from smartapp.record.texts import text

ENTERED_IN_ERROR = "entered in error"
REFUTED = "ruled out"
NOT_UNDERSTOOD = "The EHR marks this entry in a way this app does not understand; see the EHR."


@dataclass(frozen=True, slots=True)
class Modifier:
    """How one modifier element is handled.

    `words` has the words for each code; "" for the usual code. `leaves_out` has the codes that keep
    a resource off the page, with the reason. `reader` is the module of this package that reads the
    element itself.
    """

    words: Mapping[str, str] = field(default_factory=dict)
    leaves_out: Mapping[str, str] = field(default_factory=dict)
    reader: str = ""


_IN_ERROR = {"entered-in-error": ENTERED_IN_ERROR}
_EVENT = {
    "preparation": "In preparation",
    "in-progress": "In progress",
    "not-done": "Not done",
    "on-hold": "On hold",
    "stopped": "Stopped",
    "completed": "",
    "unknown": "Status unknown",
}
_REQUEST = {
    "draft": "Draft",
    "active": "",
    "on-hold": "On hold",
    "revoked": "Revoked",
    "cancelled": "Cancelled",
    "completed": "Completed",
    "stopped": "Stopped",
    "unknown": "Status unknown",
}
_RESULT = {
    "registered": "Not yet available",
    "partial": "Partial",
    "preliminary": "Preliminary",
    "final": "",
    "amended": "Amended",
    "corrected": "Corrected",
    "appended": "Appended",
    "cancelled": "Cancelled",
    "unknown": "Status unknown",
}
_VERIFICATION = {
    "unconfirmed": "Unconfirmed",
    "provisional": "Provisional",
    "differential": "Differential",
    "presumed": "Presumed",
    "confirmed": "",
}
# SNOMED CT: definitely not present, known absent.
_NOT_TRUE = {
    **_IN_ERROR,
    "refuted": REFUTED,
    "410594000": REFUTED,
    "410516002": REFUTED,
    **dict.fromkeys(("known-absent", "absent", "not-present", "negated", "excluded"), REFUTED),
    **dict.fromkeys(("ruled-out", "disproven", "disproved"), REFUTED),
}

MODIFIERS: Mapping[str, Mapping[str, Modifier]] = {
    "Patient": {
        "active": Modifier(reader="identity"),
        "deceased[x]": Modifier(reader="identity"),
        "link": Modifier(reader="identity"),
    },
    "AllergyIntolerance": {
        "clinicalStatus": Modifier({"active": "", "inactive": "Inactive", "resolved": "Resolved"}),
        "verificationStatus": Modifier(_VERIFICATION, _NOT_TRUE),
    },
    "Condition": {
        "clinicalStatus": Modifier(
            {
                "active": "",
                "recurrence": "Recurrence",
                "relapse": "Relapse",
                "inactive": "Inactive",
                "remission": "In remission",
                "resolved": "Resolved",
            }
        ),
        "verificationStatus": Modifier(_VERIFICATION, _NOT_TRUE),
    },
    "MedicationRequest": {
        "status": Modifier(_REQUEST, _IN_ERROR),
        "intent": Modifier(reader="medications"),
        "doNotPerform": Modifier(reader="medications"),
    },
    "MedicationStatement": {
        "status": Modifier(
            {
                "active": "",
                "recorded": "",  # R5
                "completed": "Completed",
                "intended": "Intended",
                "stopped": "Stopped",
                "on-hold": "On hold",
                "unknown": "Status unknown",
                "not-taken": "Not taken",
            },
            _IN_ERROR,
        ),
    },
    "Medication": {"status": Modifier({"active": "", "inactive": "No longer in use"}, _IN_ERROR)},
    "Observation": {"status": Modifier(_RESULT, _IN_ERROR)},
    "Immunization": {
        "status": Modifier({"completed": "", "not-done": "Not given"}, _IN_ERROR),
        "isSubpotent": Modifier(reader="immunizations"),
    },
    "Encounter": {
        "status": Modifier(
            {
                "planned": "Planned",
                "arrived": "Arrived",
                "triaged": "Triaged",
                "in-progress": "In progress",
                "onleave": "On leave",
                "on-hold": "On hold",  # R5
                "discharged": "Discharged",  # R5
                "discontinued": "Discontinued",  # R5
                "noshow": "Did not come",
                "finished": "",
                "completed": "",  # R5
                "cancelled": "Cancelled",
                "unknown": "Status unknown",
            },
            _IN_ERROR,
        ),
    },
    "Procedure": {"status": Modifier(_EVENT, _IN_ERROR)},
    "DiagnosticReport": {"status": Modifier(_RESULT, _IN_ERROR)},
    "DocumentReference": {
        "status": Modifier({"current": "", "superseded": "Replaced by a newer version"}, _IN_ERROR)
    },
    "MedicationDispense": {
        "status": Modifier({**_EVENT, "cancelled": "Cancelled", "declined": "Declined"}, _IN_ERROR)
    },
    "MedicationAdministration": {"status": Modifier(_EVENT, _IN_ERROR)},
    "Device": {
        "status": Modifier(
            {"active": "", "inactive": "No longer in use", "unknown": "Status unknown"}, _IN_ERROR
        )
    },
    "DeviceUseStatement": {
        "status": Modifier(
            {
                "active": "",
                "completed": "No longer used",
                "intended": "Intended",
                "stopped": "Stopped",
                "on-hold": "On hold",
            },
            _IN_ERROR,
        )
    },
    "CareTeam": {
        "status": Modifier(
            {
                "proposed": "Proposed",
                "active": "",
                "suspended": "Suspended",
                "inactive": "No longer active",
            },
            _IN_ERROR,
        )
    },
    "Goal": {
        "lifecycleStatus": Modifier(
            {
                "proposed": "Proposed",
                "planned": "Planned",
                "accepted": "Accepted",
                "active": "",
                "on-hold": "On hold",
                "completed": "Completed",
                "cancelled": "Cancelled",
                "rejected": "Rejected",
            },
            _IN_ERROR,
        )
    },
    "CarePlan": {
        "status": Modifier(_REQUEST, _IN_ERROR),
        "intent": Modifier(reader="plans"),
        "activity.detail.status": Modifier(reader="plans"),
        "activity.detail.doNotPerform": Modifier(reader="plans"),
    },
    "FamilyMemberHistory": {
        "status": Modifier(
            {
                "partial": "Incomplete",
                "completed": "",
                "health-unknown": "Health not known",
            },
            _IN_ERROR,
        )
    },
    "Coverage": {
        "status": Modifier({"active": "", "cancelled": "Cancelled", "draft": "Draft"}, _IN_ERROR)
    },
    "RelatedPerson": {"active": Modifier(reader="personal")},
    "ServiceRequest": {
        "status": Modifier(_REQUEST, _IN_ERROR),
        "intent": Modifier(reader="orders"),
        "doNotPerform": Modifier(reader="orders"),
    },
    "QuestionnaireResponse": {
        "status": Modifier(
            {
                "in-progress": "Not finished",
                "completed": "",
                "amended": "Amended",
                "stopped": "Stopped",
            },
            _IN_ERROR,
        )
    },
    "Appointment": {
        "status": Modifier(
            {
                "proposed": "Proposed",
                "pending": "Not yet confirmed",
                "booked": "",
                "arrived": "Arrived",
                "fulfilled": "",
                "cancelled": "Cancelled",
                "noshow": "Did not come",
                "checked-in": "Checked in",
                "waitlist": "On the waiting list",
            },
            _IN_ERROR,
        )
    },
}
# Modifier elements of datatypes, and the module that handles each.
DATATYPES: Mapping[str, str] = {
    "Quantity.comparator": "quantities",
    "Age.comparator": "quantities",
    "Duration.comparator": "quantities",
    "HumanName.use": "identity",
    "Identifier.use": "identity",
    "Address.use": "personal",
    "ContactPoint.use": "contact_points",
}
# Backbone elements with content that is shown: a modifierExtension in one of them matters.
BACKBONES: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "Patient": (("contact",), ("communication",), ("link",)),
    "AllergyIntolerance": (("reaction",),),
    "Condition": (("stage",), ("evidence",)),
    "MedicationRequest": (
        ("dosageInstruction",),
        ("dosageInstruction", "timing"),
        ("dispenseRequest",),
        ("dispenseRequest", "initialFill"),
        ("substitution",),
    ),
    "MedicationStatement": (("dosage",), ("dosage", "timing")),
    "Medication": (("ingredient",), ("batch",)),
    "Observation": (
        ("component",),
        ("component", "referenceRange"),
        ("referenceRange",),
        ("effectiveTiming",),
    ),
    "Immunization": (("performer",), ("education",), ("reaction",), ("protocolApplied",)),
    "Encounter": (
        ("statusHistory",),
        ("classHistory",),
        ("participant",),
        ("diagnosis",),
        ("hospitalization",),
        ("location",),
    ),
    "Procedure": (("performer",), ("focalDevice",)),
    "DiagnosticReport": (("media",),),
    "DocumentReference": (("relatesTo",), ("content",), ("context",)),
    "MedicationDispense": (
        ("performer",),
        ("dosageInstruction",),
        ("dosageInstruction", "timing"),
        ("substitution",),
    ),
    "MedicationAdministration": (("performer",), ("dosage",)),
    "Device": (
        ("udiCarrier",),
        ("deviceName",),
        ("specialization",),
        ("version",),
        ("property",),
    ),
    "DeviceUseStatement": (("timingTiming",),),
    "CareTeam": (("participant",),),
    "Goal": (("target",),),
    "CarePlan": (
        ("activity",),
        ("activity", "detail"),
        ("activity", "detail", "scheduledTiming"),
    ),
    "FamilyMemberHistory": (("condition",),),
    "Coverage": (("class",), ("costToBeneficiary",), ("costToBeneficiary", "exception")),
    "RelatedPerson": (("communication",),),
    "ServiceRequest": (("occurrenceTiming",),),
    "Appointment": (("participant",),),
}


# The same tables by what is asked of them: a page of two thousand results asks for each of them.
_LEAVING_OUT = {
    resource_type: tuple((name, one.leaves_out) for name, one in table.items() if one.leaves_out)
    for resource_type, table in MODIFIERS.items()
}
_WORDED = {
    resource_type: tuple(name for name, one in table.items() if one.words)
    for resource_type, table in MODIFIERS.items()
}

# HL7 v2 tables 0085 and 0123. A result that was deleted or was another patient's is none.
_STATUSES_OF_V2 = {
    "F": "final",
    "U": "final",
    "C": "corrected",
    "P": "preliminary",
    "R": "preliminary",
    "S": "preliminary",
    "I": "registered",
    "O": "registered",
    "X": "cancelled",
    "D": "entered-in-error",
    "W": "entered-in-error",
}
_RESULTS = ("Observation", "DiagnosticReport")
# Observation.related of DSTU2 and STU3: its types, and R4's members for them.
_REPLACES = "http://hl7.org/fhir/StructureDefinition/observation-replaces"
_RELATIONS = {"has-member": "hasMember", "derived-from": "derivedFrom", "replaces": "extension"}
# FHIR R4 §2.1.2.1, extensions for converting between versions.
_OF_ANOTHER_RELEASE = re.compile(
    r"http://hl7\.org/fhir/[1-6]\.0/StructureDefinition/extension-([A-Za-z]+)\.(\w+)"
)
# R5 has in `adherence` what was a status before. "Not taking as directed" is taken.
_ADHERENCE = {
    "not-taking": "not-taken",
    **dict.fromkeys(("stopped", "stopped-as-directed", "stopped-not-as-directed"), "stopped"),
    **dict.fromkeys(("on-hold", "on-hold-as-directed", "on-hold-not-as-directed"), "on-hold"),
}
# Negations of DSTU2 and STU3 that R4 replaced by a status: the boolean, and its status.
_OLDER_NEGATIONS: Mapping[str, tuple[tuple[str, ...], str]] = {
    "Immunization": (("wasNotGiven", "notGiven"), "not-done"),
    "Procedure": (("notPerformed", "notDone"), "not-done"),
    "MedicationAdministration": (("wasNotGiven", "notGiven"), "not-done"),
    "MedicationDispense": (("notDone",), "not-done"),
    "MedicationStatement": (("wasNotTaken",), "not-taken"),
}

# Switzerland's extension for whether a professional has verified a vaccination (CH VACD), in SNOMED
# CT; in some releases of the guide it is a modifier. Belgium's for how certain one is.
_VERIFIED_OR_NOT = ("ch-vacd-ext-verification-status", "be-ext-vaccination-confirmationStatus")
_VERIFIED = {
    "59156000": "",
    "76104008": "Not confirmed",
    "723510000": ENTERED_IN_ERROR,
    "confirmed": "",
    "unconfirmed": "Not confirmed",
    "other": "Confirmation “other”",
}
# The Netherlands' extension for an agreement to interrupt or to stop a medicine: its codes, in
# SNOMED CT, and R4's status for each.
_STOP_TYPE = "nictiz.nl/fhir/StructureDefinition/ext-StopType"
_STOPPED = {"385655000": "on-hold", "410546004": "stopped"}


def in_r4(resource: Resource) -> Resource:
    """Return the resource with R4's status for that of another release, or of HL7 v2 ("F"), and
    with the elements of other releases that R4 has as extensions: some of them turn the meaning
    round ("taken": "n")."""
    if "extension" in resource and (elements := dict(_elements_of_other_releases(resource))):
        resource = {**elements, **resource}
    if _type(resource) not in _RESULTS:
        return _with_status_of_r4(_with_stop_type(resource))
    if "related" in resource:
        resource = {**resource, **_relations_of_r4(resource)}
    status = resource.get("status")
    of_r4 = _STATUSES_OF_V2.get(status) if isinstance(status, str) else None
    return {**resource, "status": of_r4} if of_r4 else resource


def _with_stop_type(resource: Resource) -> Resource:
    """Return a Dutch agreement to stop a medicine with R4's status for it. Its mark, which is then
    understood, becomes an ordinary extension. One that is withdrawn or has another mark besides
    stays as it is."""
    marks = mappings(resource.get("modifierExtension"))
    if len(marks) != 1 or not text(marks[0].get("url")).endswith(_STOP_TYPE):
        return resource
    status = next(filter(None, map(_STOPPED.get, codes(marks[0].get("valueCodeableConcept")))), "")
    if not status or "entered-in-error" in status_codes(resource.get("status")):
        return resource
    others = {name: one for name, one in resource.items() if name != "modifierExtension"}
    return {**others, "status": status, "extension": [*mappings(others.get("extension")), *marks]}


def is_agreed_to_stop(resource: Resource) -> bool:
    """Return whether it is a Dutch agreement to stop a medicine, perhaps only at its end."""
    marks = (text(one.get("url")) for one in mappings(resource.get("extension")))
    return resource.get("status") == "stopped" and any(one.endswith(_STOP_TYPE) for one in marks)


def _relations_of_r4(resource: Resource) -> Resource:
    """Return R4's members for how a result of DSTU2 or STU3 is related to others: one that replaces
    another would otherwise be shown beside it as if both were true."""
    found: dict[str, list[object]] = {}
    for one in mappings(resource["related"]):
        member, content = _RELATIONS.get(text(one.get("type")).casefold(), ""), one.get("target")
        if member == "extension":
            content = {"url": _REPLACES, "valueReference": content}
        if member:
            found.setdefault(member, []).append(content)
    return {name: [*mappings(resource.get(name)), *added] for name, added in found.items()}


def _elements_of_other_releases(resource: Resource) -> Iterator[tuple[str, object]]:
    for extension in mappings(resource["extension"]):
        url = extension.get("url")
        match = _OF_ANOTHER_RELEASE.fullmatch(url) if isinstance(url, str) else None
        if match and match[1] == _type(resource):
            yield match[2], _content(extension)


def _content(extension: Resource) -> object:
    """Return the value of an extension, or an element of its parts."""
    values = (value for name, value in extension.items() if name.startswith("value"))
    parts = mappings(extension.get("extension"))
    return next(values, {text(part.get("url")): _content(part) for part in parts})


def _with_status_of_r4(resource: Resource) -> Resource:
    """Return the resource with R4's status for a negation of an older release, since some servers
    still send "wasNotGiven", or of R5. One entered in error stays so."""
    older = _OLDER_NEGATIONS.get(_type(resource))
    if older is None or "entered-in-error" in status_codes(resource.get("status")):
        return resource
    names, status = older
    if any(is_true(resource.get(name)) for name in names):
        return {**resource, "status": status}
    # STU3 MedicationStatement.taken: y, n, unk, na.
    if status == "not-taken" and text(resource.get("taken")).casefold() == "n":
        return {**resource, "status": status}
    adherence = resource.get("adherence")
    if status == "not-taken" and isinstance(adherence, dict):
        known = (_ADHERENCE.get(said, "") for said in status_codes(adherence.get("code")))
        if meant := next(filter(None, known), ""):
            return {**resource, "status": meant}
    return resource


def reason_to_leave_out(resource: Resource) -> str:
    """Return why the resource must not be shown ("entered in error"), or ""."""
    resource_type = _type(resource)
    for element, reasons in _LEAVING_OUT.get(resource_type, ()):
        if element in resource:
            for code in _said(resource[element]):
                if reason := reasons.get(code):
                    return reason
    if resource_type == "Immunization" and ENTERED_IN_ERROR in _verification(resource):
        return ENTERED_IN_ERROR
    # In Germany the code of a diagnosis may say that it was ruled out.
    if resource_type == "Condition" and "verificationStatus" not in resource:
        return REFUTED if certainty(resource) == EXCLUDED else _older_reason(resource)
    return _older_reason(resource)


def _older_reason(resource: Resource) -> str:
    # DSTU2 and some servers have one `status` instead of R4's two.
    resource_type = _type(resource)
    if "status" in resource and "status" not in MODIFIERS.get(resource_type, {}):
        return next(filter(None, map(_NOT_TRUE.get, _said(resource["status"]))), "")
    return ""


@remembered
def _said(status: object) -> tuple[str, ...]:
    return tuple(status_codes(status))


def status_text(resource: Resource) -> str:
    """Return the resource's statuses in words; an unknown code as it was sent, "" for the usual
    one."""
    resource_type = _type(resource)
    words = [
        found
        for element in _WORDED.get(resource_type, ())
        if element in resource
        and (found := _in_words(resource_type, element, _said(resource[element])))
    ]
    if resource_type == "Immunization":
        words += filter(None, _verification(resource))
    return ", ".join(dict.fromkeys(words)) if words else ""


def _verification(resource: Resource) -> list[str]:
    """Return how a Swiss or Belgian vaccination was verified, in words; "" for the usual way."""
    found = (*mappings(resource.get("extension")), *mappings(resource.get("modifierExtension")))
    return [_VERIFIED[code] for one in found if (code := _verification_code(one)) in _VERIFIED]


def _verification_code(extension: Resource) -> str:
    """Return the code; in the guide's first release it is in a part of the extension."""
    if not text(extension.get("url")).endswith(_VERIFIED_OR_NOT):
        return ""
    parts = (extension, *mappings(extension.get("extension")))
    codes = (text(mapping(one.get("valueCoding")).get("code")) for one in parts)
    return next(filter(None, (text(extension.get("valueCode")), *codes)), "")


@lru_cache(maxsize=500)
def _in_words(resource_type: str, element: str, said: tuple[str, ...]) -> str:
    """Return the words for the known codes, or the code as it was sent."""
    modifier = MODIFIERS[resource_type][element]
    known = [modifier.words[code] for code in said if code in modifier.words]
    return (
        ", ".join(dict.fromkeys(filter(None, known)))
        if known or not said
        else f"Status “{_readable(said)}”"
    )


def _readable(said: tuple[str, ...]) -> str:
    """Return the first that is a word; a bare number only if there is nothing else."""
    word = next((one for one in said if not one.isdigit()), said[0])
    return word.replace("-", " ")


def not_understood(resource: Resource) -> str:
    """Return the sentence for a resource with a modifier that this app does not understand, or
    ""."""
    if resource.get("implicitRules"):
        return NOT_UNDERSTOOD
    if (marks := resource.get("modifierExtension")) and not _are_understood(marks):
        return NOT_UNDERSTOOD
    older = _OLDER_NEGATIONS.get(_type(resource))
    if older and any(is_unclear(resource, name) for name in older[0]):
        return NOT_UNDERSTOOD
    return NOT_UNDERSTOOD if _is_in_a_backbone(resource) else ""


def _are_understood(marks: object) -> bool:
    known = [_verification_code(one) in _VERIFIED for one in mappings(marks)]
    return bool(known) and all(known)


def _is_in_a_backbone(resource: Resource) -> bool:
    for path in BACKBONES.get(_type(resource), ()):
        if path[0] in resource and any(one.get("modifierExtension") for one in _at(resource, path)):
            return True
    return _is_in_an_item(resource)


def _is_in_an_item(holder: Resource) -> bool:
    """Return whether an item of a questionnaire has one: items nest to any depth."""
    return any(
        one.get("modifierExtension") or _is_in_an_item(one)
        for name in ("item", "answer")
        if name in holder
        for one in mappings(holder[name])
    )


def _at(resource: Resource, path: tuple[str, ...]) -> list[Resource]:
    found = [resource]
    for name in path:
        found = [child for one in found for child in mappings(one.get(name))]
    return found


def _type(resource: Resource) -> str:
    found = resource.get("resourceType")
    return found if isinstance(found, str) else ""
