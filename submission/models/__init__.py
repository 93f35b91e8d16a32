"""The tables of mail out.

Identity, EmailSubmission and VacationResponse are what clients synchronise; QueuedMessage and QueuedRecipient are the
queue. The queue needs none of the others: whatever a client destroys, what was accepted is delivered. Smarthost,
RouteState and DkimKey say how mail leaves; the rest counts it and bounds it.
"""

from submission.models.dkim import DkimKey
from submission.models.flow import AccountFlow, DomainFlow, QueueFlow, SendingAlarm, SendingLimit
from submission.models.forwarding import Forwarded, ForwardingAccount
from submission.models.identity import DomainGrant, Identity
from submission.models.queue import Origin, QueuedMessage, QueuedRecipient, Status
from submission.models.relay import RouteState, Security, Smarthost
from submission.models.reports import ReportDue
from submission.models.submission import EmailSubmission, SubmissionReport, UndoStatus
from submission.models.vacation import VacationDue, VacationReply, VacationResponse

__all__ = [
    "AccountFlow",
    "DkimKey",
    "DomainFlow",
    "DomainGrant",
    "EmailSubmission",
    "Forwarded",
    "ForwardingAccount",
    "Identity",
    "Origin",
    "QueueFlow",
    "QueuedMessage",
    "QueuedRecipient",
    "ReportDue",
    "RouteState",
    "Security",
    "SendingAlarm",
    "SendingLimit",
    "Smarthost",
    "Status",
    "SubmissionReport",
    "UndoStatus",
    "VacationDue",
    "VacationReply",
    "VacationResponse",
]
