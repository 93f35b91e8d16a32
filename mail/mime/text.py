"""HTML to plain text, for previews, search and snippets.

This is a scanner over tags, not a parser that builds a tree: HTML trees can be made to grow with the square of the
source (formatting elements that every paragraph opens again: 30 KB took 3.6 seconds in a tree builder, and 100,000
nested elements 23), and everybody may send us HTML. Here each octet is looked at a bounded number of times and nothing
nests. The result is for reading and searching only: it is never markup, and shows nothing to a browser.

Rules kept:
- Scripts, styles, titles, templates and comments are dropped, and so is what a style or the `hidden` attribute hides.
- Block elements part lines, table cells part words, inline elements part nothing ("w<b>or</b>d" is one word).
- White space is collapsed; lines hold no leading or trailing white space, and none is empty.
"""

import re
from collections.abc import Iterator
from html import unescape

_ATTRIBUTES = r"[^<>\"']*+(?:(?:\"[^\"<]*+\"|'[^'<]*+')[^<>\"']*+)*+"
_RAW = "script|style|title|template|textarea|noframes|xmp"
_MARKUP = re.compile(
    rf"<(?:(?!(?i:{_RAW})[\s/>])(/?[A-Za-z][^\s/<>]*+){_ATTRIBUTES}>"
    r"|!--(?s:.*?)(?:-->|\Z)"
    rf"|(?i:(?P<raw>{_RAW})(?:[^>]*+>(?s:.*?)(?:</(?P=raw)[^>]*+>?|\Z)|[^>]*+\Z))"
    r"|[A-Za-z/!?][^<>]*+>?)"
)
_BLOCKS = (
    "address", "article", "aside", "blockquote", "body", "br", "center", "dd", "details", "dialog", "div", "dl", "dt",
    "fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "html",
    "li", "main", "nav", "ol", "option", "p", "pre", "section", "summary", "table", "tbody", "tfoot", "thead", "tr",
    "ul",
)  # fmt: skip
_SEPARATORS: dict[str | None, str] = {
    spelling: separator
    for names, separator in ((_BLOCKS, "\n"), (("td", "th"), " "))
    for name in names
    for spelling in (name, name.upper(), f"/{name}", f"/{name.upper()}")
}
_VOID = frozenset(("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"))
_DESCRIBES = re.compile(r"\s(?:alt|title)\s?=", re.IGNORECASE)
_DESCRIPTION = re.compile(r"\s(?:alt|title)\s?=\s?(?:\"([^\"<]*+)\"|'([^'<]*+)'|([^\s\"'<>]++))", re.IGNORECASE)
_LONG_REFERENCE = re.compile(r"&#(?:x[0-9a-f]{8,}|[0-9]{8,});?", re.IGNORECASE)

_HIDDEN_BEFORE = re.compile(r"(?:(?P<style>visibility\s{0,9}:)\s{0,9}|\s)\Z")
_NONE_BEFORE = re.compile(r"display\s{0,9}:\s{0,9}\Z")
_OPEN_TAG = re.compile(rf"<([a-z][^\s/<>]*+){_ATTRIBUTES}>")
_ENDS_PARAGRAPH = re.compile(r"<(?:(/p)\s{0,9}>|/?(?:p|div|table|tr|td|ul|ol|li|blockquote|pre|h[1-6]|body)\b)")
_AFTER_NAME = frozenset((" ", ">", "/", "\n", "\r", "\t", ""))
_HIDDEN_BUDGET = 4
"""How many times its own length a source may be searched for the ends of hidden elements."""


def html_to_text(html: str) -> str:
    """The text that a reader of the HTML sees, a line for each block. Linear in the length of the source.

    An element that hides its content and is never closed hides nothing, so that no text is lost to a broken tag.
    """
    return _visible(_flowing(html))


def html_to_searchable_text(html: str) -> str:
    """The same, and after it a line for each thing that an `alt` or `title` attribute tells (RFC 8621 §4.4.1)."""
    html = _flowing(html)
    text = _visible(html)
    if _DESCRIBES.search(html) is None:
        return text
    told = dict.fromkeys(
        " ".join(unescape(_LONG_REFERENCE.sub("\ufffd", one[1] or one[2] or one[3] or "")).split())
        for tag in _MARKUP.finditer(html)
        if tag[1] is not None
        for one in _DESCRIPTION.finditer(tag[0])
    )
    return "\n".join(line for line in (text, *told) if line)


def _flowing(html: str) -> str:
    return " ".join(_without_hidden(html).split())


def _visible(html: str) -> str:
    # Splitting at tags gives text, name of the tag, name of a dropped element, and again text.
    pieces: list[str | None] = _MARKUP.split(html)
    names = pieces[1::3]
    separators = list(map(_SEPARATORS.get, names))
    text = "".join([f"{text}{separator or ''}" for text, separator in zip(pieces[::3], [*separators, ""])])
    if "&" in text:
        text = unescape(_LONG_REFERENCE.sub("\ufffd", text))
    lines = (" ".join(line.split()) for line in text.split("\n"))
    return "\n".join(line for line in lines if line)


def _hiding_offsets(lower: str) -> Iterator[int]:
    """Where the lowercase source says that something is hidden, in ascending order for each way of saying it."""
    for word, before in (("none", _NONE_BEFORE), ("hidden", _HIDDEN_BEFORE), ("mso-hide:", None)):
        offset = lower.find(word)
        while offset >= 0:
            if before is None or before.search(lower, max(0, offset - 40), offset):
                yield offset
            offset = lower.find(word, offset + len(word))


def _without_hidden(html: str) -> str:
    """The source without the elements that hide their content."""
    # The one letter that grows when it is made lowercase would move every offset behind it.
    lower = html.replace("\u0130", "i").lower()
    offsets = sorted(_hiding_offsets(lower))
    if not offsets:
        return html
    kept: list[str] = []
    position, budget = 0, _HIDDEN_BUDGET * len(html)
    for offset in offsets:
        start = lower.rfind("<", position, offset)
        tag = _OPEN_TAG.match(lower, start) if start >= 0 else None
        if tag is None or tag.end() <= offset or tag[1] in _VOID or tag[0].endswith("/>") or budget <= 0:
            continue
        end = _element_end(lower, tag[1], tag.end())
        budget -= (end if end > 0 else len(html)) - start
        if end > 0:
            kept.append(html[position:start])
            position = end
    kept.append(html[position:])
    return " ".join(kept)


def _element_end(lower: str, name: str, start: int) -> int:
    """The offset after the end tag of an element whose content begins at `start`; -1 when it is never closed."""
    if name == "p":
        block = _ENDS_PARAGRAPH.search(lower, start)
        return -1 if block is None else block.end() if block[1] else block.start()
    depth = 1
    opening, closing = _tag(lower, f"<{name}", start), _tag(lower, f"</{name}", start)
    while closing >= 0:
        if 0 <= opening < closing:
            depth += 1
            opening = _tag(lower, f"<{name}", opening + 1)
            continue
        depth -= 1
        if not depth:
            return lower.find(">", closing) + 1 or len(lower)
        closing = _tag(lower, f"</{name}", closing + 1)
    return -1


def _tag(lower: str, tag: str, start: int) -> int:
    """The offset of the next tag of exactly this name, or -1."""
    start = lower.find(tag, start)
    while start >= 0 and lower[start + len(tag) : start + len(tag) + 1] not in _AFTER_NAME:
        start = lower.find(tag, start + 1)
    return start
