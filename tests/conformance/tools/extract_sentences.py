#!/usr/bin/env python3
"""Reads the normative sentences out of an RFC's text: ``extract_sentences.py rfc8620.txt`` prints them as JSON lines.

The ledger was begun with it and is kept by hand since: the texts of the RFCs are no part of this project. A sentence
is normative if it holds a key word of RFC 2119 in capitals. Page breaks are taken out, paragraphs joined.
"""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

KEY_WORDS = re.compile(
    r"\b(MUST NOT|MUST|SHALL NOT|SHALL|SHOULD NOT|SHOULD|NOT RECOMMENDED|RECOMMENDED|REQUIRED|MAY|OPTIONAL)\b"
)
HEADING = re.compile(r"^(\d+(?:\.\d+)*)\.\s{1,2}\S")
FURNITURE = re.compile(r"^(\S.*\[Page \d+\]|RFC \d+ {3,}.*\d{4})$")
BULLET = re.compile(r"^\s*(o|\*|-|\d+\.)\s{1,3}\S")
SENTENCE_END = re.compile(r"(?<=[.!?])(?<!e\.g\.)(?<!i\.e\.)(?<!etc\.)\s+(?=[A-Z\"(`])")


def paragraphs(text: str) -> Iterator[tuple[str, str]]:
    """Section and joined words of each paragraph."""
    body = text[text.index("1.  Introduction", text.index("Table of Contents") + 400) :]
    body = body[body.index("\n1.  Introduction") + 1 :] if "\n1.  Introduction" in body else body
    lines = [line.rstrip() for line in body.replace("\f", "").splitlines()]
    section, words = "", []
    broken = False
    for line in lines:
        if FURNITURE.match(line):
            broken = True
            continue
        heading = HEADING.match(line)
        if heading or re.match(r"^(Authors?' Address|Acknowledge)", line):
            if words:
                yield section, " ".join(words)
            words = []
            section = heading[1] if heading else section
            broken = False
            continue
        if not line:
            ended = not words or words[-1][-1] in ".:;"
            if words and not (broken and not ended):
                yield section, " ".join(words)
                words = []
            continue
        if BULLET.match(line) and words:
            yield section, " ".join(words)
            words = []
        words.append(re.sub(r"^(o|\*)\s+", "", line.strip()))
        broken = False
    if words:
        yield section, " ".join(words)


def sentences(text: str) -> Iterator[dict[str, str]]:
    """The normative sentences, numbered within their section."""
    ordinals: dict[str, int] = {}
    for section, paragraph in paragraphs(text):
        for sentence in SENTENCE_END.split(paragraph):
            found = KEY_WORDS.findall(sentence)
            if found:
                ordinals[section] = ordinals.get(section, 0) + 1
                yield {
                    "section": section,
                    "number": str(ordinals[section]),
                    "level": found[0],
                    "text": re.sub(r"(?<=[a-z])- (?=[a-z])", "-", sentence),
                }


def main() -> None:
    """Print them."""
    for entry in sentences(Path(sys.argv[1]).read_text()):
        sys.stdout.write(json.dumps(entry) + "\n")


if __name__ == "__main__":
    main()
