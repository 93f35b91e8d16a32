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


submission_options = OptionsReader(SubmissionOptions, section="SUBMISSION")
