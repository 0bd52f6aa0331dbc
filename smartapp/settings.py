"""Settings. All come from the environment or from `.env`; the environment wins."""

import os
import warnings
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import environ
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from django.http.request import split_domain_port

from smartapp import dotenv

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = BASE_DIR / "var"

env = environ.Env()
dotenv.read(BASE_DIR / ".env")


def text(name: str, default: str = "") -> str:
    """Return the variable as it is. `env.str` would take one that begins with a $ for the name of
    another one, and be content with nothing."""
    return os.environ.get(name, default)


def boolean(name: str) -> bool:
    """Return True or False; a typo stops the start instead of counting as False."""
    value = text(name).strip().lower()
    if value in {"1", "true", "yes", "on"}:
        return True
    if value in {"", "0", "false", "no", "off"}:
        return False
    raise ImproperlyConfigured(f"{name} is {value!r}; write on or off.")


def required(name: str) -> str:
    value = text(name)
    if not value.strip():
        raise ImproperlyConfigured(
            f"{name} is not set, or it is empty in the environment, which wins over .env. "
            ".env.example says what it is and how to make one; on your desk `python3 manage.py "
            "demo` writes one into .env."
        )
    return value


def number(name: str, default: int, least: int, most: int) -> int:
    written = text(name).strip() or str(default)
    if not written.isdecimal() or not least <= int(written) <= most:
        raise ImproperlyConfigured(f"{name} is a number from {least} to {most}.")
    return int(written)


def origin(name: str, default: str) -> str:
    """Return scheme, host and port. Addresses that are handed out begin with it, so that it can
    have no path. Its scheme decides what cookies and sign-ins need, however it is written."""
    written = text(name, default).strip().rstrip("/")
    try:
        parts = urlsplit(written)
        is_right = parts.scheme in {"http", "https"} and parts.port != 0
    except ValueError:
        is_right = False
    # As Django takes a Host: what it refuses there would be the address of no page.
    if not is_right or not split_domain_port(written.partition("://")[2])[0]:
        raise ImproperlyConfigured(
            f"{name} is scheme, host and perhaps port, without a path, as https://app.example.org."
        )
    return parts.scheme + written[len(parts.scheme) :]


def listed(name: str) -> list[str]:
    return [one for part in text(name).split(",") if (one := part.strip())]


def service(name: str, read: Callable[..., dict[str, Any]], default: str) -> dict[str, Any]:
    """Return what an address of a service says. It is not quoted: it may have a password."""
    try:
        with warnings.catch_warnings():  # which would quote it
            warnings.simplefilter("ignore")
            found = read(name, default=default)
    except (ImproperlyConfigured, KeyError, ValueError):
        found = {}
    kinds = (found.get(kind, "") for kind in ("ENGINE", "BACKEND", "EMAIL_BACKEND"))
    if not any("." in kind for kind in kinds):
        raise ImproperlyConfigured(f"{name} is no address as .env.example shows one.")
    return found


def verify_redis(addresses: list[str], options: dict[str, Any]) -> None:
    """Refuse what would never connect, and a database that is no number, which redis-py takes for
    0. The app would call such a cache away, and do without it. Connects to nothing."""
    import redis  # here, because most commands have none

    try:
        float(options["socket_connect_timeout"]), float(options["socket_timeout"])
        for address in addresses:
            is_socket = address.startswith("unix:")
            int(options.get("db", 0)), int(is_socket or urlsplit(address).path.strip("/") or 0)
            redis.ConnectionPool.from_url(address, **options).make_connection()
    except (TypeError, ValueError, redis.RedisError):
        raise ImproperlyConfigured(
            "CACHE_URL has a port, a database or an option that does not exist; an example is "
            "redis://localhost:6379/0."
        ) from None


