"""Settings of the ready-made project, driven by environment variables alone.

Without any variable this is the embedded default: SQLite and files under ``./var``, reachable from this machine
only. With DATABASE_URL, ALLOWED_HOSTS and TRUSTED_PROXIES the same file describes a production site. Every variable
is listed in the README's table; docs/operations.md says how to use them.
"""

import socket
from pathlib import Path
from typing import Any

import dj_database_url
from django.core.exceptions import ImproperlyConfigured

from jmapsite.environment import Environment, is_loopback, secret_from_file

env = Environment()

BASE_DIR = Path(__file__).resolve().parent.parent

# --- Where things are ------------------------------------------------------------------------------------------------

DATA_DIR = Path(env.text("DATA_DIR", str(BASE_DIR / "var"))).expanduser().absolute()
"""Everything the server writes: database (when SQLite), blobs, secret key, copies made before migrations."""

HOST = env.text("HOST", "127.0.0.1")
PORT = env.number("PORT", 8000, minimum=1, maximum=65535)
WORKERS = env.number("WORKERS", 1, minimum=1, maximum=256)
SERVER = env.choice("SERVER", "uvicorn" if WORKERS > 1 else "daphne", ("daphne", "uvicorn"))

LMTP = env.text("LMTP")
"""Where mail comes in: ``host:port`` or the path of a Unix socket; ``off`` where ``serve`` is to leave it to others."""
LMTP_PORT = env.number("LMTP_PORT", 8024, minimum=1, maximum=65535)


def default_hosts(host: str) -> list[str]:
    """The names that the server answers to when ALLOWED_HOSTS is not set: its own and the loopback names."""
    names = ["localhost", "127.0.0.1", "[::1]"]
    if not is_loopback(host):
        own = [socket.gethostname(), socket.getfqdn()]
        if host not in {"0.0.0.0", "::", "[::]"}:
            own.append(f"[{host}]" if ":" in host and not host.startswith("[") else host)
        names += [name for name in own if name]
    return sorted(set(names))


# --- Security --------------------------------------------------------------------------------------------------------

DEBUG = env.flag("DEBUG", False)
SECRET_KEY = env.text("SECRET_KEY") or secret_from_file(DATA_DIR / "secret_key")
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS") or default_hosts(HOST)

TRUSTED_PROXIES = env.networks("TRUSTED_PROXIES")
"""Addresses whose X-Forwarded-For and X-Forwarded-Proto are believed. Nothing else decides the client's address or
the scheme: without a trusted proxy in front these headers are ignored."""

HTTPS_ONLY = env.flag("HTTPS_ONLY", bool(TRUSTED_PROXIES))
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS_ONLY
SESSION_COOKIE_HTTPONLY = True
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

# PBKDF2, since Argon2 takes 100 MB for each check as Django sets it; see docs/decisions/0002.
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
    "django.contrib.auth.hashers.ScryptPasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

# --- Applications ----------------------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "jmapsite.apps.SiteConfig",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
    "rest_framework",
    "jmap.apps.JmapConfig",
    "mail.apps.MailConfig",
    "push.apps.PushConfig",
    "submission.apps.SubmissionConfig",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "jmapsite.urls"
ASGI_APPLICATION = "jmapsite.asgi.application"
WSGI_APPLICATION = "jmapsite.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

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
            ],
        },
    },
]

# --- Database --------------------------------------------------------------------------------------------------------

SQLITE_OPTIONS: dict[str, Any] = {
    # FULL, since a committed change must survive a power cut. Transactions start DEFERRED so that readers never wait
    # for a writer; the store begins its own writes IMMEDIATE.
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;",
    "timeout": 30,
}


def database(url: str, pooler: str) -> dict[str, Any]:
    """Django's settings for one database URL.

    ``pooler`` is ``"none"`` or ``"transaction"``: a pooler that hands out another server connection for each
    transaction allows neither prepared statements nor server-side cursors.
    """
    try:
        config: dict[str, Any] = dict(dj_database_url.parse(url))
    except ValueError as error:
        raise ImproperlyConfigured(f"DATABASE_URL is not understood: {error}") from None
    options = config.setdefault("OPTIONS", {})
    if config["ENGINE"] == "django.db.backends.sqlite3":
        config["OPTIONS"] = {**SQLITE_OPTIONS, **options}
    elif config["ENGINE"] == "django.db.backends.postgresql":
        # Threads keep their connection for life; a thread pool in the edge bounds how many there are.
        config["CONN_MAX_AGE"] = None
        config["CONN_HEALTH_CHECKS"] = True
        if pooler == "transaction":
            config["DISABLE_SERVER_SIDE_CURSORS"] = True
        else:
            options.setdefault("server_side_binding", True)
            options.setdefault("prepare_threshold", 2)
            # Statements are many and small, so planning each anew costs more than it gains: opening a conversation
            # takes 2.7 ms with plans that are kept, 4.3 without. Which plan fits is decided by the choice of statement.
            options.setdefault("options", "-c plan_cache_mode=force_generic_plan -c jit=off")
    else:
        raise ImproperlyConfigured("DATABASE_URL must name a PostgreSQL or a SQLite database.")
    return config


def push_carrier(redis_url: str, database: dict[str, Any], pooler: str) -> str:
    """How processes tell each other of changes: a pooler that hands out connections by transaction cannot LISTEN."""
    if redis_url:
        return "redis"
    return "postgres" if database["ENGINE"].endswith("postgresql") and pooler == "none" else "sockets"


