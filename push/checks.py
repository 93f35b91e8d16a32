"""System checks of push: a carrier that there is, and how far news reach (``check --deploy``)."""

from __future__ import annotations

from typing import Any

from django.core.checks import CheckMessage, Error, Info, register

from push.carriers import carrier
from push.conf import CARRIERS, push_options


@register
def carrier_can_be_used(**kwargs: Any) -> list[CheckMessage]:
    """Refuse a carrier that there is not, or that lacks what it needs."""
    if push_options.parse()[1]:
        return []
    options = push_options()
    if options.carrier not in CARRIERS:
        words = f'JMAP["PUSH"]["CARRIER"] is {options.carrier!r}; there are {", ".join(CARRIERS)}.'
        return [Error(words, id="jmap_push.E001")]
    needed = {"redis": ("REDIS_URL", options.redis_url), "sockets": ("FOLDER", options.folder)}
    name, value = needed.get(options.carrier, ("", "-"))
    if not value:
        words = f'JMAP["PUSH"]["CARRIER"] = "{options.carrier}" needs JMAP["PUSH"]["{name}"].'
        return [Error(words, id="jmap_push.E002")]
    return []


@register(deploy=True)
def name_the_carrier(**kwargs: Any) -> list[CheckMessage]:
    """Say which carrier is in force."""
    if push_options.parse()[1] or carrier_can_be_used():
        return []
    return [Info(f"News travel by {carrier().describe()}.", id="jmap_push.I001")]
