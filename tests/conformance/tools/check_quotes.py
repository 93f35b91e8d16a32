#!/usr/bin/env python3
"""Checks that the words of every case stand in its RFC: ``check_quotes.py FOLDER``, with the RFCs as rfcNNNN.txt.

For those who write cases; the texts of the RFCs are no part of this project. Page breaks, line breaks and the marks
of lists do not count, and " ... " stands for words left out.
"""

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from jmap_conformance.case import all_cases

FURNITURE = re.compile(r"^(\S.*\[Page \d+\]|RFC \d+ {3,}.*\d{4})$", re.M)


def plain(text: str) -> str:
    """The letters, digits and marks that count."""
    text = FURNITURE.sub(" ", text.replace("\f", " "))
    text = re.sub(r"^\s*(?:[o*+-]|\d+\.)\s+", " ", text, flags=re.M)
    return re.sub(r"[\s*]+", "", text).replace("’", "'").lower()


def main() -> int:
    """Name the cases whose words are not found."""
    folder = Path(sys.argv[1])
    texts: dict[int, str] = {}
    wrong = 0
    for case in all_cases():
        path = folder / f"rfc{case.rfc}.txt"
        if not path.exists():
            continue
        texts.setdefault(case.rfc, plain(path.read_text()))
        for piece in case.requirement.split(" ... "):
            if plain(piece) not in texts[case.rfc]:
                wrong += 1
                sys.stdout.write(f"{case.id} ({case.source}): {piece}\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
