"""The patient's insurance (FHIR R4 Coverage)."""

from collections.abc import Iterable
from typing import Any

from smartapp.record.amounts import digits
from smartapp.record.codes import codes, concept_text, status_code
from smartapp.record.elements import Resource, mapping, mappings
from smartapp.record.facts import Fact, in_order, labelled, said, unless_recorded
from smartapp.record.marks import read_marks
from smartapp.record.modifiers import status_text
from smartapp.record.moments import Chronology, Moment, has_ended, is_reversed
from smartapp.record.narratives import with_own_text
from smartapp.record.quantities import number_text, quantity_text, written_number
from smartapp.record.reading import Given, Read, read_each
from smartapp.record.references import display, displays, place, target
from smartapp.record.texts import text
from smartapp.record.timing import period_moments

NOT_NAMED = "Insurer that the EHR does not name"
ELSEWHERE = "Insurer in another entry of the EHR"
OVER, NOT_YET = "no longer in force", "Not yet in force"


def read_coverage(given: Given) -> Read[Fact]:
    """Return the insurance in force, then the former one."""
    return in_order(read_each(given.resources, lambda one: _coverage(one, given)))


def _coverage(resource: Resource, given: Given) -> Fact:
    start, end = period_moments(resource.get("period"))
    kind = concept_text(resource.get("type"))
    # R5 has one insurer. The insurer may be inside the resource.
    insurers = [*mappings(resource.get("payor")), *mappings(resource.get("insurer"))]
    payors = ", ".join(said(*map(_insurer, insurers), *_payers(resource)))
    is_to_come = Chronology(given.now).is_future(start)
    status = unless_recorded(resource, status_text(resource))
    marks = read_marks(
        resource, when=start, status=", ".join(said(status, NOT_YET if is_to_come else ""))
    ).between(start, end)
    return Fact(
        marks=with_own_text(marks, resource, is_all_there_is=not (payors or kind)),
        name=payors or kind or (ELSEWHERE if any(map(target, insurers)) else NOT_NAMED),
        fold=OVER if _is_over(resource, start, end, given) else "",
        began=start,
        ended=end,
        lines=said(
            *(_class(one) for one in mappings(resource.get("class"))),
            labelled("member", _member_numbers(resource)),
            labelled("dependent", [text(resource.get("dependent"))]),
            labelled("subscriber", displays(resource.get("subscriber"))),
            labelled("relation to the subscriber",
                     [concept_text(resource.get("relationship"))]),
            labelled("policy holder", displays(resource.get("policyHolder"))),
            *(_cost(one) for one in mappings(resource.get("costToBeneficiary"))),
        ),
        details=said(
            kind if payors else "",
            _rank(digits(resource.get("order"))),
            labelled("network", [text(resource.get("network"))]),
        ),
    )  # fmt: skip


def _insurer(reference: dict[str, Any]) -> str:
    if place(reference).startswith("Patient/"):
        return display(reference) or "The patient pays"
    number = text(mapping(reference.get("identifier")).get("value"))
    return display(reference) or (f"Insurer {number}" if number else "")


def _payers(resource: Resource) -> Iterable[str]:
    """Yield who pays without an insurance (R5)."""
    if status_code(resource, "kind") == "self-pay":
        parties = [display(one.get("party")) for one in mappings(resource.get("paymentBy"))]
        yield labelled("paid by", parties) or "The patient pays"


def _rank(order: str) -> str:
    """Return in which order several insurances pay."""
    known = {"1": "pays first", "2": "pays second", "3": "pays third"}
    return known.get(order, f"order {order}" if order else "")


def _member_numbers(resource: Resource) -> list[str]:
    # R5 has identifiers here; US Core has the member's own number among those of the insurance.
    own = [one for one in mappings(resource.get("identifier")) if "MB" in codes(one.get("type"))]
    identifiers = [*mappings(resource.get("subscriberId")), *own]
    return [text(resource.get("subscriberId")), *(text(one.get("value")) for one in identifiers)]


def _is_over(resource: Resource, start: Moment | None, end: Moment | None, given: Given) -> bool:
    is_past = has_ended(end, given.now) and not is_reversed(start, end)
    return is_past or status_code(resource) == "cancelled"


def _class(group: dict[str, Any]) -> str:
    """Return "plan: Gold 1000 (B37FC)"."""
    # R5 has an identifier as the value.
    value = text(group.get("value")) or text(mapping(group.get("value")).get("value"))
    name = text(group.get("name"))
    return labelled(
        concept_text(group.get("type")) or "class",
        [f"{name} ({value})" if name and value else name or value],
    )


def _cost(cost: dict[str, Any]) -> str:
    money = mapping(cost.get("valueMoney"))
    value = written_number(money.get("value"))
    amount = (
        f"{number_text(value)} {text(money.get('currency'))}".strip() if value is not None else ""
    )
    return labelled(
        concept_text(cost.get("type")) or "cost", [amount, quantity_text(cost.get("valueQuantity"))]
    )
