"""What tests of blobs share: a store of their own in a temporary folder, accounts and principals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model

from jmap.blobs import references
from jmap.blobs.storage import FileBlobStore, default_store
from jmap.models import Account
from jmap.protocol.ports import AccountInfo


@dataclass(frozen=True)
class Person:
    """A principal as the protocol core sees one."""

    key: Any
    username: str
    accounts: Mapping[str, AccountInfo]


def seen(account: Account, *, is_personal: bool = True, is_read_only: bool = False) -> AccountInfo:
    """An account as somebody may see it."""
    return AccountInfo(account.wire_id, account.pk, account.name, is_personal, is_read_only, {})


def person(name: str, *accounts: AccountInfo) -> Person:
    """A user who may enter these accounts."""
    user = get_user_model().objects.create_user(name)
    return Person(user.pk, name, {account.id: account for account in accounts})


@pytest.fixture(autouse=True)
def blob_root(tmp_path: Path, settings: Any) -> Path:
    """An empty blob store for each test."""
    settings.JMAP = {**settings.JMAP, "BLOB_ROOT": tmp_path / "blobs"}
    return tmp_path / "blobs"


@pytest.fixture
def store(blob_root: Path) -> FileBlobStore:
    """The file store that the service uses in this test."""
    store = default_store()
    assert isinstance(store, FileBlobStore)
    return store


@pytest.fixture
def retained_opens() -> Iterator[None]:
    """Let retained emails open their blobs, as a stand-in for any object that holds a visible reference."""
    references.register("test", "jmap_mail.RetainedEmail")
    yield
    references.unregister("test")
