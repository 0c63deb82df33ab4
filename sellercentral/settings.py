"""All settings of the portal, read from the environment.

Three modes. *Demo*: an unset SECRET_KEY with the embedded servers; secrets are made and kept, demo people and
data exist. *Debug*: for developers. Neither = *production*: then whatever would be unsafe stops the start.
`.env.example` lists every variable.
"""

import os
import secrets
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit
from zoneinfo import ZoneInfo

from django.core.exceptions import ImproperlyConfigured
from django.utils.functional import lazystr
from django.utils.translation import get_language
from redis.backoff import NoBackoff
from redis.retry import Retry

from sellercentral import mail, services
from sellercentral.bootstrap import read_env_file
from sellercentral.documents import documents_storage

BASE_DIR = Path(__file__).resolve().parent.parent

read_env_file()
services.adopt_running()


# --- reading the environment ------------------------------------------------------------------------------


def _text(name: str, default: str = "") -> str:
    return os.environ.get(name, "").strip() or default


def _switch(name: str, *, default: bool) -> bool:
    value = _text(name).lower()
    if value in {"1", "on", "true", "yes"}:
        return True
    if value in {"0", "off", "false", "no"}:
        return False
    if value:
        raise ImproperlyConfigured(f"{name} must be on or off, not {value!r}.")
    return default


def _number(name: str, default: int, *, at_least: int, at_most: int) -> int:
    value = _text(name, str(default))
    if not value.isascii() or not value.isdigit() or not at_least <= int(value) <= at_most:
        raise ImproperlyConfigured(f"{name} must be a whole number from {at_least} to {at_most}, not {value!r}.")
    return int(value)


def _list(name: str, default: Iterable[str] = ()) -> list[str]:
    return [part.strip() for part in _text(name).split(",") if part.strip()] or list(default)


# --- mode and secret --------------------------------------------------------------------------------------

VAR_DIR = services.var_dir()
DEBUG = _switch("DEBUG", default=False)

_demo_secret = VAR_DIR / "demo-secret"
DEMO = _switch(
    "DEMO",
    default=not _text("SECRET_KEY") and (services.embedded_database() or _demo_secret.exists()),
)
PRODUCTION = not (DEMO or DEBUG)


def _kept_secret(path: Path) -> str:
    """Return the secret kept in `path`; the first process to ask makes it, the others read the same one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    made = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        if not path.exists():
            made.touch(mode=0o600)
            made.write_text(secrets.token_urlsafe(64), encoding="ascii")
            os.link(made, path)
    except FileExistsError:
        pass
    finally:
        made.unlink(missing_ok=True)
    return path.read_text(encoding="ascii")


def _secret_key() -> str:
    given = _text("SECRET_KEY")
    if not PRODUCTION:
        return given or _kept_secret(_demo_secret if DEMO else VAR_DIR / "debug-secret")
    if not given:
        raise ImproperlyConfigured("SECRET_KEY is not set. Set it to at least 50 random characters.")
    if len(given) < 50 or len(set(given)) < 10 or given.startswith(("django-insecure-", "change-me")):
        raise ImproperlyConfigured(
            "SECRET_KEY is a default or too short. Set it to at least 50 random characters."
        )
    return given


SECRET_KEY = _secret_key()
SECRET_KEY_FALLBACKS = _list("SECRET_KEY_FALLBACKS")

# --- addresses --------------------------------------------------------------------------------------------

PORT = _number("PORT", 8000, at_least=1, at_most=65535)

# The last four are what unmodified SP-API clients send when they are pointed at a plain http address.
LOOPBACK_HOSTS = ["127.0.0.1", "localhost", "[::1]"]
CLIENT_HOSTS = ["27.0.0.1", "ocalhost", "sellingpartnerapi-fe.amazon.com", "api.amazon.com"]
ALLOWED_HOSTS = _list("ALLOWED_HOSTS", () if PRODUCTION else LOOPBACK_HOSTS + CLIENT_HOSTS)
if PRODUCTION and not ALLOWED_HOSTS:
    raise ImproperlyConfigured("ALLOWED_HOSTS is not set. Name the hosts that the portal answers for.")
if PRODUCTION and any(host.startswith("*") for host in ALLOWED_HOSTS):
    raise ImproperlyConfigured("ALLOWED_HOSTS must not hold '*'. Name the hosts that the portal answers for.")

# Links in mails are built from here, never from the Host header of a request.
SITE_URL = _text(
    "SITE_URL", f"https://{ALLOWED_HOSTS[0].lstrip('.')}" if PRODUCTION else f"http://127.0.0.1:{PORT}"
).rstrip("/")

# How many proxies of ours stand in front and append to X-Forwarded-For.
PROXY_HOPS = _number("PROXY_HOPS", 0, at_least=0, at_most=5)

ROOT_URLCONF = "sellercentral.urls"
WSGI_APPLICATION = "sellercentral.wsgi.application"
LOGIN_URL = "/login/"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/login/"

# --- the marketplace --------------------------------------------------------------------------------------

LANGUAGE_CODE = _text("LANGUAGE_CODE", "ja")
LANGUAGES = [("ja", "日本語"), ("en", "English")]
if LANGUAGE_CODE not in dict(LANGUAGES):
    raise ImproperlyConfigured(f"LANGUAGE_CODE must be ja or en, not {LANGUAGE_CODE!r}.")
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
USE_TZ = True
FORMAT_MODULE_PATH = "sellercentral.formats"
TIME_ZONE = _text("TIME_ZONE", "Asia/Tokyo")
try:
    ZoneInfo(TIME_ZONE)
except (KeyError, ValueError) as error:
    raise ImproperlyConfigured(f"TIME_ZONE is not a known time zone: {TIME_ZONE!r}.") from error


class _Name:
    """A name that follows the reader's language until the operator gives the portal one of its own."""

    def __init__(self, ja: str, en: str) -> None:
        self.ja, self.en = ja, en

    def __str__(self) -> str:
        return self.en if (get_language() or LANGUAGE_CODE).startswith("en") else self.ja


