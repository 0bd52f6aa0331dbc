"""System checks: configuration mistakes are reported at the start, with a remedy.

The key ring is tested on each sealed column's value of the newest row (the "canaries"). A ring that
cannot unseal them could not sign or refresh anything, and would seal values that the right ring
cannot unseal later. So neither `migrate`, nor the server, nor a command that seals starts with it:
a lost ring fails closed.
"""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from axes.middleware import AxesMiddleware
from django.apps import apps
from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.contrib.staticfiles.storage import ManifestStaticFilesStorage, staticfiles_storage
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Model, QuerySet
from django.http.request import split_domain_port, validate_host
from django.middleware.clickjacking import XFrameOptionsMiddleware
from django.middleware.csrf import CsrfViewMiddleware
from django.middleware.security import SecurityMiddleware
from django.utils.module_loading import import_string
from django_otp.middleware import OTPMiddleware

from smartapp import alerts, vault
from smartapp.database import in_database

STOCK_PROTECTION: tuple[type, ...] = (
    SecurityMiddleware,
    CsrfViewMiddleware,
    XFrameOptionsMiddleware,
    AxesMiddleware,
    OTPMiddleware,
)


@register(Tags.security)
def key_ring_is_usable(**_kwargs: Any) -> list[CheckMessage]:
    """Check the key ring alone, without a database."""
    try:
        vault.ring()
    except ImproperlyConfigured as exc:
        return [Error(str(exc), hint="manage.py demo writes a ring into .env.", id="smartapp.E001")]
    return []


@register(Tags.database)
def key_ring_opens_the_database(
    *, databases: Sequence[str] | None = None, **_kwargs: Any
) -> list[CheckMessage]:
    """Unseal the canaries. There are none before the first `migrate`, and perhaps fewer before the
    `migrate` of a new version."""
    if not databases:
        return []
    problem = _unopened([column for column in vault.SEALED_COLUMNS if _is_in_database(column)])
    if problem is None:
        return []
    return [Error(problem, hint="Start with the ring that sealed it.", id="smartapp.E002")]


@register(Tags.security, deploy=True)
def desk_settings_are_off(**_kwargs: Any) -> list[CheckMessage]:
    """Check that settings for development are off in a deployment (T32)."""
    mistakes = [
        (settings.SANDBOX, "SANDBOX is on: anybody can sign in to the sandbox EHR.", "E010"),
        (settings.DEBUG, "DEBUG is on: error pages show settings and what is in memory.", "E011"),
        (
            settings.ALLOW_LOOPBACK_EHRS,
            "ALLOW_LOOPBACK_EHRS is on: this server can be made to call itself, without TLS.",
            "E012",
        ),
        (
            not settings.PUBLIC_URL_IS_HTTPS,
            "PUBLIC_URL is not https: EHRs refuse such launch and redirect addresses.",
            "E013",
        ),
        (
            settings.PUBLIC_URL_IS_HTTPS and not settings.ADMIN_SECOND_FACTOR,
            "ADMIN_WITHOUT_SECOND_FACTOR is on: a password alone opens the administration.",
            "E016",
        ),
    ]
    return [
        Error(message, hint="Change it in the environment or in .env.", id=f"smartapp.{number}")
        for is_wrong, message, number in mistakes
        if is_wrong
    ]


@register(Tags.security, deploy=True)
def own_host_is_allowed(**_kwargs: Any) -> list[CheckMessage]:
    host, _ = split_domain_port(urlsplit(settings.PUBLIC_URL).netloc)
    if validate_host(host, settings.ALLOWED_HOSTS):
        return []
    return [
        Warning(
            f"ALLOWED_HOSTS has not {host}, the host of PUBLIC_URL: people see no page there.",
            hint="Add it, or leave ALLOWED_HOSTS out, unless a proxy sends another Host.",
            id="smartapp.W020",
        )
    ]


@register(Tags.security, deploy=True)
def cache_is_shared(**_kwargs: Any) -> list[CheckMessage]:
    if not settings.CACHES["default"]["BACKEND"].endswith("LocMemCache"):
        return []
    return [
        Warning(
            "CACHE_URL is in-process memory: several processes do not see each other's.",
            hint="Set CACHE_URL=redis://… when more than one process serves.",
            id="smartapp.W014",
        )
    ]


@register(Tags.security, deploy=True)
def alarms_reach_somebody(**_kwargs: Any) -> list[CheckMessage]:
    """Send a test alarm to the configured destinations, once for each deployment."""
    if not settings.ADMINS and not settings.ALERT_WEBHOOK_URL:
        return [
            Warning(
                "Nobody is told of a wrong-patient alarm, or of a fault of this app.",
                hint="Set ADMINS and EMAIL_URL, or ALERT_WEBHOOK_URL.",
                id="smartapp.W017",
            )
        ]
    if alerts.try_out():
        return []
    hint = "The log says why. Set EMAIL_URL, or ALERT_WEBHOOK_URL, to what takes them."
    return [Warning("A test alarm could not be sent.", hint=hint, id="smartapp.W018")]


