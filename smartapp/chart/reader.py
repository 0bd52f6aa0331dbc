"""Reads the launch's chart: all parts in parallel, each independent of the others.

A resource only counts as this patient's if it says so itself (C143). Nothing that is read is
stored, and log lines only contain resource types, counts and hosts.
"""

import asyncio
import logging
import re
from collections import Counter, defaultdict
from collections.abc import (
    AsyncGenerator,
    Collection,
    Coroutine,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from dataclasses import dataclass, field, replace
from datetime import datetime
from http import HTTPStatus
from itertools import chain
from typing import Any, Literal, TypeVar

from smartapp.chart.asking import ask
from smartapp.chart.chart import (
    NO_REASON,
    Chart,
    FHIRUserView,
    Lack,
    Part,
    ReadSection,
    State,
    Visit,
    Who,
    Why,
    chart_of,
)
from smartapp.chart.computing import computed
from smartapp.chart.fhir_access import (
    Access,
    Found,
    ReadForbidden,
    ReadRefused,
    ReadThrottled,
    Record,
)
from smartapp.chart.permissions import LEVELS, asked_sections, permitted_part
from smartapp.chart.sections import Search, Section, is_of_unknown_category
from smartapp.chart.users import user_view
from smartapp.protocol.errors import (
    ASK_FOR_HELP,
    EHRUnavailable,
    FHIRError,
    FHIRResponseInvalid,
    FHIRUnauthorized,
    IDTokenError,
    SmartError,
    WrongPatient,
)
from smartapp.protocol.fhir import parse_fhir_user, patient_of
from smartapp.protocol.scopes import allows
from smartapp.record.elements import Resource
from smartapp.record.encounters import read_encounter
from smartapp.record.identity import read_identity
from smartapp.record.marks import beyond_the_record
from smartapp.record.news import Share
from smartapp.record.reading import Given, LeftOut
from smartapp.record.references import with_names
from smartapp.record.texts import text

logger = logging.getLogger(__name__)

# References of a list are read one by one; if there are more, by searches for several ids.
MAX_FOLLOWED = 20
# What is told of a part that lacks several things.
WORST: tuple[Lack, ...] = ("foreign", "failed", "forbidden", "elsewhere", "less", "unattributed")
BATCH, MAX_BATCHES = 50, 6
# Type, id and perhaps a version. The current version is read.
_BELOW_BASE = re.compile(
    r"([A-Z][A-Za-z]{0,63})/([A-Za-z0-9\-.]{1,64})(?:/_history/[A-Za-z0-9\-.]{1,64})?"
)
# The page's banner says why.
PATIENT_NOT_READ = "Personal details were not read, so what is in them is missing here."
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a read: the resources, or the state and the words for the page. `is_a_part`: a
    search for more of the kind was not permitted, which the page does not mention."""

    state: State
    resources: tuple[Resource, ...] = ()
    included: Mapping[str, Resource] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    error: str = ""
    reference: str = ""
    lacks: Lack = ""
    why: Why = NO_REASON
    is_unknown_type: bool = False
    is_a_part: bool = False
    retry_after: float | None = None

    def problem(self, what: str) -> str:
        """Return why there is nothing, in words."""
        if self.state == "not-granted":
            return f"This app was not given permission to read {what}."
        return self.error


class Reading:
    """The reads of one page, independent of each other and all started at once.

    `reference` is the reference number of this page load and is in each of its log lines. The parts
    in `known` are not read.
    """

    def __init__(
        self,
        access: Access,
        *,
        patient: str,
        encounter: str | None,
        fhirUser: str | None,
        granted_scopes: tuple[str, ...],
        extras: Mapping[str, Any],
        now: datetime,
        reference: str,
        known: Collection[str] = (),
        record_number_system: str = "",
    ) -> None:
        self._record = Record(access, patient=patient, extras=extras)
        self._encounter = encounter
        self._fhirUser = fhirUser
        self._granted = granted_scopes
        self._now = now
        self._reference = reference
        self._known = known
        self._record_number_system = record_number_system
        self._asked: dict[Search, asyncio.Task[Outcome]] = {}

    async def parts(self) -> AsyncGenerator[Part, None]:
        """Yield who the patient is, then every other part as it comes, in any order.

        Raises WrongPatient if the EHR answers `Patient/<id>` with another patient (C101),
        FHIRUnauthorized if it refuses the renewed token too (C141), and errors of renewing the
        token. All other failures only affect their part.
        """
        who = asyncio.create_task(self._who())
        sections = (one for one in asked_sections(self._granted) if one.name not in self._known)
        others = (self._visit(who), self._user(who), *(self._section(one, who) for one in sections))
        tasks: list[asyncio.Task[Any]] = [who, *map(asyncio.create_task, others)]
        waiting = set(tasks)
        try:
            while waiting:
                done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                for task in sorted(done, key=tasks.index):
                    if part := task.result():
                        yield part
        finally:
            for task in (*tasks, *self._asked.values()):
                task.cancel()
            await asyncio.gather(*tasks, *self._asked.values(), return_exceptions=True)

    async def _who(self) -> Who:
        """Return the patient. Another patient in the answer ends the whole page (C101)."""
        patient = self._record.patient
        fatal = (FHIRUnauthorized, WrongPatient)
        outcome = await self._read("Patient", patient, fatal=fatal)
        if not outcome.resources:
            problem = outcome.problem("the patient's name and date of birth")
            return Who(patient, None, {}, problem, outcome.reference, outcome.why)
        resource = outcome.resources[0]
        identity = read_identity(
            resource, now=self._now, record_number_system=self._record_number_system
        )
        return Who(patient, identity, resource)

    async def _visit(self, who: asyncio.Task[Who]) -> Visit | None:
        """Return the launch's encounter if it is this patient's (C102)."""
        if self._encounter is None or "visit" in self._known:
            return None
        outcome = await self._read("Encounter", self._encounter)
        await asyncio.shield(who)
        if not outcome.resources:
            problem = outcome.problem("the encounter")
            return Visit(None, problem, outcome.reference, outcome.why)
        patient = self._patient_of(outcome.resources[0])
        if patient == self._record.patient:
            return Visit(read_encounter(with_names(outcome.resources[0], self._now), {}))
        rule = "other-patient" if patient else "no-patient"
        if patient is None:
            detail = "the launch's Encounter does not say which patient it is about"
            problem = "The EHR did not say whose visit it is, so it is not shown."
        else:
            detail = "the launch's Encounter is not about the launch's patient"
            problem = "The EHR named an encounter of another patient, so it is not shown."
        logger.error("%s %s", self._reference, detail)
        why = Why(rule, detail)
        return Visit(None, problem, self._reference, why)

    async def _user(self, who: asyncio.Task[Who]) -> FHIRUserView | None:
        """Return who launched; the `fhirUser` scope allows reading that resource (C95)."""
        if self._fhirUser is None or "user" in self._known:
            return None
        try:
            user = parse_fhir_user(self._fhirUser, fhir_base_url=self._record.fhir_base_url)
        except IDTokenError:
            return None
        resource: Resource = {}
        if user.readable:
            resource = await self._read_or_nothing(user.resource_type, user.id) or {}
        await asyncio.shield(who)
        about, patient = self._patient_of(resource), self._record.patient
        return user_view(user, resource, about=about, patient=patient, now=self._now)

    async def _section(self, section: Section, who: asyncio.Task[Who]) -> ReadSection:
        """Return the section, once its searches, its references and the patient are read."""
        searches = [asyncio.shield(self._asking(search)) for search in section.searches]
        outcome = _joined(section, await asyncio.gather(*searches))
        follow = section.follow(outcome.resources)
        related, unread, failed = await self._related(follow, outcome.included)
        if unread:
            outcome = replace(outcome, notes=(*outcome.notes, _unread_text(unread)))
        if failed and not outcome.lacks:
            why = Why("", "a resource that it refers to could not be read")
            outcome = replace(outcome, lacks="failed", why=why, reference=self._reference)
        patient = (await asyncio.shield(who)).resource
        if section.shows_patient and not patient:
            state: State = "partial" if outcome.state == "ok" else outcome.state
            outcome = replace(outcome, state=state, notes=(*outcome.notes, PATIENT_NOT_READ))
        resources = beyond_the_record(outcome.resources, patient)
        given = Given(resources, self._now, patient, related)
        return await computed(read_section, section, outcome, given)

    def _asking(self, search: Search) -> asyncio.Task[Outcome]:
        """Return the task of a search, which several sections may share."""
        if search not in self._asked:
            self._asked[search] = asyncio.create_task(self._search(search))
        return self._asked[search]

    async def _read(
        self,
        resource_type: str,
        resource_id: str,
        *,
        fatal: tuple[type[FHIRError], ...] = (FHIRUnauthorized,),
    ) -> Outcome:
        if not allows(self._granted, level_types=LEVELS, resource=resource_type, permission="r"):
            return Outcome("not-granted")
        try:
            return Outcome("ok", (await self._record.read(resource_type, resource_id),))
        except fatal:
            raise
        except (FHIRError, EHRUnavailable) as error:
            return self._failure(resource_type, error)

    async def _search(self, search: Search) -> Outcome:
        permitted = permitted_part(search, self._granted)
        if permitted == "nothing" or (search.is_besides and permitted != "all"):
            return Outcome("not-granted")
        try:
            found = await ask(self._record, search)
        except FHIRUnauthorized:
            raise
        except (FHIRError, EHRUnavailable) as error:
            return self._failure(search.resource_type, error)
        return self._found(search, found, is_partial=permitted == "a part")

    async def _related(
        self, references: Sequence[str], included: Mapping[str, Resource]
    ) -> tuple[dict[str, Resource], int, int]:
        """Return the resources that a section refers to, by the references as they were sent: those
        that came with it, and others that could be read. Also return how many were not read,
        because they were too many or the EHR failed, and how many of them it failed to give."""
        here = {one: _relative(one, self._record.fhir_base_url) for one in references}
        related = {one: included[name] for one, name in here.items() if name in included}
        wanted = [one for one, name in here.items() if name and one not in related]
        first, others = wanted[:MAX_FOLLOWED], wanted[MAX_FOLLOWED:]
        found = await _together(*(self._read_or_nothing(*here[one].split("/")) for one in first))
        failed = found.count(None)
        related |= {one: resource or {} for one, resource in zip(first, found, strict=True)}
        if others:
            more = await self._read_in_batches([here[one] for one in others])
            related |= {one: more[here[one]] for one in others if here[one] in more}
        own = {name: one for name, one in related.items() if one and not self._is_foreign(one)}
        return own, failed + sum(one not in related for one in others), failed

    async def _read_in_batches(self, names: Iterable[str]) -> dict[str, Resource]:
        """Return the resources that searches by id bring, by relative reference; none if the EHR
        does not accept such searches."""
        ids: dict[str, list[str]] = defaultdict(list)
        for resource_type, _, resource_id in (name.partition("/") for name in dict.fromkeys(names)):
            ids[resource_type].append(resource_id)
        found = await _together(
            *(
                self._several_or_nothing(resource_type, of_type[start : start + BATCH])
                for resource_type, of_type in ids.items()
                for start in range(0, min(len(of_type), MAX_BATCHES * BATCH), BATCH)
            )
        )
        return {f"{one['resourceType']}/{one['id']}": one for one in chain.from_iterable(found)}

    async def _several_or_nothing(
        self, resource_type: str, resource_ids: Collection[str]
    ) -> list[Resource]:
        try:
            return await self._record.read_several(resource_type, resource_ids)
        except FHIRUnauthorized:
            raise
        except (FHIRError, EHRUnavailable) as error:
            logger.info("a search by id was refused: %s %s", error.code, error.detail)
            return []

    def _is_foreign(self, resource: Resource) -> bool:
        """Return whether the resource says that it is about another patient (C143)."""
        patient = self._patient_of(resource)
        return patient is not None and patient != self._record.patient

    def _patient_of(self, resource: Resource) -> str | None:
        return patient_of(resource, fhir_base_url=self._record.fhir_base_url)

    async def _read_or_nothing(self, resource_type: str, resource_id: str) -> "Resource | None":
        """Return a resource that is not there for this app as an empty one, and None if the EHR
        failed to give it, which it may do in a moment."""
        try:
            return await self._record.read(resource_type, resource_id)
        except FHIRUnauthorized:
            raise
        except (FHIRError, EHRUnavailable) as error:
            logger.info("a %s could not be read: %s %s", resource_type, error.code, error.detail)
            return None if _is_of_the_moment(error) else {}

    def _found(self, search: Search, found: Found, *, is_partial: bool) -> Outcome:
        notes = [] if search.is_besides else [*_count_notes(search, found)]
        if found.foreign:
            logger.error(
                "%s %s: dropped %d resources that are not about the launch's patient (C143)",
                self._reference,
                search.resource_type,
                found.foreign,
            )
            notes.append(_foreign_text(found.foreign, self._reference))
        if found.unattributed:
            notes.append(_unattributed_text(found.unattributed))
        if is_partial:
            notes.append("This launch was given only a part of this list.")
        if found.failed:
            error = found.failed
            logger.warning(
                "%s %s: a later page failed: %s %s",
                self._reference,
                search.resource_type,
                error.code,
                error.detail,
            )
        lacks, why = _lack_of(search, found)
        return Outcome(
            state="partial" if notes else "ok",
            resources=tuple(found.resources),
            included=found.included,
            notes=tuple(notes),
            reference=self._reference if lacks else "",
            lacks=lacks,
            why=why,
        )

    def _failure(self, what: str, error: SmartError) -> Outcome:
        """Return the words for a failed read, and log it with the reference number."""
        logger.warning("%s %s: %s %s", self._reference, what, error.code, error.detail)
        status = error.http_status if isinstance(error, ReadRefused) else None
        state: Literal["failed", "forbidden"]
        state = "forbidden" if isinstance(error, ReadForbidden) else "failed"
        return Outcome(
            is_unknown_type=status == HTTPStatus.NOT_FOUND,
            state=state,
            lacks=state,
            why=Why(error.rule, error.detail),
            error=_failure_text(error),
            reference=self._reference,
            retry_after=error.retry_after,
        )


async def read_chart(access: Access, **launch: Any) -> Chart:
    """Return the whole chart, once all of it is read. Raises the errors of `Reading.parts`."""
    return chart_of([part async for part in Reading(access, **launch).parts()])


async def _together(*reads: Coroutine[Any, Any, T]) -> list[T]:
    """Return the results of all reads. The first error that concerns the whole page cancels the
    others."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(read) for read in reads]
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return [task.result() for task in tasks]


def _joined(section: Section, outcomes: Sequence[Outcome]) -> Outcome:
    """Return one outcome for all searches of a section, with the resources that belong to it, each
    once.

    If one of several searches failed, a note says so, so that the rest is not taken for everything.
    Optional searches are mentioned elsewhere.
    """
    asked = [
        (search, one)
        for search, one in zip(section.searches, outcomes, strict=True)
        if not (search.is_optional and one.state == "not-granted")
    ]
    unasked = {*section.searches} - {search for search, _ in asked}
    main = [one for search, one in asked if not search.is_besides]
    if not main:
        return Outcome("ok")
    read = [one for _, one in asked if one.state in ("ok", "partial")]
    if not any(one in read for one in main):
        return _unread(section, main)
    missing = [
        _missing_text(search, section, one)
        for search, one in asked
        if one not in read and not search.is_besides and not _is_not_offered(section, one)
    ]
    worst = min((one for _, one in asked if one.lacks), key=_badness, default=Outcome("ok"))
    notes = tuple(dict.fromkeys([*(note for one in read for note in one.notes), *missing]))
    belonging = [_belonging(section, search, one) for search, one in asked if one in read]
    return Outcome(
        "partial" if notes else "ok",
        tuple(_once(list(filter(None, belonging)))),
        {name: one for outcome in read for name, one in outcome.included.items()},
        notes,
        reference=worst.reference,
        lacks=worst.lacks,
        why=worst.why,
        is_a_part=any(search.is_optional and not search.is_besides for search in unasked),
    )


def _belonging(section: Section, search: Search, outcome: Outcome) -> tuple[Resource, ...]:
    """Return what belongs to the section, since some EHRs ignore the category of a search. If one
    did not, what has a category of its own making is what was asked for."""
    found = outcome.resources
    if (
        section.takes_unknown_categories
        and search.categories
        and all(section.belongs(one) or is_of_unknown_category(one) for one in found)
    ):
        return found
    return tuple(filter(section.belongs, found))


def _badness(outcome: Outcome) -> int:
    return WORST.index(outcome.lacks)


def _lack_of(search: Search, found: Found) -> tuple[Lack, Why]:
    """Return the worst of what a search did not bring, and why."""
    if found.foreign:
        return "foreign", NO_REASON
    if found.failed:
        return "failed", Why(found.failed.rule, found.failed.detail)
    if found.elsewhere:
        return "elsewhere", Why("", found.elsewhere)
    if found.is_short and not search.is_besides:
        return "less", Why("", "the EHR counts more than it gave")
    if _remarks(search, found):
        return "less", Why("", "its Bundle has a remark, or an entry without a resource")
    return ("unattributed" if found.unattributed else ""), NO_REASON


def _unread(section: Section, outcomes: Sequence[Outcome]) -> Outcome:
    """Return one outcome for searches that brought nothing: the worst of them."""
    asked = [one for one in outcomes if one.state != "not-granted"]
    if asked and all(_is_not_offered(section, one) for one in asked):
        return Outcome("not-offered")
    return min(outcomes, key=lambda one: one.state == "not-granted")


def _is_not_offered(section: Section, outcome: Outcome) -> bool:
    """Return whether the EHR has no such resource type (404; FHIR R4, RESTful API) and the page may
    omit the section. A section whose absence would mislead has failed instead."""
    return section.only_if_granted and outcome.is_unknown_type


def _once(found: Sequence[tuple[Resource, ...]]) -> Iterator[Resource]:
    """Yield each resource once, because two searches may bring the same."""
    if len(found) == 1:
        yield from found[0]
        return
    known = set()
    for resource in chain.from_iterable(found):
        key = (resource["resourceType"], text(resource.get("id")))
        if key not in known or not key[1]:
            known.add(key)
            yield resource


def _count_notes(search: Search, found: Found) -> Iterator[str]:
    """Yield the notes about the number of entries, and the EHR's own remarks."""
    yield from _remarks(search, found)
    read = len(found.resources)
    if found.is_cut and not read:
        yield "The EHR has more than was read, and nothing of what was read is shown here."
    elif found.is_cut and found.is_newest_first:
        shown = "entry is" if read == 1 else f"{read} entries are"
        yield f"Only the newest {shown} shown; the record has more."
    elif found.is_cut:
        shown = (
            "entry that the EHR sent is" if read == 1 else f"{read} entries that the EHR sent are"
        )
        yield f"Only the first {shown} shown; it has more, and perhaps newer ones."
    elif found.is_short:
        counted = "is 1" if found.total == 1 else f"are {found.total}"
        yield f"The EHR says that there {counted}; it gave {found.given or 'none'}."


def _remarks(search: Search, found: Found) -> list[str]:
    """Return the EHR's remarks, but for those on a preferred parameter that it ignored, which are
    of no interest, and those on a search that only adds to others."""
    if search.is_besides:
        return []
    return [note for note in found.notes if not any(one in note for one in search.wishes)]


def _missing_text(search: Search, section: Section, outcome: Outcome) -> str:
    what = search.what or section.nouns
    if outcome.state == "not-granted":
        return f"This app was not given permission to read {what}."
    return f"The {what} could not be read. {outcome.error} Reference {outcome.reference}."


def _relative(reference: str, fhir_base_url: str) -> str:
    """Return "Medication/m1" for a reference below the FHIR base, without its version, because the
    current one is read. "" for a reference to elsewhere."""
    match = _BELOW_BASE.fullmatch(reference.removeprefix(f"{fhir_base_url.rstrip('/')}/"))
    return "/".join(match.groups()) if match else ""


def _is_of_the_moment(error: SmartError) -> bool:
    """Return whether the EHR failed, and did not refuse."""
    if isinstance(error, ReadRefused):
        return error.http_status >= HTTPStatus.INTERNAL_SERVER_ERROR
    return isinstance(error, ReadThrottled | EHRUnavailable)


def _unread_text(count: int) -> str:
    entries = "1 entry" if count == 1 else f"{count} entries"
    was = "was" if count == 1 else "were"
    return f"{entries} that this list refers to {was} not read: names or reasons are missing."


def _unattributed_text(count: int) -> str:
    if count == 1:
        return "1 entry from the EHR did not say whose it is, and was left out."
    return f"{count} entries from the EHR did not say whose they are, and were left out."


def _foreign_text(count: int, reference: str) -> str:
    entries = "1 entry" if count == 1 else f"{count} entries"
    was = "was" if count == 1 else "were"
    return (
        f"{entries} from the EHR did not belong to this patient and {was} left out. "
        f"Tell the people who run this app, and give them the reference {reference}."
    )


# Patients and clinicians read the same sentence.
_TELL = "Tell the people who run this app, and give them the reference below."


def _failure_text(error: SmartError) -> str:
    if isinstance(error, ReadThrottled):
        return f"The EHR is busy. Load the page again in {error.retry_in}."
    said = error.said.strip().rstrip(".")
    stop = "" if said.endswith(("!", "?")) else "."
    in_its_words = f" The EHR said: “{said}{stop}”" if said else ""
    if isinstance(error, ReadRefused):
        return f"{error.happened} It answered with status {error.http_status}.{in_its_words}"
    if isinstance(error, FHIRResponseInvalid) and said:
        return f"In place of this part of the record, the EHR sent a message.{in_its_words}"
    return f"{error.happened} {error.next_step.replace(ASK_FOR_HELP, _TELL)}"


def read_section(section: Section, outcome: Outcome, given: Given) -> ReadSection:
    """Return a section for the page: what its reader made of the results of its searches."""
    read = section.read(given)
    notes = (*outcome.notes, *_left_out_texts(section, read.left_out))
    state = "partial" if outcome.state == "ok" and notes else outcome.state
    return ReadSection(
        section=section,
        state="empty" if state == "ok" and not read.entries else state,
        items=section.draw(read.entries),
        error=outcome.error,
        reference=outcome.reference,
        lacks=outcome.lacks,
        why=outcome.why,
        retry_after=outcome.retry_after,
        notes=notes,
        count=sum(map(section.count, read.entries)),
        is_cut=outcome.state != "ok" or outcome.is_a_part,
        share=_share(section, outcome, read.entries),
    )


def _share(section: Section, outcome: Outcome, entries: tuple[Any, ...]) -> Share | None:
    """Return the section's contribution to the first block, or that it could not be read."""
    if section.share is None:
        return None
    if outcome.state not in ("ok", "partial"):
        return Share(is_read=False, is_whole=False)
    return replace(section.share(entries), is_whole=outcome.state == "ok")


def _left_out_texts(section: Section, left_out: Sequence[LeftOut]) -> list[str]:
    """Return what is not shown, counted by reason: "2 results could not be shown: no value."."""
    reasons = Counter(one.reason for one in left_out)
    return [
        f"{count} {section.noun if count == 1 else section.nouns} could not be shown: {reason}."
        for reason, count in reasons.items()
    ]
