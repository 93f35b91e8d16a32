"""Why a service of mail out refuses; ``submission.datatypes`` turns these into the SetErrors of RFC 8621."""

from __future__ import annotations

from collections.abc import Iterable

from django.utils.translation import gettext as _


class SubmissionError(Exception):
    """Something that the caller asked of mail out cannot be."""


class NotFound(SubmissionError):
    """There is no such object in the account."""


class Invalid(SubmissionError):
    """Properties would not be valid; ``properties`` names those at fault, by their name on the model."""

    def __init__(self, message: str, *properties: str) -> None:
        self.properties = list(properties)
        super().__init__(message)


class MayNotDelete(SubmissionError):
    """The identity of the primary address stays as long as that does."""


class ForbiddenFrom(SubmissionError):
    """The account may not send from an address that a letter, or an identity, gives as its author's."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = list(addresses)
        super().__init__(_("you may not send from %s") % ", ".join(address[:80] for address in addresses))


class ForbiddenMailFrom(SubmissionError):
    """The account may not send with that envelope sender."""


class ForbiddenToSend(SubmissionError):
    """The account may not send at all right now; the message is for the user's eyes."""


class TooMuch(SubmissionError):
    """The account has sent as much as it may for the time being."""


class OverQuota(SubmissionError):
    """The account has sent as much as it may, or has too much waiting."""


class NoRecipients(SubmissionError):
    """The envelope has no recipient."""


class TooManyRecipients(SubmissionError):
    """The envelope has more recipients than allowed."""

    def __init__(self, most: int) -> None:
        self.most = most
        super().__init__(_("a message may have at most %d recipients") % most)


class InvalidRecipients(SubmissionError):
    """Recipients that are no addresses."""

    def __init__(self, addresses: Iterable[str]) -> None:
        self.addresses = list(addresses)
        super().__init__(_("not an address: %s") % ", ".join(repr(address[:80]) for address in self.addresses[:10]))


class InvalidEmail(SubmissionError):
    """The email cannot be sent as it is; ``properties`` names those of the Email at fault (RFC 8621 §4)."""

    def __init__(self, message: str, *properties: str) -> None:
        self.properties = list(properties)
        super().__init__(message)


class TooLarge(SubmissionError):
    """The message is larger than what is sent."""

    def __init__(self, most: int) -> None:
        self.most = most
        super().__init__(_("a message may have at most %d octets") % most)


class CannotUnsend(SubmissionError):
    """The submission is on its way, or was, and cannot be taken back."""


class NotPossible(SubmissionError):
    """What an operator asked for cannot be done in the state that it is in."""
