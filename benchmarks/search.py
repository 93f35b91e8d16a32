#!/usr/bin/env python3
"""Text search by itself: what indexing and asking cost, on the database of DATABASE_URL.

    DATABASE_URL=postgresql://… python benchmarks/search.py 20000        an empty database
    DATA_DIR=/tmp/search python benchmarks/search.py 20000               SQLite in a new folder

One account of made-up messages, words drawn by Zipf's law, everything through ``mail.search``. Prints milliseconds:
the median of nine, one connection. Refuses a database that holds mail already.
"""

import itertools
import math
import os
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "jmapsite.settings")

import django

django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connection, transaction  # noqa: E402

from mail.models import SearchText  # noqa: E402
from mail.search import backend  # noqa: E402
from mail.search.query import parse  # noqa: E402
from mail.search.snippets import snippet  # noqa: E402
from mail.search.tokenizer import SearchFields, message_tokens  # noqa: E402

ACCOUNT = 7
STOP_WORDS = ["the", "of", "and", "to", "in", "a", "is", "that", "it", "for", "was", "on", "are", "as", "with", "they"]
ROUNDS = 9


class Corpus:
    """Messages of about ninety words, one word in two thousand messages rare, one sender in a hundred each."""

    def __init__(self) -> None:
        self.random = random.Random(1)
        syllables = [first + second for first in "bdfgklmnprtvz" for second in "aeiou"]
        words: dict[str, None] = {}
        while len(words) < 20_000:
            words["".join(self.random.choices(syllables, k=self.random.choice((2, 2, 3, 4)))) + "k"] = None
        self.words = list(words)
        self.weights = list(itertools.accumulate(1 / rank**1.02 for rank in range(1, 20_001)))
        self.people = [f"{w.title()} Doe <{w}.doe@{w[:3]}.example.org>" for w in self.words[100:200]]

    def message(self) -> SearchFields:
        """The next message."""
        length = min(1_500, max(8, int(math.exp(self.random.gauss(4.3, 0.9)))))
        body = self.random.choices(self.words, cum_weights=self.weights, k=length * 55 // 100)
        body += self.random.choices(STOP_WORDS, k=length * 45 // 100)
        if self.random.random() < 0.0005:
            body.append("quxraretoken")
        self.random.shuffle(body)
        return SearchFields(
            subject=" ".join(self.random.choices(self.words, cum_weights=self.weights, k=5)),
            from_=(self.random.choice(self.people),),
            to=("Bench Owner <me@bench.example>",),
            body=(" ".join(body),),
        )


def timed(action: Callable[[], object]) -> tuple[float, object]:
    """Median milliseconds of an action, and what it gave."""
    figures, answer = [], None
    for _ in range(ROUNDS):
        start = time.perf_counter()
        answer = action()
        figures.append(time.perf_counter() - start)
    return statistics.median(figures) * 1000, answer


def fill(corpus: Corpus, size: int) -> Iterator[tuple[str, float]]:
    """Index the messages, twenty in a transaction, then two hundred each in its own."""
    spent = {"tokens of a message": 0.0, "index, 20 a transaction": 0.0}
    for first in range(0, size, 20):
        start = time.perf_counter()
        rows = [(key, ACCOUNT, message_tokens(corpus.message())) for key in range(first + 1, first + 21)]
        middle = time.perf_counter()
        with transaction.atomic():
            backend.index_emails(rows)
        spent["tokens of a message"] += middle - start
        spent["index, 20 a transaction"] += time.perf_counter() - middle
    for label, seconds in spent.items():
        yield label, seconds / size * 1000
    single = []
    for key in range(size + 1, size + 201):
        row = (key, ACCOUNT, message_tokens(corpus.message()))
        start = time.perf_counter()
        backend.index_emails([row])
        single.append((time.perf_counter() - start) * 1000)
    yield "index, one a transaction", statistics.median(single)
    yield "index, one a transaction, slowest", max(single)


def questions(corpus: Corpus) -> dict[str, tuple[str, str]]:
    """What is asked: label to (field, text)."""
    common, other, third = corpus.words[2], corpus.words[5], corpus.words[9]
    return {
        "rare word": ("text", "quxraretoken"),
        "common word": ("text", f'"{common}"'),
        "common word or what begins with it": ("text", common),
        "short prefix": ("text", "b*"),
        "three common words": ("text", f"{common} {other} {third}"),
        "common and rare word": ("text", f"{common} quxraretoken"),
        "phrase of common words": ("text", '"of the"'),
        "sender by name": ("from", corpus.words[100]),
        "sender by address": ("from", f"{corpus.words[100]}.doe@{corpus.words[100][:3]}.example.org"),
        "address in every message": ("to", "me@bench.example"),
    }


def walk(field: str, text: str) -> int:
    """A walk by key that ends after fifty matches."""
    sql, params = backend.row_test(ACCOUNT, field, text, "walked.email_id")
    statement = f"SELECT email_id FROM jmap_mail_searchtext walked WHERE {sql} ORDER BY email_id DESC LIMIT 50"
    return len(backend.generic.select(statement, params))


def main() -> None:
    """Fill the database and print the table."""
    call_command("migrate", verbosity=0)
    if SearchText.objects.exists():
        sys.exit("This database holds mail already; name an empty one.")
    size = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    corpus = Corpus()
    print(f"{connection.vendor}, {size} messages")
    for label, figure in fill(corpus, size):
        print(f"{label:44}{figure:10.2f}")
    print(f"{'':34}{'hits':>10}{'count':>10}{'ids':>10}{'capped':>10}{'walk 50':>10}")
    for label, (field, text) in questions(corpus).items():
        counted, hits = timed(lambda field=field, text=text: backend.count(ACCOUNT, field, text))
        listed, _ = timed(lambda field=field, text=text: backend.matching_ids(ACCOUNT, field, text))
        capped, _ = timed(lambda field=field, text=text: backend.capped_count(ACCOUNT, field, text, 500))
        walked, _ = timed(lambda field=field, text=text: walk(field, text))
        print(f"{label:34}{hits!s:>10}{counted:10.2f}{listed:10.2f}{capped:10.2f}{walked:10.2f}")
    fields = [corpus.message() for _ in range(30)]
    query = parse(corpus.words[2])
    figure, _ = timed(lambda: [snippet(query, one.subject, one.body[0]) for one in fields])
    print(f"{'30 snippets':44}{figure:10.2f}")


if __name__ == "__main__":
    main()
