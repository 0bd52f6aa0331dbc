"""Goals and care plans (FHIR R4 Goal, CarePlan)."""

from collections.abc import Iterable, Mapping
from typing import Any

from smartapp.record.absence import named_or
from smartapp.record.amounts import amount_text, duration_text, range_text, ratio_text
from smartapp.record.codes import (
    concept_text,
    concept_texts,
    status_code,
    status_codes,
    texts_or_known,
)
from smartapp.record.elements import (
    Resource,
    extensions,
    is_true,
    is_unclear,
    mapping,
    mappings,
)
from smartapp.record.facts import Fact, in_order, labelled, said, unless_recorded
from smartapp.record.marks import read_marks
from smartapp.record.medication_names import medication_concept
from smartapp.record.modifiers import reason_to_leave_out, status_text
from smartapp.record.moments import member_moment
from smartapp.record.narratives import narrative_text, with_own_text
from smartapp.record.quantities import quantity_text
from smartapp.record.reading import Given, Read, read_each
from smartapp.record.references import (
    Related,
    display,
    displays,
    name_of,
    reasons,
    resolve,
    target,
    to_follow,
    who_all,
    with_doubt,
)
from smartapp.record.texts import prose, text
from smartapp.record.timing import period_moments, period_words, timing_words

OVER_GOALS = frozenset({"completed", "cancelled", "rejected", "achieved"})
ACCEPTANCE = "http://hl7.org/fhir/StructureDefinition/goal-acceptance"
GOAL_NOT_NAMED = "Goal that the EHR does not describe"
NOT_NAMED = "an activity that the EHR does not name"
OVER_PLANS = frozenset({"completed", "revoked"})
OVER = "over or not accepted"
# US Core's category, for servers that send only its code.
CATEGORIES = {"assess-plan": "Assessment and plan"}


def read_plans(given: Given) -> Read[Fact]:
    """Return the current goals and care plans, newest first, then the others."""
    return in_order(read_each(given.resources, lambda one: _fact(one, given)))


def plans_to_follow(resources: Iterable[Resource]) -> tuple[str, ...]:
    return to_follow(
        reference
        for one in resources
        for reference in (*mappings(one.get("addresses")), *mappings(one.get("goal")))
    )


def _fact(resource: Resource, given: Given) -> Fact:
    is_goal = resource.get("resourceType") == "Goal"
    return _goal(resource, given.related) if is_goal else _plan(resource, given)


def _goal(sent: Resource, related: Related) -> Fact:
    # STU3 and DSTU2 have one status.
    status = sent.get("lifecycleStatus") or sent.get("status")
    resource = {**sent, "lifecycleStatus": status}
    start = member_moment(resource, "startDate", "statusDate")
    name = named_or(resource.get("description"), GOAL_NOT_NAMED)
    is_named = not name.startswith(GOAL_NOT_NAMED)
    # Oracle's Soarian sends descriptions with the elements of HTML.
    name = text(prose(name)) if is_named else name
    marks = read_marks(
        resource,
        when=start,
        # R5 calls it the source.
        origin=", ".join(who_all(resource.get("expressedBy") or resource.get("source"), resource)),
        status=unless_recorded({"status": status}, status_text(resource)),
    )
    return Fact(
        marks=with_own_text(marks, resource, is_all_there_is=not is_named),
        name=name,
        fold=OVER if status_code(resource, "lifecycleStatus") in OVER_GOALS else "",
        began=start,
        when_words=concept_text(resource.get("startCodeableConcept")),
        lines=said(
            *(_target(one) for one in mappings(resource.get("target"))),
            *_answers(resource),
            labelled("why", [text(resource.get("statusReason"))]),
            labelled("because of", _addressed(resource, related)),
            labelled(
                "outcome",
                [
                    *concept_texts(resource.get("outcomeCode")),
                    *displays(resource.get("outcomeReference")),
                    *displays(resource.get("outcome")),
                ],
            ),
        ),
        details=said(
            "goal",
            concept_text(resource.get("achievementStatus")),
            _priority(resource),
            *concept_texts(resource.get("category")),
        ),
    )


def _priority(goal: Resource) -> str:
    words = concept_text(goal.get("priority"))
    return words if "priority" in words.casefold() else labelled("priority", [words])


def _answers(resource: Resource) -> Iterable[str]:
    """Yield who agrees with the goal and who does not: "Mrs Lee: disagree" (R5; in R4 it is an
    extension)."""
    for one in mappings(resource.get("acceptance")):
        yield labelled(
            display(one.get("participant")) or "answer", [concept_text(one.get("status"))]
        )
    for extension in extensions(resource, ACCEPTANCE):
        parts = {text(one.get("url")): one for one in mappings(extension.get("extension"))}
        whose = display(parts.get("individual", {}).get("valueReference"))
        answer = text(parts.get("status", {}).get("valueCode"))
        yield labelled(whose or "answer", [answer])


def _target(target: Mapping[str, Any]) -> str:
    """Return "target: HbA1c < 7 %, by 1 Jul 2026"."""
    detail = (
        amount_text(target.get("detailQuantity"))
        or range_text(target.get("detailRange"))
        or ratio_text(target.get("detailRatio"))
        or concept_text(target.get("detailCodeableConcept"))
        or text(target.get("detailString"))
        or quantity_text({"value": target.get("detailInteger")})
        or _yes_or_no(target.get("detailBoolean"))
    )
    due = member_moment(dict(target), "dueDate")
    by = due.day_text if due else duration_text(target.get("dueDuration"))
    what = " ".join(said(concept_text(target.get("measure")), detail))
    return labelled("target", said(what, f"by {by}" if by else ""))


