"""What tests of backups share: a site with some mail, a blob store of its own, and the commands."""

from __future__ import annotations

import os
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection, connections

from jmap.backup.databases import PostgresDatabase, SqliteDatabase
from tests.mail.email.conftest import Person, _person


@pytest.fixture(autouse=True)
def blob_root(tmp_path: Path, settings: Any) -> Path:
    """An empty blob store for each test, and a folder of its own that no server runs on."""
    settings.DATA_DIR = tmp_path / "data"
    settings.JMAP = {**settings.JMAP, "BLOB_ROOT": tmp_path / "blobs"}
    return tmp_path / "blobs"


@pytest.fixture(autouse=True)
def programs(monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgreSQL's programs find their libraries; idle threads of other tests' servers are no reason to refuse."""
    if os.environ.get("TEST_POSTGRES_LIBRARY_PATH"):
        monkeypatch.setenv("LD_LIBRARY_PATH", os.environ["TEST_POSTGRES_LIBRARY_PATH"])
    for kind in (SqliteDatabase, PostgresDatabase):
        monkeypatch.setattr(kind, "refuse_others", lambda self: connections.close_all())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where backups go."""
    return tmp_path / "backups"


@pytest.fixture
def person(transactional_db: None) -> Callable[[str], Person]:
    """Makes persons whose data is really committed."""
    return _person


def run(name: str, *arguments: object, **options: Any) -> str:
    """What a command says."""
    out = StringIO()
    call_command(name, *map(str, arguments), stdout=out, stderr=StringIO(), verbosity=0, **options)
    assert not connection.in_atomic_block
    return out.getvalue()


def message(name: str, size: int = 0) -> bytes:
    """A message of its own, with that many octets more."""
    head = f"From: ada@x\r\nSubject: {name}\r\nMessage-ID: <{name}@x>\r\n\r\n{name}\r\n"
    return head.encode() + b"x" * size
