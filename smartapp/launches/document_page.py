"""One document of the record: formatted text as a page, a PDF or a picture as a file.

Each request reads the document from the EHR again, with the launch's own access, and stores none of
it. The file has its own content security policy: it may load nothing and run nothing, and only our
own page and the frame of the launch's EHR may show it.
"""

from uuid import UUID

from csp.constants import NONE, SELF
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from smartapp.chart.attachments import AddressUnknown, Opened, open_document
from smartapp.chart.fhir_access import Record
from smartapp.launches import events, patient_chart, refresh
from smartapp.launches.current_launch import LaunchAccess, find
from smartapp.launches.framing import launch_in_frame
from smartapp.launches.session_length import is_patients
from smartapp.launches.store import StoredLaunch
from smartapp.record.elements import Resource
from smartapp.record.identity import Identity, read_identity


@require_GET
@never_cache
@events.recorded
async def document(request: HttpRequest, uuid: UUID, sealed: str) -> HttpResponseBase:
    """Return the page of a document: the patient's identity, and its text or a frame with its
    file."""
    found, _ = await find(request, uuid, in_use=True)
    return await launch_in_frame(request, found, _page(request, found, sealed))


@require_GET
@never_cache
@events.recorded
async def file(request: HttpRequest, uuid: UUID, sealed: str) -> HttpResponseBase:
    """Return the file of a document, for the frame in its page."""
    found, _ = await find(request, uuid, in_use=True)
    return await launch_in_frame(request, found, _file(found, sealed), framed_by=(SELF,))


async def _page(request: HttpRequest, found: StoredLaunch, sealed: str) -> HttpResponse:
    opened, patient = await _opened(found, sealed, with_patient=True)
    shown = {
        "opened": opened,
        "identity": _identity(found, patient) if patient else None,
        "is_patients": is_patients(found.kind, LaunchAccess(found).tokens),
        "back_url": f"/launches/{found.uuid}/",
        "file_url": f"/launches/{found.uuid}/documents/{sealed}/file",
    }
    response = render(request, "document.html", shown)
    response._csp_update = {"frame-src": [SELF]}  # type: ignore[attr-defined]
    return response


def _identity(found: StoredLaunch, patient: Resource) -> Identity:
    return read_identity(
        patient, now=timezone.now(), record_number_system=found.record_number_system
    )


async def _file(found: StoredLaunch, sealed: str) -> HttpResponse:
    opened, _patient = await _opened(found, sealed)
    if not opened.content:
        raise Http404
    response = HttpResponse(opened.content, content_type=opened.content_type)
    response["Content-Disposition"] = "inline"
    response["Cross-Origin-Resource-Policy"] = "same-origin"
    response._csp_replace = {  # type: ignore[attr-defined]
        "script-src": [NONE], "style-src": ["'unsafe-inline'"], "img-src": [SELF],
        "object-src": [SELF], "form-action": [NONE],
    }  # fmt: skip
    return response


async def _opened(
    found: StoredLaunch, sealed: str, *, with_patient: bool = False
) -> tuple[Opened, Resource]:
    access = LaunchAccess(await refresh.with_access(found, by_person=True))
    context = access.tokens.context
    record = Record(access, patient=context.patient or "", extras=context.extras)
    try:
        async with patient_chart.ending(access):
            patient = await record.read("Patient", record.patient) if with_patient else {}
            return await open_document(record, sealed), patient
    except AddressUnknown:
        raise Http404 from None