def _yes_or_no(value: object) -> str:
    return "" if value is None else "yes" if is_true(value) else "no"


def _addressed(resource: Resource, related: Related) -> list[str]:
    return [
        name_of(one, resource, related) or ("another entry of the EHR" if target(one) else "")
        for one in mappings(resource.get("addresses"))
    ]


def _plan(resource: Resource, given: Given) -> Fact:
    related = given.related
    start, end = period_moments(resource.get("period"))
    created = member_moment(resource, "created")
    marks = read_marks(
        resource,
        when=start or created,
        origin=", ".join(who_all(resource.get("author"), resource)),
        status=unless_recorded(resource, status_text(resource)),
    ).between(start, end)
    if status_code(resource) == "active":
        marks = marks.going_on(start, end, given.now)
    return Fact(
        marks=marks,
        name=text(resource.get("title"))
        or ", ".join(texts_or_known(resource.get("category"), CATEGORIES))
        or "Care plan",
        fold=OVER if status_code(resource) in OVER_PLANS else "",
        began=start or created,
        ended=end,
        text=narrative_text(
            resource, is_all_there_is=not (resource.get("activity") or resource.get("description"))
        ),
        lines=said(
            prose(resource.get("description")),
            labelled("because of", _addressed(resource, related)),
            labelled("replaces", displays(resource.get("replaces"))),
            *(
                _activity(one, resource, related)
                for one in mappings(resource.get("activity"))
                if status_code(mapping(one.get("detail"))) != "entered-in-error"
            ),
            labelled(
                "goals",
                [_goal_name(one, resource, related) for one in mappings(resource.get("goal"))],
            ),
        ),
        details=said(_intent(status_code(resource, "intent")), "care plan", *_categories(resource)),
    )


def _categories(plan: Resource) -> list[str]:
    """Return the categories if the plan has a title of its own; else they are its name. Without the
    one that every plan of US Core has."""
    sent = plan.get("category") if text(plan.get("title")) else None
    usual = concept_texts([one for one in mappings(sent) if "assess-plan" in status_codes(one)])
    return [words for words in concept_texts(sent) if words not in usual]


def _intent(intent: str) -> str:
    """Return the intent of a plan that is not agreed ("Proposed"); "" for a plan or an order."""
    words = {"proposal": "Proposed", "option": "One of several options", "plan": "", "order": ""}
    return words.get(intent, f"Intent “{intent}”" if intent else "")


def _goal_name(reference: object, plan: Resource, related: Related) -> str:
    goal = resolve(reference, plan, related)
    name = display(reference) or concept_text(goal.get("description"))
    status = reason_to_leave_out(goal) or status_text(goal).lower()
    return f"{name} ({status})" if name and status else name


def _activity(activity: dict[str, Any], plan: Resource, related: Related) -> str:
    """Return one planned activity; if it must not be done, that comes first."""
    detail = mapping(activity.get("detail"))
    description = prose(detail.get("description"))
    product = concept_text(detail.get("productCodeableConcept")) or display(
        detail.get("productReference")
    )
    other = resolve(activity.get("reference"), plan, related)
    name = (
        ": ".join(said(concept_text(detail.get("code")), product))
        or description
        or name_of(activity.get("reference"), plan, related)
        or with_doubt(concept_text(medication_concept(other)), other)
        # R5.
        or name_of(activity.get("plannedActivityReference"), plan, related)
        or ", ".join(displays(activity.get("performedActivity")))
        or (NOT_NAMED if detail else "an activity in another entry of the EHR")
    )
    # What was withdrawn says so beside its name.
    of_other = "" if reason_to_leave_out(other) else status_code(other)
    status = (text(detail.get("status")) or of_other).replace("-", " ")
    timing = timing_words(detail.get("scheduledTiming"))
    when = (
        (timing.join() if timing.is_whole else f"{timing.join()} (more in the EHR)".lstrip())
        or period_words(detail.get("scheduledPeriod"))
        or text(detail.get("scheduledString"))
    )
    # STU3 and DSTU2 call it "prohibited".
    negations = [(one, it) for one in (detail, other) for it in ("doNotPerform", "prohibited")]
    forbids = any(is_true(one.get(negation)) for one, negation in negations)
    said_name = f"do not do: {name}" if forbids else name
    if any(is_unclear(one, negation) for one, negation in negations):
        said_name = f"{name} (the EHR does not say clearly whether to do it or not)"
    progress = [prose(one.get("text")) for one in mappings(activity.get("progress"))]
    daily = amount_text(detail.get("dailyAmount"))
    return ", ".join(
        said(
            said_name,
            "" if status in ("in progress", "active") else status,
            "" if description == name else description,
            labelled("why", concept_texts(detail.get("statusReason"))),
            labelled("because of", reasons(detail, related)),
            amount_text(detail.get("quantity")),
            f"{daily} a day" if daily else "",
            when or "",
            labelled("by", displays(detail.get("performer"))),
            labelled("at", displays(detail.get("location"))),
            labelled(
                "outcome",
                [
                    *concept_texts(activity.get("outcomeCodeableConcept")),
                    *displays(activity.get("outcomeReference")),
                ],
            ),
            *progress,
        )
    )
