"""What a fault is, and what a check of one kind of them has to know.

Rules kept here:
- a check looks without the lock, and again under it: a fault is what is there then too, so that a working site gives no
  false alarm;
- it looks at a slice of keys at a time, so that nobody waits longer for the lock than a slice takes;
- after mending it looks once more: mended is what is not found again.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from jmap.store import Writer, writing, writing_slice


class Walk(Enum):
    """Whose keys a check goes through, and how many of them make a slice."""

    EMAIL = 500
    THREAD = 501
    MAILBOX = 1
    ACCOUNT = 2


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong in an account: its kind, the object as an operator names it, and what is wrong there.

    ``data`` is what mending needs; ``account_id`` is None where nobody knows whose it was.
    """

    kind: str
    account_id: int | None
    about: str
    detail: str
    data: tuple[Any, ...] = ()


class Check(ABC):
    """Finds one kind of fault among some keys of an account, and mends it."""

    kind: str
    walk: Walk

    @abstractmethod
    def find(self, account_id: int, keys: Sequence[int]) -> list[Fault]:
        """The faults among these keys as they are now."""

    def confirm(self, account_id: int, keys: Sequence[int]) -> list[Fault]:
        """``find``, and again under the account's lock where that found something."""
        if not self.find(account_id, keys):
            return []
        with writing(account_id):
            return self.find(account_id, keys)

    @abstractmethod
    def repair(self, account_id: int, keys: Sequence[int]) -> None:
        """Mend what is there to mend, in transactions of its own."""


class LockedCheck(Check):
    """A check that mends in one transaction, under the account's lock."""

    @abstractmethod
    def mend(self, writer: Writer, faults: Sequence[Fault]) -> None:
        """Mend faults that were found under this lock; one that cannot be mended is left."""

    def repair(self, account_id: int, keys: Sequence[int]) -> None:
        with writing_slice(account_id) as writer:
            if faults := self.find(account_id, keys):
                self.mend(writer, faults)
