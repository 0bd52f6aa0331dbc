"""What the page of a launch asks for: to disconnect, to stay open, to close for another patient."""

import logging
from uuid import UUID

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST

from smartapp.database import in_database
from smartapp.launches import events, form_token, refresh, revocation, steps, store
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
    """Disconnect: delete the tokens here, then tell the EHR; until it has answered, what it is to
    be told waits (C133)."""
    stored, key = await find(request, uuid)
    form_token.require(request, key)
    ended = await in_database(
        store.end_and_hand_over, stored, EndReason.NOT_REVOKED, timezone.now()
    )
    await Shelf(uuid, key).clear()
    if ended is not None:
        steps.ended(await revocation.tell(ended))
    # Back and reload must lead to a page, not to the form being sent again.
    return HttpResponse(status=303, headers={"Location": f"/launches/{uuid}/"})


@csrf_exempt
@require_http_methods(["GET", "POST"])
@never_cache
async def presence(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """How long the launch still lives, for the script of its page. A POST says that somebody uses
    the page, and lets it live on (T18); a GET looks, and changes nothing (C158)."""
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
    """The EHR told the page in its frame that another patient was opened: the launch is over, as
    its tokens are still the first one's (C156)."""
    stored, key = await find(request, uuid)
    form_token.require(request, key)
    reason = EndReason.CONTEXT_CHANGED
    await Shelf(uuid, key).clear()
    if await in_database(store.end_and_hand_over, stored, reason, timezone.now()):
        logger.warning("launch %s ended: the patient was changed in the EHR", stored.uuid)
        steps.ended(reason)
    return HttpResponse(status=204)
