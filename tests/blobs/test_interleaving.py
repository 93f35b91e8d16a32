"""Collector and writer interleaved at every step, on two connections: no accepted message loses its octets.

One actor runs until it is about to take its nth step (a statement to the database or a call to the blob store), then
the other runs as far as it can (to its end, or to a lock that the first holds), then both run to their ends. This is
done for every n, with either of them first, from every state that a blob can be in.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from jmap.blobs import collector, service, uploads
from jmap.blobs.errors import BlobGone
from jmap.blobs.spool import Spool
from jmap.blobs.storage import FileBlobStore
from jmap.models import Account, Blob, Upload
from jmap.store import writing
from tests.blobs.conftest import Person, person, seen
from tests.blobs.test_service import refer_to, reference

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.rfc(8620, "6")]

DATA = b"the message that got its 250"
STORE_STEPS = ("put", "size", "delete")
BLOCKED = 0.1
"""Seconds after which the second actor is taken to wait for a lock; if it does not, that is one more interleaving."""

_steps = threading.local()


@pytest.fixture(autouse=True)
def store_calls_are_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every call to the blob store count as a step of the thread that makes it."""
    for name in STORE_STEPS:
        monkeypatch.setattr(FileBlobStore, name, stepping(getattr(FileBlobStore, name)))


def stepping(real: Callable[..., Any]) -> Callable[..., Any]:
    """The same call, announced."""

    def call(*arguments: Any, **options: Any) -> Any:
        getattr(_steps, "take", lambda: None)()
        return real(*arguments, **options)

    return call


class Actor:
    """Runs a function in a thread with a connection of its own, and can stop before its nth step."""

    def __init__(self, action: Callable[[], object], stop_before: int | None = None) -> None:
        self._action = action
        self._stop_before = stop_before
        self._taken = 0
        self._go_on = threading.Event()
        self._paused_or_done = threading.Event()
        self.paused = False
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def wait_until_paused(self) -> bool:
        """Whether it stopped before its nth step; otherwise it came to its end."""
        assert self._paused_or_done.wait(30)
        return self.paused

    def give_time(self) -> None:
        """Let it run to its end, or to a lock."""
        self._thread.join(BLOCKED)

    def finish(self) -> None:
        """Let it run to its end, and raise what it raised."""
        self._go_on.set()
        self._thread.join(60)
        assert not self._thread.is_alive()
        if self.error is not None:
            raise self.error

    def _run(self) -> None:
        _steps.take = self._take
        try:
            with statements_are_steps():
                self._action()
        except BaseException as error:
            self.error = error
        finally:
            self._paused_or_done.set()
            connection.close()

    def _take(self) -> None:
        self._taken += 1
        if self._taken == self._stop_before:
            self.paused = True
            self._paused_or_done.set()
            assert self._go_on.wait(60)


@contextmanager
def statements_are_steps() -> Iterator[None]:
    """Let every statement of this thread's connection count as a step."""

    def step(execute: Callable[..., Any], *arguments: Any) -> Any:
        _steps.take()
        return execute(*arguments)

    with connection.execute_wrapper(step):
        yield


# ----------------------------------------------------------------------------------------------- the actors, the states


def deliver(account: Account) -> None:
    """What a delivery does: store, then pin in the transaction that makes the reference; again if it is gone."""
    while True:
        blob = service.store_bytes(account.pk, DATA)
        try:
            refer_to(blob)
        except BlobGone:
            continue
        return


def deliver_at_once(account: Account) -> None:
    """The quick way: put, then make the row in the transaction that makes the reference; again if it is gone."""
    while True:
        with Spool().write_all([DATA]) as spool:
            stored = service.put_spool(account.pk, spool)
        try:
            with writing(account.pk):
                reference(service.attach(stored))
        except BlobGone:
            continue
        return


DELIVERIES = [deliver, deliver_at_once]


def send(who: Person, account: Account) -> None:
    """What an upload does."""
    with Spool() as spool:
        spool.write(DATA)
        uploads.upload(who, who.accounts[account.wire_id], "text/plain", spool)


def collect_everything(now: datetime) -> None:
    """A run that marks and a run after the grace, with nothing between them: worse than any real one."""
    collector.mark(now)
    collector.delete(now + timedelta(days=2))


