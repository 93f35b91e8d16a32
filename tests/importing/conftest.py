"""Servers to import from, shared by all tests of this folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import count

import pytest

from mail.importers import imap_server, jmap_server
from tests.importing.dovecot import Dovecot, dovecot

_numbers = count(1)


@pytest.fixture(scope="session")
def imap() -> Iterator[Dovecot]:
    """A running Dovecot."""
    if not os.environ.get("TEST_DOVECOT"):
        pytest.skip("TEST_DOVECOT names no Dovecot: run under `scripts/services.py run dovecot -- ...`")
    with dovecot() as server:
        yield server


@pytest.fixture
def user() -> str:
    """A name that nobody else has at the Dovecot."""
    return f"user{next(_numbers)}"


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines that drop are made again without a pause."""
    monkeypatch.setattr(imap_server, "PAUSES", (0.0,) * 5)
    monkeypatch.setattr(jmap_server, "PAUSES", (0.0,) * 5)
