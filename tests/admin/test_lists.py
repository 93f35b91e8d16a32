"""Lists of the admin take as many statements for fifty rows as for one, and count no table."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from jmap.admin.base import CappedPaginator
from jmap.models import Account, AccountAccess, Blob, Credential, Upload
from jmap.store import writing
from mail.models import Address, Domain, Email, Mailbox
from mail.services import accounts, mailboxes
from mail.services.mailboxes import Node
from push.models import PushSubscription
from submission.models import DomainGrant, EmailSubmission, Identity, VacationResponse
from submission.services import identities, vacation
from tests.admin.conftest import Desk
from tests.admin.test_push_subscriptions import a_subscription
from tests.store.mailroom import Mailroom

LISTS = {
    "jmap_core_account": Account,
    "jmap_core_blob": Blob,
    "jmap_core_credential": Credential,
    "jmap_core_upload": Upload,
    "jmap_mail_address": Address,
    "jmap_mail_domain": Domain,
    "jmap_mail_email": Email,
    "jmap_mail_mailbox": Mailbox,
    "jmap_push_pushsubscription": PushSubscription,
    "jmap_submission_domaingrant": DomainGrant,
    "jmap_submission_emailsubmission": EmailSubmission,
    "jmap_submission_identity": Identity,
    "jmap_submission_vacationresponse": VacationResponse,
}


def grow(room: Mailroom, count: int) -> None:
    """As many more rows of every kind, each with a parent, an owner and an account of its own where it may."""
    messages = [(f"m{number}", (), f"Subject {number}", ("inbox",), (), number) for number in range(count)]
    emails = room.deliver_all(messages)
    inside = {f"c{number}": Node(f"Box {number}", room.boxes["inbox"], None, 0, True) for number in range(count)}
    with writing(room.account.pk) as writer:
        mailboxes.apply(writer, None, mailboxes.load(room.account.pk, None, True), inside, {}, [])
    for number in range(count):
        user = get_user_model().objects.create_user(f"user{number}")
        account = Account.objects.create(user=user, name=f"Account {number}")
        domain = accounts.create_domain(f"d{number}.test")
        Address.objects.create(account=account, domain=domain, local_part="a", is_primary=True)
        AccountAccess.objects.create(account=room.account, user=user)
        Credential.issue(user, "app", f"Phone {number}")
        blob = Blob.objects.get(pk=emails[number].blob_id)
        Upload.objects.create(account=account, user=user, blob=blob, type="a/b", uploaded_at=timezone.now())
        identities.grant_domain(account, domain)
        a_subscription(user, f"Device {number}")
        _send(account)


def _send(account: Account) -> None:
    """Something submitted, and a vacation response."""
    with writing(account.pk) as writer:
        vacation.change(writer, {"is_enabled": True})
        modseq = writer.next("EmailSubmission")
        EmailSubmission.objects.create(
            account=account,
            created_modseq=modseq,
            modseq=modseq,
            identity_key=1,
            email_key=1,
            thread_key=1,
            envelope={"mailFrom": {"email": "a@b.test"}, "rcptTo": []},
            send_at=timezone.now(),
        )


def statements(desk: Desk, page: str, *args: Any, **query: Any) -> list[str]:
    """What a page asks of the database."""
    with CaptureQueriesContext(
        connection,
    ) as captured:
        assert desk.get(page, *args, **query).status_code == 200
    return [query["sql"] for query in captured.captured_queries]


@pytest.mark.parametrize("page", LISTS)
def test_a_list_of_fifty_takes_no_more_statements_than_one_of_few(desk: Desk, room: Mailroom, page: str) -> None:
    Credential.issue(room.account.user, "app", "Phone")
    email = room.deliver("first")
    Upload.objects.create(
        account=room.account, user=room.account.user, blob_id=email.blob_id, type="a/b", uploaded_at=timezone.now()
    )
    identities.grant_domain(room.account, Domain.objects.get())
    _send(room.account)
    a_subscription(room.account.user, "Phone")
    few = len(statements(desk, f"{page}_changelist"))
    grow(room, 50)

    many = statements(desk, f"{page}_changelist")

    assert LISTS[page].objects.count() > 50
    assert len(many) <= few
    assert len(many) <= 7


@pytest.mark.parametrize("page", LISTS)
def test_a_count_ends_at_the_cap(desk: Desk, room: Mailroom, page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    grow(room, 12)
    monkeypatch.setattr(CappedPaginator, "LIMIT", 11)

    captured = statements(desk, f"{page}_changelist")
    shown: Any = desk.get(f"{page}_changelist")

    assert shown.context["cl"].result_count == 11
    counts = [sql for sql in captured if "COUNT(" in sql]
    assert counts
    assert all("LIMIT 11" in sql for sql in counts)


@pytest.mark.parametrize("word", ["user1", "a@d1.test", "ub", "bb", "d1.test"])
@pytest.mark.parametrize("page", LISTS)
def test_every_list_is_searched_in_few_statements(desk: Desk, room: Mailroom, page: str, word: str) -> None:
    grow(room, 2)

    assert len(statements(desk, f"{page}_changelist", q=word)) <= 9


def test_the_page_of_an_account_shared_with_fifty_takes_no_more_statements(desk: Desk, room: Mailroom) -> None:
    user = get_user_model().objects.create_user("first")
    AccountAccess.objects.create(account=room.account, user=user)
    few = len(statements(desk, "jmap_core_account_change", room.account.pk))
    grow(room, 50)

    assert len(statements(desk, "jmap_core_account_change", room.account.pk)) <= few


def test_the_page_of_a_mailbox_among_fifty_takes_no_more_statements(desk: Desk, room: Mailroom) -> None:
    few = len(statements(desk, "jmap_mail_mailbox_change", room.boxes["inbox"]))
    grow(room, 50)

    assert len(statements(desk, "jmap_mail_mailbox_change", room.boxes["inbox"])) <= few
