"""Our side: addresses, secrets and keys, seen from where an EHR sees them."""

from collections.abc import AsyncIterator, Iterator
from http import HTTPStatus

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.db import Error as DatabaseError
from django.utils import timezone

from smartapp import checks, http
from smartapp.database import in_database
from smartapp.diagnosis.finding import Finding, advice, ok, problem
from smartapp.exception_reports import sentence
from smartapp.keys import automation, dry_run, heartbeat, memory
from smartapp.keys.memory import Signer
from smartapp.keys.models import KeySet, SigningKey
from smartapp.launches import readiness
from smartapp.protocol.errors import AddressRefused, ClientKeyError, EHRRedirected, SmartError
from smartapp.registrations import registry
from smartapp.registrations.models import Endpoint
from smartapp.registrations.options import AuthMethod
from smartapp.registrations.registry import EndpointConfig
from smartapp.registrations.validation import validate_own_address

_START = ("Start the server; let PUBLIC_URL and the proxy in front lead to it, with a whole chain "
          "of certificates that others trust, without a redirect or a sign-in.")  # fmt: skip
_LET_HOST_COME = ("Let the proxy in front pass the Host header on as it came, or add the host "
                  "that it sends to ALLOWED_HOSTS; the log names it.")  # fmt: skip
_SAY_HTTPS = ("Let the proxy in front send X-Forwarded-Proto: https, and let this app believe it "
              "(FORWARDED_ALLOW_IPS).")  # fmt: skip
_ON_PURPOSE = ("If that is on purpose, nothing is wrong: launches have other addresses. Else look "
               "at the proxy in front, and at PUBLIC_URL.")  # fmt: skip


async def configuration(config: EndpointConfig) -> AsyncIterator[Finding]:
    yield _own_address()
    yield await _database()
    try:
        await checks.verify_ring()
    except ImproperlyConfigured as error:
        yield problem("key-ring", f"{error}", "Start with the ENCRYPTION_KEYS that sealed it.")
    else:
        yield ok("key-ring", "The key ring opens what the database holds.")
    for finding in await in_database(lambda: list(_stored(config))):
        yield finding
    for finding in await in_database(lambda: list(_periodic_work())):
        yield finding


async def _database() -> Finding:
    """Everything else here only reads, and looks well on a server that does no more."""
    try:
        why = "" if await in_database(readiness.takes_a_launch) else "no room is left on its disk"
    except DatabaseError as error:
        why = sentence(error)
    if not why:
        return ok("database", "The database takes a launch.")
    fix = "See that DATABASE_URL leads to the server that is written to, and that it has room."
    return problem("database", f"Nobody can launch: the database refuses one ({why}).", fix)


def _periodic_work() -> Iterator[Finding]:
    """It stops nobody today: keys that do not rotate work until they have to be replaced."""
    now = timezone.now()
    problems = heartbeat.problems(now)
    for seen in problems:
        fix = "See that `manage.py maintain --every 60` runs on one machine at least; its log says"
        yield advice("maintain", seen, f"{fix} what it could not do.")
    if not problems:
        yield ok("maintain", heartbeat.last_runs(now))


def _own_address() -> Finding:
    """C3."""
    try:
        validate_own_address()
    except ValidationError as error:
        return problem("own-address", error.messages[0], "Set PUBLIC_URL to an https address.")
    return ok("own-address", "The addresses that the vendor registers can be used.")


def _stored(config: EndpointConfig) -> Iterator[Finding]:
    endpoints = Endpoint.objects.select_related("registration__key_set")
    endpoint = endpoints.filter(pk=config.endpoint_id).first()
    if endpoint is None:
        return
    if not config.client_id:
        fix = "Enter it on the registration's page, or with register_ehr --client-id."
        yield problem("client-id", "The vendor's client id is missing: nobody can launch.", fix)
    elif not (endpoint.enabled and endpoint.registration.enabled):
        fix = "Enable the registration and its endpoint in the admin."
        yield problem("enabled", "Nobody can launch: it is disabled.", fix)
    elif endpoint.opens_from_ehr and (other := registry.opened_instead(endpoint)):
        seen = f"It is the EHR of {other} in another spelling, and EHR launches lead there."
        yield problem("one-place", seen, "Switch one of the two off in the admin.")
    try:
        registry.load(endpoint)
    except ClientKeyError as error:
        fix = "Start with the ENCRYPTION_KEYS that sealed it, or enter the client secret again."
        yield problem("client-secret", f"{error.detail}.", fix)


