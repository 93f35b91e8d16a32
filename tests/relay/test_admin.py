"""The queue, smarthosts, keys and limits in the admin: what an operator sees and does, and that it is logged."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.utils import timezone

from mail.models import Domain
from submission import secrets
from submission.models import (
    DkimKey,
    EmailSubmission,
    QueuedMessage,
    RouteState,
    SendingAlarm,
    SendingLimit,
    Smarthost,
    Status,
)
from submission.services import flow
from tests.admin.conftest import Desk, clerk, desk, errors
from tests.relay.conftest import Sending
from tests.relay.scripted import Script

__all__ = ["clerk", "desk"]

pytestmark = pytest.mark.own("an operator sees the queue and works on it through services, and the log says so")
LIST = "jmap_submission_queuedrecipient"


def shown(desk: Desk, **query: Any) -> set[str]:
    """The recipients that the list shows."""
    response: Any = desk.get(f"{LIST}_changelist", **query)
    assert response.status_code == 200
    return {row.address for row in response.context["cl"].result_list}


def test_the_queue_is_found_by_state_domain_recipient_sender_and_age(sending: Sending, desk: Desk) -> None:
    old = sending.submit("bob@b.example")
    sending.submit("cleo@c.example", "dora@bücher.example")
    QueuedMessage.objects.filter(pk=old).update(created_at=timezone.now() - timedelta(days=2))

    assert shown(desk) == {"bob@b.example", "cleo@c.example", "dora@bücher.example"}
    assert shown(desk, status__exact="relayed") == set()
    assert shown(desk, q="@c.example") == {"cleo@c.example"}
    assert shown(desk, q="CLEO@c.example") == {"cleo@c.example"}
    assert shown(desk, q="from:ada@a.example @b.example") == {"bob@b.example"}
    assert shown(desk, q="from:nobody@a.example") == set()
    assert shown(desk, age="day") == {"bob@b.example"}


def test_recipients_are_held_released_retried_and_canceled(sending: Sending, desk: Desk, script: Script) -> None:
    script.answers["RCPT"] = "451 4.2.1 <script>later"
    message = sending.submit()
    sending.work()
    row = sending.row(message)

    states = []
    for action in ("hold", "release", "retry", "cancel"):
        assert desk.act(LIST, action, row.pk).status_code == 302
        states.append(sending.row(message))

    assert [state.status for state in states] == [Status.HELD, Status.WAITING, Status.WAITING, Status.CANCELED]
    assert states[2].next_attempt_at <= timezone.now()
    assert EmailSubmission.objects.get().undo_status == "canceled"
    assert LogEntry.objects.filter(object_id=row.pk).count() == 4
    page = desk.get(f"{LIST}_changelist").content.decode()
    assert "451 4.2.1 &lt;script&gt;later" in page


def test_what_cannot_be_done_is_said_and_not_logged(sending: Sending, desk: Desk) -> None:
    message = sending.submit()
    sending.work()

    desk.act(LIST, "cancel", sending.row(message).pk)

    assert "was sent" in desk.get(f"{LIST}_changelist").content.decode()
    assert sending.row(message).status == Status.RELAYED
    assert not LogEntry.objects.exists()


def test_only_who_may_change_the_queue_is_offered_actions(sending: Sending, clerk: Any) -> None:
    message = sending.submit()

    clerk("view_queuedrecipient").act(LIST, "hold", sending.row(message).pk)

    assert sending.row(message).status == Status.WAITING


def test_the_chart_and_dead_servers_stand_over_the_queue(sending: Sending, desk: Desk) -> None:
    flow.count_outcomes({(sending.account.pk, "sent"): 30, (sending.account.pk, "failed"): 10})
    RouteState.objects.create(route="h.example:25", retry_at=timezone.now() + timedelta(hours=1), reason="no <answer>")

    response: Any = desk.get(f"{LIST}_changelist")

    bars = response.context["chart"].bars
    assert [(bar.kind, bar.height, bar.count) for bar in bars] == [("sent", 90.0, 30), ("failed", 30.0, 10)]
    page = response.content.decode()
    assert page.count("<rect") == 2
    assert "no &lt;answer&gt;" in page
    desk.act("jmap_submission_routestate", "reopen", RouteState.objects.get(route="h.example:25").pk)
    assert RouteState.objects.get(route="h.example:25").retry_at is None


def test_a_password_goes_in_and_never_comes_out(sending: Sending, desk: Desk) -> None:
    host = Smarthost.objects.get()
    form = {
        "host": "h.example", "port": 587, "security": "starttls", "username": "u", "max_connections": 2, "domain": "",
        "authorities": "",
    }  # fmt: skip

    desk.post("jmap_submission_smarthost_change", host.pk, password="sword fish ", **form)
    page = desk.get("jmap_submission_smarthost_change", host.pk).content.decode()
    desk.post("jmap_submission_smarthost_change", host.pk, password="", **{**form, "port": 465})
    wrong = desk.post("jmap_submission_smarthost_change", host.pk, password="", **{**form, "authorities": "x"})

    host.refresh_from_db()
    assert secrets.unseal(host.sealed_password) == "sword fish "
    assert "sword fish" not in page
    assert host.sealed_password not in page
    assert host.port == 465
    assert "authorities" in errors(wrong)
    second = desk.post("jmap_submission_smarthost_add", password="", **form)
    assert errors(second)


def test_a_key_is_made_shown_and_put_to_use(sending: Sending, desk: Desk) -> None:
    domain = Domain.objects.get(name="a.example")
    desk.post("jmap_submission_dkimkey_add", domain=domain.pk, algorithm="ed25519", selector="")
    key = DkimKey.objects.get()

    page = desk.get("jmap_submission_dkimkey_change", key.pk).content.decode()
    desk.act("jmap_submission_dkimkey", "activate", key.pk)
    desk.post("jmap_submission_dkimkey_delete", key.pk, post="yes")

    key.refresh_from_db()
    assert f"{key.selector}._domainkey.a.example" in page
    assert "v=DKIM1; k=ed25519; p=" in page
    assert key.sealed_key not in page
    assert key.stage == DkimKey.Stage.ACTIVE


def test_limits_are_set_and_alarms_settled(sending: Sending, desk: Desk) -> None:
    desk.post("jmap_submission_sendinglimit_add", account=sending.account.pk, domain="", messages_per_hour=5, reason="")
    desk.post("jmap_submission_sendinglimit_add", account="", domain="", recipients_per_day=9, reason="")
    both = desk.post(
        "jmap_submission_sendinglimit_add", account=sending.account.pk, domain=Domain.objects.get().pk, reason=""
    )
    alarm = SendingAlarm.objects.create(
        account=sending.account, kind="spike", measured=9, usual=1, raised_at=timezone.now()
    )
    desk.act("jmap_submission_sendingalarm", "settle", alarm.pk)

    alarm.refresh_from_db()
    assert errors(both)
    assert sorted(map(str, SendingLimit.objects.all())) == ["ada@a.example", "every account"]
    assert alarm.settled_at is not None
