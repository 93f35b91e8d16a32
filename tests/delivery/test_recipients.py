"""What an address stands for: whose it is, however it is written, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from jmap import lifecycle
from mail.models import Domain
from mail.services import accounts, aliases, quotas
from mail.services.delivery import Forward, check_recipient, check_recipients, resolve
from mail.services.errors import AddressTaken, InvalidTarget
from tests.delivery.post import PostOffice
from tests.store.mailroom import Mailroom


def _options(settings: Any, **options: object) -> None:
    settings.JMAP = {**settings.JMAP, "DELIVERY": options}


def _accounts(address: str) -> set[int]:
    return set(resolve([address])[0].accounts)


@pytest.mark.rfc(5321, "2.4")
def test_case_does_not_matter(post: PostOffice) -> None:
    assert _accounts(post.address.upper()) == {post.room.account.pk}


@pytest.mark.rfc(6531, "3.2")
def test_local_parts_are_compared_as_composed_characters_and_domains_in_both_forms(post: PostOffice) -> None:
    accounts.create_domain("bücher.test")
    accounts.add_address(post.room.account, "zoë@bücher.test")

    spellings = ("zoe\u0308@xn--bcher-kva.test", "ZOË@Bücher.test", '"zoë"@bücher.test')

    assert [_accounts(one) for one in spellings] == [{post.room.account.pk}] * 3


@pytest.mark.rfc(5233, "1")
def test_a_tag_is_left_out_unless_the_whole_is_an_address(post: PostOffice) -> None:
    other = Mailroom.open()
    local, _, domain = post.address.partition("@")
    accounts.add_address(other.account, f"{local}+taken@{domain}")

    assert _accounts(f"{local}+news@{domain}") == {post.room.account.pk}
    assert _accounts(f"{local}+taken@{domain}") == {other.account.pk}


@pytest.mark.rfc(5233, "1")
def test_the_separator_of_a_tag_is_a_setting(post: PostOffice, settings: Any) -> None:
    local, _, domain = post.address.partition("@")

    _options(settings, SEPARATOR="-")
    assert _accounts(f"{local}-news@{domain}") == {post.room.account.pk}
    _options(settings, SEPARATOR="")
    assert check_recipient(f"{local}+news@{domain}").reply.startswith("550 5.1.1")  # type: ignore[union-attr]


@pytest.mark.rfc(3463, "3.2")
def test_what_is_refused_says_why(post: PostOffice) -> None:
    shut, gone = Mailroom.open(), Mailroom.open()
    accounts.activate([shut.account.pk], False)
    lifecycle.destroy([gone.account.pk])
    Domain.objects.create(name="asleep.test", is_active=False)
    addresses = [
        "nobody@mail.test",
        "somebody@nowhere.test",
        str(shut.account.addresses.get()),
        str(gone.account.addresses.get()),
        "somebody@asleep.test",
        "no address",
        post.address,
    ]

    refusals = check_recipients(addresses)

    codes = [refusal and f"{refusal.code} {refusal.enhanced}" for refusal in refusals]
    assert codes == ["550 5.1.1", "550 5.1.2", "550 5.2.1", "550 5.2.1", "550 5.1.2", "553 5.1.3", None]


@pytest.mark.own("the catch-all takes what no other address of the domain takes")
def test_a_catch_all_takes_what_nobody_else_takes(post: PostOffice) -> None:
    other = Mailroom.open()
    aliases.create("@mail.test", [str(other.account.addresses.get())])
    local, _, domain = post.address.partition("@")

    assert _accounts("whoever@mail.test") == {other.account.pk}
    assert _accounts(f"{local}+tag@{domain}") == {post.room.account.pk}


@pytest.mark.rfc(5321, "4.5.1")
def test_postmaster_is_heard_everywhere(post: PostOffice, settings: Any) -> None:
    accounts.create_domain("second.test")
    _options(settings, POSTMASTER=post.address)

    assert [_accounts(one) for one in ("Postmaster", "postmaster@second.test", "abuse@mail.test")] == [
        {post.room.account.pk}
    ] * 3
    assert check_recipient("postmaster@nowhere.test").reply.startswith("550 5.1.2")  # type: ignore[union-attr]


@pytest.mark.own("a group gives its mail to each member once")
def test_a_group_of_groups_reaches_each_member_once(post: PostOffice) -> None:
    other = PostOffice(Mailroom.open())
    aliases.create("team@mail.test", [other.address, post.address])
    aliases.create("all@mail.test", ["team@mail.test", other.address])

    outcomes = post.send("one", "all@mail.test", post.address)

    assert [one.code for one in outcomes] == [250, 250]
    assert (len(post.in_box()), len(other.in_box())) == (1, 1)


@pytest.mark.own("aliases that lead back to themselves are bounded and reported")
def test_a_group_that_leads_back_to_itself_reaches_its_other_members(post: PostOffice) -> None:
    aliases.create("first@mail.test", ["second@mail.test", post.address])
    aliases.create("second@mail.test", ["first@mail.test"])

    (through,) = post.send("one", "first@mail.test")
    only = aliases.create("third@mail.test", ["fourth@mail.test"])
    aliases.create("fourth@mail.test", [str(only)])
    (circle,) = post.send("two", "third@mail.test")

    assert through.code == 250
    assert circle.reply.startswith("550 5.4.6")


@pytest.mark.own("aliases that lead back to themselves are bounded and reported")
def test_a_chain_of_aliases_that_is_too_long_is_refused(post: PostOffice) -> None:
    for number in range(20):
        aliases.create(f"step{number}@mail.test", [f"step{number + 1}@mail.test"])
    aliases.create("step20@mail.test", [post.address])

    assert check_recipient("step0@mail.test").reply.startswith("550 5.2.4")  # type: ignore[union-attr]
    assert check_recipient("step15@mail.test") is None


@pytest.mark.own("aliases that lead back to themselves are bounded and reported")
def test_a_web_of_aliases_costs_no_more_than_its_members(post: PostOffice) -> None:
    layers = [[f"layer{depth}-{number}@mail.test" for number in range(8)] for depth in range(9)]
    for here, below in zip(layers, [*layers[1:], [post.address]]):
        for alias in here:
            aliases.create(alias, below)
    aliases.create("top@mail.test", layers[0])

    with CaptureQueriesContext(connection) as queries:
        found = _accounts("top@mail.test")

    assert found == {post.room.account.pk}
    assert len(queries) <= 12


@pytest.mark.own("all recipients are looked up at once")
def test_looking_up_many_recipients_takes_one_statement(post: PostOffice) -> None:
    addresses = [*(f"somebody{number}@mail.test" for number in range(50)), post.address]

    with CaptureQueriesContext(connection) as queries:
        found = resolve(addresses)

    assert len(queries) == 1
    assert [bool(one.accounts) for one in found] == [False] * 50 + [True]


@pytest.mark.own("mail for other sites leaves by the registered port")
def test_mail_for_elsewhere_is_handed_to_the_forwarder(post: PostOffice, forward_by: Any) -> None:
    taken: list[tuple[Forward, bytes]] = []
    aliases.create("away@mail.test", ["ada@elsewhere.test", post.address, "grace@elsewhere.test"])

    forward_by(lambda spool, forward: taken.append((forward, bytes(spool.view()))))

    (outcome,) = post.hand_in(b"Return-Path: <x@y.test>\r\nSubject: One\r\n\r\nBody\r\n", "away@mail.test")
    post.hand_in(b"Return-Path: <x@y.test>\r\nSubject: One\r\n\r\nBody\r\n", "away@mail.test")

    (forward, octets), (again, _octets) = taken
    assert outcome.code == 250
    assert (forward.sender, forward.alias) == ("grace@elsewhere.test", "away@mail.test")
    assert forward.targets == ("ada@elsewhere.test", "grace@elsewhere.test")
    assert forward.key == again.key
    assert octets.startswith(b"Delivered-To: away@mail.test\r\nReceived: ")
    assert b"Return-Path" not in octets
    assert len(post.in_box()) == 1


@pytest.mark.own("mail for other sites leaves by the registered port")
def test_without_a_forwarder_mail_for_elsewhere_is_to_be_tried_again(post: PostOffice, forward_by: Any) -> None:
    aliases.create("away@mail.test", ["ada@elsewhere.test"])
    forward_by(None)

    (outcome,) = post.send("one", "away@mail.test")

    assert outcome.reply.startswith("451 4.3.5")


@pytest.mark.own("one table holds every name, so that none stands for two things")
def test_an_alias_is_judged_when_it_is_made(post: PostOffice) -> None:
    with pytest.raises(AddressTaken):
        aliases.create(post.address, ["ada@elsewhere.test"])
    with pytest.raises(InvalidTarget):
        aliases.create("self@mail.test", ["Self@mail.test"])
    with pytest.raises(InvalidTarget):
        aliases.create("none@mail.test", [])


@pytest.mark.rfc(3463, "3.3")
def test_a_full_account_is_told_at_rcpt_as_the_site_wants_it(post: PostOffice, settings: Any) -> None:
    quotas.limit_account(post.room.account, max_emails=None, max_octets=1_000)

    assert check_recipient(post.address, 500) is None
    assert check_recipient(post.address, 2_000).reply.startswith("452 4.2.2")  # type: ignore[union-attr]
    _options(settings, OVER_QUOTA_IS_TEMPORARY=False)
    assert check_recipient(post.address, 2_000).reply.startswith("552 5.2.2")  # type: ignore[union-attr]
    assert check_recipient(post.address, 80_000_000).reply.startswith("552 5.3.4")  # type: ignore[union-attr]
