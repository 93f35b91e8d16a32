"""Log-in by Django's own session cookie, for pages of the same site (a native EventSource sends no header).

Rules kept here: only what comes from our own pages is believed, which the edge checks by Origin before it asks here.
"""

from __future__ import annotations

import time
from http.cookies import CookieError, SimpleCookie
from importlib import import_module

from django.conf import settings
from django.contrib.auth import get_user
from django.http import HttpRequest

from jmap.auth.verify import LIFETIME, Verified


def verified_by_cookie(field: str) -> Verified | None:
    """Who the session in a Cookie field belongs to, or None."""
    try:
        cookie = SimpleCookie(field).get(settings.SESSION_COOKIE_NAME)
    except CookieError:
        return None
    if cookie is None or not cookie.value:
        return None
    request = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(cookie.value)
    user = get_user(request)
    if not user.is_authenticated or not user.is_active:
        return None
    return Verified(user.pk, None, user.password, time.monotonic() + LIFETIME)
