"""The one tokenizer: what a word is, in messages and in queries, on every database.

Rules kept here:
- text is folded before it is cut: NFKC, case, accents, digits of every script, letters with strokes; marks that carry
  sound (Indic vowels, Thai, kana voicing) stay;
- a word is a run of letters, digits and such marks; everything else divides, so that an address, a hyphenated name or
  a URL is found by each part, and whole as the phrase of its parts;
- scripts written without spaces, Hangul, and emoji are cut into overlapping pairs, the last character of a run also
  alone, so that any run of them is found anywhere in a longer one;
- what one message may add to an index is bounded here, the same for both databases, because a tsvector ends at 1 MB, at
  position 16,383 and at 256 positions a word: what is beyond is not found, and no delivery fails for it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from jmap.protocol.normalization import combines, normalize

TOKENIZER_VERSION = 2
"""Goes up whenever the same message would give other tokens."""

MAX_WORD = 64
"""Characters of a word that count; a longer word is its beginning."""
MAX_TEXT = 2_000_000
"""Characters of one field that are looked at."""
MAX_POSITIONS = 16_000
"""Words of a message that keep their place, and so are found in phrases."""
MAX_HEADER_POSITIONS = 6_000
"""How many of those places header fields and names of attachments may take from the body."""
MAX_REPEATS = 250
"""Places kept of one word in one field."""
MAX_LEXEMES = 20_000
"""Different words of a message, those without a place too."""
MAX_LEXEME_OCTETS = 400_000
"""Octets of all different words of a message together."""

TAGS = {"subject": "s", "from": "f", "to": "t", "cc": "c", "bcc": "x", "names": "n", "body": "b"}
"""The letter that marks the words of a field, in the order in which fields take places."""
GAP = "_"
"""Stands in a stream where a place is taken by no word; no word holds this character."""

Segments = Sequence[str]
"""Texts of one field that no phrase runs across: each address of a list, each body part, each name."""


@dataclass(frozen=True, slots=True)
class SearchFields:
    """The searchable text of a message, decoded: headers per RFC 2047, bodies as a reader sees them.

    An address is one text of its display name and addr-spec; the name of a group is a text too. Bodies are all texts,
    attached ones after those that are shown, HTML as text.
    """

    subject: str = ""
    from_: Segments = ()
    to: Segments = ()
    cc: Segments = ()
    bcc: Segments = ()
    body: Segments = ()
    attachment_names: Segments = ()


# --- Folding ----------------------------------------------------------------------------------------------------------

# Letters that Unicode does not decompose, though people type them without the stroke.
_STROKES = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "ħ": "h", "ŧ": "t", "ı": "i", "æ": "ae", "œ": "oe", "þ": "th", "ŋ": "n"}
)
_TATWEEL = "\u0640"  # lengthens an Arabic word and says nothing
# Combining classes of marks that carry sound; all other non-zero classes are accents, points and vowel signs that
# people leave out (Unicode 14, Hebrew 10 to 26, Arabic 27 to 36).
_SOUNDING = {0, 6, 7, 8, 9, 84, 91, 103, 107, 118, 122, 129, 130, 132}
# Han, kana, Hangul, Bopomofo, Yi, Thai, Lao, Tibetan, Myanmar, Khmer, and the symbols that are emoji.
_RUN_SCRIPTS = (
    "\u0e00-\u0eff\u0f00-\u109f\u1100-\u11ff\u1780-\u17ff\u2600-\u27bf\u2e80-\u2fdf\u3005-\u3007\u3021-\u302f"
    "\u3031-\u3035\u3038-\u30fa\u30fc-\u318f\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\ua4cf\ua960-\ua97f"
    "\ua9e0-\ua9ff\uaa60-\uaa7f\uac00-\ud7ff\uf900-\ufaff"
    "\U0001aff0-\U0001b16f\U0001f000-\U0001faff\U00020000-\U0003ffff"
)
IN_RUN = re.compile(f"[{_RUN_SCRIPTS}]")
"""A character of a script that is cut into pairs."""
RUN_SCRIPTS = _RUN_SCRIPTS
"""The inside of a character class of those scripts, for other patterns over folded text."""
_PIECES = re.compile(f"[{_RUN_SCRIPTS}]+|[^{_RUN_SCRIPTS}]+")


class _Folding(dict[int, str]):
    """A table for ``str.translate``: each character as it counts in search, a space where it divides words."""

    def __missing__(self, code: int) -> str:
        folded = _fold_character(chr(code))
        self[code] = folded
        return folded


def _fold_character(character: str) -> str:
    category = unicodedata.category(character)
    if category == "Nd":
        return str(unicodedata.decimal(character))
    if (category in {"Cf", "Sk", "Me"} and not character.isascii()) or character == _TATWEEL:
        return ""
    if category == "So":
        return character if IN_RUN.match(character) else " "
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", character).casefold())
    kept = "".join(part for part in decomposed if not _is_accent(part))
    plain = unicodedata.normalize("NFC", kept.translate(_STROKES))
    return "".join(part if part.isalnum() or unicodedata.category(part)[0] == "M" else " " for part in plain)


def _is_accent(character: str) -> bool:
    return unicodedata.combining(character) not in _SOUNDING or "\ufe00" <= character <= "\ufe0f"


_FOLDING = _Folding()
_ASCII_FOLDING = {code: (chr(code).lower() if chr(code).isalnum() else " ") for code in range(128)}


def fold(text: str) -> str:
    """The text as search sees it: folded words with spaces between them; the length may differ."""
    if text.isascii():
        return text.translate(_ASCII_FOLDING)
    return normalize("NFKC", text).translate(_FOLDING)


def fold_with_offsets(text: str) -> tuple[str, Sequence[int]]:
    """``fold`` together with, for every folded character and the end, the offset in the text where it comes from."""
    if text.isascii():
        return text.translate(_ASCII_FOLDING), range(len(text) + 1)
    folded: list[str] = []
    offsets: list[int] = []
    for start, end in clusters(text):
        part = fold(text[start:end])
        folded.append(part)
        offsets.extend([start] * len(part))
    offsets.append(len(text))
    return "".join(folded), offsets


def clusters(text: str) -> Iterator[tuple[int, int]]:
    """Ranges of the text that NFKC treats alone: a character and what combines with it."""
    start = 0
    for index in range(1, len(text)):
        character = text[index]
        if character.isascii() or not combines(character):
            yield start, index
            start = index
    if text:
        yield start, len(text)


# --- Words ------------------------------------------------------------------------------------------------------------


def pieces(text: str) -> Iterator[tuple[str, bool]]:
    """The words of a text in order; True marks a run of a script that is cut into pairs."""
    for word in fold(text[:MAX_TEXT]).split():
        if word.isascii():
            yield word[:MAX_WORD], False
        else:
            for piece in _PIECES.findall(word):
                if IN_RUN.match(piece):
                    yield piece, True
                else:
                    yield piece[:MAX_WORD], False


def tokens(text: str) -> Iterator[str]:
    """The tokens of a text of a message, in order."""
    for piece, is_run in pieces(text):
        if is_run:
            yield from map("".join, pairwise(piece))
            yield piece[-1]
        else:
            yield piece


# --- A message --------------------------------------------------------------------------------------------------------


class _Bounds:
    """What a message may still add."""

    def __init__(self) -> None:
        self.positions = MAX_POSITIONS
        self.lexemes = MAX_LEXEMES
        self.octets = MAX_LEXEME_OCTETS

    @property
    def is_spent(self) -> bool:
        """Whether nothing more fits."""
        return self.positions < 1 and self.lexemes < 1

    def admit(self, token: str) -> bool:
        """Whether one more different word fits; it is counted if so."""
        octets = len(token.encode()) + 8
        if self.lexemes < 1 or self.octets < octets:
            return False
        self.lexemes -= 1
        self.octets -= octets
        return True


def message_tokens(fields: SearchFields) -> str:
    """All tokens of a message, bounded: for each field that has any a line of its tag and its tokens in order.

    ``_`` among them is a place without a word. A line whose tag has ``+`` before it holds words that are found, yet
    have no place. Never raises for any text.
    """
    bounds = _Bounds()
    headers = {
        "subject": (fields.subject,),
        "from": fields.from_,
        "to": fields.to,
        "cc": fields.cc,
        "bcc": fields.bcc,
        "names": fields.attachment_names,
    }
    lines: list[str] = []
    spare = MAX_POSITIONS - MAX_HEADER_POSITIONS
    bounds.positions -= spare
    for name, segments in headers.items():
        lines.extend(_field_lines(TAGS[name], segments, bounds))
    bounds.positions += spare
    lines.extend(_field_lines(TAGS["body"], fields.body, bounds))
    return "\n".join(lines)


def _field_lines(tag: str, segments: Segments, bounds: _Bounds) -> Iterable[str]:
    placed: list[str] = []
    unplaced: list[str] = []
    repeats: dict[str, int] = {}
    for segment in _distinct(segments):
        if placed and bounds.positions > 0:
            placed.append(GAP)
            bounds.positions -= 1
        for token in segment:
            if bounds.is_spent:
                break
            count = repeats.get(token, 0)
            if not count and not bounds.admit(token):
                token = GAP
            if bounds.positions > 0:
                bounds.positions -= 1
                placed.append(token if count < MAX_REPEATS else GAP)
            elif not count and token is not GAP:
                unplaced.append(token)
            if token is not GAP:
                repeats[token] = count + 1
    if placed:
        yield f"{tag} {' '.join(placed)}"
    if unplaced:
        yield f"+{tag} {' '.join(unplaced)}"


def _distinct(segments: Segments) -> Iterator[list[str]]:
    """The tokens of each segment, leaving out a repetition (an HTML body that says what the text body says)."""
    seen: set[int] = set()
    for segment in segments:
        words = list(tokens(segment))
        mark = hash(tuple(words))
        if words and mark not in seen:
            seen.add(mark)
            yield words


def read_tokens(stored: str) -> Iterator[tuple[str, bool, list[str]]]:
    """(tag, whether its tokens have places, tokens) of each line that ``message_tokens`` made."""
    for line in stored.split("\n"):
        tag, _space, words = line.partition(" ")
        if words:
            yield tag.removeprefix("+"), not tag.startswith("+"), words.split(" ")
