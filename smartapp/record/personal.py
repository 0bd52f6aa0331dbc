"""What the EHR knows about the person: language, contacts, race and ethnicity, sex for clinical
use.

FHIR R4 Patient with US Core's extensions, and RelatedPerson. The identity itself is in `identity`.
"""

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from smartapp.record.amounts import digits
from smartapp.record.codes import codings, concept_text, words_or_known
from smartapp.record.contact_points import in_use, telecoms
from smartapp.record.elements import (
    Resource,
    extensions,
    is_false,
    is_true,
    is_unclear,
    mapping,
    mappings,
)
from smartapp.record.facts import Fact, labelled, said
from smartapp.record.family_history import RELATIVES
from smartapp.record.languages import language_text
from smartapp.record.marks import Marks, read_marks
from smartapp.record.modifiers import NOT_UNDERSTOOD
from smartapp.record.moments import member_moment
from smartapp.record.names import best_name, is_over
from smartapp.record.reading import Given, Read, read_each
from smartapp.record.references import displays
from smartapp.record.texts import text, texts
from smartapp.record.timing import period_words

# By the last part of the extension's address: those of US Core, FHIR, Epic and other countries.
BACKGROUND = {
    "us-core-race": "race",
    "us-core-ethnicity": "ethnicity",
    "us-core-tribal-affiliation": "tribe",
    "indigenous-status": "indigenous status",
    "patient-religion": "religion",
    "patient-nationality": "nationality",
    "Extension-UKCore-EthnicCategory": "ethnicity",
    "nz-ethnicity": "ethnicity",
    "patient-disability": "disability",
    "patient-cadavericDonor": "organ donor",
}
SEX_AND_GENDER = {
    "us-core-sex": "sex",
    # In place of it since US Core 8.
    "us-core-individual-sex": "sex",
    "us-core-birthsex": "sex at birth",
    "patient-birthSex": "sex at birth",
    "sex-at-birth": "sex at birth",
    "Extension-UKCore-BirthSex": "sex at birth",
    "legal-sex": "legal sex",
    "patient-sexParameterForClinicalUse": "sex for clinical use",
    "sex-for-clinical-use": "sex for clinical use",
    "us-core-genderIdentity": "gender identity",
    "patient-genderIdentity": "gender identity",
    "individual-genderIdentity": "gender identity",
    "individual-pronouns": "pronouns",
    "calculated-pronouns-to-use-for-text": "pronouns",
    "patient-recordedSexOrGender": "recorded sex or gender",
    "individual-recordedSexOrGender": "recorded sex or gender",
    # On `gender`, which has no words for what German law calls "divers".
    "gender-amtlich-de": "legal sex",
}
BIRTH_SEXES = {
    "F": "Female",
    "M": "Male",
    "UNK": "Unknown",
    "OTH": "Other",
    "ASKU": "Asked, not known",
    "248153007": "Male",
    "248152002": "Female",
    "asked-declined": "Asked, not answered",
    "unknown": "Unknown",
}
# HL7 v3 MaritalStatus, for servers that send only its code.
MARITAL_STATUSES = {
    "A": "annulled",
    "C": "common law",
    "D": "divorced",
    "I": "divorce not yet final",
    "L": "legally separated",
    "M": "married",
    "P": "polygamous",
    "S": "never married",
    "T": "domestic partner",
    "U": "unmarried",
    "W": "widowed",
    "UNK": "unknown",
}
_INTERPRETER = re.compile(r"interpreter-?(?:needed|required)$", re.IGNORECASE)
# SNOMED CT and HL7 v2.
_YES = frozenset({"373066001", "y", "yes", "true"})
BIRTH_TIME = "http://hl7.org/fhir/StructureDefinition/patient-birthTime"
# The United Kingdom has a language with more about it in an extension.
NHS_COMMUNICATION = "Extension-UKCore-NHSCommunication"
TITLES = ("Language", "Sex and gender", "Background", "Contact details")
NAMELESS = "Contact"
# HL7 v2 table 0131, for servers that send only its code.
ROLES = {
    "N": "Next of kin",
    "C": "Emergency contact",
    "EP": "Emergency contact",
    "E": "Employer",
    "I": "Insurance company",
    "CP": "Contact person",
    "BP": "Billing contact",
    # HL7 v3 RoleCode.
    "GUARD": "Guardian",
    "GUADLTM": "Guardian in a lawsuit",
    "POWATT": "Power of attorney",
    "DPOWATT": "Durable power of attorney",
    "HPOWATT": "Power of attorney for health care",
    "SPOWATT": "Special power of attorney",
    "RESPRSN": "Responsible party",
    "SUBDM": "Decides in the patient's place",
    "EXCEST": "Executor of the estate",
    "ECON": "Emergency contact",
    "NOK": "Next of kin",
    "CAREGIVER": "Carer",
    "DOMPART": "Domestic partner",
    "ROOM": "Roommate",
    "NBOR": "Neighbour",
    "FRND": "Friend",
}
_KNOWN_ROLES = RELATIVES | ROLES
FORMER_CONTACT, NO_LONGER = "former", "No longer"


