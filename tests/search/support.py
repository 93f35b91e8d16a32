"""A small account of messages in the text index, and a matcher that knows nothing of tokens to compare it with."""

import itertools
import re

from mail.search import backend
from mail.search.tokenizer import SearchFields, message_tokens

_accounts = itertools.count(1_000)
_emails = itertools.count(1_000_000)

CJK = "東京の気"
FIELDS = ("subject", "from", "to", "cc", "bcc", "body")


class Mail:
    """An account's messages in the index; what a search finds is told by the names they were given."""

    def __init__(self) -> None:
        self.account = next(_accounts)
        self.keys: dict[str, int] = {}

    def add(self, name: str, **fields: str | tuple[str, ...]) -> int:
        """Index a message of the given SearchFields; a plain string stands for one text."""
        key = self.keys[name] = next(_emails)
        given = {k: (v,) if isinstance(v, str) and k != "subject" else v for k, v in fields.items()}
        backend.index_emails([(key, self.account, message_tokens(SearchFields(**given)))])
        return key

    def find(self, text: str, field: str = "text") -> set[str]:
        """Names of the messages that match; all ways of asking the index have to agree."""
        found = backend.matching_ids(self.account, field, text)
        for ask in (backend.condition, backend.row_test):
            assert self._asked(ask(self.account, field, text, "searched_email.email_id")) == found
        assert backend.count(self.account, field, text) == len(found)
        assert backend.capped_count(self.account, field, text, 2) == min(2, len(found))
        names = {key: name for name, key in self.keys.items()}
        return {names[key] for key in found}

    def _asked(self, condition: backend.Condition) -> list[int]:
        rows = backend.generic.select(
            "SELECT email_id FROM jmap_mail_searchtext searched_email"
            f" WHERE account_id = %s AND {condition.sql} ORDER BY email_id",
            [self.account, *condition.params],
        )
        return [row[0] for row in rows]


def canonical(text: str) -> str:
    """The text in lower case with one space between words, and between Latin and other scripts."""
    plain = text.lower().replace("é", "e").replace("ü", "u")
    plain = re.sub(f"([{CJK}])(?=[a-z0-9])|([a-z0-9])(?=[{CJK}])", r"\1\2 ", plain)
    return " ".join(re.findall(f"[a-z0-9{CJK}]+", plain))


def contains(text: str, wanted: str, is_prefix: bool) -> bool:
    """Whether canonical text holds canonical words: CJK anywhere, others from their beginning to their end."""
    for match in re.finditer(f"(?={re.escape(wanted)})", text):
        start, end = match.start(), match.start() + len(wanted)
        begins = wanted[0] in CJK or start == 0 or text[start - 1] == " "
        ends = wanted[-1] in CJK or is_prefix or end == len(text) or text[end] == " "
        if begins and ends:
            return True
    return False
