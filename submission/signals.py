"""Signals of mail out."""

from django.dispatch import Signal

sending_alarm = Signal()
"""Sent with ``alarm``, a SendingAlarm, when something about an account's sending should be looked at; a site connects
its pager to it."""