def read_personal(given: Given) -> Read[Fact]:
    """Return what the Patient says about the person, then the people around them."""
    people = read_each(given.resources, lambda one: _related_person(one, given))
    own = (
        *map(
            _fact,
            TITLES,
            (
                _languages(given.patient),
                [
                    *_extensions(given.patient, SEX_AND_GENDER),
                    *_extensions(mapping(given.patient.get("_gender")), SEX_AND_GENDER),
                ],
                [*_extensions(given.patient, BACKGROUND), *_background(given.patient)],
                [*telecoms(given.patient, given.now), *_addresses(given.patient, given.now)],
            ),
        ),
        *(_contact(one, given.now) for one in mappings(given.patient.get("contact"))),
    )
    facts = tuple(
        fact for fact in own if fact.lines or fact.details or fact.name not in (*TITLES, NAMELESS)
    )
    ordered = sorted((*facts, *people.entries), key=lambda fact: bool(fact.fold))
    return Read(tuple(ordered), people.left_out)


def interpreter_words(patient: Resource) -> str:
    """Return "Interpreter needed" if the EHR says so, with the preferred language; else ""."""
    holders = [patient, *mappings(patient.get("communication"))]
    outer = [one for holder in holders for one in mappings(holder.get("extension"))]
    inner = [part for one in outer for part in mappings(one.get("extension"))]
    found = (one for one in (*outer, *inner) if _INTERPRETER.search(text(one.get("url"))))
    if not any(map(_says_yes, found)):
        return ""
    language = ", ".join(_preferred(patient))
    return f"Interpreter needed: {language}" if language else "Interpreter needed"


def _says_yes(extension: dict[str, Any]) -> bool:
    coding = extension.get("valueCoding") or extension.get("valueCodeableConcept")
    said = [code for _, code in codings(coding)] + [
        words.partition(" ")[0] for words in _values(extension)
    ]
    return any(one.casefold() in _YES for one in said)


def _fact(name: str, lines: Iterable[str]) -> Fact:
    return Fact(marks=Marks(), name=name, lines=said(*lines), sources=0)


def _preferred(patient: Resource) -> list[str]:
    spoken = _communications(patient)
    preferred = [one for one in spoken if is_true(one.get("preferred"))] or spoken[:1]
    return [language_text(one.get("language")) for one in preferred]


def _communications(patient: Resource) -> list[dict[str, Any]]:
    found = mappings(patient.get("communication"))
    for extension in mappings(patient.get("extension")):
        if _name(extension) == NHS_COMMUNICATION:
            parts = {text(one.get("url")): one for one in mappings(extension.get("extension"))}
            language = mapping(parts.get("language")).get("valueCodeableConcept")
            preferred = mapping(parts.get("preferred")).get("valueBoolean")
            found.append({"language": language, "preferred": preferred})
    return found


def _languages(patient: Resource) -> Iterable[str]:
    for one in _communications(patient):
        language = language_text(one.get("language"))
        is_preferred = is_true(one.get("preferred"))
        yield f"{language} (preferred)" if language and is_preferred else language
    yield interpreter_words(patient)


