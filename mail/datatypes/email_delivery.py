"""EmailDelivery: a state that moves with new mail alone (RFC 8621 §1.5).

There are no methods to act on it; push names it, so that a client can be woken for new mail and for nothing else. Its
state is kept by ``mail.services.emails.add``.
"""

from __future__ import annotations

from jmap import store
from jmap.protocol.datatype import DataType
from jmap.protocol.ports import Context
from jmap.registry import registry
from mail.datatypes.capability import MAIL


class EmailDeliveryStore:
    """The state of deliveries to an account."""

    def state(self, ctx: Context) -> str:
        return store.current_state(ctx.account.key, "EmailDelivery")


@registry.register
class EmailDelivery(DataType):
    """New mail, as far as push is concerned (RFC 8621 §1.5)."""

    class Meta:
        capability = MAIL
        state_only = True
        store = EmailDeliveryStore
