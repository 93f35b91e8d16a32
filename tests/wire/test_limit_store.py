"""What every limit store holds to: memory, file and Redis alike."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jmap.limits.files import FileLimitStore
from jmap.limits.memory import MemoryLimitStore
from jmap.limits.ports import LimitStore, Rate, spend
from jmap.limits.stores import name_the_store, store_can_be_used
from tests.running import ROOT


def memory(folder: Path) -> LimitStore:
    """Counts for the process."""
    return MemoryLimitStore()


def file(folder: Path) -> LimitStore:
    """Counts for the host."""
    return FileLimitStore(folder / "limits", b"salt")


def redis(folder: Path) -> LimitStore:
    """Counts for all hosts."""
    url = os.environ.get("TEST_REDIS_URL")
    if not url:
        pytest.skip("TEST_REDIS_URL names no Redis: run under `scripts/services.py run redis -- ...`")
    from jmap.limits.redis import RedisLimitStore

    return RedisLimitStore(url, MemoryLimitStore(), prefix=f"test:{folder.name}:{os.getpid()}:")


def redis_away(folder: Path) -> LimitStore:
    """What remains when Redis cannot be reached."""
    from jmap.limits.redis import RedisLimitStore

    return RedisLimitStore("redis://127.0.0.1:1/0", MemoryLimitStore())


@pytest.fixture(params=[memory, file, redis, redis_away], ids=lambda make: make.__name__)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> LimitStore:
    """Each of the stores."""
    make: Callable[[Path], LimitStore] = request.param
    return make(tmp_path)


@pytest.mark.rfc(8620, "8.5")
def test_no_more_slots_than_the_limit_and_each_given_back_once(store: LimitStore) -> None:
    first, second = store.acquire("a", 2), store.acquire("a", 2)
    full = store.acquire("a", 2)
    other = store.acquire("b", 2)
    assert first is not None
    first.release()
    first.release()
    again, full_again = store.acquire("a", 2), store.acquire("a", 2)

    assert second is not None
    assert other is not None
    assert again is not None
    assert full is None
    assert full_again is None


@pytest.mark.rfc(6585, "4")
def test_a_bucket_holds_its_burst_and_says_when_there_is_more(store: LimitStore) -> None:
    rate = Rate(3, 300)

    taken = [store.take("a", rate) for _ in range(4)]

    assert [each.allowed for each in taken] == [True, True, True, False]
    assert [each.remaining for each in taken] == [2, 1, 0, 0]
    assert 90 < taken[-1].retry_after <= 100
    assert store.take("b", rate).allowed


@pytest.mark.rfc(6585, "4")
def test_what_is_refunded_may_be_taken_again(store: LimitStore) -> None:
    rate = Rate(1, 100)

    first = store.take("a", rate)
    store.refund("a", rate)

    assert first.allowed
    assert store.take("a", rate).allowed
    assert not store.take("a", rate).allowed


@pytest.mark.rfc(6585, "4")
def test_what_is_remembered_is_known_for_its_time(store: LimitStore) -> None:
    store.remember("long", 100)
    store.remember("over", 0.001)
    while store.knows("over"):
        pass

    assert store.knows("long")
    assert not store.knows("never")


@pytest.mark.rfc(6585, "4")
def test_a_bucket_refills_evenly() -> None:
    rate = Rate(10, 100)
    full_at = 0.0
    for _ in range(10):
        full_at, _taken = spend(full_at, 1_000.0, rate)

    empty = spend(full_at, 1_000.0, rate)[1]
    early = spend(full_at, 1_009.0, rate)[1]
    later = spend(full_at, 1_010.0, rate)[1]
    much_later = spend(full_at, 5_000.0, rate)[1]

    assert [empty.allowed, early.allowed, later.allowed] == [False, False, True]
    assert much_later.remaining == 9


@pytest.mark.rfc(6585, "4")
def test_a_clock_that_was_set_back_locks_nobody_out_for_long() -> None:
    rate = Rate(2, 10)

    taken = spend(9_000_000.0, 1_000.0, rate)[1]

    assert taken.retry_after <= 10


@pytest.mark.rfc(8620, "8.5")
def test_slots_and_buckets_are_shared_by_processes_and_slots_end_with_theirs(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from jmap.limits.files import FileLimitStore\n"
        "from jmap.limits.ports import Rate\n"
        "store = FileLimitStore(Path(sys.argv[1]), b'salt')\n"
        "held = store.acquire('a', 1); store.take('a', Rate(2, 1000)); store.remember('k', 1000)\n"
        "print('ready', flush=True); sys.stdin.read()"
    )
    store = FileLimitStore(tmp_path / "limits", b"salt")
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "limits")], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()
        while_it_lives = store.acquire("a", 1)
        other.kill()
        other.wait()

    assert while_it_lives is None
    assert store.acquire("a", 1) is not None
    assert store.take("a", Rate(2, 1000)).remaining == 0
    assert store.knows("k")


@pytest.mark.rfc(8620, "8.5")
def test_a_slot_costs_less_than_a_query(tmp_path: Path) -> None:
    store, rate = FileLimitStore(tmp_path / "limits", b"salt"), Rate(10**9, 1)
    rounds = 2_000

    best = min(_seconds(store, rate, rounds) for _ in range(5))

    assert best / rounds < 0.000_1


def _seconds(store: LimitStore, rate: Rate, rounds: int) -> float:
    start = time.process_time()
    for _ in range(rounds):
        store.take("a", rate)
        lease = store.acquire("a", 4)
        assert lease is not None
        lease.release()
    return time.process_time() - start


@pytest.mark.rfc(8620, "8.5")
def test_a_redis_lease_ends_by_itself_when_its_holder_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jmap.limits.redis.LEASE_SECONDS", 0.05)
    store = redis(tmp_path)
    dead = store.acquire("a", 1)
    store._held.clear()  # type: ignore[attr-defined]

    while (next_one := store.acquire("a", 1)) is None:
        pass

    assert dead is not None
    assert next_one is not None


@pytest.mark.rfc(8620, "8.5")
def test_a_check_names_the_store_in_force(settings: Any, tmp_path: Path) -> None:
    said = []
    for options in ({}, {"FILE": str(tmp_path / "limits")}, {"REDIS_URL": "redis://127.0.0.1:1/0"}):
        settings.JMAP = {**settings.JMAP, "LIMITS": options}
        said.append(str(name_the_store()[0].msg))

    assert "every worker process counts for itself" in said[0]
    assert "shared by all worker processes of this host" in said[1]
    assert "shared by all worker processes of all hosts" in said[2]


@pytest.mark.rfc(8620, "8.5")
def test_a_file_that_cannot_be_used_is_an_error_of_the_check(settings: Any, tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("no folder")
    settings.JMAP = {**settings.JMAP, "LIMITS": {"FILE": str(tmp_path / "plain" / "limits")}}

    assert [message.id for message in store_can_be_used()] == ["jmap_core.E002"]
