"""Every setting. No other module reads environment variables.

Without any variable the defaults run on loopback only: SQLite, an in-process broker, files in
`var/`. `DATABASE_URL`, `CELERY_BROKER_URL`, `ROUNDTRUTH_SECRET_KEY` and `ROUNDTRUTH_HOSTS` make it
a server for many people.
"""

from __future__ import annotations

import os
import re
import secrets
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlparse

import dj_database_url
from django.core.exceptions import ImproperlyConfigured

from annotation.config import public_server
from annotation.config.mail import read_smtp
from annotation.sign_on import read_providers, read_role_names

# Files hold radiographs: only the account that runs a process may read what it writes (files 600,
# folders 700). Child processes inherit this. `release --out` gives its copy the operator's mask.
OPERATOR_UMASK = os.umask(0o077)

BASE_DIR = Path(__file__).resolve().parents[2]
DATA_ROOT = Path(os.environ.get("ROUNDTRUTH_VAR", BASE_DIR / "var")).resolve()

HOSTS = public_server.parse_hosts(os.environ.get("ROUNDTRUTH_HOSTS", ""))
IS_PUBLIC = bool(HOSTS)
# The address on which the web process listens; the Procfile passes the same variable to gunicorn.
BIND = os.environ.get("ROUNDTRUTH_BIND", "127.0.0.1:8000")
public_server.check_bind(BIND, hosts=HOSTS)
# How many proxies may name the caller in X-Forwarded-For. A header from elsewhere is not believed.
PROXIES = public_server.parse_proxies(os.environ.get("ROUNDTRUTH_PROXIES", ""), hosts=HOSTS)
DEBUG = os.environ.get("ROUNDTRUTH_DEBUG", "") == "1"
ALLOWED_HOSTS = public_server.allowed_hosts(HOSTS)


def _secret_key() -> str:
    """Return the key from the environment, or on loopback a key that is generated once."""
    if key := os.environ.get("ROUNDTRUTH_SECRET_KEY"):
        public_server.check_secret_key(key, source="ROUNDTRUTH_SECRET_KEY")
        return key
    if IS_PUBLIC:
        raise ImproperlyConfigured(
            "ROUNDTRUTH_HOSTS makes this server public, so ROUNDTRUTH_SECRET_KEY must be set too."
        )
    path = DATA_ROOT / "secret_key"
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        key = path.read_text()
        public_server.check_secret_key(key, source=str(path))
        return key
    with os.fdopen(handle, "w") as out:
        out.write(key := secrets.token_urlsafe(50))
    return key


SECRET_KEY = _secret_key()
# Where people report weaknesses of this server. /.well-known/security.txt names it.
SECURITY_CONTACT = public_server.parse_contact(os.environ.get("ROUNDTRUTH_SECURITY_CONTACT", ""))

# Gives browser tests a handle that reads the editor's state.
SHOWS_TEST_HANDLE = os.environ.get("ROUNDTRUTH_TEST_HANDLE", "") == "1"
public_server.check_development_settings(
    hosts=HOSTS,
    names=[
        name
        for name, is_on in (
            ("ROUNDTRUTH_DEBUG", DEBUG),
            ("ROUNDTRUTH_TEST_HANDLE", SHOWS_TEST_HANDLE),
        )
        if is_on
    ],
)

INSTALLED_APPS = [
    "annotation",  # first: its templates come before allauth's
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "allauth.usersessions",
    "django_htmx",
    "django_vite",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "annotation.web.security.ContentSecurityPolicyMiddleware",
    "annotation.web.caching.NoStoreMiddleware",
    "annotation.web.health.MachineEndpointsMiddleware",
    "annotation.web.security.LoopbackOnlyMiddleware",
    "annotation.web.malformed.RefuseMalformedMiddleware",  # before anything asks the database
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "annotation.web.people.sessions.IdleTimeoutMiddleware",
    "annotation.web.people.second_factor.RequiredSecondFactorMiddleware",
]

ROOT_URLCONF = "annotation.config.urls"
WSGI_APPLICATION = "annotation.config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
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

# Database -----------------------------------------------------------------------------------
DATABASES = {
    "default": dj_database_url.config(
        default=f"sqlite:///{DATA_ROOT / 'roundtruth.sqlite3'}", conn_max_age=60
    )
}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    DATA_ROOT.mkdir(parents=True, exist_ok=True)
    # IMMEDIATE takes the write lock at BEGIN, so a transaction never fails later with SQLITE_BUSY.
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; "
        # Without it, REPLACE deletes rows without their DELETE triggers.
        "PRAGMA recursive_triggers=ON;",
    }
