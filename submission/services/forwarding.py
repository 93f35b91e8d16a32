"""Mail that an alias sends on to other sites, and the bounces that come back for it.

Rules kept here:
- it leaves by the same queue as all mail, with a return path of ours that leads back to the sender (SRS), so that the
  next site can tell that it comes from us by right;
- it is taken once, however often it is offered; it is ours when this returns;
- an alias sends on so many messages an hour; what is more is deferred to its sender;
- a return path that we made takes bounces alone: it opens no way through for anybody else.
"""

from __future__ import annotations

from datetime import timedelta

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from jmap.blobs import service as blobs
from jmap.blobs.errors import BlobGone
from jmap.blobs.spool import Spool
from jmap.models import Account, Blob
from mail.models import Domain
from mail.services.delivery import Forward, ForwardingRefused
from submission import return_paths
from submission.conf import submission_options
from submission.models import Forwarded, ForwardingAccount, Origin
from submission.services import outbox
from submission.services.outbox import NewMessage, NewRecipient

_ATTEMPTS = 3
_HOUR = timedelta(hours=1)


def send_on(spool: Spool, forward: Forward) -> None:
    """Take a message over for the addresses that an alias leads to. Raises ForwardingRefused, OSError."""
    now = timezone.now()
    if Forwarded.objects.filter(key=forward.key).exists():
        return
    domain = forward.alias.rpartition("@")[2].lower()
    is_bounce = return_paths.is_rewritten(forward.alias)
    if is_bounce and forward.sender:
        raise ForwardingRefused(_("this address takes bounces alone"), is_temporary=False)
    recent = Forwarded.objects.filter(alias=forward.alias, at__gt=now - _HOUR)
    if recent.count() >= submission_options().forwards_per_hour:
        raise ForwardingRefused(_("the address forwards too much mail, try again later"), is_temporary=True)
    try:
        return_path = return_paths.rewrite(forward.sender, domain, now)
    except return_paths.NotOurs:
        raise ForwardingRefused(_("the sender has no address"), is_temporary=False) from None
    account = account_of(domain)
    for attempt in range(_ATTEMPTS):
        blob = blobs.store_spool(account.pk, spool)
        try:
            _queue(account.pk, blob, forward, return_path, domain)
            return
        except BlobGone:
            if attempt == _ATTEMPTS - 1:
                raise


def _queue(account_id: int, blob: Blob, forward: Forward, return_path: str, domain: str) -> None:
    now = timezone.now()
    message = NewMessage(
        blob_id=blob.pk,
        size=blob.size,
        origin=Origin.FORWARD,
        mail_from=return_path,
        sender_domain=domain,
        recipients=[NewRecipient(target, target.rpartition("@")[2]) for target in forward.targets],
        body=forward.body,
        smtputf8=forward.smtputf8,
    )
    with transaction.atomic():
        (queued,) = outbox.enqueue(account_id, [message], now)
        _row, is_new = Forwarded.objects.get_or_create(
            key=forward.key, defaults={"alias": forward.alias, "message_key": queued.pk, "at": now}
        )
        if not is_new:
            transaction.set_rollback(True)


def account_of(domain_name: str) -> Account:
    """The account in whose name a domain forwards, made when it is first needed."""
    found = ForwardingAccount.objects.filter(domain__name=domain_name).select_related("account").first()
    if found is not None:
        return found.account
    domain = Domain.objects.get(name=domain_name)
    try:
        with transaction.atomic():
            account = Account.objects.create(name=_("forwarding of %(domain)s") % {"domain": domain_name})
            ForwardingAccount.objects.create(domain=domain, account=account)
            return account
    except IntegrityError:
        return ForwardingAccount.objects.select_related("account").get(domain=domain).account


def bounce_target(address: str) -> str | None:
    """Where mail for a return path that we made goes, or None for any other address."""
    if not return_paths.is_rewritten(address):
        return None
    try:
        return return_paths.unwrap(address, timezone.now())
    except return_paths.NotOurs:
        return None
