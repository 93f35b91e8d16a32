"""The admin of mail: domains, addresses, aliases, accounts, mailboxes, deliveries, and of emails all but their content.

Rules kept here: one file a model; every write goes through the services of mail (``jmap.admin.base.ServiceAdmin``), so
that clients see an operator's changes as state changes.
"""

from mail.admin import account, address, alias, delivery, domain, email, mailbox

__all__ = ["account", "address", "alias", "delivery", "domain", "email", "mailbox"]
