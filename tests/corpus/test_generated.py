"""Mail of our own making, imported as an operator does it: threads, searches and bodies are what they must be."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import pytest
from django.core.management import call_command

from tests.corpus.generator import Corpus, generate
from tests.corpus.library import Library
from tests.corpus.over_http import http_reader
from tests.mail.email.conftest import Person
from tests.store.invariants import check


@lru_cache
def corpus() -> Corpus:
    """The corpus of this run, the same in every run."""
    return generate()


@pytest.fixture
def library(alice: Person, tmp_path: Path) -> Library:
    """The corpus in alice's account."""
    maildir, mbox = corpus().write(tmp_path / "mail")
    call_command("import_mail", alice.account.name, str(maildir), str(mbox), verbosity=0)
    return Library(alice, corpus())


@pytest.mark.own("a corpus is the same for a seed")
def test_the_same_seed_makes_the_same_corpus() -> None:
    assert generate(30, 5) == generate(30, 5)
    assert generate(30, 5) != generate(30, 6)


@pytest.mark.own("an import loses nothing and changes no octet")
def test_every_message_is_there_as_it_came(library: Library) -> None:
    library.holds_every_message()
    check(library.reader.account.pk)


@pytest.mark.rfc(8621, "3")
def test_threads_are_the_conversations(library: Library) -> None:
    library.has_the_right_threads()


@pytest.mark.rfc(8621, "4.1.2")
@pytest.mark.rfc(8621, "4.1.3")
def test_headers_are_decoded(library: Library) -> None:
    library.has_the_right_headers()


@pytest.mark.rfc(8621, "4.1.4")
def test_bodies_and_attachments_are_told_apart_and_decoded(library: Library) -> None:
    library.shows_the_right_bodies()


@pytest.mark.rfc(8621, "4.2")
def test_every_message_is_shown_with_every_property_and_header_form(library: Library) -> None:
    library.shows_everything()


@pytest.mark.rfc(8621, "4.4.1")
def test_a_search_finds_what_reading_every_message_finds(library: Library) -> None:
    library.finds_what_is_there()


@pytest.mark.rfc(8621, "4.4.1")
def test_phrases_headers_and_malformed_messages_are_found(library: Library) -> None:
    library.finds_phrases()
    library.finds_headers()
    library.finds_what_malformed_messages_say()


@pytest.mark.rfc(8621, "4")
def test_the_corpus_is_read_over_http(tmp_path: Path) -> None:
    small = generate(40, 9)
    paths = small.write(tmp_path / "mail")

    with http_reader(tmp_path / "site", paths) as reader:
        library = Library(reader, small)
        library.holds_every_message()
        library.has_the_right_threads()
        library.has_the_right_headers()
        library.shows_the_right_bodies()
        library.shows_everything()
        library.finds_what_is_there(words=8)


@pytest.mark.scale
@pytest.mark.rfc(8621, "4")
@pytest.mark.parametrize("seed", [2, 3, 4])
def test_a_larger_corpus_keeps_every_claim(seed: int, alice: Person, tmp_path: Path) -> None:
    large = generate(1_500, seed)
    call_command("import_mail", alice.account.name, *map(str, large.write(tmp_path)), verbosity=0)
    library = Library(alice, large)

    library.holds_every_message()
    library.has_the_right_threads()
    library.has_the_right_headers()
    library.shows_the_right_bodies()
    library.shows_everything()
    library.finds_what_is_there()
    library.finds_phrases()
    library.finds_headers()
    check(alice.account.pk)
