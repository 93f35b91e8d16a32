"""Every rule of the store, recounted from the emails and memberships themselves."""

from __future__ import annotations

from collections import defaultdict

from jmap.models import Account, Tombstone, TypeState
from mail.models import (
    DayCount,
    Domain,
    Email,
    EmailContent,
    EmailKeyword,
    FormerMembership,
    Mailbox,
    Membership,
    Quota,
    SearchText,
    Thread,
    ThreadMailbox,
    ThreadReference,
)
from mail.models.email import KEYWORD_COLUMNS
from mail.services.ledger import ACCOUNT, day_of


def check(account_id: int) -> None:
    """Assert that everything derived in an account equals what a recount gives."""
    emails = {email.pk: email for email in Email.objects.filter(account_id=account_id)}
    members = list(Membership.objects.filter(account_id=account_id))
    _copies_agree(emails, members)
    _heads_are_newest(members)
    _threads_count_right(account_id, emails, members)
    _mailboxes_count_right(account_id, emails, members)
    _days_count_right(account_id, emails, members)
    _contents_are_there(account_id, emails)
    _modseqs_are_unique(account_id)
    _threads_hold_one_subject(emails)
    _usage_counts_right(account_id, emails)


def _copies_agree(emails: dict[int, Email], members: list[Membership]) -> None:
    boxes = defaultdict(set)
    for member in members:
        email = emails[member.email_id]
        boxes[email.pk].add(member.mailbox_id)
        assert (member.thread_id, member.received_at) == (email.thread_id, email.received_at)
        for column in KEYWORD_COLUMNS.values():
            assert getattr(member, column) == getattr(email, column), column
    assert boxes.keys() == emails.keys(), "an email is in no mailbox"


def _heads_are_newest(members: list[Membership]) -> None:
    newest: dict[tuple[int, int], tuple] = {}
    for member in members:
        pair = (member.mailbox_id, member.thread_id)
        newest[pair] = max(newest.get(pair, (member.received_at, 0)), (member.received_at, member.email_id))
    heads = [(m.mailbox_id, m.thread_id, m.email_id) for m in members if m.is_head]
    assert sorted(heads) == sorted((*pair, email) for pair, (_, email) in newest.items())


def _unread(email: Email) -> bool:
    return not email.seen and not email.draft


def _trash(account_id: int) -> int | None:
    return Mailbox.objects.filter(account_id=account_id, role="trash").values_list("pk", flat=True).first()


def _tallies(emails: dict[int, Email], members: list[Membership], trash: int | None) -> dict[int, list[int]]:
    boxes = defaultdict(set)
    for member in members:
        boxes[member.email_id].add(member.mailbox_id)
    tallies: dict[int, list[int]] = defaultdict(lambda: [0, 0, 0])
    for email in emails.values():
        tally = tallies[email.thread_id]
        tally[0] += 1
        tally[1] += _unread(email) and bool(boxes[email.pk] - {trash})
        tally[2] += _unread(email) and trash in boxes[email.pk]
    return tallies


def _threads_count_right(account_id: int, emails: dict[int, Email], members: list[Membership]) -> None:
    tallies = _tallies(emails, members, _trash(account_id))
    stored = {t.pk: [t.size, t.unread_live, t.unread_trash] for t in Thread.objects.filter(account_id=account_id)}
    assert stored == dict(tallies)
    held = defaultdict(int)
    for member in members:
        held[member.thread_id, member.mailbox_id] += 1
    rows = ThreadMailbox.objects.filter(account_id=account_id).values_list("thread_id", "mailbox_id", "size")
    assert {(thread, mailbox): size for thread, mailbox, size in rows} == dict(held)
    references = set(ThreadReference.objects.filter(account_id=account_id).values_list("thread_id", flat=True))
    assert references <= stored.keys(), "a reference leads to a thread that is gone"


def _mailboxes_count_right(account_id: int, emails: dict[int, Email], members: list[Membership]) -> None:
    trash = _trash(account_id)
    tallies = _tallies(emails, members, trash)
    for mailbox in Mailbox.objects.filter(account_id=account_id):
        mine = [emails[m.email_id] for m in members if m.mailbox_id == mailbox.pk]
        threads = {email.thread_id for email in mine}
        unread = 2 if mailbox.pk == trash else 1
        expected = (
            len(mine),
            sum(map(_unread, mine)),
            len(threads),
            sum(tallies[thread][unread] > 0 for thread in threads),
        )
        stored = (mailbox.total_emails, mailbox.unread_emails, mailbox.total_threads, mailbox.unread_threads)
        assert stored == expected, mailbox.name


def _days_count_right(account_id: int, emails: dict[int, Email], members: list[Membership]) -> None:
    expected: dict[tuple[int, int], list[int]] = defaultdict(lambda: [0, 0])
    for email in emails.values():
        expected[ACCOUNT, day_of(email.received_at)][0] += 1
    for member in members:
        counts = expected[member.mailbox_id, day_of(member.received_at)]
        counts[0] += 1
        counts[1] += member.is_head
    rows = DayCount.objects.filter(account_id=account_id).values_list("mailbox_key", "day", "members", "heads")
    assert {(m, d): [a, b] for m, d, a, b in rows if a or b} == {k: v for k, v in expected.items() if any(v)}


def _contents_are_there(account_id: int, emails: dict[int, Email]) -> None:
    assert set(EmailContent.objects.filter(email_id__in=emails).values_list("pk", flat=True)) == set(emails)
    assert EmailContent.objects.count() == Email.objects.count()
    assert set(SearchText.objects.filter(account_id=account_id).values_list("pk", flat=True)) == set(emails)
    rare = set(EmailKeyword.objects.filter(account_id=account_id).values_list("email_id", flat=True))
    assert rare == {email.pk for email in emails.values() if email.has_other_keywords}


def _modseqs_are_unique(account_id: int) -> None:
    top = Account.objects.get(pk=account_id).modseq
    for model, type_name in ((Email, "Email"), (Thread, "Thread"), (Mailbox, "Mailbox")):
        rows = [row.modseq for row in model.objects.filter(account_id=account_id)]
        graves = list(Tombstone.objects.filter(account_id=account_id, type=type_name).values_list("modseq", flat=True))
        every = rows + graves
        assert len(set(every)) == len(every), f"two {type_name} changes share a modseq"
        state = TypeState.objects.filter(account_id=account_id, type=type_name).values_list("modseq", flat=True).first()
        assert max(every, default=0) <= (state or 0) <= top
    history = FormerMembership.objects.filter(account_id=account_id)
    assert all(row.created_modseq < row.removed_modseq for row in history)


def _threads_hold_one_subject(emails: dict[int, Email]) -> None:
    subjects = defaultdict(set)
    for email in emails.values():
        subjects[email.thread_id].add(b"".join(bytes(email.subject_key).split()))
    assert all(len(keys) == 1 for keys in subjects.values()), "a thread holds two base subjects"


def _usage_counts_right(account_id: int, emails: dict[int, Email]) -> None:
    quota = Quota.objects.filter(account_id=account_id).first()
    held = (quota.emails, quota.octets) if quota else (0, 0)
    assert held == (len(emails), sum(email.size for email in emails.values()))
    for domain in Domain.objects.all():
        rows = Quota.objects.filter(domain=domain).values_list("emails", "octets")
        assert (domain.emails, domain.octets) == (sum(row[0] for row in rows), sum(row[1] for row in rows))