def is_absent(account: Account, now: datetime) -> None:
    """There is no such blob yet."""


def is_unneeded(account: Account, now: datetime) -> None:
    """The blob is there, live, and nothing needs it."""
    service.store_bytes(account.pk, DATA)


def is_dying(account: Account, now: datetime) -> None:
    """The blob has been dying for longer than the grace."""
    service.store_bytes(account.pk, DATA)
    Blob.objects.update(dying_since=now - timedelta(days=1))


def has_lost_its_octets(account: Account, now: datetime) -> None:
    """A collector was killed after it deleted the octets and before it committed."""
    is_dying(account, now)
    FileBlobStore().delete(service.key_of(Blob.objects.get()))


STATES = [is_absent, is_unneeded, is_dying, has_lost_its_octets]


@pytest.fixture
def account() -> Account:
    """An account."""
    return Account.objects.create(name="ann")


@pytest.fixture
def now() -> datetime:
    """A moment at which blobs of today are old enough for the collector."""
    return timezone.now() + timedelta(days=3)


def interleave(first: Callable[[], object], second: Callable[[], object], step: int) -> bool:
    """Run both so that the second comes before the first's nth step; False where the first has fewer."""
    one = Actor(first, stop_before=step)
    paused = one.wait_until_paused()
    two = Actor(second)
    two.give_time()
    one.finish()
    two.finish()
    return paused


def reset(account: Account, state: Callable[[Account, datetime], None], now: datetime) -> None:
    """Begin again from a state."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM jmap_mail_retainedemail")
    Upload.objects.all().delete()
    files = FileBlobStore()
    for key in list(files.keys()):
        files.delete(key)
    Blob.objects.all().delete()
    state(account, now)


def assert_nothing_is_lost(account: Account, now: datetime, step: int) -> None:
    """The octets are there, and stay there whatever the collector does next."""
    for _run in range(2):
        blob = Blob.objects.get(account=account)
        assert service.read(blob) == DATA, f"lost at step {step}"
        assert blob.dying_since is None, f"dying at step {step}"
        collect_everything(now)


@pytest.mark.parametrize("delivery", DELIVERIES)
@pytest.mark.parametrize("state", STATES)
def test_a_delivery_that_comes_between_any_two_steps_of_the_collector_keeps_its_octets(
    account: Account,
    now: datetime,
    state: Callable[[Account, datetime], None],
    delivery: Callable[[Account], None],
) -> None:
    step, more = 0, True
    while more:
        step += 1
        reset(account, state, now)

        more = interleave(lambda: collect_everything(now), lambda: delivery(account), step)

        assert_nothing_is_lost(account, now, step)
    assert step > (3 if state is is_absent else 8)


@pytest.mark.parametrize("delivery", DELIVERIES)
@pytest.mark.parametrize("state", STATES)
def test_a_collector_that_comes_between_any_two_steps_of_a_delivery_takes_nothing(
    account: Account,
    now: datetime,
    state: Callable[[Account, datetime], None],
    delivery: Callable[[Account], None],
) -> None:
    step, more = 0, True
    while more:
        step += 1
        reset(account, state, now)

        more = interleave(lambda: delivery(account), lambda: collect_everything(now), step)

        assert_nothing_is_lost(account, now, step)
    assert step > 5


@pytest.mark.parametrize("state", STATES)
def test_a_collector_that_comes_between_any_two_steps_of_an_upload_takes_nothing(
    account: Account, now: datetime, state: Callable[[Account, datetime], None]
) -> None:
    ann = person("ann", seen(account))
    step, more = 0, True
    while more:
        step += 1
        reset(account, state, now)

        more = interleave(lambda: send(ann, account), lambda: collect_everything(now), step)

        assert_nothing_is_lost(account, now, step)
    assert step > 5


@pytest.mark.parametrize("delivery", DELIVERIES)
@pytest.mark.parametrize("state", STATES)
def test_two_deliveries_of_one_message_share_its_octets_at_every_step(
    account: Account,
    now: datetime,
    state: Callable[[Account, datetime], None],
    delivery: Callable[[Account], None],
) -> None:
    step, more = 0, True
    while more:
        step += 1
        reset(account, state, now)

        more = interleave(lambda: delivery(account), lambda: delivery(account), step)

        assert_nothing_is_lost(account, now, step)
    assert step > 5
