"""The options of the blob service: ``JMAP["BLOBS"]``, and ``JMAP["S3"]`` for objects that are kept there."""

from dataclasses import dataclass
from typing import Any

from django.core.checks import CheckMessage, Error, register
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

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


@dataclass(frozen=True, slots=True)
class S3Options:
    """Which bucket, and how long to wait for it. Keys come from where boto3 looks (``AWS_ACCESS_KEY_ID`` …)."""

    bucket: str = ""
    prefix: str = ""
    """What the names of objects begin with, so that a bucket may hold more than this site."""
    endpoint: str = ""
    """The URL of a service other than Amazon's."""
    region: str = ""
    addressing_style: str = "auto"
    """``path`` for services that know no host names of buckets."""
    timeout: int = option(10, minimum=1, maximum=300)
    """Seconds to wait for a connection, and for octets on it."""
    attempts: int = option(3, minimum=1, maximum=10)
    connections: int = option(32, minimum=1)
    """Connections that a process keeps open."""
    part_size: int = option(8_000_000, minimum=5_242_880)
    """Octets of one part of a long object; so many are in memory at a time."""


s3_options = OptionsReader(S3Options, section="S3")

S3_STORE = "jmap.blobs.s3.S3BlobStore"


@register
def check_store(**kwargs: Any) -> list[CheckMessage]:
    """System check: the blob store can be had, and has a bucket where it needs one."""
    try:
        path, bucket = blob_options().store, s3_options().bucket
    except ImproperlyConfigured:
        return []  # the check of the options says what is wrong with them
    try:
        import_string(path)
    except ImportError as error:
        hint = (
            "Install the packages of requirements/production.txt (django-storages[s3])." if path == S3_STORE else None
        )
        return [Error(f'JMAP["BLOBS"]["STORE"] cannot be loaded: {error}.', hint=hint, id="jmap_core.E003")]
    if path == S3_STORE and not bucket:
        return [Error('JMAP["S3"]["BUCKET"] names no bucket.', id="jmap_core.E004")]
    return []
