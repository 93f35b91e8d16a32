"""One contract for every blob store (RFC 8620 §6: octets are immutable, and belong to an account)."""

from __future__ import annotations

from pathlib import Path

import pytest

from jmap.blobs.storage import FileBlobStore
from tests.blobs.contract import BlobStoreContract
from tests.blobs.memory_store import MemoryBlobStore

pytestmark = pytest.mark.rfc(8620, "6")


class TestFileBlobStore(BlobStoreContract):
    """The store of files."""

    @pytest.fixture
    def store(self, tmp_path: Path) -> FileBlobStore:
        return FileBlobStore(tmp_path / "objects")


class TestMemoryBlobStore(BlobStoreContract):
    """The store that tests use."""

    @pytest.fixture
    def store(self) -> MemoryBlobStore:
        return MemoryBlobStore()
