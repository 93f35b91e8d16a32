"""The tables of the core: accounts and who may enter them, credentials, states, tombstones, blobs."""

from jmap.models.account import Account, AccountAccess, TypeState
from jmap.models.blob import Blob, BlobHold, Upload, UploadTally
from jmap.models.credential import Credential
from jmap.models.history import HistoryMark
from jmap.models.tracked import Tombstone, TrackedModel

__all__ = [
    "Account",
    "AccountAccess",
    "Blob",
    "BlobHold",
    "Credential",
    "HistoryMark",
    "Tombstone",
    "TrackedModel",
    "TypeState",
    "Upload",
    "UploadTally",
]
