"""Destroyed mail brought back by an operator."""

from __future__ import annotations

from typing import Any

import pytest

from mail.models import RetainedEmail
from tests.admin.conftest import Desk
from tests.store.invariants import check
from tests.store.mailroom import Mailroom

SINCE = {"confirmed": "1", "since_0": "2026-01-01", "since_1": "00:00:00"}


@pytest.fixture
def room(db: None) -> Mailroom:
    room = Mailroom.open()
    room.destroy(room.deliver("one").id)
    return room


def test_restoring_asks_since_when_and_then_restores(desk: Desk, room: Mailroom) -> None:
    page = desk.act("jmap_core_account", "restore", room.account.pk)
    assert "come back as new ones" in page.content.decode()
    assert room.counts("inbox")[0] == 0

    desk.act("jmap_core_account", "restore", room.account.pk, **SINCE)
    assert room.counts("inbox")[0] == 1
    assert not RetainedEmail.objects.exists()
    check(room.account.pk)


def test_a_moment_that_is_none_restores_nothing(desk: Desk, room: Mailroom) -> None:
    page = desk.act("jmap_core_account", "restore", room.account.pk, confirmed="1", since_0="soon", since_1="00:00")

    assert "Enter a valid date" in page.content.decode()
    assert RetainedEmail.objects.count() == 1


def test_who_may_only_look_restores_nothing(clerk: Any, room: Mailroom) -> None:
    clerk("view_account").act("jmap_core_account", "restore", room.account.pk, **SINCE)

    assert RetainedEmail.objects.count() == 1