# The web processes share it: counts of attempts to sign in. Values are JSON, never pickles.
CACHES: dict[str, dict[str, object]] = {
    "default": {"BACKEND": "annotation.services.table_cache.TableCache"}
}
if cache_url := os.environ.get("ROUNDTRUTH_CACHE_URL", ""):
    CACHES["default"] = {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": cache_url,
        "KEY_PREFIX": "roundtruth",
        "OPTIONS": {"serializer": "annotation.services.table_cache.JsonSerializer"},
    }
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# People -------------------------------------------------------------------------------------
AUTH_USER_MODEL = "annotation.User"
AUTHENTICATION_BACKENDS = ["annotation.web.people.sign_in.AccountBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
ACCOUNT_ADAPTER = "annotation.web.people.sign_in.ClosedAccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_LOGOUT_ON_GET = False
# services/sign_in_delays.py slows down attempts. allauth's limits by address would stop all who
# share one. "login_failed" counts wrong codes, and passkeys of the second step, by person.
# allauth's limits of reset letters stay: they delay a letter, and nobody's way to sign in.
ACCOUNT_RATE_LIMITS = {"login": "", "login_failed": "5/5m/key"}
LOGIN_URL = "/accounts/login/"
LOGIN_REDIRECT_URL = "/"

# Second factors. A person with one of these roles must have one; "staff" is who may use the admin.
SECOND_FACTOR_ROLES = read_role_names(
    os.environ.get("ROUNDTRUTH_SECOND_FACTOR", "curator,engineer,staff" if IS_PUBLIC else "")
)
MFA_ADAPTER = "annotation.web.people.second_factor.SecondFactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_ISSUER = "Roundtruth"
MFA_TOTP_TOLERANCE = 1  # the code before and the code after: clocks differ, and typing takes time
MFA_FORMS = {
    name: f"annotation.web.people.second_factor.{form}"
    for name, form in (
        ("authenticate", "CodeForm"),
        ("reauthenticate", "ConfirmByCodeForm"),
        ("add_webauthn", "AddPasskeyForm"),
        ("authenticate_webauthn", "PasskeyForm"),
        ("login_webauthn", "SignInByPasskeyForm"),
        ("reauthenticate_webauthn", "ConfirmByPasskeyForm"),
    )
}

# Sign-on by OpenID Connect. Accounts are matched by issuer and subject, never by e-mail.
SIGN_ON_PROVIDERS = read_providers(os.environ.get("ROUNDTRUTH_SIGN_ON", ""))
SOCIALACCOUNT_ADAPTER = "annotation.web.people.sign_on.SignOnAdapter"
SOCIALACCOUNT_PROVIDERS = {
    "openid_connect": {
        "provider_class": "annotation.web.people.sign_on.IssuerProvider",
        "OAUTH_PKCE_ENABLED": True,
    }
}
SOCIALACCOUNT_FORMS = {"disconnect": "annotation.web.people.sign_on.DisconnectKnownForm"}
SOCIALACCOUNT_EMAIL_AUTHENTICATION = False
SOCIALACCOUNT_REAUTHENTICATION_REQUIRED = True

# A browser session ends after this time without activity. Zero: it does not end.
IDLE_TIMEOUT = public_server.parse_idle_minutes(
    os.environ.get("ROUNDTRUTH_IDLE_MINUTES", ""), hosts=HOSTS
)

# E-mail. Without a mail server nothing is sent or printed, and no page offers to reset a password.
_mail = read_smtp(os.environ.get("ROUNDTRUTH_SMTP", ""))
SENDS_MAIL = _mail is not None
EMAIL_BACKEND = f"django.core.mail.backends.{'smtp' if SENDS_MAIL else 'dummy'}.EmailBackend"
if _mail is not None:
    EMAIL_HOST, EMAIL_PORT = _mail.host, _mail.port
    EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _mail.user, _mail.password
    EMAIL_USE_TLS, EMAIL_USE_SSL = _mail.starttls, _mail.tls
    EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = os.environ.get("ROUNDTRUTH_MAIL_FROM", "roundtruth@localhost")
ACCOUNT_EMAIL_SUBJECT_PREFIX = "Roundtruth: "
ACCOUNT_EMAIL_NOTIFICATIONS = SENDS_MAIL
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
ACCOUNT_FORMS = {"reset_password": "annotation.web.people.passwords.ResetPasswordForm"}
PASSWORD_RESET_TIMEOUT = 3600  # seconds; a proxy may have written the link into its log
TOKEN_LIFETIME = timedelta(days=90)

# Security -----------------------------------------------------------------------------------
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IS_PUBLIC
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if IS_PUBLIC else None
SECURE_HSTS_SECONDS = 31_536_000 if IS_PUBLIC else 0
SECURE_SSL_REDIRECT = IS_PUBLIC
# Container checks and scrapers ask the process itself, without the proxy that ends TLS.
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^metrics$"]
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CSRF_TRUSTED_ORIGINS = [f"https://{host}" for host in HOSTS]

# Files --------------------------------------------------------------------------------------
STATIC_URL = "/static/"
STATIC_ROOT = DATA_ROOT / "static"
STATIC_ROOT.mkdir(parents=True, exist_ok=True)  # whitenoise warns of a missing folder
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
WHITENOISE_USE_FINDERS = True
FRONTEND_DIST = BASE_DIR / "annotation" / "static" / "dist"
DJANGO_VITE = {
    "default": {
        "dev_mode": False,
        "manifest_path": FRONTEND_DIST / ".vite" / "manifest.json",
        "static_url_prefix": "dist",
    }
}
MAX_IMAGE_PIXELS = 64_000_000
MAX_UPLOAD_BYTES = 2 * 1024**3
MAX_UPLOAD_FILES = 5_000
DATA_UPLOAD_MAX_MEMORY_SIZE = 32 * 1024**2
DATA_UPLOAD_MAX_NUMBER_FILES = MAX_UPLOAD_FILES

# Times are UTC in rows and logs. A project's time zone is only for display.
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
USE_I18N = False

# Reading ------------------------------------------------------------------------------------
LEASE_MINUTES = 15
PREFETCH_LEASE_MINUTES = 5
LOST_DRAFT_DAYS = 30
LOST_DRAFTS_PER_IMAGE = 100  # of one reader

# Workers ------------------------------------------------------------------------------------
CELERY_BROKER_URL = os.environ.get("CELERY_BROKER_URL", "memory://")
HAS_SHARED_BROKER = urlparse(CELERY_BROKER_URL).scheme != "memory"
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_SERIALIZER = "json"
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TASK_DEFAULT_QUEUE = "io"
CELERY_TIMEZONE = "UTC"
# The visibility timeout is longer than any task may run. A shorter one would let Redis give a
# running task to a second worker.
CELERY_TASK_TIME_LIMIT = 24 * 3600
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 25 * 3600} if HAS_SHARED_BROKER else {}
SWEEP_SECONDS = 2.0
HEARTBEAT_SECONDS = 10.0
CLAIM_STALE_SECONDS = 60.0
MAX_ATTEMPTS = 3
CHILD_KILL_SECONDS = 8.0
# Plans come from browsers, so a plan may only name weights in this folder.
ENCODER_WEIGHTS = Path(
    os.environ.get("ROUNDTRUTH_ENCODER_WEIGHTS", DATA_ROOT / "encoder-weights")
).resolve()


