"""Putting the backup of one account in place of the mail that it holds.

Rules kept here:
- mail that is there is given up only when asked for, and kept for a while like any that is destroyed;
- what arrives meanwhile stays;
- at the end the account begins an epoch, so that clients fetch anew instead of paging through all that was done.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable

from django.utils.translation import gettext as _

from jmap.models import Account
from jmap.store import begin_epoch, writing, writing_slice
from mail.importers.exported import Export
from mail.models import Email
from mail.services import emails, importing, mailboxes
from mail.services.errors import AccountHoldsMail
from mail.services.importing import Tally

SLICE = 200


def restore(account: Account, export: Export, progress: Callable[[int], object], *, force: bool) -> Tally:
    """Bring back the emails and mailboxes of an export.

    Raises AccountHoldsMail without ``force``, MailError where the account takes no more.
    """
    last = Email.objects.filter(account=account).order_by("-pk").values_list("pk", flat=True).first()
    if last is not None:
        if not force:
            raise AccountHoldsMail(_("%(name)s holds mail: --force gives it up for the backup") % {"name": account})
        _empty(account, last)
    _remove_mailboxes(account)
    # The journal would pass over what this account has had from this export before.
    source = secrets.token_bytes(32)
    tally = importing.take_in(account, source, export.entries(), progress, folders=export.folders.values(), adopt=True)
    with writing(account.pk) as writer:
        begin_epoch(writer)
    return tally


def _empty(account: Account, last: int) -> None:
    """Destroy the emails up to that key, in slices."""
    while True:
        some = Email.objects.filter(account=account, pk__lte=last).order_by("pk").values_list("pk", flat=True)
        keys = list(some[:SLICE])
        if not keys:
            return
        with writing_slice(account.pk) as writer:
            emails.destroy(writer, keys)


def _remove_mailboxes(account: Account) -> None:
    """Destroy those that people made and nothing is in; the ones with roles take over what the backup says of them."""
    with writing(account.pk) as writer:
        present = mailboxes.load(account.pk, account.user_id, owned=True)
        mailboxes.apply(writer, account.user_id, present, {}, {}, [key for key in present if not present[key].role])
