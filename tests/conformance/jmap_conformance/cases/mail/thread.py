"""Threads (RFC 8621 §3)."""

from jmap_conformance import check
from jmap_conformance.case import MAIL, topic
from jmap_conformance.toolkit import Toolkit, unique

case = topic("mail/thread", 8621, MAIL)


def threads(t: Toolkit, *emails: str) -> list[str]:
    """The thread of each email."""
    found = {
        each["id"]: each["threadId"] for each in t.call("Email/get", ids=list(emails), properties=["threadId"])["list"]
    }
    return [found[each] for each in emails]


@case("3", "must")
def every_email_belongs_to_a_thread(t: Toolkit) -> None:
    """Every Email MUST belong to a Thread, even if it is the only Email in the Thread.

    Clients that show conversations do not show the mail.
    """
    email = t.email(source=b"Subject: alone\r\n\r\n")
    (thread,) = threads(t, email)

    check.same(t.get("Thread", thread)["emailIds"], [email], "emailIds")


@case("3", "should")
def a_reply_joins_what_it_replies_to(t: Toolkit) -> None:
    """Replies are grouped together with the original message to form a Thread.

    Conversations fall apart.
    """
    first, subject = f"<{unique()}@example.com>", unique()
    box = t.mailbox()
    one = t.email(box, t.message(subject, Message_ID=first), receivedAt="2024-01-01T00:00:00Z")
    two = t.email(box, t.message(f"Re: {subject}", In_Reply_To=first), receivedAt="2024-01-02T00:00:00Z")
    three = t.email(
        box, t.message(f"RE: {subject}", References=f"<other@x> {first}"), receivedAt="2024-01-03T00:00:00Z"
    )
    found = threads(t, one, two, three)
    check.same(len(set(found)), 1, "the number of threads")

    check.same(t.get("Thread", found[0])["emailIds"], [one, two, three], "emailIds")


@case("3", "must")
def emails_of_a_thread_stand_by_date(t: Toolkit) -> None:
    """The ids of the Emails in the Thread, sorted by the "receivedAt" date of the Email, oldest first. If two Emails
    have an identical date, the sort is server dependent but MUST be stable (sorting by id is recommended).

    Conversations are read in the wrong order.
    """
    root, subject = f"<{unique()}@example.com>", unique()
    box = t.mailbox()
    dates = ["2024-01-05T00:00:00Z", "2024-01-01T00:00:00Z", "2024-01-03T00:00:00Z", "2024-01-03T00:00:00Z"]
    ids = [t.email(box, t.message(f"Re: {subject}", References=root), receivedAt=date) for date in dates]
    found = threads(t, *ids)
    check.applies(len(set(found)) == 1, "the server does not join emails with common references")
    first = t.get("Thread", found[0])["emailIds"]

    check.same([first[0], first[-1]], [ids[1], ids[0]], "the oldest and the newest")
    for _ in range(3):
        check.same(t.get("Thread", found[0])["emailIds"], first, "emailIds")


@case("3", "must", alone=True)
def a_late_link_gives_new_ids_or_no_link(t: Toolkit) -> None:
    """Since the "threadId" of an Email is immutable, if the server wishes to merge the Threads, it MUST handle this by
    deleting and reinserting (with a new Email id) the Emails that change "threadId".

    Clients keep an email in a thread that is gone.
    """
    one, two, subject = f"<{unique()}@example.com>", f"<{unique()}@example.com>", unique()
    box = t.mailbox()
    first = t.email(box, t.message(subject, Message_ID=one), receivedAt="2024-01-01T00:00:00Z")
    second = t.email(box, t.message(f"Re: {subject}", Message_ID=two), receivedAt="2024-01-02T00:00:00Z")
    before = dict(zip((first, second), threads(t, first, second)))
    since = t.state("Email")
    t.email(box, t.message(f"Re: {subject}", References=f"{one} {two}"), receivedAt="2024-01-03T00:00:00Z")
    changes = t.call("Email/changes", sinceState=since)
    now = t.call("Email/get", ids=t.query("Email", filter={"inMailbox": box}), properties=["threadId"])["list"]
    check.same(len(now), 3, "the number of emails")

    for each in now:
        if each["id"] in before:
            check.same(each["threadId"], before[each["id"]], "the thread of an email whose id stayed")
        else:
            check.that(each["id"] in changes["created"], f"{each['id']} is new, but not created")
    for each in before:
        if each not in {record["id"] for record in now}:
            check.that(each in changes["destroyed"], f"{each} is gone, but not destroyed")
    for thread in {each["threadId"] for each in now}:
        members = [each["id"] for each in now if each["threadId"] == thread]
        check.same_set(t.get("Thread", thread)["emailIds"], members, "emailIds")


@case("3", "must", alone=True)
def a_thread_goes_with_its_last_email(t: Toolkit) -> None:
    """A Thread is simply a flat list of Emails, ordered by date.

    Clients show conversations without mail.
    """
    email = t.email()
    (thread,) = threads(t, email)
    since = t.state("Thread")
    t.destroy("Email", email)

    check.same(t.call("Thread/get", ids=[thread])["notFound"], [thread], "notFound")
    check.that(thread in t.call("Thread/changes", sinceState=since)["destroyed"], "the thread is not destroyed")


@case("3.2", "must", alone=True)
def changes_of_threads_are_told(t: Toolkit) -> None:
    """This is a standard "/changes" method as described in [RFC8620], Section 5.2.

    Clients do not see the answer in a conversation.
    """
    root, subject = f"<{unique()}@example.com>", unique()
    box = t.mailbox()
    one = t.email(box, t.message(subject, Message_ID=root))
    (thread,) = threads(t, one)
    since = t.state("Thread")
    two = t.email(box, t.message(f"Re: {subject}", References=root))
    check.applies(threads(t, two) == [thread], "the server does not join a reply with what it replies to")
    answer = t.call("Thread/changes", sinceState=since)

    check.same([answer["created"], answer["updated"], answer["destroyed"]], [[], [thread], []], "changes")


@case("8620 5.1", "should", alone=True)
def keywords_are_no_change_of_a_thread(t: Toolkit) -> None:
    """If the Foo data is unchanged, servers SHOULD return the same state string on subsequent requests for this
    data type.

    Clients fetch threads whenever a flag changes.
    """
    email = t.email()
    since = t.state("Thread")
    t.patch("Email", email, {"keywords/$flagged": True})

    check.same(t.state("Thread"), since, "the state of Thread")
