"""The base subject: what is left of a subject without "Re:", "Fwd:", "[list]" and their kin (RFC 5256 §2.1).

It sorts by subject, and it decides with the message ids whether an email joins a thread (RFC 8621 §3).

Departs from RFC 5256 §7: prefixes of other languages are taken off too. RFC 8621 §3 asks for "automatically added
prefixes", and these are what clients in use write by themselves: AW, WG (German), SV, VB (Swedish, Danish, Norwegian),
VS, VL (Finnish), Antw, Doorst (Dutch), RES, ENC (Portuguese), RV (Spanish), TR (French), R, RIF, I (Italian), ODP, PD
(Polish), YNT, ILT (Turkish), Atb (Latvian), HA, ΑΠ and ΠΡΘ (Greek), НА (Bulgarian), 答复, 回复, 回覆, 转发,
轉寄 (Chinese), 返信, 転送 (Japanese). A message only joins a thread when the message ids agree too, so that a title
that begins with such letters by chance does no harm. The full-width colon of Chinese clients counts as a colon.
"""

import re

_PREFIXES = (
    "re|fwd?|aw|wg|sv|vb|vs|vl|antw|doorst|res|enc|rv|tr|rif|r|i|odp|pd|ynt|i̇lt|ilt|atb|ha|απ|πρθ|на|"
    "答复|回复|回覆|转发|轉寄|返信|転送"
)
_REFWD = re.compile(rf"(?:{_PREFIXES})[ ]?(?:\[[^\[\]]*+\][ ]?|\(\d{{1,4}}\)|\^\d{{1,4}})?[:：]", re.IGNORECASE)
_BLOBS = re.compile(r"(?:\[[^\[\]]*+\][ ]?)*+")
_FWD_HEADER, _FWD_TRAILER = "[fwd:", "(fwd)"


def base_subject(subject: str) -> str:
    """The base subject of a decoded subject, in its own capitals (RFC 5256 §2.1); "" when nothing is left."""
    text = " ".join(subject.split())
    start, end = 0, len(text)
    while True:
        end = _without_trailers(text, start, end)
        start = _without_leaders(text, start, end)
        if text[start : start + 5].lower() != _FWD_HEADER or end <= start + 5 or text[end - 1] != "]":
            return text[start:end]
        start, end = start + 5, end - 1


def _without_trailers(text: str, start: int, end: int) -> int:
    """Step (2): no white space and no "(fwd)" at the end."""
    while end > start:
        if text[end - 1] == " ":
            end -= 1
        elif end - start >= 5 and text[end - 5 : end].lower() == _FWD_TRAILER:
            end -= 5
        else:
            break
    return end


def _without_leaders(text: str, start: int, end: int) -> int:
    """Steps (3) to (5): no reply or forward prefix, and no blobs unless nothing else would be left."""
    while True:
        while start < end and text[start] == " ":
            start += 1
        blobs = _BLOBS.match(text, start, end)
        after = blobs.end() if blobs else start
        prefix = _REFWD.match(text, after, end)
        if prefix is not None:
            start = prefix.end()
            continue
        if after < end:
            return after
        last = text.rfind("[", start, end)
        return last if last >= 0 else start


def thread_subject(subject: str) -> str:
    """What two subjects of one thread have in common: the base subject without case and white space (RFC 8621 §3)."""
    return "".join(base_subject(subject).casefold().split())
