"""The tables of mail out.

Identity, EmailSubmission and VacationResponse are what clients synchronise; QueuedMessage and QueuedRecipient are the
queue. The queue needs none of the others: whatever a client destroys, what was accepted is delivered.
"""

from submission.models.identity import DomainGrant, Identity
from submission.models.queue import Origin, QueuedMessage, QueuedRecipient, Status
from submission.models.submission import EmailSubmission, SubmissionReport, UndoStatus
from submission.models.vacation import VacationDue, VacationReply, VacationResponse

__all__ = [
    "DomainGrant",
    "EmailSubmission",
    "Identity",
    "Origin",
    "QueuedMessage",
    "QueuedRecipient",
    "Status",
    "SubmissionReport",
    "UndoStatus",
    "VacationDue",
    "VacationReply",
    "VacationResponse",
]
