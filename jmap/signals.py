"""Signals of the core, sent after commit: what push listens to."""

from django.dispatch import Signal

state_changed = Signal()
"""Sent by ``jmap.store.writing`` with ``account_id`` (key) and ``changed``, a dict of type name to new state string.

An announcement is only a hint: receivers never raise, never block, and read the state again after any gap.
"""

history_purged = Signal()
"""Sent by ``jmap.history`` with ``account_id`` and ``modseq``: no change up to that modseq is asked for any more."""
