"""The options of mail out: ``JMAP["SUBMISSION"]``."""

from dataclasses import dataclass

from jmap.conf import OptionsReader, option


@dataclass(frozen=True, slots=True)
class SubmissionOptions:
    """What may be sent, and how long the queue tries; sizes in octets, times in seconds unless the name says days."""

    max_message_size: int = option(75_000_000, minimum=64_000)
    """The largest message that is taken: SetError ``tooLarge`` beyond it (RFC 8621 §7.5)."""
    max_recipients: int = option(1_000, minimum=100)
    """Recipients of one submission; RFC 5321 §4.5.3.1.8 asks for a hundred at least."""
    max_delayed_send: int = option(365 * 86_400, minimum=0)
    """How far ahead a message may be scheduled (``maxDelayedSend``, RFC 8621 §1.3.2); 0 offers no scheduling."""
    queue_lifetime: int = option(5 * 86_400, minimum=3_600)
    """How long delivery is tried from the release on; RFC 5321 §4.5.4.1 asks for four to five days."""
    retain_days: int = option(90, minimum=1)
    """How long a finished submission, and what became of it, is kept; then it is destroyed (RFC 8621 §7)."""
    vacation_days: int = option(7, minimum=1, maximum=365)
    """A sender gets one vacation response in so many days (RFC 5230 §4.1)."""
    hostname: str = ""
    """The name of this server in EHLO, Received and reports; that of the machine where it is empty."""
    secret_keys: tuple[str, ...] = ()
    """Texts that keys for secrets at rest are made of, the newest first; SECRET_KEY and its fallbacks follow them."""
    lease: int = option(60, minimum=2)
    """How long a worker may be silent before others take up what it was sending."""
    smtp_timeout: int = option(300, minimum=1)
    """How long a server may take for a reply (RFC 5321 §4.5.3.2); twice as long for that to a whole message."""
    delay_notice: int = option(4 * 3_600, minimum=0)
    """After how long a sender hears that a message is still waiting (RFC 3461 §4.1); 0 for never."""
    max_received: int = option(50, minimum=10)
    """Received header fields from which a message is taken to go round in circles (RFC 5321 §6.3)."""
    dkim_grace_days: int = option(7, minimum=1)
    """How long a DKIM key that signs no more is kept, so that what it signed can be verified until it has arrived."""
    forwards_per_hour: int = option(500, minimum=1)
    """Messages that one alias sends on to addresses outside in an hour."""
    signed_return_paths: bool = True
    """Whether messages that leave by a site's own ``EMAIL_*`` settings get a return path that names the message; a
    smarthost made in the admin says so itself."""


submission_options = OptionsReader(SubmissionOptions, section="SUBMISSION")
