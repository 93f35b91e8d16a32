"""Why a service of mail refuses; ``mail.datatypes`` turns these into the SetErrors of RFC 8621."""

from __future__ import annotations

from collections.abc import Iterable

from django.utils.translation import gettext as _


class MailError(Exception):
    """Something that the caller asked of mail cannot be."""


class EmailNotFound(MailError):
    """There is no such email in the account."""


class MailboxNotFound(MailError):
    """Mailboxes were named that are not in the account."""

    def __init__(self, ids: Iterable[int | str]) -> None:
        self.ids = list(ids)
        super().__init__(_("no such mailbox: %s") % ", ".join(map(str, self.ids)))


class NoMailbox(MailError):
    """An email has to be in at least one mailbox (RFC 8621 §4.1.1)."""


class TooManyMailboxes(MailError):
    """An email would be in more mailboxes than allowed."""


class TooManyKeywords(MailError):
    """An email would have more keywords than allowed."""


class InvalidKeyword(MailError):
    """A keyword is not of the syntax of RFC 8621 §4.1.1."""

    def __init__(self, keyword: str) -> None:
        self.keyword = keyword
        super().__init__(_("not a keyword: %r") % keyword[:40])


class InvalidMailbox(MailError):
    """A mailbox would not be valid; ``properties`` names the fields (name, parent, role, sort_order) at fault."""

    def __init__(self, message: str, properties: Iterable[str]) -> None:
        self.properties = list(properties)
        super().__init__(message)


class MailboxNameTaken(MailError):
    """A sibling has that name already (RFC 8621 §2)."""

    def __init__(self, existing: int | str) -> None:
        self.existing = existing
        super().__init__(_("a mailbox of that name is there already"))


class MailboxHasChild(MailError):
    """A mailbox with children is not destroyed (RFC 8621 §2.5)."""


class MailboxHasEmail(MailError):
    """A mailbox that holds emails is destroyed only when asked to remove them (RFC 8621 §2.5)."""


class AccountHoldsMail(MailError):
    """A backup would take the place of mail that nobody gave up."""


class MayNot(MailError):
    """The user's rights do not allow it."""


class AddressTaken(MailError):
    """The address belongs to an account already."""


class InvalidAddress(MailError):
    """Not an address that this site could receive mail for."""


class InvalidTarget(MailError):
    """An alias cannot lead there."""


class UserTaken(MailError):
    """A user of that name is there already."""


class DomainInUse(MailError):
    """A domain that has addresses is not removed."""


class OverQuota(MailError):
    """The account, or its domain, holds as much as it may."""


class PrimaryAddress(MailError):
    """An account keeps its primary address until another one takes its place."""