SECRET_KEY = required("SECRET_KEY")
# Earlier keys, while their signatures are valid: sessions and one-time links of administrators.
SECRET_KEY_FALLBACKS = listed("SECRET_KEY_FALLBACKS")
ENCRYPTION_KEYS = required("ENCRYPTION_KEYS")
DEBUG = boolean("DEBUG")
SANDBOX = boolean("SANDBOX")
ALLOW_LOOPBACK_EHRS = boolean("ALLOW_LOOPBACK_EHRS")
PUBLIC_URL = origin("PUBLIC_URL", "http://127.0.0.1:8000")
PUBLIC_URL_IS_HTTPS = PUBLIC_URL.startswith("https://")
PORT = number("PORT", 8000, 0, 65_535)  # of smartapp.serve
DISCOVERY_CACHE_SECONDS = number("DISCOVERY_CACHE_SECONDS", 3600, 0, 30 * 24 * 3600)
READ_AGAIN_SECONDS = number("READ_AGAIN_SECONDS", 60, 0, 600)
# Whom users contact about an error: a text with an address or a number.
HELP_DESK = text("HELP_DESK")
# Whether the title of a chart's tab names the patient: others read it in lists of windows.
NAMES_IN_TITLES = boolean("NAMES_IN_TITLES")
IDLE_MINUTES = number("IDLE_MINUTES", 30, 1, 12 * 60)
# Launches that wait for their EHR in one process, and how many of them for the same EHR.
MAX_LAUNCHES_IN_FLIGHT = number("MAX_LAUNCHES_IN_FLIGHT", 1024, 1, 1_000_000)
MAX_OF_ONE_ENDPOINT = number(
    "MAX_OF_ONE_ENDPOINT", min(512, MAX_LAUNCHES_IN_FLIGHT), 1, MAX_LAUNCHES_IN_FLIGHT
)
ALLOWED_HOSTS = listed("ALLOWED_HOSTS") or [urlsplit(PUBLIC_URL).hostname or ""]
if any("/" in host or host.rpartition(":")[2].isdecimal() for host in ALLOWED_HOSTS):
    raise ImproperlyConfigured(
        "ALLOWED_HOSTS has hosts, as app.example.org, without https:// and without a port."
    )
if ALLOW_LOOPBACK_EHRS:
    # Two names for one origin make two sites, which allows testing frames.
    ALLOWED_HOSTS += ["127.0.0.1", "localhost"]

ROOT_URLCONF = "smartapp.urls"
ASGI_APPLICATION = "smartapp.asgi.application"

INSTALLED_APPS = [
    "smartapp",  # before Django's sessions: of two `clearsessions` commands the first wins
    "smartapp.console.apps.OrderedAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_otp",
    "axes",
    "smartapp.audit",
    "smartapp.administrators",
    "smartapp.keys",
    "smartapp.registrations",
    "smartapp.brands",
    "smartapp.launches",
    "smartapp.diagnosis",
    "smartapp.console",
]
if SANDBOX:
    INSTALLED_APPS.append("smartapp.sandbox")

# All are async or skip the launch routes: a sync middleware would cost every launch a thread
# (docs/architecture.md).
MIDDLEWARE = [
    "smartapp.middleware.SecurityMiddleware",
    "smartapp.middleware.CSPMiddleware",
    "smartapp.middleware.XFrameOptionsMiddleware",
    "smartapp.middleware.SessionMiddleware",
    "smartapp.middleware.CommonMiddleware",
    "smartapp.middleware.CsrfViewMiddleware",
    "smartapp.middleware.AuthenticationMiddleware",
    "smartapp.middleware.MessageMiddleware",
    "smartapp.middleware.AuditOrigin",
    "smartapp.administrators.middleware.SecondFactorMiddleware",
    "smartapp.administrators.middleware.ThrottlingMiddleware",
    "smartapp.middleware.ErrorPages",
]
# These checks look for exact classes, and ours are subclasses; smartapp.E015 replaces them.
SILENCED_SYSTEM_CHECKS = ["security.W001", "security.W002", "security.W003", "axes.W002"]
X_FRAME_OPTIONS = "DENY"
CSRF_FAILURE_VIEW = "smartapp.middleware.csrf_failure"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "smartapp.context_processors.version",
            ],
            "builtins": ["smartapp.chart.shortening"],
        },
    },
]


