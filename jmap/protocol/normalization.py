"""Unicode normalization forms (UAX #15) in time that grows with the length of the text alone.

Putting a run of combining marks into canonical order takes time that grows with the square of the run: 400 KB of
accents on one letter, which anybody can send, keep a processor busy for minutes. So a long text is normalized slice by
slice.

Rules kept here:
- a slice ends before a character that begins anew, so that text which people write comes out as if it were normalized
  whole; only a run of marks longer than a slice is cut in itself.
"""

import unicodedata
from typing import Literal

Form = Literal["NFC", "NFD", "NFKC", "NFKD"]

SLICE = 256
"""Characters that are normalized at a time."""
_LONGEST_CLUSTER = 64
"""How far from its end a slice looks for a character that begins anew."""


def normalize(form: Form, text: str) -> str:
    """The text in a normalization form."""
    if text.isascii():
        return text
    pieces: list[str] = []
    start = 0
    while start < len(text):
        end = _slice_end(text, start)
        pieces.append(unicodedata.normalize(form, text[start:end]))
        start = end
    return "".join(pieces)


def combines(character: str) -> bool:
    """Whether a character may become one with those before it: marks, vowels and finals of Hangul, kana voicing."""
    return unicodedata.category(character)[0] == "M" or "\u1160" <= character <= "\u11ff" or character in "\uff9e\uff9f"


def _slice_end(text: str, start: int) -> int:
    end = start + SLICE
    if end >= len(text):
        return len(text)
    for cut in range(end, end - _LONGEST_CLUSTER, -1):
        if not combines(text[cut]):
            return cut
    return end
