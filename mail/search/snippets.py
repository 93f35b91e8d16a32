"""Search snippets: where a message matched, as HTML with marks (RFC 8621 §5).

Rules kept here:
- what is marked is what the tokenizer would find, at the place in the original text where it stands;
- the preview is the stretch of the body with the most different terms, at most 255 octets with marks and entities, and
  is cut between characters, never inside an entity or a tag;
- a query without terms, and terms that only other fields match, mark nothing; null is the honest answer then.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from html import escape
from itertools import accumulate, islice
from typing import NamedTuple

from jmap.protocol.normalization import combines
from mail.search.query import Term, TextQuery
from mail.search.tokenizer import IN_RUN, MAX_TEXT, MAX_WORD, RUN_SCRIPTS, clusters, fold, fold_with_offsets

PREVIEW_OCTETS = 255
"""The most that a preview may take (RFC 8621 §5)."""
LEAD_OCTETS = 70
"""The most of them for what stands before the first mark."""
ELLIPSIS = "…"

_CHUNK = 2_000
"""Characters of a body whose folded places are worked out one by one; the rest is only searched."""
_NEARBY = 150
"""Characters within which terms count as standing together."""
_MAX_MATCHES = 5_000
"""Matches of one term that are looked at in search of the best place."""
_OPEN, _CLOSE = "<mark>", "</mark>"
_EDGE = f"[^ {RUN_SCRIPTS}]"


class Snippet(NamedTuple):
    """Subject and preview as HTML; None where nothing in them matches (RFC 8621 §5)."""

    subject: str | None
    preview: str | None


def snippet(query: TextQuery, subject: str, body: str) -> Snippet:
    """The snippet of a message for a query that looks into subject and body alike."""
    return Snippet(marked_subject([query], subject), marked_preview([query], body))


def marked_subject(queries: Iterable[TextQuery], subject: str) -> str | None:
    """The whole subject with every match of any of the queries marked, or None without a match."""
    subject = _encodable(subject)
    marks = _marks(_patterns(queries), *fold_with_offsets(subject))
    return _render(subject, marks) if marks else None


def marked_preview(queries: Iterable[TextQuery], body: str) -> str | None:
    """The stretch of a body (plain text) where most terms of the queries stand, or None without a match."""
    patterns = _patterns(queries)
    if not patterns:
        return None
    text = _encodable(" ".join(body[:MAX_TEXT].split()))
    region, is_start = _region(patterns, text)
    folded, offsets = fold_with_offsets(region)
    marks = _marks(patterns, folded, offsets)
    if not marks:
        return None
    focus = offsets[_best(patterns, folded)]
    return _excerpt(region, marks, next(start for start, end in marks if focus < end), is_start)


# --- Finding ----------------------------------------------------------------------------------------------------------


def _patterns(queries: Iterable[TextQuery]) -> list[re.Pattern[str]]:
    return [_pattern(term) for term in dict.fromkeys(term for query in queries for term in query.terms)]


@lru_cache(maxsize=1024)
def _pattern(term: Term) -> re.Pattern[str]:
    """A pattern that finds a term in folded text."""
    parts = list(_words(term.tokens))
    first, *others = [re.escape(word) for word, _is_run in parts]
    # The literal comes first and its left edge is looked at behind it, which lets the search skip from hit to hit.
    found = first if parts[0][1] else f"{first}(?<!{_EDGE}{first})"
    for (_word, is_run), (_before, was_run), literal in zip(parts[1:], parts, others):
        found += (" *" if is_run != was_run else " +") + literal
    last, is_run = parts[-1]
    if not is_run and not term.is_prefix and len(last) < MAX_WORD:
        found += f"(?!{_EDGE})"
    return re.compile(found)


def _words(tokens: Sequence[str]) -> Iterator[tuple[str, bool]]:
    """The words that tokens were made of, pairs joined again; True marks such a run.

    A run ends with its last character alone, but for the run that ends the term.
    """
    run = ""
    for token in tokens:
        if not IN_RUN.match(token):
            yield token, False
        elif len(token) == 1:
            yield run or token, True
            run = ""
        else:
            run = run[:-1] + token
    if run:
        yield run, True


def _region(patterns: Sequence[re.Pattern[str]], text: str) -> tuple[str, bool]:
    """A part of the text short enough to work out places in, around the best match; and whether it is its start."""
    if len(text) <= 3 * _CHUNK:
        return text, True
    chunks = list(_chunks(text))
    folded = [fold(chunk) for chunk in chunks]
    best = _best(patterns, "".join(folded))
    number = bisect_right(list(accumulate(map(len, folded))), best)
    start = max(0, number - 1)
    return "".join(chunks[start : number + 2]), start == 0


def _chunks(text: str) -> Iterator[str]:
    """The text in pieces that end before a space, where there is one."""
    start = 0
    while start < len(text):
        end = start + _CHUNK
        space = text.rfind(" ", start + 1, end) if end < len(text) else -1
        end = space if space > 0 else end
        yield text[start:end]
        start = end


def _best(patterns: Sequence[re.Pattern[str]], folded: str) -> int:
    """The place of the match near which most different terms stand; 0 without a match."""
    places = sorted(
        (match.start(), number)
        for number, pattern in enumerate(patterns)
        for match in islice(pattern.finditer(folded), _MAX_MATCHES)
    )
    best, most = 0, 0
    for index, (place, _number) in enumerate(places):
        near = {number for other, number in places[index : index + 50] if other <= place + _NEARBY}
        if len(near) > most:
            best, most = place, len(near)
    return best


def _marks(patterns: Sequence[re.Pattern[str]], folded: str, offsets: Sequence[int]) -> list[tuple[int, int]]:
    """Where a text matches, as ranges that do not overlap, in order; given as ``fold_with_offsets`` gives it."""
    ranges = sorted(
        (offsets[match.start()], _end(offsets, match.end()))
        for pattern in patterns
        for match in pattern.finditer(folded)
    )
    marks: list[tuple[int, int]] = []
    for start, end in ranges:
        if marks and start < marks[-1][1]:
            marks[-1] = (marks[-1][0], max(end, marks[-1][1]))
        else:
            marks.append((start, end))
    return marks


def _end(offsets: Sequence[int], end: int) -> int:
    """Where the original of a folded range ends: behind the character that its last one comes from."""
    start = offsets[end - 1]
    while offsets[end] == start:
        end += 1
    return offsets[end]


# --- Showing ----------------------------------------------------------------------------------------------------------


def _encodable(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")


def _render(text: str, marks: Iterable[tuple[int, int]]) -> str:
    parts: list[str] = []
    done = 0
    for start, end in marks:
        parts += [escape(text[done:start], quote=False), _OPEN, escape(text[start:end], quote=False), _CLOSE]
        done = end
    parts.append(escape(text[done:], quote=False))
    return "".join(parts)


def _octets(text: str) -> int:
    return len(escape(text, quote=False).encode("utf-8"))


def _excerpt(text: str, marks: Sequence[tuple[int, int]], focus: int, is_start: bool) -> str:
    """The stretch of a text around the mark that holds ``focus``, as much as fits into a preview."""
    begin = _lead(text, focus)
    shown = "" if is_start and begin == 0 else ELLIPSIS
    room = PREVIEW_OCTETS - len((shown + ELLIPSIS).encode())
    end = begin
    kept: list[tuple[int, int]] = []
    for start, stop in [mark for mark in marks if mark[0] >= begin]:
        room -= _octets(text[end:start]) + len(_OPEN + _CLOSE)
        fitting = _fitting(text, start, stop, room)
        if room < 0 or (fitting < stop and kept) or fitting == start:
            break
        room -= _octets(text[start:fitting])
        kept.append((start, fitting))
        end = fitting
    room = PREVIEW_OCTETS - len((shown + ELLIPSIS + _render(text[begin:end], _shifted(kept, begin))).encode())
    stop = _fitting(text, end, len(text), room)
    if stop < len(text) and (space := text.rfind(" ", end, stop + 1)) > end:
        stop = space
    shown += _render(text[begin:stop], _shifted(kept, begin))
    return shown if stop == len(text) else shown + ELLIPSIS


def _lead(text: str, start: int) -> int:
    """Where to begin so that a match comes with some of what stands before it, from the beginning of a word."""
    begin, room = start, LEAD_OCTETS
    while begin > 0 and (room := room - _octets(text[begin - 1])) >= 0:
        begin -= 1
    if begin == 0:
        return 0
    space = text.find(" ", begin, start)
    if space >= 0:
        return space + 1
    # A long word is left out; a script without spaces may begin anywhere between characters.
    if text[begin].isascii():
        return start
    while begin < start and combines(text[begin]):
        begin += 1
    return begin


def _fitting(text: str, start: int, stop: int, room: int) -> int:
    """How far one may go from ``start`` without exceeding the room, in whole characters with their marks."""
    end = start
    for first, last in clusters(text[start : min(stop, start + PREVIEW_OCTETS)]):
        room -= _octets(text[start + first : start + last])
        if room < 0:
            break
        end = start + last
    return end


def _shifted(marks: Iterable[tuple[int, int]], by: int) -> list[tuple[int, int]]:
    return [(start - by, end - by) for start, end in marks]
