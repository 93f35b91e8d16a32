"""Email/set: create, file, flag, destroy (RFC 8621 §4.6).

Rules kept here:
- one transaction for the whole call, set-based: five hundred updates cost a handful of statements;
- a patch of keywords and mailboxIds is applied to the sets that the store holds, no Email object is built for it; only
  a patch that names what may not change is compared with the whole;
- updates come before creations, since an arriving message may give others of its thread a new id, and destructions come
  last, so that a draft that replaces another stays in its thread;
- what changes nothing succeeds and moves no state.
"""

from __future__ import annotations

from collections.abc import Mapping

from jmap.ids import decode
from jmap.protocol.errors import SetError, SetErrorException
from jmap.protocol.ports import Context, SetPlan, SetResult, Update
from jmap.store import Writer, current_state
from mail.datatypes import email_add, email_create
from mail.datatypes.email_errors import set_error
from mail.datatypes.email_get import values_of
from mail.services import emails
from mail.services.emails import Placement
from mail.services.errors import MailError

MUTABLE = frozenset({"mailboxIds", "keywords"})
"""The properties that an update may change."""


def set_emails(ctx: Context, plan: SetPlan) -> SetResult:
    """Carry out an Email/set (RFC 8621 §4.6). Raises MethodError stateMismatch."""
    account_id = ctx.account.key
    if plan.creates:
        # Before anything is composed and kept; what counts is the check under the lock.
        plan.check_state(current_state(account_id, "Email"))
    drafts, refused = email_create.prepare(ctx, plan.creates)

    def work(writer: Writer) -> SetResult:
        old_state = writer.state("Email")
        plan.check_state(old_state)
        result = SetResult(old_state, old_state, not_created=dict(refused))
        _update(writer, plan.updates, result)
        if drafts:
            email_add.add(writer, drafts, result)
        _destroy(writer, plan, result)
        result.new_state = writer.state("Email")
        return result

    return email_add.write(account_id, drafts, work)


def _update(writer: Writer, updates: Mapping[str, Update], result: SetResult) -> None:
    if not updates:
        return
    keys = {wire: decode("e", wire) for wire in updates}
    current = emails.held(writer.account_id, [key for key in keys.values() if key is not None])
    wanted: dict[int, Placement] = {}
    known: frozenset[int] | None = None
    for wire, update in updates.items():
        key = keys[wire]
        if key is None or key not in current:
            result.not_updated[wire] = SetError("notFound")
            continue
        before = current[key].placement
        try:
            _judge_immutable(writer.account_id, key, update)
            after = _patched(before, update)
            if known is None and not after.mailboxes <= before.mailboxes:
                known = emails.mailbox_keys(writer.account_id)
            # An email is in mailboxes that exist: a flag needs no look at them.
            emails.check(after, before.mailboxes if known is None else known)
        except SetErrorException as refusal:
            result.not_updated[wire] = refusal.error
        except MailError as refusal:
            result.not_updated[wire] = set_error(refusal)
        else:
            wanted[key] = after
            result.updated[wire] = None
    emails.update(writer, wanted, current)


def _patched(before: Placement, update: Update) -> Placement:
    """Where an email will be after a patch. Raises MailboxNotFound."""
    mailboxes, keywords = before.mailboxes, before.keywords
    for path, value in update.patch:
        if path[0] == "keywords":
            if len(path) == 1:
                keywords = frozenset(value)
            elif value:
                keywords |= {path[1]}
            else:
                keywords -= {path[1]}
        elif path[0] == "mailboxIds":
            if len(path) == 1:
                mailboxes = email_add.mailbox_keys(value)
            elif value:
                mailboxes |= email_add.mailbox_keys(path[1:])
            elif (key := decode("m", path[1])) is not None:
                mailboxes -= {key}
    if mailboxes is before.mailboxes and keywords is before.keywords:
        return before
    return Placement(mailboxes, keywords)


def _judge_immutable(account_id: int, key: int, update: Update) -> None:
    """Raise SetErrorException where a patch names what may not change with another value (RFC 8620 §5.3)."""
    touched = update.touched
    if not touched <= MUTABLE:
        update.apply(values_of(account_id, key, ("id", *(touched | MUTABLE)), {"fetchAllBodyValues": True}))


def _destroy(writer: Writer, plan: SetPlan, result: SetResult) -> None:
    keys = {wire: decode("e", wire) for wire in plan.destroys}
    wanted = [key for key in keys.values() if key is not None]
    gone = set(emails.destroy(writer, wanted)) if wanted else set()
    for wire, key in keys.items():
        if key in gone:
            result.destroyed.append(wire)
        else:
            result.not_destroyed[wire] = SetError("notFound")
