"""The options of the blob service: ``JMAP["BLOBS"]``."""

from dataclasses import dataclass

from jmap.conf import OptionsReader, option


@dataclass(frozen=True, slots=True)
class BlobOptions:
    """Where octets are kept and for how long; times in seconds, sizes in octets."""

    store: str = "jmap.blobs.storage.FileBlobStore"
    """Dotted path of the class that stands behind the BlobStore port."""
    upload_lifetime: int = option(86_400, minimum=3_600)
    """How long an upload that nothing refers to is kept; RFC 8620 §6 asks for an hour at least."""
    upload_quota: int = option(500_000_000, minimum=1)
    """Unreferenced uploads of one user in one account; at least what a single message may hold (RFC 8620 §6)."""
    grace: int = option(86_400, minimum=3_600)
    """How long the octets of a blob that nobody needs stay, so that no method call loses what it dropped last."""


blob_options = OptionsReader(BlobOptions, section="BLOBS")
