"""The options of mail that comes in: ``JMAP["DELIVERY"]``."""

from dataclasses import dataclass

from jmap.conf import OptionsReader, option


@dataclass(frozen=True, slots=True)
class DeliveryOptions:
    """What is accepted, and what is done with it; sizes in octets."""

    hostname: str = ""
    """The name of this server in Received; that of the machine where it is empty."""
    separator: str = "+"
    """What stands between the local part and the tag in ``ada+news@example.org``; empty for no such addresses."""
    postmaster: str = ""
    """The address that gets what is sent to ``postmaster`` or ``abuse`` of a domain that has no such address."""
    max_size: int = option(75_000_000, minimum=65_536)
    """The largest message that is accepted."""
    max_received: int = option(50, minimum=10)
    """Received header fields from which a message is taken to go round in circles (RFC 5321 §6.3)."""
    max_members: int = option(1_000, minimum=1)
    """How many addresses an alias may stand for, all in all."""
    over_quota_is_temporary: bool = True
    """Whether mail for a full account is to be tried again (452 4.2.2) or goes back at once (552 5.2.2)."""
    spam_verdicts: tuple[str, ...] = ()
    """Whose verdict on spam is believed, of ``rspamd`` and ``spamassassin``: what they call spam goes to Junk."""
    repeat_days: int = option(7, minimum=1)
    """How long the same message, sent again to the same account, is known as the same."""
    log_days: int = option(14, minimum=1)
    """How long the delivery log is kept."""


delivery_options = OptionsReader(DeliveryOptions, section="DELIVERY")
