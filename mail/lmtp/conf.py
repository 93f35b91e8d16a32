"""The options of the network edge of mail that comes in: ``JMAP["LMTP"]``."""

from dataclasses import dataclass
from ipaddress import ip_network

from jmap.conf import IPNetwork, OptionsReader, option


@dataclass(frozen=True, slots=True)
class LmtpOptions:
    """Where ``manage.py lmtpd`` listens, who may speak to it, and how much of everything; times in seconds.

    How large a message may be is an option of delivery (``JMAP["DELIVERY"]["MAX_SIZE"]``).
    """

    listen: str = "127.0.0.1:8024"
    """``host:port``, ``[address]:port`` or the path of a Unix socket; port 0 is any free one."""
    socketmap: str = ""
    """The same for Postfix's lookups; empty for none."""
    networks: tuple[IPNetwork, ...] = (ip_network("127.0.0.0/8"), ip_network("::1"))
    """Who may connect over TCP. A Unix socket is guarded by the permissions of its folder."""
    processes: int = option(1, minimum=1, maximum=64)
    """Processes that share the socket."""
    threads: int = option(8, minimum=1, maximum=64)
    """Deliveries and lookups at once in a process, each thread with a database connection of its own."""
    max_connections: int = option(100, minimum=1)
    """Connections to a process at once; whoever comes after hears 421 and comes again."""
    max_recipients: int = option(1_000, minimum=100)
    """Recipients of one message (RFC 5321 §4.5.3.1.8 asks for 100); those after it hear 452."""
    max_useless: int = option(100, minimum=10)
    """Commands in a row that bring no message forward, errors and all, until the connection is closed."""
    command_timeout: int = option(300, minimum=1)
    """How long to wait for the next command (RFC 5321 §4.5.3.2.7)."""
    data_timeout: int = option(120, minimum=1)
    """How long a client may be silent in the middle of a message."""
    message_timeout: int = option(1_200, minimum=1)
    """How long a message may take to arrive, however steadily."""
    stop_timeout: int = option(20, minimum=1)
    """How long a server that ends waits for messages that are arriving."""


lmtp_options = OptionsReader(LmtpOptions, section="LMTP")
