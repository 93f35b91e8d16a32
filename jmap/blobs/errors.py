"""What can go wrong with blobs, in Python's terms; the seam and the edge map it to the wire."""

from __future__ import annotations


class BlobError(Exception):
    """Anything that the blob service refuses."""


class ObjectMissing(BlobError):
    """The blob store holds no octets under that key."""


class BlobGone(BlobError):
    """The blob was collected meanwhile: store its octets again."""


class TooLarge(BlobError):
    """More octets than ``limit`` allows."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"more than {limit} octets")
        self.limit = limit


class OverQuota(BlobError):
    """One upload larger than all unreferenced uploads of a user together may be, which is ``limit`` octets."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"more than the quota of {limit} octets for uploads")
        self.limit = limit


class ReadOnly(BlobError):
    """The principal may only read that account."""