BRAND_NAME = _text("BRAND_NAME") or lazystr(_Name("マーケットプレイス", "Marketplace"))
PORTAL_NAME = _text("PORTAL_NAME") or lazystr(_Name("セラーポータル", "Seller Portal"))

MARKETPLACE_ID = _text("MARKETPLACE_ID", "A1VC38T7YXB528")
DIRECT_CANCEL_MINUTES = _number("DIRECT_CANCEL_MINUTES", 5, at_least=0, at_most=24 * 60)
AUTO_CANCEL_DAYS = _number("AUTO_CANCEL_DAYS", 7, at_least=1, at_most=365)
SPAPI_RATE_LIMITS = _switch("SPAPI_RATE_LIMITS", default=True)

# Who holds, takes and gives back the money of new orders: the built-in test provider moves none.
PAYMENT_PROVIDER = _text("PAYMENT_PROVIDER", "test")
STRIPE_SECRET_KEY = _text("STRIPE_SECRET_KEY")
STRIPE_WEBHOOK_SECRET = _text("STRIPE_WEBHOOK_SECRET")
STRIPE_ADDRESS = _text("STRIPE_ADDRESS", "https://api.stripe.com")
if PAYMENT_PROVIDER not in {"test", "stripe"}:
    raise ImproperlyConfigured(f"PAYMENT_PROVIDER must be test or stripe, not {PAYMENT_PROVIDER!r}.")
if PAYMENT_PROVIDER == "stripe" and not (STRIPE_SECRET_KEY and STRIPE_WEBHOOK_SECRET):
    raise ImproperlyConfigured("PAYMENT_PROVIDER=stripe needs STRIPE_SECRET_KEY and STRIPE_WEBHOOK_SECRET.")

# --- applications -----------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "django.contrib.auth",
    "sellercentral.apps.PortalAdminConfig",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.humanize",
    "django.contrib.postgres",
    "sellercentral.apps.PortalStaticFilesConfig",
    "crispy_forms",
    "crispy_bootstrap5",
    "django_htmx",
    "django_include_bootstrap",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "sellercentral.apps.SellercentralConfig",
    "accounts",
    "events",
    "orders",
    "payments",
    "messaging",
    "cancellations",
    "shipments",
    "metrics",
    "feeds",
    "reports",
    "spapi",
    "mws",
]

