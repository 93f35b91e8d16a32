"""Thread on the wire (RFC 8621 §3)."""

from __future__ import annotations

from jmap import store
from jmap.ids import decode, encode
from jmap.protocol.datatype import DataType
from jmap.protocol.errors import MethodError
from jmap.protocol.ports import ChangesResult, Context, GetRequest, GetResult
from jmap.protocol.properties import Id, ListOf
from jmap.registry import registry
from mail.datatypes.capability import MAIL
from mail.models import Thread as ThreadRow
from mail.queries.sql import threads


class ThreadStore:
    """Threads of an account: the ids of their emails, oldest first."""

    def state(self, ctx: Context) -> str:
        return store.current_state(ctx.account.key, "Thread")

    def get(self, ctx: Context, request: GetRequest) -> GetResult:
        """Emails in the order of receivedAt, then id, so that the order is the same for everybody (RFC 8621 §3)."""
        if request.ids is None:
            ctx.snapshot()
            most = ctx.limits.max_objects_in_get
            if ThreadRow.objects.filter(account_id=ctx.account.key)[: most + 1].count() > most:
                raise MethodError("requestTooLarge", "the account has more threads than may be fetched at once")
            wanted = None
            state, rows = threads.read(ctx.account.key, None)
        else:
            wanted = {wire: decode("t", wire) for wire in request.ids}
            state, rows = threads.read(ctx.account.key, [key for key in wanted.values() if key is not None])
        members: dict[int, list[str]] = {}
        for thread, email in rows:
            members.setdefault(thread, []).append(encode("e", email))
        order = list(members) if wanted is None else [key for key in wanted.values() if key in members]
        with_emails = "emailIds" in request.properties
        items = [
            {"id": encode("t", key), "emailIds": members[key]} if with_emails else {"id": encode("t", key)}
            for key in order
        ]
        missing = [] if wanted is None else [wire for wire, key in wanted.items() if key not in members]
        return GetResult(state, items, missing)

    def changes(self, ctx: Context, since: str, max_changes: int | None) -> ChangesResult:
        return changes_of(ThreadRow, "Thread", "t", ctx, since, max_changes)


def changes_of(
    model: type, type_name: str, letter: str, ctx: Context, since: str, max_changes: int | None
) -> ChangesResult:
    """The changes of a tracked model in wire ids (RFC 8620 §5.2)."""
    span = store.changes(model, type_name, ctx.account.key, since, max_changes)
    return ChangesResult(
        since,
        span.new_state,
        span.has_more,
        [encode(letter, key) for key in span.created],
        [encode(letter, key) for key in span.updated],
        [encode(letter, key) for key in span.destroyed],
    )


@registry.register
class Thread(DataType):
    """Emails that belong to one conversation (RFC 8621 §3)."""

    emailIds = ListOf(Id, server_set=True)

    class Meta:
        capability = MAIL
        methods = ("get", "changes")
        at_once = ("get", "changes")
        store = ThreadStore
