"""An administrator's question to the EHR about a launch's tokens, with its entry in the audit
trail.

Synchronous, like the admin. No transaction is open while the EHR is asked.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from smartapp import alerts, http
from smartapp.audit import trail
from smartapp.launches import introspection, store
from smartapp.launches.introspection import Compared
from smartapp.launches.models import EndReason
from smartapp.protocol.errors import LaunchEnded, SmartError

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Enquiry:
    """The answers of the EHR about a launch's tokens; `failure` says why there are none."""

    answers: Sequence[Compared] = ()
    failure: str = ""

    @property
    def is_alarm(self) -> bool:
        return any(one.is_another_patient for one in self.answers)


def enquire(uuid: UUID, *, actor: str) -> Enquiry:
    """Ask the EHR about a launch's tokens. If an answer names another patient, the launch ends, as
    after a refresh (C126, C132)."""
    try:
        launch = store.find_for_administrator(uuid, timezone.now())
        if launch.tokens is None:
            raise LaunchEnded("it holds no tokens any more")
        enquiry = Enquiry(http.run(introspection.ask(launch, launch.tokens)))
    except SmartError as error:
        enquiry = Enquiry(failure=f"{error.title}: {error.quoted}.")
    with transaction.atomic():
        if enquiry.is_alarm:
            logger.error("launch %s stopped: wrong-patient alarm: introspection", uuid)
            alerts.send_soon("wrong-patient", f"wrong-patient alarm at {launch.endpoint_slug}")
            store.end_and_hand_over(launch, EndReason.PATIENT_CHANGED, timezone.now())
        trail.record(actor, "launch.introspect", f"launch {uuid}", outcome=_outcome(enquiry))
    return enquiry


def _outcome(enquiry: Enquiry) -> dict[str, str]:
    said = {one.kind: _activity(one) for one in enquiry.answers}
    return said | ({"alarm": "another patient"} if enquiry.is_alarm else {})


def _activity(one: Compared) -> str:
    if one.answer is None:
        return "not said"
    return "active" if one.answer.active else "not active"
