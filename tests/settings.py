"""Settings of the test suite: the project's own, with a throw-away DATA_DIR and the database that is asked for.

TEST_DATABASE is ``sqlite`` (default) or ``postgres``; the latter needs TEST_POSTGRES_URL, the URL of a server in
which test databases may be made (``scripts/services.py`` starts one and sets it).
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

# One folder for the whole run: workers of pytest-xdist inherit it, only the process that made it removes it.
if "JMAP_TEST_DATA_DIR" not in os.environ:
    os.environ["JMAP_TEST_DATA_DIR"] = tempfile.mkdtemp(prefix="jmap-tests-")
    atexit.register(shutil.rmtree, os.environ["JMAP_TEST_DATA_DIR"], ignore_errors=True)

TEST_DATABASE = os.environ.get("TEST_DATABASE", "sqlite")
if TEST_DATABASE not in {"sqlite", "postgres"}:
    raise ImproperlyConfigured(f"TEST_DATABASE={TEST_DATABASE!r} must be 'sqlite' or 'postgres'.")
if TEST_DATABASE == "postgres" and not os.environ.get("TEST_POSTGRES_URL"):
    raise ImproperlyConfigured(
        "TEST_DATABASE=postgres needs TEST_POSTGRES_URL; run the tests under `scripts/services.py run postgres -- ...`."
    )

# The developer's own environment must not leak into the tests.
for name in (
    "HOST",
    "PORT",
    "WORKERS",
    "SERVER",
    "ALLOWED_HOSTS",
    "TRUSTED_PROXIES",
    "DEBUG",
    "BROKER_URL",
    "LMTP",
    "LMTP_PORT",
    "LMTP_PROCESSES",
    "LMTP_NETWORKS",
    "SOCKETMAP",
    "POSTGRES_BIN",
):
    os.environ.pop(name, None)
os.environ["DATA_DIR"] = os.environ["JMAP_TEST_DATA_DIR"]
os.environ["DATABASE_URL"] = os.environ["TEST_POSTGRES_URL"] if TEST_DATABASE == "postgres" else ""
os.environ["SECRET_KEY"] = "only-for-tests"

from jmapsite.settings import *  # noqa: E402,F403
from jmapsite.settings import DATA_DIR, DATABASES, JMAP  # noqa: E402

# A fast hash: what is tested is ours, not the strength of Django's.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# Counted in memory: processes that share a run must not use up each other's limits.
# Nothing is told to other processes: who does it keeps a connection, and the database of a test could not be dropped.
JMAP = {**JMAP, "LIMITS": {}, "PUSH": {**JMAP["PUSH"], "CARRIER": "none"}}
# Of the server that the tests run on, where it came with its programs.
JMAP["BACKUP"] = {"POSTGRES_BIN": os.environ.get("TEST_POSTGRES_BIN", "")}
ALLOWED_HOSTS = ["testserver", "localhost", "127.0.0.1", "[::1]"]

if TEST_DATABASE == "sqlite":
    # A file, not memory: tests with several connections need what production has.
    DATABASES["default"]["TEST"] = {"NAME": str(Path(DATA_DIR) / "test.sqlite3")}
else:
    DATABASES["default"]["TEST"] = {"NAME": f"jmap_test_{os.getpid()}", "TEMPLATE": "template0"}
    # A test is one transaction, in which nothing is ever analysed: plans kept from when its tables were empty would
    # walk over all rows. Servers that tests start keep their plans as in production.
    DATABASES["default"]["OPTIONS"]["options"] = "-c plan_cache_mode=auto -c jit=off"
