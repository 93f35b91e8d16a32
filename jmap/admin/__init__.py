"""The admin of the core: credentials, and metadata of blobs and uploads.

Rules kept here: one file a model; what it writes goes through services (``base.ServiceAdmin``); states, tombstones and
other books of the store have no page, since nobody may change them by hand.
"""

from jmap.admin import blob, credential, upload

__all__ = ["blob", "credential", "upload"]