def _downloads(text: str) -> dict[str, str]:
    """Return the encoders whose ImageNet weights a plan may download, each with its sha256."""
    pins = dict(pin.strip().partition("=")[::2] for pin in text.split(",") if pin.strip())
    for encoder, sha256 in pins.items():
        if not re.fullmatch(r"[0-9a-f]{64}", sha256):
            raise ImproperlyConfigured(
                f"ROUNDTRUTH_DOWNLOADS: {encoder!r} needs a sha256 of 64 hexadecimal digits:"
                " write ENCODER=SHA256, with commas between several."
            )
    return pins


# A download is a request to another server that a plan's author chooses, so it is off by default.
DOWNLOADS = _downloads(os.environ.get("ROUNDTRUTH_DOWNLOADS", ""))
# A member trains with one thread on a CPU: two such members at once are faster than one member
# with two threads.
TRAIN_SLOTS = int(os.environ.get("ROUNDTRUTH_TRAIN_SLOTS", min(4, os.cpu_count() or 1)))

# API ----------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "annotation.api.authentication.ApiTokenAuthentication",
        "annotation.api.authentication.AccountSessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["annotation.api.content_types.StrictJsonParser"],
    "DEFAULT_PAGINATION_CLASS": "annotation.api.pagination.BoundedPagination",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "annotation.api.errors.problem_response",
    "NUM_PROXIES": PROXIES,
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Roundtruth",
    "VERSION": "1",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SERVE_INCLUDE_SCHEMA": False,
    "COMPONENT_SPLIT_REQUEST": True,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "annotation.api.schema.drop_database_limits",
        "annotation.api.schema.share_problems",
    ],
    "ENUM_NAME_OVERRIDES": {
        "PurposeEnum": "annotation.models.reading.Assignment.Purpose",
        "WaitingPurposeEnum": "annotation.selectors.reading.worklist.ORDER",
        "RoundStateEnum": "annotation.models.rounds.Round.State",
        "MemberStateEnum": "annotation.models.rounds.EnsembleMember.State",
        "ReleaseStateEnum": "annotation.models.release.Release.State",
    },
}

# The token with which other machines may read /metrics. If it is empty, they may not.
METRICS_TOKEN = os.environ.get("ROUNDTRUTH_METRICS_TOKEN", "")

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "filters": {"keys": {"()": "annotation.config.log_filter.HideKeysOfLinks"}},
    "handlers": {
        "console": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["keys"]}
    },
    "root": {"handlers": ["console"], "level": os.environ.get("ROUNDTRUTH_LOG_LEVEL", "INFO")},
}
