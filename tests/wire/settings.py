"""Settings of the servers under test: the site's own, with small limits and the lab's methods."""

import os

from jmapsite.settings import *  # noqa: F403
from jmapsite.settings import INSTALLED_APPS, JMAP

INSTALLED_APPS = [*INSTALLED_APPS, "tests.wire.lab.apps.LabConfig"]
ROOT_URLCONF = "tests.wire.urls"
# A fast hash: what is tested is ours, not the strength of Django's.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
ALLOWED_HOSTS = ["127.0.0.1", "localhost", "mail.example"]
JMAP = {
    **JMAP,
    "MAX_SIZE_REQUEST": 100_000,
    "MAX_CONCURRENT_REQUESTS": 3,
    "MAX_CALLS_IN_REQUEST": 16,
    "MAX_OBJECTS_IN_GET": 500,
    "MAX_OBJECTS_IN_SET": 500,
    "MAX_CONCURRENT_UPLOAD": 2,
    "MAX_SIZE_UPLOAD": 120_000_000,
    "TRUSTED_PROXIES": ["127.0.0.2"],
    "EDGE": {
        "READ_TIMEOUT": int(os.environ.get("WIRE_READ_TIMEOUT", "60")),
        "WRITE_TIMEOUT": int(os.environ.get("WIRE_WRITE_TIMEOUT", "120")),
    },
    "PUSH": {
        **JMAP["PUSH"],
        "MIN_PING": 1,
        "RECHECK": 1,
        "POLL": int(os.environ.get("WIRE_POLL", "1")),
        "MAX_STREAMS": int(os.environ.get("WIRE_STREAMS", "8")),
        "CARRIER": os.environ.get("WIRE_CARRIER", JMAP["PUSH"]["CARRIER"]),
        "REDIS_URL": os.environ.get("WIRE_NEWS", ""),
        "ALLOW": ["127.0.0.0/8", "::1/128"],
    },
    "LIMITS": {
        "FILE": os.environ.get("WIRE_LIMITS", JMAP["LIMITS"]["FILE"]),
        "REDIS_URL": os.environ.get("WIRE_REDIS", ""),
        "REQUESTS": int(os.environ.get("WIRE_REQUESTS", "100")),
        "REQUESTS_PERIOD": 100_000,
        "FAILED_LOGINS_OF_NAME": 8,
        "FAILED_LOGINS_OF_ADDRESS": 30,
        "FAILED_LOGINS_PERIOD": 3_000,
    },
}
