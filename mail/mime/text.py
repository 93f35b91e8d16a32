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
from html import unescape

_MARKUP = re.compile(
    r"<!--.*?(?:-->|\Z)"
    r"|<(?P<raw>script|style|title|template|textarea|noframes|xmp)\b[^>]*+(?:>.*?(?:</(?P=raw)[^>]*+>?|\Z)|\Z)"
    r"|<(?P<end>/?)(?P<name>[a-z][^\s/<>]*+)(?P<attributes>[^<>\"']*+(?:(?:\"[^\"<]*+\"|'[^'<]*+')[^<>\"']*+)*+)>"
    r"|<[a-z/!?][^<>]*+>?",
    re.IGNORECASE | re.DOTALL,
)
_HIDES = re.compile(
    r"(?:^|\s)hidden(?=[\s=]|\Z)|(?:display\s{0,9}:\s{0,9}none|visibility\s{0,9}:\s{0,9}hidden|mso-hide\s{0,9}:)",
    re.IGNORECASE,
)
_BLOCKS = frozenset(
    (
        "address", "article", "aside", "blockquote", "body", "br", "center", "dd", "details", "dialog", "div", "dl",
        "dt", "fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr",
        "html", "li", "main", "nav", "ol", "option", "p", "pre", "section", "summary", "table", "tbody", "tfoot",
        "thead", "tr", "ul",
    )
)  # fmt: skip
_CELLS = frozenset(("td", "th"))
_VOID = frozenset(("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"))
_SPACE = re.compile(r"[ \t\r\n\f\u00a0]+")
_LONG_REFERENCE = re.compile(r"&#(?:x[0-9a-f]{8,}|[0-9]{8,});?", re.IGNORECASE)


class _Hidden:
    """The element that hides what is being read, by name and nesting."""

    def __init__(self) -> None:
        self.name = ""
        self.depth = 0

    def follow(self, name: str, end: bool, attributes: str) -> bool:
        """Take a tag into account; tells whether what follows is hidden."""
        if self.depth:
            if name == self.name and not attributes.endswith("/"):
                self.depth += -1 if end else 1
        elif not end and attributes and name not in _VOID and _HIDES.search(attributes):
            self.name, self.depth = name, 1
        return self.depth > 0


def html_to_text(html: str) -> str:
    """The text that a reader of the HTML sees, a line for each block. Linear in the length of the source.

    An element that hides its content and is never closed hides nothing, so that no text is lost to a broken tag.
    """
    shown: list[str] = []
    unsure: list[str] = []
    out, position, hidden = shown, 0, _Hidden()
    for match in _MARKUP.finditer(html):
        start = match.start()
        if start > position:
            out.append(_SPACE.sub(" ", html[position:start]))
        position = match.end()
        name = match["name"]
        if name is None:
            continue
        name = name.lower()
        if hidden.depth or match["attributes"]:
            was = hidden.depth
            if hidden.follow(name, bool(match["end"]), match["attributes"]):
                out = unsure
            elif was:
                unsure.clear()
                out = shown
        if name in _BLOCKS:
            out.append("\n")
        elif name in _CELLS:
            out.append(" ")
    out.append(_SPACE.sub(" ", html[position:]))
    return _tidy("".join(shown + unsure))


def _tidy(text: str) -> str:
    if "&" in text:
        text = unescape(_LONG_REFERENCE.sub("\ufffd", text))
    lines = (" ".join(line.split()) for line in text.split("\n"))
    return "\n".join(line for line in lines if line)
