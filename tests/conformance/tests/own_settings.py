"""Settings of the server that the suite is run against: the site's own, strict where it is lenient by default."""

from jmapsite.settings import *  # noqa: F403
from jmapsite.settings import JMAP

# A fast hash: what is looked at is the protocol, not the strength of Django's.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
JMAP = {
    **JMAP,
    "STRICT_USING": True,
    # The suite makes many subscriptions in a minute, at an endpoint of this machine.
    "PUSH": {**JMAP["PUSH"], "ALLOW": ["127.0.0.0/8", "::1/128"], "SUBSCRIPTIONS_AN_HOUR": 1_000, "POLL": 1},
}
