"""`context.json`: the launch context for programs. Its members are a contract; never a token."""

from dataclasses import asdict
from typing import Any
from uuid import UUID

from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from smartapp.launches import events, patient_chart, refresh
from smartapp.launches.current_launch import LaunchAccess, find
from smartapp.launches.store import StoredLaunch
from smartapp.launches.tokens import LaunchTokens


@require_GET
@never_cache
@events.recorded
async def context_json(request: HttpRequest, uuid: UUID) -> JsonResponse:
    """Return the launch context as JSON, for programs in the same browser session. Never a
    token."""
    found, _ = await find(request, uuid)
    access = LaunchAccess(await refresh.with_access(found))
    name = await patient_chart.patient_name(access)
    return JsonResponse(context_document(access.launch, access.tokens, name))


def context_document(
    launch: StoredLaunch, tokens: LaunchTokens, patient_name: str | None
) -> dict[str, Any]:
    """Return the members of context.json for one launch."""
    context, scope = tokens.context, tokens.scope
    expires_at = launch.access_token_expires_at
    return {
        "registration": launch.registration_slug,
        "endpoint": launch.endpoint_slug,
        "kind": launch.kind.value,
        "patient": context.patient,
        "encounter": context.encounter,
        "fhirUser": tokens.fhirUser,
        "id_token": {"iss": tokens.id_token_iss, "sub": tokens.id_token_sub},
        "scope": {
            "requested": list(scope.requested),
            "granted": list(scope.granted),
            "missing": list(scope.missing),
        },
        "access_token_expires_at": expires_at.isoformat() if expires_at else None,
        "refreshable": tokens.refresh_token is not None,
        "need_patient_banner": context.need_patient_banner,
        "smart_style_url": context.smart_style_url,
        "intent": context.intent,
        "tenant": context.tenant,
        "fhirContext": [asdict(entry) for entry in context.fhirContext],
        "extras": context.extras,
        "patient_name": patient_name,
    }
