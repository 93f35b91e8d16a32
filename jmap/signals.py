"""Signals of the core, sent after commit: what push listens to."""

from django.dispatch import Signal

state_changed = Signal()
"""Sent by ``jmap.store.writing`` with ``account_id`` (key), ``changed``, a dict of type name to new state string, and
``since`` and ``until``: the modseqs of the account before and after the change, so that a gap shows.

An announcement is only a hint: receivers never raise, never block, and read the state again after any gap.
"""

history_purged = Signal()
"""Sent by ``jmap.history`` with ``account_id`` and ``modseq``: no change up to that modseq is asked for any more."""

access_changed = Signal()
"""Sent by ``jmap.access`` with ``user_keys`` and ``account_keys``: what these users may do, by which credentials, or
who may enter these accounts, may have changed. A hint too: whoever serves somebody for long asks the database again.
"""
