"""The admin of mail: domains, addresses, accounts, mailboxes, and what is known of emails but their content.

Rules kept here: one file a model; every write goes through the services of mail (``jmap.admin.base.ServiceAdmin``), so
that clients see an operator's changes as state changes.
"""

from mail.admin import account, address, domain, email, mailbox

__all__ = ["account", "address", "domain", "email", "mailbox"]
