"""Email/copy: an Email of one account made anew in another (RFC 8621 §4.7).

Rules kept here:
- only mailboxIds, keywords and receivedAt may be given, what is not comes from the original; mailboxes of the other
  account mean nothing here, so mailboxIds have to be given;
- the account copied from is only read and never locked;
- the message is derived anew, so that a copy never carries what an older version derived.
"""

from __future__ import annotations

from collections.abc import Mapping

from jmap import store
from jmap.blobs.errors import ObjectMissing
from jmap.blobs.service import FoundBlob
from jmap.ids import decode
from jmap.models import Blob
from jmap.protocol.errors import MethodError, SetError
from jmap.protocol.ports import Context, CopyPlan, Json, SetResult
from jmap.protocol.primitives import parse_date
from jmap.store import Writer
from mail.datatypes import email_add
from mail.datatypes.email_add import Arrival
from mail.datatypes.email_errors import set_error
from mail.datatypes.email_import import octets_of
from mail.services import emails
from mail.services.content import derive
from mail.services.emails import HeldEmail
from mail.services.errors import MailError


def copy_emails(ctx: Context, plan: CopyPlan) -> SetResult:
    """Carry out an Email/copy (RFC 8621 §4.7). Raises MethodError stateMismatch."""
    _check_state(plan.if_in_state, store.current_state(ctx.account.key, "Email"))
    originals, found = _originals(plan)
    refused: dict[str, SetError] = {}
    arrivals: dict[str, Arrival] = {}
    for creation_id, given in plan.creates.items():
        original = originals.get(decode("e", given["id"]) or 0)
        outcome = _arrive(ctx, given, original, found)
        if isinstance(outcome, SetError):
            refused[creation_id] = outcome
        else:
            arrivals[creation_id] = outcome

    def work(writer: Writer) -> SetResult:
        old_state = writer.state("Email")
        _check_state(plan.if_in_state, old_state)
        result = SetResult(old_state, old_state, not_created=dict(refused))
        email_add.add(writer, arrivals, result)
        result.new_state = writer.state("Email")
        return result

    return email_add.write(ctx.account.key, arrivals, work)


def _check_state(wanted: str | None, state: str) -> None:
    if wanted not in (None, state):
        raise MethodError("stateMismatch")


def _originals(plan: CopyPlan) -> tuple[dict[int, HeldEmail], dict[int, FoundBlob]]:
    """The originals and their blobs by key, of one moment with the state they were asked to be in."""
    keys = [key for given in plan.creates.values() if (key := decode("e", given["id"])) is not None]
    with store.reading():
        _check_state(plan.if_from_in_state, store.current_state(plan.source.key, "Email"))
        originals = emails.held(plan.source.key, keys)
        rows = Blob.objects.filter(account_id=plan.source.key, pk__in={one.blob_id for one in originals.values()})
        return originals, {blob.pk: FoundBlob(blob.wire_id, blob, blob.size) for blob in rows}


def _arrive(
    ctx: Context, given: Mapping[str, Json], original: HeldEmail | None, found: Mapping[int, FoundBlob]
) -> Arrival | SetError:
    if original is None:
        return SetError("notFound", "there is no such email in the account copied from")
    if not given.get("mailboxIds"):
        return SetError("invalidProperties", "mailboxIds: is required", properties=["mailboxIds"])
    keywords = given.get("keywords", original.placement.keywords)
    received_at = parse_date(given["receivedAt"]) if "receivedAt" in given else original.received_at
    try:
        place = email_add.placement(given["mailboxIds"], keywords)
        data, blob_id = octets_of(ctx.account.key, found[original.blob_id])
    except MailError as refusal:
        return set_error(refusal)
    except (ObjectMissing, KeyError):
        return SetError("notFound", "the message is gone from the account copied from")
    return Arrival(data, blob_id, derive(data), place, received_at.replace(microsecond=0))
