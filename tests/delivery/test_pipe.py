"""``manage.py deliver``: what an MTA hears from a pipe."""

from __future__ import annotations

import io
import os
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from mail.services import quotas
from mail.services.delivery import service
from tests.delivery.post import PostOffice
from tests.store.mailroom import message


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs the command with a message on standard input; its exit status."""

    def run(data: bytes, *arguments: str) -> int:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))
        try:
            call_command("deliver", *arguments)
        except CommandError as error:
            return error.returncode
        return os.EX_OK

    return run


@pytest.mark.own("a pipe is answered by sysexits")
def test_a_message_from_a_pipe_is_delivered_as_it_came(post: PostOffice, pipe: Any) -> None:
    data = b"From grace@elsewhere.test Thu Jan  1 00:00:00 2026\nSubject: One\n\nBody\n"

    status = pipe(data, "-f", "grace@elsewhere.test", post.address)

    stored = post.octets(post.in_box()[0])
    assert status == os.EX_OK
    assert stored.startswith(b"Return-Path: <grace@elsewhere.test>\n")
    assert stored.endswith(b"\nSubject: One\n\nBody\n")


@pytest.mark.own("a pipe is answered by sysexits")
def test_a_refusal_says_why_by_its_status(post: PostOffice, pipe: Any, settings: Any) -> None:
    settings.JMAP = {**settings.JMAP, "DELIVERY": {"MAX_SIZE": 65_536, "OVER_QUOTA_IS_TEMPORARY": False}}
    quotas.limit_account(post.room.account, max_emails=1, max_octets=None)
    loop = b"Delivered-To: " + post.address.encode() + b"\n"

    statuses = [
        pipe(message("a"), "nobody@mail.test"),
        pipe(message("a"), "not-an-address"),
        pipe(b"", post.address),
        pipe(loop + message("a"), post.address),
        pipe(message("a") + b"x" * 65_536, post.address),
        pipe(message("a"), post.address),
        pipe(message("b"), post.address),
    ]

    assert statuses == [67, 67, 65, 65, 65, 0, 73]


@pytest.mark.own("a pipe is answered by sysexits")
def test_what_may_succeed_later_is_tried_again(post: PostOffice, pipe: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    quotas.limit_account(post.room.account, max_emails=0, max_octets=None)
    full = pipe(message("a"), post.address, "nobody@mail.test")

    def broken(*args: object) -> None:
        raise RuntimeError("no")

    monkeypatch.setattr(service, "resolve", broken)
    fault = pipe(message("a"), post.address)

    assert [full, fault] == [os.EX_TEMPFAIL] * 2
