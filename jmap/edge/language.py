"""Which language a request is answered in (RFC 8620 §3.8, RFC 9110 §12.5.4).

Rules kept here: only languages that the core's own messages are translated into are chosen, so that Content-Language is
true; without a match it is the project's language, or English.
"""

from __future__ import annotations

import functools
from pathlib import Path

from django.conf import settings
from django.utils.translation import to_language, trans_real

SOURCE = "en"


@functools.cache
def available() -> frozenset[str]:
    """Languages with a compiled catalogue, and the one that messages are written in."""
    catalogues = (Path(__file__).parent.parent / "locale").glob("*/LC_MESSAGES/django.mo")
    return frozenset({SOURCE, *(to_language(path.parent.parent.name) for path in catalogues)})


@functools.lru_cache(maxsize=1_000)
def choose(accept: str) -> str:
    """The best available language for an Accept-Language value."""
    for wanted, _weight in trans_real.parse_accept_lang_header(accept[:500].lower()):
        if wanted == "*":
            break
        for candidate in (wanted, wanted.partition("-")[0]):
            if candidate in available():
                return candidate
    default = settings.LANGUAGE_CODE.lower()
    return next((code for code in (default, default.partition("-")[0]) if code in available()), SOURCE)