MIDDLEWARE = [
    "sellercentral.middleware.RequestIdMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "sellercentral.middleware.HeadersMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "sellercentral.middleware.DatabaseTroubleMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "sellercentral.middleware.SignedInMiddleware",
    "sellercentral.middleware.LanguageMiddleware",
    "sellercentral.middleware.BodySizeMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "sellercentral.middleware.SessionAgeMiddleware",
    "sellercentral.middleware.SecondFactorMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        # Ours come first: an installed package brings a base.html, too. Django caches compiled templates itself.
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.template.context_processors.i18n",
                "django.template.context_processors.tz",
                "django.contrib.messages.context_processors.messages",
                "sellercentral.context_processors.portal",
            ],
        },
    },
]
CRISPY_ALLOWED_TEMPLATE_PACKS = "bootstrap5"
CRISPY_TEMPLATE_PACK = "bootstrap5"

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Who is told what, as dotted names, so that no room imports upward.
EVENT_SUBSCRIPTIONS = "sellercentral.subscriptions.SUBSCRIPTIONS"
# Which software of shops hears of an event.
EVENT_SUBSCRIBERS = "spapi.queries.subscribers_of"
# Where messages to queues go; empty: to the queue service that their ARN names.
SQS_ENDPOINT_URL = _text("SQS_ENDPOINT_URL")

# --- PostgreSQL -------------------------------------------------------------------------------------------

# What kind of process this is: web, worker, report or command. It decides how long one statement may take.
PROCESS = _text("PORTAL_PROCESS", "command")
STATEMENT_SECONDS = {"web": 10, "worker": 60, "report": 300, "command": 0}


def _database(url: str) -> dict[str, Any]:
    """Translate a URL, sockets included: postgresql://name@/portal?host=%2Frun%2Fpostgresql."""
    parts = urlsplit(url)
    if parts.scheme not in {"postgres", "postgresql"}:
        raise ImproperlyConfigured(
            "DATABASE_URL must begin with postgresql://. The portal runs on PostgreSQL only."
        )
    query = dict(parse_qsl(parts.query))
    milliseconds = {
        "statement_timeout": STATEMENT_SECONDS.get(PROCESS, 0) * 1000,
        "lock_timeout": 3_000,
        "idle_in_transaction_session_timeout": 15_000,
    }
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": query.pop("host", unquote(parts.hostname or "")),
        "PORT": query.pop("port", str(parts.port or "")),
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            "connect_timeout": 3,
            "application_name": f"portal-{PROCESS}",
            "options": " ".join(f"-c {name}={limit}" for name, limit in milliseconds.items()),
            **query,
        },
    }


DATABASES = {"default": _database(_text("DATABASE_URL", "postgresql:///portal"))}

# --- Redis: the broker and nothing else; no page needs it -------------------------------------------------

REDIS_URL = _text("REDIS_URL", "redis://127.0.0.1:6379/0")
REDIS_PREFIX = _text("REDIS_PREFIX", "portal:")
# With its own retries the client gives up after 14 s, whatever its time limits say.
REDIS_CLIENT_OPTIONS = {
    "socket_connect_timeout": 1,
    "socket_timeout": 1,
    "retry": Retry(NoBackoff(), 0),
}
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}

# --- Celery -----------------------------------------------------------------------------------------------

# The period of the two sweeps, in seconds; see the timetable in sellercentral/celery.py.
SWEEP_SECONDS = _number("SWEEP_SECONDS", 300, at_least=1, at_most=3600)
DELIVER_SECONDS = _number("DELIVER_SECONDS", 30, at_least=1, at_most=600)

CELERY_BROKER_URL = REDIS_URL
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "global_keyprefix": REDIS_PREFIX,
    "visibility_timeout": 900,  # longer than the longest hard limit of a task
    # Without these two a task lost with its worker waits for up to 100 s longer than the timeout.
    "unacked_restore_interval": 10,
    "unacked_restore_throttle": 1,
    "socket_connect_timeout": 1,
    "socket_timeout": 5,
}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# Publishing is a nudge: if the broker is away, the request goes on and the sweep finds the rows.
CELERY_TASK_PUBLISH_RETRY_POLICY = {
    "max_retries": 1,
    "interval_start": 0,
    "interval_step": 0.1,
    "interval_max": 0.2,
}
CELERY_TASK_DEFAULT_QUEUE = _text("CELERY_QUEUE", "portal")
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_SOFT_TIME_LIMIT = 60
CELERY_TASK_TIME_LIMIT = 90
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 30
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BEAT_SCHEDULE_FILENAME = str(VAR_DIR / "celerybeat-schedule")
CELERY_TIMEZONE = TIME_ZONE

# --- mail -------------------------------------------------------------------------------------------------

# Every mail is a row that operators can read; EMAIL_URL makes it leave the house as well.
EMAIL_URL = _text("EMAIL_URL")
EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
if EMAIL_URL:
    EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    _smtp = mail.smtp_server(EMAIL_URL)
    EMAIL_HOST = _smtp.host
    EMAIL_PORT = _smtp.port
    EMAIL_HOST_USER = _smtp.user
    EMAIL_HOST_PASSWORD = _smtp.password
    EMAIL_USE_TLS = _smtp.starttls
    EMAIL_USE_SSL = _smtp.tls