def _extensions(patient: Resource, labels: dict[str, str]) -> Iterable[str]:
    for extension in mappings(patient.get("extension")):
        if label := labels.get(_name(extension)):
            yield labelled(label, _values(extension))


def _name(extension: dict[str, Any]) -> str:
    return text(extension.get("url")).rpartition("/")[2]


def _values(extension: dict[str, Any]) -> Iterable[str]:
    """Return the values of an extension or of its parts; a `text` replaces all others."""
    parts = mappings(extension.get("extension"))
    if written := [text(part.get("valueString")) for part in parts if part.get("url") == "text"]:
        yield from written
        return
    for one in (extension, *parts):
        code = text(one.get("valueCode"))
        yield BIRTH_SEXES.get(code, code)
        yield concept_text(one.get("valueCodeableConcept"))
        coding = mapping(one.get("valueCoding"))
        yield words_or_known(coding, BIRTH_SEXES)
        yield text(one.get("valueString"))
        if one.get("valueBoolean") is not None:
            yield "yes" if is_true(one.get("valueBoolean")) else "no"
        yield period_words(one.get("valuePeriod")) or ""


def _background(patient: Resource) -> Iterable[str]:
    yield labelled(
        "marital status", [words_or_known(patient.get("maritalStatus"), MARITAL_STATUSES)]
    )
    born = next(iter(extensions(patient.get("_birthDate"), BIRTH_TIME)), {})
    if moment := member_moment(born, "valueDateTime"):
        yield labelled("time of birth", [moment.text])
    yield labelled("one of a multiple birth", [_place_in_birth(patient)])
    yield labelled("general practitioner", displays(patient.get("generalPractitioner")))
    yield labelled("cared for by", displays(patient.get("managingOrganization")))


def _place_in_birth(patient: Resource) -> str:
    """Return "number 2" for the second of twins; twins share the date of birth and the name."""
    number = digits(patient.get("multipleBirthInteger"))
    if number:
        return f"number {number}"
    return "yes" if is_true(patient.get("multipleBirthBoolean")) else ""


def _addresses(resource: Resource, now: datetime) -> Iterable[str]:
    for address in in_use(resource.get("address"), now):
        parts = (
            *texts(address.get("line")),
            text(address.get("city")),
            text(address.get("district")),
            text(address.get("state")),
            text(address.get("postalCode")),
            text(address.get("country")),
        )
        written = text(address.get("text")) or ", ".join(said(*parts))
        use = text(address.get("use"))
        yield f"{written} ({use})" if written and use else written


def _contact(contact: dict[str, Any], now: datetime) -> Fact:
    name = best_name(contact, now) or ", ".join(displays(contact.get("organization")))
    is_marked, is_former = bool(contact.get("modifierExtension")), is_over(contact, now)
    return Fact(
        marks=Marks(
            status=NO_LONGER if is_former else "",
            not_understood=NOT_UNDERSTOOD if is_marked else "",
        ),
        name=name or NAMELESS,
        fold=FORMER_CONTACT if is_former else "",
        lines=said(*telecoms(contact, now), *_addresses(contact, now)),
        details=said(
            *map(_role, mappings(contact.get("relationship"))),
            period_words(contact.get("period")) or "",
        ),
        sources=0,
    )


def _role(concept: dict[str, Any]) -> str:
    return words_or_known(concept, _KNOWN_ROLES)


def _related_person(resource: Resource, given: Given) -> Fact:
    is_former = is_false(resource.get("active")) or is_over(resource, given.now)
    marks = read_marks(resource, when=None, status=NO_LONGER if is_former else "")
    if is_unclear(resource, "active"):
        marks = marks._replace(not_understood=NOT_UNDERSTOOD)
    return Fact(
        marks=marks,
        name=best_name(resource, given.now) or "Related person",
        fold=FORMER_CONTACT if is_former else "",
        lines=said(
            *telecoms(resource, given.now),
            *_addresses(resource, given.now),
            labelled("speaks", [language_text(one.get("language"))
                                for one in mappings(resource.get("communication"))]),
        ),
        details=said(
            *map(_role, mappings(resource.get("relationship"))),
            period_words(resource.get("period")) or "",
        ),
    )  # fmt: skip
