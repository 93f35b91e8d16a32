"""What the services of mail refuse, as SetErrors of the Email methods (RFC 8620 §5.3, RFC 8621 §4.6)."""

from __future__ import annotations

from jmap.protocol.errors import SetError, SetErrorException
from mail.services import errors


def invalid(description: str, *properties: str) -> SetErrorException:
    """An invalidProperties SetError that names the properties at fault."""
    return SetErrorException(SetError("invalidProperties", description, properties=list(properties)))


def set_error(refusal: errors.MailError) -> SetError:
    """The SetError for a refusal. Raises the refusal itself where an Email method cannot have caused it."""
    match refusal:
        case errors.EmailNotFound():
            return SetError("notFound")
        case errors.MailboxNotFound() | errors.NoMailbox():
            return SetError("invalidProperties", str(refusal), properties=["mailboxIds"])
        case errors.InvalidKeyword():
            return SetError("invalidProperties", str(refusal), properties=["keywords"])
        case errors.TooManyMailboxes():
            return SetError("tooManyMailboxes", str(refusal))
        case errors.TooManyKeywords():
            return SetError("tooManyKeywords", str(refusal))
        case _:
            raise refusal
