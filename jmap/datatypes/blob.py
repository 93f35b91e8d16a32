"""Blob/copy: octets of one account kept for another too (RFC 8620 §6.3).

Rules kept here:
- the principal copies what it may see in the one account to where it may write;
- a copy is an upload in the target: seen by whoever copied it, until something refers to it;
- each blob is copied or not by itself, and the answer says which.
"""

from __future__ import annotations

from jmap.blobs import service, uploads
from jmap.blobs.errors import BlobGone, ObjectMissing, OverQuota
from jmap.ids import encode
from jmap.protocol.errors import MethodError, SetError
from jmap.protocol.method import CORE
from jmap.protocol.methods.copy import source_account
from jmap.protocol.methods.set import check_count, set_errors
from jmap.protocol.ports import Context, Json
from jmap.protocol.properties import Id, ListOf
from jmap.registry import registry


@registry.method("Blob/copy", capability=CORE, arguments={"fromAccountId": Id(), "blobIds": ListOf(Id)}, writes=True)
def copy(ctx: Context, arguments: dict[str, Json]) -> dict[str, Json]:
    """Copy blobs between two accounts (RFC 8620 §6.3)."""
    source = source_account(ctx, arguments["fromAccountId"], CORE)
    blob_ids = list(dict.fromkeys(arguments["blobIds"]))
    check_count(len(blob_ids), ctx)
    visible = service.find_many(ctx.principal, source, blob_ids)
    copied: dict[str, str] = {}
    not_copied: dict[str, SetError] = {}
    for blob_id in blob_ids:
        if blob_id not in visible:
            not_copied[blob_id] = SetError("notFound")
            continue
        try:
            copied[blob_id] = encode("b", uploads.copy(ctx.principal, visible[blob_id], ctx.account).blob_id)
        except (ObjectMissing, BlobGone):
            not_copied[blob_id] = SetError("notFound", "its octets are gone")
        except OverQuota as error:
            not_copied[blob_id] = SetError("overQuota", str(error))
        except OSError as error:
            # Every copy is kept by itself, so those that were made stay.
            raise MethodError(
                "serverPartialFail" if copied else "serverUnavailable", "the blob store refuses"
            ) from error
    return {
        "fromAccountId": source.id,
        "copied": copied or None,
        "notCopied": set_errors(not_copied),
    }
