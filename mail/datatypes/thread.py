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
from mail.models import Email
from mail.models import Thread as ThreadRow


class ThreadStore:
    """Threads of an account: the ids of their emails, oldest first."""

    def state(self, ctx: Context) -> str:
        return store.current_state(ctx.account.key, "Thread")

    def get(self, ctx: Context, request: GetRequest) -> GetResult:
        """Emails in the order of receivedAt, then id, so that the order is the same for everybody (RFC 8621 §3)."""
        rows = Email.objects.filter(account_id=ctx.account.key)
        if request.ids is None:
            if ThreadRow.objects.filter(account_id=ctx.account.key)[: ctx.limits.max_objects_in_get + 1].count() > (
                ctx.limits.max_objects_in_get
            ):
                raise MethodError("requestTooLarge", "the account has more threads than may be fetched at once")
        else:
            rows = rows.filter(thread_id__in=[key for key in map(decode_thread, request.ids) if key is not None])
        members: dict[int, list[tuple[object, int]]] = {}
        for thread, received_at, email in rows.values_list("thread_id", "received_at", "pk"):
            members.setdefault(thread, []).append((received_at, email))
        items = []
        for thread in self._order(request, members):
            item: dict[str, object] = {"id": encode("t", thread)}
            if "emailIds" in request.properties:
                item["emailIds"] = [encode("e", email) for _, email in sorted(members[thread])]
            items.append(item)
        found = {item["id"] for item in items}
        missing = [wire for wire in request.ids or () if wire not in found]
        return GetResult(self.state(ctx), items, missing)

    def changes(self, ctx: Context, since: str, max_changes: int | None) -> ChangesResult:
        return changes_of(ThreadRow, "Thread", "t", ctx, since, max_changes)

    def _order(self, request: GetRequest, members: dict[int, list[tuple[object, int]]]) -> list[int]:
        if request.ids is None:
            return sorted(members)
        return [key for key in map(decode_thread, request.ids) if key in members]


def decode_thread(wire: str) -> int | None:
    """The key behind a Thread id."""
    return decode("t", wire)


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
        store = ThreadStore