EMAIL_TIMEOUT = 10
EMAIL_USE_LOCALTIME = False
DEFAULT_FROM_EMAIL = _text("EMAIL_FROM", f"no-reply@{mail.sender_domain(SITE_URL)}")
SERVER_EMAIL = DEFAULT_FROM_EMAIL

# --- people, sessions, passwords --------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["accounts.backends.PeopleBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "accounts.passwords.LongestPassword"},
]
# The name beside the code in a person's app.
OTP_TOTP_ISSUER = lambda device: str(PORTAL_NAME)  # noqa: E731 - asked for each device: the name follows the language
PASSWORD_RESET_TIMEOUT = int(timedelta(minutes=30).total_seconds())

# 1,000 orders in one form (domain 7.4): number, reason and version of each.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 3100
SESSION_ENGINE = "django.contrib.sessions.backends.db"
# Operators and people of shops sign in anew after so long without a request, and after so long in any case; buyers
# keep Django's two weeks.
SESSION_OPERATOR_IDLE = timedelta(hours=1)
SESSION_SELLER_IDLE = timedelta(hours=3)
SESSION_LONGEST = timedelta(hours=12)
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_HTTPONLY = True
CSRF_FAILURE_VIEW = "sellercentral.views.csrf_failed"
CSRF_COOKIE_SAMESITE = "Lax"
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"

# --- what browsers are told -------------------------------------------------------------------------------

# Named as in Django 6, whose own middleware will read it.
SECURE_CSP = {
    "default-src": ["'none'"],
    "script-src": ["'self'"],
    "style-src": ["'self'"],
    "img-src": ["'self'", "data:"],
    "font-src": ["'self'"],
    "connect-src": ["'self'"],
    "form-action": ["'self'"],
    "frame-ancestors": ["'none'"],
    "base-uri": ["'none'"],
    "object-src": ["'none'"],
}
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SECURE_CONTENT_TYPE_NOSNIFF = True
X_FRAME_OPTIONS = "DENY"

if PRODUCTION:
    # __Host- cookies need Secure and the path /, and cannot be planted by a neighbouring host.
    SESSION_COOKIE_NAME = "__Host-session"
    CSRF_COOKIE_NAME = "__Host-csrf"
    LANGUAGE_COOKIE_NAME = "__Host-language"
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = True
    # TLS ends at a proxy, which must set this header itself, whatever the client sent.
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_SSL_REDIRECT = True
    SECURE_REDIRECT_EXEMPT = [r"^health/(live|ready)$"]
    SECURE_HSTS_SECONDS = int(timedelta(days=365).total_seconds())
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True

# --- static files -----------------------------------------------------------------------------------------

STATIC_URL = "/static/"
STATIC_ROOT = VAR_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
# How long files that shops send and order are kept, and how long the rows about them.
DOCUMENT_DAYS = _number("DOCUMENT_DAYS", 30, at_least=1, at_most=366)
RECORD_DAYS = _number("RECORD_DAYS", 90, at_least=DOCUMENT_DAYS, at_most=3660)
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    # What shops send and order as files; no page serves this folder.
    "documents": documents_storage(_text("DOCUMENTS_URL"), VAR_DIR / "documents"),
    "staticfiles": {
        # Compressing takes some seconds, which a demo on this machine does not earn back.
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if PRODUCTION
        else "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"
    },
}
MEDIA_ROOT = VAR_DIR / "media"

# --- logs -------------------------------------------------------------------------------------------------

LOG_LEVEL = _text("LOG_LEVEL", "INFO" if PRODUCTION else "WARNING").upper()
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"request_id": {"()": "sellercentral.logs.RequestIdFilter"}},
    "formatters": {
        "json": {"()": "sellercentral.logs.JsonFormatter"},
        "plain": {"()": "sellercentral.logs.PlainFormatter", "format": "%(levelname)s %(name)s: %(message)s"},
    },
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "filters": ["request_id"],
            "formatter": "json" if PRODUCTION else "plain",
        }
    },
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
    "loggers": {
        "django": {"handlers": [], "level": LOG_LEVEL, "propagate": True},
        "django.server": {"handlers": ["console"], "level": "INFO", "propagate": False},
    },
}