EMBEDDED_DATABASE = VAR_DIR / "smartapp.sqlite3"
DATABASES = {"default": service("DATABASE_URL", env.db_url, f"sqlite:///{EMBEDDED_DATABASE}")}
if not DATABASES["default"]["ENGINE"].endswith((".postgresql", ".sqlite3")):
    raise ImproperlyConfigured("DATABASE_URL begins with postgres:// or sqlite:///.")
if DATABASES["default"]["NAME"] == str(EMBEDDED_DATABASE):
    try:
        VAR_DIR.mkdir(exist_ok=True)
    except OSError as error:
        raise ImproperlyConfigured(f"{VAR_DIR} cannot be made: {error.strerror}.") from error
if not isinstance(DATABASES["default"].get("CONN_MAX_AGE"), int | float | None):
    raise ImproperlyConfigured("CONN_MAX_AGE in DATABASE_URL is a number of seconds.")
DATABASES["default"]["ATOMIC_REQUESTS"] = False
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"].setdefault("OPTIONS", {}).update(
        # Writers wait for the lock instead of failing in the middle of a transaction.
        transaction_mode="IMMEDIATE",
        timeout=20,
        init_command="PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    )
if DATABASES["default"]["ENGINE"] == "django.db.backends.postgresql":
    # A server that disappears costs seconds instead of TCP's default of two hours. Options in
    # DATABASE_URL win. Statements also have deadlines: smartapp.deadlines.
    DATABASES["default"]["OPTIONS"] = {
        "connect_timeout": 5,
        "keepalives_idle": 15,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 15_000,  # milliseconds
        **DATABASES["default"].get("OPTIONS", {}),
    }
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

CACHES = {"default": service("CACHE_URL", env.cache_url, "locmemcache://")}
if not text("CACHE_URL", "locmemcache:").startswith(("redis:", "rediss:", "locmemcache:")):
    raise ImproperlyConfigured("CACHE_URL begins with redis:// or rediss://.")
if CACHES["default"]["BACKEND"] == "django.core.cache.backends.redis.RedisCache":
    # The app works without the cache, so it does not wait long for it.
    CACHES["default"]["OPTIONS"] = {
        "socket_connect_timeout": 1,
        "socket_timeout": 1,
        **CACHES["default"].get("OPTIONS", {}),
    }
    written: str | list[str] = CACHES["default"]["LOCATION"]
    verify_redis([written] if isinstance(written, str) else written, CACHES["default"]["OPTIONS"])
# Sealed page data: in a separate cache, so that a few long records displace nothing else.
CACHES["pages"] = {**CACHES["default"], "KEY_PREFIX": "pages"}
if CACHES["pages"]["BACKEND"].endswith("LocMemCache"):
    CACHES["pages"] |= {"LOCATION": "pages", "OPTIONS": {"MAX_ENTRIES": 100}}


SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = PUBLIC_URL_IS_HTTPS
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_ENGINE = "smartapp.administrators.sessions"
SESSION_COOKIE_AGE = 8 * 3600
if PUBLIC_URL_IS_HTTPS:
    # With this prefix browsers accept the cookies only from this host, over TLS and for all paths
    # (RFC 6265bis §4.1.3.2): another host of the same domain cannot set one.
    SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = "__Host-sessionid", "__Host-csrftoken"
LOGIN_REDIRECT_URL = "/admin/"  # after a sign-in without a page to return to
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if PUBLIC_URL_IS_HTTPS else None
SECURE_HSTS_SECONDS = 31_536_000 if PUBLIC_URL_IS_HTTPS else 0
SECURE_SSL_REDIRECT = PUBLIC_URL_IS_HTTPS
SECURE_REFERRER_POLICY = "no-referrer"
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF],
        "font-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
    },
}


