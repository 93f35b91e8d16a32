"""Signals of mail, sent inside the transaction of what happened: a receiver that raises undoes it."""

from django.dispatch import Signal

addresses_changed = Signal()
"""Sent by ``mail.services.accounts`` with ``account_id`` and ``added``, the keys of addresses new to it.

The account's addresses, or which of them is the primary one, are others than before. The lock of the account is held by
the transaction, not by a Writer: a receiver that writes opens ``jmap.store.writing`` itself.
"""
