"""The Inbox of an account, which mail is put into that knows no better place.

Rules kept here: an account that lost its Inbox gets one when mail needs it; mail is never refused for want of one.
"""

from __future__ import annotations

from dataclasses import replace

from jmap.store import Writer
from mail.models import Mailbox, Role
from mail.services import mailboxes
from mail.services.mailboxes import Node


def find_or_make(writer: Writer) -> int:
    """The key of the Inbox, which is made where there is none."""
    found = Mailbox.objects.filter(account_id=writer.account_id, role=Role.INBOX).values_list("pk", flat=True).first()
    return found if found is not None else make(writer)[0]


def make(writer: Writer) -> tuple[int, str]:
    """(key, name) of an Inbox for an account that lost its own: the mailbox of that name, otherwise a new one."""
    present = mailboxes.load(writer.account_id, None, owned=True)
    named = next((key for key, node in present.items() if node.parent is None and node.name.lower() == "inbox"), None)
    if named is not None:
        changed = replace(present[named], role=Role.INBOX.value)
        mailboxes.apply(writer, None, present, {}, {named: changed}, [])
        return named, changed.name
    node = Node("Inbox", None, Role.INBOX.value, 10, True)
    outcome = mailboxes.apply(writer, None, present, {"inbox": node}, {}, [])
    return outcome.created["inbox"], node.name
