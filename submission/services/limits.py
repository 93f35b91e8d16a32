"""What may be sent: limits of accounts and domains, suspension, and alarms.

Rules kept here:
- a limit is judged and counted in the transaction that queues the messages, under the account's lock, and for a domain
  under the lock of its limit, so that it is exact however many send at once;
- an hour and a day roll: what is counted is what was sent in the sixty minutes, or twenty-four hours, before;
- who is refused hears when it is over, by the error that RFC 8620 §5.3 has for it (rateLimit), and who is suspended by
  that of RFC 8621 §7.5 (forbiddenToSend);
- an alarm is raised once and stays until a person settles it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q, Sum
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from jmap.models import Account
from jmap.store import Writer
from mail.models import Address
from submission.models import AccountFlow, QueuedRecipient, SendingAlarm, SendingLimit, Status
from submission.services import flow
from submission.services.errors import ForbiddenToSend, SubmissionError, TooMuch
from submission.signals import sending_alarm

log = logging.getLogger("submission.limits")

SPIKE_FACTOR, SPIKE_LEAST = 10, 200
"""An hour is a spike that has so many times the recipients of a usual hour of the week before, and so many at least."""
BOUNCE_PERCENT, BOUNCE_LEAST = 20, 20
"""So many recipients of a hundred fail in an hour, and so many at least."""
COMPLAINTS = 3
"""So many complaints in a day."""


def guard(writer: Writer, recipients: Sequence[int]) -> list[SubmissionError | None]:
    """Judge submissions, given how many recipients each has, and count those that may go; in order, why one may not."""
    if not recipients:
        return []
    now = timezone.now()
    mine, ours = _limits(writer.account_id)
    if refusal := _suspended(mine) or _suspended(ours):
        return [refusal] * len(recipients)
    budgets = _budgets(writer.account_id, mine, ours, now)
    refusals = [_spend(budgets, number) for number in recipients]
    taken = [number for number, refusal in zip(recipients, refusals, strict=True) if refusal is None]
    if taken:
        flow.count_submitted(writer.account_id, len(taken), sum(taken), now)
        if ours is not None and ours.domain_id is not None:
            flow.count_of_domain(ours.domain_id, len(taken), sum(taken), now)
    return refusals


def _limits(account_id: int) -> tuple[SendingLimit | None, SendingLimit | None]:
    """The limit of the account, or of every account, and that of its domain; the latter is locked."""
    domain = Address.objects.filter(account_id=account_id, is_primary=True).values_list("domain_id", flat=True).first()
    own = Q(account_id=account_id) | Q(account=None, domain=None)
    found = list(SendingLimit.objects.filter(own))
    mine = next((limit for limit in found if limit.account_id is not None), next(iter(found), None))
    ours = SendingLimit.objects.select_for_update().filter(domain_id=domain).first() if domain is not None else None
    return mine, ours


def _suspended(limit: SendingLimit | None) -> SubmissionError | None:
    if limit is None or not limit.is_suspended:
        return None
    return ForbiddenToSend(limit.reason or _("sending is suspended; ask your administrator"))


def _budgets(
    account_id: int, mine: SendingLimit | None, ours: SendingLimit | None, now: datetime
) -> list[tuple[str, list[int | None]]]:
    """What is left of each limit: (in words, [messages, recipients])."""
    budgets = []
    spans = (("hour", flow.HOUR, _("an hour")), ("day", flow.DAY, _("a day")))
    for limit in (mine, ours):
        if limit is None:
            continue
        for name, span, words in spans:
            most = [getattr(limit, f"messages_per_{name}"), getattr(limit, f"recipients_per_{name}")]
            if most == [None, None]:
                continue
            if limit.domain_id is not None:
                used = flow.sent_by_domain(limit.domain_id, span, now)
            else:
                used = flow.sent_by_account(account_id, span, now)
            budgets.append((words, [None if top is None else top - spent for top, spent in zip(most, used)]))
    return budgets


def _spend(budgets: list[tuple[str, list[int | None]]], recipients: int) -> SubmissionError | None:
    cost = (1, recipients)
    for words, left in budgets:
        for number, (room, price) in enumerate(zip(left, cost, strict=True)):
            if room is not None and room < price:
                what = _("messages") if number == 0 else _("recipients")
                return TooMuch(_("you may not send that many %(what)s in %(time)s") % {"what": what, "time": words})
    for _words, left in budgets:
        left[:] = [None if room is None else room - price for room, price in zip(left, cost, strict=True)]
    return None


# ---------------------------------------------------------------------------------------------- an administrator's hand


def set_limit(*, account: Account | None = None, domain: Any = None, values: Mapping[str, Any]) -> SendingLimit:
    """Set what an account, a domain, or every account may send; ``values`` are fields of SendingLimit.

    Where sending is suspended, what the account has waiting is held too, until it is released from the queue.
    """
    limit, _made = SendingLimit.objects.update_or_create(account=account, domain=domain, defaults=dict(values))
    if limit.is_suspended and account is not None:
        waiting = QueuedRecipient.objects.filter(account=account, status=Status.WAITING)
        held = waiting.filter(message__origin="submission").update(status=Status.HELD)
        log.warning("sending of account %d is suspended, %d recipients are held", account.pk, held)
    return limit


def remove_limit(limit: SendingLimit) -> None:
    """Let the account, domain, or every account send without this limit."""
    SendingLimit.objects.filter(pk=limit.pk).delete()


def settle_alarm(alarm: SendingAlarm) -> None:
    """Somebody has looked at it; the next one is raised anew."""
    SendingAlarm.objects.filter(pk=alarm.pk, settled_at=None).update(settled_at=timezone.now())


# --------------------------------------------------------------------------------------------------------------- alarms


def watch(now: datetime | None = None) -> list[SendingAlarm]:
    """Look at what every account sent in the last hour, and raise what is unusual; a fixed number of statements."""
    moment = now or timezone.now()
    day = AccountFlow.objects.filter(at__gt=moment - flow.DAY).values_list("account_id")
    complaints = dict(day.annotate(n=Sum("complaints")).filter(n__gte=COMPLAINTS))
    hour = AccountFlow.objects.filter(at__gt=moment - flow.HOUR).values_list("account_id")
    rows = list(hour.annotate(r=Sum("recipients"), s=Sum("sent"), f=Sum("failed")))
    busy = {account: number for account, number, _sent, _failed in rows if number >= SPIKE_LEAST}
    week = AccountFlow.objects.filter(account_id__in=busy, at__lte=moment - flow.HOUR, at__gt=moment - flow.KEPT)
    before = dict(week.values_list("account_id").annotate(n=Sum("recipients")))
    hours = flow.KEPT / flow.HOUR
    kind = SendingAlarm.Kind
    raised = [(account, kind.COMPLAINTS, number, COMPLAINTS) for account, number in complaints.items()]
    for account, number in busy.items():
        usual = max(SPIKE_LEAST, round(before.get(account, 0) / hours * SPIKE_FACTOR))
        if number >= usual:
            raised.append((account, kind.SPIKE, number, usual))
    for account, _number, sent, failed in rows:
        bound = max(BOUNCE_LEAST, (sent + failed) * BOUNCE_PERCENT // 100)
        if failed >= bound:
            raised.append((account, kind.BOUNCES, failed, bound))
    return [alarm for one in raised if (alarm := _raise(*one, moment)) is not None]


def _raise(account: int, kind: str, measured: int, usual: int, now: datetime) -> SendingAlarm | None:
    """The alarm, unless the same one was raised before and nobody has settled it."""
    try:
        with transaction.atomic():
            raised = SendingAlarm.objects.create(
                account_id=account, kind=kind, measured=measured, usual=usual, raised_at=now
            )
    except IntegrityError:
        return None
    words = ngettext("%(n)d, the bound is %(m)d", "%(n)d, the bound is %(m)d", measured) % {"n": measured, "m": usual}
    log.error("account %d: %s (%s)", account, kind, words)
    sending_alarm.send_robust(sender=None, alarm=raised)
    return raised
