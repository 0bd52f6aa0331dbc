"""Requests from a launch's page: disconnect, stay open, close because of another patient."""

import logging
from uuid import UUID

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST

from smartapp.database import in_database
from smartapp.launches import events, form_token, pending_revocations, refresh, steps, store
from smartapp.launches.current_launch import find
from smartapp.launches.guard import seconds_left
from smartapp.launches.models import EndReason
from smartapp.launches.read_again import Shelf

logger = logging.getLogger(__name__)


@csrf_exempt
@require_POST
@never_cache
@events.recorded
async def end(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Disconnect: delete the tokens here, then ask the EHR to revoke them. Until the EHR has
    answered, the revocation stays pending (C133)."""
    stored, key = await find(request, uuid)
    form_token.require(request, key)
    ended = await in_database(
        store.end_and_hand_over, stored, EndReason.NOT_REVOKED, timezone.now(), lease=True
    )
    await Shelf(uuid, key).clear()
    if ended is not None:
        steps.ended(await pending_revocations.tell(ended))
    # Back and reload must lead to a page, and must not send the form again.
    return HttpResponse(status=303, headers={"Location": f"/launches/{uuid}/"})


@csrf_exempt
@require_http_methods(["GET", "POST"])
@never_cache
async def presence(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Return how long the launch still lives, for the script of its page.

    A POST says that a person uses the page, and extends the session (T18). A GET changes nothing
    (C158).
    """
    found, key = await find(request, uuid)
    if request.method == "POST":
        form_token.require(request, key)  # first: another site must not keep a session alive
        found = await in_database(store.used, found, timezone.now())
    refresh.refuse_ended(found)
    return JsonResponse({"seconds_left": seconds_left(found)})


@csrf_exempt
@require_POST
@never_cache
@events.recorded
async def patient_changed(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """End the launch. The EHR told the page in its frame that another patient was opened, and the
    tokens are still those of the first patient (C156)."""
    stored, key = await find(request, uuid)
    form_token.require(request, key)
    reason = EndReason.CONTEXT_CHANGED
    await Shelf(uuid, key).clear()
    if await in_database(store.end_and_hand_over, stored, reason, timezone.now()):
        logger.warning("launch %s ended: the patient was changed in the EHR", stored.uuid)
        steps.ended(reason)
    return HttpResponse(status=204)
