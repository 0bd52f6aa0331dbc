"""Who the patient is: the part of the page that must never be wrong and never be hidden (C104)."""

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from smartapp.record.codes import codes, concept_text
from smartapp.record.elements import mapping, mappings
from smartapp.record.moments import Moment, parse_moment, years_between
from smartapp.record.texts import text, texts

NAME_ORDER = ("official", "usual", "", "temp", "anonymous", "nickname", "old", "maiden")
NAME_WORDS = {"nickname": "nickname", "old": "former name", "maiden": "name before marriage"}
SEXES = {"male": "Male", "female": "Female", "other": "Other", "unknown": "Unknown"}
# Numbers that open bank accounts and borders: never a record number, so never on the screen.
CIVIL_IDENTIFIERS = frozenset({"SS", "SB", "DL", "PPN", "NI", "TAX", "PRC"})
CIVIL_SYSTEMS = ("us-ssn", "2.16.840.1.113883.4.1", "passport", "drivers")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8}){0,3}")
LANGUAGE_EXTENSION = "http://hl7.org/fhir/StructureDefinition/language"
INFANT_WEEKS, TODDLER_MONTHS = 12, 24


@dataclass(frozen=True, slots=True)
class Name:
    """A name in any script. `lang` is "" unless the record says it: a script is no language."""

    text: str
    use: str = ""
    lang: str = ""


@dataclass(frozen=True, slots=True)
class Identifier:
    label: str
    value: str


@dataclass(frozen=True, slots=True)
class Identity:
    """What the patient banner shows. `age` is "" when it cannot be told."""

    id: str
    name: Name
    other_names: tuple[Name, ...]
    birth_date: Moment | None
    age: str
    sex: str
    identifier: Identifier
    deceased: str
    notes: tuple[str, ...]


def read_identity(patient: dict[str, Any], *, now: datetime) -> Identity:
    """Return the identity in a Patient resource whose id was already checked (C101)."""
    names = _names(patient, now)
    birth_date = parse_moment(patient.get("birthDate"))
    death = parse_moment(patient.get("deceasedDateTime"))
    is_dead = death is not None or patient.get("deceasedBoolean") is True
    return Identity(
        id=text(patient.get("id")),
        name=names[0] if names else Name("Name not recorded"),
        other_names=tuple(names[1:]),
        birth_date=birth_date,
        age="" if is_dead else age_text(birth_date, now.date()),
        sex=SEXES.get(text(patient.get("gender")), "not recorded"),
        identifier=_identifier(patient, now),
        deceased=_deceased_text(birth_date, death) if is_dead else "",
        notes=tuple(_notes(patient)),
    )


def name_text(name: dict[str, Any]) -> str:
    """Return one HumanName: its text as the EHR displays it, else its parts in order."""
    parts = [
        *texts(name.get("prefix")),
        *texts(name.get("given")),
        *texts(name.get("family")),
        *texts(name.get("suffix")),
    ]
    return text(name.get("text")) or " ".join(parts)


def best_name(resource: dict[str, Any], now: datetime) -> str:
    """Return the name by which to call a person, or ""."""
    names = _names(resource, now)
    return names[0].text if names else ""


def age_text(birth_date: Moment | None, today: date) -> str:
    """Return the age in the unit that says most: days, weeks, months, then years."""
    if birth_date is None or birth_date.at.date() > today:
        return ""
    born = birth_date.at.date()
    if birth_date.precision in ("year", "month"):
        return f"about {years_between(born, today)} years"
    if (weeks := (today - born) // timedelta(weeks=1)) < INFANT_WEEKS:
        return _counted(weeks, "week") if weeks else _counted((today - born).days, "day")
    months = (today.year - born.year) * 12 + today.month - born.month - (today.day < born.day)
    if months < TODDLER_MONTHS:
        return _counted(months, "month")
    return f"{years_between(born, today)} years"


def _counted(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"


def _names(resource: dict[str, Any], now: datetime) -> list[Name]:
    """Return the names that count, the one to use first, each text once."""
    ranked = sorted(mappings(resource.get("name")), key=lambda name: _name_rank(name, now))
    names: dict[str, Name] = {}
    for name in ranked:
        if written := name_text(name):
            names.setdefault(written, _name(name, written))
    return list(names.values())


def _name(name: dict[str, Any], written: str) -> Name:
    return Name(written, NAME_WORDS.get(text(name.get("use")), ""), _language(name))


def _name_rank(name: dict[str, Any], now: datetime) -> tuple[bool, int]:
    """Order names: those still in use first, then by what FHIR says they are for."""
    use = text(name.get("use"))
    rank = NAME_ORDER.index(use) if use in NAME_ORDER else len(NAME_ORDER)
    return _is_over(name, now), rank


def _is_over(element: dict[str, Any], now: datetime) -> bool:
    end = parse_moment(mapping(element.get("period")).get("end"))
    return end is not None and end.at < now


def _language(name: dict[str, Any]) -> str:
    for extension in mappings(name.get("extension")):
        if extension.get("url") == LANGUAGE_EXTENSION:
            tag = text(extension.get("valueCode"))
            return tag if _LANGUAGE.fullmatch(tag) else ""
    return ""


def _identifier(patient: dict[str, Any], now: datetime) -> Identifier:
    """Return the medical record number, else another record number, else the resource id."""
    usable = [
        identifier
        for identifier in mappings(patient.get("identifier"))
        if text(identifier.get("value"))
        and not _is_civil(identifier)
        and not _is_over(identifier, now)
        and identifier.get("use") != "old"
    ]
    if not usable:
        return Identifier("Record", text(patient.get("id")))
    best = min(usable, key=_identifier_rank)
    label = "MRN" if "MR" in codes(best.get("type")) else concept_text(best.get("type"))
    return Identifier(label or "Identifier", text(best.get("value")))


def _identifier_rank(identifier: dict[str, Any]) -> tuple[bool, bool]:
    return "MR" not in codes(identifier.get("type")), identifier.get("use") == "secondary"


def _is_civil(identifier: dict[str, Any]) -> bool:
    system = text(identifier.get("system")).lower()
    return bool(codes(identifier.get("type")) & CIVIL_IDENTIFIERS) or any(
        part in system for part in CIVIL_SYSTEMS
    )


def _deceased_text(birth_date: Moment | None, death: Moment | None) -> str:
    if death is None:
        return "Deceased"
    age = age_text(birth_date, death.at.date())
    return f"Died {death.date_text}" + (f", aged {age}" if age else "")


def _notes(patient: dict[str, Any]) -> list[str]:
    notes = []
    if patient.get("active") is False:
        notes.append("The EHR marks this record as not in use.")
    if any(link.get("type") == "replaced-by" for link in mappings(patient.get("link"))):
        notes.append("The EHR says that another record replaces this one.")
    return notes
