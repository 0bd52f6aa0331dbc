"""Medication orders and reports: what is taken, what must not be given, what is over.

FHIR R4 MedicationRequest and MedicationStatement. Orders of the same medication and dose are one
entry; what differs between them stays with each order.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

from smartapp.record.absence import absent_code
from smartapp.record.amounts import amount_text, counted, digits, duration_text, unit_of_time
from smartapp.record.codes import (
    concept_text,
    concept_texts,
    concept_words,
    status_code,
    texts_or_known,
    words_or_known,
)
from smartapp.record.dosage import Dosage, as_compared, read_dosages
from smartapp.record.education import medlineplus_url
from smartapp.record.elements import (
    Resource,
    each_of,
    is_false,
    is_true,
    is_unclear,
    mapping,
    mappings,
)
from smartapp.record.facts import unless_recorded
from smartapp.record.marks import Marks, doubted, read_marks
from smartapp.record.medication_names import (
    LEAST_LETTERS,
    NOT_NAMED,
    NOT_READ,
    STATUS_REASONS,
    SUBSTITUTIONS,
    TWO_NAMES,
    is_of_a_drug,
    medication_codings,
    medication_concept,
    medication_marks,
    medication_name,
    medication_reference,
)
from smartapp.record.modifiers import NOT_UNDERSTOOD, is_agreed_to_stop, status_text
from smartapp.record.moments import (
    Chronology,
    Moment,
    has_ended,
    is_reversed,
    last_day,
    member_moment,
    newest_first,
)
from smartapp.record.narratives import with_own_text
from smartapp.record.quantities import comparator_text, written_number
from smartapp.record.reading import Given, LeftOut, Read, read_each
from smartapp.record.references import (
    Related,
    display,
    displays,
    name_of,
    place,
    reason_elements,
    reasons,
    superseded,
    to_follow,
    who_all,
)
from smartapp.record.statements import Statement, read_statement
from smartapp.record.texts import text
from smartapp.record.timing import period_moments, period_words

# not-to-give: an order against it · never: cancelled, draft, not taken · past: no longer taken
Group = Literal["not-to-give", "current", "past", "never"]
GROUPS: tuple[Group, ...] = ("not-to-give", "current", "past", "never")
# R4 MedicationRequest.status and MedicationStatement.status. Any other status may be current.
GROUP_OF_STATUS: dict[str, Group] = {
    "completed": "past",
    "stopped": "past",
    "ended": "past",
    "discontinued": "past",
    "aborted": "past",
    "cancelled": "never",
    "revoked": "never",
    "draft": "never",
    "not-taken": "never",
}
INTENT_WORDS = {"plan": "Planned", "proposal": "Proposed", "option": "One of several options"}
ORDER_INTENTS = frozenset(
    {"", "order", "original-order", "reflex-order", "filler-order", "instance-order"}
)
PRIORITY_WORDS = {"urgent": "Urgent", "asap": "As soon as possible", "stat": "At once"}
# How somebody takes it (US Core), by the last part of its address.
ADHERENCE = "us-core-medication-adherence"
_PERIOD_OF_USE = re.compile(r"TimeInterval|PeriodOfUse")
# The longest that each can be.
DAYS_OF_UNIT = {"hour": 1, "day": 1, "week": 7, "month": 31, "year": 366}
_WORD = re.compile(r"[^\W_]+")
# A number is only a strength with its unit: "Vitamin B 12" and "Vitamin B 6" are two substances.
_UNIT = (
    r"(?:%|(?:mg|mcg|[µμu]g|g|kg|ml|l|iu|units?|u|ui|ie|meq|mmol|m?ci|(?:milli|micro)?grams?)\b)"
)
_STRENGTH = re.compile(rf"(?<![\d.,])\d[\d.,]* ?-?{_UNIT}")
# "Paracetamol / Codeine", "Paracetamol 500 mg/Codeine 30 mg", and not the "per tablet" or
# "/actuation" of a strength.
_COMBINED = re.compile(
    rf"(?: [/+] ?|[^\W\d_]{{3}}[/+] ?|\d ?-?{_UNIT}[/+] ?)"
    r"(?!(?:actuat(?:ion)?|amp(?:oule|ule)?|bag|bottle|cap(?:sule)?|day|dose|drop|each|gum|hour"
    r"|inhal(?:ation|er)?|kit|lozenge|metered|packet|patch|patches|pen|puff|sachet|spray"
    r"|supp(?:ository|ositories)?|syringe|tab(?:let)?|unit|vial|week)s?\b)[^\W\d_]{3}"
)
# A prohibition may be of a whole class ("NSAIDs"), and no list here says what belongs to it.
NAMES_ONLY = (
    "No current medicine has this name or code. This app does not know which medicines belong to a "
    "class or have another name."
)
NOT_TAKEN, STOPPED = "Not taken", "Stopped"
_NOT_IN_FORCE = ("draft", "cancelled", "revoked", "entered-in-error")
PROPOSED = "proposed only, and nobody ordered it or reported that it is taken"


@dataclass(frozen=True, slots=True)
class Order:
    """One order or report.

    `reported` says that somebody reported it, and who. `course` is its own period. `is_over`: the
    period is in the past although the status does not say so; `is_perhaps_over`: so it is if it
    began when it was ordered, as only its length is known; `is_to_come`: it has not begun;
    `is_replaced`: another order says that it replaces this one.
    `ended` is the last day of all its periods; None if one of them is open.
    """

    marks: Marks
    reported: str = ""
    prescriber: str = ""
    reasons: tuple[str, ...] = ()
    status_reason: str = ""
    course: str = ""
    is_over: bool = False
    is_perhaps_over: bool = False
    is_to_come: bool = False
    is_replaced: bool = False
    supply: str = ""
    details: tuple[str, ...] = ()
    ended: Moment | None = None


@dataclass(frozen=True, slots=True)
class Drug:
    """What a medication is, for comparing two: the words of its name, each between spaces, also
    without its strengths, and its codes."""

    name: str = ""
    without_strength: str = ""
    is_combined: bool = False
    codes: frozenset[tuple[str, str]] = frozenset()

    def covers(self, other: "Drug", *, in_any_strength: bool = False) -> bool:
        """Return whether what is said of this drug goes for the other: both have a code in common,
        or one's name begins with the other's and they only differ in what follows the strength
        ("Warfarin 5 mg tablet"). For `in_any_strength` the strengths do not count, and a name goes
        for all that begin with it ("Insulin", "Insulin glargine"). A combination covers none of its
        parts."""
        if not self.codes.isdisjoint(other.codes):
            return True
        mine, others = self._compared(other, in_any_strength=in_any_strength)
        if not mine or not others or self._has_as_a_part(other):
            return False
        is_the_same = self.without_strength == other.without_strength
        return (others.startswith(mine) and (is_the_same or in_any_strength)) or (
            mine.startswith(others) and is_the_same
        )

    def may_cover(self, other: "Drug", *, in_any_strength: bool = False) -> bool:
        """Return whether one of the names is somewhere in the other ("Insulin" in "Insulin
        glargine", "Codeine" in "Paracetamol/Codeine"), so that what is said of this drug may go for
        the other."""
        mine, others = self._compared(other, in_any_strength=in_any_strength)
        short, long = (mine, others) if len(mine) < len(others) else (others, mine)
        return (
            short in long
            and any(len(word) >= LEAST_LETTERS for word in short.split())
            and not self._has_as_a_part(other)
            and not self.covers(other, in_any_strength=in_any_strength)
        )

    def _compared(self, other: "Drug", *, in_any_strength: bool) -> tuple[str, str]:
        if in_any_strength:
            return self.without_strength, other.without_strength
        return self.name, other.name

    def _has_as_a_part(self, other: "Drug") -> bool:
        return self.is_combined and not other.is_combined


@dataclass(frozen=True, slots=True)
class Medication:
    """One medication in one dose, with its orders, newest first.

    `is_statement`: it says that there is none, or that it is unknown ("No known medications").
    `remarks` say what in the same list contradicts it, or may do so: another medication although
    there is none, a current order of what must not be given, the other side of that, and a report,
    not older than it, that it is not taken or was stopped. `drug` is what it is about: the words of
    its name and its codes.
    """

    name: str
    group: Group
    dosages: tuple[Dosage, ...]
    orders: tuple[Order, ...]
    is_statement: bool = False
    says_none: bool = False
    remarks: tuple[str, ...] = ()
    is_named: bool = True
    drug: "Drug" = field(default_factory=lambda: Drug())
    learn_more_url: str = ""

    @property
    def marks(self) -> Marks:
        return self.orders[0].marks

    @property
    def sources(self) -> int:
        return len(self.orders)

    @property
    def latest(self) -> Order:
        return self.orders[0]

    @property
    def earlier(self) -> tuple[Order, ...]:
        return self.orders[1:]

    @property
    def is_current(self) -> bool:
        return self.group == "current"

    @property
    def is_counted(self) -> bool:
        return self.is_current and not self.is_statement


def read_medications(given: Given) -> Read[Medication]:
    """Return what must not be given, what is current, and the rest, each newest first."""
    replaced = superseded(_replacements(given.resources))
    read = read_each(given.resources, lambda one: _medication(one, given, replaced))
    found = _remarked(_folded(read.entries), given.now)
    return replace(read, entries=tuple(sorted(found, key=_place)))


def _is_older(report: Medication, order: Medication) -> bool:
    told, ordered = report.marks.when, order.marks.when
    return told is not None and newest_first(told) > newest_first(ordered)


def _is_later(report: Medication, order: Medication, now: datetime) -> bool:
    """Return whether both are dated, and what is reported later: the report, and the end of its
    period. What ended before the order was another course, and an end to come is only planned."""
    end, ordered = report.latest.ended, order.marks.when
    is_planned = end is not None and end.is_readable and last_day(end) > now.date()
    dates = [one for one in (report.marks.when, None if is_planned else end) if one]
    if not dates or ordered is None or not all(one.is_readable for one in (*dates, ordered)):
        return False
    return all(newest_first(one) < newest_first(ordered) for one in dates)


def _replacements(resources: Iterable[Resource]) -> Iterable[tuple[str, str]]:
    """Yield "MedicationRequest/m2", "MedicationRequest/m1" for each order that replaces another
    one. A proposal or a plan replaces nothing yet."""
    return (
        (f"{text(one.get('resourceType'))}/{text(one.get('id'))}", place(one["priorPrescription"]))
        for one in resources
        if "priorPrescription" in one
        and status_code(one, "intent") in ORDER_INTENTS
        and status_code(one) not in _NOT_IN_FORCE
    )


def _is_banned(medication: Medication) -> bool:
    return medication.group == "not-to-give" and not medication.latest.is_over


def _remarked(medications: list[Medication], now: datetime) -> list[Medication]:
    """Return the entries; those that contradict each other say so."""
    counted = [one for one in medications if one.is_counted]
    banned = [one for one in medications if _is_banned(one)]
    denied = [one for one in medications if one.marks.status == NOT_TAKEN]
    stopped = [one for one in medications if one.marks.status == STOPPED and one.latest.reported]
    remarked = []
    for one in medications:
        remarks = one.remarks
        if one.says_none and counted:
            remarks += ("The record contradicts this: it also lists a medication.",)
        if _is_banned(one):
            remarks += tuple(_remarks_of_a_ban(one, counted))
        if one.is_counted:
            remarks += (*_remarks_of_reports(one, denied), *_remarks_of_bans(one, banned))
            if any(_is_later(other, one, now) and other.drug.covers(one.drug) for other in stopped):
                remarks += ("A later report in this record says that it was stopped.",)
        remarked.append(replace(one, remarks=tuple(dict.fromkeys(remarks))))
    return remarked


def _remarks_of_a_ban(ban: Medication, counted: list[Medication]) -> Iterable[str]:
    is_ordered = any(ban.drug.covers(one.drug, in_any_strength=True) for one in counted)
    perhaps = [one for one in counted if ban.drug.may_cover(one.drug, in_any_strength=True)]
    if is_ordered:
        yield "The record contradicts this: it also lists a current order of this medicine."
    for one in perhaps:
        yield (
            f"The record also lists a current order of {one.name}: check whether that is this "
            "medicine or contains it."
        )
    if ban.is_named and counted and not (is_ordered or perhaps):
        yield NAMES_ONLY


def _remarks_of_reports(order: Medication, denied: list[Medication]) -> Iterable[str]:
    reports = [one for one in denied if not _is_older(one, order)]
    if any(one.drug.covers(order.drug) for one in reports):
        yield "A report in this record says that it is not taken."
    for one in reports:
        if one.drug.may_cover(order.drug):
            yield (
                f"A report in this record says that {one.name} is not taken: check whether that is "
                "this medicine or in it."
            )


def _remarks_of_bans(order: Medication, banned: list[Medication]) -> Iterable[str]:
    if any(one.drug.covers(order.drug, in_any_strength=True) for one in banned):
        yield "The record also says not to give this medicine."
    for one in banned:
        if one.drug.may_cover(order.drug, in_any_strength=True):
            yield (
                f"The record also says “{one.name}”: check whether that is this medicine or in it."
            )


def medications_to_follow(resources: Iterable[Resource]) -> tuple[str, ...]:
    """Return the references that some order needs for its name or reason."""
    listed = list(resources)
    unnamed = [one for one in listed if not concept_words(medication_concept(one))]
    return to_follow(
        [
            *(medication_reference(one) for one in unnamed),
            *(reason for one in listed for reason in reason_elements(one)),
        ]
    )


def _place(medication: Medication) -> tuple[int, tuple[bool, float], str]:
    when = _recency(medication.latest)
    return GROUPS.index(medication.group), when, medication.name.casefold()


def _recency(order: Order) -> tuple[bool, float]:
    return bool(order.marks.doubt), newest_first(order.marks.when)


def _folded(medications: Iterable[Medication]) -> list[Medication]:
    """Return the entries; those with the same name, dose and state become one."""
    alike: dict[object, list[Medication]] = {}
    for one in medications:
        alike.setdefault(_likeness(one), []).append(one)
    return [
        replace(
            same[0],
            orders=tuple(
                sorted(
                    (order for one in same for order in one.orders),
                    key=_recency,
                )
            ),
        )
        for same in alike.values()
    ]


def _likeness(medication: Medication) -> tuple[object, ...]:
    order, marks = medication.latest, medication.marks
    if not medication.is_named:
        # They may be different medications.
        return (id(medication),)
    said = (
        marks.status,
        marks.labels,
        marks.not_understood,
        order.reported,
        order.is_over,
        order.is_perhaps_over,
        order.is_to_come,
        order.is_replaced,
    )
    return medication.group, medication.name.casefold(), as_compared(medication.dosages), said


def _medication(sent: Resource, given: Given, replaced: frozenset[str]) -> Medication | LeftOut:
    related, now = given.related, given.now
    resource = _until_stopped(sent, now)
    forbids = is_true(resource.get("doNotPerform"))
    reported = _reported(resource)
    if status_code(resource, "intent") in ("proposal", "option") and not (reported or forbids):
        return LeftOut(PROPOSED)
    statement = _statement(resource)
    named = medication_name(resource, related)
    name = statement.words if statement else named.words
    dosages = _dosages(resource)
    group = _group(resource, forbids=forbids)
    order = _order(resource, related, reported)
    marks = medication_marks(doubted(order.marks, now), resource, related)
    is_unknown = statement is None and read_statement(medication_concept(resource)) is not None
    is_named = not (is_unknown or name.startswith((NOT_NAMED, NOT_READ)))
    is_bare = not is_named or bool(absent_code(medication_concept(resource)))
    marks = with_own_text(marks, resource, is_all_there_is=is_bare)
    # Some EHRs send the instruction as a comment, too.
    said_of_dose = {words for one in dosages for words in (one.words, one.for_patient)}
    marks = marks._replace(notes=tuple(one for one in marks.notes if one not in said_of_dose))
    codes = medication_codings(resource, related)
    order = replace(
        order,
        marks=marks,
        is_over=group in ("current", "not-to-give") and _is_over(resource, now),
        is_perhaps_over=group == "current" and _is_over_if_it_began(resource, now),
        is_to_come=group == "current"
        and status_code(resource) != "intended"
        and _is_to_come(resource, now),
        is_replaced=group == "current" and marks.source in replaced,
    )
    return Medication(
        name=f"Do not give: {name}" if forbids else name,
        group=group,
        dosages=dosages,
        orders=(order,),
        is_statement=statement is not None,
        is_named=is_named,
        says_none=statement is not None and statement.meaning == "none" and group == "current",
        remarks=(TWO_NAMES,) if named.are_two else (),
        drug=_drug(name, codes) if is_named else Drug(),
        learn_more_url="" if statement else medlineplus_url(codes),
    )


def _drug(name: str, its_codes: Iterable[tuple[str, str]]) -> Drug:
    plain = name.casefold()
    is_combined = _COMBINED.search(plain) is not None
    # What follows the strength is the form, or the next part of a combination.
    bare = _STRENGTH.sub(" ", plain) if is_combined else _STRENGTH.split(plain, maxsplit=1)[0]
    words = _spaced(plain)
    return Drug(
        name=words,
        without_strength=_spaced(bare) or words,
        is_combined=is_combined,
        codes=frozenset(filter(is_of_a_drug, its_codes)),
    )


def _spaced(plain: str) -> str:
    words = " ".join(_WORD.findall(plain))
    return f" {words} " if words else ""


def _dosages(resource: Resource) -> tuple[Dosage, ...]:
    """Return the instructions; without any, the sentence in which the EHR put them."""
    if written := resource.get("dosageInstruction") or resource.get("dosage"):
        return read_dosages(written)
    return read_dosages(resource.get("renderedDosageInstruction"))


def _adherence(resource: Resource) -> Iterable[str]:
    """Yield how it is taken, where the EHR knows: US Core's extension, STU3's `taken`, R5's
    `adherence`."""
    if status_code(resource, "taken") == "unk":
        yield "Not known whether it is taken"
    adherence = mapping(resource.get("adherence"))
    said = [adherence.get("code"), adherence.get("reason")]
    for extension in mappings(resource.get("extension")):
        if text(extension.get("url")).endswith(ADHERENCE):
            parts = mappings(extension.get("extension"))
            said += [
                part.get("valueCodeableConcept")
                for part in parts
                if part.get("url") == "medicationAdherence"
            ]
    for words in filter(None, map(concept_text, said)):
        yield f"adherence: {words}"


def _statement(resource: Resource) -> Statement | None:
    """Return the statement that the code makes. An order for an unknown medication, or any entry
    with a dose, is not a statement."""
    found = read_statement(medication_concept(resource))
    if found is None or found.meaning == "none":
        return found
    is_order = resource.get("resourceType") == "MedicationRequest"
    has_dose = resource.get("dosageInstruction") or resource.get("dosage")
    return None if is_order or has_dose else found


def _until_stopped(resource: Resource, now: datetime) -> Resource:
    """Return an agreement to stop a medicine on a day to come as an order until then: today it is
    still taken."""
    if is_agreed_to_stop(resource) and Chronology(now).is_future(_end(resource)):
        return {**resource, "status": "active"}
    return resource


def _group(resource: Resource, *, forbids: bool) -> Group:
    by_status = GROUP_OF_STATUS.get(status_code(resource))
    return by_status or ("not-to-give" if forbids else "current")


def _order(resource: Resource, related: Related, reported: str) -> Order:
    return Order(
        marks=_marks(resource, reported),
        reported=reported,
        prescriber=", ".join(_requesters(resource)),
        reasons=reasons(resource, related),
        status_reason=", ".join(
            [
                *texts_or_known(resource.get("statusReason"), STATUS_REASONS),
                # DSTU2 and STU3.
                *concept_texts(resource.get("reasonNotTaken")),
            ]
        ),
        course=period_words(_own_period(resource)) or "",
        supply=_supply(mapping(resource.get("dispenseRequest"))),
        details=tuple(_details(resource, related)),
        ended=_end(resource),
    )


def _requesters(resource: Resource) -> list[str]:
    requester = resource.get("requester")
    # STU3 has the person one level deeper.
    return displays(requester) or displays(mapping(requester).get("agent"))


def _marks(resource: Resource, reported: str) -> Marks:
    status = [unless_recorded(resource, status_text(resource))]
    marks = read_marks(
        resource,
        when=member_moment(resource, "authoredOn", "effectiveDateTime", "dateAsserted"),
        origin=", ".join(who_all(resource.get("recorder"), resource)),
        status=", ".join(filter(None, (*status, _intent(resource, reported)))),
    )
    # An unclear doNotPerform must not be taken for "no".
    if is_unclear(resource, "doNotPerform"):
        return marks._replace(not_understood=NOT_UNDERSTOOD)
    return marks


def _intent(resource: Resource, reported: str) -> str:
    intent = status_code(resource, "intent")
    if intent in ORDER_INTENTS or (reported and intent in INTENT_WORDS):
        return ""
    return INTENT_WORDS.get(intent, f"Intent “{intent}”")


def _reported(resource: Resource) -> str:
    """Return "As reported by …" for a medication that was reported, not ordered."""
    source = resource.get("reportedReference") or resource.get("informationSource")
    is_statement = resource.get("resourceType") == "MedicationStatement"
    # R5 has the boolean without its type.
    is_said = is_true(resource.get("reportedBoolean")) or is_true(resource.get("reported"))
    if not (source or is_statement or is_said):
        return ""
    by = ", ".join(who_all(source, resource))
    return f"As reported by {by}" if by else "As reported"


def _is_over(resource: Resource, now: datetime) -> bool:
    """Return whether all periods of the resource have ended; one that ends before it begins may not
    have."""
    if any(is_reversed(*period_moments(period)) for period in _periods(resource)):
        return False
    return has_ended(_end(resource), now)


def _is_over_if_it_began(resource: Resource, now: datetime) -> bool:
    """Return whether the lengths of all instructions have passed since the day of the order. With
    repeats the length may be that of one supply."""
    repeats_allowed = mapping(resource.get("dispenseRequest")).get("numberOfRepeatsAllowed")
    if digits(repeats_allowed) not in ("", "0"):
        return False
    sent = resource.get("dosageInstruction")
    instructions = each_of(sent)
    # One that is only a sentence has no length.
    timings = [mapping(mapping(one).get("timing")) for one in instructions]
    lengths = [_days(mapping(timing.get("repeat"))) for timing in timings]
    ordered = member_moment(resource, "authoredOn")
    if ordered is None or not ordered.is_readable or not lengths or not all(lengths):
        return False
    return (now.date() - last_day(ordered)).days > max(lengths)


def _days(repeat: Resource) -> float:
    """Return the length of an instruction in days; 0 if it has none, one that is none
    (-5 days), or dates instead."""
    if "boundsPeriod" in repeat:
        return 0
    length = mapping(repeat.get("boundsDuration") or mapping(repeat.get("boundsRange")).get("high"))
    number = written_number(length.get("value"))
    days = DAYS_OF_UNIT.get(unit_of_time(length.get("code")) or unit_of_time(length.get("unit")), 0)
    return 0 if number is None or comparator_text(length) else max(0, float(number)) * days


def _end(resource: Resource) -> Moment | None:
    """Return the latest end of the resource's periods; None if one of them has no end. An
    unreadable end counts as the latest."""
    periods = _periods(resource) or [mapping(resource.get("dispenseRequest")).get("validityPeriod")]
    ends = [period_moments(period)[1] for period in periods]
    known = [end for end in ends if end is not None]
    return max(known, key=lambda end: (last_day(end), end.at)) if len(known) == len(ends) else None


def _is_to_come(resource: Resource, now: datetime) -> bool:
    """Return whether no period of the resource has begun."""
    starts = [period_moments(period)[0] for period in _periods(resource)]
    chronology = Chronology(now)
    return bool(starts) and all(map(chronology.is_future, starts))


def _periods(resource: Resource) -> list[object]:
    """Return the resource's own period, or that of each of its instructions."""
    if own := _own_period(resource):
        return [own]
    instructions = mappings(resource.get("dosageInstruction") or resource.get("dosage"))
    repeats = [mapping(mapping(one.get("timing")).get("repeat")) for one in instructions]
    return [repeat.get("boundsPeriod") for repeat in repeats]


def _own_period(resource: Resource) -> object:
    # R5 has another name for it in orders, the Netherlands have an extension.
    by_extension = (
        one.get("valuePeriod")
        for one in mappings(resource.get("extension"))
        if _PERIOD_OF_USE.search(text(one.get("url")))
    )
    own = resource.get("effectivePeriod") or resource.get("effectiveDosePeriod")
    return own or next(filter(None, by_extension), None)


def _supply(dispense: dict[str, Any]) -> str:
    """Return "30 tablets, 2 repeats, for 30 days, to be dispensed until 1 Jul 2026"."""
    duration = duration_text(dispense.get("expectedSupplyDuration"))
    first = mapping(dispense.get("initialFill"))
    first_words = " for ".join(
        filter(None, (amount_text(first.get("quantity")), duration_text(first.get("duration"))))
    )
    interval = duration_text(dispense.get("dispenseInterval"))
    valid = period_words(dispense.get("validityPeriod"))
    return ", ".join(
        filter(
            None,
            (
                amount_text(dispense.get("quantity")),
                _repeats(digits(dispense.get("numberOfRepeatsAllowed"))),
                f"for {duration}" if duration else "",
                f"at first {first_words}" if first_words else "",
                f"one every {interval}" if interval else "",
                f"to be dispensed {valid}" if valid else "",
                *displays(dispense.get("performer")),
            ),
        )
    )


def _repeats(number: str) -> str:
    if not number:
        return ""
    return "no repeats" if number == "0" else counted(number, "repeat")


def _details(resource: Resource, related: Related) -> Iterable[str]:
    yield from _adherence(resource)
    for issue in mappings(resource.get("detectedIssue")):
        yield f"issue: {name_of(issue, resource, related) or 'see the EHR'}"
    yield from concept_texts(resource.get("category"))
    if priority := PRIORITY_WORDS.get(text(resource.get("priority"))):
        yield priority
    if course := concept_text(resource.get("courseOfTherapyType")):
        yield course
    substitution = mapping(resource.get("substitution"))
    because = concept_text(substitution.get("reason"))
    because = f" because of {because}" if because else ""
    if is_false(substitution.get("allowedBoolean")):
        yield f"No substitution{because}"
    if allowed := words_or_known(substitution.get("allowedCodeableConcept"), SUBSTITUTIONS):
        yield f"Substitution: {allowed}{because}"
    if "priorPrescription" in resource:
        yield f"replaces {display(resource['priorPrescription']) or 'another order'}"
    for beside in displays(resource.get("supportingInformation")):
        yield f"see also: {beside}"
    performers = [
        *displays(resource.get("performer")),
        *concept_texts(resource.get("performerType")),
    ]
    yield from (f"to be given by {name}" for name in performers)
