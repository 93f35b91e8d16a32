"""The options of push: ``JMAP["PUSH"]``."""

from __future__ import annotations

from dataclasses import dataclass

from jmap.conf import IPNetwork, OptionsReader, option

CARRIERS = ("sockets", "redis", "postgres", "none")


@dataclass(frozen=True, slots=True)
class PushOptions:
    """How news travel between processes, and what clients may ask for; times in seconds."""

    carrier: str = "none"
    """``sockets`` (Unix sockets in ``folder``: all processes of one host), ``redis``, ``postgres`` or ``none``."""
    folder: str = ""
    """Where the processes of this host have their sockets."""
    redis_url: str = ""
    poll: int = option(10, minimum=1, maximum=300)
    """How often the states of accounts with open streams are compared with the database, which finds what was lost."""
    min_ping: int = option(10, minimum=1, maximum=30)
    """The shortest interval between pings that a client gets (RFC 8620 §7.3)."""
    max_ping: int = option(900, minimum=300, maximum=3_600)
    """The longest one; a proxy must let a stream be silent for so long."""
    max_streams: int = option(50, minimum=1)
    """Event streams and WebSockets that one user may have open at once in each worker process."""
    recheck: int = option(60, minimum=1, maximum=300)
    """How often the credentials of open streams are looked at again; a change that goes through the services, or
    through ``save()``, is noticed at once."""
    max_subscriptions: int = option(30, minimum=1)
    """Push subscriptions of one user (RFC 8620 §8.6)."""
    subscriptions_an_hour: int = option(30, minimum=1)
    """Push subscriptions that one user may make in an hour (RFC 8620 §8.6)."""
    subscription_days: int = option(30, minimum=2, maximum=365)
    """How long a push subscription lives at most without being renewed; two days at least (RFC 8620 §7.2)."""
    allow: tuple[IPNetwork, ...] = ()
    """Networks that push services may be in although they are not of the public internet: an intranet, a test."""
    contact: str = ""
    """How a push service reaches the operator (RFC 8292 §2.1): ``mailto:…`` or ``https://…``."""


push_options = OptionsReader(PushOptions, section="PUSH")
