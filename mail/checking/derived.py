"""What was derived of each email: its content and its search entry; what is missing is derived from the octets again.

Rules kept here: octets are read and parsed outside the lock; an email that has lost its octets keeps its fault.
"""

from __future__ import annotations

from collections.abc import Sequence

from jmap.ids import encode
from mail.checking import sql
from mail.checking.fault import Check, Fault, Walk
from mail.search.tokenizer import TOKENIZER_VERSION
from mail.services import reindexing


class _Derived(Check):
    """Something that ``mail.services.reindexing`` makes."""

    walk = Walk.EMAIL

    def _fault(self, account_id: int, key: int, detail: str) -> Fault:
        return Fault(self.kind, account_id, f"email {encode('e', key)}", detail, (key,))

    def repair(self, account_id: int, keys: Sequence[int]) -> None:
        reindexing.derive_again(account_id, [fault.data[0] for fault in self.find(account_id, keys)])


class Contents(_Derived):
    """Nothing is stored of what an email says, so that clients cannot read it."""

    kind = "missing-content"

    def find(self, account_id: int, keys: Sequence[int]) -> list[Fault]:
        rows = sql.emails_without_content(keys)
        return [self._fault(account_id, key, "what was derived of it is not there") for (key,) in rows]


class SearchEntries(_Derived):
    """No search finds an email, or only by the words that an older version knew."""

    kind = "wrong-search-entry"

    def find(self, account_id: int, keys: Sequence[int]) -> list[Fault]:
        return [
            self._fault(account_id, key, "it is not in the search index" if version is None else "its entry is stale")
            for key, version in sql.wrong_search_entries(keys, TOKENIZER_VERSION)
        ]
