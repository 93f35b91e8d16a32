"""The options of the HTTP edge: ``JMAP["EDGE"]``."""

from dataclasses import dataclass

from jmap.conf import OptionsReader, jmap_options, option
from jmap.protocol.ports import Limits


@dataclass(frozen=True, slots=True)
class EdgeOptions:
    """How requests are served; times in seconds, sizes in octets."""

    threads: int = option(16, minimum=2, maximum=128)
    """Threads of a worker process that run requests, each with a database connection of its own; started as needed."""
    cors_origins: tuple[str, ...] = ("*",)
    """Origins whose pages may read answers; ``*`` is every one. Cookies are never accepted from another origin."""
    compress_from: int = option(2_048, minimum=256)
    """The smallest response that is compressed for a client that asks."""
    read_timeout: int = option(60, minimum=1)
    """How long a client may be silent while it sends."""
    write_timeout: int = option(120, minimum=1)
    """How long a client may take nothing of what is sent."""


edge_options = OptionsReader(EdgeOptions, section="EDGE")


def limits() -> Limits:
    """The limits of the core capability as they are set (RFC 8620 §2)."""
    options = jmap_options()
    return Limits(
        max_size_upload=options.max_size_upload,
        max_concurrent_upload=options.max_concurrent_upload,
        max_size_request=options.max_size_request,
        max_concurrent_requests=options.max_concurrent_requests,
        max_calls_in_request=options.max_calls_in_request,
        max_objects_in_get=options.max_objects_in_get,
        max_objects_in_set=options.max_objects_in_set,
    )