@register(Tags.security, deploy=True)
def dotenv_is_for_its_owner(**_kwargs: Any) -> list[CheckMessage]:
    """Check the permissions of `.env`: it holds every secret, and `cp` makes it readable for
    everyone."""
    dotenv = settings.BASE_DIR / ".env"
    if not dotenv.is_file() or not dotenv.stat().st_mode & 0o077:
        return []
    message = "Others on this machine can read .env, and with it every secret."
    return [Warning(message, hint="chmod 600 .env", id="smartapp.W019")]


@register(Tags.security, deploy=True)
def stock_protection_is_in_place(**_kwargs: Any) -> list[CheckMessage]:
    """Replace security.W001 to W003 and axes.W002. Those look for exact classes, and ours are
    subclasses that are async or skip some routes."""
    installed = [import_string(name) for name in settings.MIDDLEWARE]
    return [
        Error(f"MIDDLEWARE has no {stock.__name__}.", id="smartapp.E015")
        for stock in STOCK_PROTECTION
        if not any(isinstance(ours, type) and issubclass(ours, stock) for ours in installed)
    ]


async def verify_start() -> None:
    """Check what a server process needs: the key ring, an up-to-date schema, the static files.
    Raises ImproperlyConfigured with one sentence, and django.db.Error if the database is
    unavailable."""
    await in_database(_verify_schema)
    await verify_ring()
    verify_static_files()


async def verify_ring() -> None:
    """Unseal the canaries before the first request. Raises ImproperlyConfigured with one
    sentence."""
    vault.ring()
    await in_database(verify_opened)


def verify_opened() -> None:
    """Unseal the canaries. Raises ImproperlyConfigured with one sentence."""
    if problem := _unopened(vault.SEALED_COLUMNS):
        raise ImproperlyConfigured(problem)


def verify_all_opened() -> None:
    """Check that the ring has the key of every value that stays, not only of the newest: where
    `reseal` was forgotten before an entry was dropped, older registrations cannot launch. Raises
    ImproperlyConfigured with one sentence. It stops no start: what is lost for good has to be
    entered again in the app itself."""
    ring = vault.ring()
    of_no_key = {
        column.model: _values(column).exclude(ring.has_key_of(column.field)).count()
        for column in vault.SEALED_COLUMNS
        if not column.is_passing
    }
    if any(of_no_key.values()):
        found = ", ".join(f"{model}: {count}" for model, count in of_no_key.items() if count)
        raise ImproperlyConfigured(
            f"ENCRYPTION_KEYS lacks the key of some values ({found}). Put its earlier entries back "
            "and run `python manage.py reseal` before they are dropped; replace what stays unread."
        )


def _values(column: vault.SealedColumn) -> QuerySet[Model]:
    rows: QuerySet[Model] = apps.get_model(column.model)._default_manager.all()
    return rows.exclude(**{column.field: ""})


def _verify_schema() -> None:
    """Refuse a schema that is behind. One that is ahead is allowed: during an upgrade the previous
    version runs on with it."""
    executor = MigrationExecutor(connection)
    behind = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if behind:
        raise ImproperlyConfigured(
            f"The database is {len(behind)} migrations behind this version; "
            "run `python manage.py migrate` first."
        )


def verify_static_files() -> None:
    """Check that all static files are collected: without them no page can be shown, not even an
    error page. They are in a folder of this machine, so each machine needs `collectstatic`."""
    storage: object = staticfiles_storage
    if not isinstance(storage, ManifestStaticFilesStorage):
        return
    wanted = {path for finder in get_finders() for path, _ in finder.list([])}
    missing = wanted - storage.hashed_files.keys()
    if missing:
        raise ImproperlyConfigured(
            f"{len(missing)} static files of this version are not in {settings.STATIC_ROOT}, "
            f"e.g. {min(missing)}; run `python manage.py collectstatic --noinput` on this machine."
        )


def _is_in_database(column: vault.SealedColumn) -> bool:
    model = apps.get_model(column.model)
    if model._meta.db_table not in connection.introspection.table_names():
        return False
    with connection.cursor() as cursor:
        known = connection.introspection.get_table_description(cursor, model._meta.db_table)
    return model._meta.get_field(column.field).column in {one.name for one in known}


def _unopened(columns: Sequence[vault.SealedColumn]) -> str | None:
    """Return what is wrong if the newest row's value of a column cannot be unsealed. Raises
    ImproperlyConfigured for an unusable ring."""
    for column in columns:
        # Only this column: before `migrate`, the new columns of a new version do not exist.
        newest = _values(column).order_by(column.newest).only(column.field).first()
        try:
            if newest is not None:
                vault.unseal(getattr(newest, column.field), column.context(newest))
        except vault.VaultError as exc:
            return f"ENCRYPTION_KEYS does not open what the database holds ({column.model}: {exc})."
    return None
