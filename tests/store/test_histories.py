"""Random histories: after every step the books are right, and /changes replayed equals what is there."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jmap.ids import decode, encode
from jmap.store import changes, current_state, writing
from mail.models import Email, Mailbox, Thread
from mail.services import mailboxes
from mail.services.mailboxes import Node
from tests.store.invariants import check
from tests.store.mailroom import Mailroom

BOXES = ("inbox", "archive", "trash", "junk")
NAMES = "abcdef"

boxes = st.lists(st.sampled_from(BOXES), min_size=1, max_size=3, unique=True).map(tuple)
keywords = st.lists(st.sampled_from(["$seen", "$flagged", "$draft", "blue"]), max_size=2, unique=True).map(tuple)
links = st.lists(st.sampled_from(NAMES), max_size=2, unique=True).map(tuple)
messages = st.tuples(
    st.sampled_from(NAMES),
    links,
    st.sampled_from(["Tea", "Re: Tea", "Cake"]),
    boxes,
    keywords,
    st.integers(0, 5_000),
)
some = st.integers(0, 30)
steps = st.one_of(
    st.tuples(st.just("deliver"), st.lists(messages, min_size=1, max_size=4)),
    st.tuples(st.just("move"), st.lists(some, min_size=1, max_size=3), boxes),
    st.tuples(st.just("flag"), st.lists(some, min_size=1, max_size=3), keywords),
    st.tuples(st.just("destroy"), st.lists(some, min_size=1, max_size=2)),
    st.tuples(st.just("trash role"), st.sampled_from(["junk", "archive"])),
    st.tuples(st.just("destroy mailbox"), st.just("archive")),
)


def _pick(room: Mailroom, numbers: list[int]) -> list[int]:
    keys = list(Email.objects.filter(account=room.account).order_by("pk").values_list("pk", flat=True))
    return [keys[number % len(keys)] for number in numbers] if keys else []


def _swap_trash(room: Mailroom, other: str) -> None:
    """Trade the trash role with another mailbox, in one call."""
    with writing(room.account.pk) as writer:
        present = mailboxes.load(room.account.pk, None, owned=True)
        trash = next(key for key, node in present.items() if node.role == "trash")
        target = room.boxes[other]
        if target == trash:
            return
        one, two = present[trash], present[target]
        updates = {
            trash: Node(one.name, one.parent, two.role, one.sort_order, True),
            target: Node(two.name, two.parent, "trash", two.sort_order, True),
        }
        outcome = mailboxes.apply(writer, None, present, {}, updates, [])
    assert not outcome.refused


def _renew_mailbox(room: Mailroom, box: str) -> None:
    """Destroy a mailbox with all that is in it, and make another of the same name and role in the same call."""
    with writing(room.account.pk) as writer:
        present = mailboxes.load(room.account.pk, None, owned=True)
        old = present[room.boxes[box]]
        outcome = mailboxes.apply(writer, None, present, {"new": old}, {}, [room.boxes[box]], remove_emails=True)
    assert not outcome.refused
    room.boxes[box] = outcome.created["new"]


def _take(room: Mailroom, step: tuple) -> None:
    match step:
        case ("deliver", batch):
            room.deliver_all(batch)
        case ("move", numbers, where):
            room.place(*_pick(room, numbers), boxes=where)
        case ("flag", numbers, flags):
            room.place(*_pick(room, numbers), keywords=flags)
        case ("destroy", numbers):
            room.destroy(*_pick(room, numbers))
        case ("trash role", other):
            _swap_trash(room, other)
        case ("destroy mailbox", box):
            _renew_mailbox(room, box)


def _replay(room: Mailroom, model, name: str, since: str, known: set[int], limit: int) -> None:
    """A client that follows /changes page by page ends with exactly the ids that are there."""
    for _page in range(10_000):
        span = changes(model, name, room.account.pk, since, limit)
        assert len(span.created) + len(span.updated) + len(span.destroyed) <= limit
        known |= set(span.created)
        known -= set(span.destroyed)
        since = span.new_state
        if not span.has_more:
            break
    assert known == set(model.objects.filter(account=room.account).values_list("pk", flat=True))
    assert since == current_state(room.account.pk, name)


@pytest.mark.rfc(8620, "5.2")
@pytest.mark.django_db
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=st.lists(steps, min_size=1, max_size=12), limit=st.integers(1, 3))
def test_any_history_keeps_the_books_and_can_be_replayed_from_every_state(history, limit):
    room = Mailroom.open()
    tracked = ((Email, "Email"), (Thread, "Thread"), (Mailbox, "Mailbox"))
    seen = []
    for step in history:
        for model, name in tracked:
            ids = set(model.objects.filter(account=room.account).values_list("pk", flat=True))
            seen.append((model, name, current_state(room.account.pk, name), ids))
        _take(room, step)
        check(room.account.pk)

    for model, name, state, ids in seen:
        _replay(room, model, name, state, set(ids), limit)


@pytest.mark.rfc(8620, "1.2")
@given(st.integers(0, 2**63 - 1))
def test_ids_lead_back_to_their_keys(key):
    assert decode("e", encode("e", key)) == key


@pytest.mark.rfc(8620, "1.2")
@given(st.text(max_size=20))
def test_no_other_text_is_taken_for_an_id(text):
    key = decode("e", text)

    assert key is None or encode("e", key) == text
