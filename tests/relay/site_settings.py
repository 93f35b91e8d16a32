"""The site's own settings with leases that run out soon, and a clock that a test may set: SHIFT_CLOCK, in seconds."""

import os
from datetime import timedelta

from django.utils import timezone

from jmapsite.settings import *  # noqa: F403
from jmapsite.settings import JMAP

JMAP["SUBMISSION"] = {"LEASE": 3, "SMTP_TIMEOUT": 5}

if shift := float(os.environ.get("SHIFT_CLOCK", "0")):
    real_now = timezone.now
    timezone.now = lambda: real_now() + timedelta(seconds=shift)
