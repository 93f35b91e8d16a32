"""Sending limits, suspension, and alarms."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from jmap.models import Account
from jmap.store import writing
from mail.models import Domain
from submission.models import AccountFlow, QueueFlow, SendingAlarm, Status
from submission.services import flow, limits
from submission.services.errors import ForbiddenToSend, TooMuch
from tests.relay.conftest import Sending, person
from tests.relay.scripted import DROP, Script


def send(account: Account, *recipients: int) -> list[str]:
    """What the guard says of submissions with so many recipients each."""
    with writing(account.pk) as writer:
        return ["ok" if one is None else type(one).__name__ for one in limits.guard(writer, recipients)]


@pytest.fixture
def account(db: None) -> Account:
    return person("ada@a.example")


@pytest.mark.rfc(8620, "5.3")
def test_messages_and_recipients_are_limited_by_the_hour_and_by_the_day(account: Account) -> None:
    limits.set_limit(account=account, values={"messages_per_hour": 3, "recipients_per_day": 10})

    assert send(account, 4, 7, 1) == ["ok", "TooMuch", "ok"]
    assert send(account, 6) == ["TooMuch"]
    assert send(account, 5, 1) == ["ok", "TooMuch"]


@pytest.mark.own("an hour rolls")
def test_room_comes_back_as_the_hour_passes(account: Account) -> None:
    limits.set_limit(values={"messages_per_hour": 2})
    first = send(account, 1, 1, 1)
    AccountFlow.objects.update(at=timezone.now() - timedelta(minutes=61))

    assert first == ["ok", "ok", "TooMuch"]
    assert send(account, 1, 1, 1) == ["ok", "ok", "TooMuch"]


@pytest.mark.own("an account's own limit replaces that of every account; that of its domain holds beside it")
def test_limits_of_account_and_domain(account: Account) -> None:
    other = person("bea@a.example")
    limits.set_limit(values={"messages_per_hour": 1})
    limits.set_limit(account=account, values={"messages_per_hour": 5})
    limits.set_limit(domain=Domain.objects.get(name="a.example"), values={"messages_per_hour": 4})

    assert send(other, 1, 1) == ["ok", "TooMuch"]
    assert send(account, 1, 1, 1, 1) == ["ok", "ok", "ok", "TooMuch"]


@pytest.mark.rfc(8621, "7.5")
def test_who_is_suspended_sends_nothing_and_what_waits_is_held(sending: Sending) -> None:
    message = sending.submit()
    limits.set_limit(account=sending.account, values={"is_suspended": True, "reason": "Call us."})

    with writing(sending.account.pk) as writer:
        (refusal,) = limits.guard(writer, [1])
    sending.work()

    assert isinstance(refusal, ForbiddenToSend)
    assert str(refusal) == "Call us."
    assert sending.row(message).status == Status.HELD
    assert sending.server.messages == []


@pytest.mark.own("a limit is exact however many send at once")
@pytest.mark.django_db(transaction=True)
def test_a_limit_of_a_domain_holds_against_many_who_send_at_once() -> None:
    people = [person(f"p{number}@a.example") for number in range(4)]
    limits.set_limit(domain=Domain.objects.get(name="a.example"), values={"messages_per_hour": 10})
    answers: list[str] = []

    def send_many(account: Account) -> None:
        try:
            for _ in range(5):
                answers.extend(send(account, 1))
        finally:
            connection.close()

    threads = [threading.Thread(target=send_many, args=(account,)) for account in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert sorted(answers) == ["TooMuch"] * 10 + ["ok"] * 10


@pytest.mark.own("what flows is counted for the charts")
def test_outcomes_are_counted_by_the_hour(sending: Sending, script: Script) -> None:
    sending.submit("bob@b.example", "cleo@b.example")
    sending.work()
    script.answers["RCPT"] = "550 5.1.1 nobody"
    sending.submit(notify="NEVER")
    sending.work()
    del script.answers["RCPT"]
    script.answers["DOT"] = DROP
    sending.submit()
    sending.work()

    counted = QueueFlow.objects.get()
    assert (counted.sent, counted.failed, counted.deferred, counted.doubtful) == (2, 1, 1, 1)
    assert (AccountFlow.objects.get().sent, AccountFlow.objects.get().failed) == (2, 1)


@pytest.mark.own("an alarm is raised once, until somebody settled it")
def test_spikes_bounces_and_complaints_raise_alarms(account: Account) -> None:
    now = timezone.now()
    flow.count_submitted(account.pk, 10, 5_000, now)
    flow.count_outcomes({(account.pk, "sent"): 50, (account.pk, "failed"): 30}, now)
    for _ in range(3):
        flow.count_complaint(account.pk, now)

    first, second = limits.watch(now), limits.watch(now)
    limits.settle_alarm(SendingAlarm.objects.get(kind="spike"))
    third = limits.watch(now + timedelta(seconds=1))

    assert sorted(alarm.kind for alarm in first) == ["bounces", "complaints", "spike"]
    assert second == []
    assert [alarm.kind for alarm in third] == ["spike"]


@pytest.mark.own("what is usual for an account is no alarm")
def test_a_busy_account_is_judged_by_its_own_week(account: Account) -> None:
    now = timezone.now()
    for hour in range(2, 190):
        flow.count_submitted(account.pk, 10, 500, now - timedelta(hours=hour))
    flow.count_submitted(account.pk, 10, 2_000, now)

    assert limits.watch(now) == []
    assert TooMuch.__name__ == "TooMuch"