async def pages(_: EndpointConfig) -> AsyncIterator[Finding]:
    """Whether a browser is shown a page at our public address, where it can be reached from here.
    EHRs get our keys also where the proxy in front leaves out what pages need."""
    url = f"{settings.PUBLIC_URL}/"
    try:
        status = (await http.get(url)).status
    except EHRRedirected as error:
        if error.rule == "loop":
            yield problem("own-pages", f"No page is shown: {error.detail}.", _SAY_HTTPS)
        else:
            yield advice("own-pages", f"No page is shown: {error.detail}.", _ON_PURPOSE)
    except SmartError:
        return
    else:
        yield _page(url, status)


def _page(url: str, status: int) -> Finding:
    """A proxy may keep this page from people on purpose, with an answer of its own."""
    seen = f"No page is shown: {url} answered {status}."
    if status == HTTPStatus.OK:
        return ok("own-pages", f"Browsers are shown pages at {url}.")
    if status == HTTPStatus.BAD_REQUEST:
        return problem("own-pages", seen, _LET_HOST_COME)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return problem("own-pages", seen, _START)
    return advice("own-pages", seen, _ON_PURPOSE)


async def keys(config: EndpointConfig) -> AsyncIterator[Finding]:
    """Whether an EHR that asks now finds the key that signs now (C63)."""
    if config.auth_method != AuthMethod.PRIVATE_KEY_JWT:
        return
    try:
        signer = await memory.signer(config.key_set_slug, config.alg)
    except ClientKeyError as error:
        yield await in_database(_without_signer, config, error)
        return
    yield await in_database(_age, signer)
    for warning in await in_database(_warnings, config):
        yield advice("rotation", warning, "Look after it in the admin, on the key set's page.")
    yield await _published(config, signer)


def _without_signer(config: EndpointConfig, error: ClientKeyError) -> Finding:
    known = SigningKey.objects.filter(key_set__slug=config.key_set_slug, alg=config.alg)
    if known.filter(signs_from__isnull=False, signs_until=None).exists():
        seen = f"The {config.alg} key of key set {config.key_set_slug} does not open."
        return problem("signing-key", seen, "Start with the ENCRYPTION_KEYS that sealed it.")
    fix = f"register_ehr with --alg {config.alg} adds one; or choose another algorithm."
    return problem("signing-key", f"{error.detail}.", fix)


def _age(signer: Signer) -> Finding:
    key = SigningKey.objects.get(kid=signer.kid)
    since = key.signs_from or key.published_at
    return ok("signing-key", f"{signer.alg} key {signer.kid} signs, since {since:%Y-%m-%d}.")


def _is_imported(key_set_slug: str) -> bool:
    return KeySet.objects.get(slug=key_set_slug).imported_by_vendor


def _warnings(config: EndpointConfig) -> list[str]:
    """Keys that are old, or wait for an administrator who knows that the vendor imported them."""
    return automation.all_warnings(KeySet.objects.filter(slug=config.key_set_slug), timezone.now())


async def _published(config: EndpointConfig, signer: Signer) -> Finding:
    """Fetch our JWKS at its public address, as an EHR does, over TLS and without redirects."""
    published = await in_database(dry_run.published, config.key_set_slug)
    try:
        wrong = await dry_run.problem(config.jwks_url, signer, published)
    except AddressRefused:
        return advice(
            "published-key",
            f"From here {config.jwks_url} leads to a private address, so it was not asked.",
            "Open it from outside your network. It must show the key above, without a sign-in.",
        )
    except SmartError as error:
        wrong = f"{config.jwks_url} was not reached from here ({error.detail})."
    if wrong:
        # Who imported our keys does not fetch them.
        tell = advice if await in_database(_is_imported, config.key_set_slug) else problem
        return tell(
            "published-key",
            f"An EHR cannot fetch our keys: {wrong}",
            f"{_START} Empty caches in between.",
        )
    return ok(
        "published-key",
        f"{config.jwks_url} shows our keys at once, and a signature of ours verifies with them.",
    )
