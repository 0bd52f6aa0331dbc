"""What a key set's page shows about launches, and its questions to EHRs. See
`keys.affected_launches`. No PHI."""

from datetime import datetime

from django.db.models import Exists, OuterRef, QuerySet

from smartapp import http
from smartapp.audit import trail
from smartapp.exchange import pipeline
from smartapp.exchange.client_authentication import ThisKeyOnly
from smartapp.exchange.pipeline import Purpose, Request
from smartapp.keys.affected_launches import Affected, OpenLaunch, Outcome
from smartapp.keys.material import open_private_key
from smartapp.keys.memory import Signer
from smartapp.keys.models import KeySet, SigningKey
from smartapp.launches import tokens
from smartapp.launches.models import Launch, LaunchEvent, Step
from smartapp.launches.pending import PENDING_LIFETIME
from smartapp.protocol import token
from smartapp.protocol.errors import InvalidClient, SmartError
from smartapp.registrations import discovery, registry
from smartapp.registrations.models import Registration
from smartapp.registrations.options import AuthMethod
from smartapp.vault import VaultError

MAX_LISTED = 100
MAX_OPENED = 2_000  # decrypting one takes 20 microseconds


def _signing(key_set: KeySet, alg: str) -> QuerySet[Registration]:
    return Registration.objects.filter(
        key_set=key_set, alg=alg, auth_method=AuthMethod.PRIVATE_KEY_JWT, enabled=True
    ).order_by("name")


def affected(key_set: KeySet, alg: str, now: datetime) -> Affected:
    """Return the launches that an immediate replacement of these keys would affect now."""
    open_now = (
        Launch.objects.filter(
            endpoint__registration__in=_signing(key_set, alg),
            session__expire_date__gt=now,
            ended_at=None,
        )
        .select_related("endpoint__registration")
        .order_by("access_token_expires_at", "uuid")
    )
    renewing = [launch for launch in open_now[:MAX_OPENED] if _renews(launch)]
    looked_at = min(open_now.count(), MAX_OPENED)
    return Affected(
        under_way=_under_way(key_set, alg, now),
        renewing=[_open_launch(launch) for launch in renewing[:MAX_LISTED]],
        not_listed=max(0, len(renewing) - MAX_LISTED) + open_now.count() - looked_at,
        untouched=looked_at - len(renewing),
    )


def _renews(launch: Launch) -> bool:
    """Return whether its token will be renewed. If this process cannot open it, it may be."""
    try:
        return tokens.unseal(launch.sealed_tokens, launch.uuid).refresh_token is not None
    except VaultError:
        return True


def _open_launch(launch: Launch) -> OpenLaunch:
    return OpenLaunch(
        uuid_prefix=str(launch.uuid)[:8],
        registration=launch.endpoint.registration.name,
        ehr=launch.endpoint.name,
        since=launch.launched_at,
        renews_at=launch.access_token_expires_at,
    )


def _under_way(key_set: KeySet, alg: str, now: datetime) -> int:
    """Return how many people are at their EHR's sign-in page: they were sent there, and a pending
    launch lives for ten minutes. Launches that were not recorded during a flood are not counted."""
    came_back = LaunchEvent.objects.filter(attempt=OuterRef("attempt"), step=Step.CALLBACK)
    return (
        LaunchEvent.objects.filter(
            ~Exists(came_back),
            step=Step.AUTHORIZE,
            code="",
            at__gt=now - PENDING_LIFETIME,
            endpoint__registration__in=_signing(key_set, alg),
        )
        .values("attempt")
        .distinct()
        .count()
    )


def can_be_asked(key_set: KeySet, alg: str) -> list[str]:
    return [registration.name for registration in _two_legged(key_set, alg)]


def _two_legged(key_set: KeySet, alg: str) -> list[Registration]:
    return [registration for registration in _signing(key_set, alg) if registration.is_backend]


def ask(key: SigningKey, *, actor: str, now: datetime) -> list[Outcome]:
    """Ask each EHR that issues tokens to the app itself (2-legged) for a token, signed with this
    key.

    If an EHR issues one, it knows the key, and that is stored. The tokens are thrown away.
    """
    outcomes = []
    for registration in _two_legged(key.key_set, key.alg):
        try:
            signer = Signer(key.kid, key.alg, open_private_key(key))
        except VaultError as error:
            return [Outcome(False, f"The private half of {key} does not open: {error}.")]
        refusal = http.run(_refusal(registration, signer))
        if refusal:
            outcomes.append(Outcome(False, f"{registration.name}: {refusal}"))
            continue
        key.accepted_by[registration.slug] = now.isoformat()
        key.save(update_fields=["accepted_by"])
        trail.record(
            actor,
            "keys.accepted",
            f"key set {key.key_set}",
            alg=key.alg,
            kid=key.kid,
            by=registration.slug,
        )
        sentence = f"{registration.name} gave a token for {key}: it knows this key."
        outcomes.append(Outcome(True, sentence))
    return outcomes


async def _refusal(registration: Registration, signer: Signer) -> str:
    """Return why the EHR issued no token; "" if it did. Only this key signs, because success with
    the previous one would prove nothing."""
    # One scope is enough for the test.
    fields = token.client_credentials_request(scope=registration.scope.split()[0])
    try:
        config = await registry.endpoint_for_backend(registration.slug)
        url = await discovery.token_endpoint(config)
        request = Request(
            config,
            Purpose.CLIENT_CREDENTIALS,
            url,
            fields,
            token_endpoint=url,
            authentication=ThisKeyOnly(config, signer),
        )
        await pipeline.tokens(await pipeline.admit(request))
    except InvalidClient as error:
        return (
            f"it does not know {signer.alg} {signer.kid} yet, or does not accept this app at all "
            f"({error.quoted}). Its copy of the public keys may be older: wait, and ask again."
        )
    except SmartError as error:
        return f"it could not be asked ({error.title}: {error.quoted})."
    return ""
