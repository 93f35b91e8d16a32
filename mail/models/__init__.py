"""The tables of mail.

Hot tables (memberships, their history, keywords, counts) carry copies of what lists need, so that a page of a folder is
one walk of an index; everything that is derived is kept in step by ``mail.services.ledger`` and proven by checks.
"""

from mail.models.address import Address, AddressTarget, Alias, Domain
from mail.models.delivery import DeliveryRecord, ReceivedMessage, Verdict
from mail.models.email import Email, EmailContent, EmailKeyword, RetainedEmail
from mail.models.importing import ImportedMessage
from mail.models.mailbox import Mailbox, MailboxSubscription, Role
from mail.models.membership import DayCount, FormerMembership, Membership
from mail.models.quota import Quota
from mail.models.search import SearchText
from mail.models.thread import Thread, ThreadMailbox, ThreadReference

__all__ = [
    "Address",
    "AddressTarget",
    "Alias",
    "DayCount",
    "DeliveryRecord",
    "Domain",
    "Email",
    "EmailContent",
    "EmailKeyword",
    "FormerMembership",
    "ImportedMessage",
    "Mailbox",
    "MailboxSubscription",
    "Membership",
    "Quota",
    "ReceivedMessage",
    "RetainedEmail",
    "Role",
    "SearchText",
    "Thread",
    "ThreadMailbox",
    "ThreadReference",
    "Verdict",
]
