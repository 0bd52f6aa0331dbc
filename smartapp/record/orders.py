"""Referrals and orders (FHIR R4 ServiceRequest)."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from smartapp.record.absence import named_or
from smartapp.record.amounts import amount_text, range_text, ratio_text
from smartapp.record.codes import concept_text, concept_texts, status_code
from smartapp.record.elements import Resource, extensions, is_true, is_unclear, mappings
from smartapp.record.facts import Fact, labelled, read_dated, said, unless_recorded
from smartapp.record.marks import read_marks
from smartapp.record.medications import INTENT_WORDS, ORDER_INTENTS, PRIORITY_WORDS
from smartapp.record.modifiers import NOT_UNDERSTOOD, status_text
from smartapp.record.moments import member_moment
from smartapp.record.narratives import with_own_text
from smartapp.record.opposites import contradiction_in
from smartapp.record.reading import Given, Read
from smartapp.record.references import (
    Related,
    displays,
    names_of,
    place,
    reason_elements,
    reasons,
    superseded,
    to_follow,
)
from smartapp.record.sites import site_texts
from smartapp.record.texts import prose, text
from smartapp.record.timing import period_words, timing_words

STATUS_REASON = "http://hl7.org/fhir/StructureDefinition/request-statusReason"
NOT_TO_DO = "Do not do: "
CONTRADICTED = "The record contradicts this: it also lists an open order of it."
REPLACED = "Another order replaces it, though the EHR lists it as open."
FORBIDDEN = "The record also says not to do it."
NOT_NAMED = "Order that the EHR does not name"
DONE = "done or stopped"
NEVER = "never ordered: drafts and what was cancelled"
NOT_IN_FORCE = ("revoked", "cancelled", "draft")
FOLDS = {
    **dict.fromkeys(NOT_IN_FORCE, NEVER),
    "completed": DONE,
    "ended": DONE,
}


def read_orders(given: Given) -> Read[Fact]:
    """Return open referrals and orders, newest first, then those that are done. Two that
    contradict each other say so."""
    replaced = superseded(_replacements(given.resources))
    read = read_dated(given, lambda one: _order(one, given.related, replaced))
    return replace(read, entries=tuple(_remarked(read.entries)))


def _replacements(resources: Iterable[Resource]) -> Iterable[tuple[str, str]]:
    """Yield an order that is in force and one that it replaces: "ServiceRequest/s2",
    "ServiceRequest/s1"."""
    for one in resources:
        is_ordered = status_code(one, "intent") in ORDER_INTENTS
        if is_ordered and status_code(one) not in (*NOT_IN_FORCE, "entered-in-error"):
            for reference in mappings(one.get("replaces")):
                yield f"ServiceRequest/{text(one.get('id'))}", place(reference)


def _remarked(orders: Sequence[Fact]) -> Iterable[Fact]:
    """Return the orders; those that contradict each other say so. What must not be done has the
    order's name, and nothing that the order does not have ("left arm")."""
    named = [one for one in orders if one.is_counted and NOT_NAMED not in one.name]
    by_name: dict[str, list[frozenset[str]]] = {}
    for one in named:
        by_name.setdefault(one.name.casefold(), []).append(frozenset(one.details))
    for one in orders:
        name, details = one.name.casefold(), frozenset(one.details)
        other = name.removeprefix(NOT_TO_DO.casefold())
        wanted = by_name.get(other, []) if other != name else []
        forbidden = by_name.get(f"{NOT_TO_DO.casefold()}{name}", [])
        if one.is_counted and any(map(details.issubset, wanted)):
            yield replace(one, lines=(CONTRADICTED, *one.lines))
        elif one.is_counted and any(map(details.issuperset, forbidden)):
            yield replace(one, lines=(FORBIDDEN, *one.lines))
        else:
            yield one


def orders_to_follow(resources: Iterable[Resource]) -> tuple[str, ...]:
    return to_follow(reason for one in resources for reason in reason_elements(one))


def _order(resource: Resource, related: Related, replaced: frozenset[str]) -> Fact:
    authored = member_moment(resource, "authoredOn")
    name = named_or(resource.get("code"), NOT_NAMED)
    status = unless_recorded(resource, status_text(resource))
    marks = read_marks(resource, when=authored, status=", ".join(said(status, _intent(resource))))
    marks = with_own_text(marks, resource, is_all_there_is=name.startswith(NOT_NAMED))
    # An unclear doNotPerform must not be taken for "no".
    if is_unclear(resource, "doNotPerform"):
        marks = marks._replace(not_understood=NOT_UNDERSTOOD)
    fold = FOLDS.get(status_code(resource), "")
    return Fact(
        marks=marks,
        name=f"{NOT_TO_DO}{name}" if is_true(resource.get("doNotPerform")) else name,
        fold=fold,
        began=authored,
        lines=said(
            contradiction_in(resource.get("code"), *site_texts(resource.get("bodySite"))),
            REPLACED if marks.source in replaced and not fold else "",
            labelled("why", _status_reasons(resource)),
            labelled("replaces", displays(resource.get("replaces"))),
            labelled("detail", concept_texts(resource.get("orderDetail"))),
            labelled("planned for", [_when(resource)]),
            labelled("because of", reasons(resource, related)),
            labelled(
                "see also",
                names_of(resource.get("supportingInfo"), resource, related),
            ),
            labelled("for the patient", [prose(resource.get("patientInstruction"))]),
            labelled("ordered by", displays(resource.get("requester"))),
            labelled("to", [*displays(resource.get("performer")),
                            *concept_texts(resource.get("performerType")),
                            *concept_texts(resource.get("locationCode")),
                            *displays(resource.get("locationReference"))]),
        ),
        details=said(
            *concept_texts(resource.get("category")),
            PRIORITY_WORDS.get(text(resource.get("priority")), ""),
            *site_texts(resource.get("bodySite")),
            *displays(resource.get("bodyStructure")),
            *displays(resource.get("specimen")),
            amount_text(resource.get("quantityQuantity"))
            or ratio_text(resource.get("quantityRatio"))
            or range_text(resource.get("quantityRange")),
            _as_needed(resource),
        ),
    )  # fmt: skip


def _status_reasons(resource: Resource) -> list[str]:
    """Return why it has its status (R4 has an extension for it)."""
    found = extensions(resource, STATUS_REASON)
    return [concept_text(one.get("valueCodeableConcept")) for one in found]


def _intent(resource: Resource) -> str:
    intent = status_code(resource, "intent")
    return "" if intent in ORDER_INTENTS else INTENT_WORDS.get(intent, f"Intent “{intent}”")


def _as_needed(resource: Resource) -> str:
    reason = concept_text(resource.get("asNeededCodeableConcept"))
    if reason:
        return f"as needed for {reason}"
    return "as needed" if is_true(resource.get("asNeededBoolean")) else ""


def _when(resource: Resource) -> str:
    if moment := member_moment(resource, "occurrenceDateTime"):
        return moment.text
    period = period_words(resource.get("occurrencePeriod"))
    words = timing_words(resource.get("occurrenceTiming"))
    return period or (words.join() if words.is_whole else f"{words.join()} (more in the EHR)")
