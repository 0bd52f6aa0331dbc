"""The events of one attempt, and where one failure left two: an answer that came with a state which
nobody has belongs to the launch that waited for it.

The EHR's slug in the redirect URI and the time find it. That explains a failure, and resumes
nothing: only the state does that, in the browser that began.
"""

from django.db.models import Exists, OuterRef

from smartapp.launches.events import WAY_OUT
from smartapp.launches.models import LaunchEvent, Step
from smartapp.launches.pending import PENDING_LIFETIME

MAX_EVENTS = 500
_EVENTS = LaunchEvent.objects.select_related("endpoint")
_SAME = LaunchEvent.objects.filter(attempt=OuterRef("attempt"))
_BEGAN = Exists(_SAME.filter(step=Step.AUTHORIZE))
_WENT_ON = Exists(_SAME.exclude(step__in=WAY_OUT))


def timeline_of(attempt: str) -> list[LaunchEvent]:
    """Return the events of an attempt in order, with those of the answer that it lost, or of the
    launch whose answer it is; none for an attempt that nobody knows."""
    if not attempt:
        return []
    own = list(_EVENTS.filter(attempt=attempt)[:MAX_EVENTS])
    if not own or own[-1].endpoint_id is None:
        return own
    other = _launch_of(own[-1]) if _is_lost(own) else _answer_to(own[-1])
    if not other:
        return own
    both = _EVENTS.filter(attempt__in=(attempt, other)).order_by("id")
    return list(both[:MAX_EVENTS])


def _is_lost(timeline: list[LaunchEvent]) -> bool:
    return timeline[0].step == Step.CALLBACK and bool(timeline[0].code)


def _launch_of(answer: LaunchEvent) -> str:
    """Return the one launch of this EHR that waited when an answer came; "" for none or several."""
    waited = (answer.at - PENDING_LIFETIME, answer.at)
    asked = _EVENTS.filter(
        ~_WENT_ON, endpoint=answer.endpoint_id, step=Step.AUTHORIZE, at__range=waited
    )
    attempts = {one.attempt for one in asked[:2]}
    return attempts.pop() if len(attempts) == 1 else ""


def _answer_to(last: LaunchEvent) -> str:
    """Return the one lost answer that came while a launch waited, which may be nobody else's."""
    if last.step != Step.AUTHORIZE:
        return ""
    lost = _EVENTS.filter(
        ~_BEGAN, endpoint=last.endpoint_id, step=Step.CALLBACK,
        at__range=(last.at, last.at + PENDING_LIFETIME),
    ).exclude(code="")  # fmt: skip
    answers = {one.attempt: one for one in lost[:2]}
    if len(answers) != 1:
        return ""
    (attempt, answer), *_ = answers.items()
    return attempt if _launch_of(answer) == last.attempt else ""