DATABASE_URL = env.text("DATABASE_URL")
DATABASE_POOLER = env.choice("DATABASE_POOLER", "none", ("none", "transaction"))
DATABASES = {
    "default": database(
        DATABASE_URL or f"sqlite:///{DATA_DIR / 'db.sqlite3'}",
        DATABASE_POOLER,
    )
}

# --- Language, time, files -------------------------------------------------------------------------------------------

LANGUAGE_CODE = env.text("LANGUAGE_CODE", "en")
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"
LOCALE_PATHS = [BASE_DIR / "locale"]

STATIC_URL = "/static/"
WHITENOISE_USE_FINDERS = True  # served from the packages they come in: nothing to collect

# --- The protocol and its HTTP edge ----------------------------------------------------------------------------------


def blob_store(url: str, endpoint: str, region: str) -> dict[str, Any]:
    """Where octets are kept: files, unless the URL names a bucket (``s3://bucket/prefix``)."""
    if not url:
        return {}
    scheme, _, rest = url.partition("://")
    bucket, _, prefix = rest.partition("/")
    if scheme != "s3" or not bucket:
        raise ImproperlyConfigured(f"BLOB_STORE={url!r} must be s3://bucket or s3://bucket/prefix.")
    return {
        "BLOBS": {"STORE": "jmap.blobs.s3.S3BlobStore"},
        "S3": {"BUCKET": bucket, "PREFIX": prefix, "ENDPOINT": endpoint, "REGION": region},
    }


JMAP: dict[str, Any] = {
    "BLOB_ROOT": DATA_DIR / "blobs",
    **blob_store(env.text("BLOB_STORE"), env.text("S3_ENDPOINT"), env.text("S3_REGION")),
    "BACKUP": {"POSTGRES_BIN": env.text("POSTGRES_BIN")},
    "TRUSTED_PROXIES": TRUSTED_PROXIES,
    # One count for all worker processes: of this host by a file, of several hosts by Redis.
    "LIMITS": {"FILE": str(DATA_DIR / "limits"), "REDIS_URL": env.text("REDIS_URL")},
    # Processes of one host tell each other by sockets, those of several by Redis or the database.
    "PUSH": {
        "CARRIER": push_carrier(env.text("REDIS_URL"), DATABASES["default"], DATABASE_POOLER),
        "FOLDER": str(DATA_DIR / "push"),
        "REDIS_URL": env.text("REDIS_URL"),
    },
    "LMTP": {
        "LISTEN": LMTP if LMTP not in {"", "off"} else f"127.0.0.1:{LMTP_PORT}",
        "SOCKETMAP": env.text("SOCKETMAP"),
        "PROCESSES": env.number("LMTP_PROCESSES", 1, minimum=1, maximum=64),
    },
}
if env.text("LMTP_NETWORKS"):
    JMAP["LMTP"]["NETWORKS"] = env.networks("LMTP_NETWORKS")
"""Options of the applications: those of the core as jmap/conf.py names them, and a section for each part that has a
class of options of its own."""

REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "UNAUTHENTICATED_USER": None,
}

# --- Background work -------------------------------------------------------------------------------------------------

CELERY_BROKER_URL = env.text("BROKER_URL") or None
CELERY_TASK_IGNORE_RESULT = True
CELERY_BEAT_SCHEDULE = {
    # Rows fall due and calls get lost: this is what finds them. A call that is late by then is of no use any more.
    "queues": {"task": "jmap.work.all", "schedule": 15.0, "options": {"expires": 15}},
    "chores": {"task": "jmap.maintain", "schedule": 3_600.0},
}
if CELERY_BROKER_URL:
    JMAP["WORK"] = {"WAKER": "jmap.tasks.send"}

QUEUE_WORKERS = env.number("QUEUE_WORKERS", 2, minimum=0, maximum=64)
"""Threads of each server process that work through the queues where no broker is configured."""

# --- Mail out: a smarthost for the whole site; others are made in the admin ------------------------------------------

if env.text("EMAIL_HOST"):
    EMAIL_HOST = env.text("EMAIL_HOST")
    EMAIL_PORT = env.number("EMAIL_PORT", 587, minimum=1, maximum=65535)
    EMAIL_HOST_USER = env.text("EMAIL_HOST_USER")
    EMAIL_HOST_PASSWORD = env.text("EMAIL_HOST_PASSWORD")
    EMAIL_USE_SSL = env.flag("EMAIL_USE_SSL", EMAIL_PORT == 465)
    EMAIL_USE_TLS = env.flag("EMAIL_USE_TLS", not EMAIL_USE_SSL)

JMAP["DELIVERY"] = {"HOSTNAME": env.text("MAIL_HOSTNAME")}
JMAP["SUBMISSION"] = {"SECRET_KEYS": env.words("SECRET_KEYS"), "HOSTNAME": env.text("MAIL_HOSTNAME")}

# --- Logging: to standard error, one line an event, never a message's content, a password or a token -----------------

LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name} [{process}] {message}", "style": "{"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": env.text("LOG_LEVEL", "INFO").upper()},
    "loggers": {
        "django": {"handlers": [], "level": env.text("LOG_LEVEL", "INFO").upper(), "propagate": True},
        "django.server": {"handlers": [], "propagate": True},
        "daphne": {"level": "WARNING"},
        "twisted": {"level": "WARNING"},
    },
}
