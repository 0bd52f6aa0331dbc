"""`context.json`: the launch context for programs. Its members are a contract; never a token."""

from dataclasses import asdict
from typing import Any

from smartapp.launches.store import StoredLaunch
from smartapp.launches.tokens import LaunchTokens


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
