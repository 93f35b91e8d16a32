"""What accounts and domains hold and may hold: exact whatever adds and removes emails, and whoever does it at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections

from jmap.store import writing
from mail.models import Domain, Quota
from mail.services import accounts, emails, quotas
from mail.services.errors import OverQuota
from tests.delivery.post import PostOffice
from tests.mail.email.conftest import Person, alice  # noqa: F401  a person who calls methods
from tests.store.invariants import check
from tests.store.mailroom import Mailroom, message

PATIENCE = 60


def _usage(room: Mailroom) -> tuple[int, int]:
    return Quota.objects.values_list("emails", "octets").get(pk=room.account.pk)


@pytest.mark.own("usage is exact")
def test_usage_follows_what_comes_and_goes(post: PostOffice) -> None:
    room = post.room
    first = room.deliver("one")
    post.send("two")

    with writing(room.account.pk) as writer:
        emails.update(writer, {first.id: emails.Placement(frozenset({room.boxes["trash"]}), frozenset({"$seen"}))})
    held = _usage(room)
    room.destroy(first.id)

    (left,) = post.in_box()
    assert held == (2, first.size + left.size)
    assert _usage(room) == (1, left.size)
    post.check()


@pytest.mark.own("usage is exact")
def test_usage_survives_a_merge_of_threads(post: PostOffice) -> None:
    room = post.room
    room.deliver("a")
    room.deliver("b")

    room.deliver("c", references=("a", "b"))

    assert _usage(room)[0] == 3
    post.check()


@pytest.mark.own("usage is exact")
def test_an_account_counts_in_the_domain_of_its_primary_address(post: PostOffice) -> None:
    post.send("one")
    second = accounts.create_domain("second.test")

    accounts.add_address(post.room.account, "ada@second.test", is_primary=True)

    second.refresh_from_db()
    assert (second.emails, second.octets) == _usage(post.room)
    assert Domain.objects.get(name="mail.test").emails == 0
    post.check()


@pytest.mark.rfc(3463, "3.3")
def test_a_full_account_is_temporary_and_takes_nothing(post: PostOffice) -> None:
    quotas.limit_account(post.room.account, max_emails=1, max_octets=None)

    (first,) = post.send("one")
    (second,) = post.send("two")

    assert first.code == 250
    assert second.reply == "452 4.2.2 the account is full"
    assert _usage(post.room)[0] == 1


@pytest.mark.rfc(3463, "3.3")
def test_a_full_domain_takes_nothing_for_any_of_its_accounts(post: PostOffice) -> None:
    other = PostOffice(Mailroom.open())
    quotas.limit_domain(Domain.objects.get(name="mail.test"), max_emails=None, max_octets=500)

    outcomes = [*post.send("one"), *other.send("two")]

    assert [one.code for one in outcomes] == [250, 452]
    post.check()


@pytest.mark.own("a limit below what is held only stops what comes")
def test_a_limit_below_what_is_held_still_lets_mail_be_destroyed(post: PostOffice) -> None:
    first, second = post.room.deliver_all([("a",), ("b",)])
    quotas.limit_account(post.room.account, max_emails=0, max_octets=0)

    post.room.destroy(first.id)

    assert _usage(post.room) == (1, second.size)
    assert post.send("c")[0].code == 452


@pytest.mark.own("what would not fit undoes the transaction")
def test_adding_past_the_limit_is_undone_as_a_whole(post: PostOffice) -> None:
    quotas.limit_account(post.room.account, max_emails=1, max_octets=None)

    with pytest.raises(OverQuota):
        post.room.deliver_all([("a",), ("b",)])

    assert _usage(post.room) == (0, 0)
    post.check()


@pytest.mark.rfc(8620, "5.3")
def test_what_has_no_room_is_over_quota_and_the_rest_is_imported(alice: Person) -> None:  # noqa: F811
    quotas.limit_account(alice.account, max_emails=1, max_octets=None)
    inbox = {alice.mailbox("inbox"): True}
    given = {name: {"blobId": alice.upload(message(name)), "mailboxIds": inbox} for name in ("a", "b")}

    imported = alice.call("Email/import", emails=given)
    made = alice.call("Email/set", create={"c": {"mailboxIds": inbox, "subject": "No room"}})

    assert list(imported["created"]) == ["a"]
    assert imported["notCreated"]["b"]["type"] == "overQuota"
    assert made["notCreated"]["c"]["type"] == "overQuota"
    check(alice.account.pk)


@pytest.mark.django_db(transaction=True)
@pytest.mark.own("usage is exact under concurrent deliveries")
def test_concurrent_deliveries_fill_a_domain_exactly() -> None:
    posts = [PostOffice.open() for _ in range(3)]
    quotas.limit_domain(Domain.objects.get(name="mail.test"), max_emails=10, max_octets=None)
    quotas.limit_account(posts[0].room.account, max_emails=2, max_octets=None)
    jobs = [(post, post.address, f"{number}-{turn}") for turn in range(6) for number, post in enumerate(posts)]

    def hand_in(job: tuple[PostOffice, str, str]) -> int:
        try:
            return job[0].send(job[2], job[1])[0].code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        codes = list(pool.map(hand_in, jobs, timeout=PATIENCE))

    domain = Domain.objects.get(name="mail.test")
    assert codes.count(250) == domain.emails == 10
    assert set(codes) == {250, 452}
    assert _usage(posts[0].room)[0] <= 2
    for post in posts:
        post.check()


@pytest.mark.django_db(transaction=True)
@pytest.mark.own("a message sent again is known for seven days")
def test_a_message_sent_by_several_connections_at_once_is_there_once() -> None:
    post = PostOffice.open()
    address = post.address

    def hand_in(_turn: int) -> str:
        try:
            return post.send("one", address)[0].verdict.value
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        verdicts = sorted(pool.map(hand_in, range(8), timeout=PATIENCE))

    assert verdicts == ["delivered"] + ["duplicate"] * 7
    assert len(post.in_box()) == 1
    post.check()


@pytest.mark.django_db(transaction=True)
@pytest.mark.own("domains are locked in ascending order, after accounts")
def test_accounts_that_swap_domains_while_mail_arrives_keep_the_sums() -> None:
    posts = [PostOffice.open() for _ in range(2)]
    accounts.create_domain("second.test")
    for number, post in enumerate(posts):
        accounts.add_address(post.room.account, f"ada{number}@second.test")
    rows = [list(post.room.account.addresses.order_by("pk")) for post in posts]
    first = [str(addresses[0]) for addresses in rows]

    def work(job: tuple[int, int]) -> None:
        who, turn = job
        try:
            posts[who].send(f"{who}-{turn}", first[who])
            accounts.set_primary(rows[who][(turn + who) % 2])
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, [(who, turn) for turn in range(8) for who in (0, 1)], timeout=PATIENCE))

    for post in posts:
        post.check()
        assert _usage(post.room)[0] == 8
