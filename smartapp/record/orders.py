"""Referrals and orders (FHIR R4 ServiceRequest)."""

from collections.abc import Iterable

from smartapp.record.absence import named_or
from smartapp.record.amounts import amount_text, range_text, ratio_text
from smartapp.record.codes import concept_text, concept_texts, status_code
from smartapp.record.elements import Resource, is_true, is_unclear
from smartapp.record.facts import Fact, labelled, read_dated, said, unless_recorded
from smartapp.record.marks import read_marks
from smartapp.record.medications import INTENT_WORDS, ORDER_INTENTS, PRIORITY_WORDS
from smartapp.record.modifiers import NOT_UNDERSTOOD, status_text
from smartapp.record.moments import member_moment
from smartapp.record.narratives import with_own_text
from smartapp.record.reading import Given, Read
from smartapp.record.references import Related, displays, reason_elements, reasons, to_follow
from smartapp.record.sites import site_texts
from smartapp.record.texts import prose, text
from smartapp.record.timing import period_words, timing_words

NOT_NAMED = "Order that the EHR does not name"
DONE = "done or stopped"
NEVER = "never ordered: drafts and what was cancelled"
FOLDS = {
    "completed": DONE,
    "ended": DONE,
    "revoked": NEVER,
    "cancelled": NEVER,
    "draft": NEVER,
}


def read_orders(given: Given) -> Read[Fact]:
    """Return open referrals and orders, newest first, then those that are done."""
    return read_dated(given, lambda one: _order(one, given.related))


def orders_to_follow(resources: Iterable[Resource]) -> tuple[str, ...]:
    return to_follow(reason for one in resources for reason in reason_elements(one))


def _order(resource: Resource, related: Related) -> Fact:
    authored = member_moment(resource, "authoredOn")
    name = named_or(resource.get("code"), NOT_NAMED)
    status = unless_recorded(resource, status_text(resource))
    marks = read_marks(resource, when=authored, status=", ".join(said(status, _intent(resource))))
    marks = with_own_text(marks, resource, is_all_there_is=name.startswith(NOT_NAMED))
    # An unclear doNotPerform must not be taken for "no".
    if is_unclear(resource, "doNotPerform"):
        marks = marks._replace(not_understood=NOT_UNDERSTOOD)
    return Fact(
        marks=marks,
        name=f"Do not do: {name}" if is_true(resource.get("doNotPerform")) else name,
        fold=FOLDS.get(status_code(resource), ""),
        began=authored,
        lines=said(
            labelled("detail", concept_texts(resource.get("orderDetail"))),
            labelled("planned for", [_when(resource)]),
            labelled("because of", reasons(resource, related)),
            labelled("for the patient", [prose(resource.get("patientInstruction"))]),
            labelled("ordered by", displays(resource.get("requester"))),
            labelled("to", [*displays(resource.get("performer")),
                            *concept_texts(resource.get("performerType")),
                            *displays(resource.get("locationReference"))]),
        ),
        details=said(
            *concept_texts(resource.get("category")),
            PRIORITY_WORDS.get(text(resource.get("priority")), ""),
            *site_texts(resource.get("bodySite")),
            amount_text(resource.get("quantityQuantity"))
            or ratio_text(resource.get("quantityRatio"))
            or range_text(resource.get("quantityRange")),
            _as_needed(resource),
        ),
    )  # fmt: skip


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
