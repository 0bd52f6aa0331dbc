"""Reading the record of a launch's patient, and ending the launch when an answer requires it."""

import logging
from collections.abc import AsyncGenerator, Collection
from contextlib import aclosing, asynccontextmanager

from django.utils import timezone

from smartapp import alerts
from smartapp.chart.chart import Part
from smartapp.chart.fhir_access import Record
from smartapp.chart.reader import Reading
from smartapp.database import in_database
from smartapp.launches import refresh, steps, store
from smartapp.launches.current_launch import LaunchAccess
from smartapp.launches.models import EndReason
from smartapp.protocol.errors import (
    EHRUnavailable,
    EndedByEHR,
    FHIRError,
    FHIRUnauthorized,
    WrongPatient,
)
from smartapp.record.identity import read_identity

logger = logging.getLogger(__name__)


async def parts(
    access: LaunchAccess, reference: str, *, known: Collection[str] = ()
) -> AsyncGenerator[Part, None]:
    """Yield the parts of the patient's chart as they are read, the patient's identity first,
    without those in `known`. A second 401 means that the EHR has withdrawn the access: the launch
    ends (C141).

    Raises the reason why the launch is over, also if it ended while the EHR was being asked. Then
    nothing of what was shown may be used any more (T17, T18).
    """
    async with ending(access), aclosing(_reading(access, reference, known).parts()) as reading:
        async for part in reading:
            yield part


@asynccontextmanager
async def ending(access: LaunchAccess) -> AsyncGenerator[None, None]:
    """Read inside this context. An answer that forbids further reading ends the launch, and if the
    launch has ended meanwhile, nothing that was read is shown."""
    try:
        yield
    except FHIRUnauthorized as error:
        raise await _ended_by_ehr(access, error) from error
    except WrongPatient:
        await _wrong_patient(access)
        raise
    await _refuse_if_over(access)


def _reading(access: LaunchAccess, reference: str, known: Collection[str]) -> Reading:
    context = access.tokens.context
    return Reading(
        access,
        patient=context.patient or "",
        encounter=context.encounter,
        fhirUser=access.tokens.fhirUser,
        granted_scopes=access.tokens.scope.granted,
        extras=context.extras,
        now=timezone.now(),
        reference=reference,
        known=known,
        record_number_system=access.launch.record_number_system,
    )


async def patient_name(access: LaunchAccess) -> str | None:
    """Return the patient's name as the EHR has it; None if it cannot be read now. Raises the errors
    of `parts`."""
    context = access.tokens.context
    if context.patient is None:
        return None
    record = Record(access, patient=context.patient, extras=context.extras)
    try:
        async with ending(access):
            resource = await record.read("Patient", context.patient)
    except (FHIRUnauthorized, WrongPatient):
        raise
    except (FHIRError, EHRUnavailable) as error:
        logger.warning("launch %s: patient not read: %s", access.launch.uuid, error.code)
        return None
    return read_identity(resource, now=timezone.now()).name.text if resource.get("name") else None


async def _refuse_if_over(access: LaunchAccess) -> None:
    """Check again: the launch may have been disconnected meanwhile, or another patient opened."""
    launch = access.launch
    now = await in_database(store.find, launch.uuid, launch.session_digest, timezone.now())
    refresh.refuse_ended(now)


async def _wrong_patient(access: LaunchAccess) -> None:
    """End a launch whose EHR answers with another person's record: no later answer about this
    patient could be trusted (C101; T17)."""
    reason = EndReason.PATIENT_CHANGED
    if await in_database(store.end_and_hand_over, access.launch, reason, timezone.now()):
        logger.error("launch %s stopped: wrong-patient alarm", access.launch.uuid)
        alerts.wrong_patient(access.launch.endpoint_slug)
        steps.ended(reason)


async def _ended_by_ehr(access: LaunchAccess, error: FHIRUnauthorized) -> EndedByEHR:
    """End the launch and return the error that says so."""
    await in_database(store.end_as_unauthorized, access.launch, timezone.now())
    return EndedByEHR(f"launch {access.launch.uuid}: {error.detail}", said=error.said)
