"""The patient's identity: the part of the page that must never be wrong or hidden (C104)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from smartapp.record.absence import extension_code, is_masked
from smartapp.record.codes import codings, concept_text, status_code
from smartapp.record.elements import Resource, is_false, is_unclear, mapping, mappings
from smartapp.record.facts import labelled, said
from smartapp.record.marks import LABELS, read_labels
from smartapp.record.modifiers import not_understood
from smartapp.record.moments import (
    NOT_APPLICABLE,
    Chronology,
    Moment,
    last_day,
    member_moment,
    parse_moment,
    years_between,
)
from smartapp.record.names import Name, in_other_scripts, read_names
from smartapp.record.people import sex_note
from smartapp.record.personal import interpreter_words
from smartapp.record.record_numbers import RecordNumber, read_record_number
from smartapp.record.texts import text

SEXES = {"male": "Male", "female": "Female", "other": "Other", "unknown": "Unknown"}
# Of France (validated, qualified) and of the United Kingdom.
_UNVERIFIED = (
    ("identity-reliability", "identity not verified"),
    ("NHSNumberVerificationStatus", "NHS number not verified"),
)
# By which document, which France has beside the status.
_HOW_VERIFIED = "validationMode"
_VERIFIED = frozenset({"VALI", "QUAL", "01", "number-present-and-verified"})
INFANT_WEEKS, TODDLER_MONTHS = 12, 24
# Precisions of a date that may be before or after a birthday.
NO_DAY = ("year", "month")
EARLY_DEATH = "The EHR gives a date of death before the date of birth."
FUTURE_DEATH = "The EHR gives a date of death in the future"


@dataclass(frozen=True, slots=True)
class Identity:
    """The content of the patient banner. `age` is "" if it is not known.

    `scripts` is the same name in other scripts. `labels` describe the whole record: a test
    patient's, restricted. `former_names` are folded, because nobody should be called by them.
    `interpreter` says that one is needed, and for which language.
    """

    id: str
    name: Name
    scripts: tuple[Name, ...]
    other_names: tuple[Name, ...]
    former_names: tuple[Name, ...]
    birth_date: Moment | None
    age: str
    sex: str
    identifier: RecordNumber
    deceased: str
    interpreter: str
    labels: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Death:
    """A death. `when` may be unreadable. `is_future`: the date cannot be right."""

    when: Moment | None
    is_future: bool = False


def read_identity(patient: Resource, *, now: datetime, record_number_system: str = "") -> Identity:
    """Return the identity in a Patient resource whose id was already checked (C101).

    `record_number_system` is the identifier system of this hospital's record numbers.
    """
    names = read_names(patient, now) or [Name("Name not recorded")]
    scripts = in_other_scripts(names)
    others = [name for name in names[1:] if name not in scripts]
    birth_date = member_moment(patient, "birthDate")
    death = _death(patient, now)
    is_dead = death is not None and not death.is_future
    return Identity(
        id=text(patient.get("id")),
        name=names[0],
        scripts=scripts,
        other_names=tuple(name for name in others if not name.is_former),
        former_names=tuple(name for name in others if name.is_former),
        birth_date=birth_date,
        age="" if is_dead else age_text(birth_date, now.date()),
        sex=_sex(patient),
        identifier=read_record_number(patient, system=record_number_system, now=now),
        deceased=_deceased_text(birth_date, death) if death else "",
        interpreter=interpreter_words(patient),
        labels=said(
            *read_labels(patient),
            LABELS["MASKED"] if is_masked(patient) else "",
            *_unverified(patient),
        ),
        notes=tuple(_notes(patient, names[0], now)),
    )


def _unverified(patient: Resource) -> Iterable[str]:
    """Yield what France says of an identity, and the United Kingdom of a number, that nobody has
    verified."""
    holders = [patient, *mappings(patient.get("identifier"))]
    for one in (one for holder in holders for one in mappings(holder.get("extension"))):
        label = next((said for name, said in _UNVERIFIED if name in text(one.get("url"))), "")
        # Both have been one value, and a part beside others.
        holding = (one, *mappings(one.get("extension"))) if label else ()
        values = (
            it.get("valueCoding") or it.get("valueCodeableConcept")
            for it in holding
            if it.get("url") != _HOW_VERIFIED
        )
        status = next(filter(None, values), None)
        if status and _VERIFIED.isdisjoint(code for _, code in codings(status)):
            yield labelled(label, [concept_text(status)])


def _sex(patient: Resource) -> str:
    # Some servers send a concept instead of a code.
    sent = patient.get("gender")
    code = text(sent) or status_code(patient, "gender")
    return SEXES.get(code.casefold(), f"recorded as “{code}”" if code else "not recorded")


def _death(patient: Resource, now: datetime) -> _Death | None:
    """Return what is known about the death. Any value except a plain "no" means that the patient
    died.

    That includes a date that is unreadable or absent with a reason. An empty one says nothing.
    """
    when = parse_moment(patient.get("deceasedDateTime"))
    if when is not None and not _is_no(when.sent):
        return _Death(when, is_future=Chronology(now).is_future(when))
    said = [value for name, value in patient.items() if name.startswith("deceased")]
    reason = extension_code(patient.get("_deceasedDateTime"))
    if ("_deceasedDateTime" in patient and reason != NOT_APPLICABLE) or not all(map(_is_no, said)):
        return _Death(None)
    return None


def _is_no(value: object) -> bool:
    """Return whether a value says "no" in any usual form, or nothing."""
    if isinstance(value, str):
        return value.strip().casefold() in ("", "no", "n", "false", "0")
    return not value


def age_text(birth_date: Moment | None, today: date) -> str:
    """Return the age in the most useful unit: days, weeks, months, then years."""
    if birth_date is None or not birth_date.is_readable or birth_date.at.date() > today:
        return ""
    born = birth_date.at.date()
    months = (today.year - born.year) * 12 + today.month - born.month - (today.day < born.day)
    if birth_date.precision == "month" and months < TODDLER_MONTHS:
        return f"about {_counted(months, 'month')}" if months else "less than 1 month"
    if birth_date.precision in NO_DAY:
        years = years_between(born, today)
        return f"about {_counted(years, 'year')}" if years else "less than 1 year"
    if (weeks := (today - born) // timedelta(weeks=1)) < INFANT_WEEKS:
        return _counted(weeks, "week") if weeks else _counted((today - born).days, "day")
    if months < TODDLER_MONTHS:
        return _counted(months, "month")
    return f"{years_between(born, today)} years"


def _counted(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"


def _deceased_text(birth_date: Moment | None, death: _Death) -> str:
    if death.when is None:
        return "Deceased"
    if death.is_future:
        return f"{FUTURE_DEATH}: {death.when.day_text}"
    if not death.when.is_readable:
        return f"Deceased, {death.when.day_text}"
    age = age_text(birth_date, death.when.at.date())
    is_exact = birth_date is not None and birth_date.precision not in NO_DAY
    if age and death.when.precision in NO_DAY and is_exact:
        # The birthday may be before or after the death.
        age = f"about {age}"
    return f"Died {death.when.day_text}" + (f", aged {age}" if age else "")


def _death_notification(patient: Resource) -> str:
    """Return the words of UK Core's notification of a death, which may precede the death itself;
    "" without one, or if it was withdrawn."""
    for extension in mappings(patient.get("extension")):
        if not text(extension.get("url")).endswith("DeathNotificationStatus"):
            continue
        for part in mappings(extension.get("extension")):
            concept = part.get("valueCodeableConcept")
            said = {code for _, code in codings(concept)}
            if concept and said.isdisjoint({"U", "u"}):
                return concept_text(concept)
    return ""


def _is_about_a_relative(other: Resource) -> bool:
    """Return whether a link leads to what this person is to another patient, such as the mother of
    a newborn (RelatedPerson), and to no record of their own."""
    return "RelatedPerson" in (text(other.get("type")), *text(other.get("reference")).split("/"))


def _is_before(death: _Death | None, birth: Moment | None) -> bool:
    if death is None or death.when is None or birth is None:
        return False
    are_readable = death.when.is_readable and birth.is_readable
    return are_readable and last_day(death.when) < birth.at.date()


def _notes(patient: Resource, name: Name, now: datetime) -> list[str]:
    links = {
        text(link.get("type")).casefold()
        for link in mappings(patient.get("link"))
        if not _is_about_a_relative(mapping(link.get("other")))
    }
    birth = member_moment(patient, "birthDate")
    told = "" if _death(patient, now) else _death_notification(patient)
    candidates = (
        (Chronology(now).is_future(birth), "The EHR gives a date of birth in the future."),
        (_is_before(_death(patient, now), birth), EARLY_DEATH),
        (name.use, f"The EHR marks the name as a {name.use}."),
        (not_understood(patient), not_understood(patient)),
        (is_false(patient.get("active")), "The EHR marks this record as not in use."),
        (
            is_unclear(patient, "active"),
            "The EHR does not say clearly whether this record is in use.",
        ),
        (told, f"The EHR has a notification of the death: {told}"),
        (sex_note(patient), sex_note(patient)),
        ("replaced-by" in links, "The EHR says that another record replaces this one."),
        (links & {"refer", "seealso"}, "The EHR has another record of this patient, too."),
        (
            (patient.get("deceasedBoolean") is None and "_deceasedBoolean" in patient)
            or patient.get("deceasedDateTime") == ""
            or extension_code(patient.get("_deceasedDateTime")) == NOT_APPLICABLE,
            "The EHR does not say whether this patient is alive.",
        ),
    )
    return [words for holds, words in candidates if holds]
