"""A mapping that keeps few of its pages reads as the octets themselves do."""

from __future__ import annotations

import mmap
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jmap.blobs import mapping
from jmap.blobs.mapping import LeanMap

pytestmark = pytest.mark.own("a large message costs little memory")


def mapped(path: Path, data: bytes) -> LeanMap:
    path.write_bytes(data)
    with path.open("rb") as file:
        return LeanMap(file.fileno(), 0, access=mmap.ACCESS_READ)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mapping") / "octets"


OCTETS = st.binary(min_size=1, max_size=60).map(lambda data: bytes(b"ab"[octet % 2] for octet in data))


@given(OCTETS, st.sampled_from([b"a", b"ab", b"abba", b"b" * 9]), st.integers(0, 70), st.integers(0, 70))
def test_a_search_finds_what_one_in_bytes_finds(path: Path, data: bytes, sub: bytes, start: int, end: int) -> None:
    with pytest.MonkeyPatch.context() as patch, mapped(path, data) as lean:
        patch.setattr(mapping, "WINDOW", 8)

        assert lean.find(sub, start, end) == data.find(sub, start, end)
        assert lean.find(sub, start) == data.find(sub, start)
        assert lean.find(sub) == data.find(sub)


def test_a_search_through_everything_keeps_few_pages(path: Path) -> None:
    with mapped(path, bytes(64_000_000)) as lean:
        before = resident(path)
        missing = lean.find(b"nothing")
        walked = sum(len(lean[at : at + 100_000]) for at in range(0, len(lean), 100_000))
        kept = resident(path) - before

    assert missing == -1
    assert walked == 64_000_000
    assert kept <= 2 * mapping.WINDOW


def resident(path: Path) -> int:
    """Octets of the file that are mapped into this process now."""
    lines = Path("/proc/self/smaps").read_text().splitlines()
    at = next(number for number, line in enumerate(lines) if line.endswith(str(path)))
    return next(int(line.split()[1]) * 1024 for line in lines[at:] if line.startswith("Rss:"))
