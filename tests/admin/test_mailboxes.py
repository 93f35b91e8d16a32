"""Mailboxes in the admin: the same service as Mailbox/set, so clients see an operator's changes as state changes."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.admin.models import DELETION, LogEntry

from jmap import lifecycle
from jmap.store import changes, current_state
from mail.models import Email, Mailbox, MailboxSubscription
from mail.services import mailboxes
from tests.admin.conftest import Desk, errors
from tests.store.invariants import check
from tests.store.mailroom import Mailroom


def wish(room: Mailroom, **given: Any) -> dict[str, Any]:
    """The form of a new mailbox."""
    base = {"account": room.account.pk, "name": "Work", "inside": "", "role": "", "sort_order": 5}
    return {**base, "is_subscribed": "on", **given}


def form_of(desk: Desk, key: int, **given: Any) -> dict[str, Any]:
    """The form of a mailbox as its page shows it, with something typed over."""
    form = desk.get("jmap_mail_mailbox_change", key).context["adminform"].form
    shown = {name: form[name].value() for name in form.fields}
    data = {name: value for name, value in shown.items() if value not in (None, False)}
    return {**data, **given}


def node(room: Mailroom, name: str) -> tuple[int, mailboxes.Node]:
    """A mailbox by its name, as its owner sees it."""
    present = mailboxes.load(room.account.pk, room.account.user_id, owned=True)
    return next((key, found) for key, found in present.items() if found.name == name)


def add(desk: Desk, room: Mailroom, **given: Any) -> int:
    """A new mailbox by the page."""
    response = desk.post("jmap_mail_mailbox_add", **wish(room, **given))
    assert response.status_code == 302
    return node(room, given.get("name", "Work"))[0]


@pytest.mark.rfc(8621, "2.2")
def test_clients_hear_of_a_mailbox_that_an_operator_makes(desk: Desk, room: Mailroom) -> None:
    since = current_state(room.account.pk, "Mailbox")

    key = add(desk, room, inside=room.boxes["inbox"], role="important")

    assert changes(Mailbox, "Mailbox", room.account.pk, since, None).created == [key]
    assert node(room, "Work")[1] == mailboxes.Node("Work", room.boxes["inbox"], "important", 5, True)
    assert LogEntry.objects.get().object_id == str(key)


@pytest.mark.rfc(8621, "2.2")
def test_clients_hear_of_a_mailbox_that_an_operator_renames_moves_and_orders(desk: Desk, room: Mailroom) -> None:
    key = add(desk, room)
    since = current_state(room.account.pk, "Mailbox")

    given = form_of(desk, key, name="Play", inside=room.boxes["archive"], role="flagged", sort_order=9)
    desk.post("jmap_mail_mailbox_change", key, **given)

    assert changes(Mailbox, "Mailbox", room.account.pk, since, None).updated == [key]
    assert node(room, "Play")[1] == mailboxes.Node("Play", room.boxes["archive"], "flagged", 9, True)


def test_what_the_operator_did_not_touch_is_not_written(desk: Desk, room: Mailroom) -> None:
    key = add(desk, room)
    shown = form_of(desk, key, sort_order=9)
    desk.post("jmap_mail_mailbox_change", key, **form_of(desk, key, inside=room.boxes["archive"]))
    since = current_state(room.account.pk, "Mailbox")

    desk.post("jmap_mail_mailbox_change", key, **form_of(desk, key))

    assert current_state(room.account.pk, "Mailbox") == since
    assert node(room, "Work")[1].parent == room.boxes["archive"]
    assert shown["sort_order"] == 9


def test_subscription_is_the_owners(desk: Desk, room: Mailroom) -> None:
    key = add(desk, room)

    desk.post("jmap_mail_mailbox_change", key, **form_of(desk, key, is_subscribed=None))

    assert not MailboxSubscription.objects.get(mailbox=key, user=room.account.user).is_subscribed
    assert not desk.get("jmap_mail_mailbox_change", key).context["adminform"].form["is_subscribed"].value()


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "Inbox"}, "name"),
        ({"name": "a\x07b"}, "name"),
        ({"name": "ü" * 128}, "name"),
        ({"role": "inbox"}, "role"),
        ({"role": "made-up"}, "role"),
        ({"sort_order": -1}, "sort_order"),
        ({"inside": 999_999}, "inside"),
    ],
)
def test_what_the_service_refuses_is_said_beside_the_field(
    desk: Desk, room: Mailroom, given: dict[str, Any], field: str
) -> None:
    before = current_state(room.account.pk, "Mailbox")

    page = desk.post("jmap_mail_mailbox_add", **wish(room, **given))

    assert page.status_code == 200
    assert list(errors(page)) == [field]
    assert current_state(room.account.pk, "Mailbox") == before
    assert not LogEntry.objects.exists()


def test_a_mailbox_of_another_account_is_no_place(desk: Desk, room: Mailroom) -> None:
    page = desk.post("jmap_mail_mailbox_add", **wish(room, inside=Mailroom.open().boxes["inbox"]))

    assert list(errors(page)) == ["inside"]


def test_a_mailbox_is_not_offered_a_place_inside_itself(desk: Desk, room: Mailroom) -> None:
    outer = add(desk, room, name="Outer")
    inner = add(desk, room, name="Inner", inside=outer)

    page = desk.get("jmap_mail_mailbox_change", outer)

    offered = [key for key, _label in page.context["adminform"].form.fields["inside"].choices]
    assert room.boxes["inbox"] in offered
    assert not {outer, inner} & set(offered)


def test_a_role_changes_hands_in_one_go(desk: Desk, room: Mailroom) -> None:
    key = add(desk, room)

    desk.post("jmap_mail_mailbox_change", key, **form_of(desk, key, role="inbox", takes_role="on"))

    held = dict(Mailbox.objects.filter(pk__in=[key, room.boxes["inbox"]]).values_list("pk", "role"))
    assert held == {key: "inbox", room.boxes["inbox"]: None}


def test_a_refused_change_does_not_take_the_role_from_its_holder(desk: Desk, room: Mailroom) -> None:
    page = desk.post("jmap_mail_mailbox_add", **wish(room, name="Sent", role="inbox", takes_role="on"))

    assert list(errors(page)) == ["name"]
    assert Mailbox.objects.get(pk=room.boxes["inbox"]).role == "inbox"


def test_the_inbox_stays(desk: Desk, room: Mailroom) -> None:
    page = desk.client.post(f"/admin/jmap_mail/mailbox/{room.boxes['inbox']}/delete/", {"post": "yes"}, follow=True)

    assert "An account keeps its inbox" in page.content.decode()
    assert Mailbox.objects.filter(pk=room.boxes["inbox"]).exists()
    assert not LogEntry.objects.filter(action_flag=DELETION).exists()


@pytest.mark.rfc(8621, "2.5")
def test_a_mailbox_with_emails_is_destroyed_only_when_they_are_to_be_removed(desk: Desk, room: Mailroom) -> None:
    key = add(desk, room)
    room.boxes["work"] = key
    only, both = room.deliver("one", boxes=("work",)), room.deliver("two", boxes=("work", "inbox"))

    refused = desk.client.post(f"/admin/jmap_mail/mailbox/{key}/delete/", {"post": "yes"}, follow=True)
    assert "holds emails" in refused.content.decode()
    assert Mailbox.objects.filter(pk=key).exists()
    since = current_state(room.account.pk, "Mailbox")

    desk.post("jmap_mail_mailbox_delete", key, post="yes", remove_emails="1")

    assert key in changes(Mailbox, "Mailbox", room.account.pk, since, None).destroyed
    assert list(Email.objects.filter(pk__in=[only.id, both.id]).values_list("pk", flat=True)) == [both.id]
    assert LogEntry.objects.get(action_flag=DELETION).object_repr == "Work"
    check(room.account.pk)


@pytest.mark.django_db(transaction=True)
def test_a_large_mailbox_is_emptied_in_slices(desk: Desk, room: Mailroom, monkeypatch: pytest.MonkeyPatch) -> None:
    key = add(desk, room)
    room.boxes["work"] = key
    room.deliver_all([(f"m{number}", (), f"Subject {number}", ("work",), (), number) for number in range(7)])
    sizes: list[int] = []
    whole = mailboxes._empty

    def counted(*given: Any) -> int:
        sizes.append(whole(*given))
        return sizes[-1]

    monkeypatch.setattr(mailboxes, "SLICE", 3)
    monkeypatch.setattr(mailboxes, "_empty", counted)

    desk.post("jmap_mail_mailbox_delete", key, post="yes", remove_emails="1")

    assert max(sizes) == 3
    assert sum(sizes) == 7
    assert not Mailbox.objects.filter(pk=key).exists()


def test_a_mailbox_with_a_child_stays(desk: Desk, room: Mailroom) -> None:
    outer = add(desk, room, name="Outer")
    add(desk, room, name="Inner", inside=outer)

    page = desk.client.post(f"/admin/jmap_mail/mailbox/{outer}/delete/", {"post": "yes"}, follow=True)

    assert "mailbox inside this one" in page.content.decode()
    assert Mailbox.objects.filter(pk=outer).exists()


def test_the_confirmation_of_a_full_mailbox_loads_none_of_its_emails(
    desk: Desk, room: Mailroom, django_assert_max_num_queries: Any
) -> None:
    room.deliver_all([(f"m{number}", (), f"Subject {number}", ("archive",), (), number) for number in range(30)])

    with django_assert_max_num_queries(6) as captured:
        page = desk.get("jmap_mail_mailbox_delete", room.boxes["archive"])

    assert "30 emails" in page.content.decode()
    assert not any("jmap_mail_membership" in query["sql"] for query in captured.captured_queries)


def test_mailboxes_of_a_destroyed_account_are_only_looked_at(desk: Desk, room: Mailroom) -> None:
    lifecycle.destroy([room.account.pk])
    key = room.boxes["archive"]

    assert desk.get("jmap_mail_mailbox_change", key).status_code == 200
    assert desk.post("jmap_mail_mailbox_change", key, name="Other").status_code == 403
    assert desk.post("jmap_mail_mailbox_delete", key, post="yes").status_code == 403


def test_the_list_of_one_account_is_in_the_order_of_clients_and_adds_to_it(desk: Desk, room: Mailroom) -> None:
    Mailroom.open()

    page = desk.get("jmap_mail_mailbox_changelist", account__id__exact=room.account.pk)
    form = desk.get("jmap_mail_mailbox_add", _changelist_filters=f"account__id__exact={room.account.pk}")

    names = [row.name for row in page.context["cl"].result_list]
    assert names == ["Inbox", "Drafts", "Sent", "Archive", "Junk", "Trash"]
    offered = [label for _key, label in form.context["adminform"].form.fields["inside"].choices]
    assert "Archive" in offered