# The variable switches the protection off, so that forgetting it is safe. In development, without
# https, a second factor protects nothing.
ADMIN_SECOND_FACTOR = PUBLIC_URL_IS_HTTPS and not boolean("ADMIN_WITHOUT_SECOND_FACTOR")
PASSWORD_RESET_TIMEOUT = 24 * 3600  # seconds; for the one-time links of create_administrator
AUTHENTICATION_BACKENDS = [
    "smartapp.administrators.throttling.CountFirst",
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
# Per address, not per name: an attacker who knows an administrator's name could lock them out.
AXES_LOCKOUT_PARAMETERS = ["ip_address"]
AXES_USERNAME_CALLABLE = "smartapp.administrators.throttling.known_name"
AXES_CLIENT_IP_CALLABLE = "smartapp.administrators.throttling.network_of"
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_RESET_ON_SUCCESS = True
AXES_LOCKOUT_CALLABLE = "smartapp.administrators.throttling.locked_page"
# The audit trail records the sign-ins.
AXES_DISABLE_ACCESS_LOG = True
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False


ADMINS = [("", address) for address in listed("ADMINS")]
SERVER_EMAIL = text("SERVER_EMAIL", f"smartapp@{urlsplit(PUBLIC_URL).hostname}")
EMAIL_SUBJECT_PREFIX = "[smartapp] "
EMAIL_TIMEOUT = 5
vars().update(service("EMAIL_URL", env.email_url, "smtp://localhost:25"))
ALERT_WEBHOOK_URL = text("ALERT_WEBHOOK_URL")
if ALERT_WEBHOOK_URL and not ALERT_WEBHOOK_URL.startswith(("https://", "http://")):
    raise ImproperlyConfigured("ALERT_WEBHOOK_URL is an address that begins with https://.")


STATIC_URL = "/static/"
STATIC_ROOT = VAR_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}


LANGUAGE_CODE = "en-us"
FORMAT_MODULE_PATH = "smartapp.formats"
TIME_ZONE = "UTC"
USE_TZ = True

LOG_FORMAT = text("LOG_FORMAT", "text").lower()
if LOG_FORMAT not in {"text", "json"}:
    raise ImproperlyConfigured("LOG_FORMAT is text or json.")
LOG_LEVEL = text("LOG_LEVEL", "INFO").upper()
if LOG_LEVEL not in {"DEBUG", "INFO", "WARNING", "ERROR"}:
    raise ImproperlyConfigured("LOG_LEVEL is DEBUG, INFO, WARNING or ERROR.")

METRICS_TOKEN = text("METRICS_TOKEN").strip()
METRICS_DIR = VAR_DIR / "metrics"

# The DEBUG page and the mails to ADMINS contain no value of any variable or request.
DEFAULT_EXCEPTION_REPORTER = "smartapp.exception_reports.ReportWithoutValues"

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "text": {
            "()": "smartapp.logs.TextFormatter",
            "format": "%(asctime)s %(levelname)s %(name)s %(message)s",
        },
        "json": {"()": "smartapp.logs.JSONFormatter"},
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": LOG_FORMAT}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    # Request lines of Django, the HTTP client and the server are on by default and would contain
    # codes and states.
    "loggers": {
        "uvicorn": {"handlers": [], "propagate": True},  # so that its lines have our format
        "uvicorn.access": {"level": "WARNING"},
        "smartapp.access": {"level": "INFO" if boolean("ACCESS_LOG") else "WARNING"},
        "gunicorn.access": {"level": "WARNING"},
        "django.request": {"level": "ERROR"},
        "django.security": {"level": "ERROR"},
        "aiohttp": {"level": "WARNING"},
        "asyncio": {"level": "WARNING"},
        "axes": {"level": "WARNING"},
        "psycopg": {"level": "ERROR"},  # warns of what follows from an error that it has raised
    },
}
