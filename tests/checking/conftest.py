"""A store of its own for each test, and short ways to damage it behind the back of the services."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from mail.checking import runner
from mail.checking.fault import Fault
from mail.checking.runner import Report
from tests.store.mailroom import Mailroom


@pytest.fixture(autouse=True)
def blob_root(tmp_path: Path, settings: Any) -> Path:
    """An empty blob store."""
    settings.JMAP = {**settings.JMAP, "BLOB_ROOT": tmp_path / "blobs"}
    return tmp_path / "blobs"


@pytest.fixture
def room(db: None) -> Mailroom:
    """An account with a conversation in two mailboxes, a draft, and mail in Trash."""
    room = Mailroom.open()
    room.deliver("a", minutes=1)
    room.deliver("b", references=("a",), boxes=("inbox", "archive"), keywords=("$seen", "mine"), minutes=2)
    room.deliver("c", references=("b",), minutes=3)
    room.deliver("d", subject="Draft", boxes=("drafts",), keywords=("$draft",), minutes=4)
    room.deliver("e", subject="Bin", boxes=("trash",), minutes=5)
    return room


@pytest.fixture
def damage() -> Callable[..., None]:
    """Runs a statement that no service would."""

    def run(statement: str, *parameters: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute(statement, parameters)

    return run


def findings(*rooms: Mailroom, mend: bool = False, quick: bool = False) -> Report:
    """What a run over these accounts and the site finds."""
    report = Report()
    for room in rooms:
        runner.check_account(room.account, report, mend=mend, is_quick=quick)
    runner.check_site(report, mend=mend)
    return report


def kinds(faults: list[Fault]) -> set[str]:
    """The kinds of faults."""
    return {fault.kind for fault in faults}
